"""From scores over sliding windows to events: smoothing, thresholds, boundaries, overlaps; and the match of
events with the truth. NumPy only: nothing here knows a model or a video."""

from microgesture.spotting.configuration import SpottingConfig
from microgesture.spotting.events import spot
from microgesture.spotting.matching import Matching, match_events, pool
from microgesture.spotting.windows import window_centres

__all__ = ["Matching", "SpottingConfig", "match_events", "pool", "spot", "window_centres"]
