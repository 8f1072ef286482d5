"""A random forest over rates and durations, kept as plain arrays so that no pickle is ever loaded."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from torch import nn

from microgesture.emotion.configuration import EmotionConfig
from microgesture.emotion.registry import InputSpec, SequenceBatch, register
from microgesture.emotion.yardsticks import Pooled

_TREES = 100
_LEAST_SHARE = 0.02  # no leaf is believed to be surer than that
_BUFFERS = ("left", "right", "feature", "threshold", "value", "roots")


@register("forest")
class Forest(nn.Module):
    """100 trees on `Pooled`, outcomes weighing the same (Breiman 2001; scikit-learn's defaults but for leaves of at
    least 3 videos). `SequenceBatch` -> logits (B, C): the log of the mean share in the leaves."""

    left: torch.Tensor
    right: torch.Tensor
    feature: torch.Tensor
    threshold: torch.Tensor
    value: torch.Tensor
    roots: torch.Tensor

    def __init__(self, config: EmotionConfig, spec: InputSpec) -> None:
        super().__init__()
        self.pooled = Pooled(spec)
        self.classes = len(config.classes)
        for name in _BUFFERS:
            self.register_buffer(name, torch.zeros(0))

    def fit(self, batch: SequenceBatch, y: np.ndarray, groups: np.ndarray, seed: int) -> Forest:
        """Grow the trees on a batch with outcomes (B,). Deterministic in `seed`. Returns itself."""
        rows = self.pooled(batch).numpy()
        model = RandomForestClassifier(_TREES, min_samples_leaf=3, class_weight="balanced", random_state=seed)
        model.fit(rows, y)
        trees = [tree.tree_ for tree in model.estimators_]
        sizes = [tree.node_count for tree in trees]
        roots = np.cumsum([0, *sizes[:-1]])
        shifted = {"left": "children_left", "right": "children_right"}
        arrays = {
            name: np.concatenate(
                [np.where(getattr(t, of) < 0, -1, getattr(t, of) + r) for t, r in zip(trees, roots, strict=True)]
            )
            for name, of in shifted.items()
        }
        value = np.zeros((sum(sizes), self.classes))
        shares = np.concatenate([tree.value[:, 0, :] for tree in trees])
        value[:, model.classes_] = shares / shares.sum(axis=1, keepdims=True)
        arrays |= {
            "feature": np.concatenate([tree.feature.clip(min=0) for tree in trees]),
            "threshold": np.concatenate([tree.threshold for tree in trees]),
            "value": value,
            "roots": roots,
        }
        for name, array in arrays.items():
            self._buffers[name] = torch.from_numpy(np.ascontiguousarray(array))
        return self

    def forward(self, batch: SequenceBatch) -> torch.Tensor:
        rows = self.pooled(batch).double()
        node = self.roots.expand(len(rows), -1)
        while bool((going := self.left[node] >= 0).any()):
            goes_left = rows.gather(1, self.feature[node]) <= self.threshold[node]
            node = torch.where(going, torch.where(goes_left, self.left[node], self.right[node]), node)
        shares = self.value[node].mean(dim=1)
        return ((1 - self.classes * _LEAST_SHARE) * shares + _LEAST_SHARE).log().float()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        for name in _BUFFERS:  # a tree's size is known only by its file
            if prefix + name in state_dict:
                self._buffers[name] = torch.empty_like(state_dict[prefix + name])
        super()._load_from_state_dict(state_dict, prefix, *args)
