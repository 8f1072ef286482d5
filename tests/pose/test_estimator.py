import sys

import numpy as np
import pytest
from coloured_people import ColourEstimator, pose_in

from microgesture.errors import MissingExtra, UserError
from microgesture.pose import Pose, PoseEstimator, create_estimator
from microgesture.pose.estimator import ESTIMATORS
from microgesture.pose.plausibility import is_person
from microgesture.skeletons import LAYOUTS

SIZE = (640, 480)


def holistic(**at: tuple[float, float]) -> Pose:
    """A pose of the layout "mediapipe-holistic" with these joints."""
    joints = LAYOUTS["mediapipe-holistic"]
    points, scores = np.zeros((len(joints), 2), np.float32), np.zeros(len(joints), np.float32)
    for name, place in at.items():
        points[joints.index(name)], scores[joints.index(name)] = place, 0.9
    return Pose(points, scores)


FACE = {"forehead": (300, 100), "chin": (300, 180), "upper_lip": (300, 155)}
SHOULDERS = {"left_shoulder": (400, 250), "right_shoulder": (240, 250)}


def test_estimators_are_made_by_name():
    made = []

    def factory(model_file, max_people):
        made.append((model_file, max_people))
        return ColourEstimator()

    with ESTIMATORS.replaced("colours", factory):
        assert isinstance(create_estimator("colours", max_people=2), PoseEstimator)
        assert made == [(None, 2)]
        with pytest.raises(UserError, match=r"no pose estimator 'openpose': known are colours, mediapipe"):
            create_estimator("openpose")
        with pytest.raises(UserError, match="at least one person, not 0"):
            create_estimator("colours", max_people=0)


def test_a_missing_mediapipe_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(MissingExtra, match=r"pip install 'microgesture\[pose\]'"):
        create_estimator()


@pytest.mark.parametrize("content", [None, b"no archive", b""])
def test_a_model_file_that_is_none_is_named(tmp_path, content):
    file = tmp_path / "pose.task"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"pose\.task: cannot be read as a pose model \(") as error:
        create_estimator(model_file=file)
    assert "\n" not in str(error.value)


def test_the_box_of_a_pose_holds_its_sure_points():
    pose = pose_in((10, 20, 50, 100))
    assert pose.box() == (10, pytest.approx(24), 50, 100)
    assert pose_in((10, 20, 50, 100), score=0.2).box() is None


@pytest.mark.parametrize(
    ("at", "person"),
    [
        (FACE | SHOULDERS, True),
        (FACE, True),  # a close-up
        (SHOULDERS, True),  # from behind, or the head out of the picture
        ({"nose": (300, 120), "left_eye": (310, 110), "left_ear": (330, 115)}, True),  # in profile
        ({}, False),
        ({"nose": (300, 120)}, False),
        ({"left_shoulder": (400, 250)}, False),
        ({"left_shoulder": (400, 250), "right_shoulder": (-300, 250)}, False),
        ({"left_shoulder": (630, 470), "right_shoulder": (633, 471)}, False),  # four pixels wide
        ({"left_wrist": (300, 300), "right_wrist": (320, 300)}, False),
    ],
)
def test_a_person_has_a_face_or_shoulders_in_the_picture(at, person):
    assert is_person(holistic(**at), "mediapipe-holistic", SIZE) == person


def test_an_unsure_pose_is_nobody():
    assert is_person(pose_in((100, 100, 200, 400)), "coco-17", SIZE)
    assert not is_person(pose_in((100, 100, 200, 400), score=0.4), "coco-17", SIZE)
