"""Vocabularies: the three data files are as published, and a user's own texts behave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from microgesture.errors import DataError
from microgesture.vocabulary import BODY_REGIONS, NO_GESTURE, GestureClass, Vocabulary, vocabularies


@pytest.mark.parametrize(("name", "count"), [("imigue", 32), ("smg", 17), ("ma52", 52)])
def test_counts_and_ids(name: str, count: int) -> None:
    vocabulary = Vocabulary.load(name)
    assert vocabulary.name == name
    assert [c.id for c in vocabulary] == list(range(count))
    assert Vocabulary.load(name.upper()) == vocabulary


@pytest.mark.parametrize(
    ("name", "class_id", "label"),
    [
        ("imigue", 0, "Turtle neck"),
        ("imigue", 10, "Touching jaw"),
        ("imigue", 13, "Buckle button, pulling shirt collar, adjusting tie"),
        ("imigue", 31, "Illustrative hand gestures"),
        ("smg", 4, "Moving legs"),
        ("smg", 11, "Scratching or touching facial parts other than eyes"),
        ("ma52", 0, "shaking body"),
        ("ma52", 51, "scratching feet"),
    ],
)
def test_published_names(name: str, class_id: int, label: str) -> None:
    assert Vocabulary.load(name).names[class_id] == label


@pytest.mark.parametrize("name", vocabularies())
def test_every_class_is_described(name: str) -> None:
    vocabulary = Vocabulary.load(name)
    for gesture in vocabulary:
        assert 8 <= len(gesture.description.split()) <= 20, gesture
        assert gesture.description.endswith("."), gesture
        assert gesture.body_region in BODY_REGIONS, gesture
    assert len({c.description for c in vocabulary}) == len(vocabulary)


def test_same_label_has_same_region_in_every_vocabulary() -> None:
    regions: dict[str, set[str]] = {}
    for name in vocabularies():
        for gesture in Vocabulary.load(name):
            regions.setdefault(gesture.name.lower(), set()).add(gesture.body_region)
    assert {label: found for label, found in regions.items() if len(found) > 1} == {}


def test_file_ids() -> None:
    imigue, smg, ma52 = (Vocabulary.load(name) for name in ("imigue", "smg", "ma52"))
    assert [imigue.from_file_id(i) for i in range(1, 32)] == list(range(31))
    assert imigue.from_file_id(99) == 31
    assert [smg.from_file_id(i) for i in range(1, 18)] == list(range(17))
    assert [ma52.from_file_id(i) for i in range(52)] == list(range(52))
    for wrong in (0, 32, 98):
        with pytest.raises(DataError, match=f"label number {wrong} "):
            imigue.from_file_id(wrong)


@pytest.mark.parametrize("name", vocabularies())
def test_illustrative_is_the_only_non_micro_gesture(name: str) -> None:
    others = [c.name.lower() for c in Vocabulary.load(name) if not c.micro_gesture]
    assert len(others) == 1
    assert others[0].startswith("illustrative")


def test_ma52_body_groups_have_published_sizes() -> None:
    regions = [c.body_region for c in Vocabulary.load("ma52")]
    assert [regions.count(r) for r in BODY_REGIONS] == [5, 6, 13, 8, 6, 10, 4]


def test_index_ignores_case_and_spacing() -> None:
    vocabulary = Vocabulary.load("imigue")
    assert vocabulary.index("  touching   JAW ") == 10
    assert "touching jaw" in vocabulary
    assert "touching knees" not in vocabulary
    assert 10 not in vocabulary
    with pytest.raises(DataError, match="'touching knees' is not in vocabulary 'imigue'"):
        vocabulary.index("touching knees")


def test_subset_keeps_order_and_renumbers() -> None:
    subset = Vocabulary.load("imigue").subset(["Pressing lips", "turtle neck"])
    assert subset.names == ("Pressing lips", "Turtle neck")
    assert [c.id for c in subset] == [0, 1]
    assert subset.from_file_id(29) == 0
    with pytest.raises(DataError):
        subset.from_file_id(2)
    with pytest.raises(DataError, match="appears twice"):
        Vocabulary.load("imigue").subset(["Pressing lips", "pressing lips"])


def test_with_background_adds_one_class_once() -> None:
    vocabulary = Vocabulary.load("smg")
    assert vocabulary.background_id is None
    extended = vocabulary.with_background()
    assert extended.background_id == 17
    assert extended.names[-1] == NO_GESTURE
    assert not extended[17].micro_gesture
    assert extended.with_background() is extended


@pytest.mark.parametrize("name", vocabularies())
def test_json_round_trip(name: str, tmp_path: Path) -> None:
    vocabulary = Vocabulary.load(name).with_background()
    file = tmp_path / "vocabulary.json"
    file.write_text(json.dumps(vocabulary.to_json()), "utf-8")
    assert Vocabulary.load(file) == vocabulary


def test_from_texts_and_text_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_bytes("\ufeff# my own\n\nTwirling a pen : The pen turns.\r\n  Chewing gum \n".encode())
    vocabulary = Vocabulary.load(file)
    assert vocabulary.name == "mine"
    assert vocabulary.names == ("Twirling a pen", "Chewing gum")
    assert vocabulary[0].description == "The pen turns."
    assert vocabulary == Vocabulary.from_texts(["Twirling a pen : The pen turns.", "Chewing gum"], "mine")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ((), "has no classes"),
        ((GestureClass(1, "a"),), "has id 1, expected 0"),
        ((GestureClass(0, "  "),), "class 0 has an empty name"),
        ((GestureClass(0, "a"), GestureClass(1, "A ")), "appears twice"),
        ((GestureClass(0, "a", "", "elbow"),), "unknown body region 'elbow'"),
    ],
)
def test_wrong_classes_are_named(classes: tuple[GestureClass, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Vocabulary("own", classes)


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"name": "x"}', b'{"name": "x", "classes": [{"nme": 1}]}', b"\xff\xfe\xff"]
)
def test_broken_json_names_the_file(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.json"):
        Vocabulary.load(file)


def test_unknown_source_lists_the_built_in() -> None:
    with pytest.raises(DataError, match="imigue, smg, ma52"):
        Vocabulary.load("no-such-vocabulary")


def test_accents_may_be_composed_or_not_and_files_in_any_usual_encoding(tmp_path: Path) -> None:
    words = Vocabulary.from_texts(["Kopf beru\u0308hren", "Nicken"])
    assert words.index("Kopf  BER\u00dcHREN") == 0
    for encoding in ("utf-8", "cp1252", "utf-16"):
        (tmp_path / "own.txt").write_text("Kopf ber\u00fchren : \u201eHand am Kopf\u201c\n", encoding)
        assert Vocabulary.load(tmp_path / "own.txt")[0].description == "\u201eHand am Kopf\u201c"
