"""JSON from a file that a stranger may have written."""

from __future__ import annotations

import json
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """As `json.loads`. Raises `ValueError`, and nothing else, for whatever is not JSON, nested too deep, or a number of
    thousands of digits."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
