"""`EmotionModel`: an ensemble of calibrated sequence models that reads a timeline, with its uncertainty."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import nn

from microgesture.emotion.configuration import EmotionConfig, FitSummary
from microgesture.emotion.registry import SequenceBatch, build, fits_itself
from microgesture.emotion.sequence import EncodedTimeline, EventSequence, SequenceEncoder
from microgesture.emotion.yardsticks import Logistic
from microgesture.errors import DataError, RecipeError, UserError
from microgesture.files.atomic import write_text
from microgesture.files.plain_json import parse_json
from microgesture.libraries.forking import keep_usable_after_fork
from microgesture.runs.own_weights import read_weights, write_weights
from microgesture.statistics import softmax
from microgesture.timeline import Driver, EmotionReading, Timeline
from microgesture.vocabulary import Vocabulary

UNDECIDED = "undecided"
_FORMAT = 3
_WEIGHTS, _CONFIG = "model.safetensors", "config.json"
_BATCH_CELLS = 2_000_000  # padded batch x length squared: keeps attention maps of long timelines small


class OverOffset(nn.Module):
    """A sequence model over a logistic regression on the sums of its events: the logits of both are added, and the
    network begins at nothing. With few videos most of what can be learnt adds up event by event; the network keeps its
    strength for order, time and what gestures mean together. `SequenceBatch` -> logits (B, C)."""

    def __init__(self, network: nn.Module, offset: Logistic) -> None:
        super().__init__()
        self.network, self.offset = network, offset
        last = [m for m in network.modules() if isinstance(m, nn.Linear)][-1]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, batch: SequenceBatch) -> torch.Tensor:
        return self.offset(batch) + self.network(batch)


@dataclass(frozen=True)
class Part:
    """One model of the answer: its registered name, its networks, whose logits are averaged, and the scale of that
    average. Where one model answers alone, the scale is one over the temperature of its calibration."""

    name: str
    members: nn.ModuleList
    scale: float


@dataclass
class EmotionModel:
    """What `train_emotion` returns. The networks of `parts` map a `SequenceBatch` to logits (B, C); scaled and summed
    they are log-likelihood ratios for outcomes that are equally likely, to which log `prior` (C,) is added."""

    config: EmotionConfig
    encoder: SequenceEncoder
    parts: tuple[Part, ...]
    prior: np.ndarray
    summary: FitSummary

    @property
    def name(self) -> str:
        """What stands in `EmotionReading.model`."""
        shares = {name: share for name, share in self.summary.shares.items() if share >= 0.005}
        if len(self.parts) == 1:
            several = f", {n} members" if (n := len(self.parts[0].members)) > 1 else ""
            return f"{self.config.model} over {self.config.input}{several}"
        mixed = ", ".join(f"{100 * share:.0f} % {name}" for name, share in shares.items())
        return f"{self.config.model} over {self.config.input}: {mixed}"

    def probabilities(self, timelines: Sequence[Timeline], features: Sequence[np.ndarray] | None = None) -> np.ndarray:
        """Calibrated probabilities (n, C) of the outcomes; a timeline without known events gets the prior."""
        each = features if features is not None else [None] * len(timelines)
        encoded = [self.encoder.encode(t, f) for t, f in zip(timelines, each, strict=True)]
        return softmax(self._log_scores([e.sequence() for e in encoded]).mean(axis=0))

    def read(self, timeline: Timeline, features: np.ndarray | None = None, person: str | None = None) -> EmotionReading:
        """Read a timeline, all of it or one `person` in it.

        `interval` holds `config.interval` of the mass of the leading outcome's probability over Poisson
        bootstrap resamples of the events (each event counted 0, 1, 2, ... times with mean 1, as if the same
        behaviour had been filmed again) in every network of the ensemble. The label is "undecided" when the calibrated
        odds, less the prior's, are below `config.least_odds`, when fewer than `config.least_agreement` of those
        resamples point to the same outcome (of events with times only: a gesture that was seen is seen, and where that
        is all that is known, the calibrated odds say all), when fewer than `config.min_events` events are known, or
        when training found nothing to learn. `drivers`: change of the leading outcome's log-odds when one event is left
        out, and the share of the Transformer's attention on it, where there is a Transformer in the answer.
        """
        encoded = self.encoder.encode(timeline, features, person)
        if not len(encoded):
            prior = dict(zip(self.config.classes, map(float, self.prior), strict=True))
            return EmotionReading(UNDECIDED, prior, (0.0, 1.0), (), self.name, self._caution(encoded, True))
        full = self._log_scores([encoded.sequence()]).mean(axis=0)[0]
        draws = self._resampled(encoded, int(np.argmax(full)))
        label, interval = self._label(encoded, full, draws), self._interval(full, draws)
        return EmotionReading(
            label=label,
            probabilities=dict(zip(self.config.classes, map(float, softmax(full)), strict=True)),
            interval=interval,
            drivers=self._drivers(timeline, encoded, int(np.argmax(full)), full),
            model=self.name,
            caution=self._caution(encoded, label == UNDECIDED, interval[0] <= self.prior[int(np.argmax(full))]),
        )

    def answers(self, timelines: Sequence[Timeline], features: Sequence[np.ndarray] | None = None) -> list[str]:
        """The labels that `read` gives, "undecided" among them, without working out what drove them."""
        each = features if features is not None else [None] * len(timelines)
        found = []
        for timeline, rows in zip(timelines, each, strict=True):
            encoded = self.encoder.encode(timeline, rows)
            full = self._log_scores([encoded.sequence()]).mean(axis=0)[0]
            found.append(self._label(encoded, full) if len(encoded) else UNDECIDED)
        return found

    def _label(self, encoded: EncodedTimeline, full: np.ndarray, draws: np.ndarray | None = None) -> str:
        """The outcome, or "undecided". `draws`: what `_resampled` gives, where it is there already."""
        leading = int(np.argmax(full))
        evidence = _log_odds(full, leading) - _log_odds(np.log(self.prior), leading)
        enough = self.summary.learnt and len(encoded) >= self.config.min_events
        if not enough or evidence < np.log(self.config.least_odds):
            return UNDECIDED
        if self.encoder.timed:
            draws = self._resampled(encoded, leading) if draws is None else draws
            if (draws > self.prior[leading]).mean() < self.config.least_agreement:
                return UNDECIDED
        return self.config.classes[leading]

    def _interval(self, full: np.ndarray, draws: np.ndarray) -> tuple[float, float]:
        """Of the leading outcome's probability; where nothing was learnt it holds the prior."""
        leading = int(np.argmax(full))
        tail = (1.0 - self.config.interval) / 2.0
        low, high = np.quantile(draws, [tail, 1.0 - tail])
        point = float(softmax(full)[leading])
        inside = [point] if self.summary.learnt else [point, float(self.prior[leading])]
        return float(min(low, *inside)), float(max(high, *inside))

    def save(self, folder: str | Path) -> None:
        """Write `model.safetensors` and `config.json`. Raises `UserError` when the folder cannot be written."""
        folder = Path(folder)
        head = {
            "format": _FORMAT,
            "config": self.config.to_json(),
            "vocabulary": self.encoder.vocabulary.to_json(),
            "terms": list(self.encoder.terms),
            "feature_width": self.encoder.feature_width,
            "timed": self.encoder.timed,
            "pieces": {label: list(cut) for label, cut in self.encoder.pieces.items()},
            "parts": [{"name": p.name, "members": len(p.members), "scale": p.scale} for p in self.parts],
            "prior": self.prior.tolist(),
            "summary": asdict(self.summary),
            "torch": torch.__version__,
        }
        networks = nn.ModuleList(part.members for part in self.parts)
        write_weights(folder / _WEIGHTS, networks.state_dict(), {})
        write_text(folder / _CONFIG, json.dumps(head, indent=1))

    @classmethod
    def load(cls, folder: str | Path) -> EmotionModel:
        """Inverse of `save`. Raises `DataError` for a folder that holds no emotion model, `RecipeError` for one
        whose settings do not fit."""
        keep_usable_after_fork()
        folder = Path(folder)
        if not (folder / _CONFIG).is_file() or not (folder / _WEIGHTS).is_file():
            raise DataError(f"{folder}: no emotion model here ({_CONFIG} and {_WEIGHTS} are needed)")
        try:
            head: dict[str, Any] = parse_json((folder / _CONFIG).read_text("utf-8"))
            if head.get("format") != _FORMAT:
                raise DataError(f"{folder / _CONFIG}: format {head.get('format')} is not {_FORMAT}")
            config = EmotionConfig.from_json(head["config"], str(folder / _CONFIG))
            vocabulary = Vocabulary.from_json(head["vocabulary"], str(folder / _CONFIG))
            pieces = {label: tuple(cut) for label, cut in head["pieces"].items()}
            encoder = SequenceEncoder(
                config, vocabulary, tuple(head["terms"]), int(head["feature_width"]), bool(head["timed"]), pieces
            )
            fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in head["summary"].items()}
            summary = FitSummary(**fields)
            networks = nn.ModuleList(
                nn.ModuleList(_network(p["name"], encoder) for _ in range(int(p["members"]))) for p in head["parts"]
            )
            networks.load_state_dict(_weights(folder / _WEIGHTS))
            networks.eval()
            parts = tuple(
                Part(p["name"], members, float(p["scale"]))  # type: ignore[arg-type]
                for p, members in zip(head["parts"], networks, strict=True)
            )
            prior = np.array(head["prior"], dtype=np.float64)
            return cls(config, encoder, parts, prior, summary)
        except UserError as error:
            raise error if str(folder) in str(error) else DataError(f"{folder / _CONFIG}: {error}") from error
        except (KeyError, TypeError, ValueError, AttributeError, OSError, SafetensorError) as error:
            raise DataError(f"{folder}: not an emotion model ({error})") from error
        except RuntimeError as error:
            raise RecipeError(f"{folder}: the weights do not fit the configuration") from error

    def _log_scores(self, sequences: Sequence[EventSequence]) -> np.ndarray:
        """Calibrated scores (voices, n, C); sequences without events get log prior. A voice is one network of each
        part, in turn; the mean over voices is the answer."""
        scaled = [p.scale * member_logits(p.members, self.encoder, sequences) for p in self.parts if p.scale > 0]
        voices = max(map(len, scaled))
        scores = np.sum([np.resize(each, (voices, *each.shape[1:])) for each in scaled], axis=0)
        scores[:, [len(s) == 0 for s in sequences]] = 0.0
        return scores + np.log(self.prior)

    def _resampled(self, encoded: EncodedTimeline, leading: int) -> np.ndarray:
        """Probabilities (voices, resamples) of the leading outcome over Poisson resamples of the events."""
        rng = np.random.default_rng(self.config.seed)
        counts = rng.poisson(1.0, size=(self.config.resamples, len(encoded)))
        selections = [np.repeat(np.arange(len(encoded)), row) for row in counts]
        return softmax(self._log_scores([encoded.sequence(s) for s in selections]))[..., leading]

    def _drivers(
        self, timeline: Timeline, encoded: EncodedTimeline, leading: int, full: np.ndarray
    ) -> tuple[Driver, ...]:
        everyone = range(len(encoded))
        without = [encoded.sequence(i for i in everyone if i != left_out) for left_out in everyone]
        scores = self._log_scores(without).mean(axis=0)
        effects = _log_odds(full, leading) - _log_odds(scores, leading)
        attention = self._attention(encoded)
        drivers = (
            Driver(event, timeline[event].label, float(effects[i]), None if attention is None else float(attention[i]))
            for i, event in enumerate(encoded.index)
        )
        return tuple(sorted(drivers, key=lambda d: (-abs(d.effect), d.event)))

    def _attention(self, encoded: EncodedTimeline) -> np.ndarray | None:
        """Share of attention on each event (n,), mean over the networks that attend; None without any."""
        members = [m for part in self.parts if part.scale > 0 for m in part.members]
        attending = [getattr(m.network if isinstance(m, OverOffset) else m, "attention", None) for m in members]
        batch = self.encoder.collate([encoded.sequence()])
        shares = [attention(batch)[0] for attention in attending if attention is not None]
        if not shares:
            return None
        tokens = torch.stack(shares).mean(dim=0).double().numpy()
        return np.bincount(batch.first[0].cumsum(0).numpy() - 1, tokens, len(encoded))

    def _caution(self, encoded: EncodedTimeline, undecided: bool, held: bool = False) -> str:
        """What the reading cannot carry; `held`: its interval holds the chance level."""
        parts = ["A tendency of the gestures alone, not what this person felt, and not a lie detector."]
        if not self.summary.learnt:
            parts.append("In training the outcomes could not be told apart better than by chance.")
        elif len(encoded) < self.config.min_events:
            parts.append(f"{len(encoded) or 'No'} known gesture{'s' * (len(encoded) != 1)}: too few to say anything.")
        elif undecided:
            parts.append("The gestures speak too weakly for either side.")
        elif held:
            parts.append("Another film of the same behaviour might point the other way.")
        if self.summary.learnt:
            right, chance = round(100 * self.summary.accuracy), round(100 * self.summary.chance)
            whose = "of people it had not seen" if self.summary.grouped_by == "subject" else "that it had not seen"
            parts.append(
                f"On {self.summary.timelines} videos {whose} in training it was right in {right}\u00a0%; "
                f"always giving the commonest answer, in {chance}\u00a0%."
            )
        if encoded.left_out:
            parts.append(f"{encoded.left_out} gestures were left out: the model was never trained on them.")
        return " ".join(parts)


