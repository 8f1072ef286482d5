"""The model that the paper compares with (Table II): a recurrent network over the events of a video."""

from __future__ import annotations

import torch
from torch import nn

from microgesture.emotion.configuration import EmotionConfig
from microgesture.emotion.registry import EventEmbedding, InputSpec, SequenceBatch, register


@register("lstm")
class EmotionLSTM(nn.Module):
    """`SequenceBatch` -> logits (B, C): the last hidden states of a bidirectional LSTM, read by a linear layer.

    A timeline without events gets the states of one zero vector.
    """

    def __init__(self, config: EmotionConfig, spec: InputSpec) -> None:
        super().__init__()
        self.embedding = EventEmbedding(config.width, spec)
        between = config.dropout if config.layers > 1 else 0.0
        self.lstm = nn.LSTM(
            config.width, config.width // 2, config.layers, batch_first=True, dropout=between, bidirectional=True
        )
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.width, len(config.classes))

    def forward(self, batch: SequenceBatch) -> torch.Tensor:
        events = self.embedding(batch).masked_fill(batch.padding[..., None], 0.0)
        if events.shape[1] == 0:
            events = events.new_zeros(len(events), 1, events.shape[2])
        lengths = (~batch.padding).sum(dim=1).clamp(min=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(events, lengths, batch_first=True, enforce_sorted=False)
        _, (hidden, _) = self.lstm(packed)
        state = torch.cat([hidden[-2], hidden[-1]], dim=1)
        whole = self.embedding.whole(batch)
        return self.classifier(self.dropout(state if whole is None else state + whole))
