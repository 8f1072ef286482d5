"""The model card of the built-in weights, written from what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from microgesture.pretraining.ladder import NOT_IN_A_SKELETON, ladder_rows
from microgesture.runs.model_card import LIMITS
from microgesture.tables import Table, percent, percent_interval

_TESTS = {"joints": "joints with modelled errors", "estimated": "poses estimated from rendered video"}


def weights_card(config: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """Markdown. `config` is the run's config.json, `result` what `stages.test` returned."""
    making, spotting = result["making"], config["spotting"]
    parts = [
        "# Built-in skeleton recogniser",
        "",
        "Reads the skeleton of one person (62 points of body, hands and face, 12.5 poses per second) and names "
        "micro-gestures by the similarity of what moves to label texts: one set of weights for iMiGUE-32, SMG-17, "
        f"MA-52 and for texts of your own (zero-shot, {_own_texts(config['model'])}).",
        "",
        f"- Encoder `{config['model']['encoder']}` {config['model']['encoder_options']}, text encoder `gesture-words`, "
        f"objective `{config['model']['objective']}`.",
        f"- Learnt from synthetic people only, by `make pretrain` (seed 0) in {making['minutes']:.0f} minutes on "
        f"{making['machine']}: {_sizes(making['sizes'])}.{' ' + making['note'] if making.get('note') else ''}",
        f"- Settings of spotting, fitted on validation people: gesture_threshold {spotting['gesture_threshold']}, "
        f"smoothing_s {spotting['smoothing_s']}, min_gap_s {spotting['min_gap_s']}, min_length_s "
        f"{spotting['min_length_s']}.",
        "",
        "## Trimmed clips of synthetic people that it never saw",
        "",
        "Other bodies, other ways of moving, other rest poses, and cameras from other sides, higher up and farther "
        "away than in training. 95 % intervals by person"
        + (f"; mean over {result['seeds']} seeds." if result["seeds"] > 1 else "; one seed."),
        "",
        *Table(
            ("test", "classes", "top-1", "top-5", "mean class", "clips", "people"),
            [_clip_row(name, row) for name, row in result["clips"].items()],
        ).markdown(),
        "",
        *_where_it_is_lost(result),
        "## Events in untrimmed films (temporal IoU 0.3)",
        "",
        *Table(
            ("test", "F1", "precision", "recall", "true events", "found", "minutes", "start / end off by"),
            [_event_row(name, row) for name, row in result["events"].items()],
        ).markdown(),
        "",
        *_idling(result["idle"]),
        "",
        *_reliability(result),
        "## What it was never tested on",
        "",
        "iMiGUE, SMG and MA-52 themselves: they are licensed and were not at hand. No accuracy on real people is "
        "known. Children, wheelchair users, people with missing or very differently shaped limbs and people seen from "
        "behind are not in its synthetic world.",
        "",
        "## Limits",
        "",
        LIMITS,
        "",
        *_per_class(result),
    ]
    return "\n".join(parts)


def _own_texts(model: Mapping[str, Any]) -> str:
    """How texts of one's own are read."""
    sentences = model["objective_options"].get("sentences")
    words = "as far as the built-in gesture words reach"
    if not sentences:
        return words
    return f"read as sentences by `{sentences['name']}`, which is not part of the weights; without it {words}"


def _sizes(sizes: Mapping[str, Any]) -> str:
    text = f"{sizes['train']} performances of about 22 s"
    if sizes.get("estimated_train"):
        share = f"{100 * sizes['estimated_share']:.0f} % of the windows"
        text += f" and {sizes['estimated_train']} whose poses were estimated from rendered video ({share})"
    return text


