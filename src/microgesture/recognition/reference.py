"""The authors' published files, read into our modules.

The released code of the paper saves two files: the stage-1 model with keys `image_encoder…, text_encoder…,
image_projection…, text_projection…, prompt_generator…`, and the stage-2 head with keys `projection, fc,
layer_norm`. Their video encoder wraps torchvision's network and saves its tensors twice, under two prefixes; the
prompting module's names differ between versions of it. Every key finds its place by the tables below, or the
import fails and lists it: nothing is dropped in silence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from microgesture.encoders.pretrained import load_tokenizer
from microgesture.encoders.r2plus1d import STAGES
from microgesture.encoders.registry import create_encoder
from microgesture.encoders.text import TextEncoder
from microgesture.encoders.weights import read_state_dict
from microgesture.errors import RecipeError
from microgesture.libraries.torchvision_loader import load_torchvision
from microgesture.recognition.classifier import ClassifierObjective, ReleasedHead
from microgesture.recognition.objective import Objective
from microgesture.recognition.registry import create_objective
from microgesture.recognition.visual_text import VisualTextObjective
from microgesture.vocabulary import Vocabulary

TEXT_MODEL = "distilbert-base-uncased"
"""The text encoder of the released code; its tokenizer is not in the checkpoint."""

HEAD_KEYS = frozenset(f"{part}.{kind}" for part in ("projection", "fc", "layer_norm") for kind in ("weight", "bias"))

MODEL_PARTS = ("image_encoder", "text_encoder", "image_projection", "text_projection", "prompt_generator")

_PROMPTING_NAMES: tuple[tuple[str, str], ...] = (
    # (pattern of the authors' name, ours); the first that matches the whole name counts. The authors' module
    # grew out of X-CLIP's, whose names (norm, decoder.0.cross_attn.q_proj, alpha...) stand in older files.
    (r"prompt_scaling_factor|alpha|scale", "scale"),
    (r"visual_feature_normalizer|norm|visual_norm", "visual_norm"),
    (r"(?:{block})?(?:norm_for_attention|norm1|query_norm)", "query_norm"),
    (r"(?:{block})?(?:norm_for_ffn|norm[23]|ffn_norm)", "ffn_norm"),
    (r"(?:{block})?(?:{attention})?(?:query_transform|q_proj|query)", "query"),
    (r"(?:{block})?(?:{attention})?(?:key_transform|k_proj|key)", "key"),
    (r"(?:{block})?(?:{attention})?(?:value_transform|v_proj|value)", "value"),
    (r"(?:{block})?(?:{attention})?(?:output_projection|out_proj|proj|output)", "output"),
    (r"(?:{block})?(?:feed_forward_net|mlp|ffn)\.0", "ffn.0"),
    (r"(?:{block})?(?:feed_forward_net|mlp|ffn)\.[23]", "ffn.2"),
)
_PROMPTING = tuple(
    (
        re.compile(
            pattern.replace("{block}", r"(?:refinement_blocks|decoder|layers|blocks)\.0\.").replace(
                "{attention}", r"(?:cross_attention|cross_attn|attention|attn)\."
            )
        ),
        name,
    )
    for pattern, name in _PROMPTING_NAMES
)


@dataclass(frozen=True)
class Imported:
    """What an import gave. `kind` is "model" (stage 1), "classifier" (stage 1 with a head) or "head" (a head on
    an encoder that is yet untrained). `notes` say in plain words what the files could not tell."""

    objective: Objective
    kind: str
    notes: tuple[str, ...] = ()


def import_checkpoint(
    path: str | Path,
    vocabulary: Vocabulary,
    *,
    head: str | Path | None = None,
    text_encoder: TextEncoder | str | None = None,
) -> Imported:
    """Read the authors' model, their head, or both, into our objectives.

    `path` is the model's file or the head's; `head` adds the head to a model. `vocabulary` gives the K classes
    in the order of the file (theirs is SMG's). `text_encoder` brings the tokenizer: a local folder or hub name that
    holds it, or an encoder whose weights are replaced. Without it that of `distilbert-base-uncased` is looked for, and
    where it cannot be had the model is imported without a tokenizer: it embeds and classifies clips, but reads no
    texts. The encoder is fed pixels of 0..255, as the released code fed them to these weights; which part of a frame
    that code showed is `microgesture.video.transforms.released_box`.

    Raises `RecipeError` when a file cannot be read, when K differs from the vocabulary's, or listing every key
    that was not matched.
    """
    state = read_state_dict(path)
    if set(state) == HEAD_KEYS:
        if head is not None:
            raise RecipeError(f"{path}: is a head; give the model's file first and the head's as `head`")
        return _import_head(state, str(path), vocabulary)
    if not any(key.startswith(tuple(f"{part}." for part in MODEL_PARTS)) for key in state):
        raise RecipeError(
            f"{path}: is neither a released model ({', '.join(MODEL_PARTS)}) nor a released head "
            f"(projection, fc, layer_norm): its keys are {_listed(sorted(state))}"
        )
    aligned, notes = _import_model(state, str(path), vocabulary, text_encoder)
    if head is None:
        return Imported(aligned, "model", notes)
    own = load_released_head(head, len(vocabulary))
    classifier = ClassifierObjective.from_aligned(aligned, vocabulary)
    if own.projection.in_features != classifier.image_projection.width:
        raise RecipeError(f"{head}: takes {own.projection.in_features} values, the model gives another number")
    classifier.head.load_state_dict(own.state_dict())
    return Imported(classifier, "classifier", notes)


def load_released_head(path: str | Path, classes: int | None = None) -> ReleasedHead:
    """The head of a file with keys `projection, fc, layer_norm`; K and D are read from its shapes.

    Raises `RecipeError` when the file is not a head, or K is not `classes`.
    """
    state = read_state_dict(path)
    if set(state) != HEAD_KEYS:
        strange = sorted(set(state) ^ HEAD_KEYS)
        raise RecipeError(f"{path}: is not a released head: missing or unknown are {_listed(strange)}")
    return _head_from(state, str(path), classes)


def _head_from(state: Mapping[str, Tensor], source: str, classes: int | None) -> ReleasedHead:
    weight = state["projection.weight"]
    if weight.dim() != 2:
        raise RecipeError(f"{source}: projection.weight is {tuple(weight.shape)}, not a matrix")
    K, D = weight.shape
    if classes is not None and classes != K:
        raise RecipeError(f"{source}: has {K} classes, the vocabulary {classes}")
    head = ReleasedHead(D, K)
    _fill(head, state, source)
    return head


def _import_head(state: Mapping[str, Tensor], source: str, vocabulary: Vocabulary) -> Imported:
    head = _head_from(state, source, len(vocabulary))
    encoder = create_encoder("r2plus1d_18")
    objective = create_objective("classifier", encoder, None, vocabulary, width=head.projection.in_features)
    objective.get_submodule("head").load_state_dict(head.state_dict())
    note = "only the head came from the file: its encoder and projection are untrained until stage 1 is loaded"
    return Imported(objective, "head", (note,))


def _import_model(
    state: Mapping[str, Tensor],
    source: str,
    vocabulary: Vocabulary,
    text_encoder: TextEncoder | str | None,
) -> tuple[VisualTextObjective, tuple[str, ...]]:
    mapped, unmatched = _rename(state)
    for key in ("image_projection.projection.weight", "text_projection.projection.weight"):
        if key not in mapped or mapped[key].dim() != 2:
            unmatched.append(f"{key} is missing")
    if unmatched:
        raise RecipeError(f"{source}: {len(unmatched)} keys do not fit: {'; '.join(sorted(unmatched))}")
    notes: list[str] = []
    if not isinstance(text_encoder, TextEncoder):
        text_encoder, notes = _text_encoder_for(mapped, source, text_encoder)
    width = mapped["image_projection.projection.weight"].shape[0]
    adaptive = any(key.startswith("prompt_generator.") for key in mapped)
    encoder = create_encoder("r2plus1d_18", pixel_scale=255.0)
    objective = create_objective(
        "visual-text",
        encoder,
        text_encoder,
        vocabulary,
        prompting="pooled" if adaptive else "none",
        similarity="released",
        target="released",
        width=width,
        heads=max(1, width // 64),
    )
    assert isinstance(objective, VisualTextObjective)
    _fill(objective, mapped, source)
    return objective, tuple(notes)


def _rename(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The state under our names, and what has none: unknown keys, and keys that claim a name twice."""
    mapped: dict[str, Tensor] = {}
    unmatched = []
    for key, tensor in state.items():
        part, _, rest = key.partition(".")
        name = _our_name(part, rest)
        if name is None:
            unmatched.append(f"{key} is unknown")
        elif name and name in mapped and not torch.equal(mapped[name], tensor):
            unmatched.append(f"{key} contradicts another key for {name}")
        elif name:
            mapped[name] = tensor
    return mapped, unmatched


def _our_name(part: str, rest: str) -> str | None:
    """Our name of a key `part.rest`; empty for tensors that carry nothing we use, None for an unknown key."""
    if part == "image_encoder":
        return _video_name(rest)
    if part == "text_encoder":
        if rest.endswith("embeddings.position_ids"):  # 0, 1, 2...: a buffer that older transformers saved
            return ""
        found = re.search(r"(?:^|\.)((?:embeddings|transformer)\..+)$", rest)
        return f"text_encoder.model.{found.group(1)}" if found else None
    if part in ("image_projection", "text_projection"):
        return f"{part}.{rest}" if rest in HEAD_KEYS else None
    if part == "prompt_generator":
        return _prompting_name(rest)
    return None


def _video_name(rest: str) -> str | None:
    """`pretrained.layer1.0…`, `model.0.0…` (an nn.Sequential of the children) or `layer1.0…` to `encoder.layer1.0…`;
    the classification layer carries nothing we use: `fc`, or `dummy_var`, as their encoder calls what it cuts off."""
    pieces = rest.split(".")
    for i, piece in enumerate(pieces):
        if piece in STAGES:
            return ".".join(("encoder", *pieces[i:]))
        if piece in ("fc", "dummy_var"):
            return ""
        if piece.isdigit():
            order = (*STAGES, "avgpool", "fc")
            stage = order[int(piece)] if int(piece) < len(order) else None
            if stage in STAGES:
                return ".".join(("encoder", stage, *pieces[i + 1 :]))
            return "" if stage == "fc" else None
    return None


def _prompting_name(rest: str) -> str | None:
    module, _, kind = rest.rpartition(".")
    if kind not in ("weight", "bias"):  # λ is a parameter of the module itself
        module, kind = rest, ""
    for pattern, name in _PROMPTING:
        if pattern.fullmatch(module) and (name == "scale") == (kind == ""):
            return f"prompt_generator.{name}" + (f".{kind}" if kind else "")
    return None


def _text_encoder_for(mapped: Mapping[str, Tensor], source: str, name: str | None) -> tuple[TextEncoder, list[str]]:
    """A DistilBERT of the file's shapes with the tokenizer of `name`, or that of `TEXT_MODEL` if it can be had, and a
    note where it cannot."""
    model = _distilbert_like(mapped, source)
    words = int(model.config.vocab_size)
    try:
        tokenizer, pad_id = load_tokenizer(name or TEXT_MODEL)
        known = tokenizer.get_vocab_size()
        if known == words:
            return TextEncoder(model, tokenizer, name or TEXT_MODEL, pad_id), []
        reason = f"the tokenizer of {name or TEXT_MODEL} knows {known} words, the text encoder of {source} {words}"
    except RecipeError as error:
        reason = str(error)
    if name:
        raise RecipeError(reason)
    note = f"imported without a tokenizer, so texts cannot be read yet: {reason}"
    return TextEncoder(model, None, TEXT_MODEL), [note]


def _distilbert_like(mapped: Mapping[str, Tensor], source: str) -> Any:
    words = mapped.get("text_encoder.model.embeddings.word_embeddings.weight")
    positions = mapped.get("text_encoder.model.embeddings.position_embeddings.weight")
    hidden = mapped.get("text_encoder.model.transformer.layer.0.ffn.lin1.weight")
    if words is None or positions is None or hidden is None or {t.dim() for t in (words, positions, hidden)} != {2}:
        raise RecipeError(f"{source}: its text encoder is no DistilBERT: give a text encoder of the same kind")
    load_torchvision()  # transformers imports torchvision
    from transformers import DistilBertConfig, DistilBertModel

    layers = {key.split(".")[4] for key in mapped if key.startswith("text_encoder.model.transformer.layer.")}
    config = DistilBertConfig(
        vocab_size=words.shape[0],
        dim=words.shape[1],
        max_position_embeddings=positions.shape[0],
        hidden_dim=hidden.shape[0],
        n_layers=len(layers),
        n_heads=max(1, words.shape[1] // 64),
    )
    return DistilBertModel(config)


def _fill(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load a state whose keys must be the module's, all of them; BatchNorm's step counters may be absent."""
    own = module.state_dict()
    faults = [f"{k} is missing" for k in own if k not in state and not k.endswith("num_batches_tracked")]
    faults += [f"{k} is unknown" for k in state if k not in own]
    faults += [
        f"{k} is {tuple(state[k].shape)}, not {tuple(own[k].shape)}"
        for k in own
        if k in state and state[k].shape != own[k].shape
    ]
    if faults:
        raise RecipeError(f"{source}: {len(faults)} keys do not fit: {'; '.join(faults)}")
    module.load_state_dict({**own, **state})


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
