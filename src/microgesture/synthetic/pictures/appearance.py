"""How a synthetic person, the room and the picture look; drawn at random from ranges that can be split.

Colours are sRGB triples in [0, 1]. `AppearanceRanges.for_split` gives training and test worlds that share
no clothing hue and no kind of background, so a model cannot pass the test by remembering looks.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from microgesture.errors import DataError

Colour = tuple[float, float, float]

HAIR_STYLES = ("bald", "short", "full", "bob", "long", "bun")
HATS = ("none", "cap", "beanie", "brim")
TOPS = ("tee", "shirt", "jacket", "turtleneck")
PATTERNS = ("plain", "stripes", "hoops", "check")
BACKDROPS = ("wall", "gradient", "panels", "bokeh", "curtain", "bricks", "shelf", "window", "court", "blocks")

_SKIN = (
    np.array(  # light to dark; between neighbours every mixture is drawn
        [
            (248, 222, 204),
            (236, 194, 167),
            (219, 170, 137),
            (190, 138, 104),
            (151, 102, 72),
            (108, 71, 51),
            (66, 44, 36),
        ]
    )
    / 255.0
)
_HAIR = (
    np.array(  # black, dark brown, brown, chestnut, blond, red, grey, white
        [
            (22, 19, 18),
            (46, 32, 25),
            (84, 57, 39),
            (112, 66, 38),
            (194, 158, 104),
            (150, 74, 38),
            (128, 126, 124),
            (214, 211, 205),
        ]
    )
    / 255.0
)


@dataclass(frozen=True)
class Looks:
    """Skin, hair and what is worn on the head. `beard` is its density in [0, 1]; `hair_style` of
    `HAIR_STYLES`, `hat` of `HATS`; `glasses` is the colour of the frame or None."""

    skin: Colour = (0.86, 0.67, 0.54)
    hair: Colour = (0.18, 0.12, 0.09)
    hair_style: str = "short"
    beard: float = 0.0
    hat: str = "none"
    hat_colour: Colour = (0.15, 0.2, 0.45)
    glasses: Colour | None = None
    lips: Colour = (0.70, 0.38, 0.36)


@dataclass(frozen=True)
class Clothes:
    """`top` of `TOPS` in colour `upper`, with `pattern` of `PATTERNS` in colour `accent`; `inner` is the shirt
    under a jacket, `tie` its colour or None; `tucked` shows a belt. `sleeve` is the covered share of the arm
    from the shoulder: 0.25 ends at mid upper arm, 1 at the wrist; `trousers` the covered share of the leg."""

    top: str = "tee"
    upper: Colour = (0.2, 0.35, 0.6)
    accent: Colour = (0.9, 0.9, 0.9)
    pattern: str = "plain"
    inner: Colour = (0.93, 0.93, 0.95)
    tie: Colour | None = None
    tucked: bool = True
    sleeve: float = 1.0
    lower: Colour = (0.13, 0.14, 0.2)
    trousers: float = 1.0
    shoes: Colour = (0.1, 0.09, 0.09)


@dataclass(frozen=True)
class Backdrop:
    """What is behind and round the person: `kind` of `BACKDROPS`, its palette, the `seed` of its details, the
    `blur` as a fraction of the height, the floor and the colours of furniture. `panel` closes the front of a
    table; `microphone` stands before the person."""

    kind: str = "wall"
    palette: tuple[Colour, ...] = ((0.75, 0.76, 0.78), (0.5, 0.55, 0.6), (0.3, 0.3, 0.35))
    floor: Colour = (0.45, 0.42, 0.4)
    seed: int = 0
    blur: float = 0.0
    chair: Colour = (0.2, 0.2, 0.22)
    chair_back: bool = True
    table: Colour = (0.5, 0.36, 0.24)
    panel: bool = True
    microphone: bool = False


@dataclass(frozen=True)
class Light:
    """Key light from `direction` (world, towards the light), its strength `key` and the `ambient` light's, and
    the colour temperature `warmth` in [-1, 1] (bluish to reddish)."""

    direction: tuple[float, float, float] = (0.4, 0.8, 0.6)
    key: float = 0.8
    ambient: float = 0.45
    warmth: float = 0.0


@dataclass(frozen=True)
class Sensor:
    """`noise` is the standard deviation of the grain (fraction of white), `blur` a small defocus in pixels at
    128 lines, `exposure` a factor, `contrast` a factor round middle grey, `vignette` the darkening of the
    corners, and `chroma` the share of colour kept at full resolution, as chroma subsampling loses it."""

    noise: float = 0.01
    blur: float = 0.0
    exposure: float = 1.0
    contrast: float = 1.0
    vignette: float = 0.0
    chroma: float = 1.0


@dataclass(frozen=True)
class Appearance:
    """Everything about a clip's looks; constant in time."""

    looks: Looks = Looks()
    clothes: Clothes = Clothes()
    backdrop: Backdrop = Backdrop()
    light: Light = Light()
    sensor: Sensor = Sensor()


