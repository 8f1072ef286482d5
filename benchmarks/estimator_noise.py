"""The errors of the pose estimator, measured; and those of the noise model, measured in the same way beside them.

    python benchmarks/estimator_noise.py --people 90 [--videos FOLDER] [--data FILE.npz]

Synthetic people whose joints are known are filmed and given to the estimator frame by frame, as a video. Lengths are
in shoulder widths. `--data` keeps what was found: when the file is there, nothing is filmed again. `--videos` also
measures how much the estimator disagrees with itself when a real frame is shifted, scaled or mirrored.
Needs the extra `pose`; 90 people take about 12 minutes on one core.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from microgesture.pose.estimator import create_estimator
from microgesture.pretraining.estimated_bank import estimate, film
from microgesture.skeletons.layouts import GESTURE_62
from microgesture.skeletons.track import LEAST_SCORE
from microgesture.synthetic.estimator.definitions import BASIS, vectors
from microgesture.synthetic.estimator.noise import CLUSTERS, HIDDEN, disturb, memory
from microgesture.synthetic.estimator.occlusion import hidden_hands
from microgesture.synthetic.people.motion import MOTIONS
from microgesture.synthetic.pictures.renderer import visibility
from microgesture.synthetic.worlds.skeleton_bank import JOINTS_62, RATE, act

FRAMES = 48
SPLITS = ("train", "test")
SIDES = ("left", "right")
OTHER = {"left": "right", "right": "left"}
NAMES = GESTURE_62.joints
GROUPS = {
    "head": ("nose", "eye", "ear", "mouth"),
    "marks": ("forehead", "chin", "upper_lip", "lower_lip", "brow", "cheek"),
    "shoulders": ("shoulder",),
    "elbows": ("elbow",),
    "wrists": ("wrist",),
    "fingers": ("thumb", "index", "middle", "ring", "pinky"),
    "hips": ("hip",),
    "knees": ("knee",),
    "feet": ("ankle", "heel", "toe"),
}


def members(group: str) -> np.ndarray:
    parts = GROUPS[group]
    names = [n for n in NAMES if n in parts or (n.split("_")[0] in SIDES and n.split("_")[1] in parts)]
    return np.array([NAMES.index(n) for n in names])


def hand(side: str) -> np.ndarray:
    """The wrist, then the fingers of one hand."""
    return np.concatenate(
        [[NAMES.index(f"{side}_wrist")], [i for i in members("fingers") if NAMES[i].startswith(side)]]
    )


@dataclass(frozen=True)
class Sample:
    """Windows of T frames, W of them.

    `found (W, T, 62, 3)` is the estimator's answer, `true (W, T, 62, 2)` where the points are, `camera (W, T, 62, 3)`
    the same along the camera's axes in metres; `seen` and `inside (W, T, 62)` whether a true point can be seen and lies
    in the picture; `scores (W, T, 62)` are what the noise model is given: 1 in the picture, `HIDDEN` where a table or
    the edge of the picture hides a point; `person (W,)`.
    """

    found: np.ndarray
    true: np.ndarray
    camera: np.ndarray
    seen: np.ndarray
    inside: np.ndarray
    scores: np.ndarray
    person: np.ndarray

    @property
    def anybody(self) -> np.ndarray:
        """(W, T): somebody was found."""
        return (self.found[..., 2] > 0).any(-1)

    @property
    def known(self) -> np.ndarray:
        return self.found[..., 2] >= LEAST_SCORE

    @property
    def error(self) -> np.ndarray:
        return self.found[..., :2] - self.true

    def hands_found(self) -> np.ndarray:
        """(W, T, 2)"""
        return np.stack([self.known[:, :, NAMES.index(f"{s}_middle_tip")] for s in SIDES], -1)

    def modelled(self, seed: int) -> Sample:
        """The same people with the errors of the noise model."""
        rng = np.random.default_rng(seed)
        points, scores = disturb(self.true.astype(np.float32), self.scores, RATE, rng, hidden=hidden_hands(self.camera))
        return replace(self, found=np.concatenate([points, scores[..., None]], -1))

    def hidden(self) -> np.ndarray:
        """(W, T, 2): share of each hand's points in the picture that something hides."""
        parts = []
        for side in SIDES:
            inside = self.inside[:, :, hand(side)].mean(-1)
            parts.append(1.0 - self.seen[:, :, hand(side)].mean(-1) / np.maximum(inside, 1e-6))
        return np.stack(parts, -1)


