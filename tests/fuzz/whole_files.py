"""Whole files of every kind that is read, small, and the command that reads each."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "formats"))
from human_eaf import HUMAN

from microgesture import formats
from microgesture.commands.main import main
from microgesture.encoders import create_encoder, create_text_encoder
from microgesture.reasoning.scenario import scenario_text
from microgesture.recognition import create_objective
from microgesture.recognition.classifier import ReleasedHead
from microgesture.runs.configuration import load_recipe, make_recipe
from microgesture.runs.run import WEIGHTS
from microgesture.runs.run_files import write_configuration
from microgesture.skeletons.openpose import write_openpose
from microgesture.skeletons.pyskl import write_pyskl
from microgesture.skeletons.track import SkeletonTrack
from microgesture.timeline import GestureEvent, Media, Timeline
from microgesture.training.checkpoint import write_weights
from microgesture.video import write_video
from microgesture.vocabulary import Vocabulary
from several_streams import write_streams

LABELS = ("Touching jaw", "Folding arms", "Moving legs", "Head up")
LAYOUT = """name: upper-7
joints: [neck, left_shoulder, left_elbow, left_hand, right_shoulder, right_elbow, right_hand]
bones:
  - [neck, left_shoulder]
  - [left_shoulder, left_elbow]
  - [left_elbow, left_hand]
  - [neck, right_shoulder]
  - [right_shoulder, right_elbow]
  - [right_elbow, right_hand]
centre: neck
pairs:
  - [left_shoulder, right_shoulder]
  - [left_elbow, right_elbow]
  - [left_hand, right_hand]
"""


@dataclass(frozen=True)
class Kind:
    """A file to break: `content` becomes `name` in the folder of a case, beside copies of `beside` (name to file or
    folder), and `argv` is run there, with OUT and the like spelt out. `text` says which breakings fit."""

    name: str
    content: bytes
    argv: tuple[str, ...]
    text: bool = False
    beside: tuple[tuple[str, str], ...] = ()


def make_kinds(folder: Path) -> dict[str, Kind]:
    """All kinds by name; models that the commands need are written into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels, skeletons, clip = str(_pixel_run(folder)), str(_skeleton_run(folder)), str(_video(folder / "clip.mp4"))
    timeline = folder / "talk.json"
    formats.write(_timeline(), timeline)
    return {
        **_videos(folder, pixels),
        **_skeletons(folder, skeletons),
        **_layouts(folder),
        **_timelines(folder, str(timeline), skeletons),
        **_whisper(str(timeline)),
        **_settings(folder, pixels, clip, str(timeline)),
        **_tables(folder, clip, str(timeline)),
    }


def _videos(folder: Path, model: str) -> dict[str, Kind]:
    kinds = {}
    for suffix in ("mp4", "mkv", "webm", "avi"):
        content = _video(folder / f"whole.{suffix}").read_bytes()
        kinds[suffix] = Kind(f"broken.{suffix}", content, ("recognize", "broken." + suffix, "--model", model))
    kinds["mp4-analyze"] = Kind(
        "broken.mp4", kinds["mp4"].content, ("analyze", "broken.mp4", "-o", "out", "--model", model)
    )
    cover = [np.full((64, 64, 3), 200, np.uint8)]
    talk = [np.full((32, 48, 3), 5 * i, np.uint8) for i in range(24)]
    still = write_streams(folder / "still.mp4", [cover, talk], 12, codecs=["mjpeg", "libx264"]).read_bytes()
    kinds["mp4 still first"] = Kind("broken.mp4", still, ("recognize", "broken.mp4", "--model", model))
    return kinds


