import csv
from pathlib import Path

import pytest
from official_trees import LETTER_CLASSES, write_letter_clips, write_small_video

from microgesture.corpora.published import compared
from microgesture.corpora.source import Reading, detect, read_source
from microgesture.errors import DataError
from microgesture.vocabulary import Vocabulary


def problems(reading: Reading) -> list[str]:
    return [str(problem) for problem in reading.problems]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return write_letter_clips(tmp_path_factory.mktemp("letter") / "SMG")


@pytest.fixture
def smg(made, tmp_path) -> Path:
    """A copy that may be spoilt, its videos links to the made ones."""
    for path in made.rglob("*"):
        target = tmp_path / path.relative_to(made)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".mp4":
            target.symlink_to(path)
        elif path.is_file():
            target.write_bytes(path.read_bytes())
    return tmp_path


def change(path: Path, *edits: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)


def test_rows(made):
    reading = read_source(made)
    assert reading.name == detect(made) == "letter_clips"
    assert reading.vocabulary == Vocabulary.load("smg")
    assert not reading.problems
    assert [row.split for row in reading.rows] == ["train"] * 24 + ["test"] * 16
    first = reading.rows[0]
    assert first.video == made / "training_clips" / f"{first.extra['id']}.mp4"
    assert (first.start, first.end, first.row) == (None, None, 2)
    assert [reading.vocabulary.index(row.label) for row in reading.rows[:8]] == [*LETTER_CLASSES, *LETTER_CLASSES]
    assert list(dict.fromkeys(row.subject for row in reading.rows)) == ["1", "2", "3", "36", "37"]
    assert compared("test clips", 16, 610) in reading.facts
    assert compared("train subjects", 3, 35) in reading.facts


def test_root_may_be_above_or_inside(made):
    assert read_source(made / "training_clips").rows == read_source(made).rows
    assert read_source(made.parent).rows == read_source(made).rows
    with pytest.raises(DataError, match=r"no protocol 'miga' of the paper's clips"):
        read_source(made, protocol="miga")


def test_captions_may_be_ids_and_videos_may_have_subjects(tmp_path):
    root = write_letter_clips(tmp_path, "imigue", captions="ids")
    reading = read_source(root)
    assert reading.vocabulary == Vocabulary.load("imigue")
    assert [reading.vocabulary.index(row.label) for row in reading.rows[:4]] == list(LETTER_CLASSES)
    assert {row.subject for row in reading.rows} == {f"video {n:04d}" for n in (1, 2, 3, 5, 6)}
    assert any("each video stands for one" in fact for fact in reading.facts)
    (root / "subjects.csv").write_text("video_id,subject_id\n" + "".join(f"{n},{n + 10}\n" for n in range(1, 7)))
    assert {row.subject for row in read_source(root).rows} == {"11", "12", "13", "15", "16"}


def test_labels_in_another_spelling_go_by_their_id(smg):
    old = Vocabulary.load("smg")[8].name
    for path in smg.rglob("*.csv"):
        path.write_text(path.read_text().replace(old, "arms on the hips"))
    reading = read_source(smg)
    assert reading.vocabulary == Vocabulary.load("smg")
    assert sum(row.label == old for row in reading.rows) == 10
    assert any("'arms on the hips' is taken for 'Arms akimbo'" in fact for fact in reading.facts)
    assert not reading.errors


