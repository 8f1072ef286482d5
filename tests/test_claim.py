"""A folder is one piece of work's: the same command goes on in it, another is told what differs."""

import json

import pytest

from microgesture.errors import UserError
from microgesture.files.claim import claim_folder

MINE = {"version": "1", "config": {"seed": 7, "shares": (0.5, 0.5)}, "digest": "a" * 64}


def test_a_new_folder_is_claimed_and_the_same_work_goes_on(tmp_path):
    note = tmp_path / "new" / "note.json"
    assert not claim_folder(note, MINE, "chain", {"complete": False})
    assert json.loads(note.read_text())["complete"] is False
    note.write_text(json.dumps({**json.loads(note.read_text()), "complete": True}))
    assert claim_folder(note, MINE, "chain", {"complete": False})
    assert json.loads(note.read_text())["complete"] is True


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"config": {"seed": 9, "shares": (0.5, 0.5)}}, r"holds another chain \(seed 7, now 9\)"),
        ({"config": {"seed": 7, "shares": (0.4, 0.6)}}, r"\(shares \[0.5, 0.5\], now \[0.4, 0.6\]\)"),
        ({"version": "2"}, r'\(version "1", now "2"\)'),
        ({"digest": "b" * 64}, r"\(digest differs\)"),
    ],
)
def test_other_work_is_refused_by_what_differs(tmp_path, change, said):
    note = tmp_path / "note.json"
    claim_folder(note, MINE, "chain")
    before = note.read_text()
    with pytest.raises(UserError, match=said):
        claim_folder(note, {**MINE, **change}, "chain")
    assert note.read_text() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", r"note\.json: cannot be read as the note of a chain"),
        ("[]", r"note\.json: cannot be read as the note of a chain"),
        ('{"other": 1}', r"note\.json: is not the note of a chain"),
        ('{"version": "1"}', r"holds another chain \(seed null, now 7\)"),
        (json.dumps({**MINE, "config": {**MINE["config"], "more": 1}}), r"holds another chain \(more 1, now null\)"),
    ],
)
def test_a_note_that_is_not_ours_is_refused(tmp_path, text, said):
    (tmp_path / "note.json").write_text(text)
    with pytest.raises(UserError, match=said):
        claim_folder(tmp_path / "note.json", MINE, "chain")


def test_a_folder_of_something_else_and_a_file_are_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty and holds no chain"):
        claim_folder(tmp_path / "note.json", MINE, "chain")
    with pytest.raises(UserError, match="is a file, not a folder"):
        claim_folder(tmp_path / "thesis.txt" / "note.json", MINE, "chain")
