"""Ranges and choices of settings: stated where a setting is defined, checked by one function.

A configuration is a dataclass whose fields say what they take: their type, a `Literal` for a choice, `within(...)` for
a range. (pydantic would state the same, but its import and its classes cost 0.2 to 0.4 s before the first verb runs,
and what it says of a wrong value is three lines.)
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from microgesture.errors import RecipeError, UserError

KINDS = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "a text"}
"""What a setting of a type is, for a person."""
_TYPES: dict[Any, Any] = {bool: bool, int: numbers.Integral, float: numbers.Real, str: str}


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, which belong to it, or `above` and `below` values that do not; None: unbounded."""

    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None

    def __contains__(self, value: float) -> bool:
        return (
            (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        if self.low is not None and self.high is not None:
            return f"between {self.low:.10g} and {self.high:.10g}"
        ends = {"above ": self.above, "": self.low, "below ": self.below, "at most ": self.high}
        said = [f"{what}{end:.10g}{'' if what else ' or more'}" for what, end in ends.items() if end is not None]
        return " and ".join(said)


def within(
    default: Any,
    low: float | None = None,
    high: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
) -> Any:
    """The field of a setting that is a number in a `Range`, or a range of numbers (two, the smaller one first)."""
    return field(default=default, metadata={"range": Range(low, high, above, below)})


def check_settings(config: Any, where: str, error: type[UserError] = RecipeError) -> None:
    """Check every field of a dataclass, and make tuples of lists where tuples are wanted.

    Raises `error` in one line for the first that is not of its type, not among its choices or outside its range: it
    begins with `where` and the field's name ("spotting." and "window_s"; behind "--" the name is spelled as a flag).
    """
    kind: Any = type(config)
    hints = _hints(kind)
    for setting in fields(config):
        hint, value = hints[setting.name], getattr(config, setting.name)
        if isinstance(value, list) and get_origin(hint) is tuple:
            value = tuple(value)
            object.__setattr__(config, setting.name, value)
        wanted = _fault(value, hint, setting.metadata.get("range"))
        if wanted:
            name = setting.name.replace("_", "-") if where == "--" else setting.name
            given = list(value) if isinstance(value, tuple) else value
            raise error(f"{where}{name} " + ("has no value" if value is None else f"must be {wanted}, got {given!r}"))


def check_choice(what: str, value: object, choices: Any) -> None:
    """Raise `RecipeError` unless a value is among the choices of a `Literal`."""
    if value not in get_args(choices):
        raise RecipeError(f"{what} is one of {', '.join(get_args(choices))}, got {value!r}")


def listed(names: Sequence[object]) -> str:
    """Choices in words: "a, b or c"."""
    *most, last = map(str, names)
    return f"{', '.join(most)} or {last}" if most else last


def _fault(value: Any, hint: Any, limits: Range | None) -> str:
    """What a value should have been; "" where it is right."""
    if get_origin(hint) is Literal:
        return "" if value in get_args(hint) else listed(get_args(hint))
    if not _is(value, hint):
        return _kind(hint)
    if limits is None or value is None:
        return ""
    ends = value if isinstance(value, tuple) else (value,)
    if all(end in limits for end in ends) and list(ends) == sorted(ends):
        return ""
    both = str(limits).replace("between", "within")
    return f"an ascending range {both}" if isinstance(value, tuple) else str(limits)


def _is(value: Any, hint: Any) -> bool:
    """Whether a value is of a type, as far as settings use types; of other types everything is."""
    if get_origin(hint) in (Union, UnionType):
        return any(_is(value, each) for each in get_args(hint))
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        long = isinstance(value, tuple) and (inner[-1] is Ellipsis or len(inner) == len(value))
        return long and all(_is(part, inner[0]) for part in value)
    if hint in _TYPES:
        right = isinstance(value, _TYPES[hint]) and isinstance(value, bool) == (hint is bool)
        return right and (hint is not float or math.isfinite(value))
    return value is None if hint is NoneType else value is not None


def _kind(hint: Any) -> str:
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        counts = {2: "two numbers", 3: "three numbers"}
        return "a list of names" if inner[-1] is Ellipsis else counts.get(len(inner), f"{len(inner)} numbers")
    return KINDS[hint.__name__] if hint in _TYPES else "given"


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
