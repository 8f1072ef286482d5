"""Encoders by name: an architecture is one file whose class is decorated `@register("name")`."""

from __future__ import annotations

import inspect
from typing import Any

from microgesture.encoders.encoder import Encoder
from microgesture.registry import Registry

_ENCODERS: Registry[type[Encoder]] = Registry("encoder", "microgesture.encoders", Encoder)
register = _ENCODERS.register
"""Decorator `@register("name")` for an `Encoder` class."""


def create_encoder(name: str, **options: Any) -> Encoder:
    """Build an encoder by name (`list_encoders()`), `file.py:ClassName` or `package.module:ClassName`.

    Any of them takes `fusion` besides its own options: "balanced" or "half" (`encoders.fusion.FusedEncoder`).
    Raises `RecipeError` for an unknown name or option, naming the known ones.
    """
    own = dict(options)
    fusion = None if "fusion" in encoder_parameters(name) else own.pop("fusion", None)
    encoder: Encoder = _ENCODERS.create(name, **own)
    encoder.name = name
    encoder.options = dict(own)
    return encoder if fusion is None else _fused(encoder, fusion)


def _fused(encoder: Encoder, kind: Any) -> Encoder:
    from microgesture.encoders.fusion import FusedEncoder

    fused = FusedEncoder(encoder, kind)
    fused.name, fused.options = encoder.name, {**encoder.options, "fusion": kind}
    return fused


def encoder_class(name: str) -> type[Encoder]:
    """The class of an encoder by name, as `create_encoder` finds it. Raises `RecipeError` when there is none."""
    return _ENCODERS.find(name)


def encoder_parameters(name: str) -> tuple[str, ...]:
    """Names of the options that an encoder takes."""
    return tuple(inspect.signature(encoder_class(name)).parameters)


def list_encoders() -> tuple[str, ...]:
    """Names of all encoders of the package, sorted."""
    return _ENCODERS.names()
