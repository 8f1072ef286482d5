"""Emotion models on small tables: a row per video, a column a gesture seen or not, no times. 121 videos of 56 people,
39 columns, two outcomes, drawn anew from several kinds of worlds; `LogisticRegression()` of scikit-learn on the same
columns and the same folds of whole people is what a model is paired with.

    python benchmarks/emotion_tables.py --model auto --tables 3 --repeats 5 -o figures.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from microgesture.emotion.configuration import EmotionConfig
from microgesture.emotion.training import train_emotion
from microgesture.timeline import UNTIMED, GestureEvent, Media, Timeline

VIDEOS, PEOPLE, COLUMNS, FOLDS = 121, 56, 39, 5


@dataclass(frozen=True)
class SeenTable:
    """`seen` (n, K) of 0 and 1, outcomes `y` (n,) of 0 and 1, whose video each is (n,)."""

    seen: np.ndarray
    y: np.ndarray
    people: np.ndarray

    def timelines(self) -> list[Timeline]:
        """The rows as a table of counts is read: an event a gesture, in the order of the columns, without times."""
        made = []
        for row in self.seen:
            found = np.flatnonzero(row)
            events = tuple(GestureEvent(i, i + 1.0, f"gesture {k:02d}") for i, k in enumerate(found))
            made.append(Timeline(events, Media(duration=float(len(found))), provenance={UNTIMED: True}))
        return made


@dataclass(frozen=True)
class World:
    """How tables of a kind are drawn. Log-odds of a column in a video: its prevalence, the person's style, factors that
    columns share, and `signal` columns that lean towards an outcome by about `lean`."""

    lean: float
    signal: int = COLUMNS
    style: float = 0.0
    factors: float = 0.0
    rare: int = 0
    """Columns that are seen in, or lack in, a few videos only."""
    facets: int = 0
    """Columns come in so many groups, of which exactly one is seen in a video, as annotation schemes have it."""
    whole_people: bool = False
    """All videos of a person have one outcome."""
    crowded: bool = False
    """A few people have many of the videos."""
    share: float = 0.5
    """Of the first outcome."""

    def draw(self, seed: int) -> SeenTable:
        """One table."""
        rng = np.random.default_rng(seed)
        people = self._people(rng)
        of_person = rng.random(PEOPLE) < self.share
        y = of_person[people] if self.whole_people else rng.random(VIDEOS) < self.share
        base = rng.normal(-0.7, 1.0, COLUMNS)
        if self.rare:
            odd = rng.choice(COLUMNS, self.rare, replace=False)
            base[odd] = rng.choice([-3.7, 3.7], self.rare, p=[0.8, 0.2])
        leans = np.zeros(COLUMNS)
        leans[rng.choice(COLUMNS, self.signal, replace=False)] = rng.normal(0, self.lean, self.signal)
        style = self.style * (rng.normal(size=(PEOPLE, COLUMNS)) + rng.normal(size=(PEOPLE, 1)))[people]
        shared = self.factors * rng.normal(size=(VIDEOS, 5)) @ rng.normal(size=(5, COLUMNS)) / np.sqrt(5)
        odds = base + style + shared + np.where(y, 0.5, -0.5)[:, None] * leans
        return SeenTable(self._seen(odds, rng), y.astype(int), people)

    def _people(self, rng: np.random.Generator) -> np.ndarray:
        if self.crowded:
            weights = (1.0 / np.arange(1, PEOPLE + 1)) / (1.0 / np.arange(1, PEOPLE + 1)).sum()
            return np.concatenate([np.arange(PEOPLE), rng.choice(PEOPLE, VIDEOS - PEOPLE, p=weights)])
        places = np.repeat(np.arange(PEOPLE), 3)  # one to four each
        return np.concatenate([np.arange(PEOPLE), rng.choice(places, VIDEOS - PEOPLE, replace=False)])

    def _seen(self, odds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if not self.facets:
            return (rng.random(odds.shape) < 1 / (1 + np.exp(-odds))).astype(int)
        seen = np.zeros(odds.shape, dtype=int)
        for columns in np.array_split(np.arange(COLUMNS), self.facets):
            drawn = odds[:, columns] + rng.gumbel(size=(VIDEOS, len(columns)))
            seen[np.arange(VIDEOS), columns[drawn.argmax(axis=1)]] = 1
        return seen


WORLDS = {
    "sparse": World(lean=1.45, signal=8),
    "dense": World(lean=0.67),
    "style": World(lean=1.4, signal=15, style=1.0),
    "correlated": World(lean=1.3, signal=15, factors=1.5),
    "rare columns": World(lean=1.08, signal=20, rare=14),
    "facets": World(lean=0.8, facets=9),
    "whole people": World(lean=1.4, signal=15, style=0.7, whole_people=True, crowded=True),
    "unequal outcomes": World(lean=0.95, signal=20, share=0.65),
}
"""Leans are such that the plain regression is right in about three of four videos."""


def folds_of(table: SeenTable, repeat: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Train and test rows of whole people, as `emotion train --protocol folds` draws them."""
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=repeat)
    return list(splitter.split(table.seen, table.y, table.people))


