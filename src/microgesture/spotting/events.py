"""From window scores to events: per class hysteresis, boundaries, merging, and one event a body region.

A window of w seconds centred at t sees [t - w/2, t + w/2): it sees a gesture half a window before the gesture
starts. Where a score rises with the share that a window sees of a gesture of length L, its height is a
trapezoid whose slopes last min(L, w), and half its height lies at the true start and end when L >= w, and
w apart when the gesture is shorter than the window. `_edges` turns that round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from microgesture.errors import DataError
from microgesture.spotting.configuration import SpottingConfig
from microgesture.timeline import Alternative, GestureEvent
from microgesture.vocabulary import Vocabulary

_MIN_ALTERNATIVE = 0.005


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch [start, end) seconds of one class, with its mean probability."""

    class_id: int
    start: float
    end: float
    score: float


def spot(
    times: np.ndarray,
    probabilities: np.ndarray,
    vocabulary: Vocabulary,
    config: SpottingConfig,
    duration: float,
    motion: np.ndarray | None = None,
    person: str = "P1",
    annotator: str = "",
    start: float = 0.0,
) -> tuple[GestureEvent, ...]:
    """Events of one person from the scores of sliding windows, in time order.

    `times` (W,) are the centres of the windows in seconds, rising; `probabilities` (W, K) are calibrated, one
    column per class of `vocabulary`; a row with a NaN is a window in which nobody was seen: no event crosses it.
    `motion` (W,) is how much each window moves. Events lie in [start, duration]. Events of different body
    regions may overlap; within one region (classes without a region share one) the event of higher mean probability
    keeps its time and the other one keeps what is left of its own. The class `NO_GESTURE` never is an event;
    illustrative gestures are. `confidence` is the mean probability over the event's windows, `alternatives` are
    the other classes by the same mean.

    Raises `DataError` when the arrays do not fit each other or the vocabulary.
    """
    if not math.isfinite(duration):
        raise DataError(f"spotting: the duration must be finite, got {duration}")
    t, p, moving = _checked(times, probabilities, vocabulary, motion, config)
    if len(t) == 0 or duration <= 0:
        return ()
    spans: list[_Span] = []
    for first, last in _segments(t, p, config):
        smooth = smoothed(t[first:last], p[first:last], config.smoothing_s)
        low, high = _bounds(t, first, last, config.window_s, duration)
        bounds = max(low, start), high
        for cls in vocabulary:
            if cls.id != vocabulary.background_id:
                raw = p[first:last, cls.id]
                pairs = _class_spans(t[first:last], raw, smooth[:, cls.id], config, bounds)
                spans += [_Span(cls.id, a, b, _mean(t, p, a, b)[cls.id]) for a, b in pairs]
    if moving is not None:
        spans = [s for s in spans if moving[_inside(t, s.start, s.end)].any()]
    kept: list[_Span] = []
    regions: dict[str, list[_Span]] = {}
    for span in spans:
        regions.setdefault(vocabulary[span.class_id].body_region, []).append(span)
    for region in regions.values():
        kept += _without_overlap(region, config.min_length_s)
    kept.sort(key=lambda s: (s.start, s.end, s.class_id))
    return tuple(_event(s, t, p, vocabulary, config, person, annotator) for s in kept)


def smoothed(times: np.ndarray, values: np.ndarray, span_s: float) -> np.ndarray:
    """Mean of `values` (W, K) over the windows whose centres lie within `span_s`/2 of each centre.

    `times` (W,) rise and need not be regular; at the ends the mean is over what is there.
    """
    if span_s <= 0 or len(times) < 2:
        return values.copy()
    half = span_s / 2.0 + 1e-6
    low = np.searchsorted(times, times - half, side="left")
    high = np.searchsorted(times, times + half, side="right")
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return np.clip((total[high] - total[low]) / (high - low)[:, None], 0.0, 1.0)


