"""Templates, and the words that reports are made of: clock times, percentages, regions of the body.

Templates are Jinja2 with autoescape: a value is text, whatever stands in it; only what `fill` returned is markup.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from microgesture.vocabulary import BODY_REGIONS

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")

UNSURE = 0.5
"""Below this confidence an event is marked as unsure."""

REGION_TITLES = {
    "body": "Trunk, shoulders",
    "head": "Head and face",
    "upper limb": "Arms and hands",
    "lower limb": "Legs and feet",
    "body-hand": "Hand at body",
    "head-hand": "Hand at head",
    "leg-hand": "Hand at leg",
    "": "Other",
}


def fill(template: str, **values: object) -> Markup:
    """A template of the package (`report/page.html`) with these values in it, as markup."""
    from markupsafe import Markup

    return Markup(_environment().get_template(template).render(values))


def asset(name: str) -> str:
    """The text of a file of the package, by its path in it."""
    return (resources.files("microgesture") / name).read_text("utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(asset),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clock": clock,
        "percent": percent,
        "fixed": lambda number, decimals=1: f"{number:.{decimals}f}",
        "share": lambda number: min(1.0, max(0.0, number)),
        "region_class": region_class,
        "region_title": region_title,
    }
    environment.globals |= {"UNSURE": UNSURE}
    return environment


def clean(value: object) -> object:
    """A value as a template takes it: markup as it is, anything else as text in which control and direction-changing
    characters and lone surrogates (undecodable file names) have become U+FFFD; Jinja2 escapes it."""
    if hasattr(value, "__html__"):
        return value
    return _CONTROL.sub("\ufffd", str(value).encode("utf-8", "replace").decode("utf-8"))


def region_class(region: str) -> str:
    """CSS class of a body region, "r7" for those we do not know."""
    return f"r{BODY_REGIONS.index(region)}" if region in BODY_REGIONS else "r7"


def region_title(region: str) -> str:
    """A body region in plain words."""
    return REGION_TITLES.get(region, region)


def clock(seconds: float, decimals: int = 1) -> str:
    """Seconds as m:ss.s, or h:mm:ss.s from an hour on: 75.25 -> "1:15.3"."""
    units = 10**decimals
    total = int(seconds * units + 0.5)
    whole, fraction = divmod(total, units)
    minutes, secs = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    tail = f".{fraction:0{decimals}d}" if decimals else ""
    return f"{hours}:{minutes:02d}:{secs:02d}{tail}" if hours else f"{minutes}:{secs:02d}{tail}"


def percent(share: float) -> str:
    """A share as whole percent, never rounded up to certainty: 0.996 -> "99 %". The space does not break."""
    value = round(100 * share)
    if value == 100 and share < 1:
        value = 99
    if value == 0 and share > 0:
        return "< 1\u00a0%"
    return f"{value}\u00a0%"
