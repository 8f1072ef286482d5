"""What the published graph networks over skeletons share: their input, their layout, their output."""

from __future__ import annotations

import torch
from torch import Tensor

from microgesture.encoders.encoder import Encoder, Modality
from microgesture.errors import DataError, RecipeError
from microgesture.skeletons.layout_files import LayoutLike, as_layout
from microgesture.skeletons.skeleton import Layout


class GraphEncoder(Encoder):
    """Skeletons (B, M, T, V, C) to one token for every time step that is left, (B, T', width).

    `layout` names the joints and bones (`microgesture.pose.LAYOUTS`, a layout file, or what stands in one), `channels`
    is C (2D: x, y, score; 3D: x, y, z), `persons` is M. A recipe may leave them out: they are then those of the data. A
    token is the mean over joints and persons, and `pool` the mean over tokens: together the global average pooling of
    these networks. Raises `RecipeError` for a layout that is not known.
    """

    modality: Modality = "skeleton"  # type: ignore[misc]
    min_frames = 16

    def __init__(self, layout: LayoutLike = "coco-17", channels: int = 3, persons: int = 1) -> None:
        super().__init__()
        try:
            self.layout: Layout = as_layout(layout)
        except DataError as error:
            raise RecipeError(str(error)) from error
        if channels < 1 or persons < 1:
            raise RecipeError(f"a skeleton has 1 channel and 1 person or more, got {channels} and {persons}")
        self.channels, self.persons = channels, persons

    def check(self, clip: Tensor) -> None:
        """Raises `RecipeError` when a clip is not (B, M, T, V, C) with the encoder's persons, joints and channels."""
        expected = (self.persons, len(self.layout), self.channels)
        if clip.dim() != 5 or (clip.shape[1], *clip.shape[3:]) != expected:
            wanted = "{} persons, {} joints and {} channels".format(*expected)
            name = self.name or type(self).__name__
            raise RecipeError(
                f"'{name}' was built for {wanted}: a clip {tuple(clip.shape)} (B, M, T, V, C) does not fit"
            )

    def example_input(self, batch: int) -> Tensor:
        """A random skeleton (B, M, 16, V, C)."""
        generator = torch.Generator().manual_seed(0)
        return torch.randn(batch, self.persons, self.min_frames, len(self.layout), self.channels, generator=generator)
