"""MediaPipe itself, on people and rooms that were rendered."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mediapipe")

from microgesture.errors import UserError
from microgesture.pose import Pose, create_estimator
from microgesture.pose.extraction import extract
from microgesture.pose.mediapipe_holistic import HolisticEstimator
from microgesture.pose.mediapipe_points import quiet
from microgesture.skeletons import LAYOUTS, SkeletonTrack
from microgesture.synthetic.worlds.plan import Plan, WorldConfig
from microgesture.synthetic.worlds.staging import film
from microgesture.video import VideoReader

HOLISTIC = LAYOUTS["mediapipe-holistic"]
FRAMES, RATE = 10, 10.0


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> tuple[Path, np.ndarray, np.ndarray]:
    """Video, frames `(T, H, W, 3)` and true joints `(T, V, 2)` of a person who stands about."""
    folder = tmp_path_factory.mktemp("rendered")
    plan = Plan(WorldConfig(clips=40, interviews=0, timelines=0, seed=5, size=320, fps=RATE))
    item = next(item for item in plan.items() if item.split == "train")
    script = plan.clip(item)
    script = replace(script, duration=FRAMES / RATE, schedule=(), gesture=None, companion=None)
    video, skeleton = folder / "a.mp4", folder / "a.npz"
    film(script, "train", 5, item.index, "clip", 320, RATE, video, skeleton)
    truth = SkeletonTrack.load(skeleton)
    with VideoReader(video) as reader:
        return video, reader.frames_at(truth.times), truth.points


def test_a_rendered_person_is_found_where_they_are(rendered):
    video, _, truth = rendered
    (track,) = extract(video, fps=RATE)
    assert track.layout == "mediapipe-holistic"
    assert track.absent() == []
    true = {name: truth[:, LAYOUTS["synthetic"].index(name)] for name in ("left_shoulder", "right_shoulder", "nose")}
    width = np.linalg.norm(true["left_shoulder"] - true["right_shoulder"], axis=-1).mean()
    for name, places in true.items():  # left and right are the person's
        error = np.linalg.norm(track.points[:, HOLISTIC.index(name)] - places, axis=-1)
        assert np.median(error) < 0.25 * width, name


def test_two_people_side_by_side_are_followed_one_graph_each(rendered):
    _, frames, _ = rendered
    both = np.concatenate((frames, frames[:, :, ::-1]), axis=2)
    with HolisticEstimator() as estimator:
        for k, frame in enumerate(both):
            poses = estimator.estimate(frame, k / RATE)
            assert sorted(p.points[0, 0] > 320 for p in poses) == [False, True]
        estimator.reset()
        assert len(estimator.estimate(frames[0], 0.0)) == 1


def test_only_the_largest_of_a_crowd_are_followed_and_it_is_said_once(rendered, caplog):
    _, frames, _ = rendered
    crowd = np.concatenate((frames, frames[:, :, ::-1], frames), axis=2)
    with HolisticEstimator(max_people=2) as estimator:
        counts = [len(estimator.estimate(frame, float(k))) for k, frame in enumerate(crowd)]
    assert max(counts) == 2
    assert [record.message for record in caplog.records] == [
        "3 people in view at 0.0 s: only the largest 2 are followed"
    ]


def test_nobody_is_found_where_nobody_is():
    rng = np.random.default_rng(0)
    rooms = [np.zeros((240, 320, 3), np.uint8), np.full((240, 320, 3), 200, np.uint8)]
    with create_estimator() as estimator:
        for k in range(12):
            noise = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
            for frame in (*rooms, noise, np.repeat(np.repeat(noise[::20, ::20], 20, 0), 20, 1)):
                assert estimator.estimate(frame, k / RATE) == []


def test_points_far_outside_the_picture_score_nothing(rendered):
    _, frames, truth = rendered
    below = round(truth[0, LAYOUTS["synthetic"].index("chin"), 1]) + 5
    with HolisticEstimator(max_people=1, static=True) as estimator:
        (pose,) = estimator.estimate(frames[0, :below, :], 0.0)
    assert (pose.points[pose.scores > 0, 1] < below + 0.1 * 320).all()
    assert pose.scores[HOLISTIC.index("left_ankle")] == 0


def test_the_same_frames_give_the_same_poses(rendered):
    _, frames, _ = rendered

    def run(estimator: HolisticEstimator) -> list[Pose]:
        return [pose for k, frame in enumerate(frames) for pose in estimator.estimate(frame, k / RATE)]

    with HolisticEstimator() as one, HolisticEstimator() as other:
        first = run(one)
        one.reset()
        for again in (run(one), run(other)):
            for a, b in zip(first, again, strict=True):
                np.testing.assert_array_equal(a.points, b.points)


def test_mediapipe_keeps_off_the_terminal(rendered, capfd):
    _, frames, _ = rendered
    with create_estimator() as estimator:
        for k, frame in enumerate(frames[:3]):
            estimator.estimate(frame, k / RATE)
    assert capfd.readouterr().err == ""


def test_other_lines_still_reach_the_terminal(capfd):
    with quiet():
        os.write(2, b"hidden")
    os.write(2, b"shown")
    assert capfd.readouterr().err == "shown"


@pytest.mark.parametrize(("complexity", "what"), [(0, "not installed"), (2, "not installed"), (7, "is 0, 1 or 2")])
def test_a_body_model_that_is_not_in_the_wheel_is_not_downloaded(complexity, what):
    with pytest.raises(UserError, match=what):
        HolisticEstimator(complexity=complexity)
