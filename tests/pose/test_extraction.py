from itertools import pairwise

import numpy as np
import pytest
from coloured_people import GREEN, RED, ColourEstimator, film, picture

from microgesture.errors import DataError, UserError, VideoError
from microgesture.pose import extraction
from microgesture.pose.cuts import CutFinder
from microgesture.pose.extraction import extract, write_pose
from microgesture.pose.read_ahead import read_ahead
from microgesture.skeletons import SkeletonTrack
from several_streams import write_streams

NOSE = 0


def walking(k: int) -> tuple:
    return RED, (20 + k, 20, 60 + k, 110)


def video(path, count=50, fps=25.0, people=lambda k: [walking(k)], size=(160, 120), **options):
    return film(path, [picture(people(k), size) for k in range(count)], fps, **options)


def test_one_person_is_followed_by_time_stamp(tmp_path):
    estimator = ColourEstimator()
    (track,) = extract(video(tmp_path / "a.mp4"), estimator)
    np.testing.assert_allclose(track.times, np.arange(25) / 12.5)
    np.testing.assert_allclose(track.points[:, NOSE, 0], 40 + 2 * np.arange(25), atol=2)
    np.testing.assert_allclose(track.points[:, NOSE, 1], 29, atol=2)
    assert (track.layout, track.image_size, track.person) == ("coco-17", (160, 120), "P1")
    assert track.absent() == []
    assert track.interpolated is not None
    assert not track.interpolated.any()


@pytest.mark.parametrize(("native", "asked", "frames"), [(5, 12.5, 20), (12, 12.5, 20), (30, 10, 7), (10, 60, 20)])
def test_never_more_frames_than_the_video_has(tmp_path, native, asked, frames):
    (track,) = extract(video(tmp_path / "a.mp4", 20, native), ColourEstimator(), fps=asked)
    assert len(track) == frames
    assert np.diff(track.times) == pytest.approx(max(1 / native, 1 / asked))


def test_frames_of_a_variable_rate_keep_their_times(tmp_path):
    times = [0.0, 0.01, 0.02, 0.3, 0.6, 0.61, 0.9, 1.4, 1.9, 2.4]
    path = film(tmp_path / "a.mp4", [picture([walking(k)]) for k in range(10)], 25, times=times)
    (track,) = extract(path, ColourEstimator())
    assert track.times == pytest.approx([0.0, 0.3, 0.6, 0.9, 1.4, 1.9, 2.4], abs=1e-3)


def test_a_large_rotated_picture_is_shrunk_and_its_points_are_those_displayed(tmp_path):
    box = (1000, 300, 1400, 900)
    path = video(tmp_path / "a.mp4", 6, 10, lambda k: [(RED, box)], (1920, 1080))
    estimator = ColourEstimator()
    (track,) = extract(path, estimator)
    assert estimator.shapes == {(720, 1280, 3)}
    assert track.image_size == (1920, 1080)
    np.testing.assert_allclose(track.box(), (1000, 330, 1400, 900), atol=4)
    turned = video(tmp_path / "b.mp4", 8, 10, rotation=90)
    assert extract(turned, ColourEstimator(), persons="all")[0].image_size == (120, 160)


def two(k: int) -> list[tuple]:
    return [(GREEN, (120, 60, 140, 110)), (RED, (20 + k, 20, 60 + k, 110))]


def test_the_largest_or_all(tmp_path):
    path = video(tmp_path / "a.mp4", people=two)
    (largest,) = extract(path, ColourEstimator())
    tracks = extract(path, ColourEstimator(), persons="all")
    assert [track.person for track in tracks] == ["P1", "P2"]
    np.testing.assert_array_equal(tracks[0].points, largest.points)
    assert tracks[1].points[:, NOSE, 0] == pytest.approx(130, abs=2)


def test_a_short_gap_is_filled_and_marked_a_long_one_is_absence(tmp_path):
    missed = (*range(20, 23), *range(50, 70))  # of a colour that the estimator does not know
    path = video(tmp_path / "a.mp4", 100, 10, lambda k: [((150, 85, 85), walking(k)[1]) if k in missed else walking(k)])
    (track,) = extract(path, ColourEstimator())
    assert np.flatnonzero(track.interpolated).tolist() == [20, 21, 22]
    np.testing.assert_allclose(track.points[19:24, NOSE, 0], np.arange(59, 64), atol=1.5)
    assert 0 < track.scores[21].max() < 1
    assert track.absent() == [(pytest.approx(5.0), pytest.approx(7.0))]
    (longer,) = extract(path, ColourEstimator(), max_gap_s=3.0)
    assert longer.absent() == []


def test_nothing_is_filled_over_a_cut(tmp_path):
    def shots(k: int) -> np.ndarray:
        frame = picture([] if k in (29, 30) else [walking(k % 30)])
        return frame if k < 30 else 255 - frame if k == 30 else np.where(frame == 90, 200, frame).astype(np.uint8)

    estimator = ColourEstimator()
    path = film(tmp_path / "a.mp4", [shots(k) for k in range(60)], 10)
    (track,) = extract(path, estimator)
    assert estimator.resets >= 2
    assert not track.interpolated.any()
    assert track.absent() == [(pytest.approx(2.9), pytest.approx(3.1))]


