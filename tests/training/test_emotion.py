"""Emotion recipes: a table of timelines with outcomes becomes a model that `analyze` uses."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from microgesture import formats
from microgesture.commands.main import main
from microgesture.emotion import recipes as emotion
from microgesture.emotion.labelled import read_labelled
from microgesture.emotion.model import EmotionModel
from microgesture.emotion.recipes import (
    best_reachable,
    clip_confusion,
    load_emotion_recipe,
    read_evaluation,
    through_recogniser,
    train_emotion_recipe,
)
from microgesture.errors import DataError, RecipeError, UserError
from microgesture.runs.run import load_run
from microgesture.timeline import GestureEvent, Media, Timeline
from microgesture.vocabulary import Vocabulary
from moving_squares import LABELS, REST, make_interview

SMALL = ["--reader.members", "2", "--reader.epochs", "6", "--reader.width", "16", "--reader.heads", "2"]
SMALL += ["--reader.model", "transformer", "--protocol.repeats", "2"]


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    """40 timelines in which `up` and `left` speak for a positive outcome, `down` and `right` against it."""
    folder, rng = tmp_path_factory.mktemp("timelines"), np.random.default_rng(2)
    rows = []
    for number in range(40):
        outcome = ("positive", "negative")[number % 2]
        rates = [0.1, 0.4, 0.4, 0.1] if outcome == "negative" else [0.4, 0.1, 0.1, 0.4]
        events = []
        for start in np.arange(0.0, 30.0, 1.5):
            label = str(rng.choice(["left", "right", "down", "up"], p=rates))
            events.append(GestureEvent(float(start), float(start) + 1.0, label))
        formats.write(Timeline(tuple(events), Media(duration=30.0)), folder / f"{number}.json")
        split = "train" if number < 24 else "Val" if number < 28 else "test"
        rows.append([f"{number}.json", f"subject{number // 2}", split, outcome])
    with (folder / "timelines.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["timeline", "subject", "split", "outcome"], *rows])
    (folder / "world.json").write_text(json.dumps({"bayes_accuracy": {"value": 0.97}}))
    return folder / "timelines.csv"


@pytest.fixture(scope="module")
def trained(table, recogniser, tmp_path_factory):
    """Folder and scores of a model that learnt from texts with the recogniser's errors."""
    out = tmp_path_factory.mktemp("emotion") / "run"
    recipe = load_emotion_recipe("demo/emotion", ["--timelines", str(table), "--recogniser", str(recogniser), *SMALL])
    return out, train_emotion_recipe(recipe, out)


def test_a_recipe_becomes_a_model_and_scores(trained):
    out, scores = trained
    assert list(scores) == ["true texts", "recognised texts"]
    assert scores["true texts"].videos == 12
    assert scores["true texts"].repeats == 2
    assert scores["true texts"].accuracy > 0.7
    written = json.loads((out / "evaluation.json").read_text())
    assert written["true texts"]["accuracy"] == scores["true texts"].accuracy
    assert written["recipe"]["reader"]["members"] == 2
    model = EmotionModel.load(out)
    assert model.summary.timelines == 28  # train and validation
    assert model.encoder.vocabulary.names == (REST, "down", "left", "right", "up")


