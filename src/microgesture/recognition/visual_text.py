"""Stage 1: align clips with the texts of their labels, and recognise by similarity to any text.

Reference: Li, Xing and Liu, "Enhancing Micro Gesture Recognition for Emotion Understanding via Context-aware
Visual-Text Contrastive Learning" (arXiv 2405.01885), "the paper".
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.text import TextEncoder
from microgesture.errors import RecipeError
from microgesture.recognition.alignment import Similarity, Target, alignment_loss, full_precision, similarity
from microgesture.recognition.gather import gather_with_gradient
from microgesture.recognition.objective import Objective
from microgesture.recognition.projection import ProjectionHead
from microgesture.recognition.prompting import AdaptivePrompting
from microgesture.recognition.registry import register_objective
from microgesture.recognition.texts import Texts, handcrafted_prompts, label_texts
from microgesture.settings import check_choice
from microgesture.vocabulary import Vocabulary

Prompting = Literal["none", "handcrafted", "pooled", "tokens"]
Conditioning = Literal["pair", "clip"]


@register_objective("visual-text")
class VisualTextObjective(Objective):
    """Contrastive alignment of clips and label texts.

    `prompting`: "none"; "handcrafted" (the mean of the embeddings of the three templates, in training and in
    recognition alike); adaptive prompting with "pooled" or with "tokens" as keys and values.
    `conditioning` of adaptive prompts while training: "pair" as the paper has it, S = v̄ t̂ᵀ with t̂_j prompted by
    the clip of its own pair; "clip" prompts every text by the clip it is compared with, which is what recognition
    does (as X-CLIP does; our option).
    `similarity`: "cosine" or "released"; `target`: "normalised" or "released" (`alignment.py`).
    `texts`: class "names", or "descriptions" too. `temperature` is τ. `width` is D of the shared space, `heads`
    those of the prompting, `dropout` that of the projection heads. `distinct` encodes each label of a batch once
    and indexes: the same gradient for less work (where the text encoder has dropout, equal labels then share it).

    Recognition needs no training on the labels: `with_vocabulary` scores clips against any texts.
    Raises `RecipeError` for an unknown choice or without a text encoder.
    """

    text_encoder: TextEncoder

    def __init__(
        self,
        encoder: Encoder,
        text_encoder: TextEncoder | None,
        vocabulary: Vocabulary,
        *,
        prompting: Prompting = "pooled",
        conditioning: Conditioning = "pair",
        similarity: Similarity = "cosine",
        target: Target = "normalised",
        texts: Texts = "names",
        temperature: float = 0.05,
        width: int = 256,
        heads: int = 4,
        dropout: float = 0.1,
        distinct: bool = True,
    ) -> None:
        if text_encoder is None:
            raise RecipeError("objective 'visual-text' needs a text encoder")
        if temperature <= 0:
            raise RecipeError(f"objective 'visual-text': temperature must be positive, got {temperature}")
        for option, value, choices in (
            ("prompting", prompting, Prompting),
            ("conditioning", conditioning, Conditioning),
            ("similarity", similarity, Similarity),
            ("target", target, Target),
            ("texts", texts, Texts),
        ):
            check_choice(f"objective 'visual-text': {option}", value, choices)
        super().__init__(encoder, text_encoder, vocabulary)
        self.prompting = prompting
        self.conditioning = conditioning
        self.similarity = similarity
        self.target = target
        self.texts = texts
        self.temperature = temperature
        self.distinct = distinct
        self.image_projection = ProjectionHead(encoder.width, width, dropout)
        self.text_projection = ProjectionHead(text_encoder.width, width, dropout)
        self.prompt_generator = AdaptivePrompting(width, heads) if prompting in ("pooled", "tokens") else None
        self._class_texts: tuple[object, Tensor] | None = None

    def train(self, mode: bool = True) -> VisualTextObjective:
        """As any module; forgets the class texts that evaluation kept, because a fused optimiser changes parameters
        without telling."""
        self._class_texts = None
        super().train(mode)
        return self

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`alignment_loss` (eq. 4) of a batch with `clip` and `label` (B,); `visual_kl` and `text_kl` for the log.

        Under several processes the loss is that of all their pairs together.
        """
        labels = batch["label"]
        visual, context = self._see(batch["clip"])
        if self.prompt_generator is not None and self.conditioning == "clip":
            all_labels = gather_with_gradient(labels)
            distinct, index = torch.unique(all_labels, return_inverse=True)
            prompted = self.prompt_generator(self._label_embeddings(distinct), context)
            rows = self._similarity(visual, prompted)[:, index]
            return alignment_loss(gather_with_gradient(rows), all_labels, self.target)
        text = self._label_embeddings(labels)
        if self.prompt_generator is not None:
            text = self.prompt_generator(text.unsqueeze(1), context).squeeze(1)
        width = visual.shape[1]
        pairs = gather_with_gradient(torch.cat([full_precision(visual), full_precision(text)], dim=1))
        S_visual = self._similarity(pairs[:, :width], pairs[:, width:])  # eq. 3
        return alignment_loss(S_visual, gather_with_gradient(labels), self.target)

    def scores(self, clip: Tensor) -> Tensor:
        """Similarity over τ (B, K) of each clip to all K class texts, prompted by that clip."""
        visual, context = self._see(clip)
        text = self._embed_classes()
        if self.prompt_generator is not None:
            text = self.prompt_generator(text, context)
        return self._similarity(visual, text)

    def embed(self, clip: Tensor) -> Tensor:
        """v̄ (B, D): the projected mean of the encoder's tokens."""
        return self.image_projection(self.encoder.pool(self.encoder(clip)))

    def text_embed(self) -> Tensor:
        """t̄ (K, D): one vector per class, before any prompting by a clip."""
        return self._embed_classes()

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """t̄ (n, D) of n label texts; with handcrafted prompts, the mean over the templates."""
        if self.prompting != "handcrafted":
            return self.text_projection(self.text_encoder(texts))
        prompts = [handcrafted_prompts(text) for text in texts]
        features = self.text_encoder([prompt for group in prompts for prompt in group])
        return self.text_projection(features).unflatten(0, (len(texts), -1)).mean(dim=1)

    def with_vocabulary(self, vocabulary: Vocabulary) -> VisualTextObjective:
        """An objective that shares all weights with this one and scores the classes of `vocabulary`, which need
        not have been trained on."""
        other = copy.copy(self)
        other.vocabulary = vocabulary
        other._class_texts = None
        return other

    def _see(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """v̄ (B, D) of a clip, and what prompts attend to: v̄ itself (B, 1, D) or the projected tokens (B, N, D)."""
        tokens = self.encoder(clip)
        visual = self.image_projection(self.encoder.pool(tokens))
        context = self.image_projection(tokens) if self.prompting == "tokens" else visual.unsqueeze(1)
        return visual, context

    def _label_embeddings(self, labels: Tensor) -> Tensor:
        """t̄ (B, D) of labels (B,), each distinct label encoded once."""
        texts = label_texts(self.vocabulary, self.texts)
        if not self.distinct:
            return self.embed_texts([texts[i] for i in labels.tolist()])
        distinct, index = torch.unique(labels, return_inverse=True)
        return self.embed_texts([texts[i] for i in distinct.tolist()])[index]

    def _embed_classes(self) -> Tensor:
        """t̄ (K, D) of all classes; kept between calls in eval mode as long as no text parameter changes."""
        texts = label_texts(self.vocabulary, self.texts)
        if self.training or torch.is_grad_enabled():
            return self.embed_texts(texts)
        parameters = (*self.text_encoder.parameters(), *self.text_projection.parameters())
        autocast = torch.is_autocast_enabled(parameters[0].device.type)
        versions = tuple((p.data_ptr(), 0 if p.is_inference() else p._version, p.dtype) for p in parameters)
        key = (texts, autocast, versions)
        if self._class_texts is None or self._class_texts[0] != key:
            self._class_texts = (key, self.embed_texts(texts))
        return self._class_texts[1]

    def _similarity(self, visual: Tensor, text: Tensor) -> Tensor:
        return similarity(visual, text, self.temperature, self.similarity)
