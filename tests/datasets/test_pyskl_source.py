import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from official_trees import pyskl_annotation, write_pyskl_file

from microgesture.corpora import pyskl
from microgesture.corpora.opening import open_data
from microgesture.corpora.pyskl.classes import read_classes
from microgesture.corpora.pyskl.splits import choose_lists
from microgesture.corpora.source import Reading, detect, read_source
from microgesture.datasets.skeleton_reading import read_rows
from microgesture.errors import DataError
from microgesture.vocabulary import Vocabulary


def dump(path: Path, annotations: list, split: dict | None = None) -> Path:
    path.write_bytes(pickle.dumps({"split": split or {}, "annotations": annotations}))
    return path


def splits(reading: Reading) -> dict[str, int]:
    return {name: sum(row.split == name for row in reading.rows) for name in {row.split for row in reading.rows}}


def test_rows(tmp_path):
    path = write_pyskl_file(tmp_path / "a.pkl")
    reading = read_source(path)
    assert reading.name == detect(path) == detect(tmp_path) == "pyskl"
    assert not reading.problems
    assert reading.vocabulary.names == ("class 0", "class 1", "class 2")
    assert splits(reading) == {"train": 36, "test": 18}
    first = reading.rows[0]
    assert first.skeleton == Path(f"{path}::S001C001P001R001A001")
    assert (first.subject, first.row, first.video, first.start) == ("P001", 1, None, None)
    assert {row.subject for row in reading.rows if row.split == "test"} == {"P005", "P006"}
    assert any("'xsub_val' is the test set" in fact for fact in reading.facts)
    found, wrong = read_rows(reading.rows)
    assert (len(found), wrong) == (54, [])
    assert (reading.protocol, reading.numbering) == ("xsub", "ids")


def test_the_layout_of_25_points_is_a_fact(tmp_path):
    annotations = []
    for i in range(3):
        annotation = {**pyskl_annotation(f"clip{i}", i % 2, i), "keypoint": np.full((1, 20, 25, 2), 300.0)}
        annotation["keypoint"][..., 0, 1] = 200 if i else 400
        annotation["keypoint_score"] = np.ones((1, 20, 25))
        annotations.append(annotation)
    reading = read_source(dump(tmp_path / "a.pkl", annotations))
    assert "25 points in 2D are taken for those of body-25" in reading.facts
    assert {tracks.tracks[0].layout for tracks in read_rows(reading.rows)[0].values()} == {"body-25"}


def test_protocols(tmp_path):
    path = write_pyskl_file(tmp_path / "a.pkl")
    assert splits(read_source(path, protocol="xview")) == {"train": 27, "test": 27}
    with pytest.raises(DataError, match=r"a\.pkl: no protocol 'xset' in the file: it has xsub, xview"):
        read_source(path, protocol="xset")
    assert splits(read_source(write_pyskl_file(path, "train-val"))) == {"train": 36, "test": 18}
    assert splits(read_source(write_pyskl_file(path, "train-val-test"))) == {"train": 36, "val": 9, "test": 9}
    assert splits(read_source(write_pyskl_file(path, ""))) == {"": 54}
    with pytest.raises(DataError, match="it has no lists for training and testing"):
        read_source(path, protocol="xsub")
    held_out = open_data(path, test_subjects=["P002"])
    assert {row.subject for row in held_out.split("test")} == {"P002"}
    assert {row.split for row in open_data(path)} == {"train", "val", "test"}


@pytest.mark.parametrize(
    ("keys", "wanted", "name", "expected"),
    [
        (("train1", "test1", "train2", "test2"), "", "1", {"a": "train", "b": "test"}),
        (("train1", "test1", "train2", "test2"), "2", "2", {"c": "train", "d": "test"}),
        (("Train", "Validation", "Test"), "", "train", {"a": "train", "b": "val", "c": "test"}),
        (("sub_train", "sub_val", "sub_test"), "sub", "sub", {"a": "train", "b": "val", "c": "test"}),
        (("test",), "", "train", {"a": "test"}),
        (("val", "xsub_train", "xsub_val"), "", "xsub", {"b": "train", "c": "test"}),
        (("fold 1", "fold 2"), "", "", {}),
    ],
)
def test_names_of_lists(keys, wanted, name, expected):
    found = choose_lists({key: (clip,) for key, clip in zip(keys, "abcd", strict=False)}, wanted)
    assert (found.name, found.split_of) == (name, expected)


