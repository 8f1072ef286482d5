"""A reply is data: read from the text of a model into a form that holds nothing else.

Reading forgives wrapping (a code fence, a `<think>` block), not content: one JSON object of exactly this form.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MOST_REASONS = 40
_LONGEST = 100_000
_THOUGHT_END = re.compile(r"^.*</(?:think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)


class Reason(BaseModel):
    """One claim and what it rests on. `gesture` is the label of all cited events, None when they differ."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    claim: str = Field(min_length=1, max_length=600)
    gesture: str | None
    events: list[str] = Field(max_length=2000)
    utterances: list[str] = Field(max_length=2000)
    direction: Literal["for", "against", "neither"]


class Reply(BaseModel):
    """An answer, how probable it is, and the claims that it rests on."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    answer: str = Field(min_length=1, max_length=200)
    probability: float = Field(ge=0.0, le=1.0, allow_inf_nan=False)
    reasons: list[Reason] = Field(max_length=MOST_REASONS)


class NotAReply(ValueError):
    """The text is no reply; `problems` say why in plain words."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def parse_reply(text: str) -> Reply:
    """The reply in a model's text. Raises `NotAReply` with every problem."""
    if len(text) > _LONGEST:
        raise NotAReply([f"the reply is longer than {_LONGEST} characters"])
    inner = _unwrapped(text)
    if not inner:
        raise NotAReply(["the reply is empty"])
    try:
        values = json.loads(inner, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise NotAReply([_not_json(inner, error)]) from None
    if not isinstance(values, dict):
        raise NotAReply(["the reply is JSON, but not an object with answer, probability and reasons"])
    try:
        return Reply.model_validate(values)
    except ValidationError as error:
        problems = [_plain(e) for e in error.errors(include_url=False, include_input=False)]
        raise NotAReply(list(dict.fromkeys(problems))[:20]) from None


def _unwrapped(text: str) -> str:
    """Without thoughts; of a text with one fenced block, the block."""
    text = _THOUGHT_END.sub("", text).strip().removeprefix("\ufeff")
    fenced = _FENCE.findall(text)
    return fenced[0].strip() if len(fenced) == 1 else text


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise ValueError(f"the key '{twice[:40]}' appears twice")
    return dict(pairs)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


def _not_json(text: str, error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        if error.msg == "Extra data":
            return "there is text after the JSON object; the reply must be the object alone"
        if not text.startswith("{") and "{" in text:
            return "there is text before the JSON object; the reply must be the object alone"
        return f"the reply is not JSON ({error.msg}, line {error.lineno})"
    return f"the reply is not JSON ({error})"


def _plain(error: Any) -> str:
    """One problem of the form, in plain words, without what the model wrote."""
    path = list(error["loc"])
    where = "".join(f" of reason {p + 1}" if isinstance(p, int) and i == 1 else "" for i, p in enumerate(path))
    name = next((str(p)[:40] for p in reversed(path) if not isinstance(p, int)), "the reply")
    if error["type"] == "missing":
        return f"'{name}'{where} is missing"
    if error["type"] == "extra_forbidden":
        return f"there is a key '{name}'{where} that a reply has not"
    return f"'{name}'{where}: {error['msg'][0].lower()}{error['msg'][1:]}"
