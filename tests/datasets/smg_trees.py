"""Small complete data sets: SMG (public and MiGA layout), MA-52, a folder per class, ELAN files with their media.

A person stands still and the right hand moves as the class says, so that a recogniser can learn it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from microgesture.formats import write
from microgesture.skeletons.track import SkeletonTrack
from microgesture.timeline import GestureEvent, Media, Timeline
from microgesture.video import write_video
from microgesture.vocabulary import Vocabulary

FPS = 28
FRAMES = 112
CLASSES = (3, 5, 9, 17)
"""Class numbers in the label files of SMG; every sample has all of them."""
PUBLIC = (1, 2, 3, 36, 37)
"""Samples of the public layout, three to train and two to test."""
MIGA = {"train": (1, 2, 3), "validate": (31, 32)}
"""Samples of the MiGA layout."""


def labels_of(sample: int) -> list[tuple[int, int, int]]:
    """(class, first frame, last frame) of the label file of a sample."""
    turned = CLASSES[sample % 4 :] + CLASSES[: sample % 4]
    return [(number, 2 + 27 * i, 2 + 27 * i + 14 + (sample + i) % 6) for i, number in enumerate(turned)]


def kinect_rows(sample: int, labels: Iterable[tuple[int, int, int]], frames: int = FRAMES) -> np.ndarray:
    """`(frames, 275)`: 25 joints of x, y, z, orientation, pixel and two more values; the right hand (8 to 11, 23, 24)
    moves as fast and as high as the class says."""
    rng = np.random.default_rng(sample)
    joints = np.zeros((frames, 25, 11))
    base = np.stack([np.linspace(-0.4, 0.4, 25), np.linspace(0.9, -0.9, 25), np.full(25, 2.5)], -1)
    joints[:, :, :3] = base
    for number, first, last in labels:
        kind, moments = CLASSES.index(number), np.arange(last - first + 1)
        sway = 0.05 * np.sin(moments * (0.4 + 0.4 * kind))[:, None]
        joints[first : last + 1, [10, 11, 23, 24], 1] += 0.15 * kind + sway
    joints[:, :, :3] += rng.normal(0, 0.004, (frames, 25, 3)) + rng.uniform(-0.1, 0.1, 3)
    joints[:, :, 3] = 1
    joints[:, :, 7] = 960 + 400 * joints[:, :, 0]
    joints[:, :, 8] = 540 - 400 * joints[:, :, 1]
    return joints.reshape(frames, 275).round(4)


def small_video(path: Path, frames: int = FRAMES, fps: float = FPS, shade: int = 0) -> Path:
    """A video of 64 x 36 pixels in which a square moves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.full((frames, 36, 64, 3), 40 + shade % 100, np.uint8)
    for i in range(frames):
        x = (2 * i + 5 * shade) % 52
        picture[i, 12:24, x : x + 12] = 220
    write_video(path, picture, fps=fps)
    return path


def write_rows(path: Path, rows: Iterable[Sequence[object]]) -> Path:
    """Lines of fields between commas, without header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


def write_sample(
    folder: Path, sample: int, skeleton: bool = True, rgb: Path | None = None, labelled: bool = True
) -> Path:
    """One folder `Sample0001` in `folder`; its video lies in such a folder in `rgb`, nowhere when that is None."""
    name = f"Sample{sample:04d}"
    place, labels = folder / name, labels_of(sample)
    if labelled:
        write_rows(place / f"{name}_finelabels.csv", labels)
        write_rows(place / f"{name}_tflabels_new.csv", [(1, 0, 50, 11), (2, 51, 100, 12)])
    write_rows(place / f"{name}_data.csv", [(FRAMES, FPS, 4500)])
    if skeleton:
        write_rows(place / f"{name}_skeleton.csv", kinect_rows(sample, labels).tolist())
    if rgb is not None:
        small_video(rgb / name / f"{name}_color.mp4", shade=sample)
    return place


def write_smg(root: Path, samples: Sequence[int] = PUBLIC, rgb: bool = True, skeleton: bool = True) -> Path:
    """The public layout: everything of a sample in its folder."""
    for sample in samples:
        write_sample(root, sample, skeleton, root if rgb else None)
    return root


def write_smg_miga(root: Path, rgb: bool = False, test: Sequence[int] = ()) -> Path:
    """The MiGA layout; the videos lie in a tree of their own, `test` samples have no labels."""
    data = root / "smg_data_phase1"
    for part, samples in MIGA.items():
        pictures = root / "SMG_RGB_Phase1" / f"smg_rgb_{part}"
        for sample in samples:
            write_sample(data / f"smg_skeleton_{part}", sample, rgb=pictures if rgb else None)
    for sample in test:
        write_sample(root / "smg_data_phase2" / "smg_skeleton_test", sample, labelled=False)
    return root


MA52_LISTS: Mapping[str, Sequence[tuple[str, int]]] = {
    "train": [(f"{s:04d}_01_{i:04d}", c) for s in (3, 4, 5) for i, c in enumerate((9, 10, 48, 0), 1)],
    "val": [(f"{s:04d}_02_{i:04d}", c) for s in (4, 6) for i, c in enumerate((9, 10, 48, 0), 1)],
    "test": [(f"test{i:04d}", 0) for i in range(4)],
}
"""Clips and class numbers of the small MA-52; subject 4 is in training and in validation."""


def write_ma52(root: Path, folders: str = "split", lists: str = "") -> Path:
    """Lists (in the folder `lists`) and clips; `folders` is "split" (train, val, test), "double" (videos_train/train,
    ...) or "one" (all clips in one folder)."""
    for split, clips in MA52_LISTS.items():
        path = root / lists / f"{split}_list_videos.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{name}.mp4 {label}\n" for name, label in clips))
        place = {"split": split, "double": f"videos_{split}/{split}", "one": "clips"}[folders]
        for i, (name, label) in enumerate(clips):
            small_video(root / place / f"{name}.mp4", 16 + i, 30, shade=label)
    return root


def small_track(seconds: float = 1.0, seed: int = 0, person: str = "P1") -> SkeletonTrack:
    """A person of 17 points in 640 x 360 pixels, 20 frames per second."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(20 * seconds)) / 20
    points = rng.uniform(100, 300, (1, 17, 2)) + 10 * np.sin(times * (1 + seed))[:, None, None]
    return SkeletonTrack(times, points, np.full(points.shape[:2], 0.9), "coco-17", (640, 360), person)


