"""The one door to Matplotlib, whatever the environment says: figures take its parts from here.

Figures are written to files and nothing here opens a window, so no backend matters. But Matplotlib refuses to be
imported when `MPLBACKEND` names one that is not installed (a notebook sets it for every program that it starts), and
remarks on standard error that a user without a home has no folder for its cache.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

VARIABLE = "MPLBACKEND"


def load_matplotlib() -> None:
    """Import Matplotlib whatever `MPLBACKEND` says and without remarks; the variable stays as it was.

    A backend that is there is kept, so that a notebook that imports this package still shows its own figures.
    """
    if "matplotlib" in sys.modules:
        return
    wanted = os.environ.pop(VARIABLE, None)
    try:
        with _without_remarks():
            importlib.import_module("matplotlib.figure")  # with it the fonts, whose cache may bring remarks too
    finally:
        if wanted is not None:
            os.environ[VARIABLE] = wanted
    if wanted:
        with suppress(ValueError):
            sys.modules["matplotlib"].rcParams["backend"] = wanted


@contextmanager
def _without_remarks() -> Iterator[None]:
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


load_matplotlib()

from matplotlib import colormaps, patheffects  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.image import AxesImage  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402

__all__ = ["Axes", "AxesImage", "Figure", "Line2D", "colormaps", "load_matplotlib", "patheffects"]
