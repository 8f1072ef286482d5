"""A synthetic world: what is planned, what is written, and that neither workers nor interruptions show in it."""

from __future__ import annotations

import csv
import errno
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likelihood_ratio import log_likelihood_ratio
from microgesture import formats
from microgesture.errors import DataError, RecipeError, UserError
from microgesture.skeletons.track import SkeletonTrack
from microgesture.synthetic.people.schedule import Setting
from microgesture.synthetic.worlds import world
from microgesture.synthetic.worlds.domains import DOMAINS, SPLITS
from microgesture.synthetic.worlds.interviews import InterviewRates
from microgesture.synthetic.worlds.plan import Plan, WorldConfig, class_counts, split_sizes
from microgesture.synthetic.worlds.staging import stream, subject
from microgesture.video import VideoReader
from microgesture.vocabulary import NO_GESTURE, Vocabulary

CLASSES = "Touching jaw; Folding arms; Head up"
TINY = WorldConfig(
    clips=6,
    interviews=2,
    timelines=4,
    seed=7,
    classes=CLASSES,
    size=32,
    fps=4.0,
    subjects=6,
    shares=(0.5, 0.25, 0.25),
    longest_gesture=1.2,
    interview_seconds=(4.0, 6.0),
)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.synthesize(tmp_path_factory.mktemp("worlds") / "tiny", TINY)


# --- what is planned ---------------------------------------------------------------------------------------


def test_classes_are_balanced_and_spread_over_subjects() -> None:
    plan = Plan(WorldConfig(clips=1320, subjects=60))
    clips = [item for item in plan.items() if item.kind == "clip"]
    assert len(plan.vocabulary) == 33
    assert plan.vocabulary.names[-1] == NO_GESTURE
    for split, expected in zip(SPLITS, (858, 132, 330), strict=True):
        counts = Counter(i.label for i in clips if i.split == split)
        assert sum(counts.values()) == expected
        assert max(counts.values()) - min(counts.values()) <= 1
    jaw = {i.subject for i in clips if i.label == "Touching jaw" and i.split == "train"}
    assert len(jaw) > 12


def test_long_tail_falls_to_a_fiftieth_in_the_same_order_everywhere() -> None:
    plan = Plan(WorldConfig(clips=20_000, balance="long-tail"))
    clips = [item for item in plan.items() if item.kind == "clip"]
    train, test = (Counter(i.label for i in clips if i.split == s) for s in ("train", "test"))
    assert len(train) == len(test) == 33
    assert 30 < max(train.values()) / min(train.values()) < 55
    assert [k for k, _ in train.most_common(5)] == [k for k, _ in test.most_common(5)]
    assert len(class_counts(10, 33, "long-tail", np.random.default_rng(0))) == 10


@pytest.mark.parametrize("total", [0, 1, 2, 3, 7, 20, 2000])
def test_split_sizes_sum_up_and_leave_no_split_empty(total: int) -> None:
    sizes = split_sizes(total, (0.65, 0.1, 0.25))
    assert sum(sizes) == total
    assert total < 3 or min(sizes) > 0
    assert split_sizes(total, (1.0, 0.0, 0.0)) == (total, 0, 0)


def test_outcomes_are_balanced_in_every_split() -> None:
    items = [i for i in Plan(WorldConfig(clips=0, interviews=30, timelines=400)).items() if i.kind == "timeline"]
    for split in SPLITS:
        outcomes = Counter(i.label for i in items if i.split == split)
        assert abs(outcomes["positive"] - outcomes["negative"]) <= 1
        subjects = {o: {i.subject for i in items if i.split == split and i.label == o} for o in outcomes}
        assert subjects["positive"] == subjects["negative"]


def test_companions_leave_the_label_true() -> None:
    plan = Plan(WorldConfig(clips=400, companions=1.0))
    scripts = [(item.label, plan.clip(item)) for item in plan.items() if item.kind == "clip"]
    accompanied = [(label, s) for label, s in scripts if s.companion]
    assert len(accompanied) > 350
    for label, script in accompanied:
        assert script.companion is not None
        spec = plan.motions[script.companion.key]
        assert spec.group != "hands"
        assert spec.labels.get("imigue") not in plan.vocabulary.names
        if label != NO_GESTURE:
            assert script.gesture is not None
            assert spec.group != plan.motions[script.gesture.key].group
    assert not any(s.companion for _, s in _clips(Plan(WorldConfig(clips=200, companions=0.0))))


