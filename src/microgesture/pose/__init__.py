"""Skeletons: keypoint layouts as data, conversion by joint name, tracks on disk, and estimators that find them.

`microgesture.pose.extraction` turns a video into tracks.
"""

from microgesture.pose.estimator import Pose, PoseEstimator, create_estimator
from microgesture.pose.layouts import LAYOUTS, Layout, convert, convert_scores
from microgesture.pose.track import SkeletonTrack

__all__ = [
    "LAYOUTS",
    "Layout",
    "Pose",
    "PoseEstimator",
    "SkeletonTrack",
    "convert",
    "convert_scores",
    "create_estimator",
]
