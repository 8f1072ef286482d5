"""Every command of README.md as it stands: those that need nothing are run, the others say what they need.

A line that is in no table below fails: whoever adds one to README says here how it is held. What takes long gets more
flags at its end, which make it small.
"""

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from microgesture.commands.main import main
from microgesture.video import VideoReader, write_video
from moving_joints import write_pickle

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
LINES = [words for kind, text in BLOCKS if not kind for line in text.splitlines() if (words := shlex.split(line, True))]
PYTHON = [text for kind, text in BLOCKS if kind == "python"]

WORLD = "--clips 24 --interviews 1 --timelines 24 --subjects 24 --size 32 --interview_size 48 --fps 4"
SHORT = "--interview_seconds [4.0,6.0] --workers 1"
TINY = "--optimiser.epochs 1 --optimiser.least_steps 0 --data.frames 4 --data.size 32 --training.precision no"
STEPS = "--optimiser.epochs 1 --optimiser.least_steps 0 --data.frames 16 --training.precision no"
LINE = "--optimiser.epochs 1 --optimiser.least_steps 0 --training.precision no"

RUN = {
    "analyze interview.mp4 -o out/": "",
    "analyze interview.mp4 -o out/ --vocabulary smg": "",
    "recognize clip.mp4 --top 5": "",
    "pose interview.mp4 -o track.npz": "",
    "analyze track.npz -o out/": "",
    "anonymize interview.mp4 -o masked.mp4": "",
    "synthesize OUT --clips 2000 --interviews 20 --seed 7": f"{WORLD} {SHORT}",
    "recipes": "",
    "train demo/adaptive --data.manifest OUT/manifest.csv": f"--start= {TINY}",
    "evaluate runs/demo/adaptive": "",
    "benchmark 'demo/*' -o table/ --seeds 3 --data.manifest OUT/manifest.csv": TINY,
    "recognize clip.mp4 --model runs/demo/adaptive": "",
    "train skeleton/stgcn --data.manifest clips.pkl": STEPS,
    "emotion train events.csv --target outcome --subject person": "",
    "emotion evaluate runs/emotion/auto-text": "",
    "explain out/interview/timeline.json --scenario interview": "",
    "scenarios run press_conference timelines.csv -o table/": "",
}
"""Verbs that work on what the test brings (interview.mp4, clip.mp4, events.csv, timelines.csv, clips.pkl) and on what
the lines before them wrote; with the flags that make them small."""

SAYS = {
    "data check imigue /data/iMiGUE": "/data/iMiGUE",
    "data prepare smg /data/SMG -o smg/": "/data/SMG",
    "train stgcn --on imigue --data.root /data/iMiGUE": "/data/iMiGUE",
    "benchmark '*' --on imigue --seeds 3 -o table/ --data.root /data/iMiGUE": "/data/iMiGUE",
    "fuse RUN RUN -o fused/": "RUN' is named 2 times",
    "submit RUN --challenge miga2025 -o prediction.zip": "RUN",
    "import-checkpoint released.pth -o runs/released": "released.pth",
    "emotion chain tsm --on imigue -o chained --data.root /data/iMiGUE": "/data/iMiGUE",
    "emotion compare RUN RUN RUN": "RUN",
    "explain out/interview/timeline.json --backend openai --base-url http://localhost:11434/v1 --model qwen3:4b "
    "--transcript talk.srt": "out/interview/timeline.json",
    "train built-in/skeleton --data.manifest banks/skeletons.json --objective.options "
    '\'{"motions": 79, "sentences": "sentence-transformers/all-MiniLM-L6-v2"}\'': "banks/skeletons.json",
    "train adaptive --on imigue --data.root /data/iMiGUE "
    "--text.name sentence-transformers/all-MiniLM-L6-v2": "/data/iMiGUE",
}
"""Verbs that need licensed data, a server or runs of the reader's: what they say without."""


def verbs(table: dict[str, str]) -> list[tuple[list[str], str]]:
    """Words of each command of a table that README has, in README's order, with what the table says of it."""
    keyed = {tuple(shlex.split(line)): value for line, value in table.items()}
    return [(words[1:], keyed[tuple(words[1:])]) for words in LINES if tuple(words[1:]) in keyed]


def test_every_line_is_held():
    known = {tuple(shlex.split(line)) for line in (*RUN, *SAYS)}
    missing = [words for words in LINES if words[0] == "microgesture" and tuple(words[1:]) not in known]
    assert not missing, f"README has lines that no test runs: {missing}"
    left = known - {tuple(words[1:]) for words in LINES}
    assert not left, f"README has these lines no more: {left}"
    assert {words[0] for words in LINES} == {"microgesture", "make", "pip"}


def test_make_has_the_targets():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for words in LINES:
        if words[0] == "make":
            (target,) = words[1:]
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
            if shutil.which("make"):
                subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


def test_pip_installs_from_the_copy_with_extras_that_there_are():
    text = (ROOT / "README.md").read_text("utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    installs = re.findall(r"pip install '?([^'`\s]+)", text)
    assert installs
    for what in installs:  # the package is on no index: its name alone would fetch somebody else's, or nothing
        named = re.fullmatch(r"\.\[(\w+)\]", what)
        assert named, what
        assert named[1] in extras


@pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="not a git checkout")
def test_nothing_of_the_package_is_ignored_and_left_out_of_the_wheel():
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard", "src"]
    assert subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout == ""


@pytest.mark.parametrize(("words", "said"), verbs(SAYS), ids=range(len(SAYS)))
def test_what_needs_data_or_a_server_says_so(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    first, *more = capsys.readouterr().err.strip().splitlines()
    assert said in first
    assert not more or words[0] == "benchmark"  # that one has one line per run


@pytest.fixture
def here(interview, tmp_path, monkeypatch) -> Path:
    """A current folder with what README's lines take for granted."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(interview, "interview.mp4")
    with VideoReader(interview) as video:
        write_video(tmp_path / "clip.mp4", [frame for _, frames in video.stream() for frame in frames][:25], fps=12.5)
    events = [f"v{k},{word},{'won' if k % 2 else 'lost'},S{k // 2}" for k in range(24) for word in ("jaw", "neck")]
    Path("events.csv").write_text("\n".join(["video,label,outcome,person", *events]) + "\n")
    write_pickle(tmp_path / "clips.pkl")
    many = "synthesize others --clips 0 --interviews 0 --timelines 12 --subjects 12"
    assert main(many.split()) == 0
    shutil.copytree("others/timelines", "timelines")
    shutil.copy("others/timelines.csv", "timelines.csv")
    return tmp_path


@pytest.mark.slow
def test_the_lines_that_need_nothing_work_one_after_the_other(here, capsys):
    pytest.importorskip("mediapipe")
    for words, more in verbs(RUN):
        assert main([*words, *shlex.split(more)]) == 0, (words, capsys.readouterr().err)
    for name in ("timeline.json", "timeline.csv", "timeline.eaf", "timeline.vtt", "report.html", "explanation.json"):
        assert Path("out/interview", name).is_file()
    assert Path("masked.mp4").is_file()
    for text in PYTHON:
        exec(compile(text, "README.md", "exec"), {})
