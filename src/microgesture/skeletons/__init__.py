"""Skeletons: keypoint layouts as data, conversion by joint name, tracks as files, and other tools' skeleton files."""

from microgesture.skeletons.layouts import LAYOUTS, Layout, convert, convert_scores
from microgesture.skeletons.track import SkeletonTrack

__all__ = ["LAYOUTS", "Layout", "SkeletonTrack", "convert", "convert_scores"]
