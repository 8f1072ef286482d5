"""One item of a synthetic world, from its seed to its files: what happens in it, and how it is filmed.

An item's draws come from its own seed streams (`stream`), so its bytes depend on the world's configuration and
its own number, never on other items or on the process that makes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from microgesture.synthetic.people.schedule import MotionSpec, Scheduled, Setting
from microgesture.synthetic.worlds.domains import DOMAINS, SPLITS, Domain, Subject, draw_setting, draw_subject
from microgesture.vocabulary import NO_GESTURE

if TYPE_CHECKING:
    from microgesture.skeletons.track import SkeletonTrack
    from microgesture.synthetic.people.performance import Performance
    from microgesture.synthetic.pictures.appearance import Appearance
    from microgesture.synthetic.pictures.camera import Camera

STREAMS = ("subject", "clip", "interview", "timeline", "looks", "rates", "order", "estimator")
"""Independent kinds of seed streams."""


VISIBILITY_SIZE = 64
"""Lines at which hidden points are found: three times as fast as at 128, and 98 % of the answers agree."""

_BEYOND = 1 << 24
"""No world has so many clips."""


def stream(seed: int, kind: str, split: str = "train", index: int = 0) -> np.random.Generator:
    """The random numbers of one thing in the world: streams of other things never share any of them."""
    key = (STREAMS.index(kind), SPLITS.index(split), index)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


@dataclass(frozen=True)
class Script:
    """What happens in a video: `duration` seconds, the gestures, where, and by whom.

    `gesture` is the main one (None: nothing happens), `companion` another of `schedule`, of a different part
    of the body, that the clip's label does not name.
    """

    duration: float
    schedule: tuple[Scheduled, ...]
    setting: Setting
    subject: int
    gesture: Scheduled | None = None
    companion: Scheduled | None = None


def whole_frames(seconds: float, fps: float) -> float:
    """The nearest length of whole frames, at least one."""
    return max(round(seconds * fps), 1) / fps


def script_clip(
    rng: np.random.Generator,
    label: str,
    subject: int,
    domain: Domain,
    by_label: Mapping[str, Sequence[MotionSpec]],
    others: Sequence[MotionSpec],
    companions: float,
    fps: float,
) -> Script:
    """A clip of one gesture of the class `label` with idling or speech around it.

    `by_label` holds the motions of every class, `NO_GESTURE` among them: half of its clips show one of its
    motions, half nothing at all, and they are as long as the clips of other classes are. With probability
    `companions` a motion of `others` (no class of this world) on another part of the body overlaps.
    """
    if label == NO_GESTURE:
        spec = _any(rng, [s for name, specs in by_label.items() if name != NO_GESTURE for s in specs])
    else:
        spec = _any(rng, by_label[label])
    lead, tail = rng.uniform(0.1, 0.9, 2)
    length = float(rng.uniform(*spec.duration))
    duration = whole_frames(lead + length + tail, fps)
    seed, partner_seed = (int(s) for s in rng.integers(2**31, size=2))
    chance, where, share, nothing = rng.random(4)
    acting = [spec]
    if label == NO_GESTURE:
        acting = [_any(rng, by_label[label])] if by_label.get(label) and nothing < 0.5 else []
    gesture = Scheduled(acting[0].key, round(lead, 3), round(lead + length, 3), seed) if acting else None
    companion = None
    free = [o for o in others if all(o.group != a.group and _compatible(o, a) for a in acting)]
    if free and chance < companions:
        partner = _any(rng, free)
        low, high = partner.duration
        size = min(low + share * (high - low), max(0.9 * duration, low))
        start = where * max(duration - size, 0.0)
        companion = Scheduled(partner.key, round(start, 3), round(start + size, 3), partner_seed)
        acting.append(partner)
    setting = draw_setting(rng, domain, _seated(acting), _table(acting))
    schedule = tuple(s for s in (gesture, companion) if s is not None)
    return Script(duration, schedule, setting, subject, gesture, companion)


def _any(rng: np.random.Generator, specs: Sequence[MotionSpec]) -> MotionSpec:
    return specs[int(rng.integers(len(specs)))]


def script_interview(
    rng: np.random.Generator,
    schedule: Sequence[Scheduled],
    duration: float,
    subject: int,
    domain: Domain,
    motions: Mapping[str, MotionSpec],
    seated: bool,
) -> Script:
    """An interview with this schedule, in the world's common posture."""
    acting = [motions[s.key] for s in schedule]
    setting = draw_setting(rng, domain, seated, _table(acting))
    return Script(duration, tuple(schedule), setting, subject)


def _compatible(one: MotionSpec, other: MotionSpec) -> bool:
    return not (one.seated_only and other.standing_only) and not (one.standing_only and other.seated_only)


