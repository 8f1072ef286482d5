"""Everything that can be plugged in comes from one file outside the package and is used through the public verb."""

import json
import os
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import yaml

from microgesture import formats
from microgesture.commands.main import main
from microgesture.corpora.source import SOURCES
from microgesture.datasets.augmentation.piece import AUGMENTATIONS
from microgesture.emotion.registry import MODELS
from microgesture.formats.registry import FORMATS
from microgesture.pose.estimator import ESTIMATORS
from microgesture.reasoning.backends import BACKENDS
from microgesture.registry import PLUGINS
from microgesture.skeletons.track import SkeletonTrack
from microgesture.synthetic.people import gesture
from microgesture.timeline import GestureEvent, Timeline
from microgesture.video import write_video
from moving_squares import recipe_values


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Writes a plugin file and returns the flags that load it; what it registers is forgotten after the test."""
    monkeypatch.setenv(PLUGINS, "")
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> list[str]:
        path = tmp_path / f"plugin_{len(list(tmp_path.glob('plugin_*')))}.py"
        path.write_text(text)
        return ["--plugin", str(path)]

    with ExitStack() as stack:
        for registry in (AUGMENTATIONS, FORMATS, ESTIMATORS, BACKENDS, SOURCES, MODELS):
            stack.enter_context(registry.restored())
        yield write


FORMAT = """
from microgesture.formats import register_format
from microgesture.synthetic.people import gesture
from microgesture.timeline import GestureEvent, Timeline

def dumps(timeline):
    return "".join(f"{e.start} {e.end} {e.label}\\n" for e in timeline.events)

def loads(text, source):
    rows = [line.split(maxsplit=2) for line in text.splitlines()]
    return Timeline(tuple(GestureEvent(float(a), float(b), label) for a, b, label in rows))

register_format(".rows", dumps=dumps, loads=loads)
"""

BACKEND = """
import json
from microgesture.reasoning.backends import RawReply, register_backend

class Echo:
    name, model, base_url, remark, language_model = "echo", "echo", "", "", False

    def reply(self, task):
        words = task.scenario.names[0]
        return RawReply(json.dumps({"answer": "undecided", "probability": 0.5, "reasons": []}))

@register_backend("echo")
def open_echo(settings):
    return Echo()
"""


def test_a_format_and_a_backend(plugin, capsys):
    Path("interview.rows").write_text("1.0 2.5 Folding arms\n")
    argv = ["explain", "interview.rows", "--scenario", "interview", "-o", "out", *plugin(FORMAT)]
    assert main([*argv, "--backend", "echo", *plugin(BACKEND)]) == 0
    assert "echo" in " ".join(path.read_text("utf-8") for path in Path("out").rglob("*.json"))
    assert formats.read("interview.rows").events[0].label == "Folding arms"


def test_a_format_that_is_not_there_names_the_known(plugin, capsys):
    Path("interview.rows").write_text("1.0 2.5 Folding arms\n")
    assert main(["explain", "interview.rows", "--scenario", "interview"]) == 2
    assert "unknown format '.rows'; known are .boris.csv, .csv" in capsys.readouterr().err


AUGMENTATION = """
import numpy as np
from dataclasses import dataclass
from microgesture.datasets.augmentation import RgbPiece, register_piece

@register_piece
@dataclass(frozen=True, kw_only=True)
class Dim(RgbPiece):
    name = "dim"
    order = 25
    by: float = 0.5

    def frames(self, frames, rng):
        print("dimmed")
        return (frames * self.by).astype(frames.dtype)
"""


def test_an_augmentation(plugin, clips, capsys):
    values = recipe_values(clips)
    values["data"]["augment"] = {"dim": {"by": 0.9}}
    values["optimiser"]["epochs"] = 1
    Path("mine.yaml").write_text(yaml.safe_dump(values))
    flags = plugin(AUGMENTATION)
    assert main(["train", "mine.yaml", "-o", "run"]) == 2
    assert "no piece 'dim', known are temporal_jitter" in capsys.readouterr().err
    assert main(["train", "mine.yaml", "-o", "run", *flags]) == 0
    assert "dimmed" in capsys.readouterr().out
    assert json.loads(Path("run/config.json").read_text())["recipe"]["data"]["augment"] == {"dim": {"by": 0.9}}


@pytest.mark.parametrize(
    ("text", "said"), [("1 / 0", "division by zero"), ("import no_such_module", "no_such_module"), (None, "no file")]
)
def test_a_plugin_that_cannot_be_loaded_is_one_line(plugin, capsys, text, said):
    flags = ["--plugin", "nothing.py"] if text is None else plugin(text)
    assert main(["recipes", *flags]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line
    assert flags[1] in line


def test_two_members_of_one_name_are_refused(plugin, capsys):
    flags = plugin(BACKEND.replace('"echo")', '"template")'))
    assert main(["recipes", *flags]) == 2
    assert "backend name 'template' is taken by microgesture.reasoning" in capsys.readouterr().err


def test_plugins_reach_the_processes_that_are_started(plugin):
    flags = plugin("import os\nos.environ['SEEN_BY'] = str(os.getpid())\n")
    assert main(["recipes", *flags]) == 0
    assert os.environ[PLUGINS].endswith(flags[1])
    assert os.environ.pop("SEEN_BY") == str(os.getpid())


def test_a_timeline_of_ones_own_format_is_written_beside_the_others(plugin, tmp_path):
    from microgesture.analysis.result_files import check_analysis, write_analysis
    from microgesture.registry import add_plugin

    add_plugin(plugin(FORMAT)[1])
    timeline = Timeline((GestureEvent(1.0, 2.0, "Folding arms"),))
    write_analysis(timeline, tmp_path / "out", "none.mp4")
    assert (tmp_path / "out" / "timeline.rows").read_text() == "1.0 2.0 Folding arms\n"
    (tmp_path / "out" / "timeline.rows").write_text("a human's")
    with pytest.raises(formats.DataError, match=r"timeline\.rows: does not say what"):
        check_analysis(tmp_path / "out")


ESTIMATOR = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent / "pose")!r})
from coloured_people import ColourEstimator
from microgesture.pose.estimator import register_estimator

@register_estimator("colours")
def colours(model_file, max_people):
    return ColourEstimator()
"""


