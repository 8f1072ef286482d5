"""What the surroundings do to a program: a notebook's variables, no home, no terminal, forks, libraries that do not
load. Each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from microgesture.errors import MissingExtra
from microgesture.libraries import extras
from microgesture.libraries.extras import import_extra, unmet_requirements
from microgesture.skeletons.track import SkeletonTrack

FIGURE = (
    "from pathlib import Path; import numpy as np; from microgesture.evaluation.figures import confusion_figure; "
    "confusion_figure({'a': np.eye(2, dtype=int)}, ['x', 'y'], Path('figure.png'))"
)


def python(code: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in `cwd`, with variables added to the environment."""
    env = {**os.environ, "OMP_NUM_THREADS": "2", **environment}
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, env=env, capture_output=True, text=True, timeout=240)


def track(path: Path) -> str:
    """A skeleton track of somebody who stands still for two seconds, in place of a video."""
    points = np.tile(np.random.default_rng(0).uniform(50, 200, (1, 33, 2)).astype(np.float32), (40, 1, 1))
    scores = np.ones((40, 33), np.float32)
    SkeletonTrack(np.arange(40) / 20.0, points, scores, "mediapipe-33", (320, 240)).save(path)
    return path.name


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline_of_elsewhere", "nonsense", "qtagg"])
def test_a_notebooks_backend_does_not_matter(tmp_path, backend):
    done = python(FIGURE + "; import os; print(os.environ['MPLBACKEND'])", tmp_path, MPLBACKEND=backend)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == backend, "the programs that this one starts get it as it was"
    assert (tmp_path / "figure.png").stat().st_size > 0


def test_a_backend_that_is_there_stays_the_notebooks(tmp_path):
    code = "import microgesture.evaluation.figures, matplotlib; print(matplotlib.get_backend())"
    assert python(code, tmp_path, MPLBACKEND="svg").stdout.strip() == "svg"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Matplotlib looks elsewhere")
def test_a_user_without_a_home_gets_the_figure_and_no_remarks(tmp_path):
    (tmp_path / "file").write_text("")
    done = python(FIGURE, tmp_path, HOME=str(tmp_path / "file"), MPLCONFIGDIR="", XDG_CONFIG_HOME="", XDG_CACHE_HOME="")
    assert (done.returncode, done.stderr) == (0, "")


COMMAND = [sys.executable, "-m", "microgesture"]


