"""Break files of every kind and run the commands that read them: `python tests/fuzz --seed 13 --count 500`.

Every case must end within its time with exit code 0, 1 or 2, under 2 GB, having started nothing, opened no connection
and written nothing outside of its folder; what is refused is refused in one line that names the file. Prints a summary
as JSON, with every case that does otherwise, and ends with code 1 if there is one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE)]
LONGEST_S = 60.0
MOST_MB = 2000


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    parser.add_argument("--keep", help="keep the files of cases in this folder")
    args = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
        found = run(Path(args.keep or folder), args.seed, args.count, args.only)
    summary = summarise(found) | {"seed": args.seed, "seconds": round(time.monotonic() - began)}
    print(json.dumps(summary, indent=1, ensure_ascii=False))
    return 1 if summary["faults"] else 0


def make_cases(folder: Path, seed: int, count: int, only: str = "") -> list[dict]:
    """Write the files of `count` cases; the hostile ones come first, in turn with broken ones of every kind."""
    import numpy as np
    from breaking import OF_BINARIES, OF_TEXTS
    from whole_files import hostile, make_kinds

    every = make_kinds(folder / "whole")
    kinds = {name: kind for name, kind in every.items() if only in name}
    rng = np.random.default_rng(seed)
    crafted = [pair for pair in hostile(every, folder / "canary") if pair[0] in kinds]
    rng.shuffle(crafted)  # type: ignore[arg-type]
    cases = []
    for number in range(count):
        if number % 5 == 4 and crafted:
            name, content = crafted.pop()
            how = "hostile"
        else:
            name = list(kinds)[(number - number // 5) % len(kinds)]
            ways = OF_TEXTS if kinds[name].text else OF_BINARIES
            way = ways[int(rng.integers(len(ways)))]
            content, how = way(kinds[name].content, rng), way.__name__
        kind, own = kinds[name], folder / f"case-{number:05d}"
        for beside, source in kind.beside:
            (own / beside).parent.mkdir(parents=True, exist_ok=True)
            (own / beside).symlink_to(source)
        (own / kind.name).parent.mkdir(parents=True, exist_ok=True)
        (own / kind.name).write_bytes(content)
        cases.append({"number": number, "kind": name, "how": how, "folder": str(own), "argv": list(kind.argv)})
        cases[-1]["file"] = kind.name
    return cases


def run(folder: Path, seed: int, count: int, only: str = "") -> list[dict]:
    """Make the cases and run them in processes of their own; a hang or a crash ends one, and the next goes on."""
    cases, found = make_cases(folder, seed, count, only), []
    while len(found) < len(cases):
        left = cases[len(found) :]
        results = folder / f"results-{len(found):05d}.jsonl"
        (folder / "cases.json").write_text(json.dumps(left))
        found += _run_until_one_fails(left, folder / "cases.json", results)
    if (folder / "canary").exists():
        found.append({"kind": "all", "how": "hostile", "faults": ["something in a file was executed"], "code": None})
    return found


def _run_until_one_fails(cases: list[dict], listed: Path, results: Path) -> list[dict]:
    """Results of the cases up to the last, or to the one that did not end or that took its process along."""
    results.touch()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    worker = subprocess.Popen([sys.executable, str(HERE / "worker.py"), str(listed), str(results)], env=environment)
    done, since = 0, time.monotonic()
    while worker.poll() is None and done < len(cases):
        time.sleep(0.05)
        now = len(results.read_text("utf-8").splitlines())
        if now > done:
            done, since = now, time.monotonic()
        if time.monotonic() - since > LONGEST_S:
            worker.kill()
            break
    worker.wait()
    found = [json.loads(line) for line in results.read_text("utf-8").splitlines()]
    if len(found) < len(cases):
        how = "did not end" if worker.returncode == -9 else f"its process ended with code {worker.returncode}"
        found.append({**cases[len(found)], "code": None, "faults": [how], "seconds": LONGEST_S, "mb": 0})
    return found


def summarise(found: list[dict]) -> dict:
    """Figures of a run; `faults` are the cases that broke a promise."""

    faults = [case for case in found if case["faults"]]
    codes = Counter(str(case["code"]) for case in found)
    return {
        "cases": len(found),
        "kinds": len({case["kind"] for case in found}),
        "hostile": sum(case["how"] == "hostile" for case in found),
        "refused": codes["1"] + codes["2"],
        "read all the same": codes["0"],
        "longest_s": max(case.get("seconds", 0) for case in found),
        "most_mb": max(case.get("mb", 0) for case in found),
        "faults": faults,
    }


if __name__ == "__main__":
    sys.exit(main())
