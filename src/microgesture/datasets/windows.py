"""Windows of synthetic skeleton banks as a data set of the training loop.

A world of skeletons is a folder with `skeletons.json` (which banks make up which split, with their shares) beside the
banks, written by `microgesture.pretraining`. Its windows are made by the batch, anew in every epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from microgesture.errors import DataError
from microgesture.files.plain_json import parse_json
from microgesture.files.text_tables import folded
from microgesture.synthetic.people.motion import MOTIONS
from microgesture.synthetic.worlds.skeleton_bank import SkeletonBank
from microgesture.synthetic.worlds.skeleton_windows import SkeletonWindows
from microgesture.synthetic.worlds.window_truth import Truth
from microgesture.vocabulary import Vocabulary


class SkeletonWorld:
    """What stands in `skeletons.json`: `vocabularies` (names, the first is the one that validation names), and for each
    split its banks with their shares and its number of windows; where there is one, `untold`, a list of labels whose
    texts training never sees. Same face as `Manifest` to the training loop.

    Raises `DataError` when the file is none.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            data = parse_json(self.path.read_text("utf-8"))
            self.vocabularies = tuple(data["vocabularies"])
            self.banks: dict[str, dict[str, float]] = data["banks"]
            self.windows: dict[str, int] = data["windows"]
            self.untold = tuple(data.get("untold", ()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: cannot be read as an index of skeleton banks ({error})") from error
        self.vocabulary = Vocabulary.load(self.vocabularies[0]).with_background()

    def split(self, name: str) -> range:
        """As many numbers as the split has windows."""
        return range(self.windows.get(name, 0))

    def dataset(self, split: str, frames: int, seed: int, training: bool) -> WindowDataset:
        """The windows of a split; those of validation show whole bodies. Raises `DataError` when it has none."""
        if not self.split(split):
            raise DataError(f"{self.path}: no windows for split '{split}'")
        banks = [(SkeletonBank.load(self.path.parent / name), share) for name, share in self.banks[split].items()]
        size = len(self.split(split))
        view: dict[str, Any] = {"everything": not training}
        return WindowDataset(banks, self.vocabularies, size, split, frames, seed, training, self.untold, **view)


EMPHASIS = {"legs": 2.5}
"""How much more often training windows are cut for motions of a part of the body: legs are in the picture in one window
of four, and their moments would teach little otherwise."""


class WindowDataset(Dataset):
    """Batches of windows from several banks, each giving its share of every batch.

    In training: the keys of `SkeletonWindows`, trimmed and untrimmed windows mixed. Else: trimmed windows of motions
    that the first vocabulary has a word for, with their `label` (B,), `clip`, `performance`, `main` and whether what
    the label names is `visible` (legs may be out of the picture); the same at every call. `view` are further options of
    `SkeletonWindows`. In training nothing can be told of the classes whose labels are `untold`: their texts are neither
    aligned with nor pushed away. Raises `DataError` for one that no vocabulary has.
    """

    def __init__(
        self,
        banks: Sequence[tuple[SkeletonBank, float]],
        vocabularies: Sequence[str],
        size: int,
        split: str,
        frames: int,
        seed: int,
        training: bool,
        untold: Sequence[str] = (),
        **view: Any,
    ) -> None:
        self.training, self.size = training, size
        self._untold = _columns_of(untold, vocabularies)
        self.labels = [0] * size
        shares = np.array([share for _, share in banks])
        self._edges = np.cumsum(shares / shares.sum())
        self.parts = []
        how: dict[str, Any] = {} if training else {"trimmed": 1.0, "alone_share": 1.0, "gaps": False}
        for number, (bank, _) in enumerate(banks):
            self._classes = Truth(bank.motions, vocabularies[:1]).classes
            named = self._classes[:, :-1].sum(1) > 0
            if training:
                named = np.array([EMPHASIS.get(MOTIONS[key].group, 1.0) for key in bank.motions])
            options: dict[str, Any] = {"balance": named} | how | view
            self.parts.append(SkeletonWindows(bank, size, vocabularies, split, 1000 * seed + number, frames, **options))

    def __len__(self) -> int:
        return self.size

    def set_epoch(self, epoch: int) -> None:
        """Which epoch the next draws belong to."""
        for part in self.parts:
            part.set_epoch(epoch)

    def __getitems__(self, indices: Sequence[int]) -> dict[str, torch.Tensor]:
        bounds = np.rint(np.concatenate([[0.0], self._edges]) * len(indices)).astype(int)
        made = [
            part.__getitems__(indices[a:b])
            for part, a, b in zip(self.parts, bounds[:-1], bounds[1:], strict=True)
            if b > a
        ]
        batch = {key: torch.cat([each[key] for each in made]) for key in made[0]}
        if self.training:
            batch["tell"][:, self._untold] = False
            batch["tell_tokens"][..., self._untold] = False
            return batch
        label = torch.from_numpy(self._classes[batch["main"].numpy()].argmax(1))
        visible = (batch["share"] * batch["tell"]).gather(1, label[:, None])[:, 0] > 0
        return {key: batch[key] for key in ("clip", "performance", "main", "tell")} | {
            "label": label,
            "visible": visible,
        }


def _columns_of(labels: Sequence[str], vocabularies: Sequence[str]) -> list[int]:
    """Where labels stand among the classes of all vocabularies, one after another."""
    names = [folded(name) for v in vocabularies for name in Vocabulary.load(v).with_background().names]
    wanted = {folded(label) for label in labels}
    if missing := wanted - set(names):
        raise DataError(f"label '{min(missing)}' is in none of the vocabularies {', '.join(vocabularies)}")
    return [column for column, name in enumerate(names) if name in wanted]


def whole(batch: dict[str, Any]) -> dict[str, Any]:
    """A batch that its data set made whole is collated already."""
    return batch
