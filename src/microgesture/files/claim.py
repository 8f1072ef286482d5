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
    check_claim(note, mine, what)
    return True


def check_claim(note: Path, mine: Mapping[str, Any], what: str) -> None:
    """Raise `UserError` naming the first setting in which the work that a note describes differs from `mine`, or when
    it is the note of something else."""
    try:
        found = parse_json(note.read_text("utf-8"))
        known = _settings({key: found[key] for key in found.keys() & mine.keys()})
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{note}: cannot be read as the note of a {what}") from error
    if not known:
        raise UserError(f"{note}: is not the note of a {what}")
    wanted = _settings(json.loads(json.dumps(mine)))
    for place in dict.fromkeys((*wanted, *known)):
        was, now = (json.dumps(values.get(place)) for values in (known, wanted))
        if was != now:
            change = f"{was}, now {now}" if len(was + now) <= 80 else "differs"
            raise UserError(f"{note.parent}: holds another {what} ({place[-1]} {change}): choose another folder")


def _settings(values: Mapping[str, Any], place: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Settings by the names that lead to them."""
    flat: dict[tuple[str, ...], Any] = {}
    for key, value in values.items():
        inner = (*place, key)
        flat |= _settings(value, inner) if isinstance(value, Mapping) and value else {inner: value}
    return flat
