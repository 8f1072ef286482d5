"""A true skeleton track of a rendered person as a pose estimator would have found it."""

from __future__ import annotations

import numpy as np

from microgesture.skeletons.layouts import GESTURE_62
from microgesture.skeletons.normalisation import body_frame
from microgesture.skeletons.track import SkeletonTrack
from microgesture.synthetic.estimator.noise import FINGERS, HIDDEN, disturb


def as_estimated(track: SkeletonTrack, rng: np.random.Generator) -> SkeletonTrack:
    """The track in layout "gesture-62" with the errors of `estimator_noise.disturb`.

    Points that something hides may be guessed, those outside the picture are not known; a hand is lost the sooner the
    more of it is hidden.
    """
    found = track.to_layout(GESTURE_62.name)
    origin, unit = body_frame(found.points, GESTURE_62)
    width, height = track.image_size
    inside = ((found.points >= 0) & (found.points < (width, height))).all(-1)
    scores = np.where(found.scores > 0, 1.0, np.where(inside, HIDDEN, 0.0))
    hidden = np.stack([1.0 - (found.scores[:, FINGERS[side]] > 0).mean(1) for side in ("left", "right")], -1)
    rate = 1.0 / (track.step or 0.04)
    points, known = disturb(((found.points - origin) / unit)[None], scores[None], rate, rng, hidden=hidden[None])
    return SkeletonTrack(track.times, points[0] * unit + origin, known[0], found.layout, track.image_size, track.person)
