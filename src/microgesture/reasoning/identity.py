"""Who it was: names become P1, S1, ..., wherever they stand, before anything is shown to a model.

Only names that the files themselves give as a person or a speaker can be known. A name that is merely spoken ("as
my brother John said") stays; addresses of web, mail and telephone are taken out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from microgesture.reasoning.wording import words

_NUMBERED = re.compile(r"P\d{1,3}")
_ADDRESS = re.compile(
    r"https?://\S+|\bwww\.\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<!\w)@\w{2,}"
    r"|(?<![\w.])\+?\d(?:[ ()/-]{0,2}\d){7,}(?!\w|[.,]\d)"
)
_WORDS_TOO = frozenset(words("names_and_words").split())
_ROLES = frozenset(words("roles").split())


@dataclass(frozen=True)
class Names:
    """`persons` and `speakers` map names as the files give them to P1, ... and S1, ...; `same` maps a speaker's
    number to the person of the same name."""

    persons: dict[str, str]
    speakers: dict[str, str]
    same: dict[str, str]
    _patterns: tuple[tuple[re.Pattern[str], str], ...] = ()

    def hidden(self, text: str) -> str:
        """The text with every known name as its number, and addresses as `[address]`."""
        for pattern, number in self._patterns:
            text = pattern.sub(number, text)
        return _ADDRESS.sub("[address]", text)


def names_of(persons: Sequence[str], speakers: Iterable[str]) -> Names:
    """Numbers in order of first appearance. Persons that are called P1, P2, ... already keep that."""
    unique = list(dict.fromkeys(persons))
    if all(_NUMBERED.fullmatch(p) for p in unique):
        numbered = {p: p for p in unique}
    else:
        numbered = {p: f"P{i}" for i, p in enumerate(unique, 1)}
    said = {s: f"S{i}" for i, s in enumerate(dict.fromkeys(s for s in speakers if s), 1)}
    by_fold = {p.casefold(): number for p, number in numbered.items()}
    same = {number: by_fold[s.casefold()] for s, number in said.items() if s.casefold() in by_fold}
    everyone = list(said.items())
    everyone += [(p, n) for p, n in numbered.items() if p != n and p.casefold() not in {s.casefold() for s in said}]
    return Names(numbered, said, same, tuple(_patterns(everyone)))


def _patterns(everyone: Sequence[tuple[str, str]]) -> Iterable[tuple[re.Pattern[str], str]]:
    """Whole names first, longest first, then their parts that belong to one person alone."""
    whole = [(name, number) for name, number in everyone if len(name) > 1 or _unspaced(name)]
    for name, number in sorted(whole, key=lambda entry: -len(entry[0])):
        if name.casefold() not in _ROLES and not _NUMBERED.fullmatch(name):
            loose = name.casefold() not in _WORDS_TOO
            yield _pattern(name, ignore_case=loose), number
    owners: dict[str, set[str]] = {}
    spelt: dict[str, str] = {}
    for name, number in everyone:
        for part in re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", name):
            owners.setdefault(part.casefold(), set()).add(number)
            spelt.setdefault(part.casefold(), part)
    for folded in sorted(owners, key=len, reverse=True):
        if len(owners[folded]) > 1 or folded in _ROLES or len(folded) < 2:
            continue
        loose = folded not in _WORDS_TOO and len(folded) > 3
        yield _pattern(spelt[folded], ignore_case=loose), next(iter(owners[folded]))


def _pattern(name: str, ignore_case: bool) -> re.Pattern[str]:
    """Finds a name also without its accents; with capitals only where it is a word as well."""
    forms = {name, _bare(name)}
    if not ignore_case:
        forms |= {f.capitalize() for f in forms} | {f.upper() for f in forms}
        forms = {f for f in forms if not f.islower()} or {name.capitalize(), name.upper()}
    joined = "|".join(r"\s+".join(map(re.escape, f.split())) for f in sorted(forms, key=len, reverse=True))
    edges = joined if _unspaced(name) else rf"(?<!\w)(?:{joined})(?!\w)"
    return re.compile(edges, re.IGNORECASE if ignore_case else 0)


def _bare(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


def _unspaced(name: str) -> bool:
    """Written without spaces between words, as Chinese and Japanese names are."""
    return any(unicodedata.category(c) == "Lo" for c in name)
