"""A masked video: what is hidden, what is kept, what is left behind, and what the audit says.

The models are stand-ins here that take red boxes for faces; `test_anonymize_mediapipe.py` uses the real ones.
"""

import av
import numpy as np
import pytest
from PIL import Image

from microgesture.commands.main import main
from microgesture.errors import UserError, VideoError
from microgesture.pose.estimator import Pose
from microgesture.privacy import anonymization, face_audit
from microgesture.privacy.anonymization import AnonymizeConfig, anonymize, masked_frames
from microgesture.privacy.face_audit import Audit, audit, covered
from microgesture.privacy.face_search import Face
from microgesture.privacy.masking import Head, paint
from microgesture.skeletons.layouts import LAYOUTS
from microgesture.video import VideoReader, VideoWriter
from several_streams import write_streams

FACE = 24  # pixels across
BLUE = (0, 0, 255)


class RedFaces:
    """Takes red boxes for faces, unless the corner of the frame is blue; left half and right half one each."""

    def find(self, frame, known=(), thorough=False):
        if frame[2, 2, 2] > 180 and frame[2, 2, 0] < 80:
            return []
        red = (frame[..., 0] > 150) & (frame[..., 1] < 90) & (frame[..., 2] < 90)
        faces = []
        for start, stop in ((0, frame.shape[1] // 2), (frame.shape[1] // 2, frame.shape[1])):
            ys, xs = np.nonzero(red[:, start:stop])
            if len(xs) < 40:
                continue
            box = tuple(float(v) for v in (xs.min() + start, ys.min(), xs.max() + start + 1, ys.max() + 1))
            middle, width = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]), box[2] - box[0]
            offsets = [(-0.2, -0.2), (0.2, -0.2), (0, 0), (0, 0.25), (-0.5, -0.1), (0.5, -0.1)]
            faces.append(Face(box, middle + width * np.array(offsets), 0.9))
        return faces

    def sees(self, frame, box):
        return bool(self.find(frame))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


class NoHands:
    def find(self, frame, head):
        return []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


class Nobody:
    """A pose estimator for empty rooms."""

    layout, name = "coco-17", "nobody"

    def estimate(self, frame, time):
        return []

    def reset(self):
        pass

    def close(self):
        pass


class Somebody(Nobody):
    """Always sees a person whose head is at (60, 40)."""

    def estimate(self, frame, time):
        points, scores = np.zeros((17, 2), np.float32), np.zeros(17, np.float32)
        for name, place in {"left_ear": (70, 40), "right_ear": (50, 40), "nose": (60, 43)}.items():
            index = LAYOUTS["coco-17"].index(name)
            points[index], scores[index] = place, 0.9
        return [Pose(points, scores)]


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch):
    monkeypatch.setattr(anonymization, "FaceFinder", RedFaces)
    monkeypatch.setattr(anonymization, "HandFinder", NoHands)
    monkeypatch.setattr(face_audit, "FaceFinder", RedFaces)
    for module in (anonymization, face_audit):
        monkeypatch.setattr(module, "create_estimator", lambda **options: Nobody())


def room(width=160, height=120, blind=False) -> np.ndarray:
    frame = np.full((height, width, 3), (200, 200, 60), np.uint8)
    if blind:
        frame[:8, :8] = BLUE
    return frame


