"""microgesture: a video goes in; a timeline of micro-gestures comes out; emotion is read from the timeline.

    import microgesture
    analyzer = microgesture.load()                # the built-in weights; or load("runs/finetune")
    event = analyzer.recognize("clip.mp4")        # a GestureEvent with its alternatives
    timeline = analyzer.analyze("interview.mp4")  # a Timeline

Importing the package is cheap: torch is imported by the first call that needs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from microgesture.errors import DataError, MissingExtra, RecipeError, UserError, VideoError
from microgesture.timeline import Alternative, EmotionReading, GestureEvent, Media, Timeline
from microgesture.vocabulary import GestureClass, Vocabulary

if TYPE_CHECKING:
    from microgesture.analysis.analyzer import Analyzer

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


def load(run: str | Path | None = None, device: str = "auto") -> Analyzer:
    """The built-in weights, or a trained run folder, ready for video; see `microgesture.analysis.analyzer.load`."""
    from microgesture.analysis import analyzer

    return analyzer.load(run, device=device)
