"""Training of the emotion models: an ensemble over subject-disjoint folds, calibrated out of fold.

Every member trains on all folds but one and stops early by that one; so every timeline has one judgement by a
network that never saw its subject, and these judgements set the temperature of the probabilities and say
whether anything was learnt at all. Outcomes weigh the same however often they occur.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from sklearn import config_context
from sklearn.model_selection import StratifiedGroupKFold
from torch import nn

from microgesture.emotion.configuration import EmotionConfig, FitSummary
from microgesture.emotion.evaluation import class_indices, classes_of
from microgesture.emotion.model import EmotionModel, OverOffset, Part, member_logits
from microgesture.emotion.registry import AUTO, PARTS, SIMPLEST, SequenceBatch, build, check_name, fits_itself
from microgesture.emotion.sequence import EncodedTimeline, EventSequence, SequenceEncoder, vocabulary_of
from microgesture.emotion.threads import one_thread
from microgesture.errors import DataError
from microgesture.statistics import subject_interval
from microgesture.timeline import Timeline
from microgesture.vocabulary import Vocabulary

_LEARNT_Z = 2.5
_FLATTEST = 100.0
_DRAWN = 2.0
_MANY = 200


def train_emotion(
    timelines: Sequence[Timeline],
    outcomes: Sequence[str],
    config: EmotionConfig | None = None,
    vocabulary: Vocabulary | None = None,
    subjects: Sequence[str] | None = None,
    features: Sequence[np.ndarray] | None = None,
    confusion: np.ndarray | None = None,
) -> EmotionModel:
    """Learn to tell the outcomes of videos from their gestures.

    `outcomes` are names of `config.classes`, one a timeline; `subjects` says whose video it is, so that no
    person is on both sides of a split (without it every timeline counts as its own person). `vocabulary`
    defaults to the labels found. `features`: for input "features", one array (events, D) a timeline.
    `confusion` (K, K), rows true, columns predicted, counts or rates of the recogniser on its own validation
    clips: the labels of the training timelines are then drawn anew through it in every epoch, so that the
    model learns from texts with recognition errors and is calibrated on them (give true timelines with it, not
    predicted ones).

    The same seed gives the same model. Raises `DataError` when the inputs do not fit each other or one of the
    outcomes never occurs.
    """
    config = config or EmotionConfig()
    if not (len(timelines) == len(outcomes) and (subjects is None or len(subjects) == len(timelines))):
        raise DataError("emotion: timelines, outcomes and subjects must be equally many")
    if features is not None and len(features) != len(timelines):
        raise DataError("emotion: features must be one array for each timeline")
    check_name(config.model)
    found = classes_of(outcomes)
    if not config.classes and len(found) < 2:
        raise DataError(f"emotion: all timelines have outcome '{''.join(found)}'; there is nothing to tell apart")
    config = replace(config, classes=config.classes or found)
    y = class_indices(outcomes, config.classes)
    counts = np.bincount(y, minlength=len(config.classes))
    if counts.min() < 2:
        rare = config.classes[int(counts.argmin())]
        raise DataError(f"emotion: outcome '{rare}' occurs {counts.min()} times; training needs at least 2 of each")
    vocabulary = vocabulary or vocabulary_of(timelines)
    rates = None if confusion is None else _row_normalised(confusion, len(vocabulary), config)
    encoder = SequenceEncoder.fit(timelines, config, vocabulary, features, rates)
    each = features if features is not None else [None] * len(timelines)
    encoded = [encoder.encode(t, f) for t, f in zip(timelines, each, strict=True)]
    if not any(len(e) for e in encoded):
        raise DataError(f"emotion: no timeline has an event of vocabulary '{vocabulary.name}'")
    groups, grouped_by = _groups(subjects, y, config)
    data = _Data(encoder, encoded, _as_recognised(encoder, encoded, rates, config), y, groups, rates, config)
    names = weighed_parts(encoder.spec.timed, len(y)) if config.model == AUTO else (config.model,)
    with one_thread(), config_context(assume_finite=True, skip_parameter_validation=True):
        fitted = [(_fit_yardstick if fits_itself(name) else _fit_ensemble)(name, data) for name in names]
    logits = np.stack([f.judged for f in fitted])
    scales, learnt = weigh(logits, y, data.weights, groups, names.index(SIMPLEST) if config.model == AUTO else 0)
    judged = np.tensordot(scales, logits, axes=1)
    parts = tuple(Part(name, f.members, float(w)) for name, f, w in zip(names, fitted, scales, strict=True))
    epochs = tuple(epoch for f in fitted for epoch in f.epochs)
    summary = _summary(judged, data, grouped_by, learnt, parts, epochs)
    prior = counts / counts.sum() if config.prior == "training" else np.full(len(counts), 1.0 / len(counts))
    return EmotionModel(config, encoder, parts, prior, summary)


def weighed_parts(timed: bool, videos: int) -> tuple[str, ...]:
    """What `auto` fits and weighs. Of events without times there is nothing but how often and in what order: a network
    of ten thousand weights finds no more in that than a sum does, unless videos are many, and takes most of the time.
    It is left out below `_MANY` videos of such events."""
    return tuple(name for name in PARTS if timed or videos >= _MANY or fits_itself(name))


def weigh(
    logits: np.ndarray, y: np.ndarray, weights: np.ndarray, groups: np.ndarray, simplest: int = 0
) -> tuple[np.ndarray, bool]:
    """Scales (P,) of several models' out-of-fold logits (P, n, C), none negative, and whether their sum tells the
    outcomes apart (`told_apart`; if not, they leave every probability near the prior).

    The `simplest` model answers alone, at the scale that calibrates it, unless all together are better by more than
    one standard error over `groups` (n,) (Breiman et al. 1984, section 3.4.3): where videos are few, which model is
    best is mostly chance, and every needless one costs accuracy.
    """
    scales = np.zeros(len(logits))
    scales[simplest] = 1.0 / calibrate(logits[simplest], y, weights)
    if len(logits) > 1:
        together = _together(logits, y, weights)
        gain = _losses(logits, scales, y, weights) - _losses(logits, together, y, weights)
        by_group = np.bincount(groups, gain)
        if len(by_group) > 1 and by_group.sum() > _standard_error(by_group):
            scales = together
    learnt = told_apart(np.tensordot(scales, logits, axes=1), y, weights, groups)
    return scales if learnt else scales / scales.sum().clip(1e-6) / _FLATTEST, learnt


def _together(logits: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Scales (P,), none negative, whose sum of the logits minimises the weighted log-loss. They are drawn towards an
    equal part for each, as if by a few videos more."""
    share = weights[y] / weights[y].sum()

    def loss(scales: np.ndarray) -> tuple[float, np.ndarray]:
        scaled = np.tensordot(scales, logits, axes=1)
        log_p = scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)
        wrong = np.exp(log_p)
        wrong[np.arange(len(y)), y] -= 1.0
        gradient = np.einsum("n,pnc,nc->p", share, logits, wrong)
        apart = scales - start
        return float(-share @ log_p[np.arange(len(y)), y] + drawn * apart @ apart), gradient + 2 * drawn * apart

    start, drawn = np.full(len(logits), 1.0 / len(logits)), _DRAWN / len(y)
    return minimize(loss, start, jac=True, bounds=[(0.0, 5.0)] * len(logits), method="L-BFGS-B").x


