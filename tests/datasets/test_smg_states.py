"""SMG's emotional states as labelled pieces of timelines."""

from collections import Counter
from pathlib import Path

import pytest
from smg_trees import FPS, labels_of, write_rows, write_smg, write_smg_miga

from microgesture.corpora.smg.states import smg_states
from microgesture.errors import DataError
from microgesture.vocabulary import Vocabulary


@pytest.fixture
def smg(tmp_path) -> Path:
    return write_smg(tmp_path / "SMG", samples=(1, 36), rgb=False, skeleton=False)


def states_file(smg: Path) -> Path:
    return smg / "Sample0001" / "Sample0001_tflabels_new.csv"


def test_every_state_is_a_piece_with_the_gestures_inside_it(smg):
    found = smg_states(smg)
    assert [(name, outcome, subject) for name, _, outcome, subject in found] == [
        ("Sample0001-1", "relaxed", "1"),
        ("Sample0001-2", "stressed", "1"),
        ("Sample0036-1", "relaxed", "36"),
        ("Sample0036-2", "stressed", "36"),
    ]
    vocabulary = Vocabulary.load("smg")
    pieces = [timeline for _, timeline, _, subject in found if subject == "1"]
    spans = [(0, 51), (51, 101)]
    for timeline, (low, high) in zip(pieces, spans, strict=True):
        inside = [(n, max(a, low), min(b + 1, high)) for n, a, b in labels_of(1) if a < high and b + 1 > low]
        assert [e.label_id for e in timeline] == [vocabulary.from_file_id(n) for n, _, _ in inside]
        times = [((a - low) / FPS, (b - low) / FPS) for _, a, b in inside]
        assert [(e.start, e.end) for e in timeline] == [pytest.approx(pair) for pair in times]
        assert timeline.duration == pytest.approx((high - low) / FPS)
        assert timeline.provenance["hidden"] == 1
        assert timeline.provenance["interval"] == [round(low / FPS, 3), round(high / FPS, 3)]
        assert timeline.labels == vocabulary.names
    assert sum(map(len, pieces)) >= len(labels_of(1))


def test_a_gesture_across_the_border_is_cut_into_both(smg):
    write_rows(smg / "Sample0001" / "Sample0001_finelabels.csv", [(3, 40, 59), (5, 105, 110)])
    first, second = (timeline for _, timeline, _, subject in smg_states(smg) if subject == "1")
    assert (first[0].start, first[0].end) == pytest.approx((40 / FPS, 51 / FPS))
    assert (second[0].start, second[0].end) == pytest.approx((0.0, 9 / FPS))
    assert len(first) == len(second) == 1


def test_codes_are_state_and_hiding(smg):
    rows = [(1, 60, 79, 2), (2, 0, 19, 1), (3, 20, 39, 12), (4, 40, 59, 11)]
    write_rows(states_file(smg), rows)
    mine = [found for found in smg_states(smg) if found[3] == "1"]
    assert [outcome for _, _, outcome, _ in mine] == ["relaxed", "stressed", "relaxed", "stressed"]
    assert [t.provenance["code"] for _, t, _, _ in mine] == [1, 12, 11, 2]
    assert [t.provenance["hidden"] for _, t, _, _ in mine] == [0, 1, 1, 0]
    assert [name for name, *_ in mine] == [f"Sample0001-{n}" for n in (1, 2, 3, 4)]


def test_frames_are_of_the_samples_own_rate(smg):
    write_rows(smg / "Sample0001" / "Sample0001_data.csv", [(112, 14, 4500)])
    assert smg_states(smg)[0][1].duration == pytest.approx(51 / 14)
    (smg / "Sample0001" / "Sample0001_data.csv").unlink()
    assert smg_states(smg)[0][1].duration == pytest.approx(51 / 28)


def test_the_trees_of_the_challenge_are_read_too(tmp_path):
    found = smg_states(write_smg_miga(tmp_path / "miga"))
    assert Counter(outcome for _, _, outcome, _ in found) == {"relaxed": 5, "stressed": 5}
    assert {subject for *_, subject in found} == {"1", "2", "3", "31", "32"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(1, 0, 50, 11), (2, 51, 100)], "row 2: 3 columns, expected 4"),
        ([(1, 0, "x", 11)], "row 1: 'x' is not a whole number"),
        ([(1, 50, 20, 11)], "row 1: frames 50 to 20 are no interval"),
        ([(1, -1, 20, 11)], "row 1: frames -1 to 20 are no interval"),
        ([(1, 0, 50, 13)], "row 1: code 13 is no state"),
        ([(1, 0, 50, 10)], "row 1: code 10 is no state"),
        ([(1, 0, 50, 101)], "row 1: code 101 is no state"),
    ],
)
def test_bad_rows_are_named(smg, rows, said):
    write_rows(states_file(smg), rows)
    with pytest.raises(DataError, match=f"Sample0001_tflabels_new.csv: {said}"):
        smg_states(smg)


def test_bad_gestures_and_missing_files_are_named(smg, tmp_path):
    labels = smg / "Sample0001" / "Sample0001_finelabels.csv"
    write_rows(labels, [(3, 1, 5), (18, 7, 9)])
    with pytest.raises(DataError, match=r"Sample0001_finelabels\.csv: row 2: label number 18 is not in vocabulary"):
        smg_states(smg)
    labels.unlink()
    with pytest.raises(DataError, match=r"no Sample0001_finelabels\.csv"):
        smg_states(smg)
    with pytest.raises(DataError, match="no states of SMG in it"):
        smg_states(tmp_path / "nowhere")
