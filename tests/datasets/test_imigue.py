import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from official_trees import (
    FRAMES,
    SUBJECTS,
    labels_of,
    poses,
    write_imigue_miga,
    write_imigue_openpose,
    write_labels,
    write_skeleton_csv,
    write_small_video,
    write_subjects,
)

from microgesture.corpora.published import compared, published
from microgesture.corpora.source import Reading, detect, read_source
from microgesture.datasets.skeleton_frames import CsvFrames, FrameError, OpenPoseFrames, anybody
from microgesture.datasets.skeleton_reading import read_rows
from microgesture.errors import DataError
from microgesture.skeletons.layouts import IMIGUE_35
from microgesture.skeletons.sources import read_tracks
from microgesture.vocabulary import Vocabulary

TRAIN = "imigue_data_phase1/datasets/imigue_skeleton_train"
NAMES = {99: "Illustrative hand gestures", 4: "Touching or scratching head", 20: "Moving torso", 29: "Pressing lips"}


def ids(reading: Reading, split: str) -> list[str]:
    return [row.extra["id"] for row in reading.rows if row.split == split]


def problems(reading: Reading) -> list[str]:
    return [str(problem) for problem in reading.problems]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Everything that the challenge hands out."""
    return write_imigue_miga(tmp_path_factory.mktemp("imigue") / "iMiGUE")


@pytest.fixture
def bare(tmp_path) -> Path:
    """Skeletons and labels alone."""
    return write_imigue_miga(tmp_path / "iMiGUE", rgb=False)


def test_miga_rows(whole):
    reading = read_source(whole)
    assert reading.name == detect(whole) == "imigue"
    assert reading.vocabulary == Vocabulary.load("imigue")
    assert not reading.errors
    assert ids(reading, "val") == [f"{video:04d}_{i}" for video in (3, 4) for i in range(4)]
    assert [row.extra["id"] for row in reading.unlabelled] == [f"{video:04d}_{i}" for video in (5, 6) for i in range(4)]
    for row in (*reading.rows, *reading.unlabelled):
        video, index = map(int, row.extra["id"].split("_"))
        number, first, last = labels_of(video)[index]
        assert (row.start, row.end) == (first / 25, (last + 1) / 25)
        assert row.label == (NAMES[number] if row.split != "test" else "")
        assert row.row == index + 1
        assert row.skeleton is not None
        assert row.skeleton.name == f"{video:04d}_light_hand.csv"
        assert row.video is not None
        assert row.video.name == f"{video:04d}.mp4"
        folders = {"train": "train_data", "val": "validation_data", "test": "imigue_rgb_phase2"}
        assert folders[row.split] in row.video.as_posix()
    found, wrong = read_rows(reading.rows)
    assert (len(found), wrong) == (16, [])


def test_validation_videos_leave_the_training_list(whole):
    reading = read_source(whole)
    assert {name[:4] for name in ids(reading, "train")} == {"0001", "0002"}
    assert any("taken out of train: 2 videos (8 clips)" in fact for fact in reading.facts)
    published_list = read_source(whole, protocol="miga-as-published")
    assert {name[:4] for name in ids(published_list, "train")} == {"0001", "0002", "0003", "0004"}
    assert ids(published_list, "val") == ids(reading, "val")
    for found in (reading, published_list):  # counted as it is published
        assert compared("train list, clips", 16, 13670) in found.facts


def test_99_is_illustrative_and_never_the_first_class(whole):
    reading = read_source(whole)
    first = next(row for row in reading.rows if row.extra["id"] == "0003_1")
    assert labels_of(3)[1][0] == 99
    assert reading.vocabulary.index(first.label) == 31
    assert any(fact == "99 in the label files is 'Illustrative hand gestures'" for fact in reading.facts)


def test_right_hand_comes_first_whatever_the_file_says(whole):
    assert any("left hand's in 1 and the right hand's in 4 of 5 files" in f for f in read_source(whole).facts)
    for video in (1, 2):
        (track,) = read_tracks(whole / TRAIN / f"{video:04d}" / f"{video:04d}_light_hand.csv")
        tips = track.points[:50, IMIGUE_35.index("right_thumb_tip") : IMIGUE_35.index("right_thumb_tip") + 5]
        gaps = [np.median(np.linalg.norm(tips - track.points[:50, [IMIGUE_35.index(f"{s}_wrist")]], axis=-1)) for s in
                ("right", "left")]  # fmt: skip
        assert gaps[0] < gaps[1]


@pytest.mark.parametrize(
    "place", ["..", "imigue_data_phase1", TRAIN, "imigue_rgb_phase1/train_data", "imigue_rgb_phase2"]
)
def test_root_may_be_above_or_inside(whole, place):
    reading = read_source((whole / place).resolve())
    assert len(reading.rows) == 16
    assert len(reading.unlabelled) == 8


def test_neighbours_of_a_part_are_not_searched(bare, tmp_path):
    for name in ("imigue_data_phase1", "imigue_data_phase2"):
        shutil.move(bare / name, tmp_path / name)
    write_small_video(tmp_path / "other" / "0001" / "0001.mp4", 3)
    reading = read_source(tmp_path / TRAIN)
    assert len(reading.rows) == 16
    assert not any(row.video for row in reading.rows)


def test_labelled_test_set_and_missing_parts(tmp_path):
    root = write_imigue_miga(tmp_path, rgb=False, test_labels=True)
    reading = read_source(root)
    assert len(ids(reading, "test")) == 8
    assert not reading.unlabelled
    assert all(row.video is None for row in reading.rows)
    shutil.rmtree(root / "imigue_data_phase2")
    shutil.rmtree(root / TRAIN)
    reading = read_source(root)
    assert [p.what for p in reading.errors] == ["no folder of part train"]
    assert {row.split for row in reading.rows} == {"val"}


def test_pictures_alone_and_a_file_per_test_clip(tmp_path):
    reading = read_source(write_imigue_miga(tmp_path / "a", skeleton=False, test_rgb="clips"))
    assert not reading.errors
    assert [row.video.name for row in reading.unlabelled][:2] == ["0005_0.mp4", "0005_1.mp4"]
    assert {(row.start, row.end) for row in reading.unlabelled} == {(None, None)}
    both = read_source(write_imigue_miga(tmp_path / "b", test_rgb="clips"))
    first = both.unlabelled[1]
    assert (first.video.name, first.extra["id"]) == ("0005_1.mp4", "0005_1")
    assert first.start == float(first.extra["video_start"]) == labels_of(5)[1][1] / 25


def test_clips_of_the_test_set_without_a_list(tmp_path):
    root = write_imigue_miga(tmp_path, skeleton=False, test_rgb="clips")
    for path in (root / "imigue_rgb_phase2").rglob("*.csv"):
        path.unlink()
    reading = read_source(root)
    assert [row.extra["id"] for row in reading.unlabelled] == [f"{v:04d}_{i}" for v in (5, 6) for i in range(4)]


def test_protocol_of_the_letter(tmp_path):
    root = write_imigue_miga(tmp_path, rgb=False, subjects=True)
    reading = read_source(root, protocol="letter")
    lists = published("imigue")["gesture_subjects"]
    assert {row.split for row in reading.rows} == {"train", "test"}
    for row in reading.rows:
        assert int(row.subject) in lists[row.split]
        assert int(row.subject) == SUBJECTS[int(row.extra["id"][:4])]
    assert len(reading.rows) == 4 * len(SUBJECTS)  # the table tells the labels of the challenge's test set too
    assert compared("train subjects", 3, 37) in reading.facts
    assert compared("test clips", 8, 4563) in reading.facts
    assert {row.subject for row in read_source(root).rows} == {"2", "4", "5"}


def test_without_subjects_it_says_which_protocol_can_be_used(bare):
    with pytest.raises(DataError, match=r"protocol letter cannot be formed.*protocol miga can be used"):
        read_source(bare, protocol="letter")
    with pytest.raises(DataError, match="no protocol 'xsub' of iMiGUE: known are miga, miga-as-published, letter"):
        read_source(bare, protocol="xsub")
    reading = read_source(bare)
    assert {row.subject for row in reading.rows} == {f"video {n:04d}" for n in (1, 2, 3, 4)}
    assert any("each video stands for a subject of its own" in fact for fact in reading.facts)


def test_subject_in_no_list_and_video_without_subject(tmp_path):
    root = write_imigue_miga(tmp_path, rgb=False)
    table = write_subjects(root / "labels.csv", videos=(1, 2, 3, 4, 5))
    table.write_text(table.read_text().replace("\n2,4,", "\n2,99,"))
    found = problems(read_source(root, protocol="letter"))
    assert any("subject '99' of video 0002 is in no list" in line for line in found)
    assert any("video 0006 has no subject" in line for line in found)


def test_openpose_folders(tmp_path):
    reading = read_source(write_imigue_openpose(tmp_path / "a"))
    assert "protocol letter" in reading.facts
    assert not reading.problems
    assert len(reading.rows) == 24
    assert reading.rows[0].skeleton == tmp_path / "a/skeleton/raw/1"
    assert reading.rows[0].row == 2
    found, wrong = read_rows(reading.rows[:8])
    assert (len(found), wrong) == (8, [])
    listed = read_source(write_imigue_openpose(tmp_path / "b", labels="files"))
    assert {row.split for row in listed.rows} == {""}
    assert [(row.extra, row.label, row.start) for row in listed.rows] == [
        (row.extra, row.label, row.start) for row in reading.rows
    ]
    with pytest.raises(DataError, match="no folders of the MiGA"):
        read_source(tmp_path / "a", protocol="miga")


def test_openpose_folders_that_are_broken(tmp_path):
    root = write_imigue_openpose(tmp_path)
    raw = root / "skeleton" / "raw"
    cut = raw / "1" / "1_000000000050_keypoints.json"
    cut.write_text(cut.read_text()[:300])
    for i in range(20, 60):
        (raw / "2" / f"2_{i:012d}_keypoints.json").write_text('{"people": []}')
    shutil.copy(raw / "3" / "3_000000000001_keypoints.json", raw / "3" / "3_1_keypoints.json")
    (raw / "4" / "4_000000000040_keypoints.json").unlink()
    shutil.copytree(raw / "5", raw / "0005")
    found = problems(read_source(root))
    assert any("raw/1: 1_000000000050_keypoints.json: not JSON, or cut off" in line for line in found)
    assert any("the skeleton shows nobody in frames 26" in line for line in found)
    assert any("frame 1 twice, 3_000000000001_keypoints.json and 3_1_keypoints.json" in line for line in found)
    assert any("1 frames have no file" in line for line in found)
    assert any("raw/5: claims to be 0005, as" in line for line in found)


def set_labels(root: Path, *rows) -> None:
    write_labels(root / TRAIN / "0001" / "0001_label.csv", rows)


def break_skeleton(root: Path, change) -> None:
    rows = poses(1)
    change(rows)
    write_skeleton_csv(root / TRAIN / "0001" / "0001_light_hand.csv", rows)


def cut_skeleton(root: Path) -> None:
    path = root / TRAIN / "0001" / "0001_light_hand.csv"
    path.write_text(path.read_text()[:-1200])


def nobody_between(first: int, last: int):
    def change(rows: np.ndarray) -> None:
        rows[first : last + 1] = 0

    return change


BAD = {
    "label out of range": (
        lambda r: set_labels(r, (4, 1, 9), (32, 20, 30)),
        "label.csv: row 2: label 32 is none of",
        1,
    ),
    "illustrative as 0": (
        lambda r: set_labels(r, (0, 1, 9)),
        "row 1: label 0 is none.*are 99 in the official files",
        0,
    ),
    "no number": (lambda r: set_labels(r, (4, 1, 9), (4, "x", 9)), "row 2: start 'x' is not a whole number", 1),
    "columns": (lambda r: set_labels(r, (4, 1, 9, 8)), "row 1: 4 columns, expected class,start,end", 0),
    "backwards": (lambda r: set_labels(r, (4, 9, 1), (4, 1, 9)), "row 1: frames 9 to 1 are no clip", 1),
    "past the end": (
        lambda r: set_labels(r, (4, 90, 120)),
        r"row 1: ends in frame 120, past the skeleton's last.*\(99",
        0,
    ),
    "empty label file": (lambda r: set_labels(r), "0001_label.csv: empty: no clips in it", 0),
    "no label file": (lambda r: (r / TRAIN / "0001/0001_label.csv").unlink(), "no label file 0001_label.csv", 0),
    "no skeleton": (lambda r: (r / TRAIN / "0001/0001_light_hand.csv").unlink(), "no skeleton of video 0001", 0),
    "empty skeleton": (lambda r: (r / TRAIN / "0001/0001_light_hand.csv").write_text(""), "light_hand.csv: empty", 0),
    "half a skeleton": (cut_skeleton, r"light_hand.csv: row 9\d: \d+ columns, expected 106", 0),
    "nobody at all": (lambda r: break_skeleton(r, nobody_between(0, 99)), "hand.csv: nobody is seen in any frame", 0),
    "nobody in a clip": (lambda r: break_skeleton(r, nobody_between(20, 50)), "row 2: the skeleton shows nobody in", 3),
    "foreign file": (
        lambda r: shutil.copy(r / TRAIN / "0002/0002_label.csv", r / TRAIN / "0001/0002_label.csv"),
        "0001/0002_label.csv: a file of video 0002 in the folder of video 0001",
        4,
    ),
    "two claims": (
        lambda r: shutil.copytree(r / TRAIN / "0001", r / TRAIN / "1"),
        "train/1/0001_label.csv: claims to be 0001 of train, as .*0001/0001_label.csv does",
        4,
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_skeletons_and_labels(bare, name):
    spoil, expected, left = BAD[name]
    spoil(bare)
    reading = read_source(bare)
    matching = [problem for problem in reading.errors if re.search(expected, str(problem))]
    assert matching, problems(reading)
    assert "\n" not in str(matching[0])
    assert sum(row.extra["id"].startswith("0001") for row in reading.rows) == left
    assert len(ids(reading, "val")) == 8  # what is sound stays


def test_bad_videos(tmp_path):
    root = write_imigue_miga(tmp_path)
    videos = root / "imigue_rgb_phase1" / "train_data"
    half = videos / "0001" / "0001.mp4"
    half.write_bytes(half.read_bytes()[: int(half.stat().st_size * 0.6)])
    (videos / "0002" / "0002.mp4").unlink()
    short = root / "imigue_rgb_phase1" / "validation_data" / "0003" / "0003.mp4"
    write_small_video(short, frames=60)
    reading = read_source(root)
    found = [str(problem) for problem in reading.errors]
    assert any("0001.mp4: cut off" in line for line in found)
    assert any("0002_label.csv: no video file of video 0002" in line for line in found)
    assert any("0003_label.csv: row 4: ends at 3.48 s, past the video's end (2.40 s)" in line for line in found)
    assert any("0003.mp4: 60 frames, its skeleton has 100" in line for line in problems(reading))
    kept = {row.extra["id"]: row.video for row in reading.rows}
    assert kept["0002_0"] is kept["0003_3"] is None  # the skeletons are whole
    assert kept["0003_0"] is not None


def test_video_of_another_rate_is_told(tmp_path):
    root = write_imigue_miga(tmp_path, test_rgb="clips")
    write_small_video(root / "imigue_rgb_phase1/train_data/0001/0001.mp4", FRAMES, fps=30)
    write_small_video(root / "imigue_rgb_phase2/0005/0005_0.mp4", 2)
    (root / "imigue_rgb_phase2/0005/0005_1.mp4").unlink()
    found = problems(read_source(root))
    assert any("0001.mp4: 30 frames per second, not 25" in line for line in found)
    assert any("0005_0.mp4: lasts 0.08 s, its label" in line for line in found)
    assert any("0005_label.csv: row 2: no clip 0005_1 among those of its video" in line for line in found)


def test_videos_whose_official_skeletons_are_empty_stop_nothing(bare):
    folder = bare / TRAIN / "0347"
    write_labels(folder / "0347_label.csv", [(4, 1, 20)])
    (folder / "0347_light_hand.csv").write_text("")
    reading = read_source(bare)
    assert not reading.errors
    assert any("0347_light_hand.csv: empty" in line for line in problems(reading))


def test_other_folders_are_not_imigue(tmp_path):
    (tmp_path / "training_clips").mkdir()
    (tmp_path / "0001").mkdir()
    write_small_video(tmp_path / "0001" / "0001.mp4", 3)
    with pytest.raises(DataError, match="no known data set layout"):
        detect(tmp_path)
    with pytest.raises(DataError, match="no skeletons and no videos of iMiGUE"):
        read_source(tmp_path / "training_clips", "imigue")
    with pytest.raises(DataError, match="no such file or folder"):
        read_source(tmp_path / "missing", "imigue")


def test_rows_of_a_skeleton_without_parsing_it(tmp_path):
    path = tmp_path / "0001_light_hand.csv"
    write_skeleton_csv(path, poses(1))
    frames = CsvFrames(path)
    assert (frames.count, frames.notes) == (FRAMES, ())
    assert frames.seen(97)
    assert not frames.seen(98)
    assert anybody(frames, 97, 99)
    assert not anybody(frames, 98, 500)
    lines = path.read_text().splitlines()
    lines[3] = lines[3].replace("0.8", "NaN", 2)
    lines[7] = lines[7].replace("0.8", "", 1)
    named = [line.replace(",", "_keypoints.json,", 1) for line in lines]
    for text in ("\n".join(lines), "\r\n".join(named) + "\r\n\r\n", "frame" + ",x" * 105 + "\n" + "\n".join(lines)):
        path.write_text(text)
        frames = CsvFrames(path)
        assert frames.count == FRAMES
        row = 5 if text.startswith("frame") else 4
        assert frames.notes == ((row, "values that are no numbers, in 2 rows: their points count as not seen"),)
    path.write_text("\n".join([*lines[:9], lines[9].replace("0.8", "0.8o", 1), *lines[10:]]))
    with pytest.raises(FrameError, match=r"'0\.8o' is not a number") as caught:
        CsvFrames(path)
    assert caught.value.row == 10
    for text, what in (("1,2,3", "3 columns, expected 106 or 76"), ("frame" + ",x" * 105, "no rows"), (" \n", "empty")):
        path.write_text(text)
        with pytest.raises(FrameError, match=what):
            CsvFrames(path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(FrameError, match="no OpenPose JSON"):
        OpenPoseFrames(tmp_path / "folder")


def test_published_lists_are_whole():
    imigue, smg, ma52 = (published(name) for name in ("imigue", "smg", "ma52"))
    subjects = imigue["gesture_subjects"]
    assert sorted([*subjects["train"], *subjects["test"]]) == list(range(1, 73))
    assert (len(subjects["train"]), len(subjects["test"])) == (37, 35)
    videos = imigue["emotion_videos"]
    assert (len(set(videos["train"])), len(set(videos["test"]))) == (102, 100)
    assert not set(videos["train"]) & set(videos["test"])
    assert sum(imigue["miga"]["train"]["clips_per_class"]) == imigue["miga"]["train"]["clips"] == 13670
    assert len(imigue["miga"]["train"]["clips_per_class"]) == len(Vocabulary.load("imigue"))
    assert sum(imigue["miga_emotion"]["videos"].values()) == imigue["videos"]["count"]
    assert smg["classification"] == {"train": list(range(1, 36)), "test": list(range(36, 41))}
    assert [sum(smg["clips_per_class"][part]) for part in ("1_30", "31_35", "36_40")] == [2452, 637, 610]
    assert sum(ma52["clips"].values()) == 22422
