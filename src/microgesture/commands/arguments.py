"""What the command line says to a verb: its own arguments, and the flags of its configuration dataclass."""

from __future__ import annotations

import argparse
import errno
import glob
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

from microgesture.errors import UserError

if TYPE_CHECKING:
    from microgesture.skeletons.skeleton import Layout

MOST_LETTERS = 2000
"""Longer messages lose their middle."""


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

    from microgesture.runs.configuration import configuration_help

    module, _, name = configuration.partition(":")
    return configuration_help(getattr(import_module(module), name))


def open_streams() -> None:
    """Give a closed standard stream (of a daemon) a place to go, so that no file of ours gets its number: what a
    library writes to number 2 would go into that file."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))  # noqa: SIM115


class _Unheeded:
    """A stream that swallows what nobody reads any more (`| head`, a terminal that is closed)."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with _or_nowhere(self._stream):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with _or_nowhere(self._stream):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _or_nowhere(stream: Any) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EBADF, errno.EIO):  # a full disk is no reader who left
            raise
        forget_reader(stream)


def forget_reader(stream: Any) -> None:
    """Send what is still in a stream's buffer, and all that follows, nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextmanager
def going_on_unheard() -> Iterator[None]:
    """Around work whose result is files: it is done even if nobody can see any more what it prints."""
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Unheeded(kept[0]), _Unheeded(kept[1])  # type: ignore[assignment]
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout, sys.stderr = kept


def recipe_arguments(parser: argparse.ArgumentParser, what: str = "a method or another recipe") -> None:
    """RECIPE and `--on DATA_SET`; `recipe_given` reads them."""
    parser.add_argument("recipe", help=f"{what} (`microgesture recipes`), or a .yaml file")
    on_argument(parser)


def on_argument(parser: argparse.ArgumentParser) -> None:
    """`--on DATA_SET`."""
    text = "train it as is right for this data set: imigue, smg, ma52, synthetic, ... (`microgesture recipes`)"
    parser.add_argument("--on", default="", metavar="DATA_SET", help=text)


def recipe_given(args: argparse.Namespace) -> str:
    """The full name of the recipe: `stgcn --on imigue` is imigue/stgcn. Raises `RecipeError` when there is none."""
    from microgesture.runs.recipe_files import recipe_name

    return recipe_name(args.recipe, args.on)


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
    from microgesture.skeletons.layout_files import as_layout

    return as_layout(args.layout) if args.layout else None


def say(error: Exception | str) -> None:
    """One line on standard error."""
    line = " ".join(str(error).split())
    if len(line) > MOST_LETTERS:  # what a broken file holds may be quoted in it
        line = f"{line[: MOST_LETTERS // 2]} ... {line[-MOST_LETTERS // 4 :]}"
    with suppress(OSError):  # nobody reads it
        print(f"microgesture: {line}", file=sys.stderr)


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
