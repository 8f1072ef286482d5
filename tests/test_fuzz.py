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
    summary = fuzz(seed=13, count=96)
    check(summary, 96)
    assert summary["kinds"] == 37


@pytest.mark.slow
def test_broken_files_are_one_line_each_long():
    check(fuzz(seed=13, count=2000), 2000)
    check(fuzz(seed=77, count=2000), 2000)
