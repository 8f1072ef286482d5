"""Which video a clip is of, by its times, its id or its name; and subjects dealt out to folds."""

from pathlib import Path

import pytest

from microgesture.datasets.clip_videos import subject_folds, videos_of
from microgesture.datasets.manifest import ClipRow
from microgesture.errors import DataError


def clip(video: str, start: float | None = None, end: float | None = None, subject: str = "s", **extra: str) -> ClipRow:
    return ClipRow(Path(video), "x", start, end, subject=subject, extra=extra)


def named(rows: list[ClipRow]) -> dict[str, tuple[tuple[int, ...], bool]]:
    return {video.name: (video.clips, video.timed) for video in videos_of(rows)}


def test_films_keep_their_clips_in_order_of_time():
    rows = [clip("a/x.mp4", 5, 6), clip("a/y_3.mp4", 0, 1), clip("a/x.mp4", 1, 2), clip("a/x.mp4", 1, 1.5)]
    assert named(rows) == {"x": ((3, 2, 0), True), "y_3": ((1,), True)}


def test_video_and_skeleton_of_one_film_are_one():
    skeleton = ClipRow(None, "x", 3, 4, subject="s", skeleton=Path("b/0001_skeleton.csv"), extra={"id": "0001_7"})
    assert named([clip("a/0001.mp4", 1, 2, id="0001_2"), skeleton]) == {"0001": ((0, 1), True)}
    smg = [clip("Sample0003_color.mp4", 1, 2, id="Sample0003_0")]
    assert named(smg) == {"Sample0003": ((0,), True)}


def test_two_films_of_one_name_are_two():
    rows = [clip("one/cam.mp4", 0, 1), clip("two/cam.mp4", 0, 1), clip("two/deep/CAM.mp4", 0, 1)]
    assert [video.name for video in videos_of(rows)] == ["one-cam", "two-cam", "deep-CAM"]
    rows = [clip("a/one/cam.mp4", 0, 1), clip("b/one/cam.mp4", 0, 1)]
    assert [video.name for video in videos_of(rows)] == ["one-cam", "one-cam-2"]


@pytest.mark.parametrize(
    ("names", "videos"),
    [
        (["0001_10", "0001_9", "0002_0"], {"0001": (1, 0), "0002": (2,)}),  # iMiGUE: <video>_<place>
        (["12_300_340", "12_20_50", "13_5_9"], {"12": (1, 0), "13": (2,)}),  # the paper: frames
        (["Sample0036_12_40", "Sample0036_3_9"], {"Sample0036": (1, 0)}),
        (["walk", "run"], {"walk": (0,), "run": (1,)}),
        (["talk_9_2"], {"talk_9": (0,)}),  # no first and last frame
    ],
)
def test_trimmed_clips_say_it_by_their_name(names, videos):
    assert named([clip(f"clips/{name}.mp4") for name in names]) == {k: (v, False) for k, v in videos.items()}


def test_an_id_comes_before_the_name_of_the_file():
    rows = [clip(f"clips/{name}.mp4", id=f"part/0004_{n}") for n, name in ((2, "a_1"), (1, "b_2"))]
    assert named(rows) == {"0004": ((1, 0), False)}
    assert named([clip("clips/5_1.mp4", id="part/whatever")]) == {"5": ((0,), False)}


def test_trimmed_clips_in_folders_of_classes_and_in_pickles():
    assert named([clip("Folding arms/7_2.mp4"), clip("Touching jaw/7_1.mp4")]) == {"7": ((1, 0), False)}
    pickle = [ClipRow(None, "x", subject="s", skeleton=Path(f"all.pkl::0007_{n}")) for n in (4, 3)]
    assert named(pickle) == {"0007": ((1, 0), False)}
    two = named([clip("7_2.mp4", subject="A"), clip("7_1.mp4", subject="B")])
    assert two == {"A-7": ((0,), False), "B-7": ((1,), False)}  # a video has one subject: the names mean something else


def test_cut_files_with_the_times_of_the_whole_video():
    rows = [clip(f"0001_{n}.mp4", t, t + 1, id=f"0001_{n}", video_start=f"{t}") for n, t in ((1, 8), (0, 2))]
    assert named(rows) == {"0001": ((1, 0), True)}
    rows.append(clip("0001_2.mp4", id="0001_2"))
    assert named(rows) == {"0001": ((1, 0, 2), False)}


def test_names_are_fit_for_files():
    assert [v.name for v in videos_of([clip("what?:*.mp4", 0, 1), clip("what---.mp4", 0, 1)])] == [
        "what---",
        "what----2",
    ]


def test_folds_are_by_subject_nearly_alike_and_the_same_again():
    rows = [clip(f"{n}_{i}.mp4", 0, 1, subject=f"P{n}") for n in range(9) for i in range(1 + n % 3)]
    dealt = subject_folds(rows, videos_of(rows), 3, seed=1)
    assert sorted(name for people in dealt for name in people) == [f"P{n}" for n in range(9)]
    sizes = [sum(row.subject in people for row in rows) for people in dealt]
    assert sizes == [6, 6, 6]
    assert subject_folds(rows[::-1], videos_of(rows[::-1]), 3, seed=1) == dealt
    assert any(subject_folds(rows, videos_of(rows), 3, seed=s) != dealt for s in (2, 3))


def test_who_is_in_one_video_stays_together():
    pairs = ("AB", "BC", "D", "E", "FG")
    rows = [clip(f"{pair}.mp4", 0, 1, subject=name) for pair in pairs for name in pair]
    dealt = subject_folds(rows, videos_of(rows), 3)
    assert any({"A", "B", "C"} <= set(people) for people in dealt)
    assert any({"F", "G"} <= set(people) for people in dealt)
    with pytest.raises(DataError, match="4 subjects cannot be dealt out to 5 folds"):
        subject_folds(rows, videos_of(rows), 5)
    with pytest.raises(DataError, match="2 folds or more, got 1"):
        subject_folds(rows, videos_of(rows), 1)
