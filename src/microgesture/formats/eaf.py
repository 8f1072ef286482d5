"""ELAN documents (.eaf, version 3.0; versions 2.7 to 3.0 are read): a timeline as tiers that a human can review.

    eaf.write(timeline, "out/interview.eaf")
    eaf.read_eaf("zoe.eaf", tiers=["Gestures"])
    eaf.add_to_eaf(timeline, "zoe.eaf", annotator="microgesture")   # writes zoe-microgesture.eaf

A file that a human has changed is never overwritten. The path of the media is written as ELAN writes and looks for it,
with its blanks, umlauts, # and % as they are: absolute (`file:///data/My clip.mp4`; on Windows `file:///C:/data/My
clip.mp4`) and relative to the document (`../data/My clip.mp4`), so that ELAN finds it when the folder moves.

Source of the format: the schema EAFv3.0.xsd and the ELAN manual of the Max Planck Institute for
Psycholinguistics.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePath, PureWindowsPath
from xml.sax.saxutils import quoteattr

from microgesture.errors import DataError
from microgesture.files.atomic import replacing
from microgesture.formats.eaf_pieces import PROPERTY, Pieces, Taken, pieces
from microgesture.formats.eaf_reader import Document, media_paths, to_timeline
from microgesture.formats.eaf_splice import decode, splice
from microgesture.formats.registry import register_format
from microgesture.formats.text_forms import printable
from microgesture.timeline import Timeline

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_KINDS = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mpg": "video/mpeg",
    ".mpeg": "video/mpeg",
    ".wav": "audio/x-wav",
}
_IDS = (
    "TIME_SLOT_ID",
    "ANNOTATION_ID",
    "LANGUAGE_CODE",
    "LANG_ID",
    "STEREOTYPE",
    "EXT_REF_ID",
    "LEX_REF_ID",
    "LINK_SET_ID",
    "REF_LINK_ID",
)
_SEAL = f"{PROPERTY}.sealed"
_SEALED = re.compile(rf'(?<=NAME="{re.escape(_SEAL)}">)[0-9a-f]{{64}}(?=</PROPERTY>)')
_UNSEALED = "0" * 64


def dumps(timeline: Timeline, path: str | Path = "timeline.eaf") -> str:
    """The document of a timeline; `path` is where it will lie, for the relative path of the media.

    Raises `DataError` for a value that the format cannot hold.
    """
    created = str(timeline.provenance.get("created", ""))
    date = created if _DATE.fullmatch(created) else datetime.now(UTC).isoformat(timespec="seconds")
    empty = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ANNOTATION_DOCUMENT AUTHOR="{PROPERTY}" DATE="{date}" FORMAT="3.0" VERSION="3.0"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">\n'
        f'    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">{_media_descriptor(timeline.media.file, Path(path))}\n'
        "    </HEADER>\n    <TIME_ORDER/>\n</ANNOTATION_DOCUMENT>\n"
    )
    return _sealed(empty, pieces(timeline, Taken()))


def write(timeline: Timeline, path: str | Path) -> Path:
    """Write a timeline as an ELAN document, atomically.

    Raises `DataError` when there is already a file that this function did not write, or that was changed since
    (a review in ELAN would be lost); `UserError` when the disk refuses.
    """
    path = Path(path)
    return _write(path, dumps(timeline, path).encode("utf-8"))


def loads(data: bytes, source: str = "timeline") -> Timeline:
    """A timeline from a file's bytes, as `read_eaf` reads it. Raises `DataError` naming `source`."""
    return to_timeline(Document(decode(data, source).text, source))


def read_eaf(path: str | Path, tiers: Sequence[str] | None = None) -> Timeline:
    """The events of the tiers `MG…@person`, or of the named tiers of any ELAN document.

    Without `tiers`, and where no tier is named as ours are, all tiers with times of their own are read, each
    with the annotator of the tier, or the tier's name, as the annotator. Times are those of the media: where
    the document starts inside it, the media's origin is added. Raises `DataError` when the file is missing or
    no ELAN document, or has no such tier.
    """
    return to_timeline(Document(decode(_bytes(Path(path)), str(path)).text, str(path)), tiers)


def add_to_eaf(timeline: Timeline, path: str | Path, annotator: str, out: str | Path | None = None) -> Path:
    """Put the timeline's tiers into a copy of a human's document and return the path of the copy.

    The copy is `out`, by default `<stem>-microgesture.eaf` beside the original. Every character of the
    original is kept, save for the number of the last annotation. Our tiers stand under `annotator`, which gets
    a number where the document has that annotator already; a tier name that is taken gets the annotator
    appended. Documents before version 2.8 keep their version: their vocabularies are written in its form.

    Raises `DataError` when the file is no ELAN document, is timed in frames, or `out` is the original or a file
    that a human has changed; `UserError` when the disk refuses.
    """
    path = Path(path)
    out = path.with_name(f"{path.stem}-{PROPERTY}{path.suffix}") if out is None else Path(out)
    if not annotator.strip():
        raise DataError("an annotator's name is needed, to tell the new tiers from the human's")
    if out.exists() and path.exists() and out.samefile(path):
        raise DataError(f"{out}: is the human's own file; write to another name")
    held = decode(_bytes(path), str(path))
    document = Document(held.text, str(path))
    if (unit := document.root.find("HEADER").get("TIME_UNITS", "milliseconds")) != "milliseconds":  # type: ignore[union-attr]
        raise DataError(f"{path}: is timed in {unit}; save it in milliseconds")
    there = {tier.get("ANNOTATOR") for tier in document.tiers.values()}
    names = (annotator, *(f"{annotator}-{n}" for n in range(2, len(there) + 3)))
    name = next(n for n in names if n not in there)
    new = pieces(timeline, _taken(document), name, document.origin(document.medium(timeline.media.file)))
    return _write(out, held.encode(_sealed(held.text, new, document.pinned_slots())))


