"""The visual-text objective for untrimmed movement: several vocabularies at once, and when as well as what.

Ours, on the paper's frame: the encoder's tokens and the label texts meet in one space of 256 dimensions, and what is
seen is what it is most similar to. Beyond the paper, (1) one clip is aligned with the texts of several vocabularies,
so that one set of weights serves them all; (2) a clip may show more than one gesture: the target of eq. 4 is the share
of the clip that each takes; (3) every token is compared with the texts too, by a sigmoid, since gestures of different
parts of the body overlap: that says when; (4) two text towers may share the space: gesture words, which travel with the
weights, and a frozen sentence encoder, which does not and understands texts that no training saw.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.gesture_words import GestureWords, remarks_on
from microgesture.encoders.sentences import FrozenSentences
from microgesture.encoders.text import TextEncoder
from microgesture.errors import RecipeError
from microgesture.recognition.alignment import similarity
from microgesture.recognition.objective import Objective
from microgesture.recognition.projection import ProjectionHead
from microgesture.recognition.registry import register_objective
from microgesture.vocabulary import Vocabulary


@register_objective("visual-text-timed")
class TimedVisualTextObjective(Objective):
    """Alignment of clips and of their tokens with label texts.

    `vocabularies` are those that training aligns with, in the order of the targets' columns; `vocabulary`, the one
    that recognition names, need not be among them. `temperature` is τ, `width` D. A training batch holds `clip`,
    `share (B, K)`: how much of the clip each class takes; `active (B, N, K)` in [0, 1]: the same for each token;
    `tell (B, K)` and `tell_tokens (B, N, K)`: whether it can be known if a class goes on; what cannot be known is
    neither aligned with nor pushed away. K runs over all classes of all vocabularies, one after another.

    With `motions` M a second, plain classifier of the M motions of the synthetic library learns beside, from
    `motion_share (B, M)` and `motion_tell (B, M)`: its gradient is direct where the texts are not yet told apart, and
    the encoder needs half of the steps. Recognition does not use it.

    `sentences` names a sentence encoder (a hub name or a local folder; a mapping is what `saved_options` gave; empty:
    none): a second text tower, frozen but for its projection into the same space. Both towers learn from the same
    texts, and each loss is the mean of theirs. In recognition the labels of training are read by `text_encoder`, other
    texts by the sentence encoder where it is at hand.

    Raises `RecipeError` without a text encoder, or when the sentence encoder cannot be opened in training.
    """

    moments = True
    text_encoder: TextEncoder

    def __init__(
        self,
        encoder: Encoder,
        text_encoder: TextEncoder | None,
        vocabulary: Vocabulary,
        *,
        vocabularies: Sequence[str] = ("imigue", "smg", "ma52"),
        width: int = 256,
        dropout: float = 0.1,
        temperature: float = 0.05,
        token_weight: float = 1.0,
        motions: int = 0,
        motion_weight: float = 1.0,
        sentences: str | Mapping[str, Any] = "",
    ) -> None:
        if text_encoder is None:
            raise RecipeError("objective 'visual-text-timed' needs a text encoder")
        super().__init__(encoder, text_encoder, vocabulary)
        self.trained = tuple(Vocabulary.load(name).with_background() for name in vocabularies)
        self.temperature = temperature
        self.token_weight = token_weight
        self.image_projection = ProjectionHead(encoder.width, width, dropout)
        self.token_projection = ProjectionHead(encoder.width, width, dropout)
        self.text_projection = ProjectionHead(text_encoder.width, width, dropout)
        self.motion_weight = motion_weight
        self.motion_head = nn.Linear(encoder.width, motions) if motions else None
        self.token_scale = nn.Parameter(torch.tensor(12.0))
        self.token_bias = nn.Parameter(torch.tensor(-7.0))
        self.sentences = self._frozen(sentences)
        reads = self.sentences.width if self.sentences is not None else 0
        self.sentence_projection = ProjectionHead(reads, width, dropout) if reads else None

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`clip_loss`: eq. 4 over each vocabulary, with shares as targets; `token_loss`: binary cross-entropy;
        `motion_loss`: the same KL over the motions, with `motions`."""
        texts = [self._training_text(v, i) for v in self.trained for i in range(len(v))]
        towers = [self.embed_texts(texts)]
        if self.sentences is not None:
            towers.append(self.embed_sentences(texts))
        tokens = self.encoder(batch["clip"])
        pooled = self.encoder.pool(tokens)
        visual, moments = self.image_projection(pooled), self.token_projection(tokens)
        each = [self._losses_of_texts(visual, moments, text, batch) for text in towers]
        losses = {name: torch.stack([losses[name] for losses in each]).mean() for name in each[0]}
        if self.motion_head is not None:
            of_motion = _alignment(self.motion_head(pooled), batch["motion_share"], batch["motion_tell"])
            losses["motion_loss"] = self.motion_weight * of_motion
        return losses

    def _losses_of_texts(
        self, visual: Tensor, moments: Tensor, text: Tensor, batch: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """The losses of one text tower: projected clips (B, D), tokens (B, N, D) and texts (K, D)."""
        logits, token_logits = similarity(visual, text, self.temperature), self._token_logits(moments, text)
        visual_kl, token_loss, first = logits.new_zeros(()), logits.new_zeros(()), 0
        tell, tell_tokens = batch["tell"], batch["tell_tokens"][:, : moments.shape[1]]
        for vocabulary in self.trained:
            columns = slice(first, first + len(vocabulary))
            first += len(vocabulary)
            visual_kl = visual_kl + _alignment(logits[:, columns], batch["share"][:, columns], tell[:, columns])
            active = batch["active"][:, : moments.shape[1], columns]
            token_loss = token_loss + _detection(token_logits[..., columns], active, tell_tokens[..., columns])
        text_kl = _alignment(logits.T, batch["share"].T, tell.T)
        count = len(self.trained)
        return {
            "clip_loss": 0.5 * (visual_kl / count + text_kl),
            "token_loss": self.token_weight * token_loss / count,
            "visual_kl": (visual_kl / count).detach(),
            "text_kl": text_kl.detach(),
        }

    def scores(self, clip: Tensor) -> Tensor:
        """Similarity over τ (B, K) of each clip to all K class texts."""
        return similarity(self.embed(clip), self.text_embed(), self.temperature)

    def token_scores(self, clip: Tensor) -> Tensor:
        """Logits (B, N, K) of each class at each token, each for itself: a sigmoid gives its probability."""
        return self._token_logits(self.token_projection(self.encoder(clip)), self.text_embed())

    def both_scores(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """`scores` and `token_scores` of one pass through the encoder."""
        tokens, text = self.encoder(clip), self.text_embed()
        visual = self.image_projection(self.encoder.pool(tokens))
        return similarity(visual, text, self.temperature), self._token_logits(self.token_projection(tokens), text)

    def embed(self, clip: Tensor) -> Tensor:
        """v̄ (B, D)."""
        return self.image_projection(self.encoder.pool(self.encoder(clip)))

    def text_embed(self) -> Tensor:
        """t̄ (K, D), one vector per class of `vocabulary`, each from the tower that reads it."""
        texts, by_sentence = self.texts(), self.read_as_sentences()
        if not any(by_sentence):
            return self.embed_texts(texts)
        rows: list[Tensor] = [torch.empty(0)] * len(texts)
        for wanted, tower in ((False, self.embed_texts), (True, self.embed_sentences)):
            chosen = [k for k, is_sentence in enumerate(by_sentence) if is_sentence is wanted]
            for k, row in zip(chosen, tower([texts[k] for k in chosen]) if chosen else (), strict=True):
                rows[k] = row
        return torch.stack(rows)

    def texts(self) -> tuple[str, ...]:
        """What is read of each class: its name, and its description too where training never saw the name."""
        return tuple(
            f"{c.name} {c.description}".strip() if own else c.name
            for c, own in zip(self.vocabulary, self._are_own(), strict=True)
        )

    def read_as_sentences(self) -> tuple[bool, ...]:
        """Of each class of `vocabulary` whether the sentence encoder reads it: a text that training never saw as a
        label, and the encoder is at hand."""
        if self.sentences is None:
            return (False,) * len(self.vocabulary)
        asked = zip(self._are_own(), self.texts(), strict=True)
        return tuple(own and self.sentences.can_read(text) for own, text in asked)

    def sentence_problem(self) -> str:
        """Why texts of one's own in `vocabulary` are read by the text encoder although the weights have a sentence
        encoder, in one line; empty when they are not."""
        if self.sentences is None or all(
            s for s, own in zip(self.read_as_sentences(), self._are_own(), strict=True) if own
        ):
            return ""
        return self.sentences.problem

    def _are_own(self) -> tuple[bool, ...]:
        """Of each class of `vocabulary` whether training never saw its name."""
        trained = {name.lower() for v in self.trained for name in v.names}
        return tuple(name.lower() not in trained for name in self.vocabulary.names)

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """t̄ (n, D) of n texts by the text encoder."""
        return self.text_projection(self.text_encoder(texts))

    def embed_sentences(self, texts: Sequence[str]) -> Tensor:
        """t̄ (n, D) of n texts by the sentence encoder. Raises `RecipeError` without one."""
        if self.sentences is None or self.sentence_projection is None:
            raise RecipeError("these weights were trained without a sentence encoder")
        return self.sentence_projection(self.sentences(texts) * self.sentences.width**0.5)  # of unit variance

    def with_vocabulary(self, vocabulary: Vocabulary) -> TimedVisualTextObjective:
        """An objective that shares all weights with this one and scores the classes of `vocabulary`.

        Raises `RecipeError` when the text encoder understands nothing of a class that it has to read.
        """
        other = copy.copy(self)
        other.vocabulary = vocabulary
        try:
            with torch.inference_mode():
                other.text_embed()
        except RecipeError as error:
            if self.sentences is not None and self.sentences.problem:
                raise RecipeError(f"{error}; or let whole sentences be read: {self.sentences.problem}") from error
            raise
        return other

    def zero_shot(self, trained: Vocabulary) -> bool:
        """Whether `vocabulary` reaches beyond the label texts of training, which were those of several vocabularies."""
        return any(self._are_own())

    def text_remarks(self) -> list[str]:
        """What is not understood of texts of one's own, in plain sentences."""
        if not any(self._are_own()):
            return []
        problem = self.sentence_problem()
        said = [f"texts of your own are read word by word: {problem}"] if problem else []
        if not isinstance(self.text_encoder, GestureWords):
            return said
        read = zip(self.texts(), self.vocabulary.names, self.read_as_sentences(), strict=True)
        return said + remarks_on([(text, name) for text, name, as_sentence in read if not as_sentence])

    def saved_options(self) -> dict[str, Any]:
        """The options, with what the sentence encoder was in place of its name: a run opens without it."""
        saved = super().saved_options()
        return saved if self.sentences is None else saved | {"sentences": self.sentences.state_for_checkpoint()}

    @torch.inference_mode()
    def regions(self) -> list[str]:
        """The body region of each class of `vocabulary`: its own, or that of the label of training whose text is
        nearest to its text in the tower that reads it."""
        known = [gesture for v in self.trained for gesture in v if gesture.body_region]
        own = [gesture.body_region for gesture in self.vocabulary]
        if not known or all(own):
            return own
        ours, names, by_sentence = self.text_embed(), [gesture.name for gesture in known], self.read_as_sentences()
        nearest = _nearest(ours, self.embed_texts(names))
        if any(by_sentence):
            pairs = zip(by_sentence, nearest, _nearest(ours, self.embed_sentences(names)), strict=True)
            nearest = [sentence if is_sentence else word for is_sentence, word, sentence in pairs]
        return [region or known[k].body_region for region, k in zip(own, nearest, strict=True)]

    def _frozen(self, sentences: str | Mapping[str, Any]) -> FrozenSentences | None:
        if not sentences:
            return None
        if isinstance(sentences, Mapping):
            return FrozenSentences.from_checkpoint(sentences)
        texts = [text for v in self.trained for gesture in v for text in (gesture.name, gesture.description) if text]
        return FrozenSentences.reading(sentences, texts)

    def _training_text(self, vocabulary: Vocabulary, index: int) -> str:
        """A class's name; now and then its description, which teaches more words."""
        gesture = vocabulary[index]
        described = self.training and bool(gesture.description) and torch.rand(()) < 0.2
        return gesture.description if described else gesture.name

    def _token_logits(self, moments: Tensor, text: Tensor) -> Tensor:
        moments = F.normalize(moments.float(), dim=-1)
        return self.token_scale * (moments @ F.normalize(text.float(), dim=-1).T) + self.token_bias


def _nearest(texts: Tensor, others: Tensor) -> list[int]:
    """Of each text (K, D) the most similar of the others (n, D)."""
    return (F.normalize(texts, dim=-1) @ F.normalize(others, dim=-1).T).argmax(-1).tolist()


def _alignment(logits: Tensor, share: Tensor, tell: Tensor) -> Tensor:
    """KL of the shares, as distributions over the columns that can be told, from softmax(logits) over the same; mean
    over the rows that hold a share."""
    share = share * tell
    target = share / share.sum(-1, keepdim=True).clamp_min(1e-6)
    logits = logits.float().masked_fill(~tell, -1e4)
    rows = F.kl_div(F.log_softmax(logits, -1), target, reduction="none").sum(-1)
    holds = share.sum(-1) > 0
    return (rows * holds).sum() / holds.sum().clamp_min(1)


def _detection(logits: Tensor, active: Tensor, tell: Tensor) -> Tensor:
    """Binary cross-entropy of the classes that can be told (but "No gesture", the last), summed over the classes, mean
    over the tokens of which anything can be told."""
    each = F.binary_cross_entropy_with_logits(logits[..., :-1].float(), active[..., :-1], reduction="none")
    tell = tell[..., :-1]
    return (each * tell).sum() / tell.any(-1).sum().clamp_min(1)
