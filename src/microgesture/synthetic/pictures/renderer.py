"""Pictures of a performance: rays against round solids in batches, one shading of what is visible.

The figure is rebuilt for every frame, rasterised in tiles (`raster`), and shaded once per visible point
(`shading`); the room is painted once (`backdrop`). The bytes depend on the arguments only, not on the number
of threads or the size of the chunks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from microgesture.errors import DataError
from microgesture.synthetic.people.performance import JOINTS, Performance
from microgesture.synthetic.pictures.appearance import Appearance, Sensor
from microgesture.synthetic.pictures.backdrop import paint_backdrop
from microgesture.synthetic.pictures.camera import Camera
from microgesture.synthetic.pictures.figure import Figure, pose_from
from microgesture.synthetic.pictures.gbuffer import Surfaces, dense_depth, surfaces
from microgesture.synthetic.pictures.primitives import NEAR, Solids
from microgesture.synthetic.pictures.raster import TILE, View, rasterise
from microgesture.synthetic.pictures.shading import Frames, Shader, contact_shade

_PIXELS_AT_ONCE = 1 << 19  # more would leave the processor's cache
_AROUND = 1.5  # furniture reaches this far beyond the joints, metres
_GRAIN = 64  # the grain is a fixed sheet this much larger than the picture, moved about at random


def render(
    performance: Performance,
    camera: Camera,
    appearance: Appearance,
    size: tuple[int, int] | None = None,
    device: str | torch.device = "cpu",
    chunk: int = 64,
) -> np.ndarray:
    """Frames `(T, H, W, 3)` uint8 RGB of `performance`, seen by `camera`.

    `size` (width, height) overrides the camera's; `chunk` frames are worked on at once (fewer for large
    pictures). Raises `DataError` when the performance has no frames or joints that are not finite.
    """
    parts = list(render_chunks(performance, camera, appearance, size, device, chunk))
    return np.concatenate(parts)


def render_chunks(
    performance: Performance,
    camera: Camera,
    appearance: Appearance,
    size: tuple[int, int] | None = None,
    device: str | torch.device = "cpu",
    chunk: int = 64,
) -> Iterator[np.ndarray]:
    """The frames of `render` in order, some at a time: memory does not grow with the clip."""
    scene = Scene(performance, camera if size is None else camera.with_size(size), appearance, device)
    width, height = scene.camera.size
    step = max(1, min(chunk, _PIXELS_AT_ONCE // (width * height)))
    for begin in range(0, scene.frames, step):
        yield scene.frames_between(begin, min(begin + step, scene.frames))


def visibility(
    performance: Performance, camera: Camera, appearance: Appearance, size: tuple[int, int] | None = None
) -> np.ndarray:
    """Which joints can be seen, `(T, J)` bool: inside the picture and not behind another part of the scene.

    A joint lies inside the body, so it counts as seen when the nearest surface at its pixel is less than the
    thickness of its own part in front of it.
    """
    scene = Scene(performance, camera if size is None else camera.with_size(size), appearance, "cpu")
    width, height = scene.camera.size
    pixels, depth = scene.camera.project(performance.joints)
    column = np.nan_to_num(np.floor(pixels[..., 0]), nan=-1).clip(-1, width).astype(int)
    row = np.nan_to_num(np.floor(pixels[..., 1]), nan=-1).clip(-1, height).astype(int)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & (depth > 0)
    slack = np.array([_thickness(name, performance) for name in JOINTS])
    seen = np.zeros(inside.shape, bool)
    step = max(1, min(64, _PIXELS_AT_ONCE // (width * height)))
    for begin in range(0, scene.frames, step):
        part = slice(begin, min(begin + step, scene.frames))
        nearest = scene.depth_between(part.start, part.stop).numpy()
        frame = np.arange(len(nearest))[:, None]
        here = nearest[frame, row[part].clip(0, height - 1), column[part].clip(0, width - 1)]
        seen[part] = inside[part] & (depth[part] - here < slack)
    return seen


def _thickness(name: str, performance: Performance) -> float:
    """How deep inside its own part a joint may lie, metres."""
    radii = performance.body.radii
    for key, radius in (
        ("shoulder", 1.6 * radii["shoulder"]),
        ("elbow", 1.7 * radii["upper_arm"]),
        ("wrist", 2.5 * radii["wrist"]),
        ("hip", 2.0 * radii["thigh"]),
        ("knee", 1.6 * radii["thigh"]),
        ("ankle", 2.5 * radii["ankle"]),
        ("heel", 2.5 * radii["foot"]),
        ("toe", 2.5 * radii["foot"]),
        ("neck", 2.0 * radii["neck"]),
        ("chest", 1.4 * radii["chest_depth"]),
        ("spine", 1.4 * radii["waist_depth"]),
        ("pelvis", 1.6 * radii["pelvis_depth"]),
    ):
        if name.endswith(key):
            return float(radius)
    if name in ("head", "head_top", "head_back"):
        return 0.75 * performance.body.lengths["head_depth"]
    return 0.035


class Scene:
    """One clip made ready to draw: the figure's recipe, the empty room, the light."""

    def __init__(
        self, performance: Performance, camera: Camera, appearance: Appearance, device: str | torch.device
    ) -> None:
        self.performance, self.camera, self.appearance = performance, camera, appearance
        self.device = torch.device(device)
        self.frames = len(performance.times)
        if self.frames == 0 or performance.joints.shape != (self.frames, len(JOINTS), 3):
            raise DataError(
                f"render: joints have shape {performance.joints.shape}, expected ({self.frames}, {len(JOINTS)}, 3)"
            )
        if not np.isfinite(performance.joints).all():
            raise DataError("render: the performance has joints that are not finite")
        self.figure = Figure(performance, appearance)
        self.centre = camera.centre(self.frames)
        depth = camera.to_camera(performance.joints)[..., 2]
        self.near = max(NEAR, float(depth.min()) - _AROUND)
        self.far = max(self.near + 0.1, float(depth.max()) + _AROUND)
        self.shader = Shader(
            performance.body, appearance, self.figure.materials, camera.rotation, 1.0 / camera.focal, self.device
        )
        feet = [performance.point(f"{side}_{part}")[0] for side in ("left", "right") for part in ("heel", "toe")]
        drift = np.abs(self.centre - 0.5 * np.asarray(camera.size)).max()
        self.border = int(np.ceil(drift)) + 1 if drift > 0 else 0
        backdrop = paint_backdrop(appearance, camera, self.border, np.stack(feet))
        self.backdrop = torch.from_numpy(backdrop).to(self.device)
        self.finish = _Finish(appearance.sensor, camera.size, appearance.backdrop.seed, self.device)

    def _solids(self, begin: int, end: int) -> tuple[Solids, View, Frames]:
        part = slice(begin, end)
        pose = pose_from(self.performance, self.camera, part)
        solids = self.figure.assemble(pose, part).pack(self.device)
        centre = torch.from_numpy(np.ascontiguousarray(self.centre[part], np.float32)).to(self.device)
        frames = Frames.of(pose, self.performance.body, self.device)
        return solids, View(self.camera.focal, centre, self.camera.size, self.near, self.far), frames

    def depth_between(self, begin: int, end: int) -> Tensor:
        """Depth of the nearest surface `(end - begin, H, W)`, metres; infinite where there is none."""
        solids, view, _ = self._solids(begin, end)
        points = surfaces(solids, view, rasterise(solids, view))
        width, height = self.camera.size
        return dense_depth(points, view, end - begin, float("inf"))[:, :height, :width]

    def frames_between(self, begin: int, end: int) -> np.ndarray:
        """Frames `begin` to `end`, `(end - begin, H, W, 3)` uint8."""
        solids, view, frames = self._solids(begin, end)
        points = surfaces(solids, view, rasterise(solids, view))
        picture = self._empty_room(begin, end, view)
        across, down = view.tiles
        flat = picture.view(-1, 3)
        if points.front:
            light = contact_shade(dense_depth(points, view, end - begin, self.far), self.far)
            colour = self.shader.shade(points, solids.paint, frames, light.flatten()[points.pixel])
            _blend(flat, points, colour.T.contiguous())
        width, height = self.camera.size
        padded = picture.view(end - begin, down * TILE, across * TILE, 3)
        return self.finish(padded[:, :height, :width], begin).cpu().numpy()

    def _empty_room(self, begin: int, end: int, view: View) -> Tensor:
        """The backdrop, moved with the camera, on the padded grid `(T, rows, columns, 3)`."""
        width, height = self.camera.size
        across, down = view.tiles
        out = torch.zeros((end - begin, down * TILE, across * TILE, 3), device=self.device)
        if self.border == 0:
            out[:, :height, :width] = self.backdrop
            return out
        shift = self.border - (self.centre[begin:end] - 0.5 * np.asarray(self.camera.size))
        for k, (x, y) in enumerate(shift):
            i, j = int(np.floor(x)), int(np.floor(y))
            fx, fy = float(x - i), float(y - j)
            view_ = self.backdrop[j : j + height + 1, i : i + width + 1]
            rows = view_[:-1] * (1.0 - fy) + view_[1:] * fy
            out[k, :height, :width] = rows[:, :-1] * (1.0 - fx) + rows[:, 1:] * fx
        return out