def test_clips_that_are_evaluated_leave_the_training_list(tmp_path):
    annotations = [pyskl_annotation(f"clip{i}", i % 2, i) for i in range(6)]
    lists = {"train": [f"clip{i}" for i in range(4)], "val": ["clip3", "clip4", "gone"]}
    reading = read_source(dump(tmp_path / "a.pkl", annotations, lists))
    assert [(row.extra["id"], row.split) for row in reading.rows] == [
        *((f"clip{i}", "train") for i in range(3)),
        ("clip3", "test"),
        ("clip4", "test"),
    ]
    assert not reading.errors
    assert {problem.what for problem in reading.problems} == {
        "the lists of protocol train name 1 clips that are not in the file, the first is gone",
        "1 annotations are in no list of protocol train: left out, the first is clip5",
        "1 clips are listed for training and for evaluation: left out of training, the first is clip3",
    }


@pytest.mark.parametrize(
    ("names", "classes", "vocabulary", "subject"),
    [
        ("smg", 17, "smg", "1"),
        ("ma52", 52, "ma52", "1"),
        ("own", 17, "pyskl", ""),
    ],
)
def test_vocabulary_of_known_data_sets(tmp_path, names, classes, vocabulary, subject):
    reading = read_source(write_pyskl_file(tmp_path / "a.pkl", names=names, classes=classes, clips=1))
    assert reading.vocabulary.name == vocabulary
    assert (reading.rows[0].subject, len(reading.rows)) == (subject, 6 * classes)
    assert reading.rows[3].label == reading.vocabulary[3].name


def test_few_classes_leave_doubt(tmp_path):
    reading = read_source(write_pyskl_file(tmp_path / "a.pkl", names="imigue"))
    assert reading.vocabulary.names == ("class 0", "class 1", "class 2")
    with pytest.raises(
        DataError, match=r"a\.pkl: the classes of imigue may be .*\(ids\) or .*\(99-as-0\).*'xsub,99-as-0'"
    ):
        read_source(tmp_path / "a.pkl", vocabulary=Vocabulary.load("imigue"))


@pytest.mark.parametrize(("said", "first"), [("ids", "Turtle neck"), ("99-as-0", "Illustrative hand gestures")])
def test_the_numbering_can_be_said(tmp_path, said, first):
    path = write_pyskl_file(tmp_path / "a.pkl", names="imigue")
    imigue = Vocabulary.load("imigue")
    for how in (
        {"protocol": said},
        {"protocol": f"xview, {said}"},
        {"numbering": said},
        {"numbering": "file-ids", "protocol": said},
    ):
        for vocabulary in (imigue, None):
            reading = read_source(path, vocabulary=vocabulary, **how)
            assert (reading.rows[0].label, reading.numbering) == (first, said)
            assert reading.protocol == ("xview" if "xview" in how.get("protocol", "") else "xsub")
    other = write_pyskl_file(tmp_path / "b.pkl", names="own")
    with pytest.raises(DataError, match=r"b\.pkl: numbering 'file-ids' is that of a vocabulary: name it"):
        read_source(other, protocol="file-ids")
    with pytest.raises(DataError, match="classes of ma52 are not numbered 'file-ids': it is ids"):
        read_source(other, vocabulary=Vocabulary.load("ma52"), protocol="file-ids")


