"""Fusion: weights from validation alone, clips matched by what they are; and the challenges' files."""

import csv
import io
import json
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microgesture.corpora.challenge import CHALLENGES
from microgesture.corpora.source import Reading
from microgesture.datasets.manifest import ClipRow, Problem
from microgesture.errors import DataError, RecipeError
from microgesture.evaluation.fusion import FILE, fuse, mix, search_weights
from microgesture.evaluation.submission import check_classes, submit
from microgesture.vocabulary import Vocabulary
from moving_squares import make_clips


def test_weights_maximise_the_likelihood_of_the_labels():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 300)
    good = np.full((300, 4), 0.1)
    good[np.arange(300), labels] = 0.7
    half = rng.dirichlet(np.ones(4), 300)
    noise = np.full((300, 4), 0.25)
    weights = search_weights([good, half, noise], labels)
    assert sum(weights) == pytest.approx(1)
    assert weights[0] > 0.9

    def likelihood(w):
        return np.log(mix([half, noise], w)[np.arange(300), labels]).mean()

    found = search_weights([half, noise], labels)
    grid = [likelihood((w, 1 - w)) for w in np.linspace(0, 1, 101)]
    assert likelihood(found) >= max(grid) - 1e-6


def test_two_runs_are_fused_and_the_weights_never_see_the_test_labels(recogniser, reader_of_texts, tmp_path):
    found = fuse([recogniser, reader_of_texts], tmp_path / "fused", weights=[3, 1])
    assert found.weights == (0.75, 0.25)
    assert found.together.top1 > 0.8
    assert (tmp_path / "fused/confusion.png").is_file()
    written = json.loads((tmp_path / "fused" / FILE).read_text())
    assert [d["weight"] for d in written["runs"]] == [0.75, 0.25]
    assert "| fused |" in (tmp_path / "fused/table.md").read_text()
    with pytest.raises(RecipeError, match="two runs"):
        fuse([recogniser], tmp_path)
    with pytest.raises(RecipeError, match="2 runs need 2 weights"):
        fuse([recogniser, reader_of_texts], tmp_path, weights=[1])
    with pytest.raises(RecipeError, match="is named 2 times"):
        fuse([recogniser, recogniser.parent / "x" / ".." / recogniser.name], tmp_path)


def changed(run: Path, folder: Path, **data: str) -> Path:
    """A copy of a run whose recipe names other data."""
    shutil.copytree(run, folder)
    config = json.loads((folder / "config.json").read_text())
    config["recipe"]["data"] |= data
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_streams_of_one_title_are_two_rows_and_one_clip_however_its_path_is_spelled(recogniser, squares, tmp_path):
    spelled = os.path.relpath(squares / "manifest.csv")
    second = changed(recogniser, tmp_path / "second", manifest=spelled)
    found = fuse([recogniser, second], tmp_path / "fused", weights=[1, 1])
    assert found.left_out == 0
    assert found.together.clips == 20
    assert f"| baseline, {recogniser} (0.50) |" in found.table
    assert f"| baseline, {second} (0.50) |" in found.table


def test_without_a_test_split_it_is_said_what_to_do(recogniser, reader_of_texts, squares, tmp_path):
    lines = (squares / "manifest.csv").read_text().splitlines()
    table = squares / "no_test.csv"
    table.write_text("\n".join(line for line in lines if not line.endswith(",test")) + "\n")
    runs = [changed(run, tmp_path / run.name, manifest=str(table)) for run in (recogniser, reader_of_texts)]
    with pytest.raises(DataError, match=r"no row has split 'test'.*there are 'train', 'val'.*--split val"):
        fuse(runs, tmp_path / "fused")
    found = fuse(runs, tmp_path / "fused", split="val")
    assert "15 validation clips of 3 subjects, which chose every run's epoch and the fusion's weights" in found.table
    given = fuse(runs, tmp_path / "given", split="val", weights=[1, 1])
    assert "which chose every run's epoch, 5 classes" in given.table


def table(challenge, ids, probabilities, vocabulary, numbers="index"):
    return CHALLENGES.find(challenge).table(ids, probabilities, vocabulary, numbers)


def test_challenge_files():
    imigue = Vocabulary.load("imigue")
    p = np.eye(32)[[30, 31]]
    assert table("miga2023", ["0004_0", "0004_1"], p, imigue) == "0004_0,30\n0004_1,31\n"
    assert table("miga2025", ["0004_0", "0004_1"], p, imigue, "file") == "Id,Target\n0004_0,31\n0004_1,99\n"
    ma52 = Vocabulary.load("ma52")
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(52), 1)
    rows = list(csv.reader(io.StringIO(table("ma52", ["0003_01_0005"], p, ma52))))
    assert rows[0][:2] == ["vid", "action_pred_1"]
    assert rows[0][-1] == "body_pred_5"
    assert rows[1][0] == "0003_01_0005.mp4"
    assert [int(k) for k in rows[1][1:6]] == np.argsort(-p[0])[:5].tolist()
    assert int(rows[1][6]) in range(7)
    assert len(rows[1]) == 11