def gather(people: int, seed: int, size: int, file: Path | None) -> dict[str, np.ndarray]:
    """Film `people` (every second one in the test domain) and estimate their poses; about 0.07 s a frame."""
    if file is not None and file.exists():
        with np.load(file) as kept:
            return dict(kept)
    rows: dict[str, list[np.ndarray]] = {k: [] for k in ("est", "true", "seen", "camera", "length", "picture", "table")}
    estimator = create_estimator()
    begun = time.perf_counter()
    for index in range(people):
        split = SPLITS[index % 2]
        acted = act(seed, split, index, tuple(MOTIONS), (8.0, 12.0))
        filmed = film(acted, split, size)
        rows["est"].append(estimate(filmed, estimator))
        pixels, _ = filmed.camera.project(acted.performance.joints[:, JOINTS_62])
        rows["true"].append(filmed.in_units(pixels).astype(np.float32))
        rows["camera"].append(filmed.camera.to_camera(acted.performance.joints[:, JOINTS_62]).astype(np.float32))
        coarse = tuple(round(160 * n / min(filmed.camera.size)) for n in filmed.camera.size)
        seen = visibility(acted.performance, filmed.camera, filmed.appearance, coarse)
        rows["seen"].append(seen[:, JOINTS_62])
        rows["length"].append(np.array([len(pixels)]))
        rows["picture"].append(np.array([filmed.camera.size]) / filmed.unit)
        rows["table"].append(np.array([acted.performance.table is not None]))
        if index % 10 == 9:
            frames = sum(len(part) for part in rows["est"])
            print(f"{index + 1} people, {(time.perf_counter() - begun) / frames:.3f} s a frame", flush=True)
    data = {name: np.concatenate(parts) for name, parts in rows.items()}
    data["offsets"] = np.concatenate([[0], np.cumsum(data.pop("length"))])
    if file is not None:
        np.savez(file, **data)
    return data


def windows(data: dict[str, np.ndarray]) -> Sample:
    """Windows of `FRAMES` frames, end to end in each performance."""
    offsets = data["offsets"]
    places = [
        (person, start)
        for person in range(len(offsets) - 1)
        for start in range(offsets[person], offsets[person + 1] - FRAMES + 1, FRAMES)
    ]
    person = np.array([p for p, _ in places])
    frames = np.array([s for _, s in places])[:, None] + np.arange(FRAMES)
    true, seen = data["true"][frames], data["seen"][frames]
    half = 0.5 * data["picture"][person]
    inside = (np.abs(true) < half[:, None, None]).all(-1)
    below = np.zeros(len(NAMES), bool)
    below[np.concatenate([members(g) for g in ("hips", "knees", "feet")])] = True
    behind = data["table"][person][:, None, None] & below & ~seen
    scores = np.where(inside & ~behind, 1.0, HIDDEN).astype(np.float32)
    return Sample(data["est"][frames], true, data["camera"][frames], seen, inside, scores, person)


