"""What the command line says to a verb: its own arguments, and the flags of its configuration dataclass."""

from __future__ import annotations

import argparse
import glob
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from microgesture.errors import UserError

if TYPE_CHECKING:
    from microgesture.pose.skeleton import Layout


class Parser(argparse.ArgumentParser):
    """argparse whose errors are one line like all others."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help")


def takes_flags(configuration: str) -> Callable:
    """Flags that the verb itself does not know belong to its configuration dataclass, `module:Class`."""

    def mark(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
        run.configuration = configuration  # type: ignore[attr-defined]
        return run

    return mark


def split_flags(parser: argparse.ArgumentParser, argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Arguments of the verb, and `--key value` pairs of its configuration, wherever they stand."""
    known = parser._option_string_actions
    mine: list[str] = []
    flags: list[str] = []
    position = 0
    while position < len(argv):
        word = argv[position]
        position += 1
        if not word.startswith("--") or word.split("=")[0] in known or word == "--":
            mine.append(word)
            continue
        flags.append(word)
        if "=" not in word and position < len(argv) and not argv[position].startswith("--"):
            flags.append(argv[position])
            position += 1
    return mine, flags


def configuration_text(configuration: str) -> str:
    from importlib import import_module

    from microgesture.training.configuration import configuration_help

    module, _, name = configuration.partition(":")
    return configuration_help(getattr(import_module(module), name))


def layout_argument(parser: argparse.ArgumentParser) -> None:
    """`--layout`, of the verbs that read skeletons."""
    parser.add_argument(
        "--layout",
        metavar="FILE",
        help="layout of skeletons that do not say what their points are: a .yaml file, or a name such as kinect-20; "
        "default: layout.yaml beside them",
    )


def layout_given(args: argparse.Namespace) -> Layout | None:
    """The layout that `--layout` names. Raises `DataError` when it is none."""
    from microgesture.pose.layout_files import as_layout

    return as_layout(args.layout) if args.layout else None


def say(error: Exception | str) -> None:
    """One line on standard error."""
    print(f"microgesture: {' '.join(str(error).split())}", file=sys.stderr)


def found(files: Sequence[str]) -> list[str]:
    """The files, each once; a pattern that the shell left as it is (`vids/*.mkv`) as the files that fit it."""
    named: list[str] = []
    for file in files:
        pattern = not os.path.lexists(file) and glob.has_magic(file)
        named += (sorted(glob.glob(file, recursive=True)) if pattern else []) or [file]
    return list(dict.fromkeys(named))


def batch(files: Sequence[str], one: Callable[[str], None], debug: bool, noun: str = "files") -> int:
    """Do each file; broken ones are said at the end. 0: all done; 1: some failed; 2: all failed."""
    failed: list[str] = []
    for file in files:
        try:
            one(file)
        except BrokenPipeError:
            raise
        except (UserError, OSError) as error:
            if debug:
                raise
            failed.append(str(error))
    for line in failed:
        say(line)
    if failed and len(files) > 1:
        say(f"{len(failed)} of {len(files)} {noun} failed")
    return 0 if not failed else (2 if len(failed) == len(files) else 1)
