"""Make the weights that come with the package: `python -m microgesture.pretraining OUT` (`make pretrain`).

From a seed: banks of synthetic people, the recipe `built-in/skeleton`, calibration on people of the validation
seeds, a test on people, cameras and ways of moving that neither has, and the packed run folder with its model card.
Banks of poses that the estimator found in rendered video (`estimated_bank.py`) need the extra `pose`; they
make a part of the training windows, and a test of their own. A stopped run resumes.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from microgesture.datasets.manifest import BANKS
from microgesture.evaluation.metrics import mean_over_seeds
from microgesture.files.atomic import write_json, write_text
from microgesture.pretraining.blind_audit import blind_audit
from microgesture.pretraining.built_in import (
    boundary_medians,
    fit_spotting,
    fit_tokens,
    match_films,
    score_clips,
    score_films,
)
from microgesture.pretraining.ladder import ladder, ladder_rows
from microgesture.pretraining.weights_card import weights_card
from microgesture.runs.configuration import load_recipe
from microgesture.runs.own_weights import write_weights
from microgesture.runs.prediction import fit_temperature
from microgesture.runs.run import CONFIG, LABELS, WEIGHTS, Run, load_run
from microgesture.spotting import SpottingConfig
from microgesture.statistics import calibration
from microgesture.synthetic.worlds.skeleton_bank import RATE, SECONDS, SkeletonBank, joined, make_bank
from microgesture.synthetic.worlds.skeleton_windows import SkeletonWindows
from microgesture.training.loop import train
from microgesture.vocabulary import Vocabulary

log = logging.getLogger(__name__)

VOCABULARIES = ("imigue", "smg", "ma52")
SPLIT_SEEDS = {"train": 1, "val": 2, "test": 3, "estimated-train": 1000, "estimated-val": 1500, "estimated-test": 2000}
"""Added to the run's seed: no bank shares a person, a camera or a movement with another."""
IDLE_SEED, ESTIMATED_IDLE_SEED = 4242, 4243
"""Of the people who only idle."""
IDLING = ("nothing", "gaze_about")
"""What people do who only idle."""
ESTIMATED_IDLE = "estimated-idle.npz"
PART = 20
"""People of a part of an estimated bank."""
TOKEN_WINDOW_S = 0.16
START = SpottingConfig(
    window_s=TOKEN_WINDOW_S,
    stride_s=TOKEN_WINDOW_S,
    smoothing_s=0.5,
    gesture_threshold=0.35,
    release_ratio=0.6,
    min_length_s=0.5,
)
"""Where the search for the settings of spotting begins: scores are of moments, not of windows."""


@dataclass(frozen=True)
class Sizes:
    """How much of everything: performances of about 22 s from joints, of about 10 s estimated from rendered video;
    clips and films of each test; `windows` from one validation to the next; `estimated_share` of them."""

    train: int = 8000
    val: int = 160
    test: int = 400
    estimated_train: int = 1000
    estimated_val: int = 40
    estimated_test: int = 200
    clips: int = 6400
    films: int = 60
    windows: int = 96_000
    idle_minutes: float = 10.0
    estimated_share: float = 0.25


