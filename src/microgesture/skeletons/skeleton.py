"""`Layout`: the joints of a skeleton, the bones that join them, what mirrors what; and how to write one down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microgesture.errors import DataError


@dataclass(frozen=True)
class Layout:
    """One keypoint layout.

    `joints` are the names in array order; `bones` are (parent, child) name pairs that form a tree; `center` is
    the joint that normalisation puts at the origin; `flip` are (left, right) name pairs that swap in a mirror.
    Raises `DataError` when names repeat, the bones are not a tree, or a pair names an unknown or used joint.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[str, str], ...]
    center: str
    flip: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        known = set(self.joints)
        if len(known) != len(self.joints):
            raise DataError(f"layout '{self.name}': a joint name appears twice")
        mirrored = [joint for pair in self.flip for joint in pair]
        named = {self.center, *mirrored, *(joint for bone in self.bones for joint in bone)}
        if unknown := sorted(named - known):
            raise DataError(f"layout '{self.name}': unknown joints {', '.join(unknown)}")
        if len(set(mirrored)) != len(mirrored):
            raise DataError(f"layout '{self.name}': a joint stands in two flip pairs")
        if not self._is_tree():
            raise DataError(f"layout '{self.name}': the bones are not a tree over all joints")

    def _is_tree(self) -> bool:
        reached, rest = {self.center}, list(self.bones)
        while True:
            touching = [bone for bone in rest if (bone[0] in reached) != (bone[1] in reached)]
            if not touching:
                return len(reached) == len(self.joints) == len(self.bones) + 1
            bone = touching[0]
            reached.update(bone)
            rest.remove(bone)

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Position of a joint in the arrays. Raises `DataError` when the layout has no such joint."""
        try:
            return self.joints.index(joint)
        except ValueError:
            raise DataError(f"layout '{self.name}' has no joint '{joint}'") from None

    @property
    def edges(self) -> np.ndarray:
        """Bones as index pairs, int64 `(V - 1, 2)`."""
        return np.array([(self.index(a), self.index(b)) for a, b in self.bones], dtype=np.int64)

    @property
    def parents(self) -> np.ndarray:
        """For every joint the next one towards the centre along the bones, itself for the centre; int64 `(V,)`."""
        neighbours: list[list[int]] = [[] for _ in self.joints]
        for a, b in self.edges.tolist():
            neighbours[a].append(b)
            neighbours[b].append(a)
        parents = np.full(len(self), -1, dtype=np.int64)
        centre = self.index(self.center)
        parents[centre] = centre
        for joint in (reached := [centre]):  # grows as it goes: breadth first
            for neighbour in neighbours[joint]:
                if parents[neighbour] < 0:
                    parents[neighbour] = joint
                    reached.append(neighbour)
        return parents

    @property
    def flip_permutation(self) -> np.ndarray:
        """`points[:, permutation]` of a mirrored picture are the mirrored person's joints; int64 `(V,)`."""
        permutation = np.arange(len(self.joints), dtype=np.int64)
        for left, right in self.flip:
            a, b = self.index(left), self.index(right)
            permutation[[a, b]] = b, a
        return permutation


def mirror_pairs(joints: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(left_x, right_x) for every name that has both sides."""
    names = set(joints)
    lefts = (joint for joint in joints if joint.startswith("left_"))
    return tuple((left, f"right_{left[5:]}") for left in lefts if f"right_{left[5:]}" in names)


def both_sides(*bones: str) -> tuple[tuple[str, str], ...]:
    """`"shoulder elbow"` becomes the bone on the left and on the right; a name after `|` has no side."""
    pairs = []
    for bone in bones:
        parent, child = bone.split()
        for side in ("left", "right"):
            start = parent[1:] if parent.startswith("|") else f"{side}_{parent}"
            pairs.append((start, f"{side}_{child}"))
    return tuple(pairs)


def make_layout(name: str, joints: Sequence[str], bones: Sequence[tuple[str, str]], center: str) -> Layout:
    """A layout whose flip pairs are those of the names."""
    return Layout(name, tuple(joints), tuple(bones), center, mirror_pairs(joints))
