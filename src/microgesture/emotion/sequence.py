"""Timelines as arrays: one small item an event, so that events can be left out, repeated and padded alike.

Text events are arrays of token ids (m,), vector events are (1, D). What training never saw (a label, a word)
has no meaning that a model could have learnt: such events are left out and counted. What is told of an event beside
its label (`DETAILS`) is worked out once, from the whole timeline: it stays as it was when other events are left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from microgesture.emotion.configuration import DETAILS, EmotionConfig
from microgesture.emotion.registry import InputSpec, SequenceBatch
from microgesture.errors import DataError, RecipeError
from microgesture.files.text_tables import folded
from microgesture.timeline import UNTIMED, GestureEvent, Timeline
from microgesture.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Item:
    """One event: token ids (m,) or a vector (1, D), and its details (5,) in the order of `SequenceBatch.details`."""

    content: np.ndarray
    details: np.ndarray


@dataclass(frozen=True, slots=True)
class EventSequence:
    """The items of one video in order, and its length in seconds (0 where events have no times)."""

    items: tuple[Item, ...]
    seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class EncodedTimeline:
    """`items`: one per event, in order; `index`: each event's position in the timeline; `class_ids`: its
    class in the vocabulary, -1 when unknown; `left_out`: events that mean nothing to the model."""

    items: tuple[Item, ...]
    index: tuple[int, ...]
    class_ids: tuple[int, ...]
    left_out: int = 0
    seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.items)

    def sequence(self, selection: Iterable[int] | None = None) -> EventSequence:
        """The items of all or the selected events."""
        items = self.items if selection is None else tuple(self.items[i] for i in selection)
        return EventSequence(items, self.seconds)


@dataclass(frozen=True)
class SequenceEncoder:
    """From timelines to arrays, as training fixed it: `terms` are the labels, words or pieces that have a token id
    (id = position + 1, 0 is padding), `feature_width` is D of the `features` input, `timed` whether events have times.
    `pieces`: word pieces of each label of the vocabulary, for tokens "piece"."""

    config: EmotionConfig
    vocabulary: Vocabulary
    terms: tuple[str, ...] = ()
    feature_width: int = 0
    timed: bool = True
    pieces: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", {term: i + 1 for i, term in enumerate(self.terms)})

    @classmethod
    def fit(
        cls,
        timelines: Sequence[Timeline],
        config: EmotionConfig,
        vocabulary: Vocabulary,
        features: Sequence[np.ndarray] | None = None,
        confusion: np.ndarray | None = None,
    ) -> SequenceEncoder:
        """An encoder that knows the labels of these timelines and those that `confusion` turns them into."""
        timed = not any(t.provenance.get(UNTIMED) for t in timelines)
        if config.input == "features":
            if not features or np.asarray(features[0]).ndim != 2:
                raise DataError("emotion: input 'features' needs one array (events, D) for each timeline")
            return cls(config, vocabulary, (), int(np.asarray(features[0]).shape[1]), timed)
        if config.input == "probability":
            return cls(config, vocabulary, timed=timed)
        seen = {vocabulary.index(e.label) for t in timelines for e in t if e.label in vocabulary}
        if confusion is not None:
            seen |= {int(k) for c in seen for k in np.flatnonzero(confusion[c] > 0)}
        pieces = label_pieces(vocabulary, config.tokenizer) if config.tokens == "piece" else {}
        terms: dict[str, None] = {}
        for class_id in sorted(seen):
            terms.update(dict.fromkeys(label_terms(vocabulary[class_id].name, config.tokens, pieces)))
        return cls(config, vocabulary, tuple(terms), timed=timed, pieces=pieces)

    @property
    def spec(self) -> InputSpec:
        """What a model over these arrays is fed."""
        asked = [name for name in self.config.details if self.timed or name not in _NEED_TIMES]
        text, features = self.config.input == "text", self.config.input == "features"
        return InputSpec(
            ids=len(self.terms) + 1 if text else 0,
            width=0 if text else self.feature_width or len(self.vocabulary) + 1,
            details=tuple(DETAILS.index(name) for name in asked if name != "exposure"),
            exposure="exposure" in asked,
            timed=self.timed,
            averaged=features,
        )

    def encode(
        self, timeline: Timeline, features: np.ndarray | None = None, person: str | None = None
    ) -> EncodedTimeline:
        """Events in order, of one `person` or of all.

        `features` (events, D), in the order of `timeline.events`, for input "features" only. Raises `DataError`
        when they are missing or do not fit, and for a timeline without times where training had them.
        """
        if self.timed and timeline.provenance.get(UNTIMED):
            raise DataError("emotion: this model reads times, and the events of this timeline have none")
        chosen = [i for i, e in enumerate(timeline) if person is None or e.person == person]
        if len(chosen) > self.config.max_events:
            kept = np.linspace(0, len(chosen) - 1, self.config.max_events).round().astype(int)
            chosen = [chosen[k] for k in kept]
        rows = self._checked_features(timeline, features)
        details = event_details(timeline, chosen, self.timed)
        items, index, class_ids = [], [], []
        for told, i in zip(details, chosen, strict=True):
            event = timeline[i]
            content = rows[i : i + 1] if rows is not None else self._content(event)
            if content is not None:
                items.append(Item(content, told))
                index.append(i)
                class_ids.append(self.vocabulary.index(event.label) if event.label in self.vocabulary else -1)
        seconds = timeline.duration if self.timed else 0.0
        return EncodedTimeline(tuple(items), tuple(index), tuple(class_ids), len(chosen) - len(items), seconds)

    def confused(self, encoded: EncodedTimeline, confusion: np.ndarray, rng: np.random.Generator) -> EventSequence:
        """The items as a recogniser with this row-normalised `confusion` (K, K) would have given them.

        A label is drawn from the row of its class; one that becomes the background class is missed. In
        probability vectors the two classes change places.
        """
        items: list[Item] = []
        for item, true_id in zip(encoded.items, encoded.class_ids, strict=True):
            if true_id < 0:
                items.append(item)
                continue
            drawn = int(rng.choice(len(confusion), p=confusion[true_id]))
            if drawn == self.vocabulary.background_id and drawn != true_id:
                continue
            if drawn == true_id:
                items.append(item)
            elif self.config.input == "probability":
                swapped = item.content.copy()
                swapped[0, [true_id, drawn]] = item.content[0, [drawn, true_id]]
                items.append(Item(swapped, item.details))
            else:
                tokens = self._tokens(self.vocabulary[drawn].name)
                items += [Item(tokens, item.details)] if tokens is not None else []
        return EventSequence(tuple(items), encoded.seconds)

    def collate(self, sequences: Sequence[EventSequence]) -> SequenceBatch:
        """Pad B sequences to one batch; N may be 0. Details of an event stand at each of its tokens."""
        text = self.config.input == "text"
        lengths = [sum(len(item.content) for item in s.items) for s in sequences]
        shape = (len(sequences), max(lengths, default=0))
        ids = np.zeros(shape, dtype=np.int64)
        values = np.zeros((*shape, 0 if text else self.spec.width), dtype=np.float32)
        details = np.zeros((*shape, len(DETAILS) - 1), dtype=np.float32)
        padding, first = np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool)
        for row, sequence in enumerate(sequences):
            if not len(sequence):
                continue
            content = np.concatenate([item.content for item in sequence.items])
            counts = [len(item.content) for item in sequence.items]
            (ids if text else values)[row, : len(content)] = content
            details[row, : len(content)] = np.repeat([item.details for item in sequence.items], counts, axis=0)
            padding[row, : len(content)] = False
            first[row, np.cumsum([0, *counts[:-1]])] = True
        return SequenceBatch(
            padding=torch.from_numpy(padding),
            details=torch.from_numpy(details),
            seconds=torch.tensor([s.seconds for s in sequences], dtype=torch.float32),
            first=torch.from_numpy(first),
            ids=torch.from_numpy(ids) if text else None,
            values=None if text else torch.from_numpy(values),
        )

    def _content(self, event: GestureEvent) -> np.ndarray | None:
        return self._tokens(event.label) if self.config.input == "text" else self._vector(event)

    def _tokens(self, label: str) -> np.ndarray | None:
        terms = label_terms(label, self.config.tokens, self.pieces)
        ids = [self._ids[term] for term in terms if term in self._ids]
        return np.array(ids, dtype=np.int64) if ids else None

    def _vector(self, event: GestureEvent) -> np.ndarray | None:
        """(1, K + 1): confidence at the label, the alternatives at theirs, what is left in the last place."""
        vector = np.zeros((1, len(self.vocabulary) + 1), dtype=np.float32)
        readings = [(event.label, event.confidence), *((a.label, a.confidence) for a in event.alternatives)]
        for label, confidence in readings:
            if label in self.vocabulary:
                vector[0, self.vocabulary.index(label)] += confidence
        if not vector.any():
            return None
        vector[0, -1] = max(0.0, 1.0 - float(vector.sum()))
        return vector

    def _checked_features(self, timeline: Timeline, features: np.ndarray | None) -> np.ndarray | None:
        if self.config.input != "features":
            return None
        if not len(timeline):
            return np.zeros((0, self.feature_width), dtype=np.float32)
        rows = None if features is None else np.asarray(features, dtype=np.float32)
        if rows is None or rows.shape != (len(timeline), self.feature_width):
            given = "none" if rows is None else f"an array of shape {rows.shape}"
            raise DataError(f"emotion: features must be ({len(timeline)}, {self.feature_width}), got {given}")
        if not np.isfinite(rows).all():
            raise DataError("emotion: features must be finite")
        return rows


_NEED_TIMES = ("duration", "gap", "co-occurrence")


def event_details(timeline: Timeline, chosen: Sequence[int], timed: bool = True) -> np.ndarray:
    """Details (n, 5) of some events of a timeline, in the order of `DETAILS`: duration in seconds; gap, the seconds
    since the last event ended (from the start of the video for the first, 0 while another goes on); repetition, how
    many events of this label came before; co-occurrence, how many others overlap it; confidence. Those of time are 0
    where events have no times. Persons are taken one by one."""
    found = np.zeros((len(chosen), len(DETAILS) - 1), dtype=np.float32)
    before: Counter[tuple[str, str]] = Counter()
    ended: dict[str, float] = {}
    for row, i in enumerate(chosen):
        event = timeline[i]
        found[row, 2] = before[(event.person, event.label)]
        found[row, 4] = event.confidence
        before[(event.person, event.label)] += 1
        if timed:
            last = ended.get(event.person, 0.0)
            found[row, :2] = event.duration, max(0.0, event.start - last)
            ended[event.person] = max(last, event.end)
    if timed and len(chosen):
        starts = np.array([timeline[i].start for i in chosen])
        ends = np.array([timeline[i].end for i in chosen])
        whose = np.array([timeline[i].person for i in chosen])
        same = (starts[:, None] < ends[None]) & (ends[:, None] > starts[None]) & (whose[:, None] == whose[None])
        found[:, 3] = same.sum(axis=1) - 1
    return found


def label_terms(label: str, tokens: str, pieces: Mapping[str, tuple[str, ...]] | None = None) -> tuple[str, ...]:
    """What of a label text gets token ids: the whole label, its words, or its word pieces; in lower case."""
    text = folded(label)
    if tokens == "piece":
        return (pieces or {}).get(text, ())
    return (text,) if tokens == "label" else tuple(re.findall(r"\w+", text))


def label_pieces(vocabulary: Vocabulary, tokenizer: str) -> dict[str, tuple[str, ...]]:
    """Word pieces of each label of a vocabulary, by label in lower case, as a pretrained tokenizer (a folder, or a name
    on the hub) cuts them. Raises `RecipeError` when there is no such tokenizer here."""
    from transformers import AutoTokenizer

    try:
        cut = AutoTokenizer.from_pretrained(tokenizer)
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"emotion.tokenizer '{tokenizer}' cannot be opened: give the folder of a tokenizer, or tokens 'word' "
            f"({' '.join(str(error).split())[:120]})"
        ) from error
    texts = [folded(name) for name in vocabulary.names]
    return {text: tuple(cut.tokenize(text)) for text in texts}


def vocabulary_of(timelines: Iterable[Timeline]) -> Vocabulary:
    """The labels that occur in these timelines, sorted. Raises `DataError` when there is no event at all."""
    texts = {folded(e.label): e.label for t in timelines for e in t if e.label.strip()}
    if not texts:
        raise DataError("emotion: no timeline has an event, so there is nothing to learn from")
    return Vocabulary.from_json(
        {"name": "found", "classes": [{"id": i, "name": texts[k]} for i, k in enumerate(sorted(texts))]}
    )