@dataclass(frozen=True)
class AppearanceRanges:
    """What `sample_appearance` draws from.

    `hues` are intervals of the colour wheel in [0, 1] for clothes and backdrops; `skin` is an interval from 0
    (lightest) to 1 (darkest); `backdrops` and `hair_styles` lists of names; `hat`, `glasses`, `beard`,
    `pattern` and `dull` (grey, black or white clothes) are probabilities; `noise`, `exposure`, `ambient`
    intervals. Hats, glasses and beards are independent of what the person does.
    """

    hues: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    skin: tuple[float, float] = (0.0, 1.0)
    backdrops: tuple[str, ...] = BACKDROPS
    hair_styles: tuple[str, ...] = HAIR_STYLES
    hat: float = 0.15
    glasses: float = 0.2
    beard: float = 0.3
    pattern: float = 0.35
    dull: float = 0.35
    noise: tuple[float, float] = (0.0, 0.022)
    exposure: tuple[float, float] = (0.8, 1.2)
    ambient: tuple[float, float] = (0.3, 0.65)

    def __post_init__(self) -> None:
        for names, known, what in (
            (self.backdrops, BACKDROPS, "backdrop"),
            (self.hair_styles, HAIR_STYLES, "hair style"),
        ):
            unknown = [name for name in names if name not in known]
            if unknown or not names:
                raise DataError(f"appearance: {what} {list(names)}, known are {', '.join(known)}")
        if not self.hues:
            raise DataError("appearance: hues must hold at least one interval")

    @classmethod
    def for_split(cls, split: str) -> AppearanceRanges:
        """Ranges for "train", "test" or "all". Train and test are disjoint in hues and kinds of backdrop.

        Raises `DataError` on another name.
        """
        if split == "all":
            return cls()
        if split not in ("train", "test"):
            raise DataError(f"appearance: split '{split}', known are all, train, test")
        sectors = [(k / 9.0, (k + 1) / 9.0) for k in range(9)]
        held_out = (1, 4, 7)
        test = split == "test"
        hues = tuple(s for k, s in enumerate(sectors) if (k in held_out) == test)
        backdrops = (
            ("gradient", "bricks", "window")
            if test
            else tuple(name for name in BACKDROPS if name not in ("gradient", "bricks", "window"))
        )
        return cls(hues=hues, backdrops=backdrops)


def sample_appearance(rng: np.random.Generator, ranges: AppearanceRanges | None = None) -> Appearance:
    """Draw looks, clothes, backdrop, light and sensor; `ranges` default to everything."""
    ranges = ranges or AppearanceRanges()
    looks = _looks(rng, ranges)
    clothes = _clothes(rng, ranges)
    backdrop = _backdrop(rng, ranges)
    azimuth, height = rng.uniform(-1.2, 1.2), rng.uniform(0.35, 1.1)
    direction = (float(np.sin(azimuth)), float(height), float(np.cos(azimuth)))
    ambient = float(rng.uniform(*ranges.ambient))
    light = Light(direction, float(rng.uniform(0.55, 0.95)), ambient, float(np.clip(rng.normal(0.0, 0.35), -1.0, 1.0)))
    sensor = Sensor(
        noise=float(rng.uniform(*ranges.noise)),
        blur=float(rng.uniform(0.0, 0.5)) if rng.random() < 0.4 else 0.0,
        exposure=float(rng.uniform(*ranges.exposure)),
        contrast=float(rng.uniform(0.85, 1.15)),
        vignette=float(rng.uniform(0.0, 0.3)),
        chroma=float(rng.uniform(0.0, 1.0)) if rng.random() < 0.4 else 1.0,
    )
    return Appearance(looks, clothes, backdrop, light, sensor)


def _looks(rng: np.random.Generator, ranges: AppearanceRanges) -> Looks:
    tone = rng.uniform(*ranges.skin)
    skin = _along(_SKIN, tone) * (1.0 + rng.normal(0.0, 0.02, 3))
    dark = tone > 0.6  # dark skin comes with dark or grey hair
    shade = (
        rng.choice([0, 0, 1, 6]) if dark else rng.choice(len(_HAIR), p=[0.2, 0.22, 0.2, 0.1, 0.12, 0.04, 0.08, 0.04])
    )
    hair = _HAIR[shade] * rng.uniform(0.8, 1.2)
    style = str(rng.choice(list(ranges.hair_styles)))
    bearded = rng.random() < ranges.beard and style in ("bald", "short", "full")
    frame = _dull(rng) if rng.random() < 0.7 else _vivid(rng, ranges)
    rosy = float(rng.uniform(0.25, 1.0))
    lips = skin * (1 - 0.45 * rosy) + 0.45 * rosy * np.array([0.62, 0.22, 0.24])
    hat = str(rng.choice(HATS[1:]))
    colour = _vivid(rng, ranges)
    return Looks(
        skin=_rgb(skin),
        hair=_rgb(hair),
        hair_style=style,
        beard=float(rng.uniform(0.35, 1.0)) if bearded else 0.0,
        hat=hat if rng.random() < ranges.hat else "none",
        hat_colour=colour if rng.random() < 0.7 else _dull(rng),
        glasses=frame if rng.random() < ranges.glasses else None,
        lips=_rgb(lips),
    )


