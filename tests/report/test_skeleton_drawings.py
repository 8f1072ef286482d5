"""Stick figures in the place of photographs: small, whole, and nothing of a face in them."""

import re
from dataclasses import replace

import numpy as np
import pytest

from microgesture.report import skeletons, write_report
from microgesture.report.skeletons import event_drawing, event_drawings
from microgesture.skeletons.layouts import LAYOUTS
from microgesture.skeletons.track import SkeletonTrack
from microgesture.timeline import GestureEvent, Media, Timeline

EVENT = GestureEvent(1.0, 3.0, "Touching <jaw>", None, 0.8, "head-hand")
PLACES = {
    "nose": (0, -40),
    "ear": (8, -42),
    "eye": (4, -45),
    "forehead": (0, -52),
    "chin": (0, -28),
    "mouth": (3, -34),
    "head": (0, -45),
    "neck": (0, -20),
    "spine_shoulder": (0, -20),
    "shoulder": (20, -18),
    "elbow": (28, 10),
    "wrist": (22, 35),
    "hip": (12, 45),
    "pelvis": (0, 45),
    "spine_base": (0, 45),
    "spine_mid": (0, 10),
    "knee": (13, 90),
    "ankle": (13, 130),
    "toe": (15, 136),
}


def person(layout: str, seconds: float = 4.0, lift: float = 30.0) -> SkeletonTrack:
    """Somebody at (320, 240) whose right wrist rises by `lift` pixels from 1 to 3 s."""
    joints = LAYOUTS[layout].joints
    times = np.arange(0, seconds, 0.1)
    points, scores = np.zeros((len(times), len(joints), 2)), np.zeros((len(times), len(joints)))
    for k, joint in enumerate(joints):
        side = -1 if joint.startswith("right_") else 1
        name = joint.removeprefix("left_").removeprefix("right_")
        if name not in PLACES and not any(f in name for f in ("thumb", "index", "middle", "ring", "pinky")):
            continue
        x, y = PLACES.get(name, (24, 40 + 2 * (k % 4)))
        points[:, k] = np.array([side * x, y]) * 2 + (320, 240)
        scores[:, k] = 0.9
        if joint.startswith("right_") and (name == "wrist" or name not in PLACES):
            points[:, k, 1] -= lift * np.clip((times - 1) / 2, 0, 1)
    return SkeletonTrack(times, points, scores, layout, (640, 480))


def numbers(drawing: str) -> np.ndarray:
    found = re.findall(r"(?:M|L)(-?\d+) (-?\d+)", drawing)
    return np.array(found, dtype=float)


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_every_layout_gives_a_small_drawing_that_lies_in_its_frame(layout):
    drawing = event_drawing(EVENT, person(layout))
    assert drawing.startswith('<svg class="drawing"')
    assert drawing.count("<g ") == 3
    assert drawing.count("<ellipse") == 3
    assert len(drawing) < 3000
    assert numbers(drawing).min() >= 0
    assert numbers(drawing).max() <= 120
    assert "&lt;jaw&gt;" in drawing
    assert not set(re.findall(r"<(\w+)", drawing)) - {"svg", "g", "path", "ellipse"}


def test_nothing_of_the_face_goes_into_it():
    track = person("mediapipe-holistic")
    joints = track.skeleton.joints
    marks = [i for i, j in enumerate(joints) if any(p in j for p in ("mouth", "lip", "brow", "cheek", "eye_inner"))]
    moved = track.points.copy()
    moved[:, marks] += np.random.default_rng(0).normal(0, 2, (1, len(marks), 2))
    assert event_drawing(EVENT, replace(track, points=moved)) == event_drawing(EVENT, track)


def test_the_figures_show_the_movement_from_faint_to_strong():
    figures = re.findall(r'<g class="(p\d)"><path d="([^"]*)"', event_drawing(EVENT, person("coco-17", lift=60)))
    assert [name for name, _ in figures] == ["p0", "p1", "p2"]
    assert len({path for _, path in figures}) == 3
    still = re.findall(r'<g class="p\d"><path d="([^"]*)"', event_drawing(EVENT, person("coco-17", lift=0)))
    assert len(set(still)) == 1


def test_legs_are_drawn_where_the_gesture_is():
    seated = event_drawing(EVENT, person("coco-17"))
    legs = event_drawing(replace(EVENT, body_region="leg-hand"), person("coco-17"))
    assert legs.count("M") > seated.count("M")


def test_a_depth_camera_has_its_head_up():
    flat = person("kinect-25")
    space = np.concatenate([(flat.points - (320, 240)) * (0.005, -0.005), np.ones((*flat.scores.shape, 1))], -1)
    upright = event_drawing(EVENT, replace(flat, points=space))
    head = float(re.search(r'cy="(-?\d+)"', upright).group(1))
    assert head < numbers(upright)[:, 1].mean()
    expected = event_drawing(EVENT, flat)
    np.testing.assert_allclose(numbers(upright), numbers(expected), atol=1)


def test_a_person_who_is_not_seen_is_not_drawn():
    track = person("gesture-62")
    assert event_drawing(EVENT, replace(track, scores=np.zeros_like(track.scores))) == ""
    assert event_drawing(replace(EVENT, start=20.0, end=21.0), track) == ""
    half = track.scores.copy()
    half[track.times > 1.5] = 0
    assert event_drawing(EVENT, replace(track, scores=half)).count("<g ") >= 1
    broken = track.points.copy()
    broken[:, 3] = np.nan
    assert "nan" not in event_drawing(EVENT, replace(track, points=broken))


def test_the_most_confident_events_of_each_person(tmp_path, monkeypatch):
    monkeypatch.setattr(skeletons, "DRAWINGS", 2)
    events = [GestureEvent(k, k + 0.9, "a", None, 0.5 + 0.1 * k, person="P1" if k else "P2") for k in range(4)]
    timeline = Timeline(tuple(events), Media("a.mp4", 4.0))
    track = person("gesture-62")
    assert [bool(d) for d in event_drawings(timeline, {"P1": track})] == [False, False, True, True]
    monkeypatch.undo()
    assert [bool(d) for d in event_drawings(timeline, {"P1": track})] == [False, True, True, True]
    page = write_report(timeline, tmp_path / "r.html", tracks=[track]).read_text("utf-8")
    assert page.count('<svg class="drawing"') == 3
    assert "<img" not in page
    assert "from the faint start of a gesture to its strong end" in page


def test_a_long_report_stays_small(tmp_path):
    events = tuple(GestureEvent(0.03 * k, 0.03 * k + 0.5, "Moving torso") for k in range(100))
    track = person("mediapipe-holistic")
    page = write_report(Timeline(events, Media("a.mp4", 4.0)), tmp_path / "r.html", tracks=[track]).read_text("utf-8")
    assert page.count('<svg class="drawing"') == 60
    assert len(page) < 350_000
