"""What is kept of one explanation, as `explanation.json`: the accepted claims, or why there are none, and all that is
needed to ask again: raw replies, hashes, model, seed, temperature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from microgesture.errors import DataError
from microgesture.files.atomic import write_json
from microgesture.reasoning.evidence import Conditions, ShownUtterance, Withheld

SCHEMA = "microgesture/explanation-1"
"""Name and version of the form; readers refuse another."""

ACCEPTED, FAILED = "accepted", "failed"


@dataclass(frozen=True)
class Claim:
    """One accepted claim. `events` and `utterances` are ids as in the prompt; En is event n - 1 of the timeline."""

    claim: str
    gesture: str | None
    events: tuple[str, ...]
    utterances: tuple[str, ...]
    direction: str

    @property
    def event_indices(self) -> tuple[int, ...]:
        """Places of the cited events in the timeline, from 0."""
        return tuple(int(id[1:]) - 1 for id in self.events)


@dataclass(frozen=True)
class Attempt:
    """One reply as it came, and what was wrong with it."""

    raw: str
    finish_reason: str
    refusal: str
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """One reading of one timeline under one scenario.

    `answer` and `reasons` are there only when `status` is "accepted"; `probability` is that of the answer. `problems`
    say why it failed. `cited` are the utterances that the claims cite, as they were shown.
    """

    status: str
    answer: str | None
    probability: float | None
    reasons: tuple[Claim, ...]
    cited: tuple[ShownUtterance, ...]
    problems: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    scenario: str
    scenario_title: str
    question: str
    cautions: tuple[str, ...]
    scenario_sha256: str
    conditions: Conditions
    timed: bool
    events_shown: int
    utterances_shown: int
    backend: str
    model: str
    language_model: bool
    base_url: str
    temperature: float | None
    seed: int | None
    max_tokens: int | None
    prompt_sha256: str
    timeline_sha256: str
    withheld: tuple[Withheld, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    created: str
    tool: str

    @property
    def accepted(self) -> bool:
        return self.status == ACCEPTED

    @property
    def seconds(self) -> float:
        """Of all attempts together."""
        return sum(a.seconds for a in self.attempts)

    @property
    def tokens(self) -> int | None:
        """Of all attempts together, read and written; None where the server does not count."""
        counts = [(a.prompt_tokens or 0) + (a.completion_tokens or 0) for a in self.attempts]
        return sum(counts) if any(a.prompt_tokens is not None for a in self.attempts) else None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` reads them back."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], source: str = "explanation") -> Explanation:
        """Inverse of `to_json`. Raises `DataError` naming `source` when the form is another."""
        if not isinstance(values, Mapping) or values.get("schema") != SCHEMA:
            raise DataError(f"{source}: not an explanation: its 'schema' is not '{SCHEMA}'")
        try:
            given: dict[str, Any] = {f.name: values[f.name] for f in fields(cls)}
            given = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
            given["reasons"] = tuple(_claim(reason) for reason in given["reasons"])
            given["cited"] = tuple(ShownUtterance(**u) for u in given["cited"])
            given["attempts"] = tuple(Attempt(**{**a, "problems": tuple(a["problems"])}) for a in given["attempts"])
            given["conditions"] = Conditions(**given["conditions"])
            given["withheld"] = tuple(Withheld(**w) for w in given["withheld"])
            return cls(**given)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{source}: not a whole explanation ({error})") from error


def write_record(explanation: Explanation, path: Path) -> Path:
    """Write `explanation.json`, whole or not at all. Raises `UserError` when the disk refuses."""
    return write_json(path, plain_text(explanation.to_json()))


def plain_text(values: Any) -> Any:
    """The same values with lone surrogates, which UTF-8 cannot hold, as question marks."""
    if isinstance(values, str):
        return values.encode("utf-8", "replace").decode("utf-8")
    if isinstance(values, Mapping):
        return {plain_text(key): plain_text(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [plain_text(value) for value in values]
    return values


def _claim(values: Mapping[str, Any]) -> Claim:
    return Claim(**{**values, "events": tuple(values["events"]), "utterances": tuple(values["utterances"])})