def test_an_empty_room_has_nobody(tmp_path):
    path = video(tmp_path / "a.mp4", people=lambda k: [])
    assert extract(path, ColourEstimator(), persons="all") == []
    with pytest.raises(DataError, match=r"a\.mp4: nobody was found"):
        write_pose(path, tmp_path / "out.npz", estimator=ColourEstimator())
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_what_is_no_video_is_one_line(tmp_path):
    one = video(tmp_path / "one.mp4", 1)
    with pytest.raises(VideoError, match=r"one\.mp4: a single picture"):
        extract(one, ColourEstimator())
    from PIL import Image

    Image.fromarray(picture([walking(1)])).save(tmp_path / "still.png")
    with pytest.raises(VideoError, match=r"still\.png: a single picture"):
        extract(tmp_path / "still.png", ColourEstimator())
    (tmp_path / "a.txt").write_text("hello")
    for path in (tmp_path / "a.txt", tmp_path / "none.mp4", tmp_path):
        with pytest.raises(VideoError):
            extract(path, ColourEstimator())


@pytest.mark.parametrize(
    ("settings", "what"),
    [({"persons": "both"}, "'largest' or 'all'"), ({"fps": 0}, "positive"), ({"max_gap_s": -1}, "0 or more")],
)
def test_settings_that_cannot_be(tmp_path, settings, what):
    with pytest.raises(UserError, match=what):
        extract(tmp_path / "a.mp4", ColourEstimator(), **settings)


@pytest.mark.parametrize("native", [25.0, 10.0])
def test_a_stopped_run_goes_on_and_ends_the_same(tmp_path, monkeypatch, native):
    monkeypatch.setattr(extraction, "PART_S", 0.8)
    path = video(tmp_path / "a.mp4", 60, native, lambda k: [walking(k)] if k < 40 else [(GREEN, (80, 50, 120, 110))])
    wanted = extract(path, ColourEstimator(), persons="all")
    folder = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        extract(path, ColourEstimator(stop_after=21), persons="all", resume_folder=folder)
    estimator = ColourEstimator()
    tracks = extract(path, estimator, persons="all", resume_folder=folder)
    part = round(0.8 * min(native, 12.5))
    assert len(estimator.calls) == len(wanted[0]) - 21 // part * part
    assert len(tracks) == len(wanted)
    for track, other in zip(tracks, wanted, strict=True):
        np.testing.assert_array_equal(track.times, other.times)
        np.testing.assert_array_equal(track.points, other.points)
    done = ColourEstimator()
    extract(path, done, persons="all", resume_folder=folder)
    assert done.calls == []
    slower = ColourEstimator()
    extract(path, slower, fps=5, resume_folder=folder)
    assert slower.calls[0] == 0.0  # other settings have parts of their own
    next(folder.rglob("part-00001.npz")).write_bytes(b"cut off")
    again = extract(path, ColourEstimator(), persons="all", resume_folder=folder)
    np.testing.assert_array_equal(again[0].points, wanted[0].points)


def test_tracks_are_written_one_file_a_person(tmp_path):
    path = video(tmp_path / "a.mp4", people=two)
    seen: list[tuple[float, float]] = []
    (file,) = write_pose(path, tmp_path / "out.npz", estimator=ColourEstimator(), progress=lambda *s: seen.append(s))
    assert file == tmp_path / "out.npz"
    assert SkeletonTrack.load(file).person == "P1"
    assert seen[-1] == (2.0, 2.0)
    assert all(a[0] <= b[0] for a, b in pairwise(seen))
    files = write_pose(path, tmp_path / "all.npz", persons="all", estimator=ColourEstimator())
    assert [f.name for f in files] == ["all-P1.npz", "all-P2.npz"]
    assert SkeletonTrack.load(files[1]).person == "P2"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "all-P1.npz", "all-P2.npz", "out.npz"]
    with pytest.raises(UserError, match=r"is a \.npz file"):
        write_pose(path, tmp_path / "out.csv", estimator=ColourEstimator())


def test_an_interrupted_write_keeps_its_parts_for_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "PART_S", 0.8)
    path = video(tmp_path / "a.mp4")
    with pytest.raises(KeyboardInterrupt):
        write_pose(path, tmp_path / "out.npz", estimator=ColourEstimator(stop_after=15))
    estimator = ColourEstimator()
    write_pose(path, tmp_path / "out.npz", estimator=estimator)
    assert len(estimator.calls) == 15
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "out.npz"]