def _taken(document: Document) -> Taken:
    root = document.root
    ids = {element.get(name, "") for element in root.iter() for name in _IDS if name in element.attrib}
    numbers = [int(i[1:]) for i in ids if re.fullmatch(r"a[0-9]+", i)]
    if (said := document.properties.get("lastUsedAnnotationId", "")).isdecimal():
        numbers.append(int(said))
    return Taken(
        ids,
        {element.get("LANG_ID", "") for element in root.iterfind("LANGUAGE")},
        set(document.tiers),
        {element.get("LINGUISTIC_TYPE_ID", "") for element in root.iterfind("LINGUISTIC_TYPE")},
        {element.get("CV_ID", "") for element in root.iterfind("CONTROLLED_VOCABULARY")},
        set(document.properties),
        max(numbers, default=0),
        document.version < (2, 8),
    )


def _sealed(text: str, new: Pieces, pinned: frozenset[str] = frozenset()) -> str:
    """The document with the new pieces and a property that holds the hash of its text: the mark by which
    `write` knows a file that nobody has changed."""
    new.properties[_SEAL] = _UNSEALED
    made = splice(text, new, pinned)
    return _SEALED.sub(_digest(made), made, count=1)


def _digest(text: str) -> str:
    return hashlib.sha256(_SEALED.sub(_UNSEALED, text, count=1).encode("utf-8")).hexdigest()


def _untouched(path: Path) -> bool:
    try:
        text = decode(path.read_bytes(), str(path)).text
    except (OSError, DataError):
        return False
    seal = _SEALED.search(text)
    return seal is not None and seal[0] == _digest(text)


def media_places(path: str | Path) -> list[str]:
    """Where the media of a document may lie: as its absolute and as its relative path says. Raises `DataError`."""
    path = Path(path)
    medium = Document(decode(_bytes(path), str(path)).text, str(path)).medium()
    if medium is None:
        return []
    relative = [str(path.parent / place) for place in media_paths(medium, "RELATIVE_MEDIA_URL")]
    return [*media_paths(medium, "MEDIA_URL"), *relative]


def check_overwritable(path: Path) -> None:
    """Raise `DataError` when there is a file at `path` that a human has changed or made."""
    if path.exists() and not _untouched(path):
        raise DataError(f"{path}: was changed by a human, or is not ours; move it away or write to another name")


def _write(path: Path, data: bytes) -> Path:
    check_overwritable(path)
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return path


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _media_descriptor(file: str, document: Path) -> str:
    if not file:
        return ""
    absolute, relative = map(printable, _urls(printable(file), document))
    kind = _KINDS.get(os.path.splitext(file)[1].lower(), "unknown")
    return (
        f"\n        <MEDIA_DESCRIPTOR MEDIA_URL={quoteattr(absolute)} MIME_TYPE={quoteattr(kind)}"
        f" RELATIVE_MEDIA_URL={quoteattr(relative)}/>"
    )


def _urls(file: str, document: Path) -> tuple[str, str]:
    """The media's absolute path as a URL that nothing is encoded in, and its path relative to the document's folder.

    A bare name that is not in the working folder is taken to lie beside the document; so is, for the relative
    path, a path of another machine's form.
    """
    if os.name != "nt" and re.match(r"[A-Za-z]:[\\/]|\\\\", file):
        path = PureWindowsPath(file)
        return _file_url(path), f"./{path.name}"
    if re.match(r"[a-z][a-z0-9+.-]+://", file):
        return file, f"./{file.rsplit('/', 1)[-1]}"
    folder = Path(os.path.abspath(document)).parent
    media = Path(os.path.abspath(file))
    if not media.exists() and Path(file).name == file:
        media = folder / file
    try:
        relative = Path(os.path.relpath(media, folder)).as_posix()
    except ValueError:  # another drive
        relative = media.name
    return _file_url(media), relative if relative.startswith("../") else f"./{relative}"


def _file_url(path: PurePath) -> str:
    """`file:///data/a b.mp4`, `file:///C:/data/a b.mp4`, `file://server/share/a b.mp4`."""
    text = path.as_posix()
    return f"file:{text}" if text.startswith("//") else f"file:///{text.removeprefix('/')}"


register_format(".eaf", write=write, read=loads)
