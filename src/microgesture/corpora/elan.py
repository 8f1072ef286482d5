"""ELAN files (.eaf) beside their media: every gesture that a human left standing on a tier is a clip.

The media is looked for at `RELATIVE_MEDIA_URL`, at `MEDIA_URL`, by its name beside the document and (where only one
file has it) anywhere below the root, and last by the document's own name. The document's times begin at the origin of
the medium that is read: every medium has its own. Tiers are those that `microgesture` writes
(`MG@P1`, `MG-head-hand@P1`); in a document without them those named like the vocabulary or like `Gestures`, else those
whose labels a vocabulary knows, else the only one. Where a `Review` tier says "reject", or "unsure", the gesture is
left out (the column `unsure` of the document's other rows says when); where it names a class, that is the label.

The subject is the tier's participant, unless that is only a number of ours (`P1`): then it is the media's name, for a
video of somebody unknown is a subject of its own. A track `<media>.npz` beside the media or the document is the
skeleton.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from xml.etree.ElementTree import Element

from microgesture.corpora.source import Reading, register_source
from microgesture.datasets.background import UNSURE
from microgesture.datasets.folder_files import (
    MANY,
    VIDEO_SUFFIXES,
    files_under,
    folders_under,
    is_video_name,
    problem_of,
    split_counts,
)
from microgesture.datasets.label_names import vocabulary_of
from microgesture.datasets.manifest import ClipRow, Problem
from microgesture.datasets.media_lengths import SLACK, MediaLength, media_lengths
from microgesture.datasets.skeleton_checks import skeleton_end, skeleton_problems
from microgesture.errors import DataError
from microgesture.files.text_tables import file_named, folded
from microgesture.formats.eaf_pieces import VERDICTS
from microgesture.formats.eaf_reader import Annotation, Document, base_name, is_sound, media_paths
from microgesture.formats.eaf_splice import decode
from microgesture.skeletons.skeleton import Layout
from microgesture.skeletons.sources import is_skeleton
from microgesture.vocabulary import Vocabulary, vocabularies

_GESTURES = re.compile(r"(mg|(micro[\s_-]*)?gestures?)\b", re.IGNORECASE)
_REVIEW = re.compile(r"review\b", re.IGNORECASE)


@dataclass(frozen=True)
class _Gesture:
    """An annotation that is to be a clip; times in seconds of the media, `line` in the document."""

    identity: str
    line: int
    tier: str
    person: str
    label: str
    start: float
    end: float


@dataclass
class _Source:
    """A document with its media and gestures. `subjects` maps a person to the subject's name, `unsure` to stretches;
    `origin` is the media's time in milliseconds at which the document begins."""

    path: Path
    video: Path | None = None
    skeleton: Path | None = None
    origin: int = 0
    gestures: list[_Gesture] = field(default_factory=list)
    subjects: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    unsure: dict[str, list[str]] = field(default_factory=dict)

    @property
    def media(self) -> Path | None:
        return self.video or self.skeleton

    def wrong(self, row: int, what: str) -> None:
        self.problems.append(Problem(self.path, row, what))

    def remark(self, row: int, what: str) -> None:
        self.problems.append(Problem(self.path, row, what, error=False))


def recognises(root: Path) -> bool:
    """Whether there is an ELAN file, or a folder with one at most two folders below."""
    if root.is_file():
        return root.suffix.lower() == ".eaf"
    return root.is_dir() and any(
        name.lower().endswith(".eaf") for _, _, files in islice(folders_under(root, 2), MANY) for name in files
    )


def read(root: Path, protocol: str = "", vocabulary: Vocabulary | None = None, layout: Layout | None = None) -> Reading:
    """The gestures of all documents below the root, or of the one document that it is, without splits.

    `vocabulary` (without: the labels found, sorted) must hold every label. `protocol` is not looked at. Media are
    opened, with the tracks beside them; `layout` is that of tracks which do not say theirs.
    """
    sources, problems = _sources(root, vocabulary)
    lengths = media_lengths(source.video for source in sources if source.video)
    vocabulary = vocabulary or vocabulary_of(
        (g.label for source in sources for g in source.gestures),
        (root if root.is_dir() else root.parent).resolve().name,
    )
    rows: list[ClipRow] = []
    for source in sources:
        rows += _rows(root, source, vocabulary, lengths, layout)
        problems += source.problems
    if not rows and not any(problem.error for problem in problems):
        problems.append(Problem(root, 0, "no gestures in its ELAN files"))
    return Reading("elan", root, vocabulary, tuple(rows), (), tuple(problems), _facts(sources, rows))


