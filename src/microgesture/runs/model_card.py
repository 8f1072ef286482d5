"""The README.md of a run folder: what the model is for, what it was trained on, what it must not be used for."""

from __future__ import annotations

from microgesture.datasets import Manifest
from microgesture.datasets.split_names import validation_split
from microgesture.datasets.windows import SkeletonWorld
from microgesture.runs.configuration import Recipe

LIMITS = (
    "Not a lie detector; not for hiring, policing, border control or grading. Emotion inference at work and in "
    "education is restricted by law in the EU (AI Act, article 5). A micro-gesture has many causes: itch, cold, "
    "habit, a microphone in the way. A reading is a hint to look again at the moment it cites, not a finding."
)

NAMING = "Naming micro-gestures in video of one person at a time, for research and for a human who looks at each event."
CODING = "Codes of clips, for research, and weights for a recogniser to start from. It names no gesture."
NO_CLASSES = "None: it learnt without labels."


def model_card(recipe: Recipe, manifest: Manifest | SkeletonWorld, accuracy: float, labelled: bool = True) -> str:
    """Markdown of the model card; of a run that is not `labelled` it says that it names nothing."""
    validation = validation_split(manifest)
    splits = {split: len(manifest.split(split)) for split in ("train", validation or "val", "test")}
    counts = ", ".join(f"{n} {split}" for split, n in splits.items() if n)
    chosen = "the last epoch" if recipe.training.keep == "last" else "the epoch that was best on the validation split"
    chosen = f"{chosen}; {100 * accuracy:.1f} % top-1 on the validation split"
    score = chosen if validation and labelled else "the last epoch"
    data = recipe.data.manifest or recipe.data.root
    labels = "\n".join(f"- {name}" for name in manifest.vocabulary.names) if labelled else NO_CLASSES
    use = NAMING if labelled else CODING
    return f"""# {recipe.title or "micro-gesture recogniser"}

Trained by microgesture with the objective `{recipe.objective.name}`,
video encoder `{recipe.encoder.name}`, text encoder `{recipe.text.name}`, on `{data}` ({counts} clips).
Weights of {score}. Scores on the test split are written by `microgesture evaluate`.

## Intended use
{use}

## Limits
{LIMITS}

The weights know only what was in the training data; the licence of that data holds for them too.

## Classes
{labels}
"""
