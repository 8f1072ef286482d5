"""Training of the emotion models: an ensemble over subject-disjoint folds, calibrated out of fold.

Every member trains on all folds but one and stops early by that one; so every timeline has one judgement by a
network that never saw its subject, and these judgements set the temperature of the probabilities and say
whether anything was learnt at all. Outcomes weigh the same however often they occur.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.model_selection import StratifiedGroupKFold
from torch import nn

from microgesture.emotion.configuration import EmotionConfig, FitSummary
from microgesture.emotion.evaluation import class_indices, subject_interval
from microgesture.emotion.model import EmotionModel, member_logits
from microgesture.emotion.registry import build
from microgesture.emotion.sequence import EncodedTimeline, SequenceEncoder, vocabulary_of
from microgesture.errors import DataError
from microgesture.timeline import Timeline
from microgesture.vocabulary import Vocabulary

_LEARNT_Z = 2.0
_FLATTEST = 100.0


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
    groups = np.unique(np.asarray(subjects if subjects is not None else range(len(y)), dtype=str), return_inverse=True)[
        1
    ]
    grouped_by = "subject" if subjects is not None and groups.max() > 0 else "timeline"
    if groups.max() == 0:
        groups = np.arange(len(y))
    weights = len(y) / (len(counts) * counts)
    folds = _folds(y, groups, config)
    judged = _as_recognised(encoder, encoded, rates, config)
    fitted = [_fit_member(encoder, encoded, judged, y, weights, held, rates, config, m) for m, held in enumerate(folds)]
    members = nn.ModuleList(member for member, _ in fitted)
    held_logits = np.zeros((len(y), len(counts)))
    for member, held in zip(members, folds, strict=True):
        held_logits[held] = member_logits([member], encoder, [judged[i] for i in held])[0]
    temperature, learnt = calibrate(held_logits, y, weights, groups)
    summary = _summary(held_logits, y, groups, grouped_by, temperature, learnt, tuple(e for _, e in fitted))
    prior = counts / counts.sum() if config.prior == "training" else np.full(len(counts), 1.0 / len(counts))
    return EmotionModel(config, encoder, members, temperature, prior, summary)


def calibrate(logits: np.ndarray, y: np.ndarray, weights: np.ndarray, groups: np.ndarray) -> tuple[float, bool]:
    """Temperature that minimises the weighted log-loss of `logits` (n, C) (Guo et al. 2017), and whether that
    loss beats knowing nothing by two standard errors over `groups` (n,); if not, the temperature is the highest,
    which leaves every probability near the prior."""
    sample_weights = weights[y]

    def losses(temperature: float) -> np.ndarray:
        scaled = logits / temperature
        log_p = scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)
        return -sample_weights * log_p[np.arange(len(y)), y]

    grid = np.geomspace(0.2, _FLATTEST, 200)
    temperature = float(grid[int(np.argmin([losses(t).mean() for t in grid]))])
    gain = sample_weights * np.log(logits.shape[1]) - losses(temperature)
    by_group = np.bincount(groups, gain)
    error = by_group.std(ddof=1) * np.sqrt(len(by_group)) if len(by_group) > 1 else np.inf
    learnt = bool(by_group.sum() > _LEARNT_Z * error)
    return temperature if learnt else _FLATTEST, learnt


def _fit_member(
    encoder: SequenceEncoder,
    encoded: Sequence[EncodedTimeline],
    judged: Sequence[Sequence[np.ndarray]],
    y: np.ndarray,
    weights: np.ndarray,
    held: np.ndarray,
    confusion: np.ndarray | None,
    config: EmotionConfig,
    member: int,
) -> tuple[nn.Module, int]:
    """One network, trained on all but `held` and stopped by `held`; returns it and its best epoch."""
    train = np.setdiff1d(np.arange(len(y)), held)
    rng = np.random.default_rng([config.seed, member])
    class_weights = torch.tensor(weights, dtype=torch.float32)
    steps = max(1, round(len(train) / config.batch), min(6, len(train) // 8))  # few videos: smaller batches
    held_batch = [judged[i] for i in held]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        model = build(config, encoder.spec)
        optimiser = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
        best, best_loss, best_epoch = copy.deepcopy(model.state_dict()), np.inf, 0
        for epoch in range(config.epochs):
            model.train()
            for rows in np.array_split(rng.permutation(train), steps):
                batch = encoder.collate([_augmented(encoder, encoded[i], confusion, config, rng) for i in rows])
                loss = F.cross_entropy(model(batch), torch.from_numpy(y[rows]), class_weights)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            logits = torch.from_numpy(member_logits([model], encoder, held_batch)[0])
            held_loss = float(F.cross_entropy(logits, torch.from_numpy(y[held]), class_weights.double()))
            if held_loss < best_loss - 1e-4:
                best, best_loss, best_epoch = copy.deepcopy(model.state_dict()), held_loss, epoch
            elif epoch - best_epoch >= config.patience:
                break
        model.load_state_dict(best)
    return model.eval(), best_epoch + 1


def _as_recognised(
    encoder: SequenceEncoder, encoded: Sequence[EncodedTimeline], confusion: np.ndarray | None, config: EmotionConfig
) -> list[tuple[np.ndarray, ...]]:
    """The sequences by which members are stopped, calibrated and summed up: with a `confusion`, one draw of what the
    recogniser would have seen, so that neither confidence nor stated accuracy is that of true labels."""
    if confusion is None:
        return [e.sequence() for e in encoded]
    rng = np.random.default_rng([config.seed, 2**20])
    return [encoder.confused(e, confusion, rng) for e in encoded]


def _augmented(
    encoder: SequenceEncoder,
    encoded: EncodedTimeline,
    confusion: np.ndarray | None,
    config: EmotionConfig,
    rng: np.random.Generator,
) -> tuple[np.ndarray, ...]:
    items = encoded.items if confusion is None else encoder.confused(encoded, confusion, rng)
    kept = rng.random(len(items)) >= config.event_dropout
    return tuple(item for item, keep in zip(items, kept, strict=True) if keep)


def _folds(y: np.ndarray, groups: np.ndarray, config: EmotionConfig) -> list[np.ndarray]:
    """Held-out rows of each member: no subject in two folds, outcomes spread evenly."""
    n_folds = min(config.members, int(groups.max()) + 1)
    if min(np.bincount(y)) < n_folds:
        n_folds = max(2, int(min(np.bincount(y))))
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=config.seed)
    folds = [held for _, held in splitter.split(np.zeros(len(y)), y, groups)]
    return [held for held in folds if len(held)]


def _row_normalised(confusion: np.ndarray, size: int, config: EmotionConfig) -> np.ndarray:
    rates = np.asarray(confusion, dtype=np.float64)
    if config.input == "features":
        raise DataError("emotion: a confusion matrix says nothing about input 'features'")
    if rates.shape != (size, size) or not np.isfinite(rates).all() or (rates < 0).any():
        raise DataError(f"emotion: confusion must be ({size}, {size}) and not negative, got shape {rates.shape}")
    rates = np.where(rates.sum(axis=1, keepdims=True) > 0, rates, np.eye(size))
    return rates / rates.sum(axis=1, keepdims=True)


def _summary(
    logits: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    grouped_by: str,
    temperature: float,
    learnt: bool,
    epochs: tuple[int, ...],
) -> FitSummary:
    correct = (logits.argmax(axis=1) == y).astype(float)
    return FitSummary(
        accuracy=float(correct.mean()),
        interval=subject_interval(correct, groups),
        chance=float(np.bincount(y).max() / len(y)),
        temperature=temperature,
        learnt=learnt,
        timelines=len(y),
        subjects=int(groups.max()) + 1,
        grouped_by=grouped_by,
        epochs=epochs,
    )
