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
from microgesture.evaluation.run import Evaluation, evaluate_run, open_data, other_table
from microgesture.evaluation.summary import comparable, print_table, rows_of, table_rows, write_summary
from microgesture.runs.configuration import make_recipe
from microgesture.runs.run import load_run
from microgesture.skeletons.pyskl import write_pyskl
from microgesture.training.loop import train
from moving_joints import moving_track, write_pickle
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
        open_data(run, ("test",))


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


def test_a_run_on_other_clips_does_not_take_the_table_with_it(tested, recogniser, tmp_path, capsys):
    _, one = tested
    other = evaluate_run(recogniser, tmp_path / "val", split="val")
    rows = {"a": [one], "b": [other], "c": [replace(one, metrics=replace(one.metrics, top1=0.5)), other]}
    with pytest.raises(DataError, match="tested on different clips"):
        table_rows(rows)
    kept, remarks = comparable(rows)
    assert {title: len(runs) for title, runs in kept.items()} == {"a": 1, "c": 1}
    assert len(remarks) == 2
    assert remarks[0].startswith("Left out: b (")
    assert "tested on other clips: 15 of split 'val', the others on 20" in remarks[0]
    write_summary(rows, tmp_path)
    text = (tmp_path / "table.md").read_text()
    assert "| a |" in text
    assert "| b |" not in text
    assert remarks[0] in text
    print_table(rows)
    assert remarks[1] in capsys.readouterr().err


def test_clips_that_chose_the_epoch_are_said_to_have(recogniser, squares, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(recogniser, run)
    config = json.loads((run / "config.json").read_text())
    table = (squares / "manifest.csv").read_text().splitlines()
    made = squares / "untested.csv"
    made.write_text("\n".join(line for line in table if not line.endswith(",test")) + "\n")
    config["recipe"]["data"]["manifest"] = str(made)
    (run / "config.json").write_text(json.dumps(config))
    found = evaluate_run(run, tmp_path / "out")
    values = json.loads((tmp_path / "out/metrics.json").read_text())
    assert (found.split, found.chosen) == (values["split"], values["chosen_on_these_clips"]) == ("val", "the epoch")
    write_summary(rows_of([found]), tmp_path / "out")
    text = (tmp_path / "out/table.md").read_text()
    assert "15 validation clips of 3 subjects, which chose the epoch, 5 classes" in text
    assert "test clips" not in text
    assert evaluate_run(run, tmp_path / "other", str(squares / "manifest.csv"), "val").chosen == ""
    config["recipe"]["training"]["keep"] = "last"
    (run / "config.json").write_text(json.dumps(config))
    assert evaluate_run(run, tmp_path / "last").chosen == ""


def test_another_table_without_splits_is_all_test_and_of_no_protocol(recogniser, tmp_path):
    make_clips(tmp_path, {"check": 1}, 5, ("up", "right"))
    text = (tmp_path / "manifest.csv").read_text().replace(",check\n", ",\n")
    (tmp_path / "manifest.csv").write_text(text)
    run = tmp_path / "run"
    shutil.copytree(recogniser, run)
    config = json.loads((run / "config.json").read_text())
    config["recipe"]["data"]["protocol"] = "miga"
    (run / "config.json").write_text(json.dumps(config))
    for place in (tmp_path / "manifest.csv", tmp_path):
        found = evaluate_run(run, tmp_path / "out", str(place))
        assert (found.metrics.clips, found.split) == (2, "test")
    opened = load_run(run).with_data(on_problem="skip", **other_table(tmp_path))
    (tmp_path / "check_up_0.mp4").unlink()
    assert len(open_data(opened, ("test",), all_test=True).split("test")) == 1
    assert opened.recipe.data.protocol == ""


def test_another_pickle_is_read_with_the_classes_and_the_dimensions_of_the_run(tmp_path):
    small = {"name": "edgcn", "options": {"first_width": 8}}
    values = {"data": {"manifest": str(write_pickle(tmp_path / "own.pkl", 4, 4)), "frames": 8}, "encoder": small}
    recipe = make_recipe({**values, "optimiser": {"batch": 8, "epochs": 1}, "training": {"precision": "no"}})
    run = train(recipe, tmp_path / "run", show=False)
    config = json.loads((run / "config.json").read_text())
    assert (config["dimensions"], config["numbering"]) == (2, "ids")
    tracks = [moving_track(label, 9, i) for i, label in enumerate((0, 1, 1))]
    parts = {"train": ["a"], "val": ["b", "c"]}
    write_pyskl(tracks, [0, 1, 1], tmp_path / "few.pkl", list("abc"), parts)
    found = evaluate_run(run, tmp_path / "out", str(tmp_path / "few.pkl"))
    assert found.names == ("class 0", "class 1", "class 2", "class 3")
    assert found.labels.tolist() == [1, 1]
    deep = [
        replace(t, points=np.concatenate([t.points / 500, np.full((*t.points.shape[:2], 1), 2.5)], -1)) for t in tracks
    ]
    write_pyskl(deep, [0, 1, 1], tmp_path / "3d.pkl", list("abc"), parts)
    with pytest.raises(DataError, match=r"points in space \(3D\), the run learnt from points in a picture"):
        evaluate_run(run, tmp_path / "out", str(tmp_path / "3d.pkl"))