def test_a_run_and_a_fusion_predict_a_split(recogniser, reader_of_texts, tmp_path):
    one = tmp_path / "one.zip"
    count = submit(recogniser, "miga2025", one, split="test")
    with zipfile.ZipFile(one) as archive:
        assert archive.namelist() == ["prediction.csv"]
        rows = archive.read("prediction.csv").decode().splitlines()
    assert len(rows) == count + 1 == 21
    fuse([recogniser, reader_of_texts], tmp_path / "fused", weights=[1, 0])
    two = tmp_path / "two.zip"
    submit(tmp_path / "fused", "miga2025", two, split="test")
    with zipfile.ZipFile(two) as archive:
        assert archive.read("prediction.csv").decode().splitlines() == rows
    with pytest.raises(RecipeError, match="no challenge 'kaggle'"):
        submit(recogniser, "kaggle", one)
    with pytest.raises(DataError, match="no test clip without a label; --split test predicts"):
        submit(recogniser, "miga2025", one)
    with pytest.raises(DataError, match="no clip of split 'exam' \\(there are 'train', 'val', 'test'\\)"):
        submit(recogniser, "miga2025", one, split="exam")


def test_a_challenge_names_its_classes(recogniser, tmp_path, caplog):
    with pytest.raises(RecipeError, match=r"knows 5 classes .* not those of challenge ma52 .*--data.vocabulary ma52"):
        submit(recogniser, "ma52", tmp_path / "out.zip", split="test")
    check_classes("ma52", Vocabulary.load("ma52"))
    check_classes("miga2025", Vocabulary.load("smg"))
    assert not caplog.records
    check_classes("miga2025", Vocabulary.load("ma52"))
    assert "their own numbers are written" in caplog.text


def test_the_split_to_predict_is_that_of_the_evaluation(recogniser, squares, tmp_path):
    lines = (squares / "manifest.csv").read_text().splitlines()
    table = squares / "unsplit.csv"
    table.write_text("\n".join([lines[0], *(line.rsplit(",", 1)[0] + "," for line in lines[1:])]) + "\n")
    run = changed(recogniser, tmp_path / "run", manifest=str(table), test_subjects=["val1"])
    assert submit(run, "miga2025", tmp_path / "held.zip", split="test") == 5
    assert submit(recogniser, "miga2025", tmp_path / "other.zip", str(table), "test") == len(lines) - 1


def test_a_clip_that_cannot_be_used_is_not_left_out_in_silence(tmp_path, recogniser):
    data, ready = tmp_path / "data", tmp_path / "ready"
    ready.mkdir()
    make_clips(ready, {"test": 1}, 5, ("up", "right"))
    lost = [{"file": str(data / part / "0006.mp4"), "row": 0, "what": "ends early"} for part in ("train_data", "test")]
    mark = {"layout": "imigue", "root": str(data), "errors": lost}
    (ready / "prepared.json").write_text(json.dumps(mark))
    with pytest.raises(DataError, match=r"test/0006\.mp4: ends early; the server wants every clip, --data\.on_problem"):
        submit(recogniser, "miga2025", tmp_path / "out.zip", str(ready), "test")
    assert submit(recogniser, "miga2025", tmp_path / "out.zip", str(ready), "test", on_problem="skip") == 2
    (ready / "prepared.json").write_text(json.dumps(mark | {"errors": lost[:1]}))
    assert submit(recogniser, "miga2025", tmp_path / "out.zip", str(ready), "test") == 2
    (ready / "test_up_0.mp4").unlink()
    with pytest.raises(DataError, match=r"test_up_0\.mp4"):
        submit(recogniser, "miga2025", tmp_path / "out.zip", str(ready), "test")
    assert submit(recogniser, "miga2025", tmp_path / "out.zip", str(ready), "test", on_problem="skip") == 1


def test_a_broken_file_among_the_unlabelled_clips_stops_the_submission(recogniser, tmp_path, monkeypatch):
    from microgesture.evaluation import submission

    make_clips(tmp_path, {"test": 1}, 5, ("up", "right"))
    rows = tuple(ClipRow(tmp_path / f"test_{name}_0.mp4", "", extra={"id": name}) for name in ("up", "right"))
    problems = [
        Problem(tmp_path / "train" / "0001.mp4", 0, "empty"),
        Problem(tmp_path / "test" / "0009.mp4", 0, "empty"),
    ]
    reading = Reading("imigue", tmp_path, Vocabulary.load("imigue"), (), rows, tuple(problems))
    monkeypatch.setattr(submission, "read_source", lambda *args: reading)
    (tmp_path / "manifest.csv").unlink()
    with pytest.raises(DataError, match=r"test/0009\.mp4: empty; the server"):
        submit(recogniser, "miga2025", tmp_path / "out.zip", str(tmp_path))
    assert submit(recogniser, "miga2025", tmp_path / "out.zip", str(tmp_path), on_problem="skip") == 2
    monkeypatch.setattr(submission, "read_source", lambda *args: replace(reading, problems=tuple(problems[:1])))
    assert submit(recogniser, "miga2025", tmp_path / "out.zip", str(tmp_path)) == 2
