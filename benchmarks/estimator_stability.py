"""How much the pose estimator disagrees with itself on real video: a floor for its errors.

    python benchmarks/estimator_stability.py FOLDER [--frames 60]

Single frames are moved, scaled and mirrored (nothing is tracked); whole videos are then followed at the rate of the
built-in recogniser. Lengths are in shoulder widths. Needs the extra `pose`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from estimator_noise import GROUPS, NAMES, SIDES, inner_runs, members

from microgesture.pose.estimator import PoseEstimator
from microgesture.pose.mediapipe_holistic import HolisticEstimator
from microgesture.skeletons.layouts import GESTURE_62, convert, convert_scores
from microgesture.skeletons.track import LEAST_SCORE
from microgesture.synthetic.worlds.skeleton_bank import RATE
from microgesture.video import VideoReader

TIPS = [NAMES.index(f"{side}_middle_tip") for side in SIDES]
SAME = np.eye(2, 3)


def videos_of(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix in (".mkv", ".mp4", ".avi", ".mov"))


def find(estimator: PoseEstimator, frame: np.ndarray, time: float = 0.0) -> np.ndarray:
    """Points (62, 2) in pixels, NaN where unknown."""
    poses = estimator.estimate(np.ascontiguousarray(frame), time)
    if not poses:
        return np.full((len(NAMES), 2), np.nan)
    known = convert_scores(poses[0].scores, estimator.layout, GESTURE_62) >= LEAST_SCORE
    return np.where(known[:, None], convert(poses[0].points, estimator.layout, GESTURE_62), np.nan)


def changes(width: int, height: int) -> Iterator[tuple[str, np.ndarray, bool]]:
    """Name, affine map (2, 3) and whether the picture is mirrored after it."""
    for x, y in ((3, 0), (-2, 3), (5, -4)):
        yield "moved", np.float64([[1, 0, x], [0, 1, y]]), False
    for scale in (0.9, 0.95, 1.05, 1.1):
        yield "scaled", np.float64([[scale, 0, (1 - scale) * width / 2], [0, scale, (1 - scale) * height / 2]]), False
    yield "mirrored", SAME, True


def real_frames(folder: Path, count: int) -> Iterator[tuple[str, float]]:
    """Median distance between the points found in a frame and in the changed frame, and hands lost by the change."""
    videos, apart = videos_of(folder), {}
    hands, lost = [], {}
    with HolisticEstimator(static=True) as estimator:
        for n in range(count):
            place = 0.15 + 0.7 * (n // len(videos) + 0.5) / (1 + count // len(videos))
            with VideoReader(videos[n % len(videos)]) as video:
                frame = video.frames_at([video.duration * place])[0]
            height, width = frame.shape[:2]
            same = find(estimator, frame)
            unit = np.linalg.norm(np.subtract(*same[members("shoulders")]))
            if not np.isfinite(unit):
                continue
            had = np.isfinite(same[TIPS, 0])
            hands.append(had)
            for name, matrix, mirrored in changes(width, height):
                moved = cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
                points = find(estimator, moved[:, ::-1] if mirrored else moved)
                if mirrored:
                    points = points[GESTURE_62.flip_permutation] * [-1, 1] + [width, 0]
                back = cv2.invertAffineTransform(matrix)
                points = points @ back[:, :2].T + back[:, 2]
                apart.setdefault(name, []).append(np.linalg.norm(points - same, axis=-1) / unit)
                lost.setdefault(name, []).extend(np.isnan(points[TIPS, 0])[had])
    yield "real frames", float(len(hands))
    yield "hand found in a frame", float(np.mean(hands))
    for name, rows in apart.items():
        table = np.stack(rows)
        for group in GROUPS:
            if np.isfinite(table[:, members(group)]).sum() > 30:
                yield f"{name}, {group}: median", float(np.nanmedian(table[:, members(group)]))
        yield f"{name}: hands lost", float(np.mean(lost[name]))


def real_video(folder: Path) -> Iterator[tuple[str, float]]:
    """Hands found, how long they are lost, and jitter of slow points, when videos are followed."""
    found, runs = [], []
    fast: dict[str, list[np.ndarray]] = {group: [] for group in GROUPS}
    with HolisticEstimator() as estimator:
        for path in videos_of(folder):
            with VideoReader(path) as video:
                times = np.arange(0.02, video.duration - 0.05, 1.0 / RATE)
                frames = video.frames_at(times)
            estimator.reset()
            points = np.stack([find(estimator, frame, t) for frame, t in zip(frames, times.tolist(), strict=True)])
            points /= np.nanmedian(
                np.linalg.norm(np.subtract(*points[:, members("shoulders")].swapaxes(0, 1)), axis=-1)
            )
            hands = np.isfinite(points[:, TIPS, 0])
            found.append(hands)
            runs += [n for k in range(2) for n in inner_runs(~hands[:, k])]
            speed = np.linalg.norm(points[4:] - points[:-4], axis=-1) * RATE / 4
            rest = points[2:-2] - 0.5 * (points[1:-3] + points[3:-1])
            for group in GROUPS:
                fast[group].append(rest[:, members(group)][speed[:, members(group)] < 0.3].ravel())
    yield "hand found in a video", float(np.concatenate(found).mean())
    yield "a loss lasts, s", float(np.mean(runs)) / RATE if runs else float("nan")
    for group, parts in fast.items():
        values = np.concatenate(parts)
        if np.isfinite(values).sum() > 100:
            yield f"video, {group}: jitter at rest", float(np.sqrt(np.nanmean(values**2) / 1.5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of real videos")
    parser.add_argument("--frames", type=int, default=60)
    options = parser.parse_args()
    for name, value in (*real_frames(options.folder, options.frames), *real_video(options.folder)):
        print(f"{name:48s} {value:9.3f}")


if __name__ == "__main__":
    main()
