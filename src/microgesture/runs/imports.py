"""`microgesture import-checkpoint`: the authors' weight files as a run folder that every verb understands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from microgesture.errors import RecipeError
from microgesture.recognition import create_objective
from microgesture.recognition.objective import Objective
from microgesture.recognition.reference import Imported, import_checkpoint
from microgesture.runs.configuration import Component, Recipe
from microgesture.runs.own_weights import write_weights
from microgesture.runs.run import CONFIG, WEIGHTS, load_run
from microgesture.runs.run_files import write_configuration
from microgesture.vocabulary import Vocabulary

_SHOWN = (
    "the model is shown what the authors' inference shows it: of each frame the middle (65 % of its width, 88 % of its "
    "height), stretched to a square, in pixels of 0 to 255"
)


def import_run(
    checkpoint: str | Path,
    out: Path,
    vocabulary: str = "smg",
    head: str | None = None,
    start: str | None = None,
    text_encoder: str | None = None,
) -> str:
    """Write the authors' model, or their head on the encoder of the run `start`, as the run folder `out`.

    `head` adds their head to their model; `text_encoder` is a local folder or hub name with the tokenizer. A model of
    theirs is shown what their inference showed it. Returns what was done, in words. Raises `RecipeError` when `out`
    already holds a run or a file does not fit.
    """
    if (out / CONFIG).exists():
        raise RecipeError(f"'{out}' already holds a run: choose another folder")
    classes = Vocabulary.load(vocabulary)
    found = import_checkpoint(checkpoint, classes, head=head, text_encoder=text_encoder)
    objective, recipe, notes = found.objective, Recipe(), list(found.notes)
    if found.kind != "head":
        recipe.data.crop, recipe.data.fit = "released", "stretch"
        notes.append(_SHOWN)
    if start and found.kind != "head":
        raise RecipeError(f"{checkpoint}: holds an encoder of its own; --start is for a head alone")
    if start:
        objective, recipe, notes = _on_encoder_of(found, start)
    recipe.title = out.name
    recipe.objective = Component(objective.name, dict(objective.options))
    recipe.encoder = Component(objective.encoder.name, dict(objective.encoder.options))
    recipe.text = Component(objective.text_encoder.name if objective.text_encoder is not None else "none")
    write_weights(out / WEIGHTS, objective.state_dict(), {"format": "pt", "source": Path(checkpoint).name})
    write_configuration(out, recipe, objective, {"finished": True, "temperature": 1.0, "imported": str(checkpoint)})
    return "\n".join([f"{out}: imported {found.kind} with {len(classes)} classes", *(f"note: {n}" for n in notes)])


def _on_encoder_of(found: Imported, start: str) -> tuple[Objective, Recipe, list[str]]:
    """The imported head on the encoder and projection of a trained run."""
    run = load_run(start)
    if not hasattr(run.objective, "image_projection"):
        raise RecipeError(f"'{start}' has no projection: a head needs a run of the visual-text objective")
    vocabulary = found.objective.vocabulary
    options = dict(found.objective.options)
    objective = create_objective("classifier", run.objective.encoder, None, vocabulary, **options)
    own, head = run.objective.state_dict(), found.objective.state_dict()
    state = {k: head[k] if k.startswith("head.") else own.get(k) for k in objective.state_dict()}
    lacking = [k for k, v in state.items() if v is None or v.shape != objective.state_dict()[k].shape]
    if lacking:
        raise RecipeError(f"'{start}' does not fit the head: {lacking[0]} is missing or of another shape")
    objective.load_state_dict(state)
    return objective, replace(run.recipe, start=start), []
