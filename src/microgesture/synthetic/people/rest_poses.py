"""The rest poses themselves: ways in which one hand rests, and poses that bring two hands together, by name."""

from __future__ import annotations

from dataclasses import dataclass

from microgesture.synthetic.people.gesture import Reach, Vector
from microgesture.synthetic.people.surface import Site

LYING = ("own_thigh", "other_thigh", "table", "chest")
"""Frames of sites that hands lie upon."""

Ways = tuple[Reach, ...]

_DOWN = (0.0, -1.0, 0.0)  # the palm faces down: the hand lies upon something


def _thigh(along: float, at: Vector, part: str, shape: str, fingers: Vector, palm: Vector = _DOWN) -> Reach:
    return Reach(Site("own_thigh", at, along=along), part, shape, fingers, palm)


def _table(x: float, z: float, part: str, shape: str, fingers: Vector, palm: Vector = _DOWN) -> Reach:
    return Reach(Site("table", (x, 0.0, z)), part, shape, fingers, palm)


def _free(
    frame: str, at: Vector, shape: str, fingers: Vector, palm: Vector, part: str = "wrist", elbow: float = 0.0
) -> Reach:
    return Reach(Site(frame, at), part, shape, fingers, palm, contact=False, elbow=elbow)


_LAP: Ways = (
    _thigh(0.50, (-0.45, 1.0, 0.0), "palm", "cup", (-0.55, -0.05, 0.8), (0.1, -1.0, 0.0)),
    _thigh(0.42, (-0.6, 0.8, 0.0), "heel", "relaxed", (-0.7, 0.0, 0.6), (-0.3, -0.9, 0.0)),
    _thigh(0.36, (-0.7, 0.9, 0.0), "palm", "relaxed", (-0.95, -0.1, 0.3)),
    _thigh(0.55, (-0.8, 0.6, 0.0), "heel", "loose_fist", (-0.6, -0.2, 0.7), (-0.7, -0.5, -0.2)),
)
_THIGHS: Ways = (
    _thigh(0.68, (0.0, 1.0, 0.0), "palm", "cup", (-0.2, -0.15, 1.0)),
    _thigh(0.58, (0.15, 1.0, 0.0), "heel", "loose_fist", (-0.25, 0.0, 1.0), (-0.5, -0.8, 0.0)),
    _thigh(0.75, (0.25, 0.95, 0.0), "palm", "flat", (0.05, -0.15, 1.0)),
    _thigh(0.45, (0.1, 1.0, 0.0), "palm", "relaxed", (-0.45, 0.0, 0.9)),
    _thigh(0.60, (0.55, 0.8, 0.0), "palm", "cup", (0.25, -0.3, 0.9), (-0.3, -0.9, 0.0)),
)
_PALM_UP: Ways = (
    Reach(
        Site("own_thigh", (-0.3, 1.0, 0.0), along=0.55),
        "wrist",
        "relaxed",
        (-0.4, 0.0, 0.9),
        (0.0, 1.0, -0.1),
        around=True,
    ),
    Reach(
        Site("own_thigh", (0.0, 1.0, 0.0), along=0.65),
        "wrist",
        "cup",
        (-0.2, 0.05, 1.0),
        (-0.5, 0.85, 0.0),
        around=True,
    ),
)
_KNEES: Ways = (
    _thigh(0.93, (0.0, 1.0, 0.0), "palm", "cup", (-0.1, -0.4, 0.9)),
    _thigh(0.88, (0.3, 0.95, 0.0), "palm", "flat", (0.0, -0.3, 1.0)),
    _thigh(0.85, (-0.3, 0.95, 0.0), "heel", "relaxed", (-0.4, -0.5, 0.8)),
)
_BETWEEN: Ways = (
    _thigh(0.62, (-1.0, 0.35, 0.0), "palm", "flat", (-0.2, -0.5, 0.9), (1.0, -0.2, 0.0)),
    _thigh(0.52, (-1.0, 0.5, 0.0), "heel", "relaxed", (-0.4, -0.7, 0.6), (0.6, -0.5, 0.0)),
)
_HANGING: Ways = (  # forearms on the thighs, hands hang between the knees
    _thigh(0.85, (-0.9, 0.6, 0.0), "wrist", "relaxed", (-0.45, -0.75, 0.5), (0.1, -0.4, -0.9)),
    _thigh(0.80, (-0.8, 0.8, 0.0), "wrist", "loose_fist", (-0.6, -0.5, 0.6), (-0.4, -0.7, -0.4)),
    _thigh(0.85, (-0.5, 1.0, 0.0), "wrist", "cup", (-0.5, -0.4, 0.8), (-0.2, -0.9, -0.2)),
)
_ARMREST_POSES: Ways = (
    Reach(Site("near_pelvis", (0.275, 0.20, 0.24)), "palm", "cup", (-0.1, -0.15, 1.0), _DOWN, elbow=-0.3),
    Reach(
        Site("near_pelvis", (0.280, 0.20, 0.22)), "wrist", "relaxed", (-0.15, -0.25, 1.0), (-0.4, -0.9, 0.0), elbow=-0.3
    ),
    Reach(
        Site("near_pelvis", (0.275, 0.21, 0.20)), "heel", "loose_fist", (-0.2, 0.0, 1.0), (-0.8, -0.5, 0.0), elbow=-0.3
    ),
)
_ARMREST_HANGING: Ways = (
    _free("near_pelvis", (0.28, 0.205, 0.25), "relaxed", (-0.1, -0.85, 0.5), (0.0, -0.5, -0.85), elbow=-0.3),
    _free("near_pelvis", (0.25, 0.21, 0.24), "relaxed", (-0.7, -0.6, 0.4), (-0.1, -0.6, -0.8), elbow=-0.3),
)
_AIR: Ways = (  # the elbow is propped up, the hand idles in the air and touches nothing
    _free("space", (0.17, 0.00, 0.24), "relaxed", (-0.4, 0.7, 0.4), (-0.6, -0.3, -0.6)),
    _free("space", (0.16, 0.08, 0.22), "loose_fist", (-0.3, 0.9, 0.2), (-0.7, 0.0, -0.6)),
    _free("space", (0.20, 0.03, 0.26), "cup", (-0.1, 0.5, 0.8), (-0.8, -0.5, 0.0)),
    _free("space", (0.19, -0.06, 0.22), "pinch", (-0.4, 0.6, 0.6), (-0.7, -0.4, -0.3)),
)
_SEAT: Ways = (
    _free("near_pelvis", (0.245, 0.06, 0.03), "flat", (0.1, -0.55, 0.85), (-0.3, -0.8, -0.4)),
    _free("near_pelvis", (0.250, 0.05, 0.08), "grip", (0.0, -0.8, 0.5), (-0.8, -0.4, -0.2)),
)
_BELLY: Ways = (
    Reach(Site("chest", (-0.15, -0.36, 1.0)), "palm", "cup", (-1.0, 0.05, 0.1), (0.0, 0.0, -1.0)),
    Reach(Site("chest", (0.20, -0.42, 1.0)), "palm", "relaxed", (-0.95, -0.2, 0.2), (0.0, -0.2, -1.0)),
)
_COAT_POCKET: Ways = (
    _free("near_pelvis", (0.185, 0.10, 0.10), "flat", (-0.35, -0.75, 0.55), (-0.8, 0.0, -0.5)),
    _free("near_pelvis", (0.190, 0.07, 0.06), "loose_fist", (-0.2, -0.9, 0.4), (-0.9, 0.0, -0.3)),
)
_ON_TABLE: Ways = (
    _table(0.15, 0.11, "palm", "flat", (-0.6, 0.0, 0.8)),
    _table(0.17, 0.09, "wrist", "relaxed", (-0.65, 0.05, 0.75), (-0.75, -0.55, -0.2)),
    _table(0.16, 0.10, "wrist", "loose_fist", (-0.5, 0.05, 0.85), (-0.8, -0.5, 0.0)),
    _table(0.12, 0.13, "palm", "cup", (-0.85, 0.0, 0.5)),
    _table(0.20, 0.12, "palm", "relaxed", (-0.2, 0.0, 1.0)),
    _table(0.13, 0.15, "wrist", "precision", (-0.45, 0.1, 0.85), (-0.6, -0.75, -0.1)),
)
_TABLE_APART: Ways = (
    _table(0.29, 0.13, "palm", "flat", (-0.25, 0.0, 1.0)),
    _table(0.31, 0.10, "wrist", "relaxed", (-0.4, 0.0, 0.9), (-0.7, -0.7, 0.0)),
    _table(0.26, 0.16, "palm", "cup", (0.0, 0.0, 1.0)),
)
_TABLE_EDGE: Ways = (
    _table(0.17, 0.03, "fingers", "laid", (-0.3, -0.1, 0.9)),
    _table(0.13, 0.02, "palm", "cup", (-0.6, 0.0, 0.8)),
    _table(0.22, 0.025, "fingers", "relaxed", (-0.1, -0.1, 1.0)),
    _table(0.15, 0.04, "wrist", "loose_fist", (-0.8, 0.0, 0.5), (-0.6, -0.7, 0.0)),
)
_TABLE_NEAR: Ways = (
    _table(0.075, 0.10, "palm", "cup", (-0.75, 0.0, 0.6)),
    _table(0.080, 0.12, "wrist", "relaxed", (-0.55, 0.05, 0.8), (-0.8, -0.4, -0.2)),
    _table(0.085, 0.09, "palm", "relaxed", (-0.9, 0.0, 0.4)),
)
_TABLE_FORWARD: Ways = (
    _table(0.14, 0.22, "palm", "relaxed", (-0.35, 0.0, 0.9)),
    _table(0.18, 0.20, "wrist", "relaxed", (-0.5, 0.0, 0.9), (-0.8, -0.5, 0.0)),
    _table(0.10, 0.20, "palm", "flat", (-0.6, 0.0, 0.8)),
)
_TABLE_AIR: Ways = (  # the elbow stands on the table
    _free("above_table", (0.14, 0.17, 0.05), "relaxed", (-0.4, 0.8, 0.3), (-0.7, -0.1, -0.6)),
    _free("above_table", (0.16, 0.20, 0.07), "loose_fist", (-0.2, 0.9, 0.2), (-0.8, 0.0, -0.5)),
    _free("above_table", (0.12, 0.12, 0.08), "cup", (-0.5, 0.4, 0.7), (-0.8, -0.5, 0.0)),
)
_CUP: Ways = (
    _free("above_table", (0.13, 0.055, 0.12), "grip", (-0.6, 0.0, 0.8), (-0.85, 0.0, -0.5), part="palm"),
    _free("above_table", (0.18, 0.055, 0.15), "grip", (-0.4, 0.0, 0.9), (-0.95, 0.0, -0.3), part="palm"),
)
_SIDES: Ways = (
    Reach(Site("near_pelvis", (0.255, -0.045, 0.02)), "wrist", "relaxed", (0.0, -1.0, 0.12), (-1.0, 0.0, -0.25)),
    Reach(Site("near_pelvis", (0.245, -0.035, 0.06)), "wrist", "cup", (-0.05, -1.0, 0.2), (-0.75, 0.0, -0.65)),
    Reach(Site("near_pelvis", (0.265, -0.03, -0.01)), "wrist", "loose_fist", (0.0, -1.0, 0.05), (-0.95, 0.0, 0.2)),
)
_FRONT_LOW: Ways = (
    _free("near_pelvis", (0.105, -0.03, 0.17), "relaxed", (-0.35, -0.9, 0.15), (-0.4, 0.0, -0.9)),
    _free("near_pelvis", (0.120, 0.02, 0.19), "cup", (-0.5, -0.7, 0.4), (-0.6, -0.3, -0.7)),
    _free("near_pelvis", (0.115, -0.05, 0.16), "loose_fist", (-0.2, -0.95, 0.1), (-0.8, 0.0, -0.5)),
)
_POCKET: Ways = (
    _free("near_pelvis", (0.200, 0.02, 0.05), "flat", (-0.15, -0.95, 0.25), (-0.95, 0.0, -0.2)),
    _free("near_pelvis", (0.185, 0.03, 0.09), "loose_fist", (-0.2, -0.95, 0.2), (-0.7, 0.0, -0.7)),
    _free("near_pelvis", (0.205, 0.04, -0.03), "flat", (-0.1, -1.0, -0.1), (-0.9, 0.0, -0.3)),
)
_BELT: Ways = (
    _free("near_pelvis", (0.195, 0.085, 0.09), "hook", (-0.45, -0.8, 0.2), (-0.5, 0.1, -0.9)),
    _free("near_pelvis", (0.170, 0.075, 0.12), "hook", (-0.35, -0.9, 0.1), (-0.4, 0.0, -0.9)),
)
_WAIST_HIGH: Ways = (  # elbows bent, hands wait before the body without meeting
    _free("space", (0.12, -0.22, 0.24), "relaxed", (-0.55, 0.0, 0.8), (-0.8, -0.5, -0.2)),
    _free("space", (0.15, -0.17, 0.26), "cup", (-0.4, 0.2, 0.9), (-0.9, 0.0, -0.3)),
    _free("space", (0.10, -0.25, 0.22), "loose_fist", (-0.6, -0.2, 0.7), (-0.7, -0.5, -0.3)),
)
_CHEST_HIGH: Ways = (
    _free("space", (0.13, -0.06, 0.24), "relaxed", (-0.4, 0.5, 0.7), (-0.8, -0.3, -0.4)),
    _free("space", (0.16, -0.02, 0.26), "loose_fist", (-0.4, 0.6, 0.6), (-0.9, 0.0, -0.4)),
)
_MICROPHONE: Ways = (
    _free("space", (0.05, 0.12, 0.19), "grip", (-0.45, 0.75, -0.2), (-0.8, -0.1, -0.55), part="palm"),
    _free("space", (0.06, 0.05, 0.21), "grip", (-0.5, 0.75, 0.0), (-0.8, -0.1, -0.55), part="palm"),
    _free("space", (0.07, -0.02, 0.22), "grip", (-0.5, 0.7, 0.2), (-0.8, -0.1, -0.5), part="palm"),
)
_HELD_CUP: Ways = (
    _free("space", (0.13, -0.12, 0.28), "grip", (-0.5, 0.1, 0.8), (-0.9, 0.0, -0.4), part="palm"),
    _free("space", (0.09, -0.18, 0.25), "grip", (-0.6, 0.0, 0.7), (-0.85, 0.0, -0.5), part="palm"),
)
_NOTES: Ways = (
    _free("space", (0.11, -0.20, 0.27), "pinch", (-0.5, 0.1, 0.8), (-0.6, 0.6, -0.4), part="pinch"),
    _free("space", (0.12, -0.13, 0.29), "pinch", (-0.4, 0.3, 0.8), (-0.8, 0.3, -0.4), part="pinch"),
)
_PEN: Ways = (
    _table(0.12, 0.14, "wrist", "precision", (-0.45, 0.1, 0.85), (-0.6, -0.75, -0.1)),
    _table(0.16, 0.13, "wrist", "pinch", (-0.5, 0.15, 0.8), (-0.7, -0.65, -0.1)),
    _free("above_table", (0.13, 0.07, 0.10), "precision", (-0.5, 0.2, 0.8), (-0.6, -0.7, -0.2)),
)
_LAP_UNDER: Ways = (
    Reach(Site("own_thigh", (-0.7, 1.0, 0.0), along=0.45), "palm", "relaxed", (-0.85, -0.05, 0.5), _DOWN),
    Reach(Site("own_thigh", (-0.5, 1.0, 0.0), along=0.55), "palm", "laid", (-0.7, -0.05, 0.7), _DOWN),
)
_LAP_OVER: Ways = (  # upon the back of the other hand
    Reach(
        Site("other_thigh", (0.7, 1.0, 0.0), along=0.48), "palm", "cup", (-0.9, -0.1, 0.4), _DOWN, (0.0, 0.03, 0.035)
    ),
    Reach(
        Site("other_thigh", (0.5, 1.0, 0.0), along=0.58), "palm", "cup", (-0.9, -0.1, 0.4), _DOWN, (0.0, 0.03, 0.035)
    ),
)


