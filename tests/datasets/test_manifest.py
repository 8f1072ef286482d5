from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microgesture.datasets import ClipRow, check_manifest, read_manifest, write_manifest
from microgesture.errors import DataError, UserError
from microgesture.video import write_video
from microgesture.vocabulary import Vocabulary

HEADER = "video,start,end,label,person,subject,split\n"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two seconds of video under two names, one of them not ASCII."""
    (tmp_path / "clips").mkdir()
    frames = np.zeros((20, 16, 16, 3), np.uint8)
    for name in ("a.mp4", "ü.mp4"):
        write_video(tmp_path / "clips" / name, frames, fps=10)
    return tmp_path


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "manifest.csv"
    path.write_text(text, encoding)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_rows_are_read(folder, encoding, separator):
    text = HEADER.replace("split", "split,motion,skeleton") + (
        "clips/a.mp4,,,Touching jaw,,s1,train,slow,\n\nclips/ü.mp4,0.5,1.25,Crossing legs,P2,s2,test,fast,clips/a.mp4\n"
    )
    manifest = read_manifest(write(folder, text.replace(",", separator), encoding))
    first, second = manifest
    assert (first.start, first.end, first.person, first.subject, first.row) == (None, None, "P1", "s1", 2)
    assert (second.start, second.end, second.person, second.row) == (0.5, 1.25, "P2", 4)
    assert second.video == folder / "clips" / "ü.mp4"
    assert (first.skeleton, second.skeleton) == (None, folder / "clips" / "a.mp4")
    assert dict(second.extra) == {"motion": "fast"}
    assert manifest.vocabulary.names == ("Crossing legs", "Touching jaw")
    assert manifest.labels == (1, 0)
    assert manifest.split("Test") == (second,)
    assert manifest.split("val") == ()
    assert manifest.splits == ("train", "test")


def test_only_video_and_label_must_be_there(folder):
    manifest = read_manifest(write(folder, "Label, Video \nNod,clips/a.mp4\n"))
    assert (manifest.rows[0].label, manifest.rows[0].split) == ("Nod", "")


def test_vocabulary_beside_the_manifest_counts(folder):
    import json

    path = write(folder, HEADER + "clips/a.mp4,,,b,,,\n")
    (folder / "vocabulary.json").write_text(json.dumps(Vocabulary.from_texts(["c", "B"], "mine").to_json()))
    assert read_manifest(path).vocabulary.names == ("c", "B")
    assert read_manifest(path).labels == (1,)
    with pytest.raises(DataError, match="row 2: label 'b' is not in vocabulary 'imigue'"):
        read_manifest(path, Vocabulary.load("imigue"))


BAD_ROWS = {
    "clips/none.mp4,,,x,,,": "no video file",
    "clips/a.mp4,1.5,0.5,x,,,": "end 0.5 is not after start 1.5",
    "clips/a.mp4,1,1,x,,,": "end 1 is not after start 1",
    "clips/a.mp4,-1,1,x,,,": "before the video begins",
    "clips/a.mp4,one,2,x,,,": "start 'one' is not a number",
    "clips/a.mp4,0,nan,x,,,": "end 'nan' is not a number",
    "clips/a.mp4,0,2,z,,,": "label 'z' is not in vocabulary",
    "clips/a.mp4,0,2,,,,": "empty label",
    ",0,2,x,,,": "no video named",
}
FOUND_IN_VIDEOS = {
    "clips/a.mp4,0.1,2.5,x,,,": "end 2.5 is past the video's end (2.00 s)",
    "clips/a.mp4,3,4,x,,,": "start 3 is past the video's end",
    "late.mp4,0.5,1.5,x,,,": "end 1.5 is before the picture begins (2.00 s)",
    "broken.mp4,,,x,,,": "not a video",
    "clips/a.mp4,0,1,x,,,": "the same clip as row 2",
    "clips/a.mp4,0,1,y,,,": "another label ('x')",
}


@pytest.mark.parametrize(("row", "what"), [*BAD_ROWS.items(), *FOUND_IN_VIDEOS.items()])
def test_check_names_the_row_and_what_is_wrong(row, what, folder):
    (folder / "broken.mp4").write_text("no video")
    write_video(folder / "late.mp4", np.zeros((20, 32, 32, 3), np.uint8), 10, times=[2 + i / 10 for i in range(20)])
    path = write(folder, HEADER + "clips/a.mp4,0,1,x,,,\n" + row + "\n")
    problems = check_manifest(path, Vocabulary.from_texts(["x", "y"]))
    assert [problem.row for problem in problems] == [3]
    assert what in problems[0].what
    assert str(problems[0]).startswith(f"{path}: row 3: ")


@pytest.mark.parametrize("row", BAD_ROWS)
def test_reading_stops_at_the_first_bad_row(row, folder):
    path = write(folder, HEADER + f"clips/a.mp4,0,1,x,,,\n{row}\n{row}\n")
    with pytest.raises(DataError, match=r"row 3: .*\(and 1 more problems\)$"):
        read_manifest(path, Vocabulary.from_texts(["x", "y"]))


def test_a_good_manifest_has_no_problems(folder):
    path = write(folder, HEADER + "clips/a.mp4,0,2.05,x,,,\nclips/a.mp4,0,2.05,x,P2,,\nclips/ü.mp4,,,x,,,\n")
    assert check_manifest(path) == []


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no column 'video'"),
        (b"video,start\n", "no column 'label'"),
        (b"video,label,label\n", "appears twice"),
        (HEADER.encode(), "no rows"),
        (b"video,label\n\0\0a.mp4,x\n", "not a text file"),
    ],
)
def test_unusable_tables_are_one_line(content, what, folder):
    (folder / "manifest.csv").write_bytes(content)
    with pytest.raises(DataError, match=what) as caught:
        read_manifest(folder / "manifest.csv")
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="no such manifest"):
        read_manifest(folder / "other.csv")


@pytest.mark.parametrize("cell", ["clips\\ü.mp4", "clips/u\u0308.mp4", "clips\\u\u0308.mp4", ".\\clips\\ü.mp4"])
def test_files_are_found_however_another_system_writes_their_names(folder, cell):
    path = write(folder, f"video,skeleton,label\n{cell},{cell},x\n")
    (row,) = read_manifest(path).rows
    assert row.video.samefile(folder / "clips" / "ü.mp4")
    assert row.skeleton.samefile(folder / "clips" / "ü.mp4")
    (folder / "clips" / "ü.mp4").rename(folder / "clips" / "u\u0308.mp4")
    assert read_manifest(path).rows[0].video.name == "u\u0308.mp4"
    (folder / "clips").rename(folder / "other")
    with pytest.raises(DataError, match=r"row 2: no video file .*clips"):
        read_manifest(path)


def test_decimal_commas_and_what_spreadsheets_leave(folder):
    path = write(
        folder, "sep=;\nvideo;start;end;label;subject;split\nclips\\a.mp4;0,5;1,25;Béat;s1;Train\n;;;;;\n", "cp1252"
    )
    (row,) = read_manifest(path).rows
    assert (row.start, row.end, row.label, row.row) == (0.5, 1.25, "Béat", 3)
    path = write(folder, "video;start;label\nclips/a.mp4;1.000,5;x\n")
    with pytest.raises(DataError, match=r"row 2: start '1\.000,5' is not a number of seconds"):
        read_manifest(path)


def test_a_person_written_in_two_ways_is_one(folder):
    text = HEADER + "clips/a.mp4,0,1,x,,Zoe\u0308,train\nclips/a.mp4,1,2,x,,ZOË ,Train\nclips/ü.mp4,0,1,x,,zoë,TRAIN\n"
    manifest = read_manifest(write(folder, text))
    assert len({row.subject for row in manifest}) == 1
    assert len(manifest.splits) == 1


def test_what_is_written_is_read(folder):
    rows = [
        ClipRow(folder / "clips" / "a.mp4", "x", 0.1, 1.9, "P2", "s1", "train", folder / "clips" / "ü.mp4"),
        ClipRow(folder / "clips" / "ü.mp4", 'y, "quoted"', extra={"motion": "slow"}),
    ]
    path = folder / "deeper" / "manifest.csv"
    write_manifest(path, rows)
    back = read_manifest(path).rows
    assert [replace(r, video=r.video.resolve(), row=0, extra={}) for r in back] == [
        replace(r, skeleton=b.skeleton, extra={}) for r, b in zip(rows, back, strict=True)
    ]
    assert back[0].skeleton.resolve() == folder / "clips" / "ü.mp4"
    assert [r.extra["motion"] for r in back] == ["", "slow"]
    assert path.read_text("utf-8").splitlines()[1].startswith("../clips/a.mp4,0.1,1.9,")


def test_times_are_written_so_that_no_frame_is_lost(folder):
    rows = [ClipRow(folder / "clips" / "a.mp4", "x", i / 28, (i + 1) / 28) for i in range(28)]
    write_manifest(folder / "manifest.csv", rows)
    back = read_manifest(folder / "manifest.csv").rows
    assert [(r.start, r.end) for r in back] == [(r.start, r.end) for r in rows]
    assert (folder / "manifest.csv").read_text().splitlines()[-1].split(",")[2] == "1"


def test_parquet(folder):
    path = folder / "manifest.parquet"
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        path.write_bytes(b"")
        with pytest.raises(DataError, match="pip install pyarrow"):
            read_manifest(path)
        with pytest.raises(UserError, match="pip install pyarrow"):
            write_manifest(path, [ClipRow(folder / "clips" / "a.mp4", "x")])
        return
    write_manifest(path, [ClipRow(folder / "clips" / "a.mp4", "x", 0.5, 1.0)])
    assert read_manifest(path).rows[0].end == 1.0