def test_labels_of_its_own(smg):
    with (smg / "Clip_label.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "name"), (0, "Nod"), (1, "Shake, slowly")])
    for folder in ("training_clips", "testing_clips"):
        rows = [line.split(",", 1)[0] for line in (smg / folder / "clip.csv").read_text().splitlines()[1:]]
        text = "".join(f"{name},{'Nod' if i % 2 else 'Shake, slowly'}\n" for i, name in enumerate(rows))
        (smg / folder / "clip.csv").write_text("clip,caption\n" + text)  # a comma without quotes
    reading = read_source(smg)
    assert reading.vocabulary.names == ("Nod", "Shake, slowly")
    assert len(reading.rows) == 40
    assert not reading.errors


BAD = {
    "missing clip": (
        lambda r: (r / "training_clips" / "Sample0001_0_8.mp4").unlink(),
        "row 2: no clip file Sample0001_0",
    ),
    "unknown label": (
        lambda r: change(r / "training_clips" / "clip.csv", ("Turtling neck and shoulder", "Turtle")),
        "row 2: label 'Turtle' is not in vocabulary 'smg'",
    ),
    "no label": (
        lambda r: change(r / "training_clips" / "clip.csv", ("Turtling neck and shoulder", "")),
        "row 2: empty label",
    ),
    "twice": (
        lambda r: change(r / "training_clips" / "clip.csv", ("Sample0001_40_49", "Sample0001_0_8")),
        "row 3: Sample0001_0_8.mp4 stands in row 2 already",
    ),
    "half a clip": (
        lambda r: half(r / "training_clips" / "Sample0001_0_8.mp4"),
        "training_clips/clip.csv: row 2: Sample0001_0_8.mp4: ",
    ),
}


def half(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[: int(len(data) * 0.7)])


@pytest.mark.parametrize("name", BAD)
def test_bad_rows_are_listed_and_left_out(smg, name):
    spoil, expected = BAD[name]
    spoil(smg)
    reading = read_source(smg)
    assert any(expected in str(problem) for problem in reading.errors), problems(reading)
    assert len(reading.rows) == 39


def test_test_clips_leave_the_training_list(smg):
    name = "Sample0036_0_8.mp4"
    write_small_video(smg / "training_clips" / name, 9)
    with (smg / "training_clips" / "clip.csv").open("a") as file:
        file.write(f"{name},Arms akimbo\n")
    reading = read_source(smg)
    assert [row.split for row in reading.rows if row.extra["id"] == "Sample0036_0_8"] == ["test"]
    assert any(
        "row 26: Sample0036_0_8 is also in row 2 of the test list: left out" in line for line in problems(reading)
    )


def test_subjects_on_both_sides_and_clips_in_no_list(smg):
    write_small_video(smg / "testing_clips" / "Sample0001_900_905.mp4", 6)
    write_small_video(smg / "testing_clips" / "Sample0001_950_955.mp4", 6)
    with (smg / "testing_clips" / "clip.csv").open("a") as file:
        file.write("Sample0001_900_905,Arms akimbo\n")  # without .mp4
    reading = read_source(smg)
    assert not reading.errors
    found = problems(reading)
    assert any("1 subjects are in the training list and in the test list, the first is 1" in line for line in found)
    assert any("subject 1 is none of the published test subjects" in line for line in found)
    assert any("1 clips are in no list, the first is Sample0001_950_955.mp4" in line for line in found)


def test_lists_that_are_missing_or_empty(smg):
    (smg / "testing_clips" / "clip.csv").write_text("")
    assert any("testing_clips/clip.csv: empty" in str(p) for p in read_source(smg).errors)
    (smg / "testing_clips" / "clip.csv").write_text("clip,caption\n")
    assert any("testing_clips/clip.csv: no clips in it" in str(p) for p in read_source(smg).errors)
    (smg / "testing_clips" / "clip.csv").write_text("name,text\n")
    assert any("the header is not clip,caption" in str(p) for p in read_source(smg).errors)
    (smg / "testing_clips" / "clip.csv").unlink()
    reading = read_source(smg)
    assert not reading.errors
    assert len(reading.rows) == 24


def test_without_label_names(smg):
    (smg / "Clip_label.csv").unlink()
    reading = read_source(smg)
    assert reading.vocabulary.name == "smg"
    assert len(reading.rows) == 40
    for folder in ("training_clips", "testing_clips"):
        rows = [line.split(",", 1)[0] for line in (smg / folder / "clip.csv").read_text().splitlines()[1:]]
        (smg / folder / "clip.csv").write_text("clip,caption\n" + "".join(f"{name},3\n" for name in rows))
    with pytest.raises(DataError, match=r"the captions are numbers and no Clip_label\.csv says"):
        read_source(smg)