def _blend(flat: Tensor, points: Surfaces, colour: Tensor) -> None:
    """Lay the points' colours `(N, 3)` over the picture `(pixels, 3)` in place, back to front."""
    front, behind = points.front, points.behind
    pixel = points.pixel[:front]
    under = flat.index_select(0, pixel)
    cover = points.coverage[:, None]
    under[behind] = under[behind] * (1.0 - cover[front:]) + colour[front:] * cover[front:]
    flat.index_copy_(0, pixel, under * (1.0 - cover[:front]) + colour[:front] * cover[:front])


class _Finish:
    """What the sensor does: defocus, loss of colour detail, vignette, grain, rounding to bytes."""

    def __init__(self, sensor: Sensor, size: tuple[int, int], seed: int, device: torch.device) -> None:
        width, height = size
        self.sensor, self.size, self.device = sensor, size, device
        self.soft = min(0.3, 0.5 * sensor.blur * height / 128.0)
        x = (np.arange(width) + 0.5) / width - 0.5
        y = (np.arange(height) + 0.5) / height - 0.5
        gain = 255.0 * (1.0 - sensor.vignette * 2.0 * (x[None] ** 2 + y[:, None] ** 2))
        self.gain = torch.from_numpy(gain.astype(np.float32)[..., None]).to(device)
        rng = np.random.default_rng(seed)
        grain = rng.standard_normal((height + _GRAIN, width + _GRAIN, 3), np.float32)
        grain = 0.5 * grain + 0.8 * grain[..., 1:2]  # mostly brightness, some colour
        self.place = rng.integers(0, _GRAIN, (997, 2)).tolist()
        self.grain = torch.from_numpy(grain * np.float32(255.0 * sensor.noise)).to(device)

    def __call__(self, picture: Tensor, begin: int) -> Tensor:
        """Bytes of display colours `(T, H, W, 3)` whose first frame has the number `begin`."""
        width, height = self.size
        out = torch.empty(picture.shape, dtype=torch.uint8, device=self.device)
        for k, frame in enumerate(picture):
            if self.soft > 0:
                frame = _spread(frame, self.soft)
            if self.sensor.chroma < 1.0:
                grey = (frame[..., 0] * 0.299 + frame[..., 1] * 0.587 + frame[..., 2] * 0.114)[..., None]
                tint = frame - grey
                frame = grey + _spread(tint, 0.3 * (1.0 - self.sensor.chroma))
            frame = frame * self.gain
            if self.sensor.noise > 0:
                i, j = self.place[(begin + k) % len(self.place)]
                frame += self.grain[j : j + height, i : i + width]
            out[k] = frame.add_(0.5).clamp_(0.0, 255.0)
        return out


def _spread(frame: Tensor, share: float) -> Tensor:
    """Give `share` of each pixel's value in `frame (H, W, 3)` to each neighbour, first down, then across."""
    for axis in (0, 1):
        length = frame.shape[axis]
        out = frame * (1.0 - 2.0 * share)
        given = frame * share
        out.narrow(axis, 1, length - 1).add_(given.narrow(axis, 0, length - 1))
        out.narrow(axis, 0, length - 1).add_(given.narrow(axis, 1, length - 1))
        out.narrow(axis, 0, 1).add_(given.narrow(axis, 0, 1))
        out.narrow(axis, length - 1, 1).add_(given.narrow(axis, length - 1, 1))
        frame = out
    return frame
