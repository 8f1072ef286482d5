"""The paper's figures as PNG: confusion matrices side by side (Fig. 4), visual and text space (Fig. 1), and a
reliability curve. Colours are told apart by colour-blind readers too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from microgesture.errors import DataError
from microgesture.files.atomic import replacing
from microgesture.libraries.matplotlib_loader import Axes, AxesImage, Figure, Line2D, colormaps, patheffects
from microgesture.statistics import calibration

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#444444")
"""Eight colours that stay apart for colour-blind readers (Okabe and Ito, 2008)."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""With the eight colours: 56 kinds of points."""

MAX_POINTS = 3000
"""t-SNE of more clips than these draws a random sample of them."""


def confusion_figure(matrices: Mapping[str, np.ndarray], names: Sequence[str], path: Path) -> Path:
    """Confusion matrices side by side, one per title, rows normalised (Fig. 4 of the paper).

    Each matrix `(K, K)` holds counts, row = true class. Colour is the share of the row, numbers are counts,
    and the number behind a class name is its clips; a class without clips has a grey row. Raises `DataError`
    when a matrix does not fit the names.
    """
    K = len(names)
    for title, counts in matrices.items():
        if np.shape(counts) != (K, K):
            raise DataError(f"confusion matrix '{title}' is {np.shape(counts)}, expected ({K}, {K})")
    if not matrices:
        raise DataError("no confusion matrix to draw")
    cell = 0.46 if K <= 12 else 0.3 if K <= 24 else 0.22
    font = 9 if K <= 12 else 8 if K <= 24 else 6.5
    side = max(2.8, cell * K)
    short = [_short(n) for n in names]
    margin = 0.072 * font / 9 * max(len(s) for s in short) + 0.55
    columns = min(len(matrices), 3 if K <= 12 else 2)
    rows = -(-len(matrices) // columns)
    width = margin + columns * (side + 0.35) + 0.7
    height = margin + rows * (side + 0.45)
    figure = Figure(figsize=(width, height), dpi=150 if K <= 24 else 130)
    for i, (title, counts) in enumerate(matrices.items()):
        left = margin + i % columns * (side + 0.35)
        bottom = height - (i // columns + 1) * (side + 0.45)
        axes = figure.add_axes((left / width, bottom / height, side / width, side / height))
        lowest = i + columns >= len(matrices)
        image = _draw_confusion(axes, np.asarray(counts), short, font, i % columns == 0, lowest)
        share = np.trace(counts) / max(np.sum(counts), 1)
        axes.set_title(f"{title}: {100 * share:.1f} %", fontsize=font + 2)
    bar = figure.add_axes(((width - 0.6) / width, (height - side - 0.45) / height, 0.14 / width, side / height))
    figure.colorbar(image, cax=bar).ax.tick_params(labelsize=font - 1)
    return save_figure(figure, path)


def _draw_confusion(
    axes: Axes, counts: np.ndarray, names: Sequence[str], font: float, first: bool, lowest: bool
) -> AxesImage:
    K = len(names)
    clips = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, clips, out=np.full(counts.shape, np.nan), where=clips > 0)
    palette = colormaps["Blues"].with_extremes(bad="#dddddd")
    image = axes.imshow(np.ma.masked_invalid(share), cmap=palette, vmin=0, vmax=1, interpolation="nearest")
    if K <= 24:
        for row, column in zip(*np.nonzero(counts), strict=True):
            colour = "white" if share[row, column] > 0.55 else "#222222"
            text = str(counts[row, column])
            size = font - 1 if len(text) < 4 else font - 3
            axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
    axes.set_xticks(range(K), names if lowest else [""] * K, rotation=90, fontsize=font)
    labelled = [f"{n}  ({int(c)})" for n, c in zip(names, clips[:, 0], strict=True)]
    axes.set_yticks(range(K), labelled if first else [""] * K, fontsize=font)
    if lowest:
        axes.set_xlabel("recognised as", fontsize=font)
    if first:
        axes.set_ylabel("true class (clips)", fontsize=font)
    axes.set_xticks(np.arange(K + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(K + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=0.6)
    axes.tick_params(which="both", length=0)
    for spine in axes.spines.values():
        spine.set_color("#999999")
    return image


def embedding_figure(
    spaces: Mapping[str, tuple[np.ndarray, np.ndarray | None]],
    labels: np.ndarray,
    names: Sequence[str],
    path: Path,
    seed: int = 0,
) -> Path:
    """t-SNE of clips and label texts, one panel per space (Fig. 1 of the paper).

    `spaces` maps a title to (clip embeddings `(n, D)`, text embeddings `(K, D)` or None); `labels (n,)` are
    the clips' class ids. Points are clips, stars with a class number are label texts, placed by one t-SNE over
    the cosine distances of both; without texts the number stands at the median of the class. Of more than
    `MAX_POINTS` clips a random sample is drawn; with fewer than ten, principal components stand in for t-SNE.
    Raises `DataError` when shapes do not fit.
    """
    labels = np.asarray(labels)
    if not spaces:
        raise DataError("no embeddings to draw")
    chosen = np.arange(len(labels))
    if len(chosen) > MAX_POINTS:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, MAX_POINTS, replace=False))
    legend_columns = 1 if len(names) <= 20 else 2
    legend_width = 0.35 + 2.9 * legend_columns
    columns = min(len(spaces), 3)
    rows = -(-len(spaces) // columns)
    width = 5.2 * columns + legend_width
    height = max(5.2 * rows, 0.2 * len(names) / legend_columns + 0.8)
    panel = height / rows
    figure = Figure(figsize=(width, height), dpi=150)
    for i, (title, (clips, texts)) in enumerate(spaces.items()):
        clips = np.asarray(clips, dtype=float)
        if clips.ndim != 2 or len(clips) != len(labels) or (texts is not None and len(texts) != len(names)):
            raise DataError(f"embeddings of '{title}' do not fit {len(labels)} clips and {len(names)} names")
        if not np.isfinite(clips).all() or (texts is not None and not np.isfinite(texts).all()):
            raise DataError(f"embeddings of '{title}' are not all finite numbers")
        left, bottom = 5.2 * (i % columns) + 0.15, height - (i // columns + 1) * panel + 0.15
        box = (left / width, bottom / height, 5.0 / width, (panel - 0.6) / height)
        axes = figure.add_axes(box)
        axes.set_title(title, fontsize=11)
        _draw_embedding(axes, clips[chosen], texts, labels[chosen], seed)
    handles = [
        Line2D([], [], linestyle="", marker=_marker(k), color=_colour(k), markersize=7, label=f"{k}  {_short(n)}")
        for k, n in enumerate(names)
    ]
    figure.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=((width - legend_width + 0.1) / width, 0.5),
        ncols=legend_columns,
        fontsize=8,
        frameon=False,
    )
    return save_figure(figure, path)


def _draw_embedding(axes: Axes, clips: np.ndarray, texts: np.ndarray | None, labels: np.ndarray, seed: int) -> None:
    together = clips if texts is None else np.concatenate([clips, np.asarray(texts, dtype=float)])
    points = project_to_plane(together, seed)
    size = float(np.clip(6000 / max(len(clips), 1), 5, 30))
    outlined = [patheffects.withStroke(linewidth=2.2, foreground="white")]
    for k in np.unique(labels):
        own = points[: len(clips)][labels == k]
        axes.scatter(own[:, 0], own[:, 1], s=size, marker=_marker(k), color=_colour(k), alpha=0.65, linewidths=0)
        if texts is None:
            x, y = np.median(own, axis=0)
            axes.text(x, y, str(k), fontsize=8, weight="bold", zorder=4, path_effects=outlined)
    for k, (x, y) in enumerate(points[len(clips) :]):
        axes.scatter(x, y, s=230, marker="*", color=_colour(k), edgecolors="black", linewidths=0.9, zorder=3)
        axes.annotate(
            str(k),
            (x, y),
            (6, 5),
            textcoords="offset points",
            fontsize=8,
            weight="bold",
            zorder=4,
            path_effects=outlined,
        )
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("#bbbbbb")


def project_to_plane(vectors: np.ndarray, seed: int = 0) -> np.ndarray:
    """Vectors `(n, D)` in the plane, `(n, 2)`: t-SNE over cosine distances (van der Maaten and Hinton 2008),
    or the first two principal components of the unit vectors when there are fewer than ten."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(norms > 0, norms, 1.0)
    if len(unit) < 10:
        centred = unit - unit.mean(axis=0)
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        plane = centred @ axes[:2].T
        return np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(unit) - 1) / 3)
    # Squared Euclidean distance of unit vectors is twice the cosine distance, and allows the PCA start.
    return TSNE(2, perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(unit)


def reliability_figure(probabilities: Mapping[str, np.ndarray], labels: np.ndarray, path: Path) -> Path:
    """Reliability curves: accuracy against confidence of the leading class, one curve per name; point area
    grows with the number of clips. `probabilities` are `(n, K)` against `labels (n,)`."""
    figure = Figure(figsize=(4.6, 4.4), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#999999", linestyle="--", linewidth=1, label="honest confidence")
    for i, (name, values) in enumerate(probabilities.items()):
        found = calibration(values, labels)
        label = f"{name} (error {100 * found.ece:.1f} %)"
        axes.plot(found.confidence, found.accuracy, color=OKABE_ITO[i % 8], linewidth=1.5, label=label)
        area = 12 + 110 * found.clips / found.clips.max()
        axes.scatter(found.confidence, found.accuracy, s=area, color=OKABE_ITO[i % 8], alpha=0.8, linewidths=0)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="accuracy", aspect="equal")
    axes.legend(fontsize=8, loc="best", frameon=False)
    axes.grid(color="#eeeeee")
    axes.set_axisbelow(True)
    return save_figure(figure, path)


def _colour(k: int) -> str:
    return OKABE_ITO[int(k) % len(OKABE_ITO)]


def _marker(k: int) -> str:
    return MARKERS[int(k) // len(OKABE_ITO) % len(MARKERS)]


def _short(name: str) -> str:
    return name if len(name) <= 40 else name[:39].rsplit(" ", 1)[0].rstrip(" ,.") + " …"


def save_figure(figure: Figure, path: Path) -> Path:
    path = Path(path)
    with replacing(path) as part:
        figure.savefig(part, format=path.suffix[1:], facecolor="white", metadata={"Software": "microgesture"})
    return path
