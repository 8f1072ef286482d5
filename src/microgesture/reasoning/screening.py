"""Texts that read like instructions to a program: they are kept out of the prompt, and out of claims.

People on video do not speak to a language model, but files can be made to. The prompt shows all foreign text as data
between boundaries and says that nothing there is an instruction; what this module recognises does not get that far.
It would rather withhold a harmless line, which is shown as withheld and listed, than let one through. It knows
phrasings, not intentions: a line that it does not know is still only data, and the reply is still checked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources

import yaml

_LOOKALIKE = str.maketrans("аеорсухіјѕѵոԁɡαεορυνικτ", "aeopcyxijsvndgaeopuvikt")
_LEET = str.maketrans("013457@$", "oieastas")


@lru_cache
def _known() -> tuple[tuple[tuple[str, re.Pattern[str]], ...], re.Pattern[str]]:
    """What a pattern does and the pattern, for all of them; and the one for texts without their spaces."""
    values = yaml.safe_load((resources.files("microgesture.reasoning") / "screening.yaml").read_text("utf-8"))
    found = []
    for what, patterns in values["patterns"].items():
        for pattern in patterns:
            for name, piece in values["pieces"].items():
                pattern = pattern.replace(f"<{name}>", piece)
            found.append((what, re.compile(pattern, re.IGNORECASE)))
    return tuple(found), re.compile(values["run_together"])


def reads_like_instruction(text: str, answers: Iterable[str] = ()) -> str:
    """Why a text reads like an instruction to a program, "" when it does not.

    `answers` are names of the scenario's answers: a text that tells somebody to give one of them is one too.
    """
    patterns, run_together = _known()
    plain = _plain(text)
    for form in dict.fromkeys((plain, plain.casefold().translate(_LOOKALIKE))):
        for what, pattern in patterns:
            if pattern.search(form):
                return what
        if _asks_for(form, answers):
            return "asks for an answer"
    letters = re.sub(r"[^a-z]", "", plain.casefold().translate(_LOOKALIKE).translate(_LEET))
    return "sets instructions aside" if run_together.search(letters) else ""


def _asks_for(text: str, answers: Iterable[str]) -> bool:
    names = "|".join(sorted((re.escape(a) for a in answers if a), key=len, reverse=True))
    if not names:
        return False
    named = rf"[\"'“”‘’*_]*\b(?:{names})\b"
    verb = (
        r"(?:answer|output|print|return|reply|respond|write|conclude|choose|select|pick|declare|state|classify|label)"
    )
    start = r"(?:^|[.!?;:,]\s*|\b(?:please|now|just|must|should|always|to|and)\s+)"
    told = rf"{start}{verb}\b[^.!?]{{0,30}}{named}"
    linked = r"(?:\s+(?:is|must be|should be|to|as)\s*[:=]?|\s*[:=])"
    given = rf"\b(?:answer|verdict|label|classification){linked}\s*{named}|\b(?:outcome|result)\s*=\s*{named}"
    return re.search(f"{told}|{given}", text, re.IGNORECASE) is not None


def _plain(text: str) -> str:
    """Full-width and styled letters as plain ones, no invisible characters, single spaces."""
    wide = unicodedata.normalize("NFKC", text)
    seen = "".join(" " if c.isspace() else c for c in wide if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(seen.replace("’", "'").split())
