"""A graph stream and a recurrent stream that learn from each other, without labels.

After Gao et al., "Spatial-Temporal-Balanced Dual-stream Contrastive Learning" (arXiv 2405.13206). Their losses and
settings are not public: this is a reconstruction [R] on the inter-skeleton contrast of ISC (Thoker et al., ACM MM
2021), to which the term that trains the balance is ours.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from microgesture.encoders.dual_stream import DualStream
from microgesture.encoders.encoder import Encoder
from microgesture.encoders.sequence_encoder import real_frames
from microgesture.encoders.text import TextEncoder
from microgesture.errors import RecipeError
from microgesture.recognition.cdclr import check_scale
from microgesture.recognition.momentum import KeyQueue, check_contrast, follow, info_nce, unit
from microgesture.recognition.registry import register_objective
from microgesture.recognition.self_supervised import SelfSupervisedObjective
from microgesture.recognition.views import crop, distort, draw_crops
from microgesture.vocabulary import Vocabulary

STREAMS = ("space", "time", "fused")


def _head(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, inputs), nn.ReLU(), nn.Linear(inputs, width))


@register_objective("dual-stream")
class DualStreamObjective(SelfSupervisedObjective):
    """Two views of every clip; what one stream makes of the first is compared with what the other makes of the second.

    With queries s, t and f of the spatial, the temporal and the fused code of view 1, keys of view 2 from an encoder
    that follows with `momentum`, and a queue Q of older keys for each, InfoNCE as in `momentum.info_nce`:
    `time_loss` = (t, s_k, Q_s), `space_loss` = (s, t_k, Q_t), which is ISC's inter-skeleton loss; and `fused_loss` =
    (f, f_k, Q_f) times `fused` [R], from which the gate of the balance learns: with 0 it stays where it began.

    Views are crops in time (`scale`, at least `least` frames, stretched to `size`) with one of two distortions
    (`views.distort`, `corrupted`). Heads are two layers to `width`. The key encoder follows before the keys are made,
    as in ISC. Raises `RecipeError` unless the encoder is `dual-stream`, and for settings out of range.
    """

    encoder: DualStream

    def __init__(
        self,
        encoder: Encoder,
        text_encoder: TextEncoder | None,
        vocabulary: Vocabulary,
        *,
        fused: float = 1.0,
        temperature: float = 0.07,
        momentum: float = 0.999,
        queue: int = 16384,
        width: int = 128,
        scale: Sequence[float] = (0.1, 1.0),
        least: int = 8,
        size: int = 64,
        corrupted: float = 0.5,
    ) -> None:
        if not isinstance(encoder, DualStream):
            raise RecipeError(f"objective 'dual-stream' trains encoder 'dual-stream', not '{encoder.name}'")
        super().__init__(encoder)
        check_contrast("dual-stream", queue, momentum, temperature)
        if fused < 0 or least < 1 or size < 2 or not 0 <= corrupted <= 1:
            raise RecipeError(
                "objective 'dual-stream': fused is 0 or more, least 1 or more, size 2 or more, corrupted from 0 to 1"
            )
        self.scale, self.least, self.size = check_scale("dual-stream", scale), least, size
        self.fused, self.temperature, self.momentum, self.corrupted = fused, temperature, momentum, corrupted
        inputs = (encoder.graph.width, encoder.recurrent.width, encoder.width)
        self.heads = nn.ModuleDict({name: _head(n, width) for name, n in zip(STREAMS, inputs, strict=True)})
        self.key_encoder = copy.deepcopy(encoder).requires_grad_(False)
        self.key_heads = copy.deepcopy(self.heads).requires_grad_(False)
        self.queues = nn.ModuleDict({name: KeyQueue(queue, width, "normal") for name in STREAMS})

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`time_loss`, `space_loss` and `fused_loss` of a batch with `clip` (B, M, T, V, C), and for the log `alpha`,
        the mean weight of space. Labels are not looked at."""
        first, second = self.views(batch["clip"])
        space, time = self.encoder.streams(self.encoder(first))
        fused = self.encoder.fusion(space, time)
        queries = self._project(self.heads, (space, time, fused))
        follow(self.key_encoder, self.encoder, self.momentum)
        follow(self.key_heads, self.heads, self.momentum)
        with torch.no_grad():
            codes = self.key_encoder.streams(self.key_encoder(second))
            keys = self._project(self.key_heads, (*codes, self.key_encoder.fusion(*codes)))
        losses = self.losses(queries, keys)
        for name, key in keys.items():
            self._queue(name).put(key)
        return {**losses, "alpha": self.encoder.fusion.alpha(space, time).detach().float().mean()}

    def losses(self, queries: Mapping[str, Tensor], keys: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The three losses of queries and keys (B, D) of length 1, by stream."""

        def against(query: str, key: str) -> Tensor:
            old = self._queue(key).products(queries[query])
            return info_nce(queries[query], keys[key], old, self.temperature)

        losses = {"time_loss": against("time", "space"), "space_loss": against("space", "time")}
        return losses | ({"fused_loss": self.fused * against("fused", "fused")} if self.fused else {})

    def views(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """Two views (B, M, size, V, C) of clips (B, M, T, V, C)."""
        starts, lengths = draw_crops(real_frames(clip), 2, self.scale, self.least)
        parts = [crop(clip, starts[:, i], lengths[:, i], self.size) for i in range(2)]
        first, second = (distort(part, self.encoder.dimensions, self.corrupted) for part in parts)
        return first, second

    def _project(self, heads: nn.ModuleDict, codes: Sequence[Tensor]) -> dict[str, Tensor]:
        return {name: unit(heads[name](code)) for name, code in zip(STREAMS, codes, strict=True)}

    def _queue(self, stream: str) -> KeyQueue:
        queue = self.queues[stream]
        assert isinstance(queue, KeyQueue)
        return queue