def write_class_folders(
    root: Path,
    splits: bool = False,
    classes: Sequence[str] = ("Folding arms", "1_Turtle neck"),
    clips: int = 3,
    media: str = "video",
) -> Path:
    """A folder per class; its clips are "video", "skeleton" (tracks), or "both" under one name."""
    for split in ("train", "test") if splits else ("",):
        for number, label in enumerate(classes):
            folder = root / split / label
            for i in range(clips):
                if media != "skeleton":
                    small_video(folder / f"{i}.mp4", 14 + i, 28, shade=10 * number + i)
                if media != "video":
                    folder.mkdir(parents=True, exist_ok=True)
                    small_track(0.5 + 0.1 * i, 10 * number + i).save(folder / f"{i}.npz")
    return root


ELAN_EVENTS = ((0.2, 0.9, "Folding arms"), (1.2, 1.8, "Touching jaw"), (2.1, 3.0, "Moving legs"))
"""Start, end and label of the gestures of every ELAN file."""


def write_elan_folder(root: Path, files: int = 4, person: str = "P1", media: str = "") -> Path:
    """ELAN files as `microgesture analyze` writes them, with videos of 4 seconds beside them or in the folder `media`;
    the second gesture of each is rejected, the third accepted."""
    root.mkdir(parents=True, exist_ok=True)
    vocabulary = Vocabulary.from_texts([label for *_, label in ELAN_EVENTS], "own")
    for i in range(files):
        video = small_video(root / media / f"interview{i}.mp4", 4 * 10, 10, shade=i)
        events = tuple(
            GestureEvent(start, end, label, vocabulary.index(label), 0.8, "", person)
            for start, end, label in ELAN_EVENTS
        )
        timeline = Timeline(events, Media(str(video), 4.0, 10.0, (64, 36)), "own", vocabulary.names)
        path = write(timeline, root / f"interview{i}.eaf")
        review(path, {"Touching jaw": "reject", "Moving legs": "accept"}, person)
    return root


def review(path: Path, verdicts: Mapping[str, str], person: str = "P1") -> None:
    """Write a human's verdict on the gestures of a label into the Review tier, as ELAN does."""
    text = path.read_text("utf-8")
    numbers = [int(n) for n in re.findall(r'ANNOTATION_ID="a(\d+)"', text)]
    made = []
    pattern = r'<ALIGNABLE_ANNOTATION ANNOTATION_ID="(a\d+)"[^>]*>\s*<ANNOTATION_VALUE>([^<]*)</ANNOTATION_VALUE>'
    for identity, label in re.findall(pattern, text):
        if label in verdicts:
            made.append(
                f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a{max(numbers) + 1 + len(made)}" '
                f'ANNOTATION_REF="{identity}"><ANNOTATION_VALUE>{verdicts[label]}</ANNOTATION_VALUE>'
                "</REF_ANNOTATION></ANNOTATION>"
            )
    tier = re.search(rf'<TIER\b[^>]*TIER_ID="Review@{person}"[^>]*/>', text)
    assert tier is not None
    opened = tier[0][:-2] + ">" + "\n".join(made) + "</TIER>"
    path.write_text(text.replace(tier[0], opened), "utf-8")
