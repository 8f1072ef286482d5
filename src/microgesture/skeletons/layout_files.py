"""Layouts of one's own: a YAML file that names the joints of a skeleton, its bones, its centre, and left and right.

    name: upper-9
    joints: [head, neck, left_shoulder, left_elbow, left_hand, right_shoulder, right_elbow, right_hand, spine]
    bones:
      - [neck, head]
      - [neck, left_shoulder]
      ...
    centre: neck
    pairs:
      - [left_shoulder, right_shoulder]
      ...

`joints` stand in the order of the files' points, `bones` join all of them without a ring, `centre` is the joint at the
origin, `pairs` are what a mirror exchanges (without the key: all `left_x` and `right_x`). The same mapping may stand in
a recipe (`data.layout`), and every run holds that of its data. `layout.yaml` beside a skeleton file is the file's.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from microgesture.errors import DataError
from microgesture.files.atomic import write_text
from microgesture.files.plain_yaml import load_yaml
from microgesture.skeletons.layouts import LAYOUTS
from microgesture.skeletons.skeleton import Layout, mirror_pairs

log = logging.getLogger(__name__)

NAME = "layout.yaml"
"""A layout file of this name is that of the skeleton files in its folder."""
KEYS = ("name", "joints", "bones", "centre", "pairs")
LayoutLike = Layout | str | Mapping[str, Any]
"""A layout, the name of one of `LAYOUTS`, a layout file (`.yaml`), or what stands in one."""
_MOST_BYTES = 1 << 16
_MOST_NESTED = 20


def as_layout(layout: LayoutLike) -> Layout:
    """The layout that is meant. Raises `DataError` in one line that names the file and the entry."""
    if isinstance(layout, Layout):
        return layout
    if isinstance(layout, Mapping):
        return layout_from_values(layout, f"layout '{str(layout.get('name', ''))[:40]}'")
    if layout in LAYOUTS:
        return LAYOUTS[layout]
    if Path(layout).suffix.lower() in (".yaml", ".yml"):
        return read_layout(layout)
    raise DataError(f"no keypoint layout '{layout}': known are {', '.join(LAYOUTS)}, and .yaml files of your own")


def described(layout: Layout) -> str | dict[str, Any]:
    """What `as_layout` makes the layout of again without any file: its name, or all of it when it is one's own."""
    return layout.name if LAYOUTS.get(layout.name) == layout else layout_values(layout)


def layout_values(layout: Layout) -> dict[str, Any]:
    """The keys of a layout file as plain values."""
    return {
        "name": layout.name,
        "joints": list(layout.joints),
        "bones": [list(bone) for bone in layout.bones],
        "centre": layout.center,
        "pairs": [list(pair) for pair in layout.flip],
    }


def layout_beside(path: str | Path) -> Layout | None:
    """The layout of `layout.yaml` in a folder, or in that of a file (`file.pkl::clip` too); None without one.

    Raises `DataError` when the file is no layout.
    """
    place = Path(str(path).partition("::")[0])
    file = (place if place.is_dir() else place.parent) / NAME
    return read_layout(file) if file.is_file() else None


def read_layout(path: str | Path) -> Layout:
    """Read a layout file. Raises `DataError` in one line that names the file and the entry that is wrong."""
    try:
        data = Path(path).read_bytes()
        if len(data) > _MOST_BYTES:
            raise DataError(f"{path}: a layout file has a few lines, not {len(data):,} bytes")
        text = data.decode("utf-8-sig")
        if _nesting(text) > _MOST_NESTED:
            raise DataError(f"{path}: brackets in brackets, {_nesting(text)} deep: not a layout file")
        values = load_yaml(text)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200] if isinstance(error, yaml.YAMLError) else "not text"
        raise DataError(f"{path}: not valid YAML ({reason})") from error
    if not isinstance(values, Mapping):
        raise DataError(f"{path}: a layout is a mapping with the keys {', '.join(KEYS)}")
    return layout_from_values(values, str(path))


def _nesting(text: str) -> int:
    """How deep brackets stand in brackets at most, those in quotes and comments counted too."""
    steps = np.array([(mark in "[{") - (mark in "]}") for mark in text], dtype=np.int64)
    return int(steps.cumsum().max(initial=0))


def write_layout(path: str | Path, layout: Layout) -> None:
    """Write a layout file that `read_layout` reads again. Raises `UserError` when the disk refuses."""
    write_text(Path(path), yaml.safe_dump(layout_values(layout), sort_keys=False, allow_unicode=True))


def layout_from_values(values: Mapping[str, Any], source: str) -> Layout:
    """The layout of a mapping as in a layout file; `source` begins the error messages (`DataError`)."""
    return _Reader(values, source).read()


