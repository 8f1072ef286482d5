import numpy as np
import pytest

from microgesture.errors import DataError
from microgesture.skeletons.kinect import read_kinect


def values(frames: int = 6) -> np.ndarray:
    """`(T, 25, 11)`: metres, orientation, pixels of 1920 x 1080, two more."""
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 1, (frames, 25, 11))
    rows[..., 7], rows[..., 8] = rng.uniform(100, 1900, (frames, 25)), rng.uniform(100, 1000, (frames, 25))
    return rows


def write(path, rows, separator=",", end="") -> None:
    path.write_text("\n".join(separator.join(repr(float(v)) for v in row.ravel()) + end for row in rows))


@pytest.mark.parametrize(("separator", "end"), [(",", ""), (",", ","), (" ", " "), (", ", ""), (";", ""), ("\t", "\t")])
def test_pixels_and_metres(tmp_path, separator, end):
    rows = values()
    path = tmp_path / "Sample0001_skeleton.csv"
    write(path, rows, separator, end)
    flat, deep = read_kinect(path), read_kinect(path, space="metres")
    assert (flat.layout, flat.image_size) == ("kinect-25", (1920, 1080))
    np.testing.assert_array_equal(flat.points, rows[..., 7:9].astype(np.float32))
    np.testing.assert_array_equal(deep.points, rows[..., :3].astype(np.float32))
    assert (flat.scores == 1).all()
    np.testing.assert_allclose(flat.times, np.arange(6) / 28)


def test_frames_without_a_person_and_lost_joints(tmp_path):
    rows = values()
    rows[2] = 0
    rows[3, 4, 7] = -np.inf
    rows[4, 5, 7:9] = 0
    path = tmp_path / "Sample0001_skeleton.csv"
    write(path, rows)
    track = read_kinect(path)
    assert (track.scores[2] == 0).all()
    assert track.scores[3].sum() == track.scores[4].sum() == 24
    assert np.isfinite(track.points).all()
    assert read_kinect(path, space="metres").scores[4].sum() == 25


@pytest.mark.parametrize("text", ["6,30,4500", "numFrames,fps,maxDepth\n6,30,4500\n"])
def test_the_rate_is_that_of_the_file_beside(tmp_path, text, caplog):
    path = tmp_path / "Sample0001_skeleton.csv"
    write(path, values())
    (tmp_path / "Sample0001_data.csv").write_text(text)
    assert read_kinect(path).times[1] == 1 / 30
    assert not caplog.text
    assert read_kinect(path, fps=10).times[1] == 0.1
    (tmp_path / "Sample0001_data.csv").write_text("7,30,4500")
    read_kinect(path)
    assert "says 7 frames, the skeleton has 6" in caplog.text


def test_bad_files_are_one_line(tmp_path):
    path = tmp_path / "Sample0001_skeleton.csv"
    write(path, values())
    with pytest.raises(DataError, match="not 'feet'"):
        read_kinect(path, space="feet")
    (tmp_path / "Sample0001_data.csv").write_text("6,0,4500")
    with pytest.raises(DataError, match=r"Sample0001_data\.csv: the frame rate"):
        read_kinect(path)
    path.write_text(path.read_text()[:-30])
    with pytest.raises(DataError, match=r"Sample0001_skeleton.csv, row 6: 27\d columns, expected 275"):
        read_kinect(path)
