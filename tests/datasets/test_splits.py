"""Who is held out: by name, by the draw of the own name, and that growth moves nobody."""

from pathlib import Path

import pytest

from microgesture.datasets import ClipRow
from microgesture.datasets.splits import group, held_out_by, hold_out, hold_out_named
from microgesture.errors import DataError


def clips(subjects, clips: int = 3, split: str = "") -> list[ClipRow]:
    return [ClipRow(Path(f"{s}_{i}.mp4"), "up", subject=str(s), split=split) for s in subjects for i in range(clips)]


def parts(rows) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows:
        assert found.setdefault(row.subject, row.split) == row.split
    return found


def test_a_growing_data_set_keeps_its_test_set():
    before = parts(hold_out(clips(f"P{i:03d}" for i in range(40))))
    after = parts(hold_out(clips(f"P{i:03d}" for i in range(60))))
    assert {name: after[name] for name in before} == before
    assert before != parts(hold_out(clips(f"P{i:03d}" for i in range(40)), seed=1))


def test_the_shares_are_kept_over_many_subjects():
    found = list(parts(hold_out(clips(range(2000), 1))).values())
    assert found.count("test") / 2000 == pytest.approx(0.2, abs=0.03)
    assert found.count("val") / 2000 == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("count", [3, 4, 5, 8])
def test_no_part_is_ever_empty(count):
    for seed in range(100):
        found = parts(hold_out(clips(range(count)), seed))
        assert set(found.values()) == {"train", "val", "test"}


def test_fewer_than_three_cannot_be_parted():
    with pytest.raises(DataError, match=r"2 subjects or files are too few.*column 'subject' or 'split'"):
        hold_out(clips("ab"))


def test_clips_without_subject_go_with_their_file():
    rows = [ClipRow(Path(f"/data/day/{v}.mp4"), "up", i, i + 1) for v in "abcdef" for i in range(4)]
    found = hold_out(rows, folder=Path("/data"))
    for video in {row.video for row in rows}:
        assert len({row.split for row in found if row.video == video}) == 1
    assert held_out_by(rows).startswith("whole files where no subject is named")
    moved = [ClipRow(Path("/elsewhere") / row.video.relative_to("/data"), "up", row.start, row.end) for row in rows]
    assert [r.split for r in hold_out(moved, folder=Path("/elsewhere"))] == [r.split for r in found]


def test_clips_of_pickles_are_of_the_pickle():
    rows = [ClipRow(None, "up", skeleton=Path(f"{p}.pkl::clip {i}")) for p in "abcd" for i in range(5)]
    found = hold_out(rows)
    for pickle in "abcd":
        assert len({r.split for r in found if str(r.skeleton).startswith(pickle)}) == 1
    assert {group(row) for row in rows} == {"a.pkl", "b.pkl", "c.pkl", "d.pkl"}


def test_one_pickle_without_subjects_is_held_out_by_clips_and_says_so():
    rows = [ClipRow(None, "up", skeleton=Path(f"a.pkl::clip {i}")) for i in range(30)]
    assert {row.split for row in hold_out(rows)} == {"train", "val", "test"}
    assert "people of the test clips are trained on too" in held_out_by(rows)
    with_subject = [ClipRow(None, "up", subject=f"P{i % 2}", skeleton=row.skeleton) for i, row in enumerate(rows)]
    assert held_out_by(with_subject) == "whole subjects"
    with pytest.raises(DataError, match="2 subjects"):
        hold_out(with_subject)


@pytest.mark.parametrize(
    ("known", "asked", "expected"),
    [
        (("P001", "Q001", "P002"), "P001", {"P001"}),
        (("P001", "Q001", "P002"), "P1", {"P001"}),
        (("P001", "Q001", "P002"), "q1-q9", {"Q001"}),
        (("36", "37", "41"), "36-40", {"36", "37"}),
        (("36", "37", "41"), "P36", {"36"}),
        (("P036", "P037", "P041"), "36 - 40", {"P036", "P037"}),
        (("1", "P1", "2"), "1", {"1"}),
        (("video 0001", "video 0002"), "2", {"video 0002"}),
        (("5-6", "5", "6"), "5-6", {"5-6"}),
        (("anna", "berta"), "anna", {"anna"}),
    ],
)
def test_names_numbers_and_ranges(known, asked, expected):
    found = parts(hold_out_named(clips(known), [asked]))
    assert {name for name, split in found.items() if split == "test"} == expected


def test_a_number_of_two_subjects_is_refused():
    with pytest.raises(DataError, match="subject '1-2' may be 'P001' or 'Q001': name it in full"):
        hold_out_named(clips(("P001", "Q001", "P002")), ["1-2"])


def test_splits_of_any_case_give_way_and_validation_stays():
    rows = clips("ab", split="Test") + clips("c", split="Val") + clips("d")
    assert parts(hold_out_named(rows, ["a"])) == {"a": "test", "b": "train", "c": "Val", "d": "train"}
    with pytest.raises(DataError, match="none is left to train on"):
        hold_out_named(clips("ab"), ["a", "b"])
    with pytest.raises(DataError, match="no clip of subject 'x'; there are none: the rows name no subject"):
        hold_out_named([ClipRow(Path("a.mp4"), "up")], ["x"])
