"""The verbs that look at videos: analyze, recognize, pose, anonymize. Nothing heavy at import."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from microgesture.commands.arguments import LAYOUT, arg, batch, found, layout_given, say, verb
from microgesture.errors import DataError, RecipeError

if TYPE_CHECKING:
    from microgesture.analysis.analyzer import Analyzer
    from microgesture.timeline import GestureEvent

_ESTIMATOR = "mediapipe"


MODEL = (
    arg("--model", metavar="RUN", help="folder of a trained run; default: the built-in weights"),
    arg("--vocabulary", help="imigue, smg, ma52 or a text file with one gesture per line"),
    arg("--device", default="auto", help="auto, cpu, cuda"),
)
POSE = (
    arg("--fps", type=float, help="poses per second; for OpenPose folders and other files without times, their rate"),
    arg("--pose-estimator", metavar="NAME", help="mediapipe (default), or one of your own (file.py:Name)"),
    arg("--pose-model", metavar="FILE", help="a MediaPipe .task file instead of the models in its wheel"),
    LAYOUT,
)
STREAM = arg(
    "--video-stream",
    type=int,
    metavar="N",
    help="which video stream of a file with several, counted from 1; default: the one that players show",
)


def _check(args: Namespace) -> None:
    if args.fps is not None and not 3 <= args.fps <= 240:
        raise RecipeError("--fps must be from 3 to 240")


def _open_model(args: Namespace) -> Analyzer:
    from microgesture.analysis.analyzer import load
    from microgesture.vocabulary import Vocabulary

    analyzer = load(args.model, args.device)
    analyzer = analyzer.with_vocabulary(Vocabulary.load(args.vocabulary)) if args.vocabulary else analyzer
    for line in analyzer.vocabulary_remarks():
        say(line)
    return analyzer


@verb(
    "name the gesture of trimmed clips",
    arg("clip", nargs="+", help="trimmed clips: videos, skeleton tracks, OpenPose folders, pickles"),
    *MODEL,
    *POSE,
    STREAM,
    arg("--top", type=int, default=5, help="how many readings per clip"),
    arg("--format", choices=("text", "json"), default="text", help="what to print"),
)
def recognize(args: Namespace) -> int:
    """Name the gesture of each clip."""
    if args.top < 1:
        raise RecipeError("--top must be 1 or more")
    _check(args)
    analyzer = _open_model(args)
    zero_shot = analyzer.run.zero_shot
    entries: list[dict[str, object]] = []

    def one(clip: str) -> None:
        event = analyzer.recognize(clip, args.top, **_watching(analyzer, args))
        if args.format == "json":
            entries.append(
                {
                    "file": clip,
                    "duration": event.duration,
                    "zero_shot": zero_shot,
                    "readings": _readings(event),
                    "by_part": {part: _reading(best.label, best.confidence) for part, best in event.by_part},
                }
            )
        else:
            print(f"{clip}  ({event.duration:.2f} s)" + ("  zero-shot: label texts that no training saw" * zero_shot))
            for reading in _readings(event):
                print(f"  {reading['confidence']:.3f}  {reading['label']}")
            if len(event.by_part) > 1:
                parts = ", ".join(f"{part}: {best.label} ({best.confidence:.2f})" for part, best in event.by_part)
                print(f"  at the same time: {parts}")

    code = batch(found(args.clip), one, args.debug)
    if args.format == "json":
        print(json.dumps(entries, indent=2, ensure_ascii=False))
    return code


def _watching(analyzer: Analyzer, args: Namespace) -> dict[str, object]:
    """Options of watching, for analyzers that watch skeletons."""
    if analyzer.modality == "skeleton":
        options = {"fps": args.fps, "pose_estimator": args.pose_estimator or _ESTIMATOR, "model_file": args.pose_model}
        return options | {"video_stream": args.video_stream, "layout": layout_given(args)}
    if args.fps or args.pose_estimator or args.pose_model or args.layout:
        raise RecipeError(
            "--fps, --pose-estimator, --pose-model and --layout are for runs that read skeletons; this one reads pixels"
        )
    return {"video_stream": args.video_stream}


def _readings(event: GestureEvent) -> list[dict[str, object]]:
    first = _reading(event.label, event.confidence)
    return [first, *(_reading(other.label, other.confidence) for other in event.alternatives)]


def _reading(label: str, confidence: float) -> dict[str, object]:
    return {"label": label, "confidence": round(confidence, 4)}


@verb(
    "an untrimmed video: timeline (json, csv, eaf, vtt) and report",
    arg("video", nargs="+", help="untrimmed videos, or skeleton tracks"),
    arg("-o", "--out", required=True, help="folder; every video gets a folder of its name inside it"),
    *MODEL,
    *POSE,
    STREAM,
    arg("--person", choices=("largest", "all"), default="largest", help="whom to watch"),
    arg("--emotion", metavar="RUN", help="folder of a trained emotion model"),
    arg(
        "--thumbnails",
        choices=("masked", "none", "original"),
        default="none",
        help="pictures from the video, in the report",
    ),
    configuration="microgesture.spotting:SpottingConfig",
)
def analyze(args: Namespace) -> int:
    """Find the gestures of each video and write its files."""
    from microgesture.analysis.result_files import check_analysis, write_analysis
    from microgesture.commands.result_places import analysis_folders
    from microgesture.emotion.model import EmotionModel
    from microgesture.files.atomic import check_folder
    from microgesture.progress import track
    from microgesture.runs.configuration import given_by_flags
    from microgesture.skeletons.sources import is_skeleton
    from microgesture.spotting import SpottingConfig

    _check(args)
    given = given_by_flags(SpottingConfig, args.flags, "microgesture analyze VIDEO")  # before the model is opened
    analyzer = _open_model(args)
    spotting = replace(analyzer.run.spotting, **given)
    emotion = EmotionModel.load(args.emotion) if args.emotion else None
    watching = _watching(analyzer, args)
    if args.person == "all" and analyzer.modality != "skeleton":
        raise RecipeError("--person all is for runs that read skeletons; this one reads pixels")

    videos = found(args.video)
    check_folder(Path(args.out))
    outs = analysis_folders(Path(args.out), videos)

    def one(video: str) -> None:
        check_analysis(outs[video])
        if args.thumbnails != "none" and is_skeleton(video):
            raise DataError(f"{video}: a skeleton has no pictures; leave out --thumbnails")
        with track(f"analyzing {video}") as progress:
            timeline, tracks = analyzer.analyze_with_tracks(
                video, spotting, emotion, progress, persons=args.person, resume=outs[video] / ".watched", **watching
            )
        report = write_analysis(timeline, outs[video], video, args.thumbnails, tracks or None, args.video_stream)
        _tidy(outs[video] / ".watched")
        print(f"{video}: {len(timeline)} gestures; open {report}")
        for line in analyzer.remarks(timeline):
            print(f"  {line}")

    return batch(videos, one, args.debug)


def _tidy(folder: Path) -> None:
    """Remove what a finished watch kept to resume from."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