class _Reader:
    """One layout file; every complaint names the key and, in a list, the entry, counted from 1."""

    def __init__(self, values: Mapping[str, Any], source: str) -> None:
        self.values, self.source = dict(values), source
        if "center" in self.values:
            self.values.setdefault("centre", self.values.pop("center"))

    def read(self) -> Layout:
        if unknown := [key for key in self.values if key not in KEYS]:
            raise self.error(f"no key '{unknown[0]}' in a layout: known are {', '.join(KEYS)}")
        name = self._text("name", self._needed("name"))
        self.joints = self._joints()
        bones = self._bones()
        centre = self._joint("centre", self._needed("centre"))
        pairs = self._pairs() if "pairs" in self.values else mirror_pairs(self.joints)
        layout = Layout(name, self.joints, bones, centre, pairs)
        if name in LAYOUTS and LAYOUTS[name] != layout:
            raise self.error(f"name: '{name}' is a layout of the package with other joints or bones: choose another")
        self._warn_of_lopsided(layout)
        return layout

    def error(self, what: str) -> DataError:
        return DataError(f"{self.source}: {what}")

    def _needed(self, key: str) -> Any:
        if self.values.get(key) is None:
            raise self.error(f"no '{key}': a layout has the keys {', '.join(KEYS)}")
        return self.values[key]

    def _entries(self, key: str, value: Any) -> Sequence[Any]:
        if not isinstance(value, list | tuple):
            raise self.error(f"{key}: expected a list, not {str(value)[:40]!r}")
        return value

    def _text(self, where: str, value: Any) -> str:
        if not isinstance(value, str) or not value.strip() or "\n" in value:
            raise self.error(f"{where}: {str(value)[:40]!r} is no name (numbers, yes and no need quotes in YAML)")
        return value.strip()

    def _joints(self) -> tuple[str, ...]:
        names: list[str] = []
        for number, value in enumerate(self._entries("joints", self._needed("joints")), 1):
            name = self._text(f"joints, entry {number}", value)
            if name in names:
                raise self.error(f"joints, entry {number}: '{name}' stands in entry {names.index(name) + 1} already")
            names.append(name)
        if len(names) < 2:
            raise self.error("joints: a skeleton has two joints or more")
        return tuple(names)

    def _joint(self, where: str, value: Any) -> str:
        name = self._text(where, value)
        if name not in self.joints:
            near = difflib.get_close_matches(name, self.joints, 1)
            raise self.error(f"{where}: no joint '{name}'" + (f", there is '{near[0]}'" if near else ""))
        return name

    def _two(self, key: str, number: int, value: Any) -> tuple[str, str]:
        where = f"{key}, entry {number}"
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise self.error(f"{where}: expected two joints, as in [{self.joints[0]}, {self.joints[1]}]")
        first, second = (self._joint(where, name) for name in value)
        if first == second:
            raise self.error(f"{where}: '{first}' is joined to itself")
        return first, second

    def _bones(self) -> tuple[tuple[str, str], ...]:
        """The bones, each of which must join two parts that nothing joined before."""
        part = {joint: {joint} for joint in self.joints}
        bones = []
        for number, value in enumerate(self._entries("bones", self._needed("bones")), 1):
            first, second = self._two("bones", number, value)
            if part[first] is part[second]:
                raise self.error(f"bones, entry {number}: {first} and {second} are joined already: bones make no rings")
            part[first] |= part[second]
            part |= dict.fromkeys(part[second], part[first])
            bones.append((first, second))
        apart = [joint for joint in self.joints if part[joint] is not part[self.joints[0]]]
        if apart:
            raise self.error(f"bones: nothing joins '{apart[0]}' to '{self.joints[0]}'")
        return tuple(bones)

    def _pairs(self) -> tuple[tuple[str, str], ...]:
        pairs: list[tuple[str, str]] = []
        taken: dict[str, int] = {}
        for number, value in enumerate(self._entries("pairs", self.values["pairs"] or []), 1):
            pair = self._two("pairs", number, value)
            for joint in pair:
                if joint in taken:
                    raise self.error(f"pairs, entry {number}: '{joint}' stands in entry {taken[joint]} already")
                taken[joint] = number
            pairs.append(pair)
        self._check_sides(pairs)
        return tuple(pairs)

    def _check_sides(self, pairs: Sequence[tuple[str, str]]) -> None:
        """What the names say of left and right must be what the pairs say."""
        other = dict(pairs) | {right: left for left, right in pairs}
        for left, right in mirror_pairs(self.joints):
            if other.get(left) == right:
                continue
            wrong = next((number for number, pair in enumerate(pairs, 1) if {left, right} & set(pair)), None)
            where = "pairs" if wrong is None else f"pairs, entry {wrong}"
            raise self.error(f"{where}: '{left}' belongs to '{right}', by their names")

    def _warn_of_lopsided(self, layout: Layout) -> None:
        mirror = dict(zip(layout.joints, (layout.joints[i] for i in layout.flip_permutation), strict=True))
        bones = {frozenset(bone) for bone in layout.bones}
        for a, b in layout.bones:
            if frozenset((mirror[a], mirror[b])) not in bones:
                what = "mirrored it is %s - %s, which is no bone: are the pairs right?"
                log.warning("%s: bone %s - %s: " + what, self.source, a, b, mirror[a], mirror[b])
                return