def test_a_pose_estimator(plugin, tmp_path):
    flags = plugin(ESTIMATOR)
    picture = np.full((120, 160, 3), 128, np.uint8)
    picture[10:110, 40:100] = (220, 30, 30)
    write_video(tmp_path / "red.mp4", [picture] * 60, fps=25)
    assert main(["pose", "red.mp4", "-o", "named.npz", "--pose-estimator", "colours", *flags]) == 0
    assert main(["pose", "red.mp4", "-o", "own.npz", "--pose-estimator", f"{flags[1]}:colours"]) == 0
    for path in ("named.npz", "own.npz"):
        assert SkeletonTrack.load(path).layout == "coco-17"


MOTION = """
from microgesture.synthetic.people.gesture import Drive, Gesture, motion

@motion("sink", "head", (1.0, 2.0), imigue="Turtle neck")
def sink(draw):
    print("sinking")
    return Gesture(drives=(Drive("neck_shift", (1,), -0.03),))
"""


def test_a_motion_of_the_synthetic_world(plugin, capsys):
    argv = ["synthesize", "world", "--clips", "9", "--interviews", "0", "--timelines", "0", "--size", "32"]
    try:
        assert main([*argv, "--classes", "Turtle neck", "--subjects", "3", *plugin(MOTION)]) == 0
    finally:
        gesture.MOTIONS.pop("sink", None)
        gesture.DRAWN.pop("sink", None)
    assert "sinking" in capsys.readouterr().out
    assert len(list(Path("world").rglob("*.mp4"))) == 9


EMOTION = """
import torch
from torch import nn
from microgesture.emotion.registry import register

@register("longest")
class Longest(nn.Module):
    \"""Two outcomes: the more events, the second one.\"""

    def __init__(self, config, spec):
        super().__init__()
        self.register_buffer("middle", torch.zeros(()))

    def fit(self, batch, y, groups, seed):
        self.middle.copy_((~batch.padding).sum(1).float().mean())
        return self

    def forward(self, batch):
        over = (~batch.padding).sum(1).float() - self.middle
        return torch.stack([-over, over], 1)
"""


def test_an_emotion_model(plugin, capsys):
    rows = [
        f"v{n},{label},{'won' if n % 2 else 'lost'},S{n}" for n in range(12) for label in ["a", "b", "c"][: 1 + n % 2]
    ]
    Path("events.csv").write_text("\n".join(["video,label,outcome,person", *rows]) + "\n")
    flags = plugin(EMOTION)
    learn = ["emotion", "train", "events.csv", "--target", "outcome", "--subject", "person", "-o", "mine"]
    assert main([*learn, "--model", "longest"]) == 2
    assert "no emotion model 'longest': known are auto, forest" in capsys.readouterr().err
    assert main([*learn, "--model", "longest", *flags]) == 0
    assert main(["emotion", "evaluate", "mine"]) == 0


SOURCE = """
from microgesture.corpora.source import Reading, register_source
from microgesture.datasets.manifest import ClipRow
from microgesture.vocabulary import Vocabulary

def recognises(root):
    return (root / "list.mine").is_file()

def read(root, protocol="", vocabulary=None):
    words = Vocabulary.from_texts(["left", "right", "up", "down"])
    lines = [line.split() for line in (root / "list.mine").read_text().splitlines()]
    rows = [ClipRow(None, label, split="train", skeleton=root / name) for name, label in lines]
    return Reading("mine", root, words, tuple(rows), facts=("read by a plugin",))

register_source("mine", "a list of mine", read, recognises)
"""


def test_a_layout_of_data_sets(plugin, capsys):
    Path("data").mkdir()
    Path("data/list.mine").write_text("a.npz left\nb.npz up\n")
    assert main(["data", "check", "data"]) == 2
    capsys.readouterr()
    flags = plugin(SOURCE)
    assert main(["data", "check", "data", *flags]) == 0
    assert "read by a plugin" in capsys.readouterr().out
    assert main(["data", "check", "mine", "data", *flags]) == 0