def _clothes(rng: np.random.Generator, ranges: AppearanceRanges) -> Clothes:
    top = str(rng.choice(TOPS, p=[0.4, 0.25, 0.25, 0.1]))
    long = top in ("jacket", "turtleneck") or rng.random() < 0.5
    upper = _dull(rng) if rng.random() < ranges.dull else _vivid(rng, ranges)
    accent = _dull(rng) if rng.random() < 0.5 else _vivid(rng, ranges)
    pale = 0.8 + 0.18 * np.array(colorsys.hsv_to_rgb(_hue(rng, ranges), 0.4, 1.0))
    patterned = rng.random() < ranges.pattern
    tie = _vivid(rng, ranges) if rng.random() < 0.5 else None
    lower = _dull(rng) if rng.random() < 0.6 else _vivid(rng, ranges, value=(0.15, 0.5))
    return Clothes(
        top=top,
        upper=upper,
        accent=accent,
        pattern=str(rng.choice(PATTERNS[1:])) if patterned and top != "jacket" else "plain",
        inner=_rgb(pale),
        tie=tie if top in ("jacket", "shirt") and rng.random() < 0.6 else None,
        tucked=bool(top != "jacket" and rng.random() < 0.5),
        sleeve=float(rng.uniform(0.94, 1.0)) if long else float(rng.uniform(0.22, 0.36)),
        lower=lower,
        trousers=1.0 if rng.random() < 0.8 else float(rng.uniform(0.42, 0.52)),
        shoes=_dull(rng),
    )


def _backdrop(rng: np.random.Generator, ranges: AppearanceRanges) -> Backdrop:
    palette = tuple(
        _vivid(rng, ranges, saturation=(0.05, 0.55), value=(0.25, 0.95)) if rng.random() < 0.7 else _dull(rng)
        for _ in range(4)
    )
    wood = np.array([0.55, 0.4, 0.27]) * rng.uniform(0.5, 1.4)
    return Backdrop(
        kind=str(rng.choice(list(ranges.backdrops))),
        palette=palette,
        floor=_rgb(wood) if rng.random() < 0.4 else _dull(rng),
        seed=int(rng.integers(2**31)),
        blur=float(rng.uniform(0.0, 0.02)) if rng.random() < 0.6 else 0.0,
        chair=_dull(rng) if rng.random() < 0.6 else _vivid(rng, ranges),
        chair_back=bool(rng.random() < 0.7),
        table=_rgb(wood * 1.1) if rng.random() < 0.6 else _dull(rng),
        panel=bool(rng.random() < 0.65),
        microphone=bool(rng.random() < 0.4),
    )


def _along(scale: np.ndarray, position: float) -> np.ndarray:
    """Colour at `position` in [0, 1] along a list of colours."""
    x = position * (len(scale) - 1)
    low = min(int(x), len(scale) - 2)
    return scale[low] + (x - low) * (scale[low + 1] - scale[low])


def _hue(rng: np.random.Generator, ranges: AppearanceRanges) -> float:
    low, high = ranges.hues[int(rng.integers(len(ranges.hues)))]
    return float(rng.uniform(low, high))


def _vivid(
    rng: np.random.Generator,
    ranges: AppearanceRanges,
    saturation: tuple[float, float] = (0.35, 0.9),
    value: tuple[float, float] = (0.25, 0.9),
) -> Colour:
    return _rgb(np.array(colorsys.hsv_to_rgb(_hue(rng, ranges), rng.uniform(*saturation), rng.uniform(*value))))


def _dull(rng: np.random.Generator) -> Colour:
    """Black to white with a breath of colour: the clothes and rooms that most people choose."""
    grey = rng.choice([rng.uniform(0.05, 0.2), rng.uniform(0.2, 0.6), rng.uniform(0.7, 0.95)])
    return _rgb(grey * (1.0 + rng.normal(0.0, 0.03, 3)))


def _rgb(colour: np.ndarray) -> Colour:
    r, g, b = (float(c) for c in np.clip(colour, 0.0, 1.0))
    return (r, g, b)