def test_gestures_lie_inside_their_clip_and_nothing_happens_in_clips_without() -> None:
    plan = Plan(WorldConfig(clips=660, companions=0.0))
    lengths: dict[bool, list[float]] = {True: [], False: []}
    idle = 0
    for label, script in _clips(plan):
        lengths[label == NO_GESTURE].append(script.duration)
        if label == NO_GESTURE:
            idle += script.gesture is None
            assert script.gesture is None or script.gesture.key in {s.key for s in plan.by_label[NO_GESTURE]}
            continue
        assert script.gesture is not None
        assert 0.1 <= script.gesture.start < script.gesture.end < script.duration
        assert plan.motions[script.gesture.key].labels["imigue"] == label
    assert 0 < idle < len(lengths[True])
    assert abs(np.mean(lengths[True]) - np.mean(lengths[False])) < 0.8


def _clips(plan: Plan):
    return [(item.label, plan.clip(item)) for item in plan.items() if item.kind == "clip"]


def test_streams_share_nothing_and_subjects_differ_between_splits() -> None:
    draws = {
        tuple(stream(7, kind, split, index).random(2))
        for kind in ("subject", "clip", "interview")
        for split in SPLITS
        for index in range(5)
    }
    assert len(draws) == 45
    people = [subject(7, split, i) for split in SPLITS for i in range(4)]
    assert len({p.body.lengths["stature"] for p in people}) == 12
    assert subject(7, "test", 1) == subject(7, "test", 1)


def test_test_domain_is_another_one() -> None:
    train, test = DOMAINS["train"], DOMAINS["test"]
    assert not set(train.appearance.backdrops) & set(test.appearance.backdrops)
    assert DOMAINS["val"] == train
    assert test.camera != train.camera
    assert test.style != train.style
    assert test.appearance.hat == train.appearance.hat > 0.2


def test_hands_on_a_table_are_filmed_from_above_it() -> None:
    for domain in DOMAINS.values():
        over = domain.camera_for(Setting(table=True, rest="table"))
        assert min(over.elevation) >= 6.0
        assert not {"knees", "full"} & set(over.framings)
        assert domain.camera_for(Setting()) is domain.camera


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"clips": -1}, "clips"),
        ({"vocabulary": "mine"}, "vocabulary"),
        ({"size": 33}, "size"),
        ({"fps": 0.0}, "fps"),
        ({"subjects": 2}, "subjects"),
        ({"balance": "even"}, "balance"),
        ({"companions": 1.5}, "companions"),
        ({"interview_seconds": (10.0, 5.0)}, "interview_seconds"),
        ({"workers": 0}, "workers"),
    ],
)
def test_impossible_values_are_named(change: dict, name: str) -> None:
    with pytest.raises(RecipeError, match=f"synthesize: {name} must be"):
        WorldConfig(**change)


def test_unknown_class_is_named() -> None:
    with pytest.raises(DataError, match="'Touching knees' is not in vocabulary 'imigue'"):
        Plan(WorldConfig(classes="Touching jaw; Touching knees"))


@pytest.mark.parametrize(("vocabulary", "count"), [("imigue", 32), ("smg", 17)])
def test_every_class_has_a_motion(vocabulary: str, count: int) -> None:
    assert len(Plan(WorldConfig(vocabulary=vocabulary)).gestures) == count


# --- what is written ---------------------------------------------------------------------------------------


def test_manifest_and_videos(tiny: Path) -> None:
    rows = _rows(tiny / "manifest.csv")
    assert list(rows[0])[:7] == ["video", "start", "end", "label", "person", "subject", "split"]
    assert [r["split"] for r in rows] == ["train"] * 3 + ["val"] * 2 + ["test"]
    vocabulary = Vocabulary.load(tiny / "vocabulary.json")
    assert vocabulary.names == ("Touching jaw", "Folding arms", "Head up", NO_GESTURE)
    assert {r["label"] for r in rows} <= set(vocabulary.names)
    subjects = {split: {r["subject"] for r in rows if r["split"] == split} for split in SPLITS}
    assert not subjects["train"] & subjects["test"]
    for row in rows:
        with VideoReader(tiny / row["video"]) as reader:
            assert reader.size == (32, 32)
            assert reader.duration == pytest.approx(float(row["duration"]), abs=0.01)
        track = SkeletonTrack.load(tiny / row["skeleton"])
        assert len(track) == round(float(row["duration"]) * 4)
        assert track.layout == "synthetic"
        assert 0.2 < track.scores.mean() < 1.0
        nose = track.skeleton.joints.index("nose")
        assert ((track.points[:, nose] > 0) & (track.points[:, nose] < 32)).all()


