"""Pose: estimators behind one protocol, who is who over time, and a video as tracks (`pose.extraction`)."""

from microgesture.pose.estimator import Pose, PoseEstimator, create_estimator

__all__ = ["Pose", "PoseEstimator", "create_estimator"]
