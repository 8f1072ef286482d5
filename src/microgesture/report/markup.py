"""Small pieces of HTML text: escaping, clock times, percentages, meters."""

from __future__ import annotations

import html
import re

from microgesture.vocabulary import BODY_REGIONS

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


def esc(value: object) -> str:
    """Text for element content or a quoted attribute: nothing in it can become markup.

    Control and direction-changing characters and lone surrogates (undecodable file names) become U+FFFD.
    """
    text = str(value).encode("utf-8", "replace").decode("utf-8")
    return html.escape(_CONTROL.sub("\ufffd", text), quote=True)


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
        return "&lt; 1\u00a0%"
    return f"{value}\u00a0%"


def meter(share: float, css: str = "") -> str:
    """A bar filled to `share`; what it means stands in text beside it."""
    width = 100 * min(1.0, max(0.0, share))
    return f'<span class="meter {css}" aria-hidden="true"><i style="width:{width:.1f}%"></i></span>'
