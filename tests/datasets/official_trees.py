"""Small complete data sets as the owners of iMiGUE hand them out, in the paper's layout, and in that of PYSKL.

People wave: where the hand is held, and how fast it moves, depends on the class, so that a recogniser can learn it.
"""

from __future__ import annotations

import csv
import json
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microgesture.video import write_video
from microgesture.vocabulary import Vocabulary

FPS = 25
FRAMES = 100
CLASSES = (99, 4, 20, 29)
"""Class numbers in the files of iMiGUE; every video has all of them."""
TRAIN, VAL, TEST = (1, 2, 3, 4), (3, 4), (5, 6)
"""Videos of the MiGA tree; those of validation are among those of training."""
SUBJECTS = {1: 2, 2: 4, 3: 5, 4: 5, 5: 1, 6: 3}
"""Video to subject: 1 and 3 are test subjects of the published protocol."""

_REST = {
    **{0: (640, 200), 1: (640, 300), 2: (540, 310), 3: (500, 430), 4: (560, 540), 5: (740, 310), 6: (780, 430)},
    **{7: (720, 540), 8: (640, 600), 9: (590, 600), 12: (690, 600), 15: (615, 185), 16: (665, 185)},
    **{17: (590, 195), 18: (690, 195)},
}
"""Points of BODY_25 that are seen, in pixels of 1280 x 720; 2 to 4 are the right arm, 5 to 7 the left one."""


def labels_of(video: int) -> list[tuple[int, int, int]]:
    """(class, first frame, last frame) of the clips of a video, in the order of its label file."""
    turned = CLASSES[video % 4 :] + CLASSES[: video % 4]
    return [(number, 2 + 24 * i, 2 + 24 * i + 12 + (video + i) % 6) for i, number in enumerate(turned)]


def poses(video: int, left_first: bool = False, frames: int = FRAMES) -> np.ndarray:
    """`(frames, 35, 3)` x, y, score of BODY_25 and ten fingertips; nobody is there in the last two frames."""
    rng = np.random.default_rng(video)
    rows = np.zeros((frames, 35, 3))
    for joint, place in _REST.items():
        rows[:, joint] = (*place, 0.8)
    for number, first, last in labels_of(video):
        kind, moments = CLASSES.index(number), np.arange(last - first + 1)
        sway = np.sin(moments * (0.4 + 0.4 * kind))
        rows[first : last + 1, 4, 0] += 30 * sway
        rows[first : last + 1, 4, 1] -= 60 * kind + 20 * sway
        rows[first : last + 1, 3, 0] += 15 * sway
    for start, wrist in ((25, 4), (30, 7)):
        spread = np.stack([np.linspace(-24, 24, 5), np.full(5, 40)], -1)
        rows[:, start : start + 5, :2] = rows[:, wrist : wrist + 1, :2] + spread
        rows[:, start : start + 5, 2] = 0.6
    rows[..., :2] += (rng.uniform(-20, 20, 2) + rng.normal(0, 1.5, rows[..., :2].shape)) * (rows[..., 2:] > 0)
    if left_first:
        rows = rows[:, [*range(25), *range(30, 35), *range(25, 30)]]
    rows[-2:] = 0
    return rows.round(3)


def write_skeleton_csv(path: Path, rows: np.ndarray) -> None:
    """`_light_hand.csv` of the MiGA challenge: a column to pass over, then x, y, score of every point."""
    lines = (",".join([str(i), *map(repr, row.ravel().tolist())]) for i, row in enumerate(rows))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def write_labels(path: Path, labels: Sequence[Sequence[int]]) -> None:
    """A label file without header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{','.join(map(str, row))}\n" for row in labels))


def write_small_video(path: Path, frames: int = FRAMES, fps: int = FPS, shade: int = 0) -> None:
    """A video of 64 x 36 pixels in which a square moves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.full((frames, 36, 64, 3), 40 + shade % 100, np.uint8)
    for i in range(frames):
        x = (3 * i + 7 * shade) % 52
        picture[i, 12:24, x : x + 12] = 220
    write_video(path, picture, fps=fps)


