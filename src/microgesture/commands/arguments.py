"""How verbs are declared and run: arguments as argparse takes them, flags of a configuration, one line an error."""

from __future__ import annotations

import argparse
import glob
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from microgesture.commands.streams import going_on_unheard
from microgesture.errors import UserError

if TYPE_CHECKING:
    from microgesture.skeletons.skeleton import Layout

MOST_LETTERS = 2000
"""Longer messages lose their middle."""

Argument = tuple[tuple[str, ...], dict[str, Any]]


class Parser(argparse.ArgumentParser):
    """argparse whose errors are one line like all others."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help")


def arg(*names: str, **options: Any) -> Argument:
    """An argument of a verb, as `argparse.ArgumentParser.add_argument` takes it; with `group`, the title under which
    the help lists it."""
    return names, options


@dataclass(frozen=True)
class Verb:
    """A verb of the command line: what it takes, and what it calls with it."""

    run: Callable[[argparse.Namespace], int]
    help: str
    arguments: tuple[Argument, ...]
    configuration: str
    """`module:Class` of the dataclass whose fields are flags of the verb, too; in `args.flags`, not yet parsed."""

    def __call__(self, prog: str, argv: Sequence[str], debug: bool = False) -> int:
        """Parse the words after the verb, and run it; its exit code."""
        parser = self.parser(prog)
        if self.configuration and {"-h", "--help"} & set(argv):
            parser.print_help()
            print(self._configuration_text())
            return 0
        mine, flags = self._split(argv) if self.configuration else (argv, [])
        args = parser.parse_intermixed_args(mine)
        args.flags, args.debug = flags, debug
        with going_on_unheard() if hasattr(args, "out") else nullcontext():
            return self.run(args)

    def parser(self, prog: str) -> Parser:
        parser = Parser(prog=prog, description=self.run.__doc__, allow_abbrev=False)
        groups: dict[str, Any] = {}
        for names, options in self.arguments:
            title = options.get("group")
            place = groups.setdefault(title, parser.add_argument_group(title)) if title else parser
            place.add_argument(*names, **{key: value for key, value in options.items() if key != "group"})
        return parser

    def _split(self, argv: Sequence[str]) -> tuple[list[str], list[str]]:
        """Arguments of the verb, and `--key value` pairs of its configuration, wherever they stand."""
        known = {name for names, _ in self.arguments for name in names}
        mine: list[str] = []
        flags: list[str] = []
        words = list(argv)
        while words:
            word = words.pop(0)
            if not word.startswith("--") or word.split("=")[0] in known or word == "--":
                mine.append(word)
                continue
            flags.append(word)
            if "=" not in word and words and not words[0].startswith("--"):
                flags.append(words.pop(0))
        return mine, flags

    def _configuration_text(self) -> str:
        from microgesture.runs.configuration import configuration_help

        module, _, name = self.configuration.partition(":")
        return configuration_help(getattr(import_module(module), name))


def verb(help: str, *arguments: Argument, configuration: str = "") -> Callable[[Callable], Verb]:
    """Declare a verb: `help` in the list of verbs, its arguments; the docstring is the description in its own help."""
    return lambda run: Verb(run, help, arguments, configuration)


@dataclass(frozen=True)
class Verbs:
    """Verbs under one word: `microgesture`, or `microgesture data` with its actions."""

    help: str
    verbs: dict[str, Verb | Verbs]

    def __call__(self, prog: str, argv: Sequence[str], debug: bool = False, **options: Any) -> int:
        """Run the verb that the first word names; its exit code. Further `options` are those of the parser."""
        if argv and argv[0] in self.verbs:
            return self.verbs[argv[0]](f"{prog} {argv[0]}", argv[1:], debug)
        parser = Parser(prog=prog, description=self.help, allow_abbrev=False, **options)
        if prog == "microgesture":
            from microgesture import __version__

            parser.add_argument("--version", action="version", version=f"microgesture {__version__}")
        names = parser.add_subparsers(metavar="ACTION" if " " in prog else "VERB", required=True)
        for name, each in self.verbs.items():
            names.add_parser(name, help=each.help, add_help=False)
        parser.parse_args(argv)
        return 2


ON = arg(
    "--on",
    default="",
    metavar="DATA_SET",
    help="train it as is right for this data set: imigue, smg, ma52, synthetic, ... (`microgesture recipes`)",
)
LAYOUT = arg(
    "--layout",
    metavar="FILE",
    help="layout of skeletons that do not say what their points are: a .yaml file, or a name such as kinect-20; "
    "default: layout.yaml beside them",
)


def recipe_given(args: argparse.Namespace) -> str:
    """The full name of the recipe: `stgcn --on imigue` is imigue/stgcn. Raises `RecipeError` when there is none."""
    from microgesture.runs.recipe_files import recipe_name

    return recipe_name(args.recipe, args.on)


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
