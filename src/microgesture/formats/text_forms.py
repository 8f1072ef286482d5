"""Texts as files can hold them: without characters that XML forbids, and alternatives on one line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from microgesture.timeline import Alternative

_FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ALTERNATIVE = re.compile(r"(.+?) \((\d(?:\.\d+)?)\)(?:; |$)")


def printable(text: str) -> str:
    """The text with U+FFFD for each character that XML 1.0 cannot hold; line ends become newlines."""
    return _FORBIDDEN.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """The printable text with every run of white space as one space."""
    return " ".join(printable(text).split())


def alternatives_text(alternatives: Iterable[Alternative]) -> str:
    """`label (0.123); label (0.045)`, best first."""
    return "; ".join(f"{a.label} ({a.confidence:.3f})" for a in alternatives)


def parse_alternatives(text: str) -> tuple[Alternative, ...]:
    """Inverse of `alternatives_text`; what has not its form is left out."""
    return tuple(Alternative(m[1], min(float(m[2]), 1.0)) for m in _ALTERNATIVE.finditer(text))
