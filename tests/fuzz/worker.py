"""Runs cases one after the other in this process and writes a line of JSON for each: `worker.py CASES RESULTS`."""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path

from microgesture.commands.main import main

MOST_MB = 2000
_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "socket.connect")


class Watch:
    """Notes what the program does besides reading: starting programs, connecting, writing outside of `folder`."""

    def __init__(self) -> None:
        self.folder, self.seen = "", list[str]()
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple) -> None:
        if not self.folder:
            return
        if event in _STARTS and "lscpu" not in str(arguments):  # joblib counts the cores
            self.seen.append(f"{event} {str(arguments)[:120]}")
        if event == "open" and isinstance(arguments[0], str) and isinstance(arguments[2], int):
            writes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            place = os.path.realpath(arguments[0])
            if writes and not place.startswith((self.folder, "/dev/", tempfile.gettempdir() + "/tmp")):
                self.seen.append(f"writes {arguments[0]}")


def run(case: dict, watch: Watch) -> dict:
    """The case with `code`, `said`, `seconds`, `mb` and `faults`."""
    os.chdir(case["folder"])
    faults: list[str] = []
    began = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        kept = os.dup(1), os.dup(2)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        watch.folder, watch.seen = os.path.realpath(case["folder"]), []
        try:
            code: int | None = main(case["argv"])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        except BaseException as error:
            code = None
            last = traceback.extract_tb(error.__traceback__)[-1]
            faults.append(f"{type(error).__name__}: {str(error)[:200]} ({Path(last.filename).name}:{last.lineno})")
        finally:
            watch.folder = ""
            sys.stdout.flush()
            sys.stderr.flush()
            for number, old in zip((1, 2), kept, strict=True):
                os.dup2(old, number)
                os.close(old)
        err.seek(0)
        said = err.read().decode("utf-8", "replace").splitlines()
    mb = _most_memory()
    faults += watch.seen + _faults_of_words(case, code, said)
    faults += [f"{mb} MB of memory"] if mb > MOST_MB else []
    return {
        **case,
        "code": code,
        "said": said[:5],
        "seconds": round(time.monotonic() - began, 2),
        "mb": mb,
        "faults": faults,
    }


def _most_memory() -> int:
    """Megabytes that this process held at most; `ru_maxrss` would be that of the process that started it, if larger."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
        return int(status.split("VmHWM:")[1].split()[0]) // 1024
    except (OSError, IndexError):  # no Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _faults_of_words(case: dict, code: int | None, said: list[str]) -> list[str]:
    if code is None:
        return []
    if code not in (0, 1, 2):
        return [f"exit code {code}"]
    lines = [line for line in said if line.startswith("microgesture: ")]
    if code == 0 or (code == 1 and case["argv"][:2] == ["data", "check"]):  # which lists what is wrong as its result
        return []
    names = {Path(case["file"]).name, Path(case["file"]).parts[0]}
    if len(lines) != 1:
        return [f"{len(lines)} lines of refusal"]
    return [] if any(name in lines[0] for name in names) else ["the refusal does not name the file"]


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))  # a fault must not take the machine along
    watching = Watch()
    with open(sys.argv[2], "a", encoding="utf-8", buffering=1) as results:
        for each in json.loads(Path(sys.argv[1]).read_text()):
            results.write(json.dumps(run(each, watching), ensure_ascii=False) + "\n")
