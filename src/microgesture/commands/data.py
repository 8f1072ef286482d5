"""The verb `data`: check a data set, and make it ready to train on. Thin, and nothing heavy at import."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microgesture.commands.arguments import Parser, layout_argument, layout_given
from microgesture.errors import DataError

if TYPE_CHECKING:
    from microgesture.corpora.source import Reading
    from microgesture.datasets.manifest import Problem


class _Mixed(Parser):
    """Takes options between its positional words: `prepare smg -o out FOLDER`."""

    _inner = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._inner:
            return super().parse_known_args(args, namespace)
        self._inner = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inner = False


def data_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `microgesture data`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Mixed)
    check = actions.add_parser("check", help="what is there, what is missing, what is wrong", allow_abbrev=False)
    prepare = actions.add_parser("prepare", help="manifest, skeleton tracks, decoded clips", allow_abbrev=False)
    check.description = "Say what is in a data set, counts beside the published ones, and list all that is wrong."
    prepare.description = "Write manifest, vocabulary, skeleton tracks and decoded clips; the same command goes on."
    for action in (check, prepare):
        action.add_argument("where", nargs="+", metavar="[NAME] ROOT", help="layout (found out without) and folder")
        action.add_argument("--protocol", default="", help="which of the published splits")
        action.add_argument("--vocabulary", help="imigue, smg, ma52 or a file, for data that bring none")
        layout_argument(action)
    check.add_argument("--json", action="store_true", help="print JSON")
    prepare.add_argument("-o", "--out", required=True, help="folder to write")
    prepare.add_argument("--frames", type=int, default=32, help="frames a clip of the cache")
    prepare.add_argument("--size", type=int, default=112, help="height and width of its frames, pixels")
    flags = argparse.BooleanOptionalAction
    prepare.add_argument("--skeletons", action=flags, default=True, help="convert skeleton files to tracks")
    prepare.add_argument(
        "--space", choices=("pixels", "metres"), help="Kinect skeletons: 2D, which videos show, or 3D (smg without it)"
    )
    prepare.add_argument("--clips", action=flags, default=True, help="decode the clips of videos")


def data(args: argparse.Namespace) -> int:
    """Check or prepare a data set: 0 clean, 1 something is wrong in it."""
    from microgesture.vocabulary import Vocabulary

    name, root = _place(args.where, args.action)
    vocabulary = Vocabulary.load(args.vocabulary) if args.vocabulary else None
    run = _check if args.action == "check" else _prepare
    return run(args, name, root, vocabulary)


def _place(words: Sequence[str], action: str) -> tuple[str, Path]:
    """The layout's name, "" when it is to be found out, and the folder."""
    from microgesture.corpora.source import SOURCES

    if len(words) > 2:
        raise DataError(f"one data set at a time: '{words[2]}' is too much")
    if len(words) == 1 and words[0] in SOURCES.names() and not Path(words[0]).exists():
        raise DataError(f"no folder: microgesture data {action} {words[0]} FOLDER")
    return ("" if len(words) == 1 else words[0]), Path(words[-1])


def _check(args: argparse.Namespace, name: str, root: Path, vocabulary: Any) -> int:
    from microgesture.corpora.source import read_source

    with _busy(f"reading {root}"):
        reading = read_source(root, name, args.protocol, vocabulary, layout=layout_given(args))
    if args.json:
        print(json.dumps(_as_json(reading), indent=2, ensure_ascii=False))
        return 1 if reading.errors else 0
    _print_facts(reading)
    _print_problems(reading.problems)
    print(_verdict(reading.problems))
    return 1 if reading.errors else 0


def _prepare(args: argparse.Namespace, name: str, root: Path, vocabulary: Any) -> int:
    from microgesture.datasets.prepare import prepare
    from microgesture.progress import track

    done = prepare(
        *(root, args.out, name, args.protocol, vocabulary, args.frames, args.size),
        skeletons=args.skeletons,
        space=args.space,
        layout=layout_given(args),
        clips=args.clips,
        watch=track,
    )
    _print_facts(done.reading)
    _print_problems(done.problems)
    for remark in done.remarks:
        print(remark)
    made = [f"{done.clips:,} clips"]
    made += [f"{done.unlabelled:,} clips without labels in unlabelled.csv"] if done.unlabelled else []
    made += [f"{done.skeletons:,} skeleton files converted"] if done.skeletons else []
    made += [f"clips of {', '.join(done.cached)} decoded"] if done.cached else []
    print(f"{done.manifest}: {'; '.join(made)}")
    if done.errors:
        print(f"{_verdict(done.problems)}: what they are about is left out")
    return 1 if done.errors else 0


def _print_facts(reading: Reading) -> None:
    print(f"{reading.root}: {reading.name}")
    for fact in reading.facts:
        print(f"  {fact}")


def _print_problems(problems: Sequence[Problem]) -> None:
    for problem in sorted(problems, key=lambda p: (not p.error, str(p.file), p.row)):
        print(f"{'' if problem.error else 'warning: '}{problem}")


def _verdict(problems: Sequence[Problem]) -> str:
    errors = sum(problem.error for problem in problems)
    counted = [_count(errors, "error"), _count(len(problems) - errors, "warning")]
    return ", ".join(text for text in counted if text) or "nothing wrong"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}" if number else ""


def _as_json(reading: Reading) -> dict[str, Any]:
    return {
        "layout": reading.name,
        "root": str(reading.root),
        "vocabulary": list(reading.vocabulary.names),
        "clips": dict(Counter(row.split for row in reading.rows)),
        "unlabelled": len(reading.unlabelled),
        "facts": list(reading.facts),
        "problems": [{"file": str(p.file), "row": p.row, "what": p.what, "error": p.error} for p in reading.problems],
    }


@contextmanager
def _busy(title: str) -> Iterator[None]:
    """Something that moves on a terminal while a data set is read."""
    from rich.console import Console

    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield
        return
    with console.status(title):
        yield
