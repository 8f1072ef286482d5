"""Pinhole camera: where it stands, what it sees, and cameras drawn at random round a performance.

Camera axes: x to the right of the picture, y down, z along the line of sight. Pixels are continuous, (0, 0)
is the outer corner of the top left pixel, so the centre of that pixel is (0.5, 0.5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from microgesture.errors import DataError
from microgesture.synthetic.people.performance import JOINT_INDEX, JOINTS, Performance

FRAMINGS = ("head", "bust", "waist", "knees", "full")
"""How much of the body the picture shows, closest first."""

_LOWEST = {"head": "chin", "bust": "chest", "waist": "pelvis", "knees": "left_knee", "full": "left_toe"}


@dataclass(frozen=True)
class Camera:
    """A camera at `position` that looks at `target` (world metres, `Performance` axes).

    `field_of_view` is the vertical angle in degrees, `roll` turns the camera clockwise (degrees), `size` is
    the picture's (width, height) in pixels. `shake (T, 2)` moves the picture right and down, frame by frame,
    in fractions of its height: a hand-held camera; None for a tripod. Raises `DataError` on a view that does
    not exist (no size, no distance, an angle outside (0, 180), or a line of sight straight up or down).
    """

    position: tuple[float, float, float]
    target: tuple[float, float, float]
    field_of_view: float = 40.0
    roll: float = 0.0
    size: tuple[int, int] = (128, 128)
    shake: np.ndarray | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise DataError(f"camera: size must be at least 1x1 pixels, got {self.size[0]}x{self.size[1]}")
        if not 0.0 < self.field_of_view < 180.0:
            raise DataError(f"camera: field_of_view must be in (0, 180) degrees, got {self.field_of_view}")
        sight = np.subtract(self.target, self.position)
        if np.hypot(sight[0], sight[2]) < 1e-6 * max(1.0, float(np.abs(sight).max())):
            raise DataError("camera: target must not be at, above or below the position")

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return 0.5 * self.size[1] / math.tan(0.5 * math.radians(self.field_of_view))

    @property
    def rotation(self) -> np.ndarray:
        """`(3, 3)`: rows are the camera's x, y, z axes in the world."""
        forward = np.subtract(self.target, self.position).astype(float)
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 1.0, 0.0))
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        c, s = math.cos(math.radians(self.roll)), math.sin(math.radians(self.roll))
        return np.stack((c * right + s * down, c * down - s * right, forward))

    def with_size(self, size: tuple[int, int]) -> Camera:
        """The same view in another number of pixels; the vertical angle stays."""
        return replace(self, size=(int(size[0]), int(size[1])))

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """World points `(..., 3)` along the camera's axes, metres."""
        return (np.asarray(points, float) - np.asarray(self.position)) @ self.rotation.T

    def centre(self, frames: int) -> np.ndarray:
        """Pixel of the line of sight at each of `frames` frames, `(frames, 2)`.

        Raises `DataError` when the camera shakes for another number of frames.
        """
        middle = np.broadcast_to(0.5 * np.asarray(self.size, float), (frames, 2))
        if self.shake is None:
            return middle
        if self.shake.shape != (frames, 2):
            raise DataError(f"camera: shake has shape {self.shake.shape}, expected ({frames}, 2)")
        return middle + self.shake * self.size[1]

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World points `(..., 3)` to pixels `(..., 2)` and depth along the line of sight `(...)`, metres.

        Points at or behind the camera have NaN pixels and a depth <= 0. With a `shake` the first axis of
        `points` is time.
        """
        seen = self.to_camera(points)
        depth = seen[..., 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = self.focal * seen[..., :2] / depth[..., None]
        pixels = np.where(depth[..., None] > 0, pixels, np.nan)
        centre: np.ndarray
        if self.shake is None:
            centre = 0.5 * np.asarray(self.size, float)
        else:
            frames = seen.shape[0] if seen.ndim > 1 else 1
            centre = self.centre(frames).reshape(frames, *(1,) * (seen.ndim - 2), 2)
        return pixels + centre, depth


@dataclass(frozen=True)
class CameraRanges:
    """What `sample_camera` draws from, uniformly; angles in degrees, lengths in metres.

    `azimuth` 0 is straight in front of the person, positive on the person's left; `elevation` is the height
    above the head's and chest's level; `framings` are those of `FRAMINGS`; `margin` is the empty border as a
    fraction of the picture; `off_centre` how far the person may stand from the middle, in fractions of the
    free border; `shake` the size of hand-held motion in fractions of the picture's height, given to
    `hand_held` of the cameras; `keep_active` the share of clips in which whatever moves is inside the frame.
    """

    azimuth: tuple[float, float] = (-50.0, 50.0)
    elevation: tuple[float, float] = (-8.0, 22.0)
    distance: tuple[float, float] = (1.6, 4.5)
    roll: tuple[float, float] = (-3.0, 3.0)
    framings: Sequence[str] = ("bust", "waist", "knees", "full")
    margin: tuple[float, float] = (0.04, 0.14)
    off_centre: float = 0.6
    shake: float = 0.006
    hand_held: float = 0.25
    keep_active: float = 0.97

    def __post_init__(self) -> None:
        unknown = [name for name in self.framings if name not in FRAMINGS]
        if unknown or not self.framings:
            raise DataError(f"camera: framings {list(self.framings)}, known are {', '.join(FRAMINGS)}")
        if self.distance[0] <= 0:
            raise DataError(f"camera: distance must be positive, got {self.distance[0]}")


def sample_camera(
    rng: np.random.Generator,
    ranges: CameraRanges,
    performance: Performance,
    size: tuple[int, int] = (128, 128),
) -> Camera:
    """Draw a camera that frames `performance`; the moving part of the body is nearly always in the picture.

    The head is always inside; the framing (bust to whole body) says how far down the picture reaches, and is
    widened by the joints that move most.
    """
    joints = np.asarray(performance.joints, float)
    azimuth = math.radians(rng.uniform(*ranges.azimuth))
    elevation = math.radians(rng.uniform(*ranges.elevation))
    distance = float(rng.uniform(*ranges.distance))
    framing = str(rng.choice(list(ranges.framings)))
    margin = float(rng.uniform(*ranges.margin))
    roll = float(rng.uniform(*ranges.roll))
    keep_active = bool(rng.random() < ranges.keep_active)
    offset = rng.uniform(-1.0, 1.0, 2) * ranges.off_centre
    hand_held = bool(rng.random() < ranges.hand_held)
    shake = _hand_motion(rng, performance.times, ranges.shake)

    points = joints[:, _framed(performance, framing, keep_active)].reshape(-1, 3)
    chest = joints[:, JOINT_INDEX["chest"]].mean(axis=0)
    around = np.array(
        [math.sin(azimuth) * math.cos(elevation), math.sin(elevation), math.cos(azimuth) * math.cos(elevation)]
    )
    position = chest + distance * around
    position[1] = max(position[1], 0.1)
    near = (points - position) @ ((chest - position) / np.linalg.norm(chest - position))
    if near.min() < 0.6:  # a knee or hand must not touch the lens
        position += (0.6 - near.min()) * around
    camera = Camera(tuple(position.tolist()), tuple(chest.tolist()), 40.0, roll, size)
    camera = _fit(camera, points, margin, offset)
    return replace(camera, shake=shake) if hand_held else camera


def _framed(performance: Performance, framing: str, keep_active: bool) -> list[int]:
    """Indices of the joints that must be in the picture; what a table hides need not be, unless it moves."""
    joints = np.asarray(performance.joints, float)
    rest_height = joints.mean(axis=0)[:, 1]
    lowest = rest_height[JOINT_INDEX[_LOWEST[framing]]]
    upper: tuple[str, ...] = ("head_top", "chin", "left_ear", "right_ear", "nose")
    if framing != "head":
        upper = (*upper, "neck", "left_shoulder", "right_shoulder")
    chosen = {JOINT_INDEX[name] for name in (*upper, _LOWEST[framing])}
    if framing == "full":
        chosen.update(range(len(JOINTS)))
    elif framing not in ("head", "bust"):
        chosen.update(i for i in range(len(JOINTS)) if rest_height[i] >= lowest)
    if performance.table is not None:
        chosen = {i for i in chosen if rest_height[i] >= performance.table[0] - 0.1}
    if keep_active:
        travel = np.ptp(joints, axis=0).max(axis=1)
        chosen.update(np.nonzero(travel > max(0.04, 0.4 * travel.max()))[0].tolist())
    return sorted(chosen)


def _fit(camera: Camera, points: np.ndarray, margin: float, offset: np.ndarray) -> Camera:
    """Aim and zoom so that `points` fill the picture up to the margin; `offset` spends the free border."""
    for _ in range(3):  # aiming changes perspective a little; three rounds settle it
        seen = camera.to_camera(points)
        plane = seen[:, :2] / seen[:, 2:]
        low, high = plane.min(axis=0), plane.max(axis=0)
        middle = 0.5 * (low + high)
        aim = camera.rotation.T @ np.array([middle[0], middle[1], 1.0])
        reach = np.linalg.norm(np.subtract(camera.target, camera.position))
        target = np.asarray(camera.position) + reach * aim / np.linalg.norm(aim)
        camera = replace(camera, target=tuple(target.tolist()))
    head = 0.05 / max(0.6, float(camera.to_camera(points)[:, 2].mean()))  # hair and hats above the skull
    half = 0.5 * (high - low) + head
    aspect = camera.size[0] / camera.size[1]
    tangent = max(half[1], half[0] / aspect) / (1.0 - 2.0 * margin)
    tangent = min(max(float(tangent), 0.03), 1.2)
    free = np.maximum(np.array([tangent * aspect, tangent]) - half, 0.0) * offset
    aim = camera.rotation.T @ np.array([free[0], free[1], 1.0])
    target = np.asarray(camera.position) + reach * aim / np.linalg.norm(aim)
    return replace(camera, target=tuple(target.tolist()), field_of_view=2.0 * math.degrees(math.atan(tangent)))


def _hand_motion(rng: np.random.Generator, times: np.ndarray, amount: float) -> np.ndarray:
    """Smooth drift `(T, 2)` of a hand-held camera: a few slow sines of random phase."""
    rates = rng.uniform(0.15, 1.3, (4, 2))
    phases = rng.uniform(0.0, 2.0 * math.pi, (4, 2))
    waves = np.sin(2.0 * math.pi * rates * np.asarray(times, float)[:, None, None] + phases)
    return (amount * waves / (1.0 + 2.0 * rates)).sum(axis=1)
