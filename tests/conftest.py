"""One thread a test process: the tensors are tiny, and threads that wait for each other cost more than they give.

The fixtures are clips and runs of the moving squares, made once a session.
"""

from pathlib import Path

import pytest
import torch

from moving_squares import LABELS, REST, make_clips, recipe_values

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    """Folder with manifest.csv, clips and `tiny.py`, encoders of the user's own."""
    return make_clips(tmp_path_factory.mktemp("clips"), {"train": 6, "val": 2, "test": 3})


@pytest.fixture(scope="session")
def squares(tmp_path_factory) -> Path:
    """The same with clips in which nothing moves."""
    return make_clips(tmp_path_factory.mktemp("squares"), {"train": 14, "val": 3, "test": 4}, 1, (*LABELS, REST))


@pytest.fixture(scope="session")
def recogniser(squares, tmp_path_factory) -> Path:
    """A supervised run that has learnt the squares."""
    from microgesture.runs.configuration import make_recipe
    from microgesture.training.loop import train

    return train(make_recipe(recipe_values(squares)), tmp_path_factory.mktemp("runs") / "recogniser", show=False)


@pytest.fixture(scope="session")
def reader_of_texts(squares, tmp_path_factory) -> Path:
    """A visual-text run on the same clips."""
    from microgesture.runs.configuration import make_recipe
    from microgesture.training.loop import train

    texts = {"text": {"name": "label-words"}, "objective": {"name": "visual-text", "options": {"prompting": "pooled"}}}
    recipe = make_recipe(recipe_values(squares, title="adaptive", **texts))
    return train(recipe, tmp_path_factory.mktemp("runs") / "reader_of_texts", show=False)


@pytest.fixture(scope="session")
def interview(tmp_path_factory) -> Path:
    """A video of four seconds of a person who does not exist, 256 pixels wide."""
    from microgesture.synthetic.worlds.plan import WorldConfig
    from microgesture.synthetic.worlds.world import synthesize

    world, sizes = tmp_path_factory.mktemp("interview") / "world", {"interview_size": 256, "fps": 12.5, "subjects": 8}
    counts = {"clips": 0, "interviews": 1, "timelines": 0, "shares": (0.0, 0.0, 1.0)}
    synthesize(world, WorldConfig(**counts, **sizes, interview_seconds=(4.0, 4.0), seed=7))
    return next((world / "interviews").glob("*.mp4"))