def shares(sample: Sample) -> Iterator[tuple[str, float]]:
    """How often points are found, by what can be known of them."""
    yield "somebody found", sample.anybody.mean()
    for group in GROUPS:
        at = members(group)
        there = np.broadcast_to(sample.anybody[..., None], sample.known[:, :, at].shape)
        for name, mask in (
            ("in view", sample.scores[:, :, at] == 1),
            ("hidden", sample.scores[:, :, at] == np.float32(HIDDEN)),
        ):
            if (mask & there).sum() > 200:
                yield f"{group}: found, {name}", sample.known[:, :, at][mask & there].mean()
                far = np.linalg.norm(sample.error[:, :, at], axis=-1)[mask & there & sample.known[:, :, at]]
                if len(far) > 100:
                    yield f"{group}: error, {name}", float(np.median(far))
                    yield f"{group}: error of the worst tenth, {name}", float(np.percentile(far, 90))


def parts_of(error: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Error (W, T, n, 2) as that of the whole cluster (W, T, 1, 2) and the rest of each point; NaN where unknown."""
    error = np.where(valid[..., None], error, np.nan)
    enough = valid.mean(-1) >= 0.5
    with np.errstate(invalid="ignore"):
        mean = np.nansum(np.nan_to_num(error), axis=2) / np.maximum(valid.sum(-1), 1)[..., None]
    common = np.where(enough[..., None], mean, np.nan)[:, :, None]
    return common, error - common


def spectrum(error: np.ndarray, motion: np.ndarray) -> dict[str, float]:
    """Bias, lag, drift by the window's mean speed, its memory, jitter by speed: of (W, T, n, 2), NaN where unknown."""
    count = np.isfinite(error[..., 0]).sum(1)
    good = (count >= FRAMES // 2)[:, None, :, None]
    mean = np.where(good, np.nansum(error, 1, keepdims=True), np.nan) / np.maximum(count, 1)[:, None, :, None]
    rest = error - mean
    v = np.gradient(motion, axis=1) * RATE
    both = np.isfinite(rest)
    lag = -float((np.where(both, rest, 0) * v).sum() / max((np.where(both, v, 0) ** 2).sum(), 1e-9))
    rest = rest + lag * v
    apart = np.arange(16)
    cov = np.array([np.nanmean(rest[:, : FRAMES - k] * rest[:, k:]) for k in apart])
    fits = []
    for memory_s in np.geomspace(0.1, 4.0, 40):
        shape = memory(apart[1:] / RATE, memory_s)
        amount = max(float((cov[1:] * shape).sum() / (shape**2).sum()), 0.0)
        fits.append((float(((cov[1:] - amount * shape) ** 2).sum()), memory_s))
    result = {"bias": float(np.sqrt(np.nanmean(mean**2))), "lag s": lag, "memory s": min(fits)[1]}
    speed = np.linalg.norm(v, axis=-1)
    window_speed, window_rest = speed.mean(1), np.sqrt(np.nanmean(rest**2, axis=(1, 3)))
    logs = []
    for name, low, high in (("at rest", 0, 0.06), ("moving", 0.06, 0.25), ("moving much", 0.25, 9)):
        here = np.isfinite(window_rest) & (window_speed >= low) & (window_speed < high)
        if here.sum() > 12:
            result[f"drift, {name}"] = float(np.sqrt(np.mean(window_rest[here] ** 2)))
            logs.append(np.log(window_rest[here] + 1e-5) - np.log(window_rest[here] + 1e-5).mean())
    result["spread of drift"] = float(np.concatenate(logs).std()) if logs else float("nan")
    size = np.linalg.norm(mean[:, 0], axis=-1)
    result["spread of bias"] = float(np.nanstd(np.log(size[size > 0])))
    fast = rest[:, 1:-1] - 0.5 * (rest[:, :-2] + rest[:, 2:])
    for low, high in ((0, 0.3), (0.3, 1.0), (1.0, 3.0)):
        here = np.isfinite(fast[..., 0]) & (speed[:, 1:-1] >= low) & (speed[:, 1:-1] < high)
        if here.sum() > 150:
            result[f"jitter at speed {low}-{high}"] = float(np.sqrt(np.mean(fast[here] ** 2) / 1.5))
    return result


def errors(sample: Sample) -> Iterator[tuple[str, float]]:
    """Of the points that are in sight: their errors, of whole clusters and of each point, by time scale."""
    hands = sample.hands_found()
    for name, clusters in CLUSTERS.items():
        common, own, moving, motions = [], [], [], []
        for k, at in enumerate(clusters):
            valid = sample.known[:, :, at] & (sample.scores[:, :, at] == 1)
            if name == "hands":
                valid &= hands[..., k, None]
            valid &= np.linalg.norm(sample.error[:, :, at], axis=-1) < (0.3 if name == "hands" else 0.6)
            shift, rest = parts_of(sample.error[:, :, at], valid)
            common.append(shift)
            own.append(rest)
            motions.append(sample.true[:, :, at])
            moving.append(sample.true[:, :, at].mean(2, keepdims=True))
        for key, value in spectrum(np.concatenate(common, 2), np.concatenate(moving, 2)).items():
            yield f"{name}, whole: {key}", value
        if len(clusters[0]) > 1:
            for key, value in spectrum(np.concatenate(own, 2), np.concatenate(motions, 2)).items():
                yield f"{name}, each: {key}", value


def hand_losses(sample: Sample) -> Iterator[tuple[str, float]]:
    """When hands are found, for how long, and on which hand."""
    found, hidden = sample.hands_found(), sample.hidden()
    places = {s: hand(s) for s in SIDES}
    inside = np.stack([sample.inside[:, :, places[s]].mean(-1) for s in SIDES], -1) > 0.6
    ok = inside & sample.anybody[..., None]
    yield "hand found", found[ok].mean()
    centre = np.stack([sample.true[:, :, places[s]].mean(2) for s in SIDES], 2)
    nose = sample.true[:, :, [NAMES.index("nose")]]
    apart = np.linalg.norm(centre[:, :, 0] - centre[:, :, 1], axis=-1)
    speed = np.linalg.norm(np.gradient(centre, axis=1), axis=-1) * RATE
    for name, value, edges in (
        ("hidden share", hidden, (0, 0.1, 0.3, 0.5, 0.75, 1.01)),
        ("from the nose", np.linalg.norm(centre - nose, axis=-1), (0, 0.3, 0.5, 0.8, 1.5, 9)),
        ("between hands", np.repeat(apart[..., None], 2, -1), (0, 0.15, 0.3, 0.6, 1.2, 9)),
        ("speed", speed, (0, 0.3, 1, 3, 99)),
    ):
        for low, high in itertools.pairwise(edges):
            here = ok & (value >= low) & (value < high)
            if here.sum() > 60:
                yield f"hand found, {name} {low}-{high}", found[here].mean()
    lengths = [n for w, h in np.ndindex(len(found), 2) for n in inner_runs(~found[w, :, h] & ok[w, :, h])]
    yield "a loss lasts, s", float(np.mean(lengths)) / RATE
    yield "losses a second", len(lengths) * RATE / ok.sum()
    window = np.array(
        [found[w, :, h][ok[w, :, h]].mean() for w, h in np.ndindex(len(found), 2) if ok[w, :, h].sum() > 24]
    )
    yield "windows with the hand always", (window > 0.98).mean()
    yield "windows with the hand never", (window < 0.02).mean()
    guess = np.stack([sample.found[:, :, places[s], :2].mean(2) for s in SIDES], 2)
    own = np.linalg.norm(guess - centre, axis=-1)
    other = np.linalg.norm(guess - centre[:, :, ::-1], axis=-1)
    wrong = found & ok & (other < own - 0.1)
    yield "on the other hand", wrong[found & ok].mean()
    yield "misplaced by more than 0.35", (own > 0.35)[found & ok & ~wrong].mean()
    both = (found & ok).all(-1)
    yield "both found, one doubled", (wrong.sum(-1) == 1)[both].mean()
    yield "both found, swapped", wrong.all(-1)[both].mean()
    lost = ~found & ok
    for joint in ("wrist", "index_knuckle"):
        at = [NAMES.index(f"{s}_{joint}") for s in SIDES]
        yield f"{joint} found when the hand is lost", sample.known[:, :, at][lost].mean()
        far = np.linalg.norm(sample.error[:, :, at], axis=-1)[lost & sample.known[:, :, at]]
        yield f"{joint}: error when the hand is lost", float(np.median(far)) if len(far) else 0.0
    for joint in ("shoulder", "elbow"):
        at = [NAMES.index(f"{s}_{joint}") for s in SIDES]
        straight = np.linalg.norm(sample.found[:, :, at, :2] - sample.true[:, :, at], axis=-1).sum(-1)
        crossed = np.linalg.norm(sample.found[:, :, at[::-1], :2] - sample.true[:, :, at], axis=-1).sum(-1)
        yield f"left and right {joint} flipped", (crossed < straight)[sample.anybody].mean()


def inner_runs(mask: np.ndarray) -> list[int]:
    """Lengths of runs of True that neither begin nor end the window."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return [int(b - a) for a, b in zip(edges[::2], edges[1::2], strict=True) if a > 0 and b < len(mask)]


def fit_definitions(sample: Sample) -> Iterator[tuple[str, np.ndarray, float, float]]:
    """For every joint of `BASIS` the fitted shares of its vectors, and its error before and after, rms."""
    hands = sample.hands_found()
    for name in BASIS:
        rows, errors_ = [], []
        for joint in dict.fromkeys((name, name.replace("left_", "right_"))):
            k = NAMES.index(joint)
            valid = sample.known[:, :, k] & sample.seen[:, :, k]
            side = SIDES.index(joint.split("_")[0]) if joint.split("_")[0] in SIDES else None
            if side is not None and k in hand(SIDES[side]):
                valid &= hands[..., side]
            valid &= np.linalg.norm(sample.error[:, :, k], axis=-1) < 0.35
            rows.append(vectors(sample.true, joint)[valid].reshape(-1, len(BASIS[name])))
            errors_.append(sample.error[:, :, k][valid].reshape(-1))
        x, y = np.concatenate(rows), np.concatenate(errors_)
        shares_ = np.linalg.solve(x.T @ x + 1e-4 * len(x) * np.eye(x.shape[1]), x.T @ y)
        yield name, shares_, float(np.sqrt(2 * (y**2).mean())), float(np.sqrt(2 * ((y - x @ shares_) ** 2).mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=90)
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--size", type=int, default=384, help="shorter side of the pictures, pixels")
    parser.add_argument("--data", type=Path, help="keep what was found in this .npz, or use what is there")
    parser.add_argument("--videos", type=Path, help="folder of real videos")
    parser.add_argument("--frames", type=int, default=60, help="frames of real videos")
    parser.add_argument("--definitions", action="store_true", help="fit where the estimator sees each joint")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sample = windows(gather(options.people, options.seed, options.size, options.data))
    print(f"{len(sample.person)} windows of {FRAMES} frames of {sample.person.max() + 1} people")
    if options.definitions:
        for name, weights, before, after in fit_definitions(sample):
            print(f'    "{name}": ({", ".join(f"{w:.3f}" for w in weights)}),  # {before:.3f} to {after:.3f}')
    modelled = sample.modelled(options.seed)
    print(f"{'':48s} estimator    model")
    for table in (shares, errors, hand_losses):
        model = dict(table(modelled))
        for name, value in table(sample):
            print(f"{name:48s} {value:9.3f} {model.get(name, float('nan')):9.3f}")
    if options.videos is not None:
        from estimator_stability import real_frames, real_video

        for name, value in (*real_frames(options.videos, options.frames), *real_video(options.videos)):
            print(f"{name:48s} {value:9.3f}")


if __name__ == "__main__":
    main()