def _sources(root: Path, vocabulary: Vocabulary | None) -> tuple[list[_Source], list[Problem]]:
    """The documents, each with its own media: two that name the same media are a problem, and read neither."""
    files = [root] if root.is_file() else list(files_under(root))
    by_name: dict[str, list[Path]] = {}
    for file in files_under(root.parent, 0) if root.is_file() else files:
        by_name.setdefault(folded(file.name), []).append(file)
    sources = [_source(file, by_name, vocabulary) for file in files if file.suffix.lower() == ".eaf"]
    problems: list[Problem] = []
    claims: dict[Path, list[_Source]] = {}
    for source in sources:
        if source.media is not None:
            claims.setdefault(source.media.resolve(), []).append(source)
    for first, *others in claims.values():
        for other in others:
            other.wrong(0, f"names the media of {first.path}, {first.media}: keep one of them")
        if others:
            for source in (first, *others):
                source.gestures.clear()
    return sources, problems


def _source(path: Path, by_name: dict[str, list[Path]], vocabulary: Vocabulary | None) -> _Source:
    source = _Source(path)
    try:
        text = decode(path.read_bytes(), str(path)).text
        document = Document(text, str(path))
        _find_media(source, document, by_name)
        tiers = _tiers(document, vocabulary)
        if not any(document.annotations(tier) for tier in tiers):
            source.remark(0, "no gestures on " + (", ".join(f"tier '{tier}'" for tier in tiers) or "any tier"))
        lines = _lines(text)
        for tier in tiers:
            source.gestures += _gestures(source, document, tier, lines, vocabulary)
        _name_subjects(source, document, tiers)
    except OSError as error:
        source.wrong(0, f"cannot be read ({error.strerror or error})")
    except DataError as error:
        source.problems.append(problem_of(path, error))
        source.gestures.clear()
    return source


def _find_media(source: _Source, document: Document, by_name: dict[str, list[Path]]) -> None:
    """The first of the document's media that is a video or a skeleton, and a track beside it or the document."""
    media = [medium for medium in document.media if media_paths(medium) and not is_sound(medium)]
    found = medium = None
    for medium in media:
        if (found := _place(source.path.parent, medium, by_name)) is not None:
            break
    else:
        medium = media[0] if media else None
        same = (file_named(source.path.parent, source.path.stem + suffix) for suffix in VIDEO_SUFFIXES)
        found = next((place for place in same if place.is_file()), None)
    source.origin = document.origin(medium)
    if found is not None and not is_video_name(found.name) and is_skeleton(found):
        source.skeleton = found
        return
    source.video = found
    names = [base_name(media_paths(medium)[-1]) for medium in media]
    stem = found.stem if found is not None else Path(names[0]).stem if names else source.path.stem
    folders = dict.fromkeys([found.parent if found is not None else source.path.parent, source.path.parent])
    tracks = [file_named(folder, f"{stem}.npz") for folder in folders] + _only(by_name, f"{stem}.npz")
    source.skeleton = next((track for track in tracks if track.is_file()), None)
    if found is None:
        said = f"no media {', '.join(names)}" if names else "names no media, and no video of its name is beside it"
        note = source.wrong if source.skeleton is None else source.remark
        note(0, said + (f": the track {source.skeleton} stands in for it" if source.skeleton else ""))


def _place(folder: Path, medium: Element, by_name: dict[str, list[Path]]) -> Path | None:
    """Where the media of a descriptor lies: where it says, beside the document, or where else one file has its name."""
    named = [path.replace("\\", "/") for path in media_paths(medium)]
    names = list(dict.fromkeys(map(base_name, named)))
    places = [file_named(folder, path) for path in [*named, *names]]
    places += [path for name in names for path in _only(by_name, name)]
    return next((path for path in places if path.exists()), None)


def _only(by_name: dict[str, list[Path]], name: str) -> list[Path]:
    """The file of that name below the root, where there is but one."""
    found = by_name.get(folded(name), [])
    return found if len(found) == 1 else []


