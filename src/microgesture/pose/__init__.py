"""Skeletons: keypoint layouts as data, and skeleton tracks as files."""