@dataclass(frozen=True)
class RestPose:
    """Two hands at rest: ways of the `first` and, where it rests otherwise, of the `second` hand.

    `seated` and `table` say where the pose belongs (None: either). Of `paired` ways the hands take the same
    number, since they lie together. `pitch` is the range of the trunk's lean, radians, None for any; `yaw` the
    largest turn of the trunk. `weight` is how often people rest like this, against 1 for the commonest.
    """

    first: Ways
    second: Ways = ()
    seated: bool | None = True
    table: bool | None = None
    paired: bool = False
    pitch: tuple[float, float] | None = None
    yaw: float = 0.42
    weight: float = 0.5

    @property
    def ways(self) -> tuple[Ways, Ways]:
        """Ways of the hand in the first and in the second part."""
        return self.first, self.second or self.first

    @property
    def mirrored(self) -> bool:
        """Whether both hands have the same ways to rest."""
        return not self.second

    def fits(self, seated: bool, table: bool) -> bool:
        """Whether people rest like this in such a setting."""
        return self.seated in (None, seated) and self.table in (None, table)

    def lean(self, seated: bool) -> tuple[float, float]:
        """Range of the trunk's pitch, radians."""
        return self.pitch or ((-0.18, 0.18) if seated else (-0.08, 0.07))

    def agrees(self, other: RestPose) -> bool:
        """Whether hands can change from here to the other pose while the trunk stays as it is."""
        return other.pitch is None or other.pitch == self.pitch


