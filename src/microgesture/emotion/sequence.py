"""Timelines as arrays: one small array an event, so that events can be left out, repeated and padded alike.

Text events are arrays of token ids (m,), vector events are (1, D). What training never saw (a label, a word)
has no meaning that a model could have learnt: such events are left out and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from microgesture.emotion.configuration import EmotionConfig
from microgesture.emotion.registry import InputSpec, SequenceBatch
from microgesture.errors import DataError
from microgesture.timeline import GestureEvent, Timeline
from microgesture.vocabulary import Vocabulary


@dataclass(frozen=True)
class EncodedTimeline:
    """`items`: one array an event, in order; `index`: each event's position in the timeline; `class_ids`: its
    class in the vocabulary, -1 when unknown; `left_out`: events that mean nothing to the model."""

    items: tuple[np.ndarray, ...]
    index: tuple[int, ...]
    class_ids: tuple[int, ...]
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.items)

    def sequence(self, selection: Iterable[int] | None = None) -> tuple[np.ndarray, ...]:
        """The items of all or the selected events."""
        return self.items if selection is None else tuple(self.items[i] for i in selection)


@dataclass(frozen=True)
class SequenceEncoder:
    """From timelines to arrays, as training fixed it: `terms` are the labels or words that have a token id
    (id = position + 1, 0 is padding), `feature_width` is D of the `features` input."""

    config: EmotionConfig
    vocabulary: Vocabulary
    terms: tuple[str, ...] = ()
    feature_width: int = 0
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
        if config.input == "features":
            if not features or np.asarray(features[0]).ndim != 2:
                raise DataError("emotion: input 'features' needs one array (events, D) for each timeline")
            return cls(config, vocabulary, (), int(np.asarray(features[0]).shape[1]))
        if config.input == "probability":
            return cls(config, vocabulary)
        seen = {vocabulary.index(e.label) for t in timelines for e in t if e.label in vocabulary}
        if confusion is not None:
            seen |= {int(k) for c in seen for k in np.flatnonzero(confusion[c] > 0)}
        terms: dict[str, None] = {}
        for class_id in sorted(seen):
            terms.update(dict.fromkeys(label_terms(vocabulary[class_id].name, config.tokens)))
        return cls(config, vocabulary, tuple(terms))

    @property
    def spec(self) -> InputSpec:
        """What a model over these arrays is fed."""
        if self.config.input == "text":
            return InputSpec(ids=len(self.terms) + 1)
        return InputSpec(width=self.feature_width or len(self.vocabulary) + 1)

    def encode(
        self, timeline: Timeline, features: np.ndarray | None = None, person: str | None = None
    ) -> EncodedTimeline:
        """Events in order, of one `person` or of all.

        `features` (events, D), in the order of `timeline.events`, for input "features" only. Raises `DataError`
        when they are missing or do not fit.
        """
        chosen = [i for i, e in enumerate(timeline) if person is None or e.person == person]
        if len(chosen) > self.config.max_events:
            kept = np.linspace(0, len(chosen) - 1, self.config.max_events).round().astype(int)
            chosen = [chosen[k] for k in kept]
        rows = self._checked_features(timeline, features)
        items, index, class_ids = [], [], []
        for i in chosen:
            event = timeline[i]
            item = rows[i : i + 1] if rows is not None else self._item(event)
            if item is not None:
                items.append(item)
                index.append(i)
                class_ids.append(self.vocabulary.index(event.label) if event.label in self.vocabulary else -1)
        return EncodedTimeline(tuple(items), tuple(index), tuple(class_ids), len(chosen) - len(items))

    def confused(
        self, encoded: EncodedTimeline, confusion: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, ...]:
        """The items as a recogniser with this row-normalised `confusion` (K, K) would have given them.

        A label is drawn from the row of its class; one that becomes the background class is missed. In
        probability vectors the two classes change places.
        """
        items: list[np.ndarray] = []
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
                swapped = item.copy()
                swapped[0, [true_id, drawn]] = item[0, [drawn, true_id]]
                items.append(swapped)
            else:
                tokens = self._tokens(self.vocabulary[drawn].name)
                items += [tokens] if tokens is not None else []
        return tuple(items)

    def collate(self, sequences: Sequence[Sequence[np.ndarray]]) -> SequenceBatch:
        """Pad B sequences of items to one batch; N may be 0."""
        if self.config.input == "text":
            joined = [np.concatenate(s) if len(s) else np.empty(0, dtype=np.int64) for s in sequences]
            ids = np.zeros((len(joined), max(map(len, joined), default=0)), dtype=np.int64)
            for row, tokens in zip(ids, joined, strict=True):
                row[: len(tokens)] = tokens
            tensor = torch.from_numpy(ids)
            return SequenceBatch(padding=tensor == 0, ids=tensor)
        longest = max(map(len, sequences), default=0)
        values = np.zeros((len(sequences), longest, self.spec.width), dtype=np.float32)
        padding = np.ones((len(sequences), longest), dtype=bool)
        for i, sequence in enumerate(sequences):
            if len(sequence):
                values[i, : len(sequence)] = np.concatenate(list(sequence))
                padding[i, : len(sequence)] = False
        return SequenceBatch(padding=torch.from_numpy(padding), values=torch.from_numpy(values))

    def _item(self, event: GestureEvent) -> np.ndarray | None:
        return self._tokens(event.label) if self.config.input == "text" else self._vector(event)

    def _tokens(self, label: str) -> np.ndarray | None:
        ids = [self._ids[term] for term in label_terms(label, self.config.tokens) if term in self._ids]
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
        rows = None if features is None else np.asarray(features, dtype=np.float32)
        if rows is None or rows.shape != (len(timeline), self.feature_width):
            given = "none" if rows is None else f"an array of shape {rows.shape}"
            raise DataError(f"emotion: features must be ({len(timeline)}, {self.feature_width}), got {given}")
        if not np.isfinite(rows).all():
            raise DataError("emotion: features must be finite")
        return rows


def label_terms(label: str, tokens: str) -> tuple[str, ...]:
    """What of a label text gets token ids: the whole label, or its words; in lower case."""
    text = " ".join(label.lower().split())
    return (text,) if tokens == "label" else tuple(re.findall(r"\w+", text))


def vocabulary_of(timelines: Iterable[Timeline]) -> Vocabulary:
    """The labels that occur in these timelines, sorted. Raises `DataError` when there is no event at all."""
    texts = {" ".join(e.label.lower().split()): e.label for t in timelines for e in t if e.label.strip()}
    if not texts:
        raise DataError("emotion: no timeline has an event, so there is nothing to learn from")
    return Vocabulary.from_json(
        {"name": "found", "classes": [{"id": i, "name": texts[k]} for i, k in enumerate(sorted(texts))]}
    )
