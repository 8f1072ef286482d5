"""Broken files of every kind: `tests/fuzz` makes them from a seed and runs the commands that read them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent / "fuzz"


def fuzz(seed: int, count: int) -> dict:
    command = [sys.executable, str(FUZZ), "--seed", str(seed), "--count", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def check(summary: dict, count: int) -> None:
    keys = ("number", "kind", "how", "faults")
    shown = [{key: str(case.get(key))[:300] for key in keys} for case in summary["faults"]]
    assert shown == [], f"python tests/fuzz --seed {summary['seed']} --count {count} --keep FOLDER shows them"
    assert summary["cases"] == count
    assert summary["refused"] > count / 3, "what is broken is mostly refused"


def test_broken_files_are_one_line_each():
    summary = fuzz(seed=13, count=60)
    check(summary, 60)
    assert summary["kinds"] == 42


@pytest.mark.slow
def test_broken_files_are_one_line_each_long():
    check(fuzz(seed=13, count=2000), 2000)
    check(fuzz(seed=77, count=2000), 2000)


WORKER = """
import json, os, subprocess, sys
sys.path.insert(0, {fuzz!r})
import worker
def traceback(argv): return {{}}["x"]
def starts(argv): subprocess.run(["true"])
def writes(argv): open({elsewhere!r}, "w").close()
def silent(argv): return 2
def twice(argv): print("microgesture: file: a\\nmicrogesture: file: b", file=sys.stderr); return 2
def nameless(argv): print("microgesture: it is broken", file=sys.stderr); return 2
def good(argv): print("microgesture: file: it is broken", file=sys.stderr); return 2
watch, found = worker.Watch(), {{}}
for main in (traceback, starts, writes, silent, twice, nameless, good):
    worker.main = main
    case = {{"folder": os.getcwd(), "file": "file", "argv": ["recognize"]}}
    found[main.__name__] = worker.run(case, watch)["faults"]
print(json.dumps(found))
"""


def test_the_program_sees_what_it_looks_for(tmp_path):
    (tmp_path / "case").mkdir()
    code = WORKER.format(fuzz=str(FUZZ), elsewhere=str(tmp_path / "elsewhere"))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "case", capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert found.pop("good") == []
    words = {
        "traceback": "KeyError",
        "starts": "subprocess.Popen",
        "writes": "writes",
        "silent": "0 lines of refusal",
        "twice": "2 lines of refusal",
        "nameless": "does not name the file",
    }
    assert found.keys() == words.keys()
    for name, faults in found.items():
        assert any(words[name] in fault for fault in faults), (name, faults)
