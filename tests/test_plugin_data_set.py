"""A published data set is one folder outside the package: reader, vocabulary, protocol, published numbers, recipes."""

import json
import zipfile
from pathlib import Path

import pytest

from microgesture.commands.main import main
from microgesture.corpora.challenge import CHALLENGES
from microgesture.corpora.emotion_split import EMOTION_SPLITS
from microgesture.corpora.source import SOURCES
from microgesture.files import data_sets
from microgesture.registry import PLUGINS
from moving_joints import CLASSES, moving_track

READER = """
import csv

from microgesture.corpora.challenge import CHALLENGES, Challenge
from microgesture.corpora.emotion_split import EMOTION_SPLITS, EmotionSplit, numbered
from microgesture.corpora.published import compared, published
from microgesture.corpora.source import Reading, register_source
from microgesture.datasets.manifest import ClipRow
from microgesture.errors import DataError
from microgesture.vocabulary import Vocabulary


def recognises(root):
    return (root / "waves.txt").is_file()


def read(root, protocol="", vocabulary=None):
    known = published("waves")
    protocol = protocol or "official"
    if protocol not in known:
        raise DataError(f"no protocol '{protocol}' of waves: known are official")
    rows = []
    for line in csv.DictReader((root / "waves.txt").open()):
        split = next(name for name, subjects in known[protocol].items() if line["subject"] in subjects)
        skeleton = root / line["skeleton"]
        rows.append(ClipRow(None, line["label"], subject=line["subject"], split=split, skeleton=skeleton))
    facts = (compared("clips", len(rows), known["clips"]),)
    return Reading("waves", root, Vocabulary.load("waves"), tuple(rows), facts=facts, protocol=protocol)


register_source("waves", "waves: a list of skeletons", read, recognises, folder=__file__)
def table(ids, probabilities, words, numbers):
    return f"{len(ids)} clips, {probabilities.shape[1]} classes"


def by_subject(names, subjects, splits):
    return numbered(subjects, {1, 2, 3, 4}), numbered(subjects, {5, 6}), ["by the subjects of waves"]


CHALLENGES.add("waves2026", Challenge("answers.csv", table, ("waves",), strict=True))
EMOTION_SPLITS.add("waves", EmotionSplit("subjects 1 to 4 / 5 and 6", by_subject))
"""
RECIPE = """
has: [skeletons]
recogniser:
  data: {source: waves, vocabulary: waves, frames: 12}
  optimiser: {name: adamw, batch: 8, epochs: 1, least_steps: 0}
skeleton: {encoder: {options: {channels: 2}}}
methods:
  stgcn: {published: waves_recognition/ST-GCN}
  edgcn: {encoder: {name: edgcn, options: {first_width: 8}}}
"""


LABELS = ("right up", "right to and fro", "left up", "left to and fro")
SUBJECTS = {"train": "1234", "val": "5", "test": "6"}


def write_plugin(folder: Path) -> None:
    """All that is known of the data set: one folder."""
    folder.mkdir()
    (folder / "reader.py").write_text(READER)
    (folder / "recipe.yaml").write_text(RECIPE)
    classes = [{"id": i, "name": name} for i, name in enumerate(LABELS)]
    (folder / "vocabulary.json").write_text(json.dumps({"name": "waves", "classes": classes}))
    (folder / "protocols.json").write_text(json.dumps({"official": SUBJECTS, "clips": 25}))
    (folder / "published.json").write_text(json.dumps({"waves_recognition": [["ST-GCN", "pose", 12.34, 56.78]]}))


def write_data(root: Path) -> None:
    """What the data set's owners hand out."""
    root.mkdir()
    lines = ["skeleton,label,subject"]
    for subject in range(1, 7):
        for label in range(CLASSES):
            moving_track(label, subject, 0).save(root / f"{subject}_{label}.npz")
            lines.append(f"{subject}_{label}.npz,{LABELS[label]},{subject}")
    (root / "waves.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """The flags that load the data set's folder, with its data in `data`; forgotten after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(PLUGINS, "")
    monkeypatch.setattr(data_sets, "_added", {})
    write_plugin(tmp_path / "plugin")
    write_data(tmp_path / "data")
    with SOURCES.restored(), CHALLENGES.restored(), EMOTION_SPLITS.restored():
        yield ["--plugin", str(tmp_path / "plugin" / "reader.py")]


def test_a_published_data_set_is_one_folder(plugin, capsys):
    assert main(["data", "check", "data"]) == 2
    assert main(["data", "check", "data", *plugin]) == 0
    out = capsys.readouterr().out
    assert "data: waves" in out
    assert "clips: found 24, published 25 (they differ)" in out

    train = ["train", "stgcn", "--on", "waves", "--data.root", "data", *plugin]
    assert main([*train, "--encoder.options.widths", "[8, 8]"]) == 2
    assert "widths" in capsys.readouterr().err
    assert main([*train, "--data.protocol", "mine"]) == 2
    assert "no protocol 'mine' of waves" in capsys.readouterr().err
    assert main(train) == 0
    recipe = json.loads(Path("runs/waves/stgcn/config.json").read_text())["recipe"]
    assert (recipe["data"]["vocabulary"], recipe["encoder"]["options"]["partition"]) == ("waves", "spatial-tree")

    assert main(["evaluate", "runs/waves/stgcn", *plugin]) == 0
    table = Path("runs/waves/stgcn/evaluation/table.md").read_text()
    assert "published top-1" in table
    assert "12.34" in table

    submit = ["submit", "runs/waves/stgcn", "--split", "test", "-o", "answers.zip", *plugin]
    assert main([*submit, "--challenge", "waves2026"]) == 0
    with zipfile.ZipFile("answers.zip") as archive:
        assert archive.read("answers.csv").decode() == "4 clips, 4 classes"
    assert main([*submit, "--challenge", "ma52"]) == 2


def test_its_rows_and_what_it_cannot_show(plugin, capsys):
    assert main(["recipes", "--on", "waves", *plugin]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["waves/stgcn", "waves/edgcn"]
    assert main(["train", "tsm", "--on", "waves", *plugin]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "'rgb/tsm' needs videos, which waves does not have: methods for waves are stgcn, edgcn" in line
    assert main(["recipes", "waves/edgcn", *plugin]) == 0
    assert "first_width: 8" in capsys.readouterr().out


def test_its_split_for_emotion(plugin, capsys):
    rows = [f"v{n},{LABELS[n % 2]},{'won' if n % 2 else 'lost'},S{n % 6 + 1}" for n in range(24)]
    rows += [f"v{n},{LABELS[2]},{'won' if n % 2 else 'lost'},S{n % 6 + 1}" for n in range(24)]
    Path("events.csv").write_text("\n".join(["video,label,outcome,person", *rows]) + "\n")
    argv = ["emotion", "train", "events.csv", "--target", "outcome", "--subject", "person", "--model", "logistic"]
    assert main([*argv, "--protocol", "waves", "--repeats", "1", "-o", "mine", *plugin]) == 0
    assert "by the subjects of waves" in capsys.readouterr().out
    assert main([*argv, "--protocol", "wavez", "-o", "other", *plugin]) == 2
    assert "waves (subjects 1 to 4 / 5 and 6)" in capsys.readouterr().err