def test_another_file_is_read_with_the_classes_of_the_first(tmp_path):
    first = read_source(write_pyskl_file(tmp_path / "a.pkl"))
    part = dump(tmp_path / "b.pkl", [pyskl_annotation(f"clip{i}", i, i) for i in (2, 1, 3)])
    reading = read_source(part, vocabulary=first.vocabulary, numbering=first.numbering)
    assert [row.label for row in reading.rows] == ["class 2", "class 1"]
    assert reading.vocabulary == first.vocabulary
    assert "clip3: label 3 is out of range, classes of pyskl are 0 to 2" in str(reading.errors[0])
    fewer = Vocabulary.from_texts(["class 3", "class 1"])
    assert read_source(part, vocabulary=fewer, numbering="ids").rows[0].label == "class 1"
    smg = dump(tmp_path / "c.pkl", [pyskl_annotation(f"Sample0001_{i}", i, i) for i in range(1, 17)])
    with pytest.raises(DataError, match=r"\(ids\) or .*\(file-ids\), and the file's numbers 1 to 16 do not tell"):
        read_source(smg, vocabulary=Vocabulary.load("smg"))
    assert read_source(smg).vocabulary.name == "pyskl"
    assert any("their numbers may be ids or file-ids" in fact for fact in read_source(smg).facts)
    told = read_source(smg, vocabulary=Vocabulary.load("smg"), numbering="file-ids")
    assert told.rows[0].label == Vocabulary.load("smg")[0].name


def test_three_ways_to_number_imigue():
    imigue = Vocabulary.load("imigue")
    by_id = dict.fromkeys(range(32), 20) | {30: 200, 31: 400, 29: 2}
    by_file = {cls.file_id: by_id[cls.id] for cls in imigue}
    zero = {0 if number == 99 else number: count for number, count in by_file.items()}
    ways = ((by_id, 31, 30, "ids"), (by_file, 99, 31, "file-ids"), (zero, 0, 31, "99-as-0"))
    for counts, illustrative, shoulders, name in ways:
        for given in (None, imigue):
            found = read_classes(counts, "imigue", given)
            assert (found.vocabulary, found.numbering) == (imigue, name)
            assert found.ids[illustrative] == 31
            assert imigue[found.ids[shoulders]].name == "Shaking shoulders"
            assert sorted(found.ids[number] for number in counts) == list(range(32))
    without_99 = {number: count for number, count in by_file.items() if number != 99}
    assert read_classes(without_99, "imigue", imigue).numbering == "file-ids"
    gestures = {number: count for number, count in by_id.items() if number != 31}
    assert read_classes(gestures, "imigue", imigue).numbering == "ids"
    alike = read_classes(dict.fromkeys(range(32), 20), "imigue")
    assert alike.vocabulary.name == "pyskl"
    smg = read_classes(dict.fromkeys(range(1, 18), 5), "smg")
    assert (smg.vocabulary.name, smg.ids[17], smg.numbering) == ("smg", 16, "file-ids")
    assert read_classes(dict.fromkeys(range(17), 5), "smg").numbering == "ids"


def spoilt(change) -> dict:
    annotation = pyskl_annotation("bad", 1)
    change(annotation)
    return annotation


def nan(annotation: dict, share: float) -> None:
    annotation["keypoint"][:, : int(20 * share)] = np.nan