def plain(table: SeenTable, train: np.ndarray, test: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (m,) of outcome 1 by scikit-learn's default, and no answers left out."""
    model = LogisticRegression().fit(table.seen[train], table.y[train])
    return model.predict_proba(table.seen[test])[:, 1], np.ones(len(test), dtype=bool)


Reader = Callable[[SeenTable, np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]
"""Trains on some rows of a table and reads others, with a seed: probabilities (m,) of outcome 1, and whether there is
an answer (m,)."""


def ours(config: EmotionConfig) -> Reader:
    """`train_emotion` on the same rows."""

    def read(table: SeenTable, train: np.ndarray, test: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        timelines, people = table.timelines(), [f"P{p}" for p in table.people]
        model = train_emotion(
            [timelines[i] for i in train],
            ["no" if table.y[i] == 0 else "yes" for i in train],
            replace(config, seed=seed),
            subjects=[people[i] for i in train],
        )
        tested = [timelines[i] for i in test]
        answered = [a in ("no", "yes") for a in model.answers(tested)] if seed == 0 else [True] * len(test)
        return model.probabilities(tested)[:, 1], np.array(answered)

    return read


@dataclass(frozen=True)
class Figures:
    """Of one table: accuracy, balanced accuracy and log-loss over all repeats, the share without an answer and the
    accuracy of the others in the first repeat, and seconds."""

    accuracy: float
    balanced: float
    log_loss: float
    undecided: float
    decided: float
    seconds: float


def measure(read: Reader, table: SeenTable, repeats: int) -> Figures:
    """Train and test by repeated folds of whole people."""
    began = time.perf_counter()
    p = np.zeros((repeats, VIDEOS))
    answered = np.ones(VIDEOS, dtype=bool)
    for repeat in range(repeats):
        for train, test in folds_of(table, repeat):
            p[repeat, test], said = read(table, train, test, repeat)
            answered[test] = said if repeat == 0 else answered[test]
    right = (p > 0.5) == table.y
    own = np.where(table.y == 1, p, 1 - p).clip(1e-6)
    return Figures(
        float(right.mean()),
        float(np.mean([right[:, table.y == c].mean() for c in (0, 1)])),
        float(-np.log(own).mean()),
        float(1 - answered.mean()),
        float(right[0, answered].mean()) if answered.any() else float("nan"),
        time.perf_counter() - began,
    )


def difference(pairs: Sequence[tuple[float, float]]) -> str:
    """Mean of paired differences in points, with the 95 % interval over tables (Student's t)."""
    points = 100 * np.array([a - b for a, b in pairs])
    if len(points) < 2:
        return f"{points.mean():+.1f}"
    half = stats.t.ppf(0.975, len(points) - 1) * points.std(ddof=1) / np.sqrt(len(points))
    return f"{points.mean():+.1f} ({points.mean() - half:+.1f} to {points.mean() + half:+.1f})"


def table_of(rows: Sequence[dict[str, Any]]) -> str:
    """Figures by kind of world, and over all tables, as Markdown."""
    lines = [
        "| kind | tables | scikit-learn | ours | difference | balanced, difference | log-loss: scikit-learn | ours | "
        "undecided | right of decided | seconds |",
        "| --- " + "| ---: " * 10 + "|",
    ]
    for kind in [*dict.fromkeys(row["kind"] for row in rows), "all"]:
        of = [row for row in rows if kind in (row["kind"], "all")]
        mean = {
            f"{who} {name}": np.nanmean([r[who][name] for r in of]) for who in ("plain", "ours") for name in of[0][who]
        }
        pairs = {name: [(r["ours"][name], r["plain"][name]) for r in of] for name in ("accuracy", "balanced")}
        cells = [
            kind,
            str(len(of)),
            *(f"{100 * mean[f'{who} accuracy']:.1f}" for who in ("plain", "ours")),
            *(difference(pairs[name]) for name in ("accuracy", "balanced")),
            *(f"{mean[f'{who} log_loss']:.3f}" for who in ("plain", "ours")),
            *(f"{100 * mean[f'ours {name}']:.0f}" for name in ("undecided", "decided")),
            f"{mean['ours seconds']:.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, help="JSON of every table's figures; a stopped call goes on")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--prior", default="equal", choices=("equal", "training"))
    parser.add_argument("--kinds", nargs="*", default=list(WORLDS), choices=WORLDS)
    parser.add_argument("--tables", type=int, default=3, help="of each kind")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    read = ours(EmotionConfig(model=args.model, prior=args.prior))
    rows = json.loads(args.out.read_text("utf-8")) if args.out and args.out.exists() else []
    done = {(row["kind"], row["seed"]) for row in rows}
    for number in range(args.tables):
        for kind in args.kinds:
            seed = 1000 * args.seed + 100 * list(WORLDS).index(kind) + number
            if (kind, seed) in done:
                continue
            table = WORLDS[kind].draw(seed)
            figures = {"plain": measure(plain, table, args.repeats), "ours": measure(read, table, args.repeats)}
            rows.append({"kind": kind, "seed": seed, **{who: asdict(f) for who, f in figures.items()}})
            if args.out:
                args.out.write_text(json.dumps(rows, indent=1), "utf-8")
            print(kind, seed, json.dumps({who: round(100 * f.accuracy, 1) for who, f in figures.items()}), flush=True)
    print(table_of(rows))


if __name__ == "__main__":
    main()