def _seated(acting: Sequence[MotionSpec]) -> bool | None:
    if any(s.standing_only for s in acting):
        return False
    return True if any(s.seated_only for s in acting) else None


def _table(acting: Sequence[MotionSpec]) -> bool | None:
    """A table would hide what legs do."""
    return False if any(s.group == "legs" for s in acting) else None


@dataclass(frozen=True)
class Staged:
    """An item acted and looked at, not painted: `track` is its 2D skeleton track."""

    performance: Performance
    camera: Camera
    appearance: Appearance
    track: SkeletonTrack


def stage(
    script: Script,
    split: str,
    seed: int,
    index: int,
    kind: str,
    size: int,
    fps: float,
    poses: str = "true",
    look_every: int = 1,
) -> Staged:
    """Act, and look with a camera of the split's domain; `kind` is that of a `plan.Item`.

    Scores of the true track are 1 for points that the camera sees, 0 outside the picture or behind something; with
    `poses` "estimated" the track is made `as_estimated`. What is hidden is looked up in one of `look_every` frames.
    """
    from microgesture.skeletons.track import SkeletonTrack
    from microgesture.synthetic.estimator.tracks import as_estimated
    from microgesture.synthetic.people.motion import NEEDS_HAT, perform
    from microgesture.synthetic.pictures.appearance import sample_appearance
    from microgesture.synthetic.pictures.camera import sample_camera

    domain = DOMAINS[split]
    person = subject(seed, split, script.subject)
    number = _number(kind, index)
    rng = stream(seed, "looks", split, number)
    performance = perform(person.body, script.schedule, script.duration, fps, script.setting, person.style, rng)
    hatted = any(s.key in NEEDS_HAT for s in script.schedule)
    ranges = replace(domain.appearance, hat=1.0) if hatted else domain.appearance
    drawn = sample_appearance(rng, ranges)
    looks = replace(person.looks, hat=drawn.looks.hat, hat_colour=drawn.looks.hat_colour)
    camera = sample_camera(rng, domain.camera_for(script.setting), performance, (size, size))
    appearance = replace(drawn, looks=looks)
    pixels, _ = camera.project(performance.joints)
    seen = _seen(performance, camera, appearance, min(size, VISIBILITY_SIZE), look_every)
    track = SkeletonTrack(performance.times, np.nan_to_num(pixels), seen, "synthetic", (size, size))
    if poses == "estimated":
        track = as_estimated(track, stream(seed, "estimator", split, number))
    return Staged(performance, camera, appearance, track)


def _seen(performance: Performance, camera: Camera, appearance: Appearance, lines: int, every: int) -> np.ndarray:
    """`(T, J)` float32, 1 for joints that the camera sees: of what hides them, in the last frame looked at."""
    from microgesture.synthetic.pictures.renderer import visibility

    if every == 1:
        return visibility(performance, camera, appearance, (lines, lines)).astype(np.float32)
    chosen = slice(None, None, every)
    parts = ("times", "joints", "head_rotation", "chest_rotation", "face")
    thinned = {part: getattr(performance, part)[chosen] for part in parts}
    prop = performance.prop_position
    fewer = replace(performance, **thinned, prop_position=None if prop is None else prop[chosen])
    still = replace(camera, shake=None if camera.shake is None else camera.shake[chosen])
    seen = visibility(fewer, still, appearance, (lines, lines)).repeat(every, axis=0)[: len(performance.times)]
    pixels, _ = camera.project(performance.joints)
    with np.errstate(invalid="ignore"):
        inside = ((pixels >= 0) & (pixels < camera.size)).all(-1)
    return (seen & inside).astype(np.float32)


def _number(kind: str, index: int) -> int:
    """Number of an item's streams of looks and estimator: those of clips, interviews and timelines never meet."""
    return 2 * (index + _BEYOND) if kind == "timeline" else 2 * index + (kind == "interview")


def film(
    script: Script,
    split: str,
    seed: int,
    index: int,
    kind: str,
    size: int,
    fps: float,
    video: Path,
    skeleton: Path,
    device: str = "cpu",
    poses: str = "true",
) -> None:
    """`stage` and render: write the video and its skeleton track (the video comes last)."""
    from microgesture.synthetic.pictures.renderer import render_chunks
    from microgesture.video.writer import write_video

    staged = stage(script, split, seed, index, kind, size, fps, poses)
    staged.track.save(skeleton)
    chunks = render_chunks(staged.performance, staged.camera, staged.appearance, device=device)
    write_video(video, (frame for chunk in chunks for frame in chunk), fps)


def subject(seed: int, split: str, index: int) -> Subject:
    """The `index`-th person of a split."""
    name = f"{split}-s{index:03d}"
    return draw_subject(stream(seed, "subject", split, index), DOMAINS[split], name)