def write_subjects(path: Path, videos: Sequence[int] = tuple(SUBJECTS)) -> Path:
    """`labels_20200831.csv` of the full release: every clip with its video and subject."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["video_id", "subject_id", "class", "start_frame", "end_frame", "win_or_lose"])
        for video in videos:
            outcome = "Win" if video % 2 else "Lose"
            table.writerows([video, SUBJECTS[video], *label, outcome] for label in labels_of(video))
    return path


def write_imigue_miga(
    root: Path,
    rgb: bool = True,
    skeleton: bool = True,
    test_labels: bool = False,
    test_rgb: str = "videos",
    subjects: bool = False,
    left_first: Sequence[int] = (2,),
) -> Path:
    """The MiGA challenge: four videos to train, two of them again to validate, two to test.

    Test label files say `0,start,end` unless `test_labels`; `test_rgb` is "videos" or "clips" (a file per clip). In the
    skeletons of `left_first` the left hand's fingertips come first; video 1 has a value that is NaN. Without
    `skeleton`, the label files lie beside the videos.
    """
    phases = {"train": "imigue_data_phase1/datasets", "validate": "imigue_data_phase1/datasets"}
    for part, videos in (("train", TRAIN), ("validate", VAL), ("test", TEST)):
        pictures = {"train": "imigue_rgb_phase1/train_data", "validate": "imigue_rgb_phase1/validation_data"}
        rgb_folder = root / pictures.get(part, "imigue_rgb_phase2")
        data = root / phases.get(part, "imigue_data_phase2") / f"imigue_skeleton_{part}" if skeleton else rgb_folder
        for video in videos:
            name = f"{video:04d}"
            labels = labels_of(video)
            if part == "test" and not test_labels:
                labels = [(0, first, last) for _, first, last in labels]
            write_labels(data / name / f"{name}_label.csv", labels)
            if skeleton:
                rows = poses(video, video in left_first)
                rows[5, 0, 0] = np.nan if video == 1 else rows[5, 0, 0]
                write_skeleton_csv(data / name / f"{name}_light_hand.csv", rows)
            if rgb and part == "test" and test_rgb == "clips":
                for i, (_, first, last) in enumerate(labels):
                    write_small_video(rgb_folder / name / f"{name}_{i}.mp4", last - first + 1, shade=video)
            elif rgb:
                write_small_video(rgb_folder / name / f"{name}.mp4", shade=video)
    if subjects:
        write_subjects(root / "Label" / "labels_20200831.csv")
    return root


def write_imigue_openpose(root: Path, labels: str = "table", frames: int = FRAMES) -> Path:
    """The full release: a folder of OpenPose JSON files a video, named without leading zeros, and labels.

    `labels` is "table" (one with subjects) or "files" (`0001_label.csv` in the folders). `people` is empty in the last
    two frames of every video, and has a second, smaller person in frame 3.
    """
    for video in SUBJECTS:
        folder = root / "skeleton" / "raw" / str(video)
        folder.mkdir(parents=True)
        for i, row in enumerate(poses(video, frames=frames)):
            people = [_openpose_person(row)] if row.any() else []
            if i == 3:
                people.append(_openpose_person(row * (0.3, 0.3, 1)))
            name = f"{video}_{i:012d}_keypoints.json"
            (folder / name).write_text(json.dumps({"version": 1.3, "people": people}))
        if labels == "files":
            write_labels(folder / f"{video:04d}_label.csv", labels_of(video))
    if labels == "table":
        write_subjects(root / "Label" / "labels_20200831.csv")
    return root


def _openpose_person(row: np.ndarray) -> dict[str, list[float]]:
    """One person from BODY_25 and fingertips; face and the other points of the hands are not seen."""
    hands = np.zeros((2, 21, 3))
    hands[0, 4::4], hands[1, 4::4] = row[30:35], row[25:30]
    for hand, wrist in zip(hands, (7, 4), strict=True):
        hand[0] = row[wrist]
    return {
        "pose_keypoints_2d": row[:25].ravel().tolist(),
        "face_keypoints_2d": [0.0] * 210,
        "hand_left_keypoints_2d": hands[0].ravel().tolist(),
        "hand_right_keypoints_2d": hands[1].ravel().tolist(),
    }


LETTER_CLASSES = (0, 4, 8, 16)
"""Class ids that the clips of the paper's layout are of."""


