"""Classes whose texts and clips were both held out of training: word list against sentence encoder.

    python benchmarks/unseen_classes.py OUT --draws 3

A draw takes `--held` classes at random out of all vocabularies. Every motion that one of them names is left out of the
training bank, and every label that names such a motion, in any vocabulary, is untold: neither its name nor its
description teaches. One network then learns with both text towers (the recipe `built-in/skeleton` with `sentences`),
and names trimmed windows of the test people. A class counts as unseen when all its motions are left out; clips of a
label that is only in part left out count nowhere. Labels of training are read by the word list, as in recognition.

    OUT/settings.json, test.npz        what all draws share
    OUT/draw-0/held.json               what is held out
    OUT/draw-0/run/                    the run; goes on where it was stopped
    OUT/draw-0/result.json             what is done already is not done again

Prints a Markdown table: per cent right, mean over the draws with the least and the greatest.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microgesture.datasets.windows import INDEX
from microgesture.encoders.pretrained import MINILM
from microgesture.errors import UserError
from microgesture.files.atomic import write_json
from microgesture.pretraining.ladder import RUNGS
from microgesture.recognition.alignment import similarity
from microgesture.recognition.timed_visual_text import TimedVisualTextObjective
from microgesture.runs.configuration import load_recipe
from microgesture.runs.run import load_run
from microgesture.skeletons.layouts import GESTURE_62
from microgesture.synthetic.people.motion import MOTIONS
from microgesture.synthetic.worlds.skeleton_bank import LIBRARY, SkeletonBank, make_bank
from microgesture.synthetic.worlds.skeleton_windows import SkeletonWindows
from microgesture.synthetic.worlds.window_truth import Truth
from microgesture.training.loop import train
from microgesture.training.stopping import Interrupted
from microgesture.vocabulary import NO_GESTURE, GestureClass, Vocabulary

VOCABULARIES = ("imigue", "smg", "ma52")
SEEN_BY = ("true joints, all in the picture", "modelled errors, framed")
"""Rungs of the ladder on which it is measured."""
TEN = "the held-out list"
WORDS, SENTENCES, ALL_SENTENCES = "word list", "sentence encoder", "sentence encoder, all texts"
BATCH = 128
EPOCHS = 10
_FLIP = torch.from_numpy(GESTURE_62.flip_permutation)


@dataclass(frozen=True)
class Settings:
    """Sizes of banks (people), network and training; `clips` of the test a rung, half of them of held-out motions."""

    held: int = 10
    people: int = 200
    test_people: int = 60
    width: int = 96
    layers: int = 2
    steps: int = 1500
    batch: int = 64
    clips: int = 1200
    sentences: str = MINILM
    seed: int = 0


@dataclass(frozen=True)
class Held:
    """One draw: `classes` (vocabulary, label), the `motions` that they name, the labels that are `untold`, and those
    of each vocabulary that are `unseen` (all their motions are left out)."""

    classes: list[list[str]]
    motions: list[str]
    untold: list[str]
    unseen: dict[str, list[str]]


def named() -> dict[tuple[str, str], set[str]]:
    """Vocabulary and label of every class that a motion shows, and these motions."""
    found: dict[tuple[str, str], set[str]] = {}
    for key in LIBRARY:
        for vocabulary in VOCABULARIES:
            label = MOTIONS[key].labels.get(vocabulary)
            if label is not None and label != NO_GESTURE:
                words = Vocabulary.load(vocabulary)
                found.setdefault((vocabulary, words[words.index(label)].name), set()).add(key)
    return found


def draw(number: int, settings: Settings) -> Held:
    """Classes with no motion in common, at random."""
    classes, chosen, motions = named(), [], set()
    order = list(classes)
    for k in np.random.default_rng((settings.seed, number)).permutation(len(order)):
        if len(chosen) < settings.held and not classes[order[k]] & motions:
            chosen.append(list(order[k]))
            motions |= classes[order[k]]
    untold = {pair for pair, shown in classes.items() if shown & motions}
    texts = {text for pair in untold for text in texts_of(*pair)}
    untold |= {pair for pair in classes if texts & set(texts_of(*pair))}  # the same words in another vocabulary
    unseen = {v: [name for w, name in sorted(untold) if w == v and classes[v, name] <= motions] for v in VOCABULARIES}
    return Held(chosen, sorted(motions), sorted({name for _, name in untold}), unseen)


def texts_of(vocabulary: str, label: str) -> tuple[str, ...]:
    """Name and description of a class, in lower case."""
    gesture = gesture_of(vocabulary, label)
    return tuple(text.lower() for text in (gesture.name, gesture.description) if text)


def gesture_of(vocabulary: str, label: str) -> GestureClass:
    words = Vocabulary.load(vocabulary)
    return words[words.index(label)]


def learn(folder: Path, held: Held, settings: Settings, workers: int, number: int) -> Path:
    """The run of a draw, on a bank of its own in which nobody makes a held-out motion."""
    kept = [key for key in LIBRARY if key not in held.motions]
    if not (folder / "train.npz").exists():
        make_bank(settings.people, settings.seed + 1 + 10 * number, "train", workers, kept).save(folder / "train.npz")
    index = {
        "vocabularies": VOCABULARIES,
        "banks": {"train": {"train.npz": 1.0}},
        "windows": {"train": max(settings.steps // EPOCHS, 1) * settings.batch},
        "untold": held.untold,
    }
    write_json(folder / INDEX, index)
    encoder = {"width": settings.width, "layers": settings.layers, "features": "movement"}
    objective = {"motions": len(kept), "sentences": settings.sentences}
    flags = ["--data.manifest", str(folder / INDEX), "--data.workers", str(min(workers, 1))]
    flags += ["--encoder.options", json.dumps(encoder), "--objective.options", json.dumps(objective)]
    flags += ["--optimiser.epochs", str(EPOCHS), "--optimiser.batch", str(settings.batch)]
    recipe = load_recipe("built-in/skeleton", [*flags, "--training.seed", str(settings.seed + number)])
    return train(recipe, folder / "run", resume=(folder / "run" / "config.json").exists())


@dataclass(frozen=True)
class Looks:
    """Test windows as the network sees them: `clip` and `mirrored` (N, D), what was drawn, `main (N,)` motions, and
    of classes and motions `share` and `tell`, (N, K) and (N, M)."""

    clip: torch.Tensor
    mirrored: torch.Tensor
    main: np.ndarray
    share: np.ndarray
    tell: np.ndarray
    motion_share: np.ndarray
    motion_tell: np.ndarray


@torch.inference_mode()
def look(
    objective: TimedVisualTextObjective, bank: SkeletonBank, held: Held, settings: Settings, view: Mapping[str, Any]
) -> Looks:
    """Trimmed windows of the test people, half of them of held-out motions, as often of each motion."""
    out = np.array([key in held.motions for key in bank.motions])
    there = np.array([any(label != NO_GESTURE for label in MOTIONS[key].labels.values()) for key in bank.motions])
    weights = np.where(out, 1 / max(out.sum(), 1), 1 / max((there & ~out).sum(), 1)) * there
    how: dict[str, Any] = {"trimmed": 1.0, "alone_share": 1.0, "gaps": False, "balance": weights} | dict(view)
    windows = SkeletonWindows(bank, settings.clips, VOCABULARIES, "test", settings.seed + 77, **how)
    found: dict[str, list[Any]] = {key: [] for key in Looks.__dataclass_fields__}
    for first in range(0, settings.clips, BATCH):
        batch = windows.__getitems__(range(first, min(first + BATCH, settings.clips)))
        found["clip"].append(objective.embed(batch["clip"]))
        found["mirrored"].append(objective.embed(batch["clip"][:, :, :, _FLIP] * torch.tensor([-1.0, 1.0, 1.0])))
        for key in ("main", "share", "tell", "motion_share", "motion_tell"):
            found[key].append(batch[key].numpy())
    joined = {key: torch.cat(v) if key in ("clip", "mirrored") else np.concatenate(v) for key, v in found.items()}
    return Looks(**joined)


@torch.inference_mode()
def read(
    objective: TimedVisualTextObjective,
    gestures: Iterable[GestureClass],
    untold: set[str],
    reader: str,
    described: bool,
) -> torch.Tensor:
    """t̄ (K, D) of classes, the untold ones by the `reader`, with their descriptions if wanted."""
    rows = []
    for gesture in gestures:
        own = gesture.name in untold
        text = f"{gesture.name} {gesture.description}" if own and described else gesture.name
        as_sentence = reader == ALL_SENTENCES or (own and reader == SENTENCES)
        rows.append((objective.embed_sentences if as_sentence else objective.embed_texts)([text]))
    return torch.cat(rows)


@torch.inference_mode()
def logits_of(objective: TimedVisualTextObjective, looks: Looks, text: torch.Tensor, tell: np.ndarray) -> np.ndarray:
    """(N, K), the mean over each person and their mirror image; -inf where it cannot be told."""
    both = [similarity(visual, text, objective.temperature) for visual in (looks.clip, looks.mirrored)]
    return np.where(tell, torch.stack(both).mean(0).numpy(), -np.inf)


def right(logits: np.ndarray, labels: np.ndarray, rows: np.ndarray, among: np.ndarray | None = None) -> float | None:
    """Share of the rows named rightly, of all columns or of those `among`; None without rows or without a choice."""
    if not rows.any() or (among is not None and among.sum() < 2):
        return None
    scored = logits[rows] if among is None else np.where(among, logits[rows], -np.inf)
    return float((scored.argmax(1) == labels[rows]).mean())


def measure(run: Path, bank: SkeletonBank, held: Held, settings: Settings) -> list[dict[str, Any]]:
    """A row for each rung, list of classes, reader and wording."""
    objective = load_run(run).objective.eval()
    assert isinstance(objective, TimedVisualTextObjective)
    rows = []
    for rung in SEEN_BY:
        looks = look(objective, bank, held, settings, RUNGS[rung][1])
        for reader in (WORDS, SENTENCES, ALL_SENTENCES):
            for described in (False, True):
                what = {"rung": rung, "reader": reader, "described": described}
                figures = [of_list(objective, looks, bank, held, reader, described)]
                figures += list(of_vocabularies(objective, looks, bank, held, reader, described))
                rows += [what | each for each in figures]
    return rows


def of_list(
    objective: TimedVisualTextObjective, looks: Looks, bank: SkeletonBank, held: Held, reader: str, described: bool
) -> dict[str, Any]:
    """The held-out classes as a list of their own: clips of their motions."""
    gestures = [gesture_of(*pair) for pair in held.classes]
    shows = named()
    member = np.array([[key in shows[v, label] for v, label in held.classes] for key in bank.motions])
    labels = member[looks.main].argmax(1)
    visible = np.take_along_axis(looks.motion_share * looks.motion_tell, looks.main[:, None], 1)[:, 0] > 0
    rows = member[looks.main].any(1) & visible
    tell = (looks.motion_tell[:, :, None] & member[None]).any(1)
    text = read(objective, gestures, set(held.untold), reader, described)
    logits = logits_of(objective, looks, text, tell)
    chance = 1 / len(gestures)
    return {"list": TEN, "unseen_among": right(logits, labels, rows), "chance": chance, "clips": int(rows.sum())}


def of_vocabularies(
    objective: TimedVisualTextObjective, looks: Looks, bank: SkeletonBank, held: Held, reader: str, described: bool
) -> Iterator[dict[str, Any]]:
    """Each vocabulary: clips of its unseen and of its seen classes, among all of them."""
    truth = Truth(bank.motions, VOCABULARIES)
    first = 0
    for name, end in zip(VOCABULARIES, truth.last, strict=True):
        columns, words = slice(first, end), Vocabulary.load(name)  # without "No gesture"
        first = int(end) + 1
        shown = truth.classes[looks.main][:, columns]
        labels = shown.argmax(1)
        seen = np.take_along_axis((looks.share * looks.tell)[:, columns], labels[:, None], 1)[:, 0] > 0
        usable = shown.any(1) & seen
        unseen = np.array([gesture.name in held.unseen[name] for gesture in words])
        untold = np.array([gesture.name in held.untold for gesture in words])
        text = read(objective, words, set(held.untold), reader, described)
        logits = logits_of(objective, looks, text, looks.tell[:, columns])
        new, old = usable & unseen[labels], usable & ~untold[labels]
        yield {
            "list": name,
            "unseen_among": right(logits, labels, new, unseen),
            "unseen_all": right(logits, labels, new),
            "seen_all": right(logits, labels, old),
            "chance": 1 / max(int(unseen.sum()), 1),
            "clips": int(new.sum()),
        }


COLUMNS = (
    ("unseen_among", "unseen among the unseen", (WORDS, SENTENCES)),
    ("unseen_all", "unseen among all", (WORDS, SENTENCES, ALL_SENTENCES)),
    ("seen_all", "seen among all", (WORDS, SENTENCES, ALL_SENTENCES)),
)
"""Figures with their titles and the readers that differ in them."""


def table(results: list[list[dict[str, Any]]]) -> list[str]:
    """Markdown: a row for each rung, list of classes and wording, a column for each figure and reader."""
    found: dict[tuple[str, str, bool], list[dict[str, Any]]] = {}
    for row in (row for rows in results for row in rows):
        found.setdefault((row["rung"], row["list"], row["described"]), []).append(row)
    titles = [f"{title}: {reader}" for _, title, readers in COLUMNS for reader in readers]
    lines = ["| seen by | classes | texts | chance | " + " | ".join(titles) + " |"]
    lines.append("|---|---|---|" + "---:|" * (len(titles) + 1))
    for (rung, classes, described), rows in found.items():
        chance = _cell([row["chance"] for row in rows if row["unseen_among"] is not None])
        cells = [
            _cell([row.get(figure) for row in rows if row["reader"] == reader])
            for figure, _, readers in COLUMNS
            for reader in readers
        ]
        texts = "names and descriptions" if described else "names"
        lines.append(f"| {rung} | {classes} | {texts} | {chance} | " + " | ".join(cells) + " |")
    return lines


def _cell(values: list[float | None]) -> str:
    known = [100 * value for value in values if value is not None]
    if not known:
        return ""
    spread = f" ({min(known):.0f} to {max(known):.0f})" if max(known) - min(known) >= 0.5 else ""
    return f"{np.mean(known):.0f}{spread}"


def run_draw(out: Path, number: int, settings: Settings, workers: int) -> list[dict[str, Any]]:
    """One draw from the beginning, from where it stopped, or from its result."""
    folder = out / f"draw-{number}"
    result = folder / "result.json"
    if result.is_file():
        return json.loads(result.read_text("utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    held = draw(number, settings)
    write_json(folder / "held.json", asdict(held))
    print(f"draw {number}: " + "; ".join(f"{label} ({vocabulary})" for vocabulary, label in held.classes), flush=True)
    run = learn(folder, held, settings, workers, number)
    rows = measure(run, SkeletonBank.load(out / "test.npz"), held, settings)
    write_json(result, rows)
    (folder / "train.npz").unlink(missing_ok=True)
    return rows


def prepare(out: Path, settings: Settings, workers: int) -> None:
    """The test people, and a word if OUT was begun with other settings."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "settings.json"
    if path.is_file() and (begun := json.loads(path.read_text("utf-8"))) != asdict(settings):
        different = ", ".join(key for key, value in asdict(settings).items() if begun.get(key) != value)
        raise SystemExit(f"{out} was begun with other settings ({different}): choose another folder")
    write_json(path, asdict(settings))
    if not (out / "test.npz").exists():
        make_bank(settings.test_people, settings.seed + 3, "test", workers).save(out / "test.npz")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    settings = Settings()
    for name, value in asdict(settings).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    args = parser.parse_args()
    settings = replace(settings, **{name: getattr(args, name) for name in asdict(settings)})
    prepare(args.out, settings, args.workers)
    try:
        results = [run_draw(args.out, number, settings, args.workers) for number in range(args.draws)]
    except Interrupted:
        raise SystemExit("stopped; the same command goes on from here") from None
    except UserError as error:
        raise SystemExit(str(error)) from None
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
