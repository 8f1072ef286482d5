"""Who answers: one module a backend behind one small protocol, found by name. No client is imported here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from microgesture.errors import UserError
from microgesture.reasoning.evidence import Evidence
from microgesture.reasoning.prompt import Message
from microgesture.reasoning.scenario import Scenario
from microgesture.registry import Registry
from microgesture.settings import check_settings, within


class NoReply(UserError):
    """A backend gave no reply: `late` when its time ran out, else the server is down or refused the request."""

    def __init__(self, message: str, late: bool = False) -> None:
        super().__init__(message)
        self.late = late


@dataclass(frozen=True)
class Task:
    """What is put to a backend. A language model sees the `messages` and nothing else; the template reads the rest."""

    messages: Sequence[Message]
    schema: Mapping[str, Any]
    scenario: Scenario
    evidence: Evidence


@dataclass(frozen=True)
class RawReply:
    """What came back: the text as it is, why the model stopped ("stop", "length", ...), tokens where they are counted,
    and `refusal`, the model's words when it declined to answer."""

    text: str
    finish_reason: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    refusal: str = ""


@dataclass(frozen=True)
class Settings:
    """Settings of a backend; the template needs none of them. `timeout` is seconds that one reply may take in all."""

    model: str = ""
    base_url: str = ""
    api_key_env: str = ""
    temperature: float = within(0.0, 0, 2)
    seed: int = 0
    timeout: float = within(60.0, above=0, high=86_400)
    max_tokens: int = within(2048, 1)

    def __post_init__(self) -> None:
        check_settings(self, "--")


class Backend(Protocol):
    """`name` is the backend's, `model` what answers in it, `base_url` where (no credentials, "" for nowhere),
    `remark` what a user should know before anything is sent ("" for nothing)."""

    name: str
    model: str
    base_url: str
    remark: str
    language_model: bool

    def reply(self, task: Task) -> RawReply:
        """Answer once. Raises `NoReply` in one line."""
        ...


BACKENDS: Registry[Callable[[Settings], Backend]] = Registry("backend", "microgesture.reasoning.backends")
register_backend = BACKENDS.register
"""Decorator `@register_backend("name")` for a function of `Settings` that opens a `Backend`."""


def open_backend(name: str, settings: Settings) -> Backend:
    """A backend by name. Raises `RecipeError` for an unknown one or settings that do not fit, `MissingExtra`."""
    return BACKENDS.find(name)(settings)