def _losses(logits: np.ndarray, scales: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted log-losses (n,) of the scaled sum of logits (P, n, C)."""
    scaled = np.tensordot(scales, logits, axes=1)
    return -weights[y] * (scaled[np.arange(len(y)), y] - np.logaddexp.reduce(scaled, axis=1))


def calibrate(logits: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    """Temperature that minimises the weighted log-loss of `logits` (n, C) (Guo et al. 2017). It moves probabilities
    towards or away from each other, and never the leading outcome."""
    grid = np.geomspace(0.2, _FLATTEST, 200)
    drawn = np.log(grid) ** 2 / len(y)  # towards 1, which matters where videos are few
    losses = [_losses(logits[None], np.array([1.0 / t]), y, weights).mean() for t in grid]
    return float(grid[int(np.argmin(losses + drawn))])


def told_apart(logits: np.ndarray, y: np.ndarray, weights: np.ndarray, groups: np.ndarray) -> bool:
    """Whether out-of-fold `logits` (n, C) go with the outcomes (n,): the mean of what the true outcome's logit stands
    above the others', outcomes weighing the same, is above nothing by `_LEARNT_Z` standard errors over `groups` (n,).

    (How much the log-loss gains on knowing nothing is a weaker test: of a hundred videos of which 69 % are read right,
    it fails on every fifth table, this one on every seventieth.)
    """
    above = weights[y] * (logits[np.arange(len(y)), y] - logits.mean(axis=1))
    by_group = np.bincount(groups, above)
    return bool(len(by_group) > 1 and by_group.sum() > _LEARNT_Z * _standard_error(by_group))


def _standard_error(by_group: np.ndarray) -> float:
    """Of the sum of a figure over groups (G,)."""
    return float(by_group.std(ddof=1) * np.sqrt(len(by_group)))


@dataclass(frozen=True)
class _Data:
    """What all models are fitted to: the timelines as arrays, true and (`judged`) as a recogniser would have seen
    them, outcomes (n,), whose video each is (n,)."""

    encoder: SequenceEncoder
    encoded: Sequence[EncodedTimeline]
    judged: Sequence[EventSequence]
    y: np.ndarray
    groups: np.ndarray
    confusion: np.ndarray | None
    config: EmotionConfig
    known: dict[tuple[str, bytes], Any] = field(default_factory=dict)

    def fitted(self, name: str, rows: np.ndarray) -> Any:
        """A yardstick fitted to some videos; each only once."""
        key = (name, rows.tobytes())
        if key not in self.known:
            model: Any = build(name, self.config, self.encoder.spec)
            self.known[key] = model.fit(self.batch(rows), self.y[rows], self.groups[rows], self.config.seed)
        return self.known[key]

    @property
    def weights(self) -> np.ndarray:
        """Weight of each outcome (C,), so that all count the same."""
        counts = np.bincount(self.y, minlength=len(self.config.classes))
        return len(self.y) / (len(counts) * counts)

    def batch(self, rows: np.ndarray | Sequence[int]) -> SequenceBatch:
        """The judged sequences of some videos."""
        return self.encoder.collate([self.judged[i] for i in rows])


@dataclass(frozen=True)
class _Fitted:
    """The networks of one model, logits (n, C) for every video by a network that saw none of its subject, and the
    epoch each network stopped at."""

    members: nn.ModuleList
    judged: np.ndarray
    epochs: tuple[int, ...] = ()


def _fit_yardstick(name: str, data: _Data) -> _Fitted:
    """Fitted to everything; judged by fits to all folds but one."""
    config, everyone = data.config, np.arange(len(data.y))
    whole = data.batch(everyone)

    judged = np.zeros((len(everyone), len(config.classes)))
    for held in _folds(data.y, data.groups, config):
        model = data.fitted(name, np.setdiff1d(everyone, held))
        judged[held] = model(whole.rows(torch.from_numpy(held))).numpy()
    return _Fitted(nn.ModuleList([data.fitted(name, everyone).eval()]), judged)


def _fit_ensemble(name: str, data: _Data) -> _Fitted:
    """One network for each fold, trained on the others, stopped and judged by that one."""
    folds = _folds(data.y, data.groups, data.config)
    members, judged, epochs = nn.ModuleList(), np.zeros((len(data.y), len(data.config.classes))), []
    for number, held in enumerate(folds):
        member, epoch = _fit_member(name, data, held, number)
        judged[held] = member_logits([member], data.encoder, [data.judged[i] for i in held])[0]
        members.append(member)
        epochs.append(epoch)
    return _Fitted(members, judged, tuple(epochs))


def _fit_member(name: str, data: _Data, held: np.ndarray, number: int) -> tuple[nn.Module, int]:
    """One network, and the epoch whose weights it keeps (0: it adds nothing to its offset)."""
    config, encoder, y = data.config, data.encoder, data.y
    train = np.setdiff1d(np.arange(len(y)), held)
    rng = np.random.default_rng([config.seed, number])
    class_weights = torch.tensor(data.weights, dtype=torch.float32)
    held_sequences = [data.judged[i] for i in held]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        model = build(name, config, encoder.spec)
        base = torch.zeros(len(y), len(config.classes))
        if config.offset:
            model, of_train = _over_offset(model, data, train)
            base[train] = of_train
        network = model.network if isinstance(model, OverOffset) else model
        optimiser = torch.optim.AdamW(network.parameters(), lr=config.lr, weight_decay=config.weight_decay)
        whole = encoder.collate([e.sequence() for e in data.encoded])
        steps = max(1, round(len(train) / config.batch), min(6, len(train) // 8))  # few videos: smaller batches

        def held_loss() -> float:
            logits = torch.from_numpy(member_logits([model], encoder, held_sequences)[0])
            return float(F.cross_entropy(logits, torch.from_numpy(y[held]), class_weights.double()))

        best, best_epoch = copy.deepcopy(model.state_dict()), 0
        best_loss = held_loss() if config.offset else np.inf
        for epoch in range(1, config.epochs + 1):
            model.train()
            for rows in np.array_split(rng.permutation(train), steps):
                logits = base[rows] + network(_augmented(data, whole, rows, rng))
                loss = F.cross_entropy(logits, torch.from_numpy(y[rows]), class_weights)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            now = held_loss()
            if now < best_loss - 1e-4:
                best, best_loss, best_epoch = copy.deepcopy(model.state_dict()), now, epoch
            elif epoch - best_epoch >= config.patience:
                break
        model.load_state_dict(best)
    return model.eval(), best_epoch


def _over_offset(network: nn.Module, data: _Data, train: np.ndarray) -> tuple[OverOffset, torch.Tensor]:
    """The network over a logistic regression fitted to the same videos, and that regression's logits (n, C) for them,
    each by a fit that had not seen its subject: what it still gets wrong is what it will get wrong."""
    offset = copy.deepcopy(data.fitted("logistic", train))
    return OverOffset(network, offset), offset.judged.float()


def _as_recognised(
    encoder: SequenceEncoder, encoded: Sequence[EncodedTimeline], confusion: np.ndarray | None, config: EmotionConfig
) -> list[EventSequence]:
    """The sequences by which members are stopped, calibrated and summed up: with a `confusion`, one draw of what the
    recogniser would have seen, so that neither confidence nor stated accuracy is that of true labels."""
    if confusion is None:
        return [e.sequence() for e in encoded]
    rng = np.random.default_rng([config.seed, 2**20])
    return [encoder.confused(e, confusion, rng) for e in encoded]


def _augmented(data: _Data, whole: SequenceBatch, rows: np.ndarray, rng: np.random.Generator) -> SequenceBatch:
    """A training batch of some videos: as recognised anew, each event left out with its probability."""
    if data.confusion is None:
        batch = whole.rows(torch.from_numpy(rows))
    else:
        confusion = data.confusion
        batch = data.encoder.collate([data.encoder.confused(data.encoded[i], confusion, rng) for i in rows])
    dropped = rng.random(tuple(batch.padding.shape)) < data.config.event_dropout
    return batch.without(torch.from_numpy(dropped))


def _groups(subjects: Sequence[str] | None, y: np.ndarray, config: EmotionConfig) -> tuple[np.ndarray, str]:
    """Whose video each is, as numbers (n,), and what they stand for; each video for itself where there is one subject
    alone, or where nobody else has the outcome of somebody who is held out."""
    names = np.asarray(subjects if subjects is not None else range(len(y)), dtype=str)
    groups = np.unique(names, return_inverse=True)[1]
    if subjects is None or groups.max() == 0 or not _folds(y, groups, config):
        return np.arange(len(y)), "timeline"
    return groups, "subject"


def _folds(y: np.ndarray, groups: np.ndarray, config: EmotionConfig) -> list[np.ndarray]:
    """Held-out rows of each member: no subject in two folds, outcomes spread evenly, every outcome left to learn from.
    Fewer folds than members where there are not enough people; none where there is no way."""
    most = min(config.members, len(np.unique(groups)), max(2, int(np.bincount(y).min())))
    for folds in range(most, 1, -1):
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=config.seed)
        found = [held for _, held in splitter.split(np.zeros(len(y)), y, groups) if len(held)]
        if len(found) > 1 and all(len(np.unique(np.delete(y, held))) == len(np.unique(y)) for held in found):
            return found
    return []


def _row_normalised(confusion: np.ndarray, size: int, config: EmotionConfig) -> np.ndarray:
    rates = np.asarray(confusion, dtype=np.float64)
    if config.input == "features":
        raise DataError("emotion: a confusion matrix says nothing about input 'features'")
    if rates.shape != (size, size) or not np.isfinite(rates).all() or (rates < 0).any():
        raise DataError(f"emotion: confusion must be ({size}, {size}) and not negative, got shape {rates.shape}")
    rates = np.where(rates.sum(axis=1, keepdims=True) > 0, rates, np.eye(size))
    return rates / rates.sum(axis=1, keepdims=True)


def _summary(
    judged: np.ndarray,
    data: _Data,
    grouped_by: str,
    learnt: bool,
    parts: Sequence[Part],
    epochs: tuple[int, ...],
) -> FitSummary:
    correct = (judged.argmax(axis=1) == data.y).astype(float)
    total = sum(part.scale for part in parts) or 1.0
    return FitSummary(
        accuracy=float(correct.mean()),
        interval=subject_interval(correct, data.groups),
        chance=float(np.bincount(data.y).max() / len(data.y)),
        learnt=learnt,
        timelines=len(data.y),
        subjects=int(data.groups.max()) + 1,
        grouped_by=grouped_by,
        epochs=epochs,
        shares={part.name: part.scale / total for part in parts},
        timed=data.encoder.timed,
        commonest=int(np.bincount(data.y).argmax()),
    )