def with_face(x: int, y: int, **options) -> np.ndarray:
    frame = room(**options)
    frame[max(y - FACE // 2, 0) : y + FACE // 2, max(x - FACE // 2, 0) : x + FACE // 2] = (220, 20, 20)
    return frame


def write(path, frames, times=None, rotation=0):
    with VideoWriter(path, 25, (frames[0].shape[1], frames[0].shape[0]), rotation=rotation) as writer:
        for k, frame in enumerate(frames):
            writer.write(frame, None if times is None else times[k])
    return path


def all_frames(path) -> tuple[np.ndarray, np.ndarray]:
    with VideoReader(path) as reader:
        parts = list(reader.stream())
    return np.concatenate([t for t, _ in parts]), np.concatenate([f for _, f in parts])


def red_pixels(frames: np.ndarray) -> np.ndarray:
    frames = frames.astype(int)
    return ((frames[..., 0] > 150) & (frames[..., 1] < 100) & (frames[..., 2] < 100)).sum((1, 2))


def test_every_face_is_hidden_and_frames_keep_their_times(tmp_path):
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.08, 40))
    frames = [with_face(20 + k, 60) for k in range(40)]
    for frame in frames:
        frame[60:84, 120:144] = (220, 20, 20)
    source = write(tmp_path / "a.mp4", frames, times - times[0])
    said = []
    result = anonymize(source, tmp_path / "b.mp4", progress=lambda done, total: said.append(done / total))
    before, after = all_frames(source), all_frames(tmp_path / "b.mp4")
    np.testing.assert_allclose(after[0], before[0], atol=1e-4)
    assert red_pixels(before[1]).min() > 500
    assert red_pixels(after[1]).max() == 0
    assert np.abs(after[1][:, 5:20, 5:155].astype(int) - before[1][:, 5:20, 5:155]).mean() < 4  # the rest is as it was
    assert (result.clean, result.frames, result.face_frames, result.remaining) == (True, 40, 0, ())
    assert said == sorted(said)
    assert said[-1] == pytest.approx(1, abs=0.05)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_by_command(tmp_path, capsys, monkeypatch):
    source = str(write(tmp_path / "a.mp4", [with_face(60, 60)] * 20))
    hidden, kept = str(tmp_path / "b.mp4"), str(tmp_path / "c.mp4")
    assert main(["anonymize", source, "-o", hidden, "--hold_s", "0.5"]) == 0
    assert capsys.readouterr().out.startswith(f"{hidden}: no face found in any of 20 frames")
    assert red_pixels(all_frames(hidden)[1]).max() == 0
    monkeypatch.setattr(anonymization, "paint", lambda *args: None)  # hides nothing
    assert main(["anonymize", source, "-o", kept]) == 1
    streams = capsys.readouterr()
    assert "a face is still found in 20 of 20 frames" in streams.out
    assert "faces may still be seen" in streams.err
    assert main(["anonymize", source, "-o", hidden, "--style", "blur"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "style" in line


def test_a_face_that_the_detector_misses_for_a_second_stays_hidden(tmp_path):
    frames = [with_face(60 + k // 2, 60, blind=20 <= k < 50 or k < 10 or k >= 65) for k in range(80)]
    anonymize(write(tmp_path / "a.mp4", frames), tmp_path / "b.mp4")
    assert red_pixels(all_frames(tmp_path / "b.mp4")[1]).max() == 0


def test_beyond_what_is_held_a_blind_detector_hides_nothing(tmp_path):
    frames = [with_face(60, 60, blind=k >= 20) for k in range(60)]
    anonymize(write(tmp_path / "a.mp4", frames), tmp_path / "b.mp4", AnonymizeConfig(hold_s=0.4))
    red = red_pixels(all_frames(tmp_path / "b.mp4")[1]) > 0
    assert not red[:29].any()
    assert red[32:].all()


def test_where_the_face_detector_fails_the_skeleton_tells_where_the_head_is(tmp_path, monkeypatch):
    monkeypatch.setattr(anonymization, "create_estimator", lambda **options: Somebody())
    frames = [with_face(60, 40, blind=True) for _ in range(30)]
    anonymize(write(tmp_path / "a.mp4", frames), tmp_path / "b.mp4")
    left = red_pixels(all_frames(tmp_path / "b.mp4")[1])
    assert left.max() < 0.2 * FACE * FACE  # corners of the red box; a head is round


def test_rotation_is_applied_and_an_odd_size_grows_by_a_pixel(tmp_path):
    frames = [np.rot90(with_face(60, 60, width=155, height=121)).copy() for _ in range(5)]
    source = write(tmp_path / "a.mp4", frames, rotation=-90)
    anonymize(source, tmp_path / "b.mp4")
    with VideoReader(source) as a, VideoReader(tmp_path / "b.mp4") as b:
        assert a.size == b.size == (156, 122)
    with av.open(str(tmp_path / "b.mp4")) as written:
        assert "DISPLAYMATRIX" not in next(written.decode(video=0)).side_data
    assert red_pixels(all_frames(tmp_path / "b.mp4")[1]).max() == 0


def test_sound_titles_and_places_stay_behind(tmp_path):
    source = tmp_path / "a.mp4"
    with av.open(str(source), "w", options={"movflags": "use_metadata_tags"}) as out:
        out.metadata.update({"title": "Jane Doe", "location": "+48.8577+002.295/", "com.apple.make": "Phone"})
        video, sound = out.add_stream("libx264", rate=25), out.add_stream("aac", rate=16000, layout="mono")
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        for _ in range(10):
            out.mux(video.encode(av.VideoFrame.from_ndarray(with_face(60, 60))))
        out.mux(video.encode(None))
        for k in range(6):
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            tone.sample_rate, tone.pts = 16000, 1024 * k
            out.mux(sound.encode(tone))
        out.mux(sound.encode(None))
    assert b"Jane Doe" in source.read_bytes()
    anonymize(source, tmp_path / "b.mp4")
    data = (tmp_path / "b.mp4").read_bytes()
    for word in (b"Jane Doe", b"48.8577", b"Phone"):
        assert word not in data
    with av.open(str(tmp_path / "b.mp4")) as written:
        assert [stream.type for stream in written.streams] == ["video"]


def test_the_video_itself_is_never_written_over(tmp_path):
    source = write(tmp_path / "a.mp4", [with_face(60, 60)] * 3)
    (tmp_path / "link.mp4").symlink_to(source)
    (tmp_path / "hard.mp4").hardlink_to(source)
    before = source.read_bytes()
    for name in ("a.mp4", "link.mp4", "hard.mp4", "../" + tmp_path.name + "/a.mp4"):
        with pytest.raises(UserError, match="is the video itself"):
            anonymize(source, tmp_path / name)
    assert source.read_bytes() == before


def test_what_cannot_be_done_is_one_line_and_leaves_nothing(tmp_path):
    source = write(tmp_path / "a.mp4", [with_face(60, 60)] * 3)
    (tmp_path / "folder.mp4").mkdir()
    for name, message in (("b.mkv", r"as \.mp4"), ("folder.mp4", "is a folder"), ("no/b.mp4", "no folder")):
        with pytest.raises(UserError, match=message) as caught:
            anonymize(source, tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(VideoError, match="no such file"):
        anonymize(tmp_path / "none.mp4", tmp_path / "b.mp4")
    for wrong in ({"style": "blur"}, {"hold_s": -1}, {"margin": 0.1}):
        with pytest.raises(UserError):
            AnonymizeConfig(**wrong)
    assert not (tmp_path / "b.mp4").exists()


def test_what_the_audit_still_finds_is_hidden_in_a_second_round(tmp_path, monkeypatch):
    class Forgetful(RedFaces):
        """Does not see the frames of one stretch while it looks ahead the first time."""

        looks = 0

        def find(self, frame, known=(), thorough=False):
            Forgetful.looks += 1
            return [] if Forgetful.looks <= 30 else super().find(frame, known, thorough)

    monkeypatch.setattr(anonymization, "FaceFinder", Forgetful)
    result = anonymize(write(tmp_path / "a.mp4", [with_face(60, 60)] * 30), tmp_path / "b.mp4")
    assert result.clean
    assert red_pixels(all_frames(tmp_path / "b.mp4")[1]).max() == 0
    assert Forgetful.looks == 120  # two rounds of looking and auditing


def test_the_audit_says_what_remains_and_where(tmp_path):
    frames = [with_face(60, 60) if 25 <= k < 50 or k == 80 else room() for k in range(100)]
    found = audit(write(tmp_path / "a.mp4", frames))
    assert (found.frames, found.face_frames, found.clean, found.share) == (100, 26, False, 0.26)
    assert found.remaining == ((pytest.approx(1.0), pytest.approx(2.0)), (pytest.approx(3.2), pytest.approx(3.24)))
    assert len(found.sightings) == 26
    assert "26 of 100 frames (26.0 %)" in str(found)
    assert "1.0 to 2.0 s, 3.2 to 3.2 s" in str(found)
    assert "\n" not in str(found)


def test_a_person_without_a_face_is_uncertain_and_one_under_a_mask_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(face_audit, "create_estimator", lambda **options: Somebody())
    bare = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    masked = bare.copy()
    paint(masked, [Head(60, 40, 20, 25)])
    source = write(tmp_path / "a.mp4", [bare if 25 <= k < 50 else masked for k in range(75)])
    found = audit(source)
    assert found.clean
    assert found.uncertain == ((pytest.approx(1.0, abs=0.3), pytest.approx(2.0, abs=0.3)),)
    assert "look at these yourself" in str(found)


def test_what_counts_as_covered():
    picture = np.asarray(
        Image.fromarray(np.random.default_rng(1).integers(20, 235, (12, 12, 3), dtype=np.uint8)).resize((120, 120))
    ).copy()
    head = Head(60, 60, 30, 36)
    assert not covered(picture, head)
    for style in ("solid", "pixelate"):
        hidden = picture.copy()
        paint(hidden, [head], style=style)
        assert covered(hidden, head), style
    assert not covered(np.full((120, 120, 3), 12, np.uint8), head)  # black is no mask: too dark to tell


def test_pictures_for_a_report(tmp_path, monkeypatch):
    source = write(tmp_path / "a.mp4", [with_face(60, 60, blind=25 <= k < 28) for k in range(50)])
    seen, missed = masked_frames(source, [0.5, 1.04])
    assert red_pixels(np.stack([seen, missed])).max() == 0
    monkeypatch.setattr(anonymization, "create_estimator", lambda **options: Faceless())
    blind = write(tmp_path / "b.mp4", [with_face(60, 60, blind=True)] * 25)
    assert list(masked_frames(blind, [0.5])) == [None]
    assert list(masked_frames(blind, [])) == []


class Faceless(Nobody):
    """Sees shoulders and no head."""

    def estimate(self, frame, time):
        scores = np.zeros(17, np.float32)
        scores[[5, 6]] = 0.9
        return [Pose(np.full((17, 2), 50, np.float32), scores)]


def test_an_audit_in_words():
    counts = np.array([0, 0, 2, 1], np.uint8)
    many = tuple((2.0 * k, 2.0 * k + 1) for k in range(10))
    text = str(Audit("a.mp4", 20.0, np.arange(4.0), counts, many, ()))
    assert "2 of 4 frames (50.0 %), at most 2 at once" in text
    assert "and 2 more stretches" in text
    assert "no face found in any of 3 frames" in str(Audit("a", 1.0, np.arange(3.0), np.zeros(3, np.uint8), (), ()))


def test_a_masked_video_plays_in_step_with_a_picture_that_starts_late(tmp_path):
    times = 2 + np.arange(30) / 25
    frames = [with_face(60, 60, blind=k == 12) for k in range(30)]
    with VideoWriter(tmp_path / "a.mp4", 25, (160, 120), crf=8) as writer:
        for frame, time in zip(frames, times, strict=True):
            writer.write(frame, float(time))
    assert anonymize(tmp_path / "a.mp4", tmp_path / "b.mp4").clean
    stamps = []
    for name in ("a.mp4", "b.mp4"):
        with av.open(str(tmp_path / name)) as container:
            stamps.append([frame.time for frame in container.decode(video=0)])
    np.testing.assert_allclose(stamps[0], times, atol=2e-3)
    np.testing.assert_allclose(stamps[1], stamps[0], atol=2e-3)
    masked_times, masked = all_frames(tmp_path / "b.mp4")
    np.testing.assert_allclose(masked_times, times, atol=2e-3)
    assert red_pixels(masked).max() == 0


def test_the_faces_of_the_chosen_stream_are_hidden(tmp_path):
    write_streams(tmp_path / "a.mkv", [[with_face(x, 60)] * 10 for x in (40, 120)])
    anonymize(tmp_path / "a.mkv", tmp_path / "b.mp4", video_stream=2)
    hidden = all_frames(tmp_path / "b.mp4")[1][5]
    assert np.abs(hidden[60, 40].astype(int) - (200, 200, 60)).max() < 20  # nobody was there
    assert np.ptp(hidden[60, 120].astype(int)) < 20  # grey
