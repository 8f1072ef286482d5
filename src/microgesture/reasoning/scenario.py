"""A scenario: what is known of the situation, what is asked, which answers there are, and what to beware of.

Scenarios are YAML files beside this module (`scenarios/`); a user copies one and changes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from microgesture.errors import DataError
from microgesture.files.atomic import write_text
from microgesture.files.plain_yaml import PlainLoader, load_yaml

UNDECIDED = "undecided"
"""Every scenario allows this answer: the evidence does not say."""

_SUFFIXES = (".yaml", ".yml")
_MOST_BYTES = 100_000


class Scenario(BaseModel):
    """`answers` maps each answer to its other names; "undecided" is always allowed besides and never listed.

    Names of answers differ from each other and from all other names, whatever the capitals, spaces and hyphens.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: str = Field(min_length=1, max_length=200)
    situation: str = Field(min_length=1, max_length=4000)
    question: str = Field(min_length=1, max_length=1000)
    answers: Mapping[str, list[str]]
    cautions: list[str] = Field(min_length=1)
    name: str = Field(default="", exclude=True)

    @field_validator("answers", mode="before")
    @classmethod
    def _texts(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            raise ValueError("must be names, each with a list of other names: 'won: [win, positive]'")
        for answer, aliases in given.items():
            if not isinstance(answer, str) or not answer.strip():
                raise ValueError(f"the name {answer!r} is not a text; put it in quotes")
            if aliases is not None and not isinstance(aliases, list):
                raise ValueError(f"the other names of '{answer}' must be a list: [win, positive]")
            bad = next((a for a in aliases or () if not isinstance(a, str) or not a.strip()), None)
            if bad is not None:
                raise ValueError(f"'{answer}' has the other name {bad!r}, which is not a text; put it in quotes")
        return {answer.strip(): [a.strip() for a in aliases or ()] for answer, aliases in given.items()}

    @model_validator(mode="after")
    def _distinct(self) -> Scenario:
        if len(self.answers) < 2:
            raise ValueError(f"answers: two or more are needed besides '{UNDECIDED}'")
        owner: dict[str, str] = {fold(UNDECIDED): UNDECIDED}
        for answer, aliases in self.answers.items():
            for name in dict.fromkeys(map(fold, (answer, *aliases))):
                if not name:
                    raise ValueError(f"answers: '{answer}' has a name without letters")
                if name in owner:
                    also = f"is '{UNDECIDED}', which is always allowed" if owner[name] == UNDECIDED else ""
                    raise ValueError(f"answers: '{name}' {also or f'names both {owner[name]} and {answer}'}")
                owner[name] = answer
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The answers in order, and "undecided" last."""
        return (*self.answers, UNDECIDED)

    @property
    def chance(self) -> float:
        """What guessing gives: one over the number of answers, "undecided" not counted."""
        return 1.0 / len(self.answers)

    @property
    def sha256(self) -> str:
        """Hash of all that it says, whatever the layout of its file."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    def answer_of(self, text: str) -> str | None:
        """The answer that a text names by its name or another one, None for none of them."""
        folded = fold(text)
        if folded == fold(UNDECIDED):
            return UNDECIDED
        for answer, aliases in self.answers.items():
            if folded in map(fold, (answer, *aliases)):
                return answer
        return None


def fold(text: str) -> str:
    """A name without what does not count: capitals, marks, hyphens, underscores, runs of spaces."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def scenario_names() -> tuple[str, ...]:
    """The scenarios of the package."""
    folder = resources.files("microgesture.reasoning") / "scenarios"
    return tuple(sorted(f.name.rpartition(".")[0] for f in folder.iterdir() if f.name.endswith(_SUFFIXES)))


def scenario_text(name: str) -> str:
    """The file of a scenario of the package, as it is. Raises `DataError` for an unknown name."""
    if name not in scenario_names():
        raise DataError(f"no scenario '{name}': there are {', '.join(scenario_names())}")
    return (resources.files("microgesture.reasoning") / "scenarios" / f"{name}.yaml").read_text("utf-8")


def load_scenario(source: str | Path) -> Scenario:
    """A scenario of the package by its name, or a YAML file of the same form.

    Raises `DataError` in one line: no such name or file, not YAML, unknown or missing key, answers that clash.
    """
    if str(source) in scenario_names():
        return parse_scenario(scenario_text(str(source)), str(source), str(source))
    path = Path(source)
    if path.suffix.lower() not in _SUFFIXES and not path.is_file():
        raise DataError(f"no scenario '{source}': there are {', '.join(scenario_names())}, or give a .yaml file")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path}: too long for a scenario ({_MOST_BYTES} bytes at most)")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text in UTF-8 ({error})") from error
    return parse_scenario(text, str(path), path.stem)


def parse_scenario(text: str, source: str, name: str) -> Scenario:
    """A scenario from a file's text. Raises `DataError` naming `source`, in one line."""
    try:
        values = load_yaml(text, _Loader)
    except yaml.YAMLError as error:
        raise DataError(f"{source}: not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(values, dict):
        raise DataError(f"{source}: not a scenario: it needs the keys {', '.join(_keys())}")
    if unknown := next((key for key in values if key not in _keys()), None):
        raise DataError(f"{source}: unknown key '{unknown}': a scenario has {', '.join(_keys())}")
    try:
        return Scenario(**values, name=name)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        what = first["msg"].removeprefix("Value error, ")
        raise DataError(f"{source}: {where}: {what}" if where else f"{source}: {what}") from error


def copy_scenario(name: str, out: Path) -> Path:
    """Copy a scenario of the package to a file that is not there yet. Raises `DataError` when it is."""
    text = scenario_text(name)
    if out.suffix.lower() not in _SUFFIXES:
        raise DataError(f"{out}: give the copy a name that ends in .yaml")
    if out.exists():
        raise DataError(f"{out}: is there already; choose another name")
    return write_text(out, text)


def _keys() -> tuple[str, ...]:
    return tuple(key for key in Scenario.model_fields if key != "name")


class _Loader(PlainLoader):
    """Refuses aliases too."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("a scenario has no use for aliases (*name)")
        return super().compose_node(parent, index)
