"""Evaluation of runs: the files and their numbers, other manifests, and rows of one table."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from microgesture.errors import DataError, RecipeError
from microgesture.evaluation.metrics import Metrics
from microgesture.evaluation.run import Evaluation, evaluate_run, open_data
from microgesture.evaluation.summary import different_part, rows_of, table_rows, write_summary
from microgesture.training.assembly import load_run
from moving_squares import LABELS, REST, make_clips


@pytest.fixture(scope="module")
def tested(recogniser, tmp_path_factory):
    out = tmp_path_factory.mktemp("tested")
    return out, evaluate_run(recogniser, out)


@pytest.fixture(scope="module")
def tested_texts(reader_of_texts, tmp_path_factory):
    return evaluate_run(reader_of_texts, tmp_path_factory.mktemp("tested_texts"))


def is_picture(path) -> bool:
    with Image.open(path) as image:
        return min(image.size) > 100 and len(np.unique(np.asarray(image.convert("L")))) > 5


def test_the_numbers_in_the_files_are_those_of_the_predictions(tested):
    out, found = tested
    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20
    share = np.mean([row["label"] == row["predicted"] for row in rows])
    assert found.metrics.top1 == pytest.approx(share)
    assert share > 0.8
    values = json.loads((out / "metrics.json").read_text())
    assert values["metrics"]["top1"] == pytest.approx(share)
    assert Metrics.from_json(values["metrics"]) == found.metrics
    assert values["metrics"]["majority"] == pytest.approx(0.2)
    confusion = np.array(values["confusion"])
    assert confusion.sum() == 20
    assert np.trace(confusion) == round(20 * share)
    names = values["classes"]
    for row in rows:
        assert confusion[names.index(row["label"]), names.index(row["predicted"])] > 0
        assert 0 < float(row["confidence"]) <= 1
        assert row["second"] in names
        assert row["subject"].startswith("test")
    assert 0 <= values["expected_calibration_error"] <= 1
    assert is_picture(out / "confusion.png")
    assert is_picture(out / "reliability.png")
    assert found.clips.shape[0] == 20
    assert found.texts is None


def test_the_last_batch_counts(recogniser, tmp_path):
    shutil.copytree(recogniser, tmp_path / "run")
    config = json.loads((tmp_path / "run/config.json").read_text())
    config["recipe"]["optimiser"]["batch"] = 7  # 20 clips: 7, 7, 6
    (tmp_path / "run/config.json").write_text(json.dumps(config))
    assert evaluate_run(tmp_path / "run", tmp_path / "out").metrics.clips == 20


def test_another_manifest_is_read_with_the_classes_of_the_run(recogniser, tmp_path):
    make_clips(tmp_path, {"check": 3}, 5, ("up", "right"))
    found = evaluate_run(recogniser, tmp_path / "out", str(tmp_path / "manifest.csv"), "check")
    assert found.names == (REST, "down", "left", "right", "up")
    assert sorted(set(found.labels.tolist())) == [3, 4]
    assert found.metrics.top1 > 0.6
    assert found.metrics.classes_present == 2


def test_a_label_that_the_run_does_not_know_names_the_row(recogniser, tmp_path):
    make_clips(tmp_path, {"test": 1, "other": 1}, 5, ("up", "jumping"))
    with pytest.raises(DataError, match=r"manifest\.csv: row 3: label 'jumping' is not among the classes of"):
        evaluate_run(recogniser, tmp_path / "out", str(tmp_path / "manifest.csv"))
    assert not (tmp_path / "out").exists()
    text = (tmp_path / "manifest.csv").read_text().replace("jumping,P1,test0,test", "up,P1,test0,test")
    (tmp_path / "manifest.csv").write_text(text)  # now only rows of another split are unknown
    assert evaluate_run(recogniser, tmp_path / "out", str(tmp_path / "manifest.csv")).metrics.clips == 2


def test_no_data_and_empty_splits_are_said(recogniser, tmp_path):
    with pytest.raises(DataError, match="no row has split 'nothing'"):
        evaluate_run(recogniser, tmp_path / "out", split="nothing")
    with pytest.raises(DataError, match=r"none\.csv: no such manifest"):
        evaluate_run(recogniser, tmp_path / "out", "none.csv")
    run = load_run(recogniser)
    run.recipe.data.manifest = ""
    with pytest.raises(RecipeError, match="names no data to test on: give --manifest"):
        open_data(run, None, ("test",))


def test_a_summary_holds_rows_in_the_order_of_the_table(tested, tested_texts, tmp_path):
    _, baseline = tested
    rows = rows_of([tested_texts, baseline])
    write_summary(rows, tmp_path)
    lines = (tmp_path / "table.md").read_text().splitlines()
    firsts = [line.split("|")[1].strip() for line in lines if line.startswith("|")][2:]
    assert firsts == ["Majority class", "Baseline R(2+1)D", "+ adaptive prompting"]
    baseline_row = next(line for line in lines if "Baseline" in line)
    assert f"{100 * baseline.metrics.top1:.1f}" in baseline_row
    with (tmp_path / "table.csv").open(newline="") as file:
        table = {row["row"]: row for row in csv.DictReader(file)}
    assert float(table["+ adaptive prompting"]["top1"]) == pytest.approx(tested_texts.metrics.top1, abs=1e-4)
    assert float(table["Majority class"]["top1"]) == pytest.approx(0.2)
    assert is_picture(tmp_path / "confusion.png")
    assert is_picture(tmp_path / "embedding.png")


def test_the_texts_of_a_visual_text_run_are_embedded(tested_texts):
    assert tested_texts.texts.shape == (len(LABELS) + 1, tested_texts.clips.shape[1])


def seeded(evaluation: Evaluation, seed: int, **recipe) -> Evaluation:
    values = {**evaluation.recipe, **recipe}
    values["training"] = {**values["training"], "seed": seed}
    return replace(evaluation, folder=evaluation.folder / str(seed), recipe=values)


def test_seeds_of_one_recipe_are_one_row_and_other_recipes_others(tested):
    _, one = tested
    rows = rows_of([seeded(one, 0, start="a/seed0"), seeded(one, 1, start="a/seed1")])
    assert [len(row) for row in rows.values()] == [2]
    assert table_rows(rows)[1].metrics.seeds == 2
    other = seeded(one, 3, optimiser={**one.recipe["optimiser"], "epochs": 99})
    rows = rows_of([seeded(one, 0), seeded(one, 1), other])
    assert sorted(len(row) for row in rows.values()) == [1, 2]
    assert all(name.startswith("baseline (") for name in rows)


def test_what_differs_between_recipes(tested):
    _, one = tested
    a = one.recipe
    assert different_part(a, {**a, "title": "x", "data": {**a["data"], "workers": 3, "cache": False}}) is None
    assert different_part(a, {**a, "data": {**a["data"], "size": 64}}) == "data"
    assert different_part(a, {**a, "training": {**a["training"], "seed": 9}}) == "training"
    assert different_part(a, {**a, "training": {**a["training"], "seed": 9}}, seeds=False) is None
    assert different_part(a, {**a, "start": "elsewhere"}) == "start"


def test_runs_on_different_clips_have_no_common_table(tested, recogniser, tmp_path):
    _, one = tested
    other = evaluate_run(recogniser, tmp_path, split="val")
    with pytest.raises(DataError, match="tested on different clips"):
        table_rows({"a": [one], "b": [other]})