def _where_it_is_lost(result: Mapping[str, Any]) -> list[str]:
    """The ladder and the blind audit."""
    audit = result["audit"]
    reasons = [
        f"- {vocabulary}, {label}: {reason}"
        for vocabulary, labels in NOT_IN_A_SKELETON.items()
        for label, reason in labels.items()
    ]
    return [
        "## Where accuracy is lost",
        "",
        "The same people, seen ever less well; top-1 in per cent by body region, in brackets over the classes that a "
        "skeleton can tell. `python -m microgesture.pretraining OUT --ladder RUN` prints it.",
        "",
        *ladder_rows(result["ladder"]),
        "What a skeleton cannot tell:",
        "",
        *reasons,
        "",
        "What could be guessed without seeing a movement (which points are seen, length, size, place, seat, table): a "
        f"forest names the moving part of the body of {audit['windows']} windows in {100 * audit['blind']:.1f} %, the "
        f"most frequent answer in {100 * audit['majority']:.1f} %; with all parts counting alike "
        f"{100 * audit['balanced']:.1f} %, where chance is {100 * audit['even']:.0f} %.",
        "",
    ]


def _idling(idle: Mapping[str, Any]) -> list[str]:
    return [
        f"- People who only idle, speak, nod and look about, {_TESTS[kind]} ({row['minutes']:.0f} minutes): "
        f"{row['per_minute']:.2f} false alarms per minute."
        for kind, row in idle.items()
    ]


def _share(value: float, bounds: Any = None) -> str:
    return f"{percent(value)} ({percent_interval(bounds)})" if bounds else percent(value)


def _clip_row(name: str, row: Mapping[str, Any]) -> list[object]:
    m, intervals = row["metrics"], row["metrics"]["intervals"]
    shares = [_share(m[key], intervals.get(key)) for key in ("top1", "top5", "mean_class")]
    return [_test_name(name), m["classes_present"], *shares, m["clips"], m["subjects"]]


def _event_row(name: str, row: Mapping[str, Any]) -> list[object]:
    scores = [f"{row[key]:.2f}" for key in ("f1", "precision", "recall")]
    edges = " / ".join(f"{value:.2f} s" for value in row["boundaries"] or ())
    return [_test_name(name), *scores, row["truth"], row["predicted"], f"{row['minutes']:.0f}", edges]


def _test_name(name: str) -> str:
    kind, vocabulary = name.split("/")
    return f"{vocabulary}, {_TESTS[kind]}"


def _reliability(result: Mapping[str, Any]) -> list[str]:
    """Confidence against accuracy, as a table."""
    lines: list[str] = []
    for name, row in result["clips"].items():
        curve = row.get("calibration")
        if curve is None:
            continue
        columns = zip(curve["confidence"], curve["accuracy"], curve["clips"], strict=True)
        rows = [[f"{100 * c:.0f} %", f"{100 * a:.0f} %", int(n)] for c, a, n in columns if n]
        lines += [f"## Confidence, {_test_name(name)}", "", *Table(("said", "right", "clips"), rows).markdown()]
        lines += ["", f"Expected calibration error {100 * curve['ece']:.1f} %.", ""]
    return lines


def _per_class(result: Mapping[str, Any]) -> list[str]:
    lines = ["## Each class (top-1, first seed)", ""]
    for vocabulary in ("imigue", "smg", "ma52"):
        columns = {kind: result["clips"].get(f"{kind}/{vocabulary}") for kind in _TESTS}
        have = {kind: row for kind, row in columns.items() if row}
        if not have:
            continue
        names = next(iter(have.values()))["names"]
        rows = [[name, *(_class_cell(row, number) for row in have.values())] for number, name in enumerate(names)]
        table = Table(("class", *(_TESTS[kind] for kind in have)), rows)
        lines += [f"### {vocabulary}", "", *table.markdown(), ""]
    return lines


def _class_cell(row: Mapping[str, Any], number: int) -> str:
    score = next((c for c in row["first"]["per_class"] if c["id"] == number), None)
    return "" if not score or score["accuracy"] is None else f"{100 * score['accuracy']:.0f} % of {score['clips']}"
