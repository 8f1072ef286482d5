"""One loop for every objective.

The objective returns named losses; the loop adds up those whose name ends in `_loss`, steps, logs and saves.
Every random number of a step is a function of (seed, step): of the order of clips, of the augmentation, of
dropout. So a run that was killed and resumed ends, on a CPU, with the same weights as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, broadcast_object_list

from microgesture.datasets import make_loader
from microgesture.datasets.augmentation import Augmentation
from microgesture.datasets.split_names import validation_split
from microgesture.encoders import Encoder
from microgesture.encoders.registry import encoder_class
from microgesture.errors import RecipeError
from microgesture.files.atomic import write_text
from microgesture.files.plain_json import parse_json
from microgesture.libraries.cpu_bfloat16 import avoid_wrong_kernel
from microgesture.libraries.extras import import_extra
from microgesture.progress import TrainingProgress
from microgesture.recognition import Objective
from microgesture.runs.assembly import (
    CONFIG,
    WEIGHTS,
    AnyDataset,
    build_objective,
    load_weights,
    make_dataset,
    open_manifest,
    open_options,
    start_from,
)
from microgesture.runs.configuration import DataConfig, Recipe, find_layout, make_recipe, recipe_from_run
from microgesture.runs.model_card import model_card
from microgesture.runs.prediction import (
    autocast,
    clip_input,
    fit_temperature,
    predict,
    resolve_precision,
    to_channels_last,
)
from microgesture.runs.recipe_difference import first_difference
from microgesture.runs.run_files import write_configuration
from microgesture.training import checkpoint as files
from microgesture.training.averaging import MovingAverage
from microgesture.training.optimisers import cosine, make_optimizer, trapezoid
from microgesture.training.stopping import Interrupted, Patience, stop_signal


@dataclass
class _Best:
    accuracy: float = -1.0
    loss: float = math.inf
    epoch: int = 0


def train(recipe: Recipe, out: str | Path, resume: bool = False, show: bool = True) -> Path:
    """Train a recipe into the run folder `out` and return it.

    With `resume`, goes on from the newest checkpoint; a finished run of the recipe is returned as it is. Raises
    `RecipeError` when `out` already holds a run and `resume` is off, when the recipe does not fit its data, its
    checkpoint or the run that is there, and `Interrupted` after Ctrl-C or a termination signal.
    """
    out = Path(out)
    find_layout(recipe)
    if _is_finished(out) and resume:
        if different := first_difference(recipe_from_run(out).to_dict(), recipe.to_dict()):
            raise RecipeError(f"'{out}' holds a finished run whose `{different}` differs: choose another folder")
        return out
    if (out / CONFIG).exists() and not resume:
        raise RecipeError(f"'{out}' already holds a run: add --resume to go on with it, or choose another folder")
    return _Loop(recipe, out, show).run(resume)


class _Loop:
    def __init__(self, recipe: Recipe, out: Path, show: bool) -> None:
        self.recipe, self.out, self.show = recipe, out, show
        if encoder_class(recipe.encoder.name).modality == "skeleton":
            refuse_pictures(recipe.data)
        self.manifest = open_manifest(recipe)
        self.train_set = make_dataset(recipe, self.manifest, "train", training=True)
        self.dimensions: int | None = getattr(self.train_set, "dimensions", None)  # skeletons alone have them
        self.accelerator = _accelerator(recipe)
        self.device = self.accelerator.device
        self.precision = resolve_precision(recipe.training.precision, self.device)
        objective = build_objective(recipe, self.manifest.vocabulary, open_options(recipe, self.train_set))
        self.val_set = self._validation_set(objective.encoder) if objective.labelled else None
        if recipe.start:
            start_from(objective, recipe.start)
        if recipe.training.channels_last:
            to_channels_last(objective)
        if self.device.type == "cpu":
            avoid_wrong_kernel(objective)
        if self.accelerator.num_processes > 1 and self.device.type == "cuda":
            objective = torch.nn.SyncBatchNorm.convert_sync_batchnorm(objective)
        self.objective: Objective = objective
        augmentation = Augmentation.from_config(recipe.data.augment)
        augmentation.check_objective(recipe.objective.name, objective.soft_targets)
        self.optimizer = make_optimizer(objective, recipe.optimiser)
        full, rest = divmod(len(self.train_set), recipe.optimiser.batch)
        self.steps_per_epoch = full + (rest >= self.accelerator.num_processes)  # as `make_loader` shares batches
        wanted = -(-recipe.optimiser.least_steps // max(self.steps_per_epoch, 1))
        self.epochs = max(recipe.optimiser.epochs, wanted)
        alike = self.val_set is not None or self.accelerator.num_processes == 1  # what all processes see
        small = wanted > recipe.optimiser.epochs
        self.patience = Patience(recipe.optimiser.stop_after if small and alike else 0)
        self.passes = round(self.epochs / recipe.optimiser.epochs)  # from one validation to the next
        self.total_steps = self.steps_per_epoch * self.epochs
        self.model, self.optimizer = self.accelerator.prepare(objective, self.optimizer)
        self.average = MovingAverage(objective, recipe.optimiser.average) if recipe.optimiser.average else None
        if self.average is not None:
            self.accelerator.register_for_checkpointing(self.average)
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self.optimizer, factor=recipe.optimiser.factor, patience=recipe.optimiser.patience
        )
        self.base_rates = [g["lr"] for g in self.optimizer.param_groups]
        self.step, self.epoch, self.best = 0, 0, _Best()
        self.sums: dict[str, float] = {}
        self.summed = 0
        self.saved_at = time.monotonic()
        self.writer = self._tensorboard() if recipe.training.tensorboard else None

    def run(self, resume: bool) -> Path:
        if resume:
            self._resume()
        if self.accelerator.is_main_process:
            self._write_config(finished=False)
        title = self.recipe.title or self.out.name
        validated = len(self.val_set or ()) / self.passes / max(len(self.train_set), 1)
        progress = TrainingProgress(
            title,
            self.steps_per_epoch * self.epochs,  # fewer than in all where the end is known
            self.step,
            self.show and self.accelerator.is_main_process,
            validated / 3,  # no backward pass
            self.patience.most > 0,
        )
        with progress, stop_signal() as stop:
            progress.say(self._plan())
            while self.epoch < self.epochs:
                self._train_epoch(progress, stop)
                self._end_epoch(progress)
        self._finish()
        return self.out

    def _train_epoch(self, progress: TrainingProgress, stop: dict[str, bool]) -> None:
        self.model.train()
        start = self.step - self.epoch * self.steps_per_epoch
        for batch in self._batches(start):
            values = self._one_step(batch)
            progress.step(values["loss"])
            self.summed += 1
            for key, value in values.items():
                self.sums[key] = self.sums.get(key, 0.0) + value
            if stop["now"]:
                self._save()
                raise Interrupted(f"stopped in epoch {self.epoch + 1}; go on with --resume -o {self.out}")
            if self._checkpoint_due():
                self._save()

    def _one_step(self, batch: dict[str, torch.Tensor]) -> dict[str, float]:
        torch.manual_seed((self.recipe.training.seed << 32) + self.step)
        self._set_rates()
        batch = {**{k: v.to(self.device) for k, v in batch.items()}, "clip": clip_input(batch, self.device)}
        with autocast(self.precision, self.device):
            losses = self.model(batch)
        named = [value for name, value in losses.items() if name.endswith("_loss")]
        if not named:
            raise RecipeError(f"the objective gave no loss whose name ends in _loss, only {', '.join(losses)}")
        total = torch.stack(named).sum()
        if not torch.isfinite(total):
            raise RecipeError(f"the loss became {total.item()} at step {self.step}: lower the learning rates")
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(total)
        if self.recipe.optimiser.clip_norm > 0:
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.recipe.optimiser.clip_norm)
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.accelerator.unwrap_model(self.model))
        self.step += 1
        return {"loss": float(total.detach()), **{k: float(v.detach()) for k, v in losses.items()}}

    def _batches(self, start: int) -> Iterator[dict[str, torch.Tensor]]:
        return iter(
            make_loader(
                self.train_set,
                batch=self.recipe.optimiser.batch,
                shuffle=True,
                seed=self.recipe.training.seed,
                epoch=self.epoch,
                workers=self.recipe.data.workers,
                balanced=self.recipe.data.balanced,
                start_batch=start,
                shard=(self.accelerator.process_index, self.accelerator.num_processes),
            )
        )

    def _end_epoch(self, progress: TrainingProgress) -> None:
        self.epoch += 1
        if self.epoch % self.passes and self.epoch < self.epochs:
            return
        row = {key: value / max(self.summed, 1) for key, value in self.sums.items()}
        self.sums, self.summed = {}, 0
        if self.val_set is not None:
            row |= self._validate(self.val_set)
        else:
            self.best = _Best(0.0, 0.0, self.epoch)
        better = self.val_set is None or self._is_better(row)
        if self.accelerator.is_main_process:
            if better or self.recipe.training.keep == "last":
                meta = {"format": "pt", "epoch": str(self.epoch)}
                files.write_weights(self.out / WEIGHTS, self._state(), meta)
            files.append_log(self.out / "log.csv", {**row, "lr": self.optimizer.param_groups[0]["lr"]}, self.epoch)
            if self.writer is not None:
                for key, value in row.items():
                    self.writer.add_scalar(key, value, self.step)
        progress.epoch(self.epoch, self.epochs, row)
        if self.patience.see(row, self.step, self.steps_per_epoch * self.passes):
            self.epochs = min(self.epochs, self.patience.ends // self.steps_per_epoch)
            progress.end_at(self.steps_per_epoch * self.epochs)
            which = "validations" if self.val_set is not None else "looks at the training loss (nothing to validate on)"
            more = f"the rate falls to zero until epoch {self.epochs}, the last"
            progress.say(f"{self.patience.most} {which} brought nothing better: {more}")
        self._save()

    def _plan(self) -> str:
        """What training will take, before it begins."""
        clips = f"{len(self.train_set):,} clips to learn from, {len(self.val_set or ()):,} to validate on"
        steps = f"{self.total_steps:,} steps of {self.recipe.optimiser.batch} clips ({self.epochs} epochs)"
        sooner = f", fewer when {self.patience.most} validations in a row bring nothing better (optimiser.stop_after)"
        return f"{clips}: {steps}" + (sooner if self.patience.most else "")

    def _validate(self, clips: AnyDataset) -> dict[str, float]:
        found = predict(self._kept(), clips, self.recipe.optimiser.batch, self.precision, self.device)
        log_p = torch.log_softmax(torch.from_numpy(found.scores), dim=-1)
        loss = float(torch.nn.functional.nll_loss(log_p, torch.from_numpy(found.labels)))
        row = {"val_loss": loss, "val_top1": float((found.scores.argmax(1) == found.labels).mean())}
        if self.accelerator.num_processes > 1:  # BatchNorm statistics may differ: the first process decides for all
            row = broadcast_object_list([row])[0]
        if self.recipe.optimiser.schedule == "plateau":
            self.plateau.step(row["val_loss"])
        return row

    def _is_better(self, row: dict[str, float]) -> bool:
        """Validation top-1 decides, its loss breaks ties; see `TrainingConfig.keep`."""
        if (row["val_top1"], -row["val_loss"]) <= (self.best.accuracy, -self.best.loss):
            return False
        self.best = _Best(row["val_top1"], row["val_loss"], self.epoch)
        return True

    def _finish(self) -> None:
        if not self.accelerator.is_main_process:
            return
        load_weights(self.objective, self.out)
        temperature = 1.0
        if self.val_set is not None:
            found = predict(self.objective, self.val_set, self.recipe.optimiser.batch, "no", self.device)
            temperature = fit_temperature(found.scores, found.labels)
        self._write_config(finished=True, temperature=temperature)
        write_text(self.out / "README.md", model_card(self.recipe, self.manifest, self.best.accuracy))
        if self.writer is not None:
            self.writer.close()

    def _validation_set(self, encoder: Encoder) -> AnyDataset | None:
        split = validation_split(self.manifest)
        if not split:
            return None
        return make_dataset(self.recipe, self.manifest, split, encoder=encoder, dimensions=self.dimensions)

    def _checkpoint_due(self) -> bool:
        every = self.recipe.training.checkpoint_steps
        minutes = (time.monotonic() - self.saved_at) / 60
        due = bool(every) and self.step % every == 0
        # with several processes the clocks differ, and a checkpoint is a meeting of all of them
        by_time = self.accelerator.num_processes == 1 and minutes >= self.recipe.training.checkpoint_minutes
        return due or by_time

    def _save(self) -> None:
        state = {
            "step": self.step,
            "epoch": self.epoch,
            "best": [self.best.accuracy, self.best.loss, self.best.epoch],
            "sums": self.sums,
            "summed": self.summed,
            "plateau": self.plateau.state_dict(),
            "patience": self.patience.state(),
            "recipe": self.recipe.to_dict(),
        }
        files.save_state(self.accelerator, self.out / "checkpoints", state)
        self.saved_at = time.monotonic()

    def _resume(self) -> None:
        found = files.newest_checkpoint(self.out / "checkpoints")
        if found is None:
            return
        path, state = found
        begun = make_recipe(state["recipe"], (), str(self.out)).to_dict()  # with the keys that came later
        if different := first_difference(begun, self.recipe.to_dict()):
            raise RecipeError(f"'{self.out}': the recipe does not fit the checkpoint, `{different}` differs")
        files.load_state(self.accelerator, path)
        self.step, self.epoch = state["step"], state["epoch"]
        self.sums, self.summed = state["sums"], state["summed"]
        self.best = _Best(*state["best"])
        self.plateau.load_state_dict(state["plateau"])
        self.patience = Patience(**state.get("patience", self.patience.state()))
        if self.patience.ends:
            self.epochs = min(self.epochs, self.patience.ends // self.steps_per_epoch)

    def _set_rates(self) -> None:
        settings = self.recipe.optimiser
        if settings.schedule == "cosine":
            scale = cosine(self.step, self.total_steps, settings.warmup)
        elif settings.schedule == "trapezoid":
            scale = trapezoid(self.step, self.total_steps, settings.warmup, settings.cooldown)
        else:
            return
        for group, base in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = base * scale * self.patience.scale(self.step)

    def _kept(self) -> Objective:
        """What is validated and saved: the moving average where there is one."""
        return self.objective if self.average is None else self.average.as_is(self.objective)

    def _state(self) -> dict[str, torch.Tensor]:
        return self.accelerator.unwrap_model(self._kept() if self.average is not None else self.model).state_dict()

    def _write_config(self, finished: bool, temperature: float = 1.0) -> None:
        values: dict[str, Any] = {
            "finished": finished,
            "temperature": temperature,
            "best": {"epoch": self.best.epoch, "val_top1": self.best.accuracy},
            "precision": self.precision,
        }
        if self.dimensions is not None:
            values["dimensions"] = self.dimensions
        if numbering := getattr(self.manifest, "numbering", ""):  # of a pickle's classes: another is read alike
            values["numbering"] = numbering
        write_configuration(self.out, self.recipe, self.objective, values)

    def _tensorboard(self):
        import_extra("tensorboard", "training.tensorboard", "tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        return SummaryWriter(str(self.out / "tensorboard"))


def refuse_pictures(data: DataConfig) -> None:
    """Raises `RecipeError` for a setting that changes pictures alone, in a recipe whose clips are skeletons."""
    set_ = {"flip": data.flip, "crop": data.crop != "frame", "random_crop": data.random_crop > 0}
    instead = {
        "flip": "data.augment.flip mirrors skeletons, and their labels with them",
        "crop": "data.normalise body centres skeletons on the person",
        "random_crop": "data.augment.scale changes the size of skeletons",
    }
    for key, used in set_.items():
        if used:
            raise RecipeError(f"data.{key} changes pictures, and the encoder reads skeletons: {instead[key]}")


def _accelerator(recipe: Recipe) -> Accelerator:
    precision = "fp16" if recipe.training.precision == "fp16" else "no"  # bf16 needs no loss scaling
    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != precision:
        AcceleratorState._reset_state()
    return Accelerator(
        mixed_precision=precision,
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )


def _is_finished(folder: Path) -> bool:
    try:
        return bool(parse_json((folder / CONFIG).read_text("utf-8")).get("finished"))
    except (OSError, ValueError, AttributeError):
        return False
