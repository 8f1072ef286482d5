"""A folder that belongs to one piece of work: the same command goes on in it, any other is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microgesture.errors import UserError
from microgesture.files.atomic import write_json
from microgesture.files.plain_json import parse_json


def claim_folder(note: Path, mine: Mapping[str, Any], what: str, facts: Mapping[str, Any] | None = None) -> bool:
    """Write the JSON file `note`, which makes its folder that of the work that `mine` describes, or see that it is.

    `what` is work of this kind, for a person ("chain"); `facts` are written into the note and compared with nothing.
    Returns whether the work had been begun before. Raises `UserError` when the folder holds anything else, naming the
    first setting that differs where it holds other work of this kind.
    """
    folder = note.parent
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file, not a folder")
    if not note.is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise UserError(f"{folder}: is not empty and holds no {what}: choose another folder")
        write_json(note, {**mine, **(facts or {})})
        return False
    try:
        found = {key: parse_json(note.read_text("utf-8"))[key] for key in mine}
        known, wanted = _settings(found), _settings(json.loads(json.dumps(mine)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{note}: cannot be read as the note of a {what}") from error
    for key, value in wanted.items():
        if known.get(key) != value:
            change = f"{json.dumps(known.get(key))}, now {json.dumps(value)}"
            change = change if len(change) <= 80 else "differs"
            raise UserError(f"{folder}: holds another {what} ({key} {change}): choose another folder")
    return True


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name, those of a mapping inside by theirs."""
    inside = [value for value in values.values() if isinstance(value, dict)]
    return {k: v for part in (values, *inside) for k, v in part.items() if not isinstance(v, dict)}
