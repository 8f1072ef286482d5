"""What happens in a window, and what of it can be known: the targets of the built-in recogniser.

A gesture of a part of the body that the picture does not show cannot be known to happen, nor not to happen. Nor can
one for which a vocabulary has no word, while it has words for what looks like it; nor a posture whose beginning was
not seen, of parts that move into it and then rest (`ONSET_S`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microgesture.skeletons.parts import ENOUGH, of_parts
from microgesture.synthetic.people.motion import MOTIONS
from microgesture.synthetic.people.schedule import GROUPS
from microgesture.vocabulary import Vocabulary

TAKES_PART = 0.25
"""Share of a window from which on a gesture is one of the window's."""

ONSET_S = 0.5
"""A movement of head, face, trunk or legs that is not repeated is known by its first half second: what follows is a
posture, and people rest in such postures too."""

EVERYTHING = -1
"""Group of "No gesture": it can be known unless something unnameable happens."""

NAMELESS = {
    ("move_legs", "ma52"),
    ("shake_shoulders", "ma52"),
    ("move_torso", "ma52"),
    ("puff_cheeks", "ma52"),
    ("turtle_neck", "ma52"),
    ("rise_up", "imigue"),
}
"""Motions that a vocabulary has no word for and whose look it has another word for (as for all motions of hands without
a word): neither a gesture of the vocabulary nor none."""

REPEATED = frozenset(
    {"nod", "shake_head", "shake_legs", "shake_body", "shake_shoulders", "press_lips", "turtle_neck", "head_up"}
)
"""Motions outside the hands that any stretch of shows: they go on until they end, or the posture has no double."""


class Truth:
    """The motions of a bank in the words of some vocabularies.

    `classes (M, K)`: which motion is which class, K over all vocabularies with "No gesture" last in each; `groups
    (K,)`: the part of the body (index into `GROUPS`) that a class is told by, `EVERYTHING` for "No gesture"; `nameless
    (M, V)`: motions that cannot be named; `vocabulary_of (K,)`.
    """

    def __init__(self, motions: Sequence[str], vocabularies: Sequence[str]) -> None:
        self.motions = tuple(motions)
        self.group_of = np.array([GROUPS.index(MOTIONS[key].group) for key in motions])
        self.one_shot = np.array([MOTIONS[key].group != "hands" and key not in REPEATED for key in motions])
        self.names = tuple(Vocabulary.load(name).with_background() for name in vocabularies)
        self.vocabulary_of = np.repeat(np.arange(len(self.names)), [len(v) for v in self.names])
        self.last = np.cumsum([len(v) for v in self.names]) - 1
        self.classes = np.zeros((len(motions), len(self.vocabulary_of)), np.float32)
        self.nameless = np.zeros((len(motions), len(self.names)), bool)
        self.groups = np.full(len(self.vocabulary_of), GROUPS.index("hands"))
        first = np.concatenate([[0], self.last[:-1] + 1])
        for row, key in enumerate(motions):
            for v, (name, vocabulary) in enumerate(zip(vocabularies, self.names, strict=True)):
                label = MOTIONS[key].labels.get(name)
                if label is None:
                    self.nameless[row, v] = MOTIONS[key].group == "hands" or (key, name) in NAMELESS
                    continue
                column = first[v] + vocabulary.index(label)
                self.classes[row, column] = 1.0
                self.groups[column] = self.group_of[row]
        self.groups[self.last] = EVERYTHING

    def acting_parts(self, motion: int, hands: int) -> list[int]:
        """Columns of `parts_seen` of the parts that make a motion; `hands` the sum of 1 (left) and 2 (right)."""
        group = int(self.group_of[motion])
        return [side for side in (0, 1) if hands >> side & 1] or ([0, 1] if group == 0 else [group + 1])

    def of_classes(self, by_group: np.ndarray, nothing: np.ndarray | bool = True) -> np.ndarray:
        """`(..., K)` from what holds of each vocabulary and part, `(..., V, G)`, and of each vocabulary's "No gesture",
        `(..., V)`."""
        found = by_group[..., self.vocabulary_of, self.groups]
        found[..., self.last] = nothing
        return found

    def shares(self, share: np.ndarray) -> np.ndarray:
        """(B, K) from the motions' shares of each window (B, M): squared, "No gesture" where nothing takes part."""
        found = np.minimum(share @ self.classes, 1.0)
        found = np.where(found >= TAKES_PART, found, 0.0) ** 2
        for first, end in zip([0, *(self.last[:-1] + 1)], self.last, strict=True):
            found[:, end] = np.maximum(found[:, end], found[:, first:end].max(1, initial=0.0) == 0.0)
        return found.astype(np.float32)


