"""Figures: every size of vocabulary gives a readable picture, and wrong shapes are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from microgesture.errors import DataError
from microgesture.evaluation.figures import (
    MARKERS,
    OKABE_ITO,
    confusion_figure,
    embedding_figure,
    project_to_plane,
    reliability_figure,
)


def _names(K: int) -> list[str]:
    return [f"Touching or scratching part number {k}" for k in range(K)]


@pytest.mark.parametrize("K", [2, 9, 52])
def test_confusion_figure(K: int, tmp_path: Path) -> None:
    counts = np.eye(K, dtype=int) * 5
    counts[0] = 0
    picture = imread(confusion_figure({"A": counts, "B": counts.T}, _names(K), tmp_path / "new" / "c.png"))
    assert picture.shape[1] > picture.shape[0] > 400
    blue = (picture[..., 2] > picture[..., 0] + 0.3).mean()
    assert blue > 0.001
    grey = (np.abs(picture[..., :3] - 0xDD / 255) < 0.01).all(-1)
    assert grey.sum() > 100  # the class without clips


def test_confusion_figure_with_wrong_shape(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'A' is"):
        confusion_figure({"A": np.eye(3)}, _names(2), tmp_path / "c.png")
    with pytest.raises(DataError, match="no confusion matrix"):
        confusion_figure({}, _names(2), tmp_path / "c.png")


@pytest.mark.parametrize(("n", "K"), [(1, 2), (5, 3), (60, 9)])
def test_embedding_figure(n: int, K: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(n) % K
    centres = rng.normal(size=(K, 16))
    clips = centres[labels] + 0.1 * rng.normal(size=(n, 16))
    spaces = {"Baseline": (clips, None), "Visual-text": (clips, centres)}
    files = [embedding_figure(spaces, labels, _names(K), tmp_path / f"{i}.png") for i in range(2)]
    assert files[0].read_bytes() == files[1].read_bytes()
    with pytest.raises(DataError, match="'B' do not fit"):
        embedding_figure({"B": (clips, centres[:1])}, labels, _names(K), tmp_path / "x.png")


def test_plane_keeps_clusters_together() -> None:
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(4, 32))
    labels = np.arange(120) % 4
    plane = project_to_plane(centres[labels] + 0.2 * rng.normal(size=(120, 32)))
    distance = np.linalg.norm(plane[:, None] - plane[None], axis=-1) + np.eye(120) * 1e9
    assert (labels[distance.argmin(1)] == labels).mean() > 0.98


def test_every_class_of_ma52_has_its_own_mark() -> None:
    assert len(OKABE_ITO) * len(MARKERS) >= 52


def test_reliability_figure(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(5), 200)
    path = reliability_figure({"Baseline": probabilities}, rng.integers(0, 5, 200), tmp_path / "r.png")
    assert imread(path).shape[0] > 400
