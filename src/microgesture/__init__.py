"""microgesture: a video goes in; a timeline of micro-gestures comes out; emotion is read from the timeline.

    import microgesture
    analyzer = microgesture.load("runs/finetune")
    event = analyzer.recognize("clip.mp4")        # a GestureEvent with its alternatives
    timeline = analyzer.analyze("interview.mp4")  # a Timeline

Importing the package is cheap: torch is imported by the first call that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from microgesture.errors import DataError, MissingExtra, RecipeError, UserError, VideoError
from microgesture.timeline import Alternative, EmotionReading, GestureEvent, Media, Timeline
from microgesture.vocabulary import GestureClass, Vocabulary

if TYPE_CHECKING:
    from microgesture.analyzer import Analyzer

__version__ = "0.1.0"

__all__ = [
    "Alternative",
    "DataError",
    "EmotionReading",
    "GestureClass",
    "GestureEvent",
    "Media",
    "MissingExtra",
    "RecipeError",
    "Timeline",
    "UserError",
    "VideoError",
    "Vocabulary",
    "load",
]


def load(run: str, device: str = "auto") -> Analyzer:
    """Open a trained run folder for recognition; see `microgesture.analyzer.load`."""
    from microgesture import analyzer

    return analyzer.load(run, device=device)