@pytest.mark.skipif(sys.platform == "win32", reason="closes file descriptors as a Unix shell does")
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", ">&- 2>&- <&-"])
def test_without_standard_streams_the_files_are_written_and_the_code_is_0(tmp_path, closed):
    name = track(tmp_path / "still.npz")
    line = f'"$@" analyze {name} -o out {closed}'
    done = subprocess.run(["sh", "-c", line, "sh", *COMMAND], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert (tmp_path / "out" / "still" / "report.html").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes are told apart otherwise")
def test_a_batch_goes_on_when_the_reader_of_its_output_has_left(tmp_path):
    names = [track(tmp_path / f"{name}.npz") for name in "abc"]
    command = [*COMMAND, "analyze", *names, "-o", "out"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.close()
        error = running.stderr.read()
        assert running.wait(timeout=240) == 0, error
    assert sorted(p.parent.name for p in tmp_path.glob("out/*/timeline.json")) == ["a", "b", "c"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_no_reader_who_has_left(tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run([*COMMAND, "recipes"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=240)
    assert done.returncode == 2
    assert "No space left" in done.stderr


FORK = """
import multiprocessing, sys, microgesture
analyzer = microgesture.load()
{before}
def name(track):
    return analyzer.recognize(track).label
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(*pool.map_async(name, ["still.npz", "still.npz"]).get(120))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.parametrize("before", ["", "analyzer.recognize('still.npz')"])
def test_a_model_opened_before_a_fork_works_after_it(tmp_path, before):
    track(tmp_path / "still.npz")
    done = python(FORK.format(before=before), tmp_path)
    assert done.returncode == 0, done.stderr
    alone = python(
        "import microgesture; l = microgesture.load().recognize('still.npz').label; print(l, l)", tmp_path
    ).stdout
    assert done.stdout == alone


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_mediapipe_used_before_a_fork_is_refused_after_it(tmp_path):
    pytest.importorskip("mediapipe")
    code = """
import multiprocessing, numpy, sys
from microgesture.errors import UserError
from microgesture.pose import create_estimator
estimator = create_estimator()
picture = numpy.zeros((64, 64, 3), numpy.uint8)
def look(how):
    try:
        (estimator if how == "the one that was open" else create_estimator()).estimate(picture, 0.0)
    except UserError as error:
        return "spawn" in str(error)
with multiprocessing.get_context("fork").Pool(1) as pool:
    print(pool.map_async(look, ["the one that was open", "a new one"]).get(60))
"""
    done = python(code, tmp_path)
    assert done.stdout.strip() == "[True, True]", done.stderr


# --- libraries that are there and do not load ---------------------------------------------------------

BROKEN = {
    "a system library is missing": (
        'raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")',
        "libGL.so.1: cannot open shared object file",
    ),
    "another package is missing": ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
    "another package does not fit": (
        'raise TypeError("Descriptors cannot be created directly.\\nIf this call came from a _pb2.py file ...")',
        "Descriptors cannot be created directly",
    ),
    "no words": ("raise RuntimeError", "RuntimeError"),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("library", ["mediapipe", "openai", "tensorboard"])
def test_a_library_that_does_not_load_says_why(tmp_path, monkeypatch, kind, library):
    source, words = BROKEN[kind]
    (tmp_path / library).mkdir()
    (tmp_path / library / "__init__.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [n for n in sys.modules if n == library or n.startswith(f"{library}.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtra) as caught:
        import_extra(library, "this", "extra")
    assert str(caught.value).startswith(f"this: {library} is installed but does not work: {words}")
    assert "pip install" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_library_that_is_not_there_names_the_command():
    with pytest.raises(MissingExtra, match=r"^this needs an extra: pip install 'microgesture\[extra\]'$"):
        import_extra("nothing_of_this_name", "this", "extra")


def test_by_command_the_true_reason_is_the_one_line(tmp_path):
    pytest.importorskip("mediapipe")
    (tmp_path / "stub" / "cv2").mkdir(parents=True)
    (tmp_path / "stub" / "cv2" / "__init__.py").write_text('raise ImportError("libGL.so.1: cannot open it")')
    (tmp_path / "video.mkv").write_bytes(b"")
    code = (
        "from microgesture.pose import create_estimator\nfrom microgesture.privacy.face_search import FaceFinder\n"
        "from microgesture.errors import UserError\n"
        "for opener in (create_estimator, FaceFinder):\n    try: opener()\n    except UserError as error: print(error)"
    )
    path = os.pathsep.join([str(tmp_path / "stub"), os.environ.get("PYTHONPATH", "")])
    done = python(code, tmp_path, PYTHONPATH=path)
    reason = "mediapipe is installed but does not work: libGL.so.1: cannot open it"
    assert done.stdout.splitlines() == [f"pose estimation with MediaPipe: {reason}", f"hiding faces: {reason}"]


def test_a_graph_that_does_not_start_says_which_package_does_not_fit(monkeypatch):
    pytest.importorskip("mediapipe")
    from microgesture.errors import UserError
    from microgesture.pose import mediapipe_person
    from microgesture.pose.mediapipe_holistic import HolisticEstimator

    class Module:
        @staticmethod
        def Holistic(**_options):  # noqa: N802
            raise RuntimeError("ValidatedGraphConfig Initialization failed.\nImageToTensorCalculator: ; RET_CHECK")

    monkeypatch.setattr(mediapipe_person, "solution", lambda name: Module)
    monkeypatch.setattr(extras.metadata, "requires", lambda _: ["protobuf<5,>=4.25.3", "jax", 'x; extra == "y"', "?"])
    versions = {"protobuf": "5.29.5", "jax": "0.7.1"}
    monkeypatch.setattr(extras.metadata, "version", lambda name: versions[name])
    with pytest.raises(UserError) as caught:
        HolisticEstimator()
    assert str(caught.value) == (
        "mediapipe is installed but does not work: ValidatedGraphConfig Initialization failed; "
        "it asks for protobuf<5,>=4.25.3 and 5.29.5 is installed"
    )


def test_requirements_of_what_is_not_installed_are_none():
    assert unmet_requirements("nothing_of_this_name") == []
    assert unmet_requirements("numpy") == []