def test_cuts_are_sudden():
    rng = np.random.default_rng(0)
    shots = [rng.integers(0, 255, (90, 160, 3)).astype(np.uint8) // 2 for _ in range(2)]
    rooms = [np.kron(shot[::10, ::10], np.ones((10, 10, 1), np.uint8)) for shot in shots]
    finder, cuts = CutFinder(), []
    for k in range(30):
        room = rooms[0] if k < 15 else rooms[1]
        finder.look(np.roll(room, k % 3, axis=1))  # it shakes
        cuts.append(finder.is_cut)
    assert np.flatnonzero(cuts).tolist() == [15]
    finder = CutFinder()
    for k in range(20):  # a slow fade is none
        finder.look(np.full((90, 160, 3), 10 * k, np.uint8))
        assert not finder.is_cut


def test_reading_ahead_is_bounded_and_reports_errors():
    made = []

    def numbers(stop: int):
        for k in range(stop):
            made.append(k)
            yield k
        raise VideoError("broken")

    with read_ahead(numbers(100), 2) as items:
        assert [next(items) for _ in range(3)] == [0, 1, 2]
    assert len(made) <= 7
    with pytest.raises(VideoError, match="broken"), read_ahead(numbers(3), 2) as items:
        list(items)


def test_a_picture_that_starts_late_has_the_times_of_the_file(tmp_path):
    path = film(tmp_path / "a.mp4", [picture([walking(k)]) for k in range(50)], 25, times=2 + np.arange(50) / 25)
    estimator = ColourEstimator()
    (track,) = extract(path, estimator)
    np.testing.assert_allclose(track.times, 2 + np.arange(25) / 12.5, atol=2e-3)
    np.testing.assert_allclose(track.points[:, NOSE, 0], 40 + 2 * np.arange(25), atol=2)
    np.testing.assert_allclose(estimator.calls, track.times)


SPEECH = np.concatenate([np.arange(60) / 30, 26 + np.arange(60) / 30])  # 24 s without frames between


@pytest.mark.parametrize(("rate", "asked"), [(30, 12.5), (10, 12.5)])
def test_between_two_stretches_without_frames_nobody_is_seen(tmp_path, monkeypatch, rate, asked):
    times = SPEECH * 30 / rate
    pause = (times[59] + 1 / rate, times[60])
    path = film(tmp_path / "a.mp4", [picture([walking(k % 60)]) for k in range(120)], 30, times=times)
    estimator = ColourEstimator()
    (track,) = extract(path, estimator, fps=asked)
    step = 1 / min(rate, asked)
    seen = (track.scores > 0).any(axis=1)
    assert np.median(np.diff(track.times)) == pytest.approx(step, abs=1e-3)
    assert sum(np.diff(track.times) > 2.5 * step) == 1  # rows at both ends of the pause, not in the middle
    assert track.absent() == [(pytest.approx(pause[0], abs=1.5 * step), pytest.approx(pause[1], abs=1.5 * step))]
    assert seen.sum() == len(estimator.calls) == pytest.approx(2 * times[59] / step, abs=5)
    assert estimator.resets >= 2
    monkeypatch.setattr(extraction, "PART_S", 5.0)  # parts end in speech and in the pause
    whole = extract(path, ColourEstimator(), fps=asked)[0]
    with pytest.raises(KeyboardInterrupt):
        extract(path, ColourEstimator(stop_after=len(estimator.calls) - 3), fps=asked, resume_folder=tmp_path / "parts")
    (again,) = extract(path, ColourEstimator(), fps=asked, resume_folder=tmp_path / "parts")
    np.testing.assert_array_equal(again.times, whole.times)
    np.testing.assert_array_equal(again.points, whole.points)


@pytest.mark.parametrize("rate", [30, 10])
def test_a_damaged_time_stamp_hours_ahead_costs_nothing(tmp_path, rate):
    times = [*(np.arange(60) / rate), 2e4, 2e4 + 1 / rate]
    path = film(tmp_path / "a.mp4", [picture([walking(k)]) for k in range(62)], rate, times=times)
    (track,) = extract(path, ColourEstimator())
    assert len(track) < 60 + 2 * 5 * 12.5 + 10
    assert track.times[-1] > 2e4 - 1


def test_pauses_do_not_thin_out_the_poses_between_them(tmp_path):
    """Ten bursts of a second at 15 frames per second, 2.5 s apart: the average rate of 4.5 is nobody's rate."""
    times = np.concatenate([3.5 * burst + np.arange(15) / 15 for burst in range(10)])
    path = film(tmp_path / "a.mp4", [picture([walking(k % 15)]) for k in range(150)], 15, times=times)
    (track,) = extract(path, ColourEstimator())
    seen = track.times[(track.scores > 0).any(axis=1)]
    assert len(seen) == pytest.approx(10 * 12.5, abs=15)
    assert len(track.absent()) == 9


def test_another_video_stream_has_poses_and_parts_of_its_own(tmp_path):
    shots = [[picture([(RED, (20 + shift, 20, 60 + shift, 110))])] * 50 for shift in (0, 60)]
    write_streams(tmp_path / "a.mkv", shots)
    for number, x in ((None, 40), (2, 100), (1, 40)):
        (track,) = extract(tmp_path / "a.mkv", ColourEstimator(), resume_folder=tmp_path / "parts", video_stream=number)
        assert track.points[:, NOSE, 0].mean() == pytest.approx(x, abs=2)