def _skeletons(folder: Path, model: str) -> dict[str, Kind]:
    track = _track()
    track.save(folder / "whole.npz")
    write_pyskl([track, track], [1, 2], folder / "whole.pkl", split={"train": ["clip_0000"], "test": ["clip_0001"]})
    write_openpose(track, folder / "openpose")
    kinect = "\n".join(",".join(f"{v:.3f}" for v in row) for row in np.random.default_rng(0).random((6, 275)) * 900)
    recognize = ("recognize", "broken.npz", "--model", model)
    frames = sorted(p.name for p in (folder / "openpose").iterdir())
    others = tuple((f"clip/{name}", str(folder / "openpose" / name)) for name in frames[1:])
    pickled = (folder / "whole.pkl").read_bytes()
    return {
        "npz": Kind("broken.npz", (folder / "whole.npz").read_bytes(), recognize),
        "npz-analyze": Kind(
            "broken.npz", (folder / "whole.npz").read_bytes(), ("analyze", "broken.npz", "-o", "out", "--model", model)
        ),
        "pkl": Kind("broken.pkl", pickled, ("recognize", "broken.pkl::clip_0000", "--model", model)),
        "pkl-check": Kind("broken.pkl", pickled, ("data", "check", "broken.pkl", "--vocabulary", "imigue")),
        "kinect": Kind(
            "broken_skeleton.csv", kinect.encode(), ("recognize", "broken_skeleton.csv", "--model", model), True
        ),
        "openpose": Kind(
            f"clip/{frames[0]}",
            (folder / "openpose" / frames[0]).read_bytes(),
            ("recognize", "clip", "--model", model),
            True,
            others,
        ),
    }


def _layouts(folder: Path) -> dict[str, Kind]:
    """Layout files of one's own: named on the command line, and beside the points that they are of."""
    points = np.random.default_rng(0).uniform(100, 500, (1, 20, 7, 2)).astype(np.float32)
    clip = {"frame_dir": "clip", "label": 0, "total_frames": 20, "img_shape": (600, 600), "keypoint": points}
    (folder / "own.pkl").write_bytes(pickle.dumps({"split": {"train": ["clip"]}, "annotations": [clip]}))
    beside = (("own.pkl", str(folder / "own.pkl")),)
    pose = ("pose", "own.pkl", "--layout", "broken.yaml", "-o", "out.npz")
    return {
        "layout": Kind("broken.yaml", LAYOUT.encode(), pose, True, beside),
        "layout beside": Kind("layout.yaml", LAYOUT.encode(), ("data", "check", "own.pkl"), True, beside),
    }


def _whisper(timeline: str) -> dict[str, Kind]:
    """Transcripts in the two forms that Whisper has of its own."""
    words = [{"word": " Well,", "start": 0.5, "end": 0.9, "probability": 0.7}]
    said = [
        {"id": i, "start": i + 0.5, "end": i + 1.25, "text": f" Well, {i}.", "speaker": "SPEAKER_00", "words": words}
        for i in range(4)
    ]
    segments = json.dumps({"text": "Well", "segments": said, "language": "en"}, indent=1)
    lines = "\n".join(["start\tend\ttext", *(f"{1000 * i}\t{1000 * i + 800}\tWell, {i}." for i in range(4))])
    kinds = {}
    for extension, whole in ((".json", segments), (".tsv", lines)):
        argv = ("explain", timeline, "--transcript", f"broken{extension}", "--scenario", "interview", "-o", "out")
        kinds[f"transcript{extension}"] = Kind(f"broken{extension}", whole.encode(), argv, True)
    return kinds


def _timelines(folder: Path, timeline: str, model: str) -> dict[str, Kind]:
    kinds = {}
    scenario = ("--scenario", "interview", "--backend", "template", "-o", "out")
    for extension in (".json", ".csv", ".eaf", ".vtt", ".srt", ".TextGrid", ".boris.csv"):
        whole = formats.write(_timeline(), folder / f"whole{extension}").read_bytes()
        name = f"broken{extension}"
        kinds[f"timeline{extension}"] = Kind(name, whole, ("explain", name, *scenario), True)
        if extension in (".vtt", ".srt", ".TextGrid"):
            argv = ("explain", timeline, "--transcript", name, *scenario)
            kinds[f"transcript{extension}"] = Kind(name, whole, argv, True)
    kinds["human eaf"] = Kind("broken.eaf", HUMAN.encode(), ("explain", "broken.eaf", *scenario), True)
    argv = ("analyze", str(folder / "whole.npz"), "-o", "out", "--model", model)
    kinds["eaf written to"] = Kind("out/timeline.eaf", HUMAN.encode(), argv, True)
    return kinds


