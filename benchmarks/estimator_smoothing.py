"""What a smoothing pose estimator leaves of small movements, beside the same estimator without smoothing.

    python benchmarks/estimator_smoothing.py --people 12

Synthetic people whose joints are known make small movements and are filmed. For each movement: how much of the true
speed the estimator shows (1 is all of it), and its error, in shoulder widths, of places around their mean. Needs the
extra `pose`; a person takes about 25 s on one core.
"""

import argparse
from collections import defaultdict

import numpy as np
import torch

from microgesture.pose.mediapipe_holistic import HolisticEstimator
from microgesture.pretraining.estimated_bank import SECONDS, estimate, film
from microgesture.skeletons.layouts import GESTURE_62
from microgesture.skeletons.track import LEAST_SCORE
from microgesture.synthetic.estimator.definitions import redefine
from microgesture.synthetic.worlds.skeleton_bank import JOINTS_62, RATE, act

HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
SHOULDERS = ("left_shoulder", "right_shoulder")
LEGS = ("left_knee", "right_knee", "left_ankle", "right_ankle", "left_toe", "right_toe")
SEEN_IN = {
    **dict.fromkeys(("nod", "shake_head", "turn_head", "tilt_head"), HEAD),
    **dict.fromkeys(("shrug", "shake_shoulders", "turtle_neck"), SHOULDERS),
    **dict.fromkeys(("shake_legs", "tiptoe"), LEGS),
}
"""Where each movement is looked at."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1500)
    args = parser.parse_args()
    torch.set_num_threads(1)
    estimators = [HolisticEstimator(max_people=1, smooth=smooth) for smooth in (True, False)]
    sums: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(6))
    for index in range(args.people):
        acted = act(args.seed, "val", index, tuple(SEEN_IN), SECONDS)
        filmed = film(acted, "val", 384)
        pixels, _ = filmed.camera.project(acted.performance.joints[:, JOINTS_62])
        true = redefine(filmed.in_units(pixels).astype(np.float32))
        found = [estimate(filmed, estimator) for estimator in estimators]
        for doing in acted.schedule:
            span = slice(int(doing.start * RATE), int(doing.end * RATE) + 1)
            for joint in map(GESTURE_62.index, SEEN_IN[doing.key]):
                seen = (np.stack([track[span, joint, 2] for track in found]) >= LEAST_SCORE).all(0)
                if seen.sum() > 6:
                    places = [true[span, joint][seen], *(track[span, joint, :2][seen] for track in found)]
                    sums[doing.key] += movement(places)
    print(f"{'':18s}{'speed kept':>22s}{'error':>22s}")
    print(f"{'':18s}{'smoothed':>11s}{'raw':>11s}{'smoothed':>11s}{'raw':>11s}")
    for key, (count, square, *rest) in sorted(sums.items()):
        kept, wrong = np.array(rest[:2]) / square, np.sqrt(np.array(rest[2:]) / count)
        print(f"{key:18s}" + "".join(f"{value:11.2f}" for value in kept) + "".join(f"{value:11.3f}" for value in wrong))


def movement(places: list[np.ndarray]) -> np.ndarray:
    """Frames, squared true speed, its product with each estimate's, each estimate's squared error; all summed."""
    true, *found = (place - place.mean(0) for place in places)
    speed = np.diff(true, axis=0)
    products = [float((speed * np.diff(place, axis=0)).sum()) for place in found]
    return np.array([len(true), (speed**2).sum(), *products, *(((place - true) ** 2).sum() for place in found)])


if __name__ == "__main__":
    main()
