"""Recipe files: how they are named, what they extend, and a method on a data set.

`recipes/<family>/<method>.yaml` is a method's recipe, for anybody's clips; under `variants` it may hold others of its
family, each with what it changes. `METHOD --on DATA_SET` lays the `recipe.yaml` in that data set's folder over it; the
result is called DATA_SET/METHOD ("imigue/stgcn"), and a file's or any other recipe's RECIPE@DATA_SET.
A file's `needs` says what its recipes must be shown, where that is not what its folder says. `recipe.yaml` has

| key | what |
|---|---|
| `has` | what the data set can show a method: videos, skeletons, outcomes |
| `recogniser` | laid over every recipe that trains a recogniser |
| `skeleton`, `rgb`, ... | laid over the recipes of that family |
| `methods` | the data set's rows ("imigue/*"), each with what is laid over that method alone |

A component that such a file names (`encoder: {name: ...}`) does not inherit options. This module imports no torch.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from microgesture.errors import RecipeError
from microgesture.files.atomic import write_text
from microgesture.files.data_sets import RECIPE, data_set_file, data_sets
from microgesture.files.plain_yaml import load_yaml

FAMILIES = ("skeleton", "rgb", "letter", "self-supervised", "emotion")
"""Folders whose recipes are methods, which `--on` knows by their file's name alone."""
EMOTION = "emotion"
_SHOWN = {
    **dict.fromkeys(("skeleton", "self-supervised", "built-in", "own"), ("skeletons",)),
    **dict.fromkeys(("rgb", "letter"), ("videos",)),
    EMOTION: ("outcomes",),
}
"""What the recipes of a folder need of a data set."""
_KEYS = ("has", "recogniser", *FAMILIES, "methods")


@dataclass(frozen=True)
class _Resolved:
    """A recipe with everything that it extends: its values, its family, what it needs of a data set, and the data set
    that it is on ("": none)."""

    values: dict[str, Any]
    family: str
    needs: tuple[str, ...]
    data_set: str


def methods() -> dict[str, str]:
    """The methods by their short names: stgcn is skeleton/stgcn."""
    parts = [name.split("/") for name in _files()]
    return {method: f"{family}/{method}" for wanted in FAMILIES for family, method in parts if family == wanted}


def rows(data_set: str) -> tuple[str, ...]:
    """The methods that are rows of a data set's table: those that its recipe file lists, else all that it can show."""
    values = _overlay_of(data_set)
    return tuple(values.get("methods") or (m for m, name in methods().items() if _fits(values, name)))


def recipe_names() -> list[str]:
    """Names of the recipes: those of the package's files, and every row of a data set, e.g. `imigue/stgcn`."""
    return sorted({*_files(), *(f"{name}/{method}" for name in data_sets(RECIPE) for method in rows(name))})


def recipe_name(name: str, on: str = "") -> str:
    """The full name of a recipe, of one `on` a data set, or of a file. Raises `RecipeError` when there is none."""
    base, data_set = _parts(name)
    if not on:
        return name if data_set else base
    _check_data_set(on)
    if data_set and data_set != on:
        raise RecipeError(f"--on {on}: '{name}' is on {data_set} already")
    full = f"{on}/{base.split('/')[1]}" if base in methods().values() else f"{base}@{on}"
    read_recipe(full)
    return full


def matching(pattern: str, on: str = "") -> list[str]:
    """Names of the recipes that a pattern fits, `demo/*`; with `on` those on that data set: its rows (`*`,
    `skeleton/*`), or, of a family that has no rows there, all that it can show."""
    if not on:
        return fnmatch.filter(recipe_names(), pattern)
    _check_data_set(on)
    known = methods()
    fitting = [m for m in rows(on) if any(fnmatch.fnmatch(called, pattern) for called in (m, known[m]))]
    shown = [m for m, name in known.items() if _fits(_overlay_of(on), name)]
    return [f"{on}/{m}" for m in fitting or (m for m in shown if fnmatch.fnmatch(known[m], pattern))]


def run_name(name: str) -> str:
    """Where the runs of a recipe are kept: under its name, for a file under its stem."""
    base, at, data_set = name.partition("@")
    stem = Path(base).stem if _is_file_name(base) else base
    return f"{data_set}/{stem}" if at else stem


def read_recipe(name: str) -> dict[str, Any]:
    """A recipe as a dict, by name or file, with every `extends` resolved and laid over by the data set that it is on.

    Raises `RecipeError` in one line that names the file.
    """
    return _resolve(name, ()).values


def overlay(base: Mapping[str, Any], top: Mapping[str, Any], whole: bool = False) -> dict[str, Any]:
    """`top` laid over `base`, mapping by mapping. A component with another `name` does not inherit options; if
    `whole`, none that is named does."""
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(key)
        anew = isinstance(value, Mapping) and "name" in value
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            anew = anew and (whole or value["name"] != old.get("name"))
            merged[key] = dict(value) if anew else overlay(old, value, whole)
        else:
            merged[key] = value
    return merged


def write_own_recipe(name: str, out: Path) -> None:
    """Copy a recipe, with what it extends, into one file of the user's own. Raises `RecipeError` if it exists."""
    if out.exists():
        raise RecipeError(f"'{out}' already exists")
    text = yaml.safe_dump(read_recipe(name), sort_keys=False, allow_unicode=True)
    write_text(out, f"# copied from the recipe {name}\n{text}")