def _tables(folder: Path, clip: str, timeline: str) -> dict[str, Kind]:
    """Manifests, tables of events, and the models that are trained on these."""
    rows = [f"clip.mp4,{i / 10},{i / 10 + 0.5},{LABELS[i % 4]},P1,s{i % 3},train" for i in range(8)]
    manifest = "\n".join(["video,start,end,label,person,subject,split", *rows])
    rows = [
        f"v{i % 20},s{i % 10},{i / 3:.2f},{i / 3 + 1:.2f},{LABELS[i % 4]},{['won', 'lost'][i % 2]}" for i in range(99)
    ]
    events = "\n".join(["video,subject,start,end,label,outcome", *rows])
    small = ("--folds", "2", "--repeats", "1", "-o")
    (folder / "events.csv").write_text(events)
    model = folder / "emotion"
    assert main(["emotion", "train", str(folder / "events.csv"), "--model", "logistic", *small, str(model)]) == 0
    trained = ("emotion", "train", "broken.csv", "--model", "majority", *small, "out")
    explain = ("explain", timeline, "--scenario", "interview", "--backend", "template", "--emotion", "run", "-o", "out")
    kinds = {
        "manifest": Kind("broken.csv", manifest.encode(), ("data", "check", "broken.csv"), True, (("clip.mp4", clip),)),
        "events": Kind("broken.csv", events.encode(), trained, True),
    }
    elan = ("data", "check", "elan", "films", "--vocabulary", str(folder / "words.txt"))
    film = (("films/talk.mp4", clip),)
    kinds["elan data"] = Kind("films/talk.eaf", (folder / "whole.eaf").read_bytes(), elan, True, film)
    files = sorted(p.name for p in model.iterdir() if p.is_file())
    for name, argv in (
        ("config.json", explain),
        (WEIGHTS, explain),
        ("evaluation.json", ("emotion", "evaluate", "run")),
        ("predictions.csv", ("emotion", "evaluate", "run")),
    ):
        beside = tuple((f"run/{other}", str(model / other)) for other in files if other != name)
        content, text = (model / name).read_bytes(), name != WEIGHTS
        kinds[f"emotion {name}"] = Kind(f"run/{name}", content, argv, text, beside)
    return kinds


def _settings(folder: Path, run: str, clip: str, timeline: str) -> dict[str, Kind]:
    recipe = yaml.safe_dump(load_recipe("demo/baseline").to_dict(), sort_keys=False)
    torch.save(ReleasedHead(16, len(LABELS)).state_dict(), folder / "head.pth")
    (folder / "words.txt").write_text("\n".join(LABELS) + "\n")
    recognize, start = ("recognize", clip, "--model", "run"), str(_text_run(folder))
    scenario = ("--backend", "template", "-o", "out")
    kinds = {
        "recipe": Kind("broken.yaml", recipe.encode(), ("recipes", "broken.yaml"), True),
        "scenario": Kind(
            "broken.yaml", scenario_text("interview").encode(), ("scenarios", "show", "broken.yaml"), True
        ),
        "scenario used": Kind(
            "broken.yaml",
            scenario_text("interview").encode(),
            ("explain", timeline, "--scenario", "broken.yaml", *scenario),
            True,
        ),
        "vocabulary": Kind(
            "broken.txt",
            "\n".join(LABELS).encode(),
            ("data", "check", str(folder / "whole.pkl"), "--vocabulary", "broken.txt"),
            True,
        ),
        "head": Kind(
            "broken.pth",
            (folder / "head.pth").read_bytes(),
            (
                "import-checkpoint",
                "broken.pth",
                "--vocabulary",
                str(folder / "words.txt"),
                "--start",
                start,
                "-o",
                "out",
            ),
        ),
    }
    files = sorted(p.name for p in Path(run).iterdir())
    for name in ("config.json", WEIGHTS):
        beside = tuple((f"run/{other}", f"{run}/{other}") for other in files if other != name)
        text = name.endswith(".json")
        kinds[f"run {name}"] = Kind(f"run/{name}", Path(run, name).read_bytes(), recognize, text, beside)
    return kinds


