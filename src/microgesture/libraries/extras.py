"""The one door to optional libraries: either the library, or one line that says the true reason and what to do."""

from __future__ import annotations

import importlib
from importlib import metadata
from types import ModuleType

from microgesture.errors import MissingExtra


def import_extra(module: str, feature: str, extra: str) -> ModuleType:
    """Import `module` of an optional library. Raises `MissingExtra` when it is not installed or does not load.

    A library that is there and does not load (a system library is missing, another package does not fit) is told
    apart from one that is not there: the message has the import error's own words. Any exception counts, since
    libraries raise anything while they are imported.
    """
    library = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except Exception as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name == library
        raise MissingExtra(feature, extra, "" if absent else why_not(library, error)) from error


def why_not(library: str, error: BaseException) -> str:
    """Why an installed library does not work: the error's own words, and the packages that it asks for and lacks."""
    words = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__).rstrip(".")
    asked = unmet_requirements(library)
    return f"{library} is installed but does not work: {words[:200]}" + (f"; {', '.join(asked)}" if asked else "")


def unmet_requirements(library: str) -> list[str]:
    """What the installed packages do not fulfil of a library's requirements, in words; empty when nothing is known."""
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for line in _requirements(library):
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        here = _version(wanted.name)
        if not (here and wanted.specifier.contains(here, prereleases=True)):
            found.append(f"it asks for {wanted.name}{wanted.specifier} and {here or 'none'} is installed")
    return found[:3]


def _requirements(library: str) -> list[str]:
    try:
        return metadata.requires(library) or []
    except metadata.PackageNotFoundError:
        return []


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
