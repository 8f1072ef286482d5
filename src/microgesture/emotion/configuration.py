"""Settings of the emotion models. No torch here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from microgesture.errors import RecipeError
from microgesture.settings import check_settings, within

DETAILS = ("duration", "gap", "repetition", "co-occurrence", "confidence", "exposure")
"""What may be told of an event beside its label; the last one is of the whole timeline."""


@dataclass(frozen=True)
class EmotionConfig:
    """What is read, by which model, and how it is trained. Raises `RecipeError` on values that cannot work."""

    model: str = "auto"
    """`auto`: logistic alone, or transformer, logistic and forest weighed, where that judges people it has not seen
    better by more than chance; no transformer for few videos without times. Or one alone: the sequence models
    transformer (the paper's) and lstm, the yardsticks logistic, forest and majority."""
    input: Literal["text", "probability", "features"] = "text"
    """Table V of the paper: the predicted label, the vector of class probabilities, or the visual
    representation of each event."""
    tokens: Literal["label", "word", "piece"] = "label"
    """For `text`: one token per event; one token a word of its label (related labels then share words, and a label
    never trained on is still understood in part); or one a word piece, as the paper's release."""
    tokenizer: str = "distilbert-base-uncased"
    """For word pieces: folder or hub name of the tokenizer. The trained model keeps the pieces of its vocabulary's
    labels and needs it no more."""
    details: tuple[str, ...] = ("duration", "gap", "exposure")
    """What labels in order do not say, as embeddings of the sequence models: duration, gap (seconds since the last
    gesture ended), repetition (how often before), co-occurrence (how many at the same time), confidence, and exposure
    (length of the video and number of gestures). Empty: the paper's. Events without times have only repetition,
    confidence and, of the exposure, their number."""
    offset: bool = True
    """The sequence models learn what a logistic regression on the sums of the events cannot say, and start at its
    answer. False: the paper's, which have to learn from few videos that evidence adds up."""
    classes: tuple[str, ...] = ()
    """Names of the outcomes; empty: those found in training."""
    width: int = 32
    """Width of the sequence model. The paper's release: 128, over pretrained word pieces. With some hundred
    videos and no pretraining, width 32 is as accurate and four times as fast; `released()` is theirs."""
    layers: int = within(2, 1)
    """The paper's release: 3."""
    heads: int = within(4, 1)
    """The paper's release: 8."""
    dropout: float = within(0.1, 0, below=1)
    event_dropout: float = within(0.5, 0, below=1)
    """Training only: share of events left out at random, anew each time, so that no single event carries the
    outcome. Few videos of many events: this is the regulariser that helps most."""
    lr: float = within(2e-3, above=0)
    """The paper's 1e-5 fine-tunes pretrained weights; from scratch that would take thousands of epochs."""
    weight_decay: float = 1e-2
    batch: int = within(64, 1)
    epochs: int = within(30, 1)
    patience: int = 5
    """Epochs without a better validation loss before a member stops; its best epoch is kept."""
    members: int = within(4, 2)
    """Networks of the ensemble. Each trains on all folds but one and stops by that one, so that every timeline
    is judged once by a network that never saw its subject."""
    prior: Literal["equal", "training"] = "equal"
    """What is believed before a gesture is seen: outcomes equally likely, or as often as in training. Chance
    level is this prior."""
    interval: float = within(0.8, above=0, below=1)
    """Mass of the uncertainty interval."""
    least_odds: float = within(2.0, 1)
    """A reading is "undecided" when the gestures speak less than so many to one for its outcome, beyond the prior; 2
    is a probability of two thirds between two outcomes that are equally likely."""
    least_agreement: float = within(0.75, 0, 1)
    """And when fewer than this share of the resamples point the same way, where events have times."""
    resamples: int = within(40, 1)
    """Bootstrap resamples of the events, for each member."""
    min_events: int = 3
    """A timeline with fewer events of known labels is "undecided"."""
    max_events: int = within(512, 1)
    """Longer timelines are thinned evenly in order to this many events."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_settings(self, "emotion.")
        checks = (
            ("details", set(self.details) <= set(DETAILS), f"some of {', '.join(DETAILS)}"),
            ("classes", len(set(self.classes)) == len(self.classes) != 1, "two or more different names"),
            ("classes", "undecided" not in self.classes, "without 'undecided', which is kept for no answer"),
            ("width", self.width > 0 and self.width % (2 * self.heads) == 0, "a multiple of twice the heads"),
        )
        for name, holds, wanted in checks:
            if not holds:
                raise RecipeError(f"emotion.{name} must be {wanted}, got {getattr(self, name)!r}")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` reads them back."""
        return {**asdict(self), "classes": list(self.classes), "details": list(self.details)}

    @classmethod
    def from_json(cls, data: dict[str, Any], source: str = "emotion configuration") -> EmotionConfig:
        """Inverse of `to_json`. Raises `RecipeError` on an unknown key."""
        unknown = sorted(set(data) - set(cls.__dataclass_fields__))
        if unknown:
            raise RecipeError(f"{source}: unknown key '{unknown[0]}'")
        return cls(**data)


def released(**changes: Any) -> EmotionConfig:
    """The size that the paper's released configuration points to: 3 layers, 8 heads, width 128, nothing but texts."""
    theirs = {"model": "transformer", "width": 128, "layers": 3, "heads": 8, "details": (), "offset": False}
    return EmotionConfig(**{**theirs, **changes})


@dataclass(frozen=True)
class FitSummary:
    """What training showed on timelines of subjects that the judging network never saw ("out of fold").

    `accuracy` with its 95 % `interval` by subject, `chance` (accuracy of always saying the most frequent
    outcome), `grouped_by` "subject" or "timeline", `learnt`: whether the logits
    go with the outcomes by more than their own noise. Without that every reading is undecided. `shares`:
    weight of each model in the answer, summing to 1. `timed`: whether the events have times. `commonest`: index of
    the commonest outcome of training.
    """

    accuracy: float
    interval: tuple[float, float]
    chance: float
    learnt: bool
    timelines: int
    subjects: int
    grouped_by: str
    epochs: tuple[int, ...] = field(default=())
    shares: dict[str, float] = field(default_factory=dict)
    timed: bool = True
    commonest: int = 0
