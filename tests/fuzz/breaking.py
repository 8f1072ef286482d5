"""Ways to break a file, each a function of its bytes and a generator of random numbers."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

Breaking = Callable[[bytes, np.random.Generator], bytes]

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_ODD_NUMBERS = (
    *(b"0", b"-1", b"1e308", b"-1e308", b"1e-320", b"nan", b"inf", b"-inf", b"99999999999999999999", b"2147483648"),
    *(b"", b"1_0", b"0x10", b"1,5", b"1e", b"--1", b"null", b'"7"', "٣".encode(), b"true", b"[]", b"{}"),
)
_WORDS = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 1, 0xFFFF)


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    """The beginning, or the beginning and the end without a part between."""
    first = int(rng.integers(0, len(data) + 1))
    if rng.random() < 0.7:
        return data[:first]
    return data[:first] + data[first + int(rng.integers(1, len(data) + 1)) :]


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes become others."""
    content = bytearray(data)
    for place in rng.integers(0, max(len(content), 1), int(rng.choice([1, 3, 20, 200]))):
        if content:
            content[int(place) % len(content)] = int(rng.integers(0, 256))
    return bytes(content)


def swap_numbers(data: bytes, rng: np.random.Generator) -> bytes:
    """Some of the numbers of a text become odd ones."""
    places = list(_NUMBER.finditer(data))
    for at in sorted(rng.integers(0, max(len(places), 1), int(rng.integers(1, 6))).tolist(), reverse=True):
        if places:
            found = places[at]
            data = data[: found.start()] + _ODD_NUMBERS[int(rng.integers(len(_ODD_NUMBERS)))] + data[found.end() :]
    return data


def swap_words(data: bytes, rng: np.random.Generator) -> bytes:
    """Some four bytes, where sizes and counts stand in binary files, become very large or nothing."""
    content = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, max(len(content) - 4, 1)))
        order = "big" if rng.random() < 0.5 else "little"
        content[at : at + 4] = _WORDS[int(rng.integers(len(_WORDS)))].to_bytes(4, order)  # type: ignore[arg-type]
    return bytes(content)


def nest(data: bytes, rng: np.random.Generator) -> bytes:
    """Somewhere brackets, tags, quotes or blanks, many in each other."""
    depth = int(rng.choice([20, 1500, 60_000]))
    opening = (b"[", b'{"a":', b"<a>", b"(", b'"', b"- ", b"\n ", b"&a", b"<!--")[int(rng.integers(9))]
    closing = {b"[": b"]", b'{"a":': b"}", b"<a>": b"</a>", b"(": b")"}.get(opening, b"")
    at = int(rng.integers(0, len(data) + 1))
    return data[:at] + opening * depth + closing * (depth if rng.random() < 0.5 else 0) + data[at:]


def shuffle_lines(data: bytes, rng: np.random.Generator) -> bytes:
    """Lines in another order, some twice, some gone."""
    lines = data.split(b"\n")
    return b"\n".join(lines[int(i)] for i in rng.integers(0, len(lines), len(lines)))


def insert(data: bytes, rng: np.random.Generator) -> bytes:
    """Something that does not belong into a text: zeros, half of a letter, a mark of order, much of one letter."""
    odd = (
        b"\0" * 64,
        b"\xff\xfe",
        b"\xc3",
        b"\xef\xbb\xbf",
        b"\r",
        b"\x1b[2J",
        "\u202e".encode(),
        b"9" * 5000,
        b"a" * 500_000,
    )
    at = int(rng.integers(0, len(data) + 1))
    return data[:at] + odd[int(rng.integers(len(odd)))] + data[at:]


OF_ALL: tuple[Breaking, ...] = (cut, flip, nest, insert)
OF_TEXTS: tuple[Breaking, ...] = (*OF_ALL, swap_numbers, swap_numbers, shuffle_lines)
OF_BINARIES: tuple[Breaking, ...] = (*OF_ALL, flip, swap_words, swap_words)
