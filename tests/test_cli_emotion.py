"""`microgesture emotion` on tables as people hand them out."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from microgesture import formats
from microgesture.commands.main import main
from microgesture.emotion.scores import read_predictions
from microgesture.timeline import Driver, EmotionReading, GestureEvent, Timeline

QUICK = ["--repeats", "2", "--folds", "3", "--reader.resamples", "5"]


def write_events(path, told=1.2, people=20, events=6, seed=0):
    """120 rows of events without times: 20 videos of 20 people, 6 gestures each, whose mood shifts them by `told`."""
    rng = np.random.default_rng(seed)
    names = ["jaw", "neck", "arms", "hands"]
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["clip_id", "who", "behaviour", "mood"])
        for person in range(people):
            shift = np.array([told, told, -told, -told]) * (1 if person % 2 else -1) / 2
            share = np.exp(shift) / np.exp(shift).sum()
            for label in rng.choice(names, events, p=share):
                table.writerow([f"v{person:02d}", f"p{person}", label, ("calm", "tense")[person % 2]])
    return str(path)


def train(table, out, *flags):
    columns = ["--video", "clip_id", "--subject", "who", "--target", "mood"]
    return main(["emotion", "train", table, "-o", str(out), *columns, *QUICK, *flags])


def test_120_rows_without_times_by_one_command(tmp_path, capsys):
    table = write_events(tmp_path / "events.csv", told=2.0)
    assert train(table, tmp_path / "run", "--model", "logistic") == 0
    said = capsys.readouterr().out
    assert "20 held-out videos of 20 subjects, outcomes calm, tense; protocol folds, 2 repeats" in " ".join(
        said.split()
    )
    assert "the events have no times" in said
    assert "Better than chance" in said
    found = read_predictions(tmp_path / "run/predictions.csv")
    assert found.probabilities.shape == (2, 20, 2)
    assert main(["emotion", "evaluate", str(tmp_path / "run")]) == 0
    table_md = (tmp_path / "run/evaluation/table.md").read_text()
    assert "Majority of training" in table_md
    assert (tmp_path / "run/evaluation/calibration.png").stat().st_size > 5000


def test_the_same_seed_gives_the_same_predictions_and_a_stopped_call_goes_on(tmp_path, monkeypatch):
    table = write_events(tmp_path / "events.csv")
    flags = ["--model", "transformer", "--reader.members", "2", "--reader.epochs", "2", "--reader.width", "16"]
    assert train(table, tmp_path / "a", *flags) == 0
    from microgesture.emotion import recipes as emotion

    real, calls = emotion.train_emotion, []

    def stopping(*arguments, **named):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    monkeypatch.setattr(emotion, "train_emotion", stopping)
    assert train(table, tmp_path / "b", *flags) == 130
    assert not (tmp_path / "b/evaluation.json").exists()
    monkeypatch.setattr(emotion, "train_emotion", real)
    assert train(table, tmp_path / "b", *flags) == 0
    assert (tmp_path / "a/predictions.csv").read_bytes() == (tmp_path / "b/predictions.csv").read_bytes()
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()
    assert train(table, tmp_path / "b", *flags) == 2  # it holds a run


def test_outcomes_that_nothing_tells_are_said_to_be_so(tmp_path, capsys):
    table = write_events(tmp_path / "events.csv", told=0.0, seed=3)
    for model in ("logistic", "forest", "majority"):
        assert train(table, tmp_path / model, "--model", model) == 0
        assert "Nothing was learnt that can be told from chance" in capsys.readouterr().out
        values = json.loads((tmp_path / model / "evaluation.json").read_text())["true texts"]
        low, high = values["figures"]["balanced_accuracy"]["interval"]
        assert low <= 0.5 <= high
        assert not values["learnt"]


def test_runs_are_compared_and_one_alone_is_not(tmp_path, capsys):
    table = write_events(tmp_path / "events.csv", told=2.5)
    for model in ("logistic", "majority"):
        assert train(table, tmp_path / model, "--model", model) == 0
    capsys.readouterr()
    runs = [str(tmp_path / "logistic"), str(tmp_path / "majority")]
    assert main(["emotion", "compare", *runs, "-o", str(tmp_path / "table")]) == 0
    assert "told apart" in capsys.readouterr().out
    text = (tmp_path / "table/table.md").read_text()
    assert "logistic, text / majority, text" in text
    assert "told apart" in text
    assert main(["emotion", "compare", *runs, "-o", str(tmp_path / "table")]) == 0
    other = str(tmp_path / "other")
    shutil.copytree(runs[0], other)
    assert main(["emotion", "compare", runs[0], other, "-o", str(tmp_path / "table")]) == 2
    assert (tmp_path / "table/table.md").read_text() == text
    assert "table.md: was made from " in capsys.readouterr().err
    for run in (*runs, runs[0]):
        assert main(["emotion", "evaluate", run, "-o", str(tmp_path / "each")]) == 0
    for name in ("logistic", "majority"):
        assert f"| {name}, text |" in (tmp_path / "each" / name / "table.md").read_text()
    assert main(["emotion", "compare", runs[0]]) == 2
    assert main(["emotion", "evaluate", runs[0], str(tmp_path / "nothing")]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert any("cannot be compared" in line for line in lines)
    assert any("not the folder of a finished emotion run" in line for line in lines)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--model", "oracle"], "no emotion model 'oracle': known are auto"),
        (["--protocol", "loso"], "protocol 'loso' is unknown"),
        (["--reader.details", '["colour"]'], "emotion.details must be some of"),
        (["--label", "nothing"], "no column 'nothing' for label"),
        (["--input", "features"], "has no column 'features'"),
        (["--folds", "1"], "folds must be 2 or more"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, capsys, flags, said):
    table = write_events(tmp_path / "events.csv")
    assert train(table, tmp_path / "run", *flags) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_a_mistake_leaves_the_folder_free_and_other_data_do_not_go_on(tmp_path, capsys, monkeypatch):
    table = write_events(tmp_path / "events.csv")
    assert train(table, tmp_path / "run", "--model", "majority", "--label", "nothing") == 2
    from microgesture.emotion import recipes as emotion

    def stopping(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(emotion, "_write_evaluation", stopping)
    assert train(table, tmp_path / "run", "--model", "majority") == 130
    monkeypatch.undo()
    capsys.readouterr()
    write_events(tmp_path / "events.csv", seed=1)
    assert train(table, tmp_path / "run", "--model", "majority") == 2
    assert "holds another training (data differs): choose another folder" in capsys.readouterr().err
    write_events(tmp_path / "events.csv")
    assert train(table, tmp_path / "run", "--model", "majority") == 0


def test_runs_of_different_outcomes_are_not_compared(tmp_path, capsys):
    table = write_events(tmp_path / "events.csv")
    assert train(table, tmp_path / "mood", "--model", "majority") == 0
    other = (tmp_path / "events.csv").read_text().replace("calm", "lie").replace("tense", "truth")
    (tmp_path / "events.csv").write_text(other)
    assert train(table, tmp_path / "lies", "--model", "majority") == 0
    capsys.readouterr()
    assert main(["emotion", "compare", str(tmp_path / "mood"), str(tmp_path / "lies")]) == 2
    assert "read different outcomes: they cannot be compared" in capsys.readouterr().err


def test_help_without_torch_and_unknown_actions(capsys):
    with pytest.raises(SystemExit):
        main(["emotion", "--help"])
    assert "compare" in capsys.readouterr().out
    assert main(["emotion", "guess"]) == 2


def test_attention_stays_in_the_file(tmp_path):
    drivers = (Driver(0, "jaw", 0.5, 0.75), Driver(1, "neck", -0.1))
    reading = EmotionReading("calm", {"calm": 0.6, "tense": 0.4}, (0.5, 0.7), drivers)
    timeline = Timeline((GestureEvent(0, 1, "jaw"), GestureEvent(2, 3, "neck")), emotion=reading)
    formats.write(timeline, tmp_path / "t.json")
    assert formats.read(tmp_path / "t.json").emotion.drivers == drivers