def make_banks(folder: Path, seed: int, sizes: Sizes, workers: int, estimated: bool) -> Path:
    """Write the banks that are not there yet, and `skeletons.json`; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = asdict(sizes)
    for split in ("train", "val", "test"):
        path = folder / f"{split}.npz"
        if not path.exists():
            log.info("making %s", path)
            make_bank(counts[split], seed + SPLIT_SEEDS[split], split, workers).save(path)
        if estimated:
            numbers = seed + SPLIT_SEEDS[f"estimated-{split}"]
            _make_estimated(folder / f"estimated-{split}.npz", counts[f"estimated_{split}"], numbers, split, workers)
    if estimated:
        idle = {"motions": IDLING, "seconds": SECONDS}
        people = _idle_people(sizes.idle_minutes)
        _make_estimated(folder / ESTIMATED_IDLE, people, seed + ESTIMATED_IDLE_SEED, "test", workers, **idle)
    shares = {"train.npz": 1.0}
    if (folder / "estimated-train.npz").exists():
        shares = {"train.npz": 1.0 - sizes.estimated_share, "estimated-train.npz": sizes.estimated_share}
    index = {
        "vocabularies": VOCABULARIES,
        "banks": {"train": shares, "val": {"val.npz": 1.0}},
        "windows": {"train": sizes.windows, "val": 2048},
    }
    write_json(folder / BANKS, index)
    return folder / BANKS


def _make_estimated(whole: Path, people: int, seed: int, split: str, workers: int, **acting: Any) -> None:
    """A bank of poses from rendered video, in parts of `PART` people: hours of it can be stopped and resumed."""
    from microgesture.pretraining.estimated_bank import estimate_bank

    if whole.exists():
        return
    parts = []
    for first in range(0, people, PART):
        path = whole.with_stem(f"{whole.stem}-{first:05d}")
        if not path.exists():
            log.info("making %s: rendering and estimating", path)
            count = min(PART, people - first)
            estimate_bank(count, seed, split, workers=workers, first=first, **acting).save(path)
        parts.append(path)
    joined([SkeletonBank.load(path) for path in parts]).save(whole)
    for path in parts:
        path.unlink()


def calibrate(run: Path, folder: Path, sizes: Sizes) -> None:
    """Fit, on the validation people, the confidence of clips and of moments and the settings of spotting; they are
    written into the run's weights and config.json. Joints and, where there are any, poses from rendered video."""
    opened = load_run(run)
    names = [name for name in ("val.npz", "estimated-val.npz") if (folder / name).exists()]
    banks = [SkeletonBank.load(folder / name) for name in names]
    clips = [score_clips(opened, bank, "imigue", min(sizes.clips, 1500), "val", seed=1) for bank in banks]
    config = json.loads((run / CONFIG).read_text("utf-8"))
    logits, labels = (np.concatenate([getattr(each, name) for each in clips]) for name in ("logits", "labels"))
    config["temperature"] = fit_temperature(np.maximum(logits, -1e4), labels)
    tokens = [_token_logits(opened, bank) for bank in banks]
    scale, shift = fit_tokens(*(np.concatenate([pair[k] for pair in tokens]) for k in (0, 1)))
    weights = load_file(run / WEIGHTS)
    weights["token_bias"] = weights["token_bias"] * scale + shift
    weights["token_scale"] = weights["token_scale"] * scale
    write_weights(run / WEIGHTS, weights, {"format": "pt"})
    opened = load_run(run)
    watched = [*banks, idle_bank(sizes.idle_minutes / 2, "val")]  # what is found of people who idle is wrong
    films = [film for bank in watched for film in score_films(opened, bank, "imigue", sizes.films, "val")]
    best, f1 = fit_spotting(films, Vocabulary.load("imigue"), START)
    config |= {"rate": RATE, "spotting": asdict(best), "calibration": {"scale": scale, "shift": shift, "val_f1": f1}}
    config["trained_on"] = (
        "The recogniser learnt from synthetic people only: skeletons of an articulated body seen by synthetic cameras, "
        "with the errors of a pose estimator. No real person was in its training."
    )
    write_json(run / CONFIG, config)


def _token_logits(run: Run, bank: SkeletonBank) -> tuple[np.ndarray, np.ndarray]:
    """Token logits and what is going on, both flat, for windows anywhere in the films: iMiGUE's classes where they can
    be known."""
    words = Vocabulary.load("imigue")
    other = run.with_vocabulary(words)
    windows = SkeletonWindows(
        bank, 1, ("imigue",), "val", 55, run.spec.frames, trimmed=0.0, gaps=False, alone_share=0.5
    )
    logits, active = [], []
    for number in range(8):
        windows.set_epoch(number)
        batch = windows.__getitems__(range(128))
        tell = batch["tell_tokens"][..., :-1].numpy()
        found = other.score(batch["clip"]).moments
        assert found is not None
        logits.append(found[tell])
        active.append(batch["active"][..., :-1].numpy()[tell])
    return np.concatenate(logits), np.concatenate(active)


