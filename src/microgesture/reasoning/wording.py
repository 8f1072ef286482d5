"""What a sentence says in words that evidence can bear out or not: gestures, parts of the body, counts, times.

Gestures are found by the stems of their words, so that "touches the jaw" is "Touching jaw".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml

Stems = tuple[str, ...]


@lru_cache
def words(name: str) -> Any:
    """A list of `words.yaml`."""
    text = (resources.files("microgesture.reasoning") / "words.yaml").read_text("utf-8")
    return yaml.safe_load(text)[name]


_SKIP = frozenset(words("skip").split())
_IRREGULAR: Mapping[str, str] = words("irregular")
_UNSEEN: Mapping[str, str] = words("unseen")
_NUMBERS = {word: float(n) for n, word in enumerate(words("numbers").split())}
_NUMBERS |= {"dozen": 12.0, "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "hundred": 100.0}

_TURNS = frozenset(("is", "ar", "was", "wer", "been", "being", "be", "get", "got"))

_ID = re.compile(r"(?<![\w-])([EUeu]\d+)(?!\w)")
_WHO = re.compile(r"(?<![\w-])([PS]\d{1,3})(?!\w)")
_CLOCK = re.compile(r"(?<![\d:.])(?:(\d{1,2}):)?(\d{1,3}):(\d{2}(?:[.,]\d{1,3})?)(?![\d:])")
_SECONDS = re.compile(
    r"(?<![\w.,:])(\d+(?:[.,]\d+)?|[a-z]+)[\s\u00a0-]*(seconds?|secs?|s|milliseconds?|ms|minutes?|mins?|hours?)\b",
    re.IGNORECASE,
)
_RANGE = re.compile(
    r"(?<![\w.,:])(\d+(?:[.,]\d+)?)\s*(?:s|sec|seconds?)?\s*(?:to|and|until|-|–|—)\s*(\d+(?:[.,]\d+)?)\s*(seconds?|secs?|s|minutes?|mins?)\b",
    re.IGNORECASE,
)
_SECOND_N = re.compile(r"\b(second|minute)s?\s+(\d+(?:[.,]\d+)?)", re.IGNORECASE)
_PERCENT = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:%|per ?cent\b)", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.,])(\d+(?:[.,]\d+)*)(?:x\b|×)?(?![\w])")
_ONCE = re.compile(
    r"\b(?:only|just|exactly) once\b|\bonce(?: only)?\s*(?:[.,;!)]|$)|\bone time\b|\ba single time\b", re.IGNORECASE
)
_TWICE = re.compile(r"\b(twice|thrice)\b", re.IGNORECASE)
_OFTEN = re.compile(
    r"\b(repeated(?:ly)?|again and again|over and over|constantly|continually|frequent|"
    r"(?:several|many|multiple|numerous|a few|a couple of|a number of)"
    r"(?= (?:\w+ )?(?:times|occasions|instances|occurrences|events|gestures|movements|moments)\b))\b",
    re.IGNORECASE,
)
_BOUND = re.compile(
    r"\b(at least|more than|over|no fewer than|at most|fewer than|less than|up to|under)\s+$", re.IGNORECASE
)
_UNIT_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Count:
    """ "three times": `value` and how it is meant: "=", ">=" (at least), ">" (more than), "<=", "<"."""

    value: float
    bound: str
    words: str


@dataclass(frozen=True)
class Moment:
    """A time or a length in seconds and how exactly it is written."""

    seconds: float
    tolerance: float
    clock: bool
    words: str


@lru_cache(maxsize=20_000)
def stems(text: str) -> Stems:
    """The words that carry meaning, without endings."""
    found = re.findall(r"[^\W\d_]+", text.casefold())
    return tuple(s for s in (_stem(w) for w in found if w not in _SKIP) if s)


@lru_cache(maxsize=5_000)
def forms(label: str) -> frozenset[Stems]:
    """The ways a label may be said: whole, and with each side of an "or": "touching or scratching neck" is "touching
    neck" and "scratching neck"; each item of a list with commas."""
    found = {stems(label)}
    for piece in re.split(r",| and (?=\w+ing\b)", label):
        found.add(stems(piece))
        words = piece.split()
        for at, word in enumerate(words):
            if word.lower() == "or" and 0 < at < len(words) - 1:
                found.add(stems(" ".join(words[: at - 1] + words[at + 1 :])))
                found.add(stems(" ".join(words[:at] + words[at + 2 :])))
    return frozenset(f for f in found if len(f) > 1 or f == stems(label)) - {()}


def gestures_in(text: str, labels: Iterable[str]) -> list[tuple[str, Stems]]:
    """Labels that the text mentions, each with the form in which it does; a form inside a longer one is not counted."""
    said = stems(text)
    words_said = set(said)
    hits: list[tuple[int, int, str, Stems]] = []
    for label in labels:
        for form in forms(label):
            if not words_said.issuperset(form):
                continue
            hits += [(at, at + len(form), label, form) for at in _places(said, form)]
    return [
        (label, form)
        for start, end, label, form in hits
        if not any(s <= start and end <= e and e - s > end - start for s, e, _, _ in hits)
    ]


