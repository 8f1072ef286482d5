"""A data set's folder (or a file) in, labelled clips and everything wrong with it out; and how a layout makes itself
known: `register_source`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from microgesture.datasets.manifest import ClipRow, Problem, spelt_alike
from microgesture.errors import DataError
from microgesture.files.data_sets import add_data_set
from microgesture.registry import Registry
from microgesture.skeletons.layout_files import layout_beside
from microgesture.skeletons.skeleton import Layout
from microgesture.skeletons.sources import Space
from microgesture.timeline import Timeline
from microgesture.vocabulary import Vocabulary

LabelledTimeline = tuple[str, Timeline, str, str]
"""Name, gestures, outcome and subject of a video."""


@dataclass(frozen=True)
class Reading:
    """What stands in a data set's folder.

    `rows` are the clips that can be used, each with label and split ("train", "val" or "test"); `extra["id"]` is the
    clip's id in the data set's own terms. `unlabelled` are the clips of a challenge's test set (label ""). `problems`
    are listed with file and row, those with `error` stop a training. `facts` are lines for a person: what is there,
    counts beside the published ones, what was decided (which hand comes first, 99 is illustrative). `protocol` is the
    one that the splits are of, "" where a layout has none; `numbering` is what the class numbers of a PYSKL pickle
    were taken for (`corpora.pyskl.classes`), "" elsewhere.
    """

    name: str
    root: Path
    vocabulary: Vocabulary
    rows: tuple[ClipRow, ...]
    unlabelled: tuple[ClipRow, ...] = ()
    problems: tuple[Problem, ...] = ()
    facts: tuple[str, ...] = field(default=())
    protocol: str = ""
    numbering: str = ""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that a training must not start with."""
        return tuple(problem for problem in self.problems if problem.error)


@dataclass(frozen=True)
class Source:
    """A layout of data sets: `what` it is, in a few words; `read(root, protocol, vocabulary)`; whether a folder
    `recognises` as one. Where several do, the one of lower `order` is meant. `takes` are further options of `read`:
    "layout" (of skeletons that do not say theirs), "numbering" (of class numbers).

    Of a published data set also: the `space` in which the networks published on it read its Kinect skeletons;
    `subject_of(clip)` by the names that its clips have where they are exchanged, None for a name that is not one;
    `sizes_fit(clips by class id)`, whether classes are numbered right, as far as their sizes tell; and
    `outcomes(root)`, its timelines whose outcome is known, with remarks.
    """

    name: str
    what: str
    read: Callable[..., Reading]
    recognises: Callable[[Path], bool]
    order: int
    takes: tuple[str, ...] = ()
    space: Space = "pixels"
    subject_of: Callable[[str], str | None] | None = None
    sizes_fit: Callable[[Mapping[int, int]], bool] | None = None
    outcomes: Callable[[Path], tuple[list[LabelledTimeline], list[str]]] | None = None


SOURCES: Registry[Source] = Registry("data set layout", "microgesture.corpora", error=DataError)


def register_source(
    name: str,
    what: str,
    read: Callable[..., Reading],
    recognises: Callable[[Path], bool],
    order: int = 50,
    takes: tuple[str, ...] = (),
    folder: str | Path | None = None,
    **known: Any,
) -> None:
    """Make a layout known by name, with whatever else `Source` holds of it.

    `folder`, or a file in it such as `__file__`, is that of a data set outside the package, with its vocabulary,
    published numbers and recipes (`files.data_sets`).
    """
    SOURCES.add(name, Source(name, what, read, recognises, order, takes, **known))
    if folder is not None:
        place = Path(folder).resolve()
        add_data_set(name, place.parent if place.is_file() else place)


def sources() -> tuple[Source, ...]:
    """Every known layout, in the order in which a folder is tried."""
    return tuple(sorted(SOURCES.members().values(), key=lambda source: source.order))


def read_source(
    root: str | Path,
    name: str = "",
    protocol: str = "",
    vocabulary: Vocabulary | None = None,
    numbering: str = "",
    layout: Layout | None = None,
) -> Reading:
    """Read a data set. `name` is that of a layout (`corpora.source`), found out when empty; `protocol` chooses among
    published splits (empty: the layout's own default, named in `facts`); `vocabulary` is for layouts that bring none
    (manifest, class folders, ELAN, PYSKL). `numbering` says what the class numbers of a PYSKL pickle mean
    (`corpora.pyskl.read`), and is passed over for other layouts: a run gives that of its training data. `layout`, else
    `layout.yaml` in the folder, is that of skeletons which do not say what their points are.

    Raises `DataError` when there is no such folder or no known layout in it, or the protocol is unknown; what is wrong
    inside the data set is in `Reading.problems`.
    """
    root = Path(root)
    if not root.exists():
        raise DataError(f"{root}: no such file or folder")
    source = SOURCES.find(name or detect(root))
    more: dict[str, Any] = {}
    if "numbering" in source.takes:
        more["numbering"] = numbering
    if "layout" in source.takes:
        more["layout"] = layout or layout_beside(root)
    reading = source.read(root, protocol, vocabulary, **more)
    return replace(reading, rows=tuple(spelt_alike(reading.rows)))


def detect(root: Path) -> str:
    """Which layout a folder or file is; raises `DataError` when it is none that is known."""
    for source in sources():
        if source.recognises(root):
            return source.name
    listed = "; ".join(f"{source.name} ({source.what})" for source in sources())
    raise DataError(f"{root}: no known data set layout in it. Known are {listed}")
