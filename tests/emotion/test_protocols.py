"""Who is trained on and who is tested."""

from __future__ import annotations

import numpy as np
import pytest

from microgesture.corpora.published import published
from microgesture.emotion.labelled import LabelledTimelines
from microgesture.emotion.protocols import ProtocolConfig, plan
from microgesture.errors import DataError, RecipeError
from microgesture.timeline import Timeline


def labelled(names, outcomes, subjects, splits=None):
    n = len(names)
    return LabelledTimelines(
        list(names), [Timeline()] * n, list(outcomes), list(subjects), splits or [""] * n, [None] * n, (), "t.csv"
    )


def people(n=40, videos=2):
    subjects = [f"s{i // videos}" for i in range(n)]
    return labelled([f"v{i}" for i in range(n)], ["win" if i % 2 else "lose" for i in range(n)], subjects)


def test_folds_hold_whole_people_out_and_test_every_video_once_a_repeat():
    data = people()
    found = plan(data, ProtocolConfig(repeats=3, folds=4))
    assert (found.name, found.fixed, len(found.trials)) == ("folds", False, 12)
    subjects = np.array(data.subjects)
    for trial in found.trials:
        assert not set(subjects[trial.train]) & set(subjects[trial.test])
    for repeat in range(3):
        tested = np.concatenate([t.test for t in found.trials if t.repeat == repeat])
        assert sorted(tested) == list(range(40))
    parts = [{tuple(t.test) for t in found.trials if t.repeat == r} for r in range(3)]
    assert parts[0] != parts[1]
    again = plan(data, ProtocolConfig(repeats=3, folds=4))
    assert all((a.test == b.test).all() for a, b in zip(found.trials, again.trials, strict=True))


def test_too_few_people_are_fewer_folds_or_none():
    data = labelled("abcdefgh", ["x", "x", "y", "y"] * 2, ["1", "2", "1", "2", "3", "3", "3", "3"])
    found = plan(data, ProtocolConfig(repeats=1))
    assert "3 folds" in found.remarks[0]
    with pytest.raises(DataError, match="only one person has outcome 'y'"):
        plan(labelled("abcd", ["x", "x", "x", "y"], ["1", "2", "3", "4"]), ProtocolConfig())


def test_a_split_of_its_own_is_kept_and_shared_people_are_said():
    splits = ["train"] * 4 + ["val"] * 2 + ["Test"] * 4
    data = labelled("abcdefghij", ["x", "y"] * 5, ["1", "1", "2", "2", "3", "3", "1", "4", "4", "5"], splits)
    assert plan(data, ProtocolConfig()).name == "folds"  # "Test" is written otherwise; asked for it is taken
    found = plan(data, ProtocolConfig(name="split", repeats=2))
    assert (found.fixed, len(found.trials)) == (True, 2)
    assert found.trials[0].train.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.trials[0].test.tolist() == [6, 7, 8, 9]
    assert [t.seed for t in found.trials] == [0, 1]
    assert any("1 people are on both sides" in remark for remark in found.remarks)
    with pytest.raises(DataError, match="leaves 0 videos to train on"):
        plan(people(), ProtocolConfig(name="split"))


def test_imigue_by_number():
    lists = published("imigue")["emotion_videos"]
    numbers = [*lists["train"], *lists["test"], 999]
    data = labelled([f"{n:04d}" for n in numbers], ["win", "lose"] * 101 + ["win"], [f"s{n % 60}" for n in numbers])
    found = plan(data, ProtocolConfig(name="imigue", repeats=1))
    (trial,) = found.trials
    assert (len(trial.train), len(trial.test)) == (102, 100)
    assert any(remark.startswith("train videos: found 102, published 102") for remark in found.remarks)


def test_miga_says_how_many_and_that_validation_chooses_nothing():
    splits = ["train"] * 245 + ["val"] * 10 + ["test"] * 104
    data = labelled(
        [f"{i:04d}" for i in range(359)], ["win", "lose"] * 179 + ["win"], [str(i) for i in range(359)], splits
    )
    found = plan(data, ProtocolConfig(name="miga", repeats=1))
    assert len(found.trials[0].train) == 255
    assert "test videos: found 104, published 104" in found.remarks
    assert any("all wins" in remark for remark in found.remarks)


def test_smg_by_subject():
    names = [f"Sample{s:04d}-{k}" for s in range(1, 41) for k in (1, 2)]
    data = labelled(names, ["relaxed", "stressed"] * 40, [str(s) for s in range(1, 41) for _ in (1, 2)])
    found = plan(data, ProtocolConfig(name="smg", repeats=1))
    assert (len(found.trials[0].train), len(found.trials[0].test)) == (70, 10)


def test_unknown_protocols_are_one_line():
    with pytest.raises(RecipeError, match="protocol 'loso' is unknown"):
        ProtocolConfig(name="loso")
    with pytest.raises(RecipeError, match="folds must be 2 or more"):
        ProtocolConfig(folds=1)