@torch.no_grad()
def member_logits(
    members: Sequence[nn.Module] | nn.ModuleList, encoder: SequenceEncoder, sequences: Sequence[EventSequence]
) -> np.ndarray:
    """Raw logits (members, n, C) in evaluation mode, in batches whose attention stays small."""
    lengths = [sum(len(item.content) for item in s.items) for s in sequences]  # tokens
    order = sorted(range(len(sequences)), key=lengths.__getitem__)
    out = np.zeros((len(members), len(sequences), len(encoder.config.classes)))
    for member in members:
        member.eval()
    start = 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and (stop + 1 - start) * (lengths[order[stop]] + 1) ** 2 <= _BATCH_CELLS:
            stop += 1
        rows = order[start:stop]
        batch = encoder.collate([sequences[i] for i in rows])
        for m, member in enumerate(members):
            out[m, rows] = member(batch).double().numpy()
        start = stop
    return out


def _network(name: str, encoder: SequenceEncoder) -> nn.Module:
    """A network as training made it, without its weights."""
    network = build(name, encoder.config, encoder.spec)
    if encoder.config.offset and not fits_itself(name):
        return OverOffset(network, Logistic(encoder.config, encoder.spec))
    return network


def _weights(path: Path) -> dict[str, torch.Tensor]:
    try:
        return read_weights(path)
    except RecipeError as error:
        raise DataError(f"{path}: not an emotion model ({error})") from error


def _log_odds(scores: np.ndarray, leading: int) -> np.ndarray:
    """Log-odds of class `leading` against all others, from log-scores (..., C)."""
    others = np.delete(scores, leading, axis=-1)
    return scores[..., leading] - np.logaddexp.reduce(others, axis=-1)