def _tiers(document: Document, vocabulary: Vocabulary | None) -> list[str]:
    """The tiers of gestures. Raises `DataError` when it cannot be told which they are."""
    ours = document.gesture_tiers
    if any(document.annotations(tier) for tier in ours):
        return ours
    others = [t for t in document.top_tiers if t not in ours and not _REVIEW.match(t) and not t.startswith("Emotion@")]
    filled = [tier for tier in others if document.annotations(tier)]
    names = {vocabulary.name.lower()} if vocabulary else set(vocabularies())
    known = [vocabulary] if vocabulary else [Vocabulary.load(name) for name in vocabularies()]
    by_vocabulary = [tier for tier in filled if tier.partition("@")[0].strip().lower() in names]
    by_name = [tier for tier in filled if _GESTURES.match(tier)]
    if found := by_vocabulary or by_name:
        return found
    if ours or not filled:
        return ours or [tier for tier in others if _GESTURES.match(tier)]
    by_label = [tier for tier in filled if any(_knows(words, document.annotations(tier)) for words in known)]
    if by_label or len(filled) == 1:
        return by_label or filled
    listed = ", ".join(f"'{tier}'" for tier in filled)
    raise DataError(f"{document.source}: which tier holds the gestures? There are {listed}: name it MG@P1")


def _knows(vocabulary: Vocabulary, annotations: Sequence[Annotation]) -> bool:
    """Whether at least half of the labels are in a vocabulary."""
    return 2 * sum(annotation.value.strip() in vocabulary for annotation in annotations) >= len(annotations)


def _lines(text: str) -> dict[str, int]:
    """The line of every annotation in the document."""
    found: dict[str, int] = {}
    place, line = 0, 1
    for match in re.finditer(r"""ANNOTATION_ID\s*=\s*["']([^"']*)""", text):
        line += text.count("\n", place, match.start())
        place = match.start()
        found.setdefault(match[1], line)
    return found


def _gestures(
    source: _Source, document: Document, tier: str, lines: dict[str, int], vocabulary: Vocabulary | None
) -> Iterator[_Gesture]:
    """The annotations of a tier as the human left them: rejected and unsure ones are left out."""
    reviews = _reviews(document, tier)
    for annotation in document.annotations(tier):
        line = lines.get(annotation.identity, 0)
        where = f"tier '{tier}', annotation {annotation.identity}"
        label = " ".join(annotation.value.split())
        verdict = " ".join(reviews.get(annotation.identity, "").split())
        start, end = ((time + source.origin) / 1000 for time in (annotation.start, annotation.end))
        if verdict.lower() in VERDICTS:
            source.verdicts[verdict.lower()] += 1
            if verdict.lower() == "unsure":
                source.unsure.setdefault(_person(document, tier), []).append(f"{max(start, 0.0):g}-{end:g}")
            if verdict.lower() != "accept":
                continue
        elif verdict and (
            verdict in vocabulary if vocabulary else any(verdict in Vocabulary.load(b) for b in vocabularies())
        ):
            label = verdict
        elif verdict:
            source.remark(line, f"{where}: the review '{verdict}' is none of {', '.join(VERDICTS)}, and no class")
        if not label:
            source.wrong(line, f"{where}: empty label")
            continue
        if end <= start or start < 0:
            source.wrong(line, f"{where}: from {start:g} to {end:g} s is no interval of the media")
            continue
        yield _Gesture(annotation.identity, line, tier, _person(document, tier), label, start, end)


def _reviews(document: Document, tier: str) -> dict[str, str]:
    """What the Review tiers say of the annotations of a tier, by their ids: those below it, and those of the same
    person with times of their own, by overlap."""
    found: dict[str, str] = {}
    for name, element in document.tiers.items():
        parent = element.get("PARENT_REF") or ""
        if not _REVIEW.match(name) or parent not in ("", tier):
            continue
        if not parent and _person(document, name) != _person(document, tier):
            continue
        for review in document.annotations(name):
            meant = [review.parent] if review.parent else _same_time(document.annotations(tier), review)
            found |= dict.fromkeys(meant, review.value.strip())
    return {identity: value for identity, value in found.items() if value}


def _same_time(annotations: Sequence[Annotation], review: Annotation) -> list[str]:
    """Ids of the annotations that share at least half of their joint time with a review."""
    found = []
    for other in annotations:
        shared = min(other.end, review.end) - max(other.start, review.start)
        joint = max(other.end, review.end) - min(other.start, review.start)
        if shared > 0 and 2 * shared >= joint:
            found.append(other.identity)
    return found