BAD = {
    "negative label": (lambda a: a.update(label=-2), "bad: label -2 is out of range", True),
    "huge label": (lambda a: a.update(label=10**6), "bad: label 1000000 is out of range", True),
    "two labels": (lambda a: a.update(label=[1, 2]), "is no class number", True),
    "half a label": (lambda a: a.update(label=1.5), "bad: label '1.5' is no class number", True),
    "no label": (lambda a: a.pop("label"), "bad: no label", True),
    "zero people": (lambda a: a.update(keypoint=a["keypoint"][:0]), "bad: no people in it", True),
    "zero frames": (lambda a: a.update(keypoint=a["keypoint"][:, :0]), "bad: no frames in it", True),
    "all NaN": (lambda a: nan(a, 1), "bad: all its points are NaN", True),
    "some NaN": (lambda a: nan(a, 0.25), "bad: 25 % of the points are NaN", False),
    "nobody": (
        lambda a: a.update(keypoint_score=a["keypoint_score"] * 0),
        "nobody is seen in it, all scores are 0",
        True,
    ),
    "no points": (lambda a: a.pop("keypoint"), "bad: no array 'keypoint'", True),
    "shape": (lambda a: a.update(keypoint=a["keypoint"][..., :1]), "expected [people, frames, points, 2 or 3]", True),
    "scores": (lambda a: a.update(keypoint_score=a["keypoint_score"][:, 1:]), "'keypoint_score' does not fit", True),
    "points": (
        lambda a: a.update(keypoint=np.ones((1, 20, 36, 2)), keypoint_score=None),
        "36 points are of no known",
        True,
    ),
    "frames": (lambda a: a.update(total_frames=7), "total_frames is 7, its points have 20 frames", False),
    "name": (lambda a: a.update(frame_dir="a//b"), "a//b: its frame_dir cannot stand in a path", True),
    "empty name": (lambda a: a.update(frame_dir=""), "no name: its frame_dir cannot stand in a path", True),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_annotations_are_listed_with_their_number(tmp_path, name):
    change, expected, error = BAD[name]
    annotations = [pyskl_annotation(f"good{i}", i % 2, i) for i in range(4)]
    annotations.insert(2, spoilt(change))
    reading = read_source(dump(tmp_path / "a.pkl", annotations))
    (problem,) = reading.problems
    assert expected in str(problem)
    assert (problem.row, problem.error) == (3, error)
    assert len(reading.rows) == (4 if error else 5)
    assert reading.vocabulary.names == ("class 0", "class 1")


def test_label_outside_the_vocabulary(tmp_path):
    annotations = [pyskl_annotation(f"clip{i}", i) for i in range(4)]
    reading = read_source(dump(tmp_path / "a.pkl", annotations), vocabulary=Vocabulary.from_texts(["a", "b", "c"]))
    assert [row.label for row in reading.rows] == ["a", "b", "c"]
    assert [str(p) for p in reading.errors] == [
        f"{tmp_path / 'a.pkl'}: row 4: clip3: label 3 is out of range, classes of own are 0 to 2"
    ]


def test_two_annotations_of_one_name(tmp_path):
    annotations = [pyskl_annotation(name, 0, seed) for name, seed in (("a", 1), ("b", 2), ("a", 1), ("b", 3), ("c", 4))]
    reading = read_source(dump(tmp_path / "a.pkl", annotations))
    assert [row.row for row in reading.rows] == [1, 5]
    assert [(p.row, p.error) for p in reading.problems] == [(3, False), (4, True)]
    assert "b: stands in annotation 2 already, another clip of this name" in str(reading.problems[1])


def test_a_test_set_without_labels(tmp_path):
    annotations = [pyskl_annotation(f"clip{i}", i % 2 if i < 4 else -1, i) for i in range(6)]
    lists = {"train": [f"clip{i}" for i in range(4)], "test": ["clip4", "clip5"]}
    reading = read_source(dump(tmp_path / "a.pkl", annotations, lists))
    assert not reading.problems
    assert [(row.extra["id"], row.label, row.split) for row in reading.unlabelled] == [
        ("clip4", "", "test"),
        ("clip5", "", "test"),
    ]


class Malicious:
    """Makes a folder when it is unpickled by a reader that runs what a pickle names."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_malicious_pickle_is_refused_and_not_run(tmp_path):
    annotation = {**pyskl_annotation("a", 0), "label": Malicious(tmp_path / "harm")}
    path = dump(tmp_path / "a.pkl", [annotation])
    with pytest.raises(DataError, match=r"a\.pkl: refused, only NumPy arrays and plain values"):
        read_source(path)
    assert not (tmp_path / "harm").exists()
    pickle.loads(path.read_bytes())  # it would have
    assert (tmp_path / "harm").exists()


def test_files_that_are_none(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"no pickle")
    with pytest.raises(DataError, match="not a pickle"):
        read_source(tmp_path)
    write_pyskl_file(tmp_path / "b.pkl")
    assert not pyskl.recognises(tmp_path)
    with pytest.raises(DataError, match=r"2 pickles in it, name one: a\.pkl, b\.pkl"):
        read_source(tmp_path, "pyskl")


def test_the_file_is_read_once(tmp_path, monkeypatch):
    calls = []
    reader = pyskl.read_pyskl
    monkeypatch.setattr(pyskl, "read_pyskl", lambda path, layout: (calls.append(path), reader(path))[1])
    read_source(write_pyskl_file(tmp_path / "a.pkl"))
    assert len(calls) == 1
