"""Encoders: one file per published architecture, every one from a clip to tokens `(B, N, C)`; and the text encoder.

Adding an architecture is adding one file with one class decorated `@register("name")`.
"""

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.reference import ReferenceClassifier, load_reference
from microgesture.encoders.registry import create_encoder, list_encoders, register
from microgesture.encoders.text import TextEncoder, create_text_encoder

__all__ = [
    "Encoder",
    "ReferenceClassifier",
    "TextEncoder",
    "create_encoder",
    "create_text_encoder",
    "list_encoders",
    "load_reference",
    "register",
]
