"""The plain yardsticks that a sequence model has to beat: rates and durations of gestures, and the commonest outcome.

Evidence that adds up event by event (each gesture a little more likely under one outcome than under the other) is a
linear function of the counts, so a logistic regression on counts is the model to beat where videos are few.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from torch import nn

from microgesture.emotion.configuration import EmotionConfig
from microgesture.emotion.registry import InputSpec, SequenceBatch, register

TRANSFORMS = ("counts", "roots", "rates")
"""How counts enter: as they are (each event is as much evidence as the next), as square roots (the tenth event of a
kind says less than the first), or a minute of video."""

_STRENGTHS = tuple(float(c) for c in np.geomspace(0.003, 10.0, 6))
_FOLDS = 4


class Pooled(nn.Module):
    """A video as one row of numbers (B, F): for each label how often (a sum of probabilities where events are
    vectors; representations are averaged), for each label its seconds, the length of the video in minutes, and the
    number of events. Without times the middle two are left out."""

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        self.spec = spec

    @property
    def blocks(self) -> tuple[int, ...]:
        """Numbers in each part of a row."""
        labels = self.spec.ids - 1 if self.spec.ids else self.spec.width
        times = (1 if self.spec.averaged else labels, 1) if self.spec.timed else ()
        return (labels, *times, 1)

    def forward(self, batch: SequenceBatch, transform: str = "counts") -> torch.Tensor:
        seen = (~batch.padding).float()[..., None]
        if batch.ids is not None:
            content = nn.functional.one_hot(batch.ids, self.spec.ids)[..., 1:].float()
        else:
            assert batch.values is not None
            content = batch.values * seen
        count = (batch.first & ~batch.padding).sum(dim=1, keepdim=True).float()
        sums = content.sum(dim=1)
        sums = sums / count.clamp(min=1) if self.spec.averaged else sums
        parts = [sums]
        minutes = batch.seconds[:, None] / 60.0
        if self.spec.timed:
            lasting = batch.details[..., :1] * seen
            busy = lasting.sum(dim=1) if self.spec.averaged else (content * lasting).sum(dim=1)
            parts += [busy, minutes]
        parts.append(count)
        if transform == "roots" and not self.spec.averaged:
            parts = [p.clamp(min=0).sqrt() for p in parts]
        if transform == "rates" and self.spec.timed:
            per_minute = minutes.clamp(min=1 / 60)
            parts = [sums if self.spec.averaged else sums / per_minute, busy / per_minute, minutes, count / per_minute]
        return torch.cat(parts, dim=1)

    def transforms(self) -> tuple[str, ...]:
        """The transforms that differ for this input."""
        if self.spec.averaged:
            return ("counts", "rates") if self.spec.timed else ("counts",)
        return TRANSFORMS if self.spec.timed else TRANSFORMS[:2]


def block_scales(rows: np.ndarray, blocks: tuple[int, ...]) -> np.ndarray:
    """One scale for each part of the rows (F,): the root mean square of its columns' standard deviations. Columns
    of a part keep their relation, so that an event of a rare gesture is as much evidence as one of a frequent one."""
    deviations = rows.std(axis=0)
    scales, start = np.ones(rows.shape[1]), 0
    for width in blocks:
        own = deviations[start : start + width]
        scales[start : start + width] = max(float(np.sqrt((own**2).mean())), 1e-6)
        start += width
    return scales


@register("logistic")
class Logistic(nn.Module):
    """Logistic regression with an L2 penalty on `Pooled`; transform and penalty are chosen by the log-loss on people
    held out (whole groups). `SequenceBatch` -> logits (B, C)."""

    mean: torch.Tensor
    scale: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor
    transform: torch.Tensor

    def __init__(self, config: EmotionConfig, spec: InputSpec) -> None:
        super().__init__()
        self.pooled = Pooled(spec)
        width = sum(self.pooled.blocks)
        for name, shape in (("mean", (width,)), ("scale", (width,))):
            self.register_buffer(name, torch.ones(shape, dtype=torch.float64))
        self.register_buffer("weight", torch.zeros(len(config.classes), width, dtype=torch.float64))
        self.register_buffer("bias", torch.zeros(len(config.classes), dtype=torch.float64))
        self.register_buffer("transform", torch.tensor(0))
        self.judged = torch.zeros(0)

    def fit(self, batch: SequenceBatch, y: np.ndarray, groups: np.ndarray, seed: int) -> Logistic:
        """Fit to a batch with outcomes (B,) and whose video each is (B,). Deterministic. Returns itself."""
        found: list[tuple[float, str, float]] = []
        folds = held_out(y, groups, _FOLDS, seed)
        for transform in self.pooled.transforms():
            rows = self.pooled(batch, transform).numpy().astype(np.float64)
            for strength in _STRENGTHS if folds else (0.1,):
                found.append((self._loss(rows, y, folds, strength), transform, strength))
        _, transform, strength = min(found, key=lambda each: each[0])
        rows = self.pooled(batch, transform).numpy().astype(np.float64)
        self.mean.copy_(torch.from_numpy(rows.mean(axis=0)))
        self.scale.copy_(torch.from_numpy(block_scales(rows, self.pooled.blocks)))
        fitted = self._fitted(self._standard(rows), y, strength)
        two = len(fitted.coef_) == 1
        weight = np.concatenate([-fitted.coef_, fitted.coef_]) / 2 if two else fitted.coef_
        bias = np.concatenate([-fitted.intercept_, fitted.intercept_]) / 2 if two else fitted.intercept_
        self.weight[fitted.classes_] = torch.from_numpy(weight)
        self.bias[fitted.classes_] = torch.from_numpy(bias)
        self.transform.fill_(TRANSFORMS.index(transform))
        self.judged = self._judged(rows, y, folds, strength)
        return self

    def _judged(self, rows: np.ndarray, y: np.ndarray, folds: list[np.ndarray], strength: float) -> torch.Tensor:
        """Logits (B, C) of the training videos, each by a fit that left its fold out."""
        logits = self._logits(torch.from_numpy(rows))
        for held in folds:
            kept = np.setdiff1d(np.arange(len(y)), held)
            mean, scale = rows[kept].mean(axis=0), block_scales(rows[kept], self.pooled.blocks)
            model = self._fitted((rows[kept] - mean) / scale, y[kept], strength)
            p = np.log(model.predict_proba((rows[held] - mean) / scale).clip(1e-9))
            logits[np.ix_(held, model.classes_)] = torch.from_numpy(p - p.mean(axis=1, keepdims=True))
        return logits

    def forward(self, batch: SequenceBatch) -> torch.Tensor:
        return self._logits(self.pooled(batch, TRANSFORMS[int(self.transform)]).double()).float()

    def _logits(self, rows: torch.Tensor) -> torch.Tensor:
        return ((rows - self.mean) / self.scale) @ self.weight.T + self.bias

    def _standard(self, rows: np.ndarray) -> np.ndarray:
        return (rows - self.mean.numpy()) / self.scale.numpy()

    def _loss(self, rows: np.ndarray, y: np.ndarray, folds: list[np.ndarray], strength: float) -> float:
        """Mean log-loss on the held out, in which outcomes weigh the same."""
        total = 0.0
        for held in folds:
            kept = np.setdiff1d(np.arange(len(y)), held)
            mean, scale = rows[kept].mean(axis=0), block_scales(rows[kept], self.pooled.blocks)
            model = self._fitted((rows[kept] - mean) / scale, y[kept], strength)
            p = model.predict_proba((rows[held] - mean) / scale)
            position = {c: i for i, c in enumerate(model.classes_)}
            share = np.array([p[i, position[c]] if c in position else 0.0 for i, c in enumerate(y[held])])
            total += float((-np.log(share.clip(1e-6)) / np.bincount(y)[y[held]]).sum())
        return total

    @staticmethod
    def _fitted(rows: np.ndarray, y: np.ndarray, strength: float) -> LogisticRegression:
        return LogisticRegression(C=strength, class_weight="balanced", max_iter=2000).fit(rows, y)


@register("majority")
class Majority(nn.Module):
    """The commonest outcome of the training videos, whatever is seen. `SequenceBatch` -> logits (B, C)."""

    shares: torch.Tensor

    def __init__(self, config: EmotionConfig, spec: InputSpec) -> None:
        super().__init__()
        self.register_buffer("shares", torch.zeros(len(config.classes)))

    def fit(self, batch: SequenceBatch, y: np.ndarray, groups: np.ndarray, seed: int) -> Majority:
        """Count the outcomes (B,). Returns itself."""
        counts = np.bincount(y, minlength=len(self.shares))
        self.shares.copy_(torch.from_numpy(np.log((counts + 0.5) / (len(y) + 0.5 * len(counts)))))
        return self

    def forward(self, batch: SequenceBatch) -> torch.Tensor:
        return self.shares.expand(len(batch.padding), -1)


def held_out(y: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> list[np.ndarray]:
    """Rows held out in turn: no group in two folds, outcomes spread evenly; fewer folds, or none, where groups or
    outcomes are too few for each fold to leave every outcome behind."""
    most = min(folds, len(np.unique(groups)), int(np.bincount(y)[np.unique(y)].min()))
    if most < 2:
        return []
    splitter: Any = StratifiedGroupKFold(most, shuffle=True, random_state=seed)
    found = [held for _, held in splitter.split(np.zeros(len(y)), y, groups) if len(held)]
    every = set(y)
    return [held for held in found if set(np.delete(y, held)) == every]