class Happening:
    """Events of a batch of windows, laid over its frames.

    `seen`, `claimed` (B, T, 6) of `parts_seen`: truly in view, and said to be found by the estimator; `length (B,)`
    frames of each window. A part that is claimed but not in view shows nothing that could count: its moments are told
    to be empty, so that guesses are not believed.

    `active (B, N, M)`: share of each stretch of `stride` frames during which a motion goes on and is seen; `share (B,
    M)` the same of the window; `tell (B, V, G)` and `tell_tokens (B, N, V, G)`: whether what a part does can be known
    and named; `nothing (B, V)`: whether it could be said that nothing happens.
    """

    def __init__(self, truth: Truth, seen: np.ndarray, claimed: np.ndarray, length: np.ndarray, stride: int) -> None:
        self.truth, self.seen, self.stride = truth, seen, stride
        windows, stretches, names = len(seen), seen.shape[1] // stride, len(truth.names)
        self.active = np.zeros((windows, stretches, len(truth.motions)), np.float32)
        self.share = np.zeros((windows, len(truth.motions)), np.float32)
        stretched = of_parts(claimed)[:, : stretches * stride].reshape(windows, stretches, stride, -1)
        claims = np.asarray(stretched.any(2))
        self.tell_tokens = np.repeat(claims[:, :, None], names, 2)
        enough = of_parts(seen).sum(1) / np.maximum(length, 1)[:, None] >= ENOUGH
        self.tell = np.repeat(enough[:, None], names, 1)
        self.nothing = np.ones((windows, names), bool)
        self.told = enough  # (B, G): what a part does can be known, whether or not it has a name

    def of_motions(self) -> np.ndarray:
        """(B, M) whether it can be known if a motion goes on."""
        return self.told[:, self.truth.group_of]

    def add(self, b: int, motion: int, hands: int, begin: float, end: float, frames: int, rate: float) -> None:
        """Enter an event of window `b`, of `frames` frames at `rate` Hz: its motion, the `hands` that act (the sum of 1
        and 2), `begin` and `end` in seconds of the window."""
        group = self.truth.group_of[motion]
        parts = self.truth.acting_parts(motion, hands)
        edges = np.arange(self.active.shape[1] + 1) * self.stride / rate
        part = np.clip((np.minimum(end, edges[1:]) - np.maximum(begin, edges[:-1])) / np.diff(edges), 0.0, 1.0)
        first, last = max(int(begin * rate), 0), min(int(np.ceil(end * rate)), frames)
        if last <= first:
            return
        seen = self.seen[b][:, parts].any(-1)
        visible = seen[first:last].mean()
        share = (min(end, frames / rate) - max(begin, 0.0)) * rate / frames
        unbegun = self.truth.one_shot[motion] and (begin < -0.1 or begin + ONSET_S > frames / rate)
        known = visible >= ENOUGH and not unbegun
        stretch = seen[: len(part) * self.stride].reshape(-1, self.stride).any(1)
        self.active[b, :, motion] = np.maximum(self.active[b, :, motion], part * stretch)
        nameless = self.truth.nameless[motion]
        if known:
            self.share[b, motion] = max(self.share[b, motion], min(share, 1.0))
        elif share >= TAKES_PART:
            self.tell[b, :, group] = self.told[b, group] = False
            self.nothing[b] = False
        if unbegun:
            self.tell_tokens[b, part > 0.0, :, group] = False
        if share >= TAKES_PART:
            self.tell[b, nameless, group] = False
            self.nothing[b, nameless] = False
        self.tell_tokens[np.ix_(np.array([b]), part > 0.05, nameless, np.array([group]))] = False
