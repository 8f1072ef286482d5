"""Write a synthetic world as ordinary files: clips, interviews, skeletons, timelines, and what is known of them.

    OUT/world.json            configuration, domains, gesture rates, best reachable accuracy of emotion models
    OUT/vocabulary.json       the classes, with "No gesture"
    OUT/manifest.csv          video,start,end,label,person,subject,split, and what else is known of each clip
    OUT/clips/<split>/*.mp4           OUT/skeletons/<split>/*.npz
    OUT/interviews.csv        video,timeline,subject,split,outcome,duration,skeleton
    OUT/interviews/*.mp4, *.json      OUT/skeletons/interviews/*.npz
    OUT/timelines.csv         timeline,subject,split,outcome,duration: interviews that were not filmed
    OUT/timelines/*.json

Same configuration, same bytes, whatever the number of workers. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

from microgesture.errors import UserError
from microgesture.files.atomic import write_json, write_text
from microgesture.files.claim import claim_folder
from microgesture.synthetic.worlds.domains import DOMAINS
from microgesture.synthetic.worlds.interviews import bayes_accuracy
from microgesture.synthetic.worlds.plan import Item, Plan, WorldConfig
from microgesture.synthetic.worlds.staging import film
from microgesture.tables import Table
from microgesture.timeline import Media

__all__ = ["Progress", "WorldConfig", "synthesize"]

Progress = Callable[[int, int], None]
"""Called with the number of finished and of all videos."""


def synthesize(out: str | Path, config: WorldConfig, progress: Progress | None = None) -> Path:
    """Write the world of `config` into the folder `out` and return its path.

    A folder with an unfinished or finished world of the same configuration is completed. Raises `UserError`
    when the folder holds anything else, when it cannot be written, or when a worker process dies; `DataError`
    when a class is unknown or has no motion.
    """
    from microgesture import __version__

    out = Path(out)
    plan = Plan(config)
    identity = {"version": __version__, "config": config.identity()}
    if claim_folder(out / "world.json", identity, "synthetic world", {"complete": False}):
        for pattern in ("**/.*.part", "**/.*.tmp"):  # what a killed run left behind
            for leftover in out.glob(pattern):
                leftover.unlink(missing_ok=True)
    items = list(plan.items())
    for folder in sorted({path.parent for item in items for path in _files(item, out)}):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{folder}: cannot be made ({error.strerror or error})") from error
    write_json(out / "vocabulary.json", plan.vocabulary.to_json())
    rows: dict[str, list[dict[str, Any]]] = {"clip": [], "interview": [], "timeline": []}
    for item in items:
        rows[item.kind].append(_row(plan, item))
    filmed = [item for item in items if item.kind != "timeline"]
    waiting = [item for item in filmed if not all(path.is_file() for path in _files(item, out))]
    waiting.sort(key=lambda item: item.kind != "interview")  # the long ones first: workers end together
    for item in items:
        if item.kind == "timeline":
            _write_timeline(plan, item, out)
    done = len(filmed) - len(waiting)
    if progress:
        progress(done, len(filmed))
    for _ in _film_all(config, waiting, out):
        done += 1
        if progress:
            progress(done, len(filmed))
    _write_csv(out / "manifest.csv", rows["clip"])
    if rows["interview"]:
        _write_csv(out / "interviews.csv", rows["interview"])
    if rows["timeline"]:
        _write_csv(out / "timelines.csv", rows["timeline"])
    write_json(out / "world.json", {**identity, "complete": True, **_knowledge(plan, items)})
    return out


def _film_all(config: WorldConfig, items: Sequence[Item], out: Path) -> Iterator[None]:
    """Film the items, here or in worker processes; yields after each finished item."""
    if config.workers == 1 or len(items) < 2:
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # sums in another order would change the last bit
        try:
            plan = Plan(config)
            for item in items:
                _film_item(plan, item, out)
                yield
        finally:
            torch.set_num_threads(threads)
        return
    context = multiprocessing.get_context("spawn")
    workers = min(config.workers, len(items))
    with ProcessPoolExecutor(workers, context, _start_worker, (config, out)) as pool:
        try:
            for future in as_completed([pool.submit(_work, item) for item in items]):
                future.result()
                yield
        except BrokenProcessPool as error:
            raise UserError(f"{out}: a worker process died; try fewer workers or a smaller size") from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_worker: tuple[Plan, Path] | None = None  # set once per worker process


def _start_worker(config: WorldConfig, out: Path) -> None:
    import torch

    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and stops the pool
    torch.set_num_threads(1)
    _worker = (Plan(config), out)


def _work(item: Item) -> None:
    assert _worker is not None
    plan, out = _worker
    _film_item(plan, item, out)


def _film_item(plan: Plan, item: Item, out: Path) -> None:
    c = plan.config
    files = _files(item, out)
    if item.kind == "clip":
        script = plan.clip(item)
    else:
        script, _ = plan.interview(item)
        _write_timeline(plan, item, out)
    video, skeleton = files[0], files[1]
    film(script, item.split, c.seed, item.index, item.kind, plan.size(item), c.fps, video, skeleton, c.device, c.poses)


def _files(item: Item, out: Path) -> tuple[Path, ...]:
    """The files of an item: video and skeleton, then timeline; a timeline alone."""
    if item.kind == "clip":
        return (
            out / "clips" / item.split / f"{item.name}.mp4",
            out / "skeletons" / item.split / f"{item.name}.npz",
        )
    if item.kind == "interview":
        folder = out / "interviews"
        skeleton = out / "skeletons" / "interviews" / f"{item.name}.npz"
        return folder / f"{item.name}.mp4", skeleton, folder / f"{item.name}.json"
    return (out / "timelines" / f"{item.name}.json",)


def _write_timeline(plan: Plan, item: Item, out: Path) -> None:
    from microgesture import formats

    files, c = _files(item, out), plan.config
    _, truth = plan.interview(item)
    if item.kind == "interview":
        media = Media(files[0].name, truth.duration, c.fps, (plan.size(item), plan.size(item)))
        truth = replace(truth, media=media)
    formats.write(truth, files[-1])


def _row(plan: Plan, item: Item) -> dict[str, Any]:
    """What the tables say of an item."""
    files = [path.as_posix() for path in _files(item, Path())]
    person = f"{item.split}-s{item.subject:03d}"
    if item.kind != "clip":
        script, _ = plan.interview(item)
        known = {"subject": person, "split": item.split, "outcome": item.label, "duration": f"{script.duration:.3f}"}
        if item.kind == "timeline":
            return {"timeline": files[0], **known}
        return {"video": files[0], "timeline": files[2], **known, "skeleton": files[1]}
    script = plan.clip(item)
    return {
        "video": files[0],
        "start": "",
        "end": "",
        "label": item.label,
        "person": "P1",
        "subject": person,
        "split": item.split,
        "duration": f"{script.duration:.3f}",
        "motion": script.gesture.key if script.gesture else "",
        "gesture_start": f"{script.gesture.start:.3f}" if script.gesture else "",
        "gesture_end": f"{script.gesture.end:.3f}" if script.gesture else "",
        "companion": script.companion.key if script.companion else "",
        "skeleton": files[1],
    }


def _knowledge(plan: Plan, items: Sequence[Item]) -> dict[str, Any]:
    """What is known of the world because it was made."""
    c = plan.config
    found: dict[str, Any] = {
        "counts": {k: sum(i.kind == k for i in items) for k in ("clip", "interview", "timeline")},
        "subjects": plan.subjects,
        "domains": {split: domain.to_json() for split, domain in DOMAINS.items()},
        "rates": plan.rates.to_json(),
    }
    best, error = bayes_accuracy(plan.rates, c.interview_seconds, seed=c.seed)
    found["bayes_accuracy"] = {
        "value": round(best, 6),
        "standard_error": round(error, 6),
        "interviews": 20_000,
        "meaning": "best accuracy that any emotion model can reach from a full, true timeline",
    }
    return found


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    header = list(rows[0]) if rows else ["video", "start", "end", "label", "person", "subject", "split"]
    write_text(path, Table.of(header, rows).csv())
