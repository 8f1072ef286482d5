"""Many labelled timelines: replies are kept as they come, a stopped run goes on, and the table counts as it says."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from gesture_events import event

from microgesture import formats
from microgesture.commands.main import main
from microgesture.emotion.labelled import LabelledTimelines, best_reachable
from microgesture.errors import DataError
from microgesture.reasoning.backends import NoReply, RawReply
from microgesture.reasoning.evidence import Conditions
from microgesture.reasoning.scenario import load_scenario
from microgesture.reasoning.scores import distribution, markdown, score
from microgesture.reasoning.trials import cases_of, run_trials, trial_conditions
from microgesture.timeline import Timeline

SCENARIO = load_scenario("press_conference")
SRT = "1\n00:00:01,000 --> 00:00:02,000\nAnn: Well.\n"


class Scripted:
    """A language model that reads the first gesture: a jaw has lost, arms have won, a neck is no answer; hair is
    answered with nonsense. Counts what it is asked."""

    name, model, base_url, remark, language_model = "openai", "scripted", "http://127.0.0.1/v1", "", True

    def __init__(self, stop_after: int = 10**9) -> None:
        self.asked = 0
        self.stop_after = stop_after

    def reply(self, task) -> RawReply:
        if self.asked >= self.stop_after:
            raise KeyboardInterrupt
        self.asked += 1
        shown = task.evidence.events
        label = shown[0].label if shown else ""
        answer = {"Touching jaw": "lost", "Folding arms": "won"}.get(label, "undecided")
        if label == "Playing or adjusting hair":
            return RawReply("no idea", "stop", 10, 5)
        reason = {"claim": "So.", "gesture": None, "events": ["E1"], "utterances": [], "direction": "for"}
        if not shown:
            reason |= {"events": [], "utterances": ["U1"]}
        return RawReply(json.dumps({"answer": answer, "probability": 0.9, "reasons": [reason]}), "stop", 10, 5)


def labelled() -> LabelledTimelines:
    """Outcomes lost, won, lost, won, lost, won; read as lost (right), won (right), won (wrong), -, nonsense, lost."""
    first = ("Touching jaw", "Folding arms", "Folding arms", "Touching or scratching neck")
    first += ("Playing or adjusting hair", "Touching jaw")
    n = len(first)
    return LabelledTimelines(
        [f"v{i}" for i in range(n)],
        [Timeline((event(1.0, label),)) for label in first],
        ["negative", "positive"] * (n // 2),
        [f"s{i // 2}" for i in range(n)],
        ["test"] * n,
        [None] * n,
    )


def test_the_table_counts_as_it_says(tmp_path):
    cases = cases_of(labelled(), SCENARIO)
    trials = run_trials(cases, SCENARIO, [Scripted()], [Conditions()], tmp_path)
    row = score(trials, cases, SCENARIO, 0.9).rows[0]
    assert row.timelines == 6
    assert row.subjects == 3
    assert row.accuracy == pytest.approx((1 + 1 + 0 + 0.5 + 0.5 + 0) / 6)
    assert (row.answered, row.accuracy_answered) == (4, pytest.approx(0.5))
    assert row.balanced_accuracy == pytest.approx(((1 + 0 + 0.5) / 3 + (1 + 0.5 + 0) / 3) / 2)
    assert row.brier == pytest.approx((2 * 0.02 + 2 * 1.62 + 2 * 0.5) / 6)
    assert row.calibration_error == pytest.approx(abs(0.9 - 0.5) * 4 / 6)
    assert row.undecided == pytest.approx(1 / 6)
    assert (row.valid_at_once, row.valid_after_repair) == (pytest.approx(5 / 6), 0.0)
    assert row.failed == pytest.approx(1 / 6)
    assert row.cited_events == 1.0
    assert row.tokens == pytest.approx((5 * 15 + 30) / 6)
    assert row.interval[0] <= row.accuracy <= row.interval[1]
    text = markdown(score(trials, cases, SCENARIO, 0.9))
    assert "always the commonest outcome: 50.0 %" in text
    assert "best reachable in this synthetic world: 90.0 %" in text
    assert "uniform distribution" in text


def test_a_stopped_run_goes_on_and_asks_nothing_twice(tmp_path):
    cases = cases_of(labelled(), SCENARIO)
    whole = run_trials(cases, SCENARIO, [Scripted()], [Conditions()], tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_trials(cases, SCENARIO, [Scripted(3)], [Conditions()], tmp_path / "out")
    path = tmp_path / "out" / "replies.jsonl"
    assert len(path.read_text().splitlines()) == 3
    with path.open("a") as file:
        file.write('{"key": "torn')  # the machine went down in the middle of a line
    second = Scripted()
    trials = run_trials(cases, SCENARIO, [second], [Conditions()], tmp_path / "out")
    assert second.asked == 4  # three timelines were left, one of them is asked twice
    assert len(path.read_text().splitlines()) == 6
    assert all(json.loads(line)["schema"] for line in path.read_text().splitlines())
    rows = [replace(score(t, cases, SCENARIO).rows[0], seconds=None) for t in (whole, trials)]
    assert rows[0] == rows[1]
    changed = SCENARIO.model_copy(update={"question": "Another question?"})
    third = Scripted()
    run_trials(cases, changed, [third], [Conditions()], tmp_path / "out")
    assert third.asked == 7


def test_a_server_that_goes_down_stops_the_run_and_keeps_what_came(tmp_path):
    class GoesDown(Scripted):
        def reply(self, task):
            if self.asked == 2:
                raise NoReply("http://x: nothing answers there")
            return super().reply(task)

    with pytest.raises(NoReply, match="the same command goes on"):
        run_trials(cases_of(labelled(), SCENARIO), SCENARIO, [GoesDown()], [Conditions()], tmp_path)
    assert len((tmp_path / "replies.jsonl").read_text().splitlines()) == 2


def test_time_out_counts_as_failed(tmp_path):
    class Late(Scripted):
        def reply(self, task):
            raise NoReply("late", late=True)

    cases = cases_of(labelled(), SCENARIO)
    row = score(run_trials(cases, SCENARIO, [Late()], [Conditions()], tmp_path), cases, SCENARIO).rows[0]
    assert (row.failed, row.accuracy, row.brier, row.calibration_error) == (1.0, 0.5, 0.5, 0.0)


def test_cases(tmp_path):
    data = labelled()
    assert [c.outcome for c in cases_of(data, SCENARIO)] == ["lost", "won"] * 3
    assert [c.name for c in cases_of(data, SCENARIO, limit=3)] == ["v0", "v1", "v2"]
    mixed = replace(data, splits=["train", "test"] * 3)
    assert [c.name for c in cases_of(mixed, SCENARIO)] == ["v1", "v3", "v5"]
    assert len(cases_of(mixed, SCENARIO, "all")) == 6
    with pytest.raises(DataError, match="no timeline has the split 'val'"):
        cases_of(mixed, SCENARIO, "val")
    with pytest.raises(DataError, match="outcome 'draw' is none of the scenario's answers"):
        cases_of(replace(data, outcomes=["draw"] * 6), SCENARIO)
    with pytest.raises(DataError, match="no transcript of 'v0'"):
        cases_of(data, SCENARIO, transcripts=tmp_path)


def test_conditions():
    assert trial_conditions(False, False, True) == [Conditions(True, True), Conditions(False, True)]
    assert trial_conditions(True, True, False) == [Conditions(True, False), None]
    assert trial_conditions(True, False, False) == [Conditions(True, False)]
    with pytest.raises(DataError, match="nothing to show"):
        trial_conditions(False, True, False)


def test_what_a_reply_means_as_probabilities(tmp_path):
    cases = cases_of(labelled(), SCENARIO)
    trials = run_trials(cases, SCENARIO, [Scripted()], [Conditions(), None], tmp_path)
    assert np.allclose(distribution(trials[0].explanation, SCENARIO), [0.1, 0.9])
    assert np.allclose(distribution(trials[3].explanation, SCENARIO), [0.5, 0.5])
    assert np.allclose(distribution(None, SCENARIO), [0.5, 0.5])
    nothing = score(trials, cases, SCENARIO).rows[1]
    assert (nothing.condition, nothing.accuracy, nothing.undecided, nothing.failed) == ("nothing", 0.5, 1.0, None)


def test_files_of_somebody_else_are_left_alone(tmp_path):
    (tmp_path / "replies.jsonl").write_text("not ours\n")
    with pytest.raises(DataError, match="line 1: not a kept reply"):
        run_trials(cases_of(labelled(), SCENARIO), SCENARIO, [Scripted()], [Conditions()], tmp_path)


def test_on_the_command_line(tmp_path, capsys, chat_server):
    data = labelled()
    rows = ["timeline,who,part,outcome"]
    for name, timeline, outcome, subject in zip(data.names, data.timelines, data.outcomes, data.subjects, strict=True):
        formats.write(timeline, tmp_path / f"{name}.json")
        (tmp_path / "talk").mkdir(exist_ok=True)
        (tmp_path / "talk" / f"{name}.srt").write_text(SRT)
        rows.append(f"{name}.json,{subject},test,{outcome}")
    (tmp_path / "timelines.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "world.json").write_text('{"bayes_accuracy": {"value": 0.8}}')
    assert best_reachable(tmp_path / "timelines.csv") == best_reachable(tmp_path) == 0.8
    command = ["scenarios", "run", "press_conference", str(tmp_path / "timelines.csv"), "-o", str(tmp_path / "out")]
    command += ["--target", "outcome", "--subject", "who", "--backend", "template", "openai", "--model", "good"]
    command += ["--base-url", chat_server.url]
    before = len(chat_server.requests())
    assert main([*command, "--transcripts", str(tmp_path / "talk")]) == 0
    assert "best reachable in this synthetic world: 80.0 %" in capsys.readouterr().out
    assert len(chat_server.requests()) == before + 12
    assert main([*command, "--transcripts", str(tmp_path / "talk")]) == 0
    assert len(chat_server.requests()) == before + 12
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [(r["backend"], r["condition"]) for r in results["rows"]] == [
        ("template", "gestures and transcript"),
        ("template", "transcript"),
        ("openai", "gestures and transcript"),
        ("openai", "transcript"),
    ]
    assert results["rows"][2]["subjects"] == 3
    assert results["rows"][2]["accuracy"] == 0.5
    assert main([*command, "--without-gestures"]) == 2
    assert main([*command, "--limit", "0"]) == 2
    assert main(["scenarios", "run", "interview", *command[3:]]) == 0