def unseen_in(text: str) -> list[tuple[str, str]]:
    """Things that no timeline holds (a smile, a voice), each as its stem or phrase and in words."""
    said, lower = set(stems(text)), " ".join(re.findall(r"[^\W\d_]+", text.casefold()))
    found = [(stem, words) for stem, words in _UNSEEN.items() if stem in said]
    return found + [
        (phrase, phrase)
        for phrase in words("unseen_phrases")
        if re.search(rf"\b{phrase}(?:s|ed|es|ing|ning|ned)?\b", lower)
    ]


def parts_in(text: str) -> set[str]:
    """Stems of parts of the body and of clothes that the text names."""
    return set(stems(text)) & set(stems(words("parts")))


def parts_of_region(region: str) -> set[str]:
    """Parts that belong to a body region whatever the label says."""
    return set(stems(words("parts_of_region").get(region, "")))


def ids_in(text: str) -> list[str]:
    """Ids of events and utterances that the text writes out."""
    return [match.upper() for match in _ID.findall(text)]


def people_in(text: str) -> list[str]:
    """P1, S2: persons and speakers that the text writes out."""
    return _WHO.findall(text)


def often_in(text: str) -> str:
    """ "repeatedly", "several": a word that says more than one, "" for none."""
    match = _OFTEN.search(text)
    return match[1].lower() if match else ""


def moments_in(text: str) -> tuple[list[Moment], str]:
    """Clock times and lengths in the text, and the text without them."""
    found: list[Moment] = []

    def clock(match: re.Match[str]) -> str:
        hours, minutes, seconds = match.groups()
        total = 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds.replace(",", "."))
        found.append(Moment(total, 0.11 if re.search(r"[.,]", seconds) else 1.0, True, match[0]))
        return " "

    def length(match: re.Match[str]) -> str:
        value = _value(match[1])
        if value is None:
            return match[0]
        return _take(found, value, match[1], match[2], match[0])

    def second(match: re.Match[str]) -> str:
        return _take(found, float(match[2].replace(",", ".")), match[2], match[1], match[0])

    def both(match: re.Match[str]) -> str:
        for value in match[1], match[2]:
            _take(found, float(value.replace(",", ".")), value, match[3], match[0])
        return " "

    text = _CLOCK.sub(clock, text)
    text = _RANGE.sub(both, text)
    text = _SECOND_N.sub(second, text)
    return found, _SECONDS.sub(length, text)


def percents_in(text: str) -> tuple[list[float], str]:
    """Shares in [0, 1] that the text gives in per cent, and the text without them."""
    return [float(p.replace(",", ".")) / 100 for p in _PERCENT.findall(text)], _PERCENT.sub(" ", text)


def counts_in(text: str) -> list[Count]:
    """Numbers in a text from which ids, times and percentages are taken: "three times", "4 gestures", "twice"."""
    bare = _ID.sub(" ", _WHO.sub(" ", text))
    found = [Count(1.0, "=", match[0].strip(" .,;!)")) for match in _ONCE.finditer(bare)]
    for match in _TWICE.finditer(bare):
        found.append(Count({"twice": 2.0, "thrice": 3.0}[match[1].lower()], _bound(bare, match.start()), match[1]))
    for match in _NUMBER.finditer(bare):
        value = _value(match[1])
        if value is not None:
            found.append(Count(value, _bound(bare, match.start()), match[0]))
    for match in re.finditer(r"[A-Za-z]+", bare):
        value = _NUMBERS.get(match[0].lower())
        if value is not None and value != 1:
            found.append(Count(value, _bound(bare, match.start()), match[0]))
    return found


def _take(found: list[Moment], value: float, written: str, unit: str, words: str) -> str:
    scale = 0.001 if unit.lower().startswith(("ms", "milli")) else _UNIT_SECONDS[unit[0].lower()]
    digits = len(re.split(r"[.,]", written)[1]) if re.search(r"\d[.,]\d", written) else 0
    found.append(Moment(value * scale, max(0.06, 0.51 * scale * 10.0**-digits), False, words.strip()))
    return " "


def _value(text: str) -> float | None:
    if text.lower() in _NUMBERS:
        return _NUMBERS[text.lower()]
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def _bound(text: str, start: int) -> str:
    match = _BOUND.search(text[:start])
    if match is None:
        return "="
    words = match[1].lower()
    if words in ("at least", "no fewer than"):
        return ">="
    if words in ("more than", "over"):
        return ">"
    return "<=" if words in ("at most", "up to") else "<"


def _places(said: Stems, form: Stems) -> list[int]:
    """Where the form begins in what is said, also turned round: "the jaw is touched" is "touching jaw"."""
    n = len(form)
    found = [at for at in range(len(said) - n + 1) if said[at : at + n] == form]
    if n > 1:
        turned = range(len(said) - n)
        rest = form[1:]
        found += [
            at
            for at in turned
            if said[at : at + n - 1] == rest and said[at + n - 1] in _TURNS and said[at + n] == form[0]
        ]
    return found


def _stem(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for ending in ("ing", "ed", "es", "s", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not (ending == "s" and word.endswith("ss")):
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
        word = word[:-1]
    return word[:-1] if word.endswith("e") and len(word) > 2 else word
