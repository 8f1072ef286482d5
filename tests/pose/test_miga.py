import logging

import numpy as np
import pytest

from microgesture.errors import DataError
from microgesture.skeletons.layouts import IMIGUE_35
from microgesture.skeletons.miga import read_miga


def people(frames: int = 12, left_first: bool = False) -> np.ndarray:
    """`(T, 35, 3)`: the right wrist at x = 300, the left at x = 700, five tips around each."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.uniform(200, 800, (frames, 35, 2)), rng.uniform(0.3, 1, (frames, 35, 1))], axis=-1)
    rows[:, 4, :2], rows[:, 7, :2] = (300, 500), (700, 500)
    tips = (np.arange(5) * 10)[None, :, None] + rng.normal(0, 1, (frames, 5, 2))
    rows[:, 25:30, :2] = tips + ((700, 500) if left_first else (300, 500))
    rows[:, 30:35, :2] = tips + ((300, 500) if left_first else (700, 500))
    return rows


def write(path, rows, first=str) -> None:
    lines = [",".join([first(i), *(repr(float(v)) for v in row.ravel())]) for i, row in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n")


def test_points_scores_times(tmp_path):
    rows = people()
    write(tmp_path / "0001_light_hand.csv", rows, lambda i: f"0001_{i:012d}_keypoints.json")
    track = read_miga(tmp_path / "0001_light_hand.csv")
    assert (track.layout, track.image_size) == ("imigue-35", (1280, 720))
    np.testing.assert_array_equal(track.points, rows[..., :2].astype(np.float32))
    np.testing.assert_array_equal(track.scores, rows[..., 2].astype(np.float32))
    np.testing.assert_allclose(track.times, np.arange(12) / 25)
    assert read_miga(tmp_path / "0001_light_hand.csv", fps=50).times[1] == 0.02


@pytest.mark.parametrize("separator", [";", "\t"])
def test_what_a_european_spreadsheet_saved(tmp_path, separator):
    rows = people()
    write(tmp_path / "a_light_hand.csv", rows)
    text = (tmp_path / "a_light_hand.csv").read_text().replace(",", separator).replace(".", ",")
    (tmp_path / "b_light_hand.csv").write_text(text, "utf-8-sig")
    ours, saved = (read_miga(tmp_path / f"{name}_light_hand.csv") for name in "ab")
    np.testing.assert_array_equal(saved.points, ours.points)
    np.testing.assert_array_equal(saved.scores, ours.scores)


@pytest.mark.parametrize("left_first", [False, True])
def test_the_nearer_wrist_owns_the_fingertips(tmp_path, left_first, caplog):
    rows = people(left_first=left_first)
    rows[3, :, :] = 0  # nobody there
    rows[4, 4, 2] = 0  # a wrist not seen
    write(tmp_path / "a_light_hand.csv", rows)
    with caplog.at_level(logging.INFO):
        track = read_miga(tmp_path / "a_light_hand.csv")
    assert f"first five fingertips are those of the {'left' if left_first else 'right'} hand" in caplog.text
    for side, x in (("right", 300), ("left", 700)):
        tip = track.points[:, IMIGUE_35.index(f"{side}_pinky_tip"), 0]
        assert abs(np.median(tip) - (x + 40)) < 5
    assert (track.scores[3] == 0).all()


def test_one_hand_is_enough_to_decide(tmp_path):
    rows = people(left_first=True)
    rows[:, 30:, 2] = 0
    write(tmp_path / "a_light_hand.csv", rows)
    track = read_miga(tmp_path / "a_light_hand.csv")
    assert (track.scores[:, 30:] > 0).all()
    assert (track.scores[:, 25:30] == 0).all()


def test_what_is_not_a_number_is_unknown(tmp_path):
    rows = people()
    rows[2, 0, 0], rows[3, 1, 2], rows[4, 2, :] = np.nan, np.nan, (np.inf, 1, 1)
    write(tmp_path / "a_light_hand.csv", rows)
    text = (tmp_path / "a_light_hand.csv").read_text().splitlines()
    text[5] = "5" + "," * 105
    (tmp_path / "a_light_hand.csv").write_text("\n".join(text))
    track = read_miga(tmp_path / "a_light_hand.csv")
    assert track.scores[2, 0] == track.scores[3, 1] == track.scores[4, 2] == 0
    assert (track.scores[5] == 0).all()
    assert len(track) == 12
    assert np.isfinite(track.points).all()


def test_the_file_without_fingertips(tmp_path):
    write(tmp_path / "a_light.csv", people()[:, :25])
    assert read_miga(tmp_path / "a_light.csv").layout == "body-25"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda lines: [*lines[:2], lines[2][:200], *lines[3:]], r"row 3: \d+ columns, expected 106"),
        (lambda lines: [*lines[:-1], lines[-1].rsplit(",", 7)[0]], "row 12: 99 columns, expected 106"),
        (lambda lines: [*lines[:1], lines[1].replace(",", ",x", 3), *lines[2:]], "row 2, column 2: 'x.*' is not a num"),
        (lambda lines: [*lines[:4], "", *lines[4:]], "row 5: 1 columns"),
        (lambda lines: ["1,2,3"], "row 1: 3 columns, expected 106 or 76"),
        (lambda lines: [""], "empty"),
        (lambda lines: ["frame" + ",x" * 105], "no rows"),
    ],
)
def test_broken_files_are_one_line_with_the_row(tmp_path, change, what):
    path = tmp_path / "a_light_hand.csv"
    write(path, people())
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(DataError, match=what) as caught:
        read_miga(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00\x81" * 40)
    for name, what in (("a.csv", "not a text file"), ("none.csv", "cannot be read"), (".", "cannot be read")):
        with pytest.raises(DataError, match=what):
            read_miga(tmp_path / name)
    write(tmp_path / "b_light_hand.csv", people())
    for fps in (0, -1, float("nan")):
        with pytest.raises(DataError, match="frame rate"):
            read_miga(tmp_path / "b_light_hand.csv", fps=fps)