def _person(document: Document, tier: str) -> str:
    return document.tiers[tier].get("PARTICIPANT") or tier.partition("@")[2] or "P1"


def _name_subjects(source: _Source, document: Document, tiers: Sequence[str]) -> None:
    """Persons P1 to Pn are numbers within one video, any other participant is somebody's name."""
    persons = dict.fromkeys(_person(document, tier) for tier in tiers)
    numbered = set(persons) == {f"P{i + 1}" for i in range(len(persons))}
    video = source.media.stem if source.media is not None else source.path.stem
    source.subjects = {person: video if numbered else person for person in persons}
    for person in persons:
        own = [document.tiers[tier].get("ANNOTATOR", "") for tier in tiers if _person(document, tier) == person]
        if len(set(own)) > 1:
            source.remark(
                0, f"gestures of {person} by several annotators ({', '.join(sorted(set(own)))}): all are read"
            )


def _rows(
    root: Path, source: _Source, vocabulary: Vocabulary, lengths: dict[Path, MediaLength], layout: Layout | None
) -> list[ClipRow]:
    """The clips of a document; what does not fit its media or the vocabulary is noted."""
    if source.media is None or not source.gestures:
        return []
    if source.video is not None and (wrong := lengths[source.video].wrong):
        source.problems.append(Problem(source.video, 0, wrong))
        return []
    if source.skeleton is not None:
        found = skeleton_problems(source.skeleton, layout)
        source.problems += found
        if any(problem.error for problem in found):
            return []
    duration = lengths[source.video].duration if source.video is not None else skeleton_end(source.media, layout)
    begins = lengths[source.video].start if source.video is not None else 0.0
    place = source.path.relative_to(root) if root.is_dir() else Path(source.path.name)
    rows = []
    for gesture in source.gestures:
        where = f"tier '{gesture.tier}', annotation {gesture.identity}"
        if gesture.label not in vocabulary:
            source.wrong(gesture.line, f"{where}: label '{gesture.label}' is not in vocabulary '{vocabulary.name}'")
        elif gesture.start >= duration or gesture.end > duration + SLACK:
            source.wrong(
                gesture.line, f"{where}: ends at {gesture.end:.2f} s, past the end of the media ({duration:.2f} s)"
            )
        elif gesture.end <= begins:
            source.wrong(
                gesture.line, f"{where}: ends at {gesture.end:.2f} s, before the picture begins ({begins:.2f} s)"
            )
        else:
            unsure = source.unsure.get(gesture.person)
            rows.append(
                ClipRow(
                    source.video,
                    vocabulary[vocabulary.index(gesture.label)].name,
                    gesture.start,
                    min(gesture.end, duration),
                    gesture.person,
                    source.subjects[gesture.person],
                    skeleton=source.skeleton,
                    extra={"id": f"{place.with_suffix('').as_posix()}:{gesture.identity}"}
                    | ({UNSURE: " ".join(unsure)} if unsure else {}),
                    row=gesture.line,
                )
            )
    return rows


def _facts(sources: Sequence[_Source], rows: Sequence[ClipRow]) -> tuple[str, ...]:
    verdicts = sum((source.verdicts for source in sources), Counter[str]())
    subjects = {row.subject for row in rows}
    labels = Counter(row.label for row in rows)
    said = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in VERDICTS if verdicts[verdict])
    bare = {row.video for row in rows if row.skeleton is None}
    return (
        f"{len(sources)} ELAN files, {split_counts(rows)} of {len(labels)} classes and {len(subjects)} subjects",
        f"reviews: {said}; rejected and unsure gestures are left out" if said else "no gesture was reviewed",
        *((f"most frequent: {', '.join(f'{label} {n}' for label, n in labels.most_common(3))}",) if labels else ()),
        *((_no_skeleton(bare),) if bare else ()),
    )


def _no_skeleton(videos: set[Path | None]) -> str:
    """How the videos without a track get one where this module looks for it."""
    count = f"{len(videos)} video{'s' * (len(videos) != 1)}"
    return (
        f"no skeleton for {count}: microgesture pose VIDEO -o VIDEO'S NAME.npz, beside it (only pixels are read else)"
    )


register_source("elan", "ELAN files (.eaf) beside their media", read, recognises, order=40, takes=("layout",))
