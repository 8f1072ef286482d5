"""Fusion: weights from validation alone, clips matched by what they are; and the challenges' files."""

import csv
import io
import json
import zipfile

import numpy as np
import pytest

from microgesture.errors import DataError, RecipeError
from microgesture.evaluation.fusion import FILE, fuse, mix, search_weights
from microgesture.evaluation.submission import submit, table
from microgesture.vocabulary import Vocabulary


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
    with pytest.raises(DataError, match="no test clip without a label"):
        submit(recogniser, "miga2025", one)
