"""The verb `data`: check a data set, and make it ready to train on. Nothing heavy at import."""

from __future__ import annotations

import json
import sys
from argparse import BooleanOptionalAction, Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microgesture.commands.arguments import LAYOUT, Verbs, arg, layout_given, verb
from microgesture.errors import DataError

if TYPE_CHECKING:
    from microgesture.corpora.source import Reading
    from microgesture.datasets.manifest import Problem
    from microgesture.vocabulary import Vocabulary


WHERE = (
    arg("where", nargs="+", metavar="[NAME] ROOT", help="layout (recognised if left out) and folder"),
    arg("--protocol", default="", help="which of the published splits"),
    arg("--vocabulary", help="imigue, smg, ma52 or a file, for data that bring none"),
    LAYOUT,
)


def _place(words: Sequence[str], action: str) -> tuple[str, Path]:
    """The layout's name, "" when it is to be found out, and the folder."""
    from microgesture.corpora.source import SOURCES

    if len(words) > 2:
        raise DataError(f"one data set at a time: '{words[2]}' is too much")
    if len(words) == 1 and words[0] in SOURCES.names() and not Path(words[0]).exists():
        raise DataError(f"no folder: microgesture data {action} {words[0]} FOLDER")
    return ("" if len(words) == 1 else words[0]), Path(words[-1])


@verb(
    "what is there, what is missing, what is wrong",
    *WHERE,
    arg("--json", action="store_true", help="print JSON"),
)
def check(args: Namespace) -> int:
    """Say what is in a data set, counts beside the published ones, and list all that is wrong; exit code 1 if anything
    is."""
    from microgesture.corpora.source import read_source

    name, root = _place(args.where, "check")
    vocabulary = _vocabulary(args)
    with _busy(f"reading {root}"):
        reading = read_source(root, name, args.protocol, vocabulary, layout=layout_given(args))
    if args.json:
        print(json.dumps(_as_json(reading), indent=2, ensure_ascii=False))
        return 1 if reading.errors else 0
    _print_facts(reading)
    _print_problems(reading.problems)
    print(_verdict(reading.problems))
    return 1 if reading.errors else 0


@verb(
    "manifest, skeleton tracks, decoded clips",
    *WHERE,
    arg("-o", "--out", required=True, help="folder to write"),
    arg("--frames", type=int, default=32, help="frames per clip of the cache"),
    arg("--size", type=int, default=112, help="height and width of its frames, pixels"),
    arg("--skeletons", action=BooleanOptionalAction, default=True, help="convert skeleton files to tracks"),
    arg(
        "--space", choices=("pixels", "metres"), help="Kinect skeletons: 2D, which videos show, or 3D (smg without it)"
    ),
    arg("--clips", action=BooleanOptionalAction, default=True, help="decode the clips of videos"),
)
def prepare(args: Namespace) -> int:
    """Write manifest, vocabulary, skeleton tracks and decoded clips; the same command resumes after a stop."""
    from microgesture.corpora.prepare import prepare as make
    from microgesture.progress import track

    name, root = _place(args.where, "prepare")
    done = make(
        *(root, args.out, name, args.protocol, _vocabulary(args), args.frames, args.size),
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


def _vocabulary(args: Namespace) -> Vocabulary | None:
    from microgesture.vocabulary import Vocabulary

    return Vocabulary.load(args.vocabulary) if args.vocabulary else None


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


DATA = Verbs("check a data set, and prepare it for training", {"check": check, "prepare": prepare})