@verb(
    "keep the skeleton of a video, without its pixels",
    arg("video", nargs="+", help="videos"),
    arg("-o", "--out", required=True, help="track .npz; or a folder, for tracks of the videos' names"),
    arg("--person", choices=("largest", "all"), default="largest", help="whom to keep"),
    *POSE,
    STREAM,
)
def pose(args: Namespace) -> int:
    """Write the skeleton track of each video."""
    from microgesture.commands.result_places import track_files
    from microgesture.pose.extraction import write_pose
    from microgesture.progress import track

    _check(args)
    layout = layout_given(args)
    videos, out = found(args.video), Path(args.out)
    alone = len(videos) == 1 and bool(out.suffix) and not out.is_dir()
    files = {videos[0]: out} if alone else track_files(out, videos)

    def one(video: str) -> None:
        with track(f"watching {video}") as progress:
            written = write_pose(
                video,
                files[video],
                persons=args.person,
                fps=args.fps,
                model_file=args.pose_model,
                pose_estimator=args.pose_estimator or _ESTIMATOR,
                progress=progress,
                video_stream=args.video_stream,
                layout=layout,
            )
        for path in written:
            print(f"{video}: {path}")

    return batch(videos, one, args.debug)


@verb(
    "hide the faces of a video, and check that they are hidden",
    arg("video", help="video with faces"),
    arg("-o", "--out", required=True, help="the video without faces; sound and metadata are left out"),
    STREAM,
    configuration="microgesture.privacy.anonymization:AnonymizeConfig",
)
def anonymize(args: Namespace) -> int:
    """Hide the faces of a video; exit code 1 when the check still finds one."""
    from microgesture.privacy.anonymization import AnonymizeConfig
    from microgesture.privacy.anonymization import anonymize as hide
    from microgesture.progress import track
    from microgesture.runs.configuration import dataclass_from_flags

    config = dataclass_from_flags(AnonymizeConfig, args.flags, "microgesture anonymize VIDEO")
    with track(f"hiding faces in {args.video}") as progress:
        audit = hide(args.video, args.out, config, progress=progress, video_stream=args.video_stream)
    print(audit)
    if not audit.clean:
        say(f"{args.out}: faces may still be seen; look at the times above before you share it")
    return 0 if audit.clean else 1
