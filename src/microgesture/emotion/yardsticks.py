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

TRANSFORMS = ("counts", "roots", "rates", "plain")
"""How counts enter: as they are (each event is as much evidence as the next), as square roots (the tenth event of a
kind says less than the first), or a minute of video; or plain, the counts and nothing else, in their own unit."""

_STRENGTHS = tuple(float(c) for c in np.geomspace(0.003, 10.0, 6))
_DEFAULT = 1.0  # scikit-learn's
_PLAIN_STRENGTHS = (0.1, 0.3, _DEFAULT, 3.0)
_USUAL, _SPREAD = 0.5, 3.0  # of plain strengths, before a video is seen: 0.5, times or through 3
_FOLDS = 4
_AWAY = 1e12  # divided by so much, a column says nothing
_LEAST = 0.01


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

    @property
    def plain(self) -> bool:
        """Whether counts are all that is known of a video: no times, so no rates, no durations and no length."""
        return not (self.spec.timed or self.spec.averaged)

    def transforms(self) -> tuple[str, ...]:
        """The transforms that differ for this input, the first one to be tried with every penalty."""
        if self.plain:
            return ("plain", "roots")
        if self.spec.averaged:
            return ("counts", "rates") if self.spec.timed else ("counts",)
        return TRANSFORMS


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
    """Logistic regressions with L2 penalties on `Pooled`. `SequenceBatch` -> logits (B, C).

    Which penalty and which transform is best is itself uncertain where videos are few: the logits of all that were
    tried are averaged, each weighed by the likelihood of the videos under fits that had not seen their people
    (pseudo-Bayesian model averaging, Yao et al. 2018, section 3.4). With many videos that is the best one alone. Tried
    are all penalties on counts, and the other transforms with the best penalty.

    Where events have no times, gestures seen or not, or counted, enter in their own unit, as in scikit-learn's
    `LogisticRegression()` on the columns of the table, and penalties lie around its default, weighed also by how usual
    they are: scales, durations and the number of events have nothing to add there, and cost accuracy. Where events have
    times, that regression is one of those that are tried.
    """

    share: torch.Tensor
    transform: torch.Tensor
    mean: torch.Tensor
    scale: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, config: EmotionConfig, spec: InputSpec) -> None:
        super().__init__()
        self.pooled = Pooled(spec)
        self.classes = len(config.classes)
        self.strengths = _PLAIN_STRENGTHS if self.pooled.plain else _STRENGTHS
        tried = len(self.strengths) + len(self.pooled.transforms()) - 1
        width = sum(self.pooled.blocks)
        self.register_buffer("share", torch.zeros(tried, dtype=torch.float64))
        self.register_buffer("transform", torch.zeros(tried, dtype=torch.long))
        for name in ("mean", "scale"):
            self.register_buffer(name, torch.ones(tried, width, dtype=torch.float64))
        self.register_buffer("weight", torch.zeros(tried, self.classes, width, dtype=torch.float64))
        self.register_buffer("bias", torch.zeros(tried, self.classes, dtype=torch.float64))
        self.judged = torch.zeros(0)

    def fit(self, batch: SequenceBatch, y: np.ndarray, groups: np.ndarray, seed: int) -> Logistic:
        """Fit to a batch with outcomes (B,) and whose video each is (B,). Deterministic. Afterwards `judged` (B, C) are
        the logits of the training videos, each by fits that left its fold out. Returns itself."""
        names = self.pooled.transforms()
        rows = {name: self.pooled(batch, name).numpy().astype(np.float64) for name in names}
        folds = held_out(y, groups, _FOLDS, seed)
        tried = [(names[0], strength) for strength in self.strengths]
        judged = [self._judged(name, rows[name], y, folds, strength) for name, strength in tried]
        best = self._untried if not folds else self.strengths[int(np.argmin(self._losses(tried, judged, y)))]
        for name in self._others(rows):
            tried.append((name, _DEFAULT if name == "plain" else best))
            judged.append(self._judged(name, rows[name], y, folds, tried[-1][1]))
        losses = self._losses(tried, judged, y)
        share = np.exp(losses.min() - losses) if folds else np.array([float(s == best) for _, s in tried])
        share = np.where(share < _LEAST * share.sum(), 0.0, share)
        share = share / share.sum()
        self.share[: len(share)] = torch.from_numpy(share)
        for i in np.flatnonzero(share):
            self._keep(int(i), tried[i][0], rows[tried[i][0]], y, tried[i][1])
        self.judged = torch.from_numpy(np.tensordot(share, np.stack(judged), axes=1)) if folds else self(batch)
        return self

    def forward(self, batch: SequenceBatch) -> torch.Tensor:
        names = self.pooled.transforms()
        rows = {TRANSFORMS.index(name): self.pooled(batch, name).double() for name in names}
        logits = torch.zeros(len(batch.padding), self.classes, dtype=torch.float64)
        for i in torch.nonzero(self.share)[:, 0].tolist():
            standard = (rows[int(self.transform[i])] - self.mean[i]) / self.scale[i]
            logits = logits + self.share[i] * (standard @ self.weight[i].T + self.bias[i])
        return logits.float()

    @property
    def _untried(self) -> float:
        """The strength where nobody can be held out."""
        return _DEFAULT if self.pooled.plain else _STRENGTHS[2]

    def _others(self, rows: dict[str, np.ndarray]) -> list[str]:
        """The transforms after the first one; no roots where no gesture is counted twice."""
        first, *others = rows
        used = slice(self.pooled.blocks[0] if self.pooled.plain else None)
        return [n for n in others if n != "roots" or not np.array_equal(rows[n][:, used], rows[first][:, used])]

    def _losses(self, tried: list[tuple[str, float]], judged: list[np.ndarray], y: np.ndarray) -> np.ndarray:
        """Log-loss of each that was tried, in nats, and with plain counts how unusual its strength is beforehand: the
        folds of a hundred videos say little of it."""
        usual = np.log([strength / _USUAL for _, strength in tried]) / np.log(_SPREAD)
        unusual = 0.5 * usual**2 if self.pooled.plain else 0.0
        return np.array([_loss(logits, y) for logits in judged]) + unusual

    def _standard(self, name: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What is subtracted (F,), and what is divided by (F,)."""
        if name != "plain" and not self.pooled.plain:
            return rows.mean(axis=0), block_scales(rows, self.pooled.blocks)
        scales = np.full(rows.shape[1], _AWAY)
        scales[: self.pooled.blocks[0]] = 1.0
        return np.zeros(rows.shape[1]), scales

    def _keep(self, i: int, name: str, rows: np.ndarray, y: np.ndarray, strength: float) -> None:
        mean, scale = self._standard(name, rows)
        weight, bias = self._fitted((rows - mean) / scale, y, strength)
        self.transform[i] = TRANSFORMS.index(name)
        for buffer, values in ((self.mean, mean), (self.scale, scale), (self.weight, weight), (self.bias, bias)):
            buffer[i] = torch.from_numpy(values)

    def _judged(
        self, name: str, rows: np.ndarray, y: np.ndarray, folds: list[np.ndarray], strength: float
    ) -> np.ndarray:
        """Logits (B, C), each by a fit that left its fold out; zeros where no fold holds it out."""
        logits = np.zeros((len(y), self.classes))
        for held in folds:
            kept = np.setdiff1d(np.arange(len(y)), held)
            mean, scale = self._standard(name, rows[kept])
            weight, bias = self._fitted((rows[kept] - mean) / scale, y[kept], strength)
            logits[held] = (rows[held] - mean) / scale @ weight.T + bias
        return logits

    def _fitted(self, rows: np.ndarray, y: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
        """Weights (C, F) and biases (C,) whose softmax is the regression; outcomes weigh the same."""
        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=2000).fit(rows, y)
        weight, bias = np.zeros((self.classes, rows.shape[1])), np.zeros(self.classes)
        two = len(model.coef_) == 1
        weight[model.classes_] = np.concatenate([-model.coef_, model.coef_]) / 2 if two else model.coef_
        bias[model.classes_] = np.concatenate([-model.intercept_, model.intercept_]) / 2 if two else model.intercept_
        return weight, bias


def _loss(logits: np.ndarray, y: np.ndarray) -> float:
    """Sum of the log-losses in nats, outcomes weighing the same."""
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    counts = np.bincount(y)
    weights = len(y) / ((counts > 0).sum() * counts[y])
    return float(-(weights * log_p[np.arange(len(y)), y]).sum())


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
