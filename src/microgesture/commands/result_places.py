"""Where the files of a video, a timeline or a run go: under its name, whether it was one call or ten, and never over
those of another one."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

from microgesture import formats
from microgesture.errors import DataError
from microgesture.files.atomic import write_text
from microgesture.formats import eaf
from microgesture.skeletons.track import SkeletonTrack, media_hash
from microgesture.timeline import Media

SOURCES = "sources.txt"
"""In a folder of results: what they were made from, one path per line, relative to the folder."""


def analysis_folders(out: Path, videos: Sequence[str]) -> dict[str, Path]:
    """The folder of each video in `out`: of its name, or of more of its path where another video has that already.

    One call per video gives the same folders as one call for all, and the same video gets its own folder again.
    """
    return _apart(out, videos, "", _is_free, lambda folder: (_media(folder) or ([],))[0])


def track_files(out: Path, videos: Sequence[str]) -> dict[str, Path]:
    """The skeleton track (.npz) of each video in `out`, named as `analysis_folders` are. Of several people's tracks, it
    is the name without their numbers."""
    return _apart(out, videos, ".npz", _is_free_track)


def result_folders(out: Path, sources: Sequence[str]) -> dict[str, Path]:
    """The folder of each timeline or run in `out`, for the files that one makes of it: of its name, or of more of its
    path where another one has that already. The timeline of an analysis has the name of its folder.

    The same one gets its own again, as long as `note_sources` said whose it is.
    """
    return _apart(out, sources, "", _is_free_result, named=_named)


def check_results(out: Path, sources: Sequence[str], file: str) -> None:
    """Raises `DataError` when the results in `out`, of which `file` is one, were not made from these sources."""
    if not (out / file).exists():
        return
    made = _sources(out)
    if {_place(source) for source in sources} != {_place(source) for source in made}:
        whose = f"was made from {', '.join(map(os.path.normpath, made))}" if made else "was made from something else"
        raise DataError(f"{out / file}: {whose}; choose another folder with -o")


def note_sources(out: Path, sources: Sequence[str]) -> None:
    """Say in `out` what its results are made from. Raises `UserError` when the disk refuses."""
    here = os.path.abspath(out)
    lines = (os.path.relpath(os.path.abspath(source), here) for source in sources)
    write_text(out / SOURCES, "".join(f"{os.fsencode(line).decode('utf-8', 'replace')}\n" for line in lines))


def _named(path: Path) -> tuple[Path, str]:
    path = path.parent if path.stem == "timeline" and path.parent.name else path
    return path, path.name if path.is_dir() else path.stem


def _apart(
    out: Path,
    videos: Sequence[str],
    suffix: str,
    is_free: Callable[[Path, str], bool],
    media_of: Callable[[Path], Sequence[str]] | None = None,
    named: Callable[[Path], tuple[Path, str]] = lambda path: (path, path.stem),
) -> dict[str, Path]:
    names = {name.lower(): name for name in os.listdir(out)} if out.is_dir() else {}
    given: dict[Path, str] = {}

    def place(name: str) -> Path:
        return out / names.setdefault(f"{name}{suffix}".lower(), f"{name}{suffix}")

    for video in videos:
        path, stem = named(Path(os.path.abspath(video)))
        first = place(stem)
        if media_of is None:
            namesake = True
        else:
            others = [given[first]] if first in given else media_of(first)
            namesake = any(Path(other).name == path.name for other in others)
        forms = _forms(path, stem, namesake)
        given[next(p for form in forms if (p := place(form)) not in given and is_free(p, video))] = video
    return {video: found for found, video in given.items()}


def _forms(path: Path, stem: str, namesake: bool) -> Iterator[str]:
    """Names for a video's files: its stem; with its extension, unless a `namesake` may have that too; with the folders
    that it lies in; with a number."""
    yield stem
    yield from ("_".join(path.parts[1:][-n:]) for n in range(1 + namesake, len(path.parts)))
    yield from (f"{stem}-{n}" for n in count(2))


def _is_free(folder: Path, video: str) -> bool:
    """Whether there is no such folder, or one without an analysis, or with one of this video: of what lies at the same
    place, or has the same content."""
    if not os.path.lexists(folder):
        return True
    if not folder.is_dir() or folder.resolve() == Path(video).resolve():
        return False
    media = _media(folder)
    if media is None:
        return False
    places, sha256 = media
    if not places or _place(video) in map(_place, places):
        return True
    return sha256 is not None and media_hash(video) == sha256


def _is_free_track(file: Path, video: str) -> bool:
    """Whether there is no such track, nor tracks of several people under that name, or those of this video."""
    there = [path for path in (file, *file.parent.glob(f"{glob.escape(file.stem)}-P[0-9]*.npz")) if path.exists()]
    if any(path.resolve() == Path(video).resolve() for path in there):
        return False
    media = media_hash(video)
    try:
        return not there or (media != "" and all(SkeletonTrack.load(path).media == media for path in there))
    except DataError:
        return False


def _is_free_result(folder: Path, source: str) -> bool:
    """Whether there is no such folder, or an empty one, or one of this source's results, or the source lies in it."""
    if not os.path.lexists(folder):
        return True
    if not folder.is_dir() or _place(folder) == _place(source):
        return False
    if made := _sources(folder):
        return [_place(one) for one in made] == [_place(source)]
    return _place(folder) == _place(Path(source).parent) or not any(folder.iterdir())


def _sources(folder: Path) -> list[str]:
    try:
        lines = (folder / SOURCES).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [os.path.join(folder, line) for line in lines if line and "\0" not in line]


def _media(folder: Path) -> tuple[list[str], str | None] | None:
    """Where the media of the analysis in a folder may lie, and the hash of its content; of no analysis nothing. None
    when its files cannot be read."""
    document, whole = folder / "timeline.eaf", folder / "timeline.json"
    try:
        places = eaf.media_places(document) if document.is_file() else []
        media = formats.read(whole).media if whole.is_file() else Media()
    except DataError:
        return None
    return places or [media.file] * bool(media.file), media.sha256


def _place(path: str | Path) -> str:
    return os.fsencode(os.path.realpath(path)).decode("utf-8", "replace")
