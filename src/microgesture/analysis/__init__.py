"""A run applied to a video or a skeleton: watch it, scan it in windows, spot events; and the files of an analysis."""
