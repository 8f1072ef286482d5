"""Clips without a gesture, from between the gestures of a film."""

from itertools import pairwise
from pathlib import Path

import pytest

from microgesture.datasets.background import add_background, between
from microgesture.datasets.manifest import ClipRow, Manifest, read_manifest, write_manifest
from microgesture.errors import DataError, RecipeError
from microgesture.vocabulary import NO_GESTURE, Vocabulary

TIMES = ((2.0, 3.0), (2.5, 4.0), (10.0, 12.0), (12.3, 13.0), (30.0, 31.0))
WORDS = Vocabulary.from_texts(["Nodding", "Waving"], "two")


def film(name="a.mp4", split="train", subject="s1", person="P1", times=TIMES, unsure=""):
    extra = {"unsure": unsure} if unsure else {}
    return [ClipRow(Path(name), "Nodding", a, b, person, subject, split, extra=extra) for a, b in times]


def free(row, times, margin=0.25):
    return all(row.end <= a - margin + 1e-6 or row.start >= b + margin - 1e-6 for a, b in times)


def test_clips_lie_in_the_gaps_and_touch_no_gesture():
    made = between(film())
    assert len(made) > 5
    assert all(row.label == NO_GESTURE and free(row, TIMES) for row in made)
    assert all(row.start >= 4.25 and row.end <= 29.75 and row.end - row.start > 0.79 for row in made)
    assert {round(row.end - row.start, 1) for row in made} >= {1.0, 2.0}  # as long as gestures are
    assert {(row.video, row.person, row.subject, row.split) for row in made} == {(Path("a.mp4"), "P1", "s1", "train")}
    in_order = [(row.start, row.end) for row in made]
    assert all(a[1] <= b[0] for a, b in pairwise(in_order))


def test_a_film_of_one_gesture_and_trimmed_clips_have_no_gaps():
    assert not between(film(times=TIMES[:1]))
    assert not between([ClipRow(Path("a.mp4"), "Nodding"), ClipRow(Path("a.mp4"), "Nodding")])


def test_two_people_of_a_film_have_gaps_of_their_own():
    other = film(person="P2", subject="s2", times=((20.0, 21.0), (24.0, 25.0)))
    made = between([*film(), *other])
    assert [row for row in made if row.person == "P1"] == between(film())
    assert all(row.start >= 21.25 and row.end <= 23.75 for row in made if row.person == "P2")


def test_where_nobody_is_sure_nothing_is_cut():
    unsure = "14-20 22.5-29"
    made = between(film(unsure=unsure))
    assert made
    assert all(free(row, ((14, 20), (22.5, 29))) for row in made)
    with pytest.raises(DataError, match="'unsure' holds '5', which is not start-end"):
        between(film(unsure="5"))


def test_the_same_seed_gives_the_same_clips_whatever_other_films_there_are():
    alone = between(film())
    assert alone == [row for row in between([*film("b.mp4"), *film()]) if row.video == Path("a.mp4")]
    assert alone != between(film(), seed=1)


def test_a_manifest_with_background(tmp_path):
    rows = (*film("a.mp4"), *film("b.mp4", "test", "s2"))
    whole = add_background(Manifest(tmp_path / "m.csv", rows, WORDS), 0.6)
    assert whole.rows[: len(rows)] == rows
    made = whole.rows[len(rows) :]
    assert len(made) == 3  # 0.6 of the five gestures that are for training
    assert {row.split for row in made} == {"train"}
    assert whole.vocabulary.names == ("Nodding", "Waving", NO_GESTURE)
    everything = add_background(Manifest(tmp_path / "m.csv", rows, WORDS), 100.0, ("train", "test"))
    assert len(everything) == len(rows) + len(between(rows))


def test_no_share_changes_the_vocabulary_only_and_no_room_is_an_error(tmp_path):
    manifest = Manifest(tmp_path / "m.csv", tuple(film(times=TIMES[:1])), WORDS)
    assert add_background(manifest, 0.0).rows == manifest.rows
    with pytest.raises(DataError, match="no room for clips without a gesture"):
        add_background(manifest, 0.5)
    with pytest.raises(RecipeError, match="0 or more"):
        add_background(manifest, -1.0)


def test_background_rows_go_through_a_manifest(tmp_path):
    (tmp_path / "a.mp4").touch()
    made = between(film(str(tmp_path / "a.mp4"), unsure="14-20"))
    write_manifest(tmp_path / "m.csv", made)
    again = read_manifest(tmp_path / "m.csv")
    assert [(r.start, r.end, r.label) for r in again] == [(r.start, r.end, r.label) for r in made]