def _timeline() -> Timeline:
    events = tuple(
        GestureEvent(i * 1.5, i * 1.5 + 1, LABELS[i % 4], i % 4, 0.5 + i / 40, "arms", f"P{i % 2 + 1}")
        for i in range(12)
    )
    return Timeline(events, Media("talk.mp4", 20.0, 25.0, (640, 480)), "own", LABELS)


def _track() -> SkeletonTrack:
    rng = np.random.default_rng(0)
    points = (rng.uniform(100, 500, (1, 17, 2)) + rng.normal(0, 3, (40, 17, 2))).astype(np.float32)
    return SkeletonTrack(np.arange(40) / 20.0, points, np.ones((40, 17), np.float32), "coco-17", (640, 480))


def _video(path: Path) -> Path:
    if path.suffix == ".mp4":
        frames = [np.full((32, 48, 3), 5 * i, np.uint8) for i in range(24)]
        write_video(path, np.stack(frames), fps=12)
        return path
    import av

    codec = {".mkv": "libx264", ".webm": "libvpx", ".avi": "mpeg4"}[path.suffix]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=12)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for i in range(24):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.full((32, 48, 3), 5 * i, np.uint8), format="rgb24"))
            )
        container.mux(stream.encode(None))
    return path


def _pixel_run(folder: Path) -> Path:
    run = folder / "pixels"
    vocabulary = Vocabulary.from_texts(LABELS)
    encoder = create_encoder("r2plus1d_small", channels=[4, 4, 4, 4])
    objective = create_objective("supervised", encoder, None, vocabulary)
    values = {"title": "pixels", "data": {"frames": 4, "size": 32}, "objective": {"name": "supervised"}}
    values["encoder"] = {"name": "r2plus1d_small", "options": {"channels": [4, 4, 4, 4]}}
    write_configuration(run, make_recipe(values), objective, {"finished": True, "temperature": 1.0})
    write_weights(run / WEIGHTS, objective.state_dict(), {"format": "pt"})
    return run


def _text_run(folder: Path) -> Path:
    run, options = folder / "texts", {"prompting": "none", "width": 16}
    encoder, text = create_encoder("r2plus1d_small", channels=[4, 4, 4, 4]), create_text_encoder("label-words", LABELS)
    objective = create_objective("visual-text", encoder, text, Vocabulary.from_texts(LABELS), **options)
    values = {
        "title": "texts",
        "objective": {"name": "visual-text", "options": options},
        "text": {"name": "label-words"},
    }
    values["encoder"] = {"name": "r2plus1d_small", "options": {"channels": [4, 4, 4, 4]}}
    write_configuration(run, make_recipe(values), objective, {"finished": True, "temperature": 1.0})
    write_weights(run / WEIGHTS, objective.state_dict(), {"format": "pt"})
    return run


def _skeleton_run(folder: Path) -> Path:
    run = folder / "skeletons"
    recipe = load_recipe("built-in/skeleton", ["--encoder.options", '{"width": 32, "layers": 1}'])
    encoder, text = create_encoder("skeleton_transformer", width=32, layers=1), create_text_encoder("gesture-words")
    objective = create_objective("visual-text-timed", encoder, text, Vocabulary.load("imigue"))
    write_configuration(run, recipe, objective, {"finished": True, "temperature": 1.0})
    write_weights(run / WEIGHTS, objective.state_dict(), {"format": "pt"})
    return run


# --- files that no accident makes ---------------------------------------------------------------------


class _Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.call