def _checked(
    times: np.ndarray,
    probabilities: np.ndarray,
    vocabulary: Vocabulary,
    motion: np.ndarray | None,
    config: SpottingConfig,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    t = np.asarray(times, dtype=np.float64)
    p = np.asarray(probabilities, dtype=np.float64)
    if p.size == 0 and t.size == 0:
        return np.empty(0), np.empty((0, len(vocabulary))), None
    if t.ndim != 1 or p.shape != (len(t), len(vocabulary)):
        raise DataError(
            f"spotting: probabilities of shape {p.shape} do not fit {t.size} windows and "
            f"{len(vocabulary)} classes of vocabulary '{vocabulary.name}'"
        )
    if not np.isfinite(t).all() or (np.diff(t) <= 0).any():
        raise DataError("spotting: window times must be finite and rising")
    with np.errstate(invalid="ignore"):
        if (p < -1e-6).any() or (p > 1 + 1e-6).any():
            raise DataError("spotting: probabilities must be in [0, 1]; were these logits?")
    p = np.clip(p, 0.0, 1.0)
    if motion is None:
        return t, p, None
    m = np.asarray(motion, dtype=np.float64)
    if m.shape != t.shape:
        raise DataError(f"spotting: motion of shape {m.shape} does not fit {len(t)} windows")
    return t, p, m >= config.motion_threshold


def _segments(t: np.ndarray, p: np.ndarray, config: SpottingConfig) -> list[tuple[int, int]]:
    """Runs [first, last) of windows without a NaN and without a hole in time wider than a window."""
    seen = np.isfinite(p).all(axis=1)
    hole = np.diff(t) > max(config.window_s, 2.0 * config.stride_s)
    segments, first = [], None
    for i in range(len(t)):
        if first is not None and (not seen[i] or hole[i - 1]):
            segments.append((first, i))
            first = None
        if first is None and seen[i]:
            first = i
    if first is not None:
        segments.append((first, len(t)))
    return segments


def _bounds(t: np.ndarray, first: int, last: int, window_s: float, duration: float) -> tuple[float, float]:
    """The time that the windows [first, last) speak for: as far as they see, half-way to a neighbour outside."""
    low, high = t[first] - window_s / 2.0, t[last - 1] + window_s / 2.0
    if first > 0:
        low = max(low, (t[first - 1] + t[first]) / 2.0)
    if last < len(t):
        high = min(high, (t[last - 1] + t[last]) / 2.0)
    return max(0.0, low), min(duration, high)


def _class_spans(
    t: np.ndarray, raw: np.ndarray, smooth: np.ndarray, config: SpottingConfig, bounds: tuple[float, float]
) -> list[tuple[float, float]]:
    """Stretches of one class over one segment: hysteresis on the smoothed scores, boundaries from the raw ones
    (smoothing flattens the slopes that they are read from), merging, minimum length."""
    opened = smooth >= config.gesture_threshold
    spans: list[tuple[float, float]] = []
    for i, j in _runs(smooth >= config.gesture_threshold * config.release_ratio):
        if not opened[i:j].any():
            continue
        core = t[i:j][opened[i:j]]
        reach = config.smoothing_s / 2.0 + 1e-6
        near = (t >= core[0] - reach) & (t <= core[-1] + reach)
        strong = np.flatnonzero(near & (raw >= config.gesture_threshold - 1e-9))
        start, end = _edges(t, raw, int(strong[0]), int(strong[-1]), config)
        start, end = max(bounds[0], start), min(bounds[1], end)
        if spans and start - spans[-1][1] < config.min_gap_s:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        elif end > start:
            spans.append((start, end))
    return [(a, b) for a, b in spans if b - a >= config.min_length_s - 1e-9]


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Index ranges [i, j) in which `mask` holds."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(i), int(j)) for i, j in zip(steps[::2], steps[1::2], strict=True)]


def _edges(t: np.ndarray, y: np.ndarray, rise_at: int, fall_at: int, config: SpottingConfig) -> tuple[float, float]:
    """Start and end of the gesture whose first and last strong windows are `rise_at` and `fall_at`.

    Each edge is judged by the height that the score reaches within one window of it, so that a long event
    with a strong end keeps its weak beginning. Where the segment begins or ends inside the gesture, the
    gesture is taken to reach as far as that window sees.
    """
    w = config.window_s
    inside = slice(rise_at, fall_at + 1)
    top_rise = float(y[inside][t[inside] <= t[rise_at] + w + 1e-9].max())
    top_fall = float(y[inside][t[inside] >= t[fall_at] - w - 1e-9].max())
    left = _crossing(t, y, rise_at, -1, 0.5 * top_rise)
    right = _crossing(t, y, fall_at, +1, 0.5 * top_fall)
    covered = w
    if left is not None and right is not None:
        slopes = _slope(t, y, rise_at, -1, top_rise), _slope(t, y, fall_at, +1, top_fall)
        covered = _covered(right - left, sum(slopes) / 2.0, config)
    inset = w / 2 - config.edge_share * covered
    start = t[0] - w / 2 if left is None else left + inset
    end = t[-1] + w / 2 if right is None else right - inset
    return float(start), float(end)


def _crossing(t: np.ndarray, y: np.ndarray, k: int, step: int, level: float) -> float | None:
    """Where `y` falls through `level`, going from window `k` in direction `step`; between windows by a straight
    line; None when it never does."""
    if y[k] < level:  # the peak beyond k lies above twice the threshold: the crossing is on the way to it
        while y[k - step] < level:
            k -= step
        k -= step
    while 0 <= k + step < len(y):
        if y[k + step] < level:
            share = (y[k] - level) / (y[k] - y[k + step])
            return float(t[k] + share * (t[k + step] - t[k]))
        k += step
    return None


def _slope(t: np.ndarray, y: np.ndarray, k: int, step: int, top: float) -> float:
    """Seconds that the score takes from 0 to `top`, extrapolated from its way between 1/4 and 3/4 of it."""
    low, high = _crossing(t, y, k, step, 0.25 * top), _crossing(t, y, k, step, 0.75 * top)
    return 2.0 * abs(high - low) if low is not None and high is not None else 0.0


def _covered(width: float, slope: float, config: SpottingConfig) -> float:
    """min(L, w): how much of a window the gesture of length L covers at most.

    `width` is the distance of the half-height points. With edge share s it is L + w - 2 s min(L, w), which
    can be solved for L while s < 1/2. At s = 1/2 it is w for every gesture shorter than a window, and only
    the slopes, which last min(L, w), tell their length; steep slopes (a recogniser that switches on at once)
    tell nothing, so the answer stays at or above half a window. A later recogniser (s > 1/2) hardly sees
    gestures shorter than a window at all: w.
    """
    w, s = config.window_s, config.edge_share
    if s < 0.45:
        return float(np.clip((width - w) / (1.0 - 2.0 * s), 0.0, w))
    if s > 0.55 or abs(width - w) > config.stride_s + 0.1 * w:
        return w
    return float(np.clip(slope, 0.5 * w, w))


def _without_overlap(spans: list[_Span], min_length: float) -> list[_Span]:
    """Non-maximum suppression in one body region: spans by falling score, each cut down to free time.

    What is left of a weaker span is kept only where it is mainly elsewhere: a span of which more than half is
    taken is a second reading of the same movement and goes altogether.
    """
    kept: list[_Span] = []
    for span in sorted(spans, key=lambda s: (-s.score, s.start, s.class_id)):
        pieces = [(span.start, span.end)]
        for other in kept:
            pieces = [
                piece
                for a, b in pieces
                for piece in ((a, min(b, other.start)), (max(a, other.end), b))
                if piece[1] > piece[0]
            ]
        free = sum(b - a for a, b in pieces)
        if free < 0.5 * (span.end - span.start) - 1e-9:
            continue
        shortest = max(min_length - 1e-9, 1e-6)
        kept += [_Span(span.class_id, a, b, span.score) for a, b in pieces if b - a >= shortest]
    return kept


def _inside(t: np.ndarray, start: float, end: float) -> np.ndarray:
    """Indices of the windows centred in [start, end]; the nearest one when there is none."""
    inside = np.flatnonzero((t >= start - 1e-9) & (t <= end + 1e-9))
    return inside if len(inside) else np.array([int(np.argmin(np.abs(t - (start + end) / 2.0)))])


def _mean(t: np.ndarray, p: np.ndarray, start: float, end: float) -> np.ndarray:
    """Mean probability (K,) over the windows of a stretch; windows in which nobody was seen do not count."""
    rows = p[_inside(t, start, end)]
    rows = rows[np.isfinite(rows).all(axis=1)]
    return rows.mean(axis=0) if len(rows) else np.zeros(p.shape[1])


def _event(
    span: _Span,
    t: np.ndarray,
    p: np.ndarray,
    vocabulary: Vocabulary,
    config: SpottingConfig,
    person: str,
    annotator: str,
) -> GestureEvent:
    mean = _mean(t, p, span.start, span.end)
    others = [int(k) for k in np.argsort(-mean, kind="stable") if k not in (span.class_id, vocabulary.background_id)]
    alternatives = tuple(
        Alternative(vocabulary[k].name, float(mean[k]))
        for k in others[: config.max_alternatives]
        if mean[k] >= _MIN_ALTERNATIVE
    )
    cls = vocabulary[span.class_id]
    return GestureEvent(
        start=span.start,
        end=span.end,
        label=cls.name,
        label_id=cls.id,
        confidence=float(mean[span.class_id]),
        body_region=cls.body_region,
        person=person,
        alternatives=alternatives,
        annotator=annotator,
    )