def test_pictures_move_and_show_a_person(tiny: Path) -> None:
    row = next(r for r in _rows(tiny / "manifest.csv") if r["label"] == "Folding arms")
    with VideoReader(tiny / row["video"]) as reader:
        frames = reader.frames_at(np.arange(0, reader.duration, 0.25)).astype(float)
    assert frames.std() > 10
    assert np.abs(np.diff(frames, axis=0)).mean() > 0.5


def test_interviews_carry_their_truth(tiny: Path) -> None:
    rows = _rows(tiny / "interviews.csv")
    assert len(rows) == 2
    rates = InterviewRates.from_json(json.loads((tiny / "world.json").read_text("utf-8"))["rates"])
    for row in rows:
        timeline = formats.read(tiny / row["timeline"])
        assert timeline.media.file == Path(row["video"]).name
        assert timeline.duration == pytest.approx(float(row["duration"]))
        assert timeline.emotion is None
        assert row["outcome"] not in (tiny / row["timeline"]).read_text("utf-8")
        assert np.isfinite(log_likelihood_ratio(timeline, rates))
        with VideoReader(tiny / row["video"]) as reader:
            assert reader.duration == pytest.approx(timeline.duration, abs=0.01)
    assert len(_rows(tiny / "timelines.csv")) == len(list((tiny / "timelines").glob("*.json"))) == 4


def test_world_says_what_is_known(tiny: Path) -> None:
    known = json.loads((tiny / "world.json").read_text("utf-8"))
    assert known["complete"] is True
    assert known["counts"] == {"clip": 6, "interview": 2, "timeline": 4}
    assert 0.5 < known["bayes_accuracy"]["value"] < 1.0
    assert 0 < known["bayes_accuracy"]["standard_error"] < 0.01
    assert "workers" not in known["config"]
    assert not list(tiny.rglob(".*"))


def test_workers_do_not_show(tiny: Path, tmp_path: Path) -> None:
    world.synthesize(tmp_path / "again", replace(TINY, workers=2))
    assert _bytes(tmp_path / "again") == _bytes(tiny)


def test_another_seed_is_another_world(tmp_path: Path, tiny: Path) -> None:
    small = replace(TINY, clips=3, interviews=0, timelines=0, seed=8)
    other = _bytes(world.synthesize(tmp_path / "other", small))
    same = [name for name, data in other.items() if name.endswith(".mp4") and data in _bytes(tiny).values()]
    assert same == []
    assert "interviews.csv" not in other


def test_stopped_run_goes_on(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "stopped"
    made: list[str] = []
    film = world.film

    def stop_after_two(*args: object, **kwargs: object) -> None:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append("one")
        film(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(world, "film", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        world.synthesize(out, TINY)
    assert json.loads((out / "world.json").read_text("utf-8"))["complete"] is False
    assert not (out / "manifest.csv").exists()
    (out / "clips" / "train" / ".train-00000.mp4.1.part").write_bytes(b"half")
    monkeypatch.setattr(world, "film", film)
    seen: list[tuple[int, int]] = []
    world.synthesize(out, TINY, lambda done, total: seen.append((done, total)))
    assert seen == [(done, 8) for done in range(2, 9)]
    assert _bytes(out) == _bytes(tiny)


def test_another_world_or_foreign_folder_is_left_alone(tiny: Path, tmp_path: Path) -> None:
    before = _bytes(tiny)
    with pytest.raises(UserError, match="holds another synthetic world \\(seed 7, now 9\\)"):
        world.synthesize(tiny, replace(TINY, seed=9))
    assert _bytes(tiny) == before
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty and holds no synthetic world"):
        world.synthesize(tmp_path, TINY)
    with pytest.raises(UserError, match="is a file"):
        world.synthesize(tmp_path / "thesis.txt", TINY)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "world.json").write_text("[1]")
    with pytest.raises(UserError, match="cannot be read as the note of a synthetic world"):
        world.synthesize(tmp_path / "broken", TINY)


def test_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(UserError, match=r"world\.json: cannot be written \(No space left on device\)"):
        world.synthesize(tmp_path / "full", TINY)
