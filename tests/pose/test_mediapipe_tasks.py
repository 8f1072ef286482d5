"""The Tasks API, on a model file made of the models inside MediaPipe's wheel."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from microgesture.errors import UserError
from microgesture.pose import create_estimator

mediapipe = pytest.importorskip("mediapipe")


@pytest.fixture(scope="module")
def model_file(tmp_path_factory) -> Path:
    modules = Path(mediapipe.__file__).parent / "modules"
    if not (modules / "pose_landmark").is_dir():
        pytest.skip("this MediaPipe has no models inside")
    from mediapipe.tasks.python.metadata.metadata_writers.metadata_writer import MetadataWriter

    file = tmp_path_factory.mktemp("model") / "pose.task"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, model, mean, scale in (
            ("pose_detector.tflite", "pose_detection/pose_detection.tflite", 127.5, 127.5),
            ("pose_landmarks_detector.tflite", "pose_landmark/pose_landmark_full.tflite", 0.0, 255.0),
        ):
            writer = MetadataWriter.create(bytearray((modules / model).read_bytes()))
            writer.add_general_info(name)
            writer.add_image_input([mean], [scale])
            archive.writestr(name, bytes(writer.populate()[0]))
    return file


def test_a_model_file_is_an_estimator_of_bodies(model_file, capfd):
    rng = np.random.default_rng(0)
    with create_estimator(model_file=model_file, max_people=2) as estimator:
        assert (estimator.layout, estimator.name) == ("mediapipe-33", "mediapipe-tasks-pose")
        for k in range(4):
            assert estimator.estimate(rng.integers(0, 256, (120, 160, 3), dtype=np.uint8), k / 10) == []
        estimator.reset()
        assert estimator.estimate(np.zeros((120, 160, 3), np.uint8), 0.0) == []  # time may start again
    assert capfd.readouterr().err == ""


def test_an_archive_that_is_no_pose_landmarker(tmp_path, model_file):
    with zipfile.ZipFile(tmp_path / "hand.task", "w") as archive:
        archive.writestr("hand_detector.tflite", b"")
    with pytest.raises(UserError, match=r"hand\.task: not a pose landmarker \(no 'pose_detector\.tflite'"):
        create_estimator(model_file=tmp_path / "hand.task")
    with zipfile.ZipFile(tmp_path / "broken.task", "w") as archive:
        archive.writestr("pose_detector.tflite", b"x" * 100)
        archive.writestr("pose_landmarks_detector.tflite", b"x" * 100)
    with pytest.raises(UserError, match=r"broken\.task: not a pose landmarker that this MediaPipe can use") as error:
        create_estimator(model_file=tmp_path / "broken.task")
    assert "\n" not in str(error.value)
