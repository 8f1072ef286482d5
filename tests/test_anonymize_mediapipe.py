"""Hiding faces with the real models, where MediaPipe is installed, and what is said where it is not."""

import sys
from pathlib import Path

import numpy as np
import pytest

from microgesture.commands.main import main
from microgesture.errors import MissingExtra
from microgesture.privacy.anonymization import anonymize, masked_frames
from microgesture.privacy.face_audit import audit
from microgesture.privacy.face_search import FaceFinder, _starts, _tiles, head_of_face, head_of_pose
from microgesture.privacy.masking import TONES
from microgesture.skeletons.layouts import COCO_17, KINECT_25
from microgesture.video import VideoReader, VideoWriter

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "media" / "asl"
needs_clips = pytest.mark.skipif(not CLIPS.is_dir(), reason="the clips of real people are not here")


def test_without_mediapipe_one_line_names_the_extra(tmp_path, monkeypatch):
    with VideoWriter(tmp_path / "a.mp4", 25, (64, 64)) as writer:
        writer.write(np.zeros((64, 64, 3), np.uint8))
    for name in [name for name in sys.modules if name.partition(".")[0] == "mediapipe"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    for call in (
        lambda: anonymize(tmp_path / "a.mp4", tmp_path / "b.mp4"),
        lambda: audit(tmp_path / "a.mp4"),
        lambda: list(masked_frames(tmp_path / "a.mp4", [0.0])),
    ):
        with pytest.raises(MissingExtra, match=r"hiding faces needs an extra: pip install 'microgesture\[pose\]'"):
            call()
    assert not (tmp_path / "b.mp4").exists()


def test_the_face_of_a_synthetic_person_is_hidden_by_command(interview, tmp_path, capsys):
    pytest.importorskip("mediapipe")
    assert audit(interview).share > 0.9
    assert main(["anonymize", str(interview), "-o", str(tmp_path / "b.mp4")]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'b.mp4'}: no face found in any of 50 frames")
    assert audit(tmp_path / "b.mp4").clean


@needs_clips
def test_a_real_face_is_hidden_and_the_hand_at_it_stays(tmp_path):
    pytest.importorskip("mediapipe")
    source = CLIPS / "eat.mkv"
    assert audit(source).share > 0.9
    result = anonymize(source, tmp_path / "b.mp4")
    assert result.clean
    assert result.uncertain == ()
    with VideoReader(source) as a, VideoReader(tmp_path / "b.mp4") as b, FaceFinder() as faces:
        assert a.frame_count == b.frame_count
        kept = []
        for time in np.linspace(0, 1.4, 12):
            before, after = a.frames_at([time])[0].astype(int), b.frames_at([time])[0].astype(int)
            for face in faces.find(before.astype(np.uint8)):
                left, top, right, bottom = (int(v) for v in face.box)
                eyes = after[top : (top + bottom) // 2, left + 5 : right - 5]  # in this clip the hand is at the mouth
                assert (np.abs(eyes[..., None] - np.array(TONES)).min(-1) < 30).mean() > 0.95
                mouth = np.s_[(2 * top + 3 * bottom) // 5 : bottom, left:right]
                kept.append((np.abs(before[mouth] - after[mouth]).mean(-1) < 12).mean())
    assert min(kept) < 0.1  # no hand: all of it covered
    assert max(kept) > 0.2


@needs_clips
def test_two_people_and_none(tmp_path):
    pytest.importorskip("mediapipe")
    with VideoReader(CLIPS / "yes.mkv") as one, VideoReader(CLIPS / "hungry.mkv") as other:
        times = np.arange(0, 0.6, 0.1)
        pair = np.concatenate([one.frames_at(times), other.frames_at(times)], axis=2)
    with VideoWriter(tmp_path / "a.mp4", 10, (1280, 480)) as writer:
        for frame in pair:
            writer.write(frame)
    before = audit(tmp_path / "a.mp4")
    assert (before.counts == 2).mean() > 0.8
    assert anonymize(tmp_path / "a.mp4", tmp_path / "b.mp4").clean
    gravel = np.random.default_rng(0).integers(60, 190, (240, 320, 3), dtype=np.uint8)
    with VideoWriter(tmp_path / "c.mp4", 10, (320, 240)) as writer:
        for _ in range(6):
            writer.write(gravel)
    result = anonymize(tmp_path / "c.mp4", tmp_path / "d.mp4")
    assert (result.clean, result.uncertain) == (True, ())
    with VideoReader(tmp_path / "c.mp4") as c, VideoReader(tmp_path / "d.mp4") as d:
        assert np.abs(c.frames_at([0.3]).astype(int) - d.frames_at([0.3])).mean() < 12


def test_the_ellipse_holds_forehead_ears_and_chin():
    marks = np.array([(40, 45), (60, 45), (50, 55), (50, 65), (31, 50), (69, 50)], float)
    head = head_of_face((30.0, 30.0, 70.0, 70.0), marks)
    left, top, right, bottom = head.box()
    assert left < 25
    assert right > 75
    assert top < 10  # the hair line, half a face above the brows
    assert bottom > 75
    turn = np.array([(0, -1), (1, 0)])
    turned = head_of_face((30.0, 30.0, 70.0, 70.0), (marks - 50) @ turn + 50)
    assert abs(abs(turned.roll) - np.pi / 2) < 0.01
    profile = marks.copy()
    profile[5] = (85, 50)  # the ear far behind
    assert head_of_face((30.0, 30.0, 70.0, 70.0), profile).across > head.across


def test_the_head_of_a_skeleton():
    points, scores = np.zeros((17, 2)), np.zeros(17)
    assert head_of_pose(points, scores, COCO_17) is None
    for name, place in {
        "left_ear": (70, 50),
        "right_ear": (30, 50),
        "nose": (50, 60),
        "left_shoulder": (100, 120),
        "right_shoulder": (0, 120),
    }.items():
        points[COCO_17.index(name)], scores[COCO_17.index(name)] = place, 0.9
    frontal = head_of_pose(points, scores, COCO_17)
    assert frontal.across == pytest.approx(30)
    points[COCO_17.index("left_ear")] = points[COCO_17.index("right_ear")] = (40, 50)  # from the side
    assert head_of_pose(points, scores, COCO_17).across > 20
    kinect = np.zeros((25, 2))
    kinect[KINECT_25.index("left_shoulder")] = (100, 0)
    assert head_of_pose(kinect, np.ones(25), KINECT_25).across == pytest.approx(26)


def test_tiles_cover_the_frame():
    assert _starts(100, 100) == [0.0]
    for width, height, share in ((1280, 720, 1.0), (720, 1280, 0.5), (641, 480, 0.5)):
        tiles = _tiles(width, height, share)
        seen = np.zeros((height, width), bool)
        for left, top, right, bottom in tiles:
            assert min(left, top) >= 0
            assert right <= width + 1e-6
            assert bottom <= height + 1e-6
            seen[int(top) : round(bottom), int(left) : round(right)] = True
        assert seen.all()
