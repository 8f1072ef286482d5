"""Small models for the tests of objectives: no BatchNorm, so that a batch may be split; no download."""

import torch
from torch import nn

from microgesture.encoders import Encoder
from microgesture.vocabulary import Vocabulary

LABELS = ("Touching jaw", "Touching neck", "Folding arms", "Moving legs")
SIZE = (3, 2, 4, 4)


def vocabulary() -> Vocabulary:
    return Vocabulary.from_texts(f"{label} : the person is {label.lower()}" for label in LABELS)


def batch(rows: int, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    clip = torch.randn(rows, *SIZE, generator=generator, dtype=torch.float64)
    return {"clip": clip, "label": torch.randint(0, len(LABELS), (rows,), generator=generator)}


class TinyEncoder(Encoder):
    """Clip (B, 3, 2, 4, 4) to 4 tokens, (B, 4, 6)."""

    width = 6

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(24, 6)
        self.norm = nn.Identity()

    def forward(self, clip):
        return torch.tanh(self.linear(clip.flatten(1).unflatten(1, (4, 24))))


class NormedEncoder(TinyEncoder):
    """The same with BatchNorm and dropout, to see whether frozen means frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.batch_norm = nn.BatchNorm1d(4)
        self.dropout = nn.Dropout(0.5)

    def forward(self, clip):
        return self.dropout(self.batch_norm(super().forward(clip)))


class LetterEncoder(nn.Module):
    """Stands for the text encoder: the mean of letter embeddings, (n, 5). Counts the texts it was given."""

    width = 5
    name = "letters"

    def __init__(self) -> None:
        super().__init__()
        self.letters = nn.Embedding(128, 5)
        self.linear = nn.Linear(5, 5)
        self.seen = 0

    def forward(self, texts):
        self.seen += len(texts)
        means = [self.letters(torch.tensor([ord(c) for c in text])).mean(dim=0) for text in texts]
        return torch.tanh(self.linear(torch.stack(means)))


def visual_text(seed: int = 0, encoder: type[Encoder] = TinyEncoder, **options):
    """A small visual-text objective in float64, without dropout unless asked for."""
    from microgesture.recognition import create_objective

    torch.manual_seed(seed)
    options = {"width": 16, "heads": 4, "dropout": 0.0, **options}
    return create_objective("visual-text", encoder(), LetterEncoder(), vocabulary(), **options).double()
