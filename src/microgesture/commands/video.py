"""The verbs that look at videos: analyze, recognize, pose, anonymize. Thin, and nothing heavy at import."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from microgesture.commands.arguments import batch, found, layout_argument, layout_given, say, takes_flags
from microgesture.errors import DataError, RecipeError

if TYPE_CHECKING:
    from microgesture.analysis.analyzer import Analyzer
    from microgesture.timeline import GestureEvent

_ESTIMATOR = "mediapipe"


def _model_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="RUN", help="folder of a trained run; default: the built-in weights")
    parser.add_argument("--vocabulary", help="imigue, smg, ma52 or a text file with one gesture per line")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")


def _pose_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fps", type=float, help="poses a second; for OpenPose folders and other files without times, their rate"
    )
    parser.add_argument(
        "--pose-estimator", metavar="NAME", help="mediapipe (default), or one of your own (file.py:Name)"
    )
    parser.add_argument(
        "--pose-model", metavar="FILE", help="a MediaPipe .task file in place of the models in its wheel"
    )
    layout_argument(parser)


def _stream_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--video-stream",
        type=int,
        metavar="N",
        help="which video stream of a file with several, counted from 1; default: the one that players show",
    )


def _check(args: argparse.Namespace) -> None:
    if args.fps is not None and not 3 <= args.fps <= 240:
        raise RecipeError("--fps must be from 3 to 240")


def _open_model(args: argparse.Namespace) -> Analyzer:
    from microgesture.analysis.analyzer import load
    from microgesture.vocabulary import Vocabulary

    analyzer = load(args.model, args.device)
    analyzer = analyzer.with_vocabulary(Vocabulary.load(args.vocabulary)) if args.vocabulary else analyzer
    for line in analyzer.vocabulary_remarks():
        say(line)
    return analyzer


def recognize_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `microgesture recognize`."""
    parser.add_argument("clip", nargs="+", help="trimmed clips: videos, skeleton tracks, OpenPose folders, pickles")
    _model_arguments(parser)
    _pose_arguments(parser)
    _stream_argument(parser)
    parser.add_argument("--top", type=int, default=5, help="how many readings a clip")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print")


def recognize(args: argparse.Namespace) -> int:
    """Name the gesture of each clip."""
    if args.top < 1:
        raise RecipeError("--top must be 1 or more")
    _check(args)
    analyzer = _open_model(args)
    zero_shot = analyzer.zero_shot
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


def _watching(analyzer: Analyzer, args: argparse.Namespace) -> dict[str, object]:
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


def analyze_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `microgesture analyze`."""
    parser.add_argument("video", nargs="+", help="untrimmed videos, or skeleton tracks in their place")
    parser.add_argument("-o", "--out", required=True, help="folder; every video gets a folder of its name inside it")
    _model_arguments(parser)
    _pose_arguments(parser)
    _stream_argument(parser)
    parser.add_argument("--person", choices=("largest", "all"), default="largest", help="whom to watch")
    parser.add_argument("--emotion", metavar="RUN", help="folder of a trained emotion model")
    parser.add_argument(
        "--thumbnails",
        choices=("masked", "none", "original"),
        default="none",
        help="pictures from the video, in the report",
    )


@takes_flags("microgesture.spotting:SpottingConfig")
def analyze(args: argparse.Namespace) -> int:
    """Find the gestures of each video and write its files."""
    from microgesture.analysis.result_files import check_analysis, check_folder, write_analysis
    from microgesture.commands.result_places import analysis_folders
    from microgesture.emotion.model import EmotionModel
    from microgesture.progress import track
    from microgesture.runs.configuration import dataclass_from_flags
    from microgesture.skeletons.sources import is_skeleton
    from microgesture.spotting import SpottingConfig

    _check(args)
    source = "microgesture analyze VIDEO"
    dataclass_from_flags(SpottingConfig, args.flags, source)  # what is wrong is said before the model is opened
    analyzer = _open_model(args)
    spotting = dataclass_from_flags(SpottingConfig, args.flags, source, asdict(analyzer.default_spotting))
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
    """Remove what a finished watch kept for going on."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def pose_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `microgesture pose`."""
    parser.add_argument("video", nargs="+", help="videos")
    parser.add_argument("-o", "--out", required=True, help="track .npz; or a folder, for tracks of the videos' names")
    parser.add_argument("--person", choices=("largest", "all"), default="largest", help="whom to keep")
    _pose_arguments(parser)
    _stream_argument(parser)


def pose(args: argparse.Namespace) -> int:
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


def anonymize_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `microgesture anonymize`."""
    parser.add_argument("video", help="video with faces")
    parser.add_argument("-o", "--out", required=True, help="the video without them; sound and metadata are left out")
    _stream_argument(parser)


@takes_flags("microgesture.privacy.anonymization:AnonymizeConfig")
def anonymize(args: argparse.Namespace) -> int:
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
