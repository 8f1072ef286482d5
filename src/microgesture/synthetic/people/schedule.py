"""What a synthetic person is to do: gestures with times, a setting and a personal style.

`MotionSpec` describes one motion of the library, `Scheduled` one occurrence of it. Two gestures of different
`group`s may overlap in time (folded arms while the leg moves); within a group they follow one another.
"""

from __future__ import annotations

from dataclasses import dataclass, field

GROUPS = ("hands", "legs", "face", "head", "trunk")
"""Parts of the body that move independently of each other."""


@dataclass(frozen=True)
class MotionSpec:
    """One motion of the library.

    `key` is its name in the library ("touch_jaw"), `group` the body part it occupies, `duration` the range in
    seconds from first movement to back at rest, `labels` the class name it stands for in each built-in
    vocabulary, by vocabulary name ({"imigue": "Touching jaw", "smg": "..."}); `seated_only` and
    `standing_only` say where it makes sense.
    """

    key: str
    group: str
    duration: tuple[float, float]
    labels: dict[str, str] = field(default_factory=dict)
    seated_only: bool = False
    standing_only: bool = False


@dataclass(frozen=True)
class Scheduled:
    """One occurrence of a motion, [start, end) seconds; `seed` draws its side, amplitude and repetition."""

    key: str
    start: float
    end: float
    seed: int


CROSSED_LEGS = ("ankles", "knees", "ankle_on_knee")
"""Ways to sit with crossed legs."""

LEGS = ("plain", "together", "apart", "forward", "under", *CROSSED_LEGS)
"""Ways to put one's legs; "forward" and "under" the chair, or for the standing one foot ahead."""


@dataclass(frozen=True)
class Setting:
    """Where the person is: seated or standing, behind a table or not, and how the body rests.

    `rest` names a rest pose of the hands (`rest.REST_POSES`: "lap", "table", "thighs", "sides", ...), `also` other
    ones that a hand may change to meanwhile. `legs` is one of `LEGS`; empty: any that is not crossed. Crossed
    legs part before a motion of the legs, and the standing have none.
    """

    seated: bool = True
    table: bool = False
    rest: str = "lap"
    also: tuple[str, ...] = ()
    legs: str = ""


@dataclass(frozen=True)
class Style:
    """How this person moves: multipliers around 1, and probabilities.

    `speed` of transitions, `amplitude` of motions, `right_handed` probability that a one-handed gesture takes
    the right hand, `fidget` size of idle noise and breathing, `speaking` share of time in which the person
    speaks (head and lips move), `sway` size and rate of posture shifts, `glance` size of head movements (glances,
    nods, beats with speech).
    """

    speed: float = 1.0
    amplitude: float = 1.0
    right_handed: float = 0.7
    fidget: float = 1.0
    speaking: float = 0.4
    sway: float = 1.0
    glance: float = 1.0