def test_the_command_line_trains_and_analyses(table, recogniser, trained, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "demo/emotion", "--timelines", str(table), *SMALL]) == 0
    out = capsys.readouterr().out
    assert "Majority of training" in out
    assert "Best reachable" in out
    assert "97.0" in out
    assert "runs/demo/emotion: trained" in out
    video = make_interview(tmp_path / "interview.mp4")
    spotting = ["--window_s", "1", "--stride_s", "0.17", "--smoothing_s", "0.3"]
    argv = ["analyze", str(video), "--model", str(recogniser), "-o", str(tmp_path / "out"), *spotting]
    assert main([*argv, "--emotion", str(trained[0])]) == 0
    timeline = formats.read(tmp_path / "out/interview/timeline.json")
    assert timeline.emotion is not None
    assert set(timeline.emotion.probabilities) == {"positive", "negative"}
    assert timeline.emotion.label == "undecided"  # two events are too few
    assert "Undecided" in (tmp_path / "out/interview/report.html").read_text("utf-8")
    assert main([*argv, "--emotion", str(recogniser)]) == 2
    assert main(["analyze", str(video), "--model", str(trained[0]), "-o", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2
    assert str(recogniser) in lines[0]
    assert "is not a run folder" in lines[1]


def test_a_model_is_not_overwritten_and_a_stopped_call_goes_again(trained, table, recogniser, tmp_path):
    recipe = load_emotion_recipe("demo/emotion", ["--timelines", str(table), *SMALL, "--reader.epochs", "1"])
    for folder in (trained[0], recogniser):
        before = (folder / "config.json").read_bytes()
        with pytest.raises(RecipeError, match="already holds a run"):
            train_emotion_recipe(recipe, folder)
        assert (folder / "config.json").read_bytes() == before
    first = train_emotion_recipe(recipe, tmp_path / "run")["true texts"]
    predictions = tmp_path / "run/predictions.csv"
    whole = predictions.read_text()
    (tmp_path / "run/evaluation.json").unlink()  # as if stopped before the second repeat
    predictions.write_text("".join(line for line in whole.splitlines(True) if line.split(",")[3] != "1"))
    assert train_emotion_recipe(recipe, tmp_path / "run")["true texts"] == first
    assert predictions.read_text() == whole
    (tmp_path / "run/evaluation.json").unlink()
    (tmp_path / "run/started.json").write_text(json.dumps({"title": "another"}))
    with pytest.raises(UserError, match=r"holds another training \(title \"another\", now "):
        train_emotion_recipe(recipe, tmp_path / "run")


def test_a_recogniser_that_sees_nothing_leaves_a_guess(table, recogniser, tmp_path, monkeypatch):
    blind = np.zeros((5, 5))
    blind[:, 0] = 1  # all is taken for no gesture
    seen = {"val": np.eye(5), "test": blind}
    monkeypatch.setattr(emotion, "clip_confusion", lambda run, splits: seen[splits[0]])
    flags = ["--timelines", str(table), "--recogniser", str(recogniser), *SMALL]
    scores = train_emotion_recipe(load_emotion_recipe("demo/emotion", flags), tmp_path / "run")
    assert scores["recognised texts"].figures["log_loss"].value == pytest.approx(np.log(2))
    assert not scores["recognised texts"].learnt
    assert scores["true texts"].accuracy > 0.7


def test_confusion_is_that_of_the_validation_clips(recogniser):
    counts = clip_confusion(load_run(recogniser), ("val", "validation"))
    assert counts.shape == (5, 5)
    assert counts.sum(axis=1).tolist() == [4.0] * 5  # three clips per class, and one of each added
    assert (clip_confusion(load_run(recogniser), ("validate", "test")).sum(axis=1) == 5).all()
    with pytest.raises(DataError, match="no row has split 'nothing'"):
        clip_confusion(load_run(recogniser), ("nothing",))


def test_labels_go_through_the_confusion():
    vocabulary = Vocabulary.from_texts([*LABELS, REST])
    events = tuple(GestureEvent(t, t + 0.5, LABELS[t % 4]) for t in range(400))
    events += (GestureEvent(500.0, 501.0, "unknown to it"),)
    confusion = np.eye(5)
    confusion[0] = [0.5, 0.5, 0, 0, 0]  # left is taken for right half of the time
    confusion[2] = [0, 0, 0, 0, 1]  # up is not seen
    (seen,) = through_recogniser([Timeline(events)], confusion, vocabulary, 0)
    counts = {name: sum(e.label == name for e in seen) for name in LABELS}
    assert counts["down"] == 100
    assert counts["up"] == 0
    assert counts["left"] + counts["right"] == 200
    assert 35 <= counts["left"] <= 65
    assert all(vocabulary[e.label_id].name == e.label for e in seen)
    (again,) = through_recogniser([Timeline(events)], confusion, vocabulary, 0)
    assert again == seen


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timeline,subject,split\na.json,s,train\n", "nothing says the outcomes"),
        ("timeline,subject,split,outcome\na.json,s,train,\n", "row 2: outcome is missing"),
        ("timeline,subject,split,outcome\na.json,s,train,positive\n", r"row 2: .*a\.json: no such file"),
        ("", "empty"),
    ],
)
def test_a_broken_table_names_the_row(tmp_path, text, said):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        read_labelled(tmp_path / "t.csv")
    assert str(caught.value).startswith(f"{tmp_path}/t.csv")


def test_tables_that_cannot_be_read(tmp_path):
    (tmp_path / "sheet.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match="unknown format"):
        read_labelled(tmp_path / "sheet.xlsx")
    with pytest.raises(DataError, match="no such file"):
        read_labelled(tmp_path / "none.csv")
    formats.write(Timeline((GestureEvent(0, 1, "x"),)), tmp_path / "a.json")
    (tmp_path / "t.csv").write_text("timeline,subject,split,outcome\na.json,s,test,positive\n")
    with pytest.raises(DataError, match="nothing to tell apart"):
        train_emotion_recipe(load_emotion_recipe("demo/emotion", ["--timelines", str(tmp_path / "t.csv")]), tmp_path)


def test_a_run_says_what_it_was_trained_on(trained):
    values = read_evaluation(trained[0])
    assert values["protocol"] == "split"
    assert len(values["trained_on"]["videos"]) == 28
    with pytest.raises(DataError, match="not the folder of a finished emotion run"):
        read_evaluation(trained[0] / "nothing")


def test_the_best_reachable_accuracy_is_that_of_the_world(table, tmp_path):
    assert best_reachable(table) == 0.97
    assert best_reachable(tmp_path / "table.csv") is None
    (tmp_path / "world.json").write_text("[]")
    assert best_reachable(tmp_path / "table.csv") is None


def test_unknown_keys_and_no_data_are_one_line():
    with pytest.raises(RecipeError, match="names no data"):
        load_emotion_recipe("demo/emotion")
    with pytest.raises(RecipeError, match=r"reader\.colour"):
        load_emotion_recipe("demo/emotion", ["--timelines", "t.csv", "--reader.colour", "3"])