def write_letter_clips(root: Path, data_set: str = "smg", captions: str = "names", fps: int = 28) -> Path:
    """The paper's clips: `training_clips`, `testing_clips`, `Clip_label.csv`; two clips of each class a subject.

    `captions` are label "names" or "ids" of `Clip_label.csv`. SMG: subjects 1, 2, 3 to train and 36, 37 to test.
    """
    vocabulary = Vocabulary.load(data_set)
    root.mkdir(parents=True, exist_ok=True)
    with (root / "Clip_label.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "name"), *((c.id, c.name) for c in vocabulary)])
    videos = {"training_clips": (1, 2, 3), "testing_clips": (36, 37) if data_set == "smg" else (5, 6)}
    for folder, numbers in videos.items():
        rows = []
        for number in numbers:
            source = f"Sample{number:04d}" if data_set == "smg" else f"{number:04d}"
            for i, label in enumerate(LETTER_CLASSES * 2):
                first, last = 40 * i, 40 * i + 7 + (number + i) % 5
                name = f"{source}_{first}_{last}.mp4"
                write_small_video(root / folder / name, last - first + 1, fps, shade=30 * LETTER_CLASSES.index(label))
                rows.append((name, vocabulary[label].name if captions == "names" else label))
        with (root / folder / "clip.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("clip", "caption"), *rows])
    return root


def pyskl_annotation(name: str, label: int, seed: int = 0, frames: int = 20, people: int = 1) -> dict:
    """An annotation with 17 points of COCO in pixels of 1280 x 720; the right wrist moves as fast as the label says."""
    rng = np.random.default_rng(seed)
    order = [0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 12, 9, 12, 9]
    points = np.tile(np.array([_REST[joint] for joint in order], float), (people, frames, 1, 1))
    points[:, :, 13:15, 1] += 60
    points[:, :, 15:17, 1] += 115
    points[:, :, 10, 1] -= 40 * label + 25 * np.sin(np.arange(frames) * (0.3 + 0.3 * label))
    points += np.arange(people)[:, None, None, None] * 90 + rng.uniform(-15, 15, 2) + rng.normal(0, 1.5, points.shape)
    return {
        "frame_dir": name,
        "total_frames": frames,
        "img_shape": (720, 1280),
        "original_shape": (720, 1280),
        "label": label,
        "keypoint": points.astype(np.float16),
        "keypoint_score": np.full(points.shape[:3], 0.9, np.float16),
    }


def write_pyskl_file(path: Path, split: str = "xsub", names: str = "ntu", classes: int = 3, clips: int = 3) -> Path:
    """A PYSKL pickle: 6 subjects, `clips` of each class and subject, subjects 5 and 6 not among those to train.

    `split` is "xsub" (with "xview" beside it), "train-val", "train-val-test" or "" (no split); `names` is "ntu",
    "imigue", "smg", "ma52" or "own", the pattern of `frame_dir`.
    """
    annotations, subject_of = [], {}
    for subject in range(1, 7):
        for i in range(classes * clips):
            label = i % classes
            name = {
                "ntu": f"S001C{1 + i // classes:03d}P{subject:03d}R001A{label + 1:03d}",
                "imigue": f"{subject:04d}_{i}",
                "smg": f"Sample{subject:04d}_{30 * i}_{30 * i + 19}",
                "ma52": f"{subject:04d}_01_{i:04d}",
            }.get(names, f"person{subject}-{i}")
            subject_of[name] = subject
            annotations.append(pyskl_annotation(name, label, 100 * subject + i, people=1 + (i == 4)))
    first = [name for name, subject in subject_of.items() if subject < 5]
    last = [name for name, subject in subject_of.items() if subject >= 5]
    three = {part: [n for n, s in subject_of.items() if s in of] for part, of in _THREE.items()}
    views = {"xview_train": list(subject_of)[::2], "xview_val": list(subject_of)[1::2]}
    splits = {
        "xsub": {"xsub_train": first, "xsub_val": last, **views},
        "train-val": {"train": first, "val": last},
        "train-val-test": three,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps({"split": splits.get(split, {}), "annotations": annotations}, protocol=4))
    return path


_THREE = {"train": (1, 2, 3, 4), "val": (5,), "test": (6,)}
