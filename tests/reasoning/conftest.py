import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from gesture_events import event

from microgesture.timeline import Alternative, Driver, EmotionReading, GestureEvent, Media, Timeline


@dataclass(frozen=True)
class ChatServer:
    """A running `chat_server.py`."""

    url: str

    def requests(self) -> list[dict]:
        with urllib.request.urlopen(f"{self.url}/requests") as reply:
            return json.load(reply)


@pytest.fixture(scope="session")
def chat_server() -> Iterator[ChatServer]:
    program = Path(__file__).with_name("chat_server.py")
    process = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield ChatServer(f"http://127.0.0.1:{int(process.stdout.readline())}/v1")
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def timeline() -> Timeline:
    """E1 jaw, E2 folding, E3 jaw, E4 neck (unsure, close to rubbing eyes); 0:02, 0:10, 0:20, 1:15.3."""
    near = (Alternative("Rubbing eyes", 0.3), Alternative("Touching ears", 0.1))
    unsure = GestureEvent(75.3, 77.3, "Touching or scratching neck", None, 0.4, "body-hand", "P1", near)
    events = (
        event(2.0, "Touching jaw", region="head-hand"),
        event(10.0, "Folding arms", region="upper limb"),
        event(20.0, "Touching jaw", region="head-hand"),
        unsure,
    )
    labels = ("Touching jaw", "Folding arms", "Touching or scratching neck", "Rubbing eyes", "Touching ears")
    return Timeline(events, Media("anna_smith.mp4", 90.0), "imigue", labels, provenance={"model": "made"})


@pytest.fixture
def reading() -> EmotionReading:
    drivers = (Driver(1, "Folding arms", 0.9), Driver(0, "Touching jaw", -0.4), Driver(2, "Touching jaw", -0.2))
    return EmotionReading("negative", {"positive": 0.3, "negative": 0.7}, (0.55, 0.8), drivers, "a model", "Careful.")
