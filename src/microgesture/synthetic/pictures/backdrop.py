"""The room behind the person, painted once for a clip: a wall of one of ten kinds, a floor, light and blur.

Everything is NumPy on one small picture; the renderer moves it with the camera's shake.
"""

from __future__ import annotations

import numpy as np

from microgesture.synthetic.pictures.appearance import Appearance, Backdrop
from microgesture.synthetic.pictures.camera import Camera

_WALL = -0.9  # the wall stands this far behind the person, metres


def paint_backdrop(appearance: Appearance, camera: Camera, border: int, feet: np.ndarray) -> np.ndarray:
    """Display colours `(H + 2 border, W + 2 border, 3)` float32 in [0, 1] of the empty room.

    `border` pixels are added on every side for a camera that shakes; `feet (K, 3)` are points that stand on
    the floor and darken it.
    """
    room = appearance.backdrop
    width, height = camera.size
    xs = np.arange(-border, width + border) + 0.5 - 0.5 * width
    ys = np.arange(-border, height + border) + 0.5 - 0.5 * height
    x, y = np.meshgrid(xs / camera.focal, ys / camera.focal)
    rays = np.stack((x, y, np.ones_like(x)), axis=-1) @ camera.rotation
    origin = np.asarray(camera.position, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        to_wall = (_WALL - origin[2]) / rays[..., 2]
        to_floor = -origin[1] / rays[..., 1]
    to_wall = np.where((to_wall > 0) & np.isfinite(to_wall), to_wall, 60.0).clip(0.0, 60.0)
    on_floor = (rays[..., 1] < -1e-6) & (to_floor < to_wall)
    at = origin + to_wall[..., None] * rays
    u, v = at[..., 0], at[..., 1]
    picture = _wall(room, u, v, x * camera.focal / height + 0.5, y * camera.focal / height + 0.5)
    skirting = np.clip((0.09 - v) * 80.0, 0.0, 1.0)[..., None] * (v[..., None] > 0)
    picture = picture + 0.5 * skirting * (np.asarray(room.palette[-1]) - picture)
    ground = origin + np.where(on_floor, to_floor, 1.0)[..., None] * rays
    picture = np.where(on_floor[..., None], _floor(room, ground, feet), picture)
    picture = _blur(picture, room.blur * height)
    return _expose(picture, appearance).astype(np.float32)


def _expose(picture: np.ndarray, appearance: Appearance) -> np.ndarray:
    light, sensor = appearance.light, appearance.sensor
    level = np.sqrt(max(0.2, 0.62 * light.key + light.ambient) * sensor.exposure)
    warm = 0.06 * light.warmth
    shown = picture * level * np.array([1.0 + warm, 1.0, 1.0 - warm])
    return np.clip(0.5 + (shown - 0.5) * sensor.contrast, 0.0, 1.0)


def _wall(room: Backdrop, u: np.ndarray, v: np.ndarray, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Colours of the wall: (u, v) metres along it and up, (s, t) fractions of the picture."""
    rng = np.random.default_rng(room.seed)
    colours = np.asarray(room.palette, float)
    a, b = colours[0], colours[1 % len(colours)]
    plain = np.broadcast_to(a, (*u.shape, 3)) * (0.95 + 0.05 * np.clip(v, 0, 2.5)[..., None] / 2.5)
    paint = {
        "wall": lambda: plain * (1.0 - 0.22 * (np.abs(u - rng.uniform(-1, 1)) / 3.0).clip(0, 1)[..., None]),
        "gradient": lambda: a + np.clip(t, 0, 1)[..., None] * (b - a),
        "panels": lambda: _panels(rng, colours, u, v),
        "bokeh": lambda: _bokeh(rng, colours, s, t),
        "curtain": lambda: plain * (0.78 + 0.22 * np.sin(u * rng.uniform(14, 40) + np.sin(v * 1.3)))[..., None],
        "bricks": lambda: _bricks(rng, a, b, u, v),
        "shelf": lambda: _shelf(rng, colours, u, v),
        "window": lambda: _window(rng, plain, b, u, v),
        "court": lambda: _court(rng, colours, u, v),
        "blocks": lambda: _blocks(rng, colours, s, t, plain),
    }[room.kind]
    return paint()


def _hash(*keys: np.ndarray) -> np.ndarray:
    """A repeatable pseudo-random number in [0, 1) for each cell of integer coordinates."""
    total = np.zeros(np.broadcast(*keys).shape, np.uint64)
    for k, key in enumerate(keys):
        factor = np.uint64((2654435761, 2246822519, 3266489917)[k % 3])
        total = (total ^ (key.astype(np.int64).astype(np.uint64) * factor)) * np.uint64(6364136223846793005)
        total ^= total >> np.uint64(29)
    return ((total >> np.uint64(11)) % np.uint64(1 << 24)).astype(float) / float(1 << 24)


def _panels(rng: np.random.Generator, colours: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A press wall: a grid of made-up emblems in two colours."""
    step_u, step_v = rng.uniform(0.35, 0.6), rng.uniform(0.22, 0.35)
    row = np.floor(v / step_v)
    column = np.floor(u / step_u + 0.5 * (row % 2))
    fu = u / step_u + 0.5 * (row % 2) - column - 0.5
    fv = v / step_v - row - 0.5
    kind = (row + column) % 2
    bars = (np.abs(fv) < 0.2) & (np.abs(fu) < 0.36) & (_hash(np.floor(fu * 14), row * 0, kind) > 0.3)
    disc = (fu * step_u) ** 2 + (fv * step_v) ** 2 < (0.3 * step_v) ** 2
    mark = np.where(kind == 0, bars, disc | ((np.abs(fv) < 0.08) & (np.abs(fu) < 0.34)))
    ink = np.where((kind == 0)[..., None], colours[1 % len(colours)], colours[2 % len(colours)])
    return np.where(mark[..., None], ink, colours[0])


def _bokeh(rng: np.random.Generator, colours: np.ndarray, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Lights far out of focus."""
    picture = np.broadcast_to(0.45 * colours[0], (*s.shape, 3)).copy()
    for _ in range(26):
        x, y, r = rng.uniform(-0.5, 1.5), rng.uniform(-0.1, 1.1), rng.uniform(0.03, 0.16)
        disc = np.clip((r - np.hypot(s - x, t - y)) / (0.3 * r), 0.0, 1.0)
        picture += rng.uniform(0.1, 0.45) * disc[..., None] * colours[rng.integers(len(colours))]
    return np.clip(picture, 0.0, 1.0)


def _bricks(rng: np.random.Generator, a: np.ndarray, b: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    tall, long = rng.uniform(0.07, 0.12), rng.uniform(0.2, 0.32)
    row = np.floor(v / tall)
    column = np.floor(u / long + 0.5 * (row % 2))
    joint = (v / tall - row < 0.12) | (u / long + 0.5 * (row % 2) - column < 0.05)
    tone = 0.8 + 0.4 * _hash(row, column)[..., None]
    return np.clip(np.where(joint[..., None], 0.5 * (b + 0.7), a * tone), 0.0, 1.0)


def _shelf(rng: np.random.Generator, colours: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Book backs of many widths, heights and colours on shelves."""
    tall, thick = rng.uniform(0.3, 0.42), rng.uniform(0.03, 0.055)
    row = np.floor(v / tall)
    within = v / tall - row
    book = np.floor(u / thick + 0.35 * np.floor(u / thick * 0.37))
    top = 0.55 + 0.33 * _hash(row, book)
    choice = (_hash(book, row) * len(colours)).astype(int)
    cover = colours[choice] * (0.5 + 0.6 * _hash(book * 3 + 1, row))[..., None]
    label = (np.abs(within - 0.5) < 0.05) & (_hash(book, row + 7) > 0.6)
    cover = np.where(label[..., None], 0.85, cover)
    board = np.array([0.42, 0.3, 0.2]) * rng.uniform(0.5, 1.5)
    return np.clip(np.where((within < 0.06)[..., None], board, np.where((within > top)[..., None], 0.1, cover)), 0, 1)


def _window(rng: np.random.Generator, wall: np.ndarray, b: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A wall with a bright window and its bars."""
    left, wide = rng.uniform(-1.6, 0.4), rng.uniform(1.0, 1.8)
    fu, fv = (u - left) / wide, (v - 0.9) / 1.3
    inside = (fu > 0) & (fu < 1) & (fv > 0) & (fv < 1)
    bars = (np.abs(fu - 0.5) < 0.02) | (np.abs(fv - 0.55) < 0.02) | (np.minimum(fu, 1 - fu) < 0.03)
    sky = 0.75 + 0.25 * np.clip(fv, 0, 1)[..., None] * np.array([0.75, 0.88, 1.0])
    trees = 0.55 * b + 0.2 * np.array([0.35, 0.5, 0.3])
    view = np.where((fv < 0.35 + 0.08 * np.sin(7 * fu))[..., None], trees, sky)
    frame = np.where(bars[..., None], 0.93, view)
    return np.where(inside[..., None], frame, wall)


def _court(rng: np.random.Generator, colours: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Boards with stripes of lettering below, a darker stand above."""
    edge = rng.uniform(0.8, 1.3)
    board = colours[(np.floor(u / rng.uniform(1.2, 2.0)) % len(colours)).astype(int)]
    line = (np.abs(v / edge - 0.55) < 0.14) & (_hash(np.floor(u / 0.05), np.floor(u / 1.5)) > 0.45)
    board = np.where(line[..., None], 0.92, board)
    seats = 0.25 + 0.35 * _hash(np.floor(u / 0.13), np.floor(v / 0.16))
    stand = seats[..., None] * (0.4 + 0.6 * colours[-1])
    return np.where((v < edge)[..., None], board, stand)


def _blocks(
    rng: np.random.Generator, colours: np.ndarray, s: np.ndarray, t: np.ndarray, plain: np.ndarray
) -> np.ndarray:
    """Clutter: cupboards, pictures and boxes as rectangles with a lit and a dark edge."""
    picture = plain.copy()
    for _ in range(14):
        x, y = rng.uniform(-0.4, 1.3), rng.uniform(-0.1, 0.95)
        w, h = rng.uniform(0.06, 0.4), rng.uniform(0.06, 0.4)
        colour = colours[rng.integers(len(colours))] * rng.uniform(0.4, 1.15)
        inside = (s > x) & (s < x + w) & (t > y) & (t < y + h)
        rim = inside & ((s < x + 0.012) | (t < y + 0.012))
        picture = np.where(inside[..., None], colour * (1.0 - 0.25 * ((t - y) / h)[..., None].clip(0, 1)), picture)
        picture = np.where(rim[..., None], colour * 1.2, picture)
    return np.clip(picture, 0.0, 1.0)


def _floor(room: Backdrop, ground: np.ndarray, feet: np.ndarray) -> np.ndarray:
    """Floor with faint boards and soft dark spots where something stands."""
    x, z = ground[..., 0], ground[..., 2]
    boards = 0.94 + 0.06 * _hash(np.floor(x / 0.16), np.floor(z / 1.1))
    shadow = np.ones_like(x)
    for foot in feet:
        away = ((x - foot[0]) / 0.2) ** 2 + ((z - foot[2] - 0.03) / 0.2) ** 2
        shadow = np.minimum(shadow, 1.0 - 0.5 * np.clip(1.0 - away, 0.0, 1.0))
    return np.asarray(room.floor, float) * (boards * shadow)[..., None]


def _blur(picture: np.ndarray, radius: float) -> np.ndarray:
    """Two box blurs of `radius` pixels along each axis, edges repeated."""
    reach = round(radius)
    if reach < 1:
        return picture
    for axis in (0, 1, 0, 1):
        pad = [(0, 0)] * 3
        pad[axis] = (reach + 1, reach)
        total = np.cumsum(np.pad(picture, pad, mode="edge"), axis=axis)
        span = 2 * reach + 1
        ahead = np.take(total, np.arange(span, total.shape[axis]), axis=axis)
        picture = (ahead - np.take(total, np.arange(total.shape[axis] - span), axis=axis)) / span
    return picture