def test(runs: Sequence[Path], folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Everything that the model card says of the runs (one per seed; the first is the one to be packed)."""
    result: dict[str, Any] = {"clips": {}, "events": {}, "seeds": len(runs)}
    for kind in ("joints", "estimated"):
        path = folder / ("test.npz" if kind == "joints" else "estimated-test.npz")
        if not path.exists():
            continue
        bank = SkeletonBank.load(path)
        for vocabulary in VOCABULARIES:
            words = Vocabulary.load(vocabulary)
            each = [score_clips(load_run(run), bank, vocabulary, sizes.clips) for run in runs]
            metrics = [clips.metrics(len(words)) for clips in each]
            together = mean_over_seeds(metrics) if len(metrics) > 1 else metrics[0]
            result["clips"][f"{kind}/{vocabulary}"] = {
                "metrics": together.to_json(),
                "first": metrics[0].to_json(),
                "names": words.names,
            }
            first = load_run(runs[0])
            if vocabulary == "imigue":
                curve = calibration(each[0].probabilities(first.temperature), each[0].labels)
                result["clips"][f"{kind}/{vocabulary}"]["calibration"] = _plain(asdict(curve))
            films = score_films(first, bank, vocabulary, sizes.films)
            matching = match_films(films, words, first.spotting)
            minutes = sum(film.duration for film in films) / 60
            result["events"][f"{kind}/{vocabulary}"] = {
                "f1": matching.f1,
                "precision": matching.precision,
                "recall": matching.recall,
                "truth": matching.truth,
                "predicted": matching.predicted,
                "minutes": minutes,
                "boundaries": boundary_medians(films, words, first.spotting),
            }
    result["idle"] = {"joints": false_alarms(load_run(runs[0]), idle_bank(sizes.idle_minutes))}
    if (folder / ESTIMATED_IDLE).exists():
        result["idle"]["estimated"] = false_alarms(load_run(runs[0]), SkeletonBank.load(folder / ESTIMATED_IDLE))
    result["ladder"] = ladder(load_run(runs[0]), folder, VOCABULARIES, min(sizes.clips, 3000))
    result["audit"] = asdict(blind_audit(SkeletonBank.load(folder / "val.npz"), min(sizes.clips, 8000)))
    return result


def idle_bank(minutes: float, split: str = "test") -> SkeletonBank:
    """People who only idle: speak, nod, look about and shift."""
    return make_bank(_idle_people(minutes), IDLE_SEED, split, motions=IDLING)


def _idle_people(minutes: float) -> int:
    return max(round(minutes * 60 / np.mean(SECONDS)), 1)


def false_alarms(run: Run, idle: SkeletonBank) -> dict[str, float]:
    """Events a minute that are found in a bank of people who only idle."""
    films = score_films(run, idle, "imigue", len(idle))
    found = match_films(films, Vocabulary.load("imigue"), run.spotting).predicted
    seconds = sum(film.duration for film in films)
    return {"minutes": seconds / 60, "events": found, "per_minute": found / seconds * 60}


def pack(run: Path, out: Path, result: Mapping[str, Any]) -> None:
    """The run as it ships: half-precision weights, what is needed to open them, results and the model card."""
    whole = load_file(run / WEIGHTS)
    weights = {k: v.half() if v.dim() > 0 and v.dtype == torch.float32 else v for k, v in whole.items()}
    out.mkdir(parents=True, exist_ok=True)
    write_weights(out / WEIGHTS, weights, {"format": "pt"})
    config = json.loads((run / CONFIG).read_text("utf-8"))
    config["recipe"]["data"]["manifest"] = config["recipe"]["start"] = ""
    words = Vocabulary.load("imigue").to_json()  # a clip that is to be named shows a gesture: without "No gesture"
    config["model"]["vocabulary"] = words
    write_json(out / CONFIG, config)
    write_json(out / LABELS, words)
    write_text(out / "preprocessor.json", (run / "preprocessor.json").read_text("utf-8"))
    write_json(out / "results.json", result)
    write_text(out / "README.md", weights_card(config, result))


def pretrain(
    out: Path,
    seeds: int = 3,
    sizes: Sizes = Sizes(),
    workers: int = 2,
    estimated: bool = True,
    flags: Sequence[str] = (),
) -> Path:
    """The whole way; returns the packed run folder `out/weights`."""
    started = time.monotonic()
    banks = out / "banks"
    index = make_banks(banks, 0, sizes, workers, estimated)
    runs = []
    for seed in range(seeds):
        recipe = load_recipe("built-in/skeleton", ["--data.manifest", str(index), "--training.seed", str(seed), *flags])
        run = out / f"seed-{seed}"
        train(recipe, run, resume=(run / CONFIG).exists())
        if "calibration" not in json.loads((run / CONFIG).read_text("utf-8")):
            calibrate(run, banks, sizes)
        runs.append(run)
    result = test(runs, banks, sizes)
    result["making"] = {
        "minutes": (time.monotonic() - started) / 60,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, no accelerator"
        if not torch.cuda.is_available()
        else torch.cuda.get_device_name(),
        "sizes": asdict(sizes),
    }
    pack(runs[0], out / "weights", result)
    return out / "weights"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def main() -> None:
    """Command line of `make pretrain`."""
    parser = argparse.ArgumentParser(
        description="Make the built-in weights from a seed. Flags that are not listed are keys of the recipe.",
        epilog=f"The sizes (--train to --estimated_share): {Sizes.__doc__}",
        allow_abbrev=False,
    )
    parser.add_argument("out", type=Path, help="folder for banks, runs and the packed weights")
    parser.add_argument("--seeds", type=int, default=3, help="runs to average over; the first is packed")
    parser.add_argument("--workers", type=int, default=2, help="processes that make the banks")
    parser.add_argument("--no-estimated", action="store_true", help="without rendered video (no extra `pose` needed)")
    for size in fields(Sizes):
        parser.add_argument(f"--{size.name}", type=type(size.default), default=size.default, metavar="N")
    parser.add_argument("--ladder", type=Path, metavar="RUN", help="only print where this run loses accuracy")
    args, flags = parser.parse_known_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if args.ladder:
        print("\n".join(ladder_rows(ladder(load_run(args.ladder), args.out / "banks", VOCABULARIES))))
        return
    sizes = Sizes(**{size.name: getattr(args, size.name) for size in fields(Sizes)})
    print(pretrain(args.out, args.seeds, sizes, args.workers, not args.no_estimated, flags))
