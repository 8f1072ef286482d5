"""People acted and looked at without painting them: the same tracks as filming writes, for timelines, too."""

from dataclasses import replace

import numpy as np
import pytest

from microgesture.skeletons.track import SkeletonTrack
from microgesture.synthetic.worlds.plan import Item, Plan, WorldConfig
from microgesture.synthetic.worlds.staging import film, stage

CONFIG = WorldConfig(
    clips=3,
    interviews=3,
    timelines=3,
    seed=5,
    size=48,
    fps=6.0,
    subjects=3,
    shares=(1, 0, 0),
    interview_seconds=(6.0, 8.0),
    gestures_per_minute=40.0,
)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(CONFIG)


def staged(plan: Plan, item: Item, poses: str = "true", look_every: int = 1) -> SkeletonTrack:
    script, _ = plan.interview(item)
    return stage(script, item.split, CONFIG.seed, item.index, item.kind, 48, CONFIG.fps, poses, look_every).track


@pytest.mark.parametrize("poses", ["true", "estimated"])
def test_the_track_is_the_one_that_filming_writes(plan, poses, tmp_path):
    item = next(item for item in plan.items() if item.kind == "interview")
    script, _ = plan.interview(item)
    place = tmp_path / "a.npz"
    film(script, item.split, 5, item.index, item.kind, 48, 6.0, tmp_path / "a.mp4", place, poses=poses)
    written, track = SkeletonTrack.load(place), staged(plan, item, poses)
    assert np.array_equal(written.points, track.points)
    assert np.array_equal(written.scores, track.scores)
    assert len(track) == round(script.duration * 6.0)


def test_a_timeline_is_acted_by_a_camera_of_its_own(plan):
    kinds = {item.kind: item for item in plan.items() if item.index == 1}
    script, truth = plan.interview(kinds["timeline"])
    assert [s.start for s in script.schedule] == [event.start for event in truth]
    tracks = [stage(script, "train", 5, 1, kind, 48, 6.0).track.points for kind in ("timeline", "interview", "clip")]
    assert not np.allclose(tracks[0], tracks[1])
    assert not np.allclose(tracks[0], tracks[2])
    assert np.array_equal(tracks[0], staged(plan, kinds["timeline"]).points)


def test_looking_less_often_sees_nearly_the_same(plan):
    item = next(item for item in plan.items() if item.kind == "timeline")
    every, some = staged(plan, item), staged(plan, item, look_every=3)
    assert np.array_equal(every.points, some.points)
    assert np.array_equal(every.scores[::3], some.scores[::3])
    assert (every.scores == some.scores).mean() > 0.95
    outside = ~((some.points >= 0) & (some.points < 48)).all(-1)
    assert not some.scores[outside].any()


def test_a_prop_and_a_hand_held_camera_are_looked_at_in_the_same_frames(plan):
    item = next(item for item in plan.items() if item.kind == "timeline")
    script, _ = plan.interview(item)
    key = next(spec.key for spec in plan.motions.values() if "pen" in spec.key or "object" in spec.key)
    scheduled = replace(script.schedule[0], key=key, start=0.5, end=4.0)
    found = [
        stage(replace(script, schedule=(scheduled,)), "test", 5, index, "timeline", 48, 6.0, "true", 2)
        for index in range(8)
    ]
    assert any(one.camera.shake is not None for one in found)
    assert any(one.performance.prop is not None for one in found)
    assert all(one.track.scores.any() for one in found)
