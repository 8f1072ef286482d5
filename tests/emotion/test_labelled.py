"""Timelines and outcomes from data sets as their owners hand them out, and from folders of timelines."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from official_trees import write_imigue_miga, write_letter_clips
from smg_trees import write_elan_folder, write_smg

from microgesture import formats
from microgesture.emotion.event_tables import TableColumns
from microgesture.emotion.labelled import read_labelled
from microgesture.emotion.protocols import ProtocolConfig, plan
from microgesture.errors import DataError
from microgesture.timeline import GestureEvent, Media, Timeline


def targets_of(names, path, outcomes=("win", "lose")):
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["video_id", "subject", "win_or_lose"])
        table.writerows([name, f"s{i // 2}", outcomes[i % 2]] for i, name in enumerate(names))
    return TableColumns(targets=str(path))


def test_imigue_as_the_challenge_hands_it_out(tmp_path):
    write_imigue_miga(tmp_path / "iMiGUE")
    found = read_labelled(tmp_path / "iMiGUE", targets_of(range(1, 400), tmp_path / "labels.csv"))
    assert len(found) >= 3
    assert all(name.isdigit() for name in found.names)
    assert all(len(timeline) > 0 for timeline in found.timelines)
    assert not any(t.provenance.get("untimed") for t in found.timelines)
    assert set(found.splits) <= {"train", "val", "test"}
    with pytest.raises(DataError, match="nothing says the outcomes"):
        read_labelled(tmp_path / "iMiGUE")


def test_the_letters_clips_become_videos(tmp_path):
    write_letter_clips(tmp_path / "clips", "imigue")
    read = read_labelled(tmp_path / "clips", targets_of([f"{i:04d}" for i in range(1, 60)], tmp_path / "t.csv"))
    assert len(read) >= 2
    assert all(t.duration > 0 for t in read.timelines)


def test_smg_brings_its_states_and_its_protocol(tmp_path):
    write_smg(tmp_path / "SMG", samples=(1, 2, 3, 36, 37), rgb=False, skeleton=False)
    found = read_labelled(tmp_path / "SMG")
    assert sorted(set(found.outcomes)) == ["relaxed", "stressed"]
    assert any("relaxed intervals: found 5, published 71" in remark for remark in found.remarks)
    (trial,) = plan(found, ProtocolConfig(name="smg", repeats=1)).trials
    assert {found.subjects[i] for i in trial.train} == {"1", "2", "3"}
    assert {found.subjects[i] for i in trial.test} == {"36", "37"}


def test_elan_files_of_a_folder(tmp_path):
    folder = write_elan_folder(tmp_path / "elan", files=4)
    names = sorted(p.stem for p in folder.glob("*.eaf"))
    found = read_labelled(folder, targets_of(names, tmp_path / "t.csv"))
    assert found.names == names
    assert all(len(t) for t in found.timelines)


def test_analyses_in_folders_and_features_beside_a_table(tmp_path):
    rows = []
    for i in range(4):
        timeline = Timeline((GestureEvent(0, 1, "jaw"), GestureEvent(2, 3, "neck")), Media(duration=5.0))
        formats.write(timeline, tmp_path / "out" / f"talk{i}" / "timeline.json")
        np.save(tmp_path / f"f{i}.npy", np.ones((2, 3)))
        rows.append([f"out/talk{i}/timeline.json", f"talk{i}", f"s{i}", "xy"[i % 2], f"f{i}.npy"])
    found = read_labelled(tmp_path / "out", targets_of([f"talk{i}" for i in range(4)], tmp_path / "t.csv"))
    assert found.names == ["talk0", "talk1", "talk2", "talk3"]
    with (tmp_path / "timelines.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["timeline", "video", "subject", "outcome", "features"], *rows])
    named = read_labelled(tmp_path / "timelines.csv")
    assert named.names == found.names
    assert [f.shape for f in named.read_features()] == [(2, 3)] * 4
    whose = targets_of([f"talk{i}" for i in range(4)], tmp_path / "t.csv", ("calm", "tense"))
    of_folder = read_labelled(tmp_path, replace(whose, target="win_or_lose"))
    assert of_folder.outcomes == ["calm", "tense", "calm", "tense"]
    np.save(tmp_path / "f2.npy", np.ones((1, 3)))
    with pytest.raises(DataError, match=r"features \(1, 3\) do not fit the 2 events of 'talk2'"):
        named.read_features()


def test_files_of_one_name_in_several_folders_stay_apart(tmp_path):
    timeline = Timeline((GestureEvent(0, 1, "jaw"),), Media(duration=5.0))
    for person in ("p1", "p2"):
        formats.write(timeline, tmp_path / person / "interview.json")
    table = tmp_path / "timelines.csv"
    table.write_text("timeline,subject,outcome\np1/interview.json,p1,x\np2/interview.json,p2,y\n")
    assert read_labelled(table).names == ["p1/interview.json", "p2/interview.json"]
    table.write_text("timeline,outcome\np1/interview.json,x\np1/interview.json,y\n")
    with pytest.raises(DataError, match=r"two videos are called 'p1/interview.json'"):
        read_labelled(table)
