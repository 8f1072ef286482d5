"""Which gestures there are: class ids, names, plain descriptions and body regions.

Those of published data sets are JSON files in their folders (`corpora/NAME/`). A user's own vocabulary is a
list of texts, a text file with one gesture per line, or a JSON file of the same form as ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from microgesture.errors import DataError
from microgesture.files.data_sets import VOCABULARY, data_set_file, data_sets
from microgesture.files.plain_json import parse_json
from microgesture.files.text_tables import folded, text_of

BODY_REGIONS = (
    "body",
    "head",
    "upper limb",
    "lower limb",
    "body-hand",
    "head-hand",
    "leg-hand",
)
"""The seven body groups of MA-52, used for every vocabulary so that reports and tiers are alike.

"head-hand" is a hand at the head or face, "body-hand" a hand or arm at the trunk, neck or other arm.
"""


@dataclass(frozen=True, slots=True)
class GestureClass:
    """One class. `id` is the model's index, `file_id` the number in the data set's label files (iMiGUE: 99 is
    illustrative), `micro_gesture` is False for illustrative and other non-micro gestures."""

    id: int
    name: str
    description: str = ""
    body_region: str = ""
    file_id: int | None = None
    micro_gesture: bool = True


@dataclass(frozen=True)
class Vocabulary:
    """An ordered set of gesture classes; ids are 0..K-1 in order.

    Raises `DataError` on duplicate names, empty names, unknown body regions, or ids that are not 0..K-1.
    """

    name: str
    classes: tuple[GestureClass, ...]

    def __post_init__(self) -> None:
        if not self.classes:
            raise DataError(f"vocabulary '{self.name}' has no classes")
        seen: dict[str, int] = {}
        for position, cls in enumerate(self.classes):
            if cls.id != position:
                raise DataError(f"vocabulary '{self.name}': class '{cls.name}' has id {cls.id}, expected {position}")
            key = folded(cls.name)
            if not key:
                raise DataError(f"vocabulary '{self.name}': class {position} has an empty name")
            if key in seen:
                raise DataError(f"vocabulary '{self.name}': '{cls.name}' appears twice")
            if cls.body_region and cls.body_region not in BODY_REGIONS:
                raise DataError(f"vocabulary '{self.name}': '{cls.name}' has unknown body region '{cls.body_region}'")
            seen[key] = position
        object.__setattr__(self, "_index", seen)
        file_ids = {c.file_id: c.id for c in self.classes if c.file_id is not None}
        object.__setattr__(self, "_file_index", file_ids)

    def __len__(self) -> int:
        return len(self.classes)

    def __iter__(self) -> Iterator[GestureClass]:
        return iter(self.classes)

    def __getitem__(self, index: int) -> GestureClass:
        return self.classes[index]

    def __contains__(self, label: object) -> bool:
        return isinstance(label, str) and folded(label) in self._index  # type: ignore[attr-defined]

    @property
    def names(self) -> tuple[str, ...]:
        """Class names in id order: the label texts that the text encoder reads."""
        return tuple(c.name for c in self.classes)

    @property
    def background_id(self) -> int | None:
        """Id of the class `NO_GESTURE` (idling, speaking, nodding), None when the vocabulary has none."""
        return self._index.get(folded(NO_GESTURE))  # type: ignore[attr-defined]

    def with_background(self) -> Vocabulary:
        """The same vocabulary with `NO_GESTURE` as its last class, if it has none yet."""
        if self.background_id is not None:
            return self
        nothing = GestureClass(
            len(self.classes), NO_GESTURE, "The person idles, speaks or nods; no gesture.", "", None, False
        )
        return Vocabulary(self.name, (*self.classes, nothing))

    def index(self, label: str) -> int:
        """Class id of a label text; case and spacing do not matter. Raises `DataError` when unknown."""
        try:
            return self._index[folded(label)]  # type: ignore[attr-defined]
        except KeyError:
            raise DataError(f"label '{label}' is not in vocabulary '{self.name}'") from None

    def from_file_id(self, file_id: int) -> int:
        """Class id for the number that stands in the data set's own label files (iMiGUE: 99 -> 31)."""
        try:
            return self._file_index[file_id]  # type: ignore[attr-defined]
        except KeyError:
            raise DataError(f"label number {file_id} is not in vocabulary '{self.name}'") from None

    def subset(self, labels: Sequence[str], name: str | None = None) -> Vocabulary:
        """A smaller vocabulary with these labels, in this order, renumbered from 0."""
        kept = tuple(
            GestureClass(i, c.name, c.description, c.body_region, c.file_id, c.micro_gesture)
            for i, c in enumerate(self.classes[self.index(label)] for label in labels)
        )
        return Vocabulary(name or f"{self.name}-{len(kept)}", kept)

    def to_json(self) -> dict[str, object]:
        """Plain JSON values; `from_json` reads them back."""
        keys = ("id", "name", "description", "body_region", "file_id", "micro_gesture")
        return {"name": self.name, "classes": [{k: getattr(c, k) for k in keys} for c in self.classes]}

    @classmethod
    def from_json(cls, data: dict, source: str = "vocabulary") -> Vocabulary:
        """Inverse of `to_json`. Raises `DataError` naming `source` when the form is wrong."""
        try:
            classes = tuple(GestureClass(**c) for c in data["classes"])
            if not all(isinstance(t, str) for c in classes for t in (c.name, c.description, c.body_region)):
                raise TypeError("names, descriptions and body regions are texts")
            return cls(data["name"], classes)
        except (KeyError, TypeError) as error:
            raise DataError(f"{source}: not a vocabulary file ({error})") from error

    @classmethod
    def from_texts(cls, texts: Iterable[str], name: str = "own") -> Vocabulary:
        """A vocabulary of the user's own label texts, in order. Text after ' : ' is the description."""
        classes = []
        for i, text in enumerate(texts):
            label, _, description = text.partition(" : ")
            classes.append(GestureClass(i, label.strip(), description.strip()))
        return cls(name, tuple(classes))

    @classmethod
    def load(cls, source: str | Path) -> Vocabulary:
        """A data set's name (`vocabularies`), a .json file of our form, or a text file with one gesture per line.

        Blank lines and lines that begin with # are skipped. Raises `DataError` when there is no such file.
        """
        if (own := data_set_file(str(source).lower(), VOCABULARY)) is not None:
            return cls.from_json(parse_json(own.read_text("utf-8")), str(source))
        path = Path(source)
        if not path.is_file():
            raise DataError(f"no vocabulary '{source}': give one of {', '.join(vocabularies())}, or a file")
        try:
            text = text_of(path.read_bytes(), str(path))
            if path.suffix.lower() == ".json":
                return cls.from_json(parse_json(text), str(path))
            lines = [line.strip() for line in text.splitlines()]
            return cls.from_texts([line for line in lines if line and not line.startswith("#")], path.stem)
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: cannot be read as a vocabulary ({error})") from error
        except DataError as error:
            raise error if str(path) in str(error) else DataError(f"{path}: {error}") from error


NO_GESTURE = "No gesture"
"""Name of the class for stretches in which nothing of the vocabulary happens."""


def vocabularies() -> tuple[str, ...]:
    """Names of the data sets that have a vocabulary, in order of publication: where several have a label, the first
    one's description is used. Those of plugins come last."""
    return tuple(sorted(data_sets(VOCABULARY), key=lambda name: _year(data_set_file(name, VOCABULARY))))


@cache
def _year(path: Path | None) -> int:
    values = parse_json(path.read_text("utf-8")) if path else {}
    return int(values.get("year", 9999))