def _check_data_set(name: str) -> None:
    if name not in data_sets(RECIPE):
        raise RecipeError(f"--on {name}: no such data set; there are: {', '.join(data_sets(RECIPE))}")


def _parts(name: str) -> tuple[str, str]:
    """The recipe or file, and the data set that it is on. Raises `RecipeError` when there is no such recipe."""
    base, at, data_set = name.rpartition("@")
    if at and data_set in data_sets(RECIPE):
        return _parts(base)[0], data_set
    if _is_file_name(name):
        if not Path(name).is_file():
            raise RecipeError(f"recipe file '{name}' does not exist")
        return name, ""
    if name in _files():
        return name, ""
    known = methods()
    data_set, _, method = name.rpartition("/")
    if method in known and (not data_set or data_set in data_sets(RECIPE)):
        return known[method], data_set
    others = [n for n in recipe_names() if n not in known.values() and n.split("/")[0] not in data_sets(RECIPE)]
    raise RecipeError(
        f"no recipe '{name}': methods are {', '.join(known)}; data sets to train them --on are "
        f"{', '.join(data_sets(RECIPE))}; others are {', '.join(others)} (or give a .yaml file)"
    )


def _resolve(name: str, above: tuple[Path, ...]) -> _Resolved:
    base, data_set = _parts(name)
    found = _read(Path(base) if _is_file_name(base) else _files()[base], above, base.split("/")[-1])
    if not data_set:
        return found
    if found.data_set not in ("", data_set):
        raise RecipeError(f"--on {data_set}: '{base}' extends a recipe that is on {found.data_set}")
    return _on(data_set, base, found)


def _read(path: Path, above: tuple[Path, ...], variant: str = "") -> _Resolved:
    """A recipe file, or the `variant` of it that has this name; `above` are the files that extend it."""
    if path in above:
        raise RecipeError(f"{path}: extends itself")
    values = _mapping(path)
    values = overlay(values, (values.pop("variants", None) or {}).get(variant) or {})
    family = path.parent.name if _root() in path.parents else ""
    parent, needs = values.pop("extends", None), tuple(values.pop("needs", ()))
    if parent is None:
        family = EMOTION if values.get("kind") == EMOTION else family
        return _Resolved(values, family, needs or _SHOWN.get(family, ()), "")
    if not isinstance(parent, str):
        raise RecipeError(f"{path}: extends is the name of one recipe, not {parent!r}"[:300])
    beside = path.parent / f"{parent}.yaml"
    under = _resolve(str(beside) if beside.is_file() else parent, (*above, path))
    family = family if under.family != EMOTION and family in _SHOWN else under.family
    needs = needs or (under.needs if family == under.family else _SHOWN[family])
    return _Resolved(overlay(under.values, values), family, needs, under.data_set)


def _on(data_set: str, base: str, found: _Resolved) -> _Resolved:
    """A recipe with what a data set says of it laid over. Raises `RecipeError` for one that cannot work there."""
    values, known = _overlay_of(data_set), methods()
    if lacking := _lacking(values, found.needs):
        fitting = [m for m in rows(data_set) if _fits(values, known[m])]
        raise RecipeError(
            f"'{base}' needs {lacking}, which {data_set} does not have: methods for {data_set} are {', '.join(fitting)}"
        )
    method = next((method for method, name in known.items() if name == base), "")
    sections = [] if found.family == EMOTION else [values.get("recogniser")]
    sections += [values.get(found.family), (values.get("methods") or {}).get(method)]
    merged = found.values
    for section in sections:
        merged = overlay(merged, section or {}, whole=True)
    start = merged.get("start", "")
    if start in known or start in known.values():
        merged["start"] = f"{data_set}/{start.split('/')[-1]}"
    return _Resolved(merged, found.family, found.needs, data_set)


def _overlay_of(data_set: str) -> dict[str, Any]:
    path = data_set_file(data_set, RECIPE)
    assert path is not None, data_set
    values = _mapping(path)
    named = values.get("methods") or {}
    strange = [key for key in values if key not in _KEYS] + [f"methods.{m}" for m in named if m not in methods()]
    if strange:
        raise RecipeError(f"{path}: {strange[0]} is none of {', '.join(_KEYS)}, or no method")
    return values


def _fits(values: Mapping[str, Any], name: str) -> bool:
    """Whether a data set has what a recipe needs."""
    return not _lacking(values, _resolve(name, ()).needs)


def _lacking(values: Mapping[str, Any], needs: tuple[str, ...]) -> str:
    """What a data set does not have of what a recipe needs; "" if nothing."""
    return " and ".join(need for need in needs if need not in values.get("has", ("videos", "skeletons")))


def _mapping(path: Path) -> dict[str, Any]:
    try:
        values = load_yaml(path.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(values, dict):
        raise RecipeError(f"{path}: a recipe is a mapping of keys, not {type(values).__name__}")
    return values


def _is_file_name(name: str) -> bool:
    return Path(name).suffix in (".yaml", ".yml")


def _root() -> Path:
    return Path(str(resources.files("microgesture") / "recipes"))


@cache
def _files() -> dict[str, Path]:
    """Name of every recipe of the package's files, their variants among them, and its file."""
    found = {}
    for path in sorted(_root().glob("*/*.yaml")):
        for stem in (path.stem, *(_mapping(path).get("variants") or {})):
            found[f"{path.parent.name}/{stem}"] = path
    return found
