"""Skeletons: keypoint layouts as data, conversion between them by joint name, and tracks on disk."""

from microgesture.pose.layouts import LAYOUTS, Layout, convert, convert_scores
from microgesture.pose.track import SkeletonTrack

__all__ = ["LAYOUTS", "Layout", "SkeletonTrack", "convert", "convert_scores"]