_BENT = (0.02, 0.30)  # over the table

REST_POSES: dict[str, RestPose] = {
    # seated, with or without a table
    "lap": RestPose(_LAP, weight=1.0),
    "thighs": RestPose(_THIGHS, weight=1.0),
    "palms_up": RestPose(_PALM_UP, _PALM_UP + _LAP, table=False, weight=0.3),
    "lap_thigh": RestPose(_LAP, _THIGHS, weight=0.7),
    "lap_over": RestPose(_LAP_UNDER, _LAP_OVER, paired=True, weight=0.4),
    "knees": RestPose(_KNEES, _KNEES + _THIGHS, table=False, pitch=(0.12, 0.35), weight=0.4),
    "between_thighs": RestPose(_BETWEEN, _BETWEEN + _LAP, pitch=(0.0, 0.25), weight=0.3),
    "elbows_on_thighs": RestPose(_HANGING, table=False, pitch=(0.45, 0.75), yaw=0.25, weight=0.5),
    "leaning_back": RestPose(_LAP[:3], _LAP + _ARMREST_POSES, pitch=(-0.35, -0.18), weight=0.4),
    "armrests": RestPose(_ARMREST_POSES, weight=0.7),
    "armrests_hanging": RestPose(_ARMREST_HANGING, _ARMREST_HANGING + _ARMREST_POSES, table=False, weight=0.4),
    "armrest_lap": RestPose(_ARMREST_POSES, _LAP + _THIGHS, weight=0.7),
    "armrest_air": RestPose(_AIR, _ARMREST_POSES + _LAP + _THIGHS, weight=0.5),
    "seat": RestPose(_SEAT, _SEAT + _THIGHS, table=False, weight=0.3),
    "belly": RestPose(_BELLY, _LAP + _ARMREST_POSES + _THIGHS, weight=0.4),
    "pocket_lap": RestPose(_COAT_POCKET, _LAP + _THIGHS + _COAT_POCKET, table=False, weight=0.3),
    "microphone": RestPose(_MICROPHONE, _LAP + _THIGHS + _ARMREST_POSES, weight=0.4),
    "cup_lap": RestPose(_HELD_CUP, _LAP + _THIGHS, weight=0.3),
    "waiting": RestPose(_WAIST_HIGH + _CHEST_HIGH, _WAIST_HIGH + _LAP + _THIGHS, seated=None, weight=0.4),
    "notes": RestPose(_NOTES, seated=None, weight=0.3),
    # at a table or a lectern
    "table": RestPose(_ON_TABLE, seated=None, table=True, pitch=_BENT, yaw=0.25, weight=1.0),
    "table_apart": RestPose(_TABLE_APART, _TABLE_APART + _ON_TABLE, True, True, False, _BENT, 0.2, 0.5),
    "table_edge": RestPose(_TABLE_EDGE, _TABLE_EDGE + _ON_TABLE, None, True, False, _BENT, 0.3, 0.7),
    "table_near": RestPose(_TABLE_NEAR, _TABLE_NEAR + _ON_TABLE, None, True, False, _BENT, 0.25, 0.7),
    "table_forward": RestPose(_TABLE_FORWARD, _TABLE_FORWARD + _ON_TABLE, True, True, False, (0.18, 0.42), 0.2, 0.6),
    "table_lap": RestPose(_ON_TABLE + _TABLE_EDGE, _LAP + _THIGHS, True, True, False, _BENT, 0.3, 0.8),
    "table_armrest": RestPose(_ON_TABLE, _ARMREST_POSES, True, True, False, _BENT, 0.3, 0.3),
    "table_air": RestPose(_TABLE_AIR, _ON_TABLE + _TABLE_NEAR, True, True, False, (0.12, 0.35), 0.25, 0.5),
    "table_cup": RestPose(_CUP, _ON_TABLE + _TABLE_NEAR, True, True, False, _BENT, 0.25, 0.4),
    "table_pen": RestPose(_PEN, _ON_TABLE + _TABLE_NEAR, True, True, False, (0.08, 0.35), 0.2, 0.4),
    "table_microphone": RestPose(_MICROPHONE, _ON_TABLE, None, True, False, _BENT, 0.25, 0.4),
    "table_side": RestPose(_ON_TABLE + _TABLE_EDGE, _SIDES + _POCKET, False, True, False, _BENT, 0.3, 0.5),
    # standing
    "sides": RestPose(_SIDES, seated=False, weight=1.0),
    "front_low": RestPose(_FRONT_LOW, seated=False, weight=0.8),
    "front_side": RestPose(_FRONT_LOW, _SIDES, seated=False, weight=0.5),
    "pocket": RestPose(_POCKET, _SIDES, seated=False, weight=0.7),
    "pockets": RestPose(_POCKET, seated=False, weight=0.5),
    "belt": RestPose(_BELT, _BELT + _SIDES + _POCKET, seated=False, weight=0.3),
    "belly_side": RestPose(_BELLY, _SIDES + _POCKET, seated=False, weight=0.3),
    "waiting_side": RestPose(_WAIST_HIGH + _CHEST_HIGH, _SIDES + _POCKET, seated=False, weight=0.4),
    "microphone_side": RestPose(_MICROPHONE, _SIDES + _POCKET + _WAIST_HIGH, seated=False, weight=0.5),
    "cup_side": RestPose(_HELD_CUP, _SIDES + _POCKET, seated=False, weight=0.3),
    # anywhere; not drawn for scenes with labels
    "clasped": RestPose((), seated=None, paired=True, weight=0.0),
}
"""Rest poses by name."""