def hostile(kinds: dict[str, Kind], canary: Path) -> list[tuple[str, bytes]]:
    """(kind, content) of files that try to run something, which would leave `canary`, or to fill the memory."""
    import io
    import os
    import zipfile

    command = f"touch {canary}"
    call = pickle.dumps({"annotations": [_Call(os.system, command)], "split": {}})
    zipped = io.BytesIO()
    torch.save({"projection.weight": _Call(os.system, command)}, zipped)
    arrays = io.BytesIO()
    np.savez(arrays, points=np.array([_Call(os.system, command)], dtype=object), layout=np.array("coco-17"))
    found = [(kind, call) for kind in ("pkl", "pkl-check", "npz", "head")]
    found += [("head", zipped.getvalue()), ("npz", arrays.getvalue())]
    for kind in ("recipe", "scenario", "scenario used", "layout", "layout beside"):
        tags = (f'!!python/object/apply:os.system ["{command}"]', f"title: !!python/object/new:os.system ['{command}']")
        found += [(kind, tag.encode()) for tag in tags]
        aliases = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
        found.append((kind, aliases.encode()))
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    document = '<?xml version="1.0"?><!DOCTYPE d [{}]><ANNOTATION_DOCUMENT AUTHOR="a">&{};</ANNOTATION_DOCUMENT>'
    laughs = document.format(f'<!ENTITY e0 "ha">{entities}', "e11")
    outside = document.format('<!ENTITY x SYSTEM "file:///etc/passwd">', "x")
    found += [(kind, text.encode()) for kind in ("timeline.eaf", "eaf written to") for text in (laughs, outside)]
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 17, 2)})
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("points", "scores", "times", "layout", "image_size", "person", "interpolated"):
            archive.writestr(f"{name}.npy", header.getvalue() + bytes(1 << 20))
    found += [("npz", bomb.getvalue()), ("npz-analyze", bomb.getvalue())]
    zeros = io.BytesIO()
    with zipfile.ZipFile(zeros, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("points.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "<f4", "fortran_order": False, "shape": (1 << 22, 17, 2)}
            )
            for _ in range(544):
                file.write(bytes(1 << 20))
        archive.writestr("layout.npy", b"")
    found.append(("npz", zeros.getvalue()))
    found.append((f"run {WEIGHTS}", (1 << 40).to_bytes(8, "little") + b"{}"))
    found.append(
        ("timeline.TextGrid", b'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n9\n<exists>\n999999999\n')
    )
    found.append(("timeline.srt", b"1\n99999999999:00:00,000 --> 99999999999:00:01,000\nx\n"))
    cue = b"WEBVTT\n\n1\n00:00:00.000 --> 00:00:01.000\nx"
    found += [(kind, cue + mark * 200_000) for kind, mark in (("timeline.vtt", b"<"), ("transcript.vtt", b"<!--"))]
    cue = cue[8:].replace(b".", b",")
    found += [(kind, cue + mark * 200_000) for kind, mark in (("timeline.srt", b"<b "), ("transcript.srt", b"{\\"))]
    found.append(("manifest", b"video,label," + b",".join(b"c%d" % i for i in range(100_000)) + b"\nclip.mp4,x\n"))
    found.append(("timeline.json", b"[" * 200_000))
    found.append(("timeline.json", b'{"events": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"))
    found.append(("run config.json", b'{"recipe":' * 50_000))
    found.append(("transcript.json", b'{"segments": ' * 50_000))
    found.append(("transcript.json", b'{"segments": [{"text": "x", "start": 0, "end": 1' + b"0" * 100_000 + b"}]}"))
    found.append(("transcript.tsv", b"start\tend\ttext\n0\t1" + b"0" * 100_000 + b"\tx\n"))
    joints = [f"j{i}" for i in range(6000)]
    found.append(("layout", f"name: x\njoints: [{', '.join(joints)}]\nbones: []\ncentre: j0\n".encode()))
    found.append(("openpose", b'{"people": ' + b"[" * 100_000))
    found.append(("timeline.eaf", b"<ANNOTATION_DOCUMENT>" + b"<A>" * 200_000))
    found.append(("recipe", b"a: " + b"[" * 20_000))
    found.append(("scenario", b"{" * 20_000))
    found.append(("timeline.json", b'{"version": ' + b"9" * 100_000 + b"}"))
    assert {kind for kind, _ in found} <= set(kinds)
    return found
