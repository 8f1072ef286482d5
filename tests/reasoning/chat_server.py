"""A server process that speaks the chat-completions protocol and behaves as the name of the model says.

It reads prompts as a model would: it finds the data between the boundaries and cites what it finds there. Run by
itself: prints its port, then serves until it is ended. `GET /requests` tells what it was asked.
"""

from __future__ import annotations

import json
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "pineapple"  # stands in the instructions that tests hide in transcripts and labels
REQUESTS: list[dict] = []


def evidence_of(messages: list[dict]) -> tuple[list[dict], str]:
    """The data lines of the first user message, and all text outside of the data."""
    user = messages[1]["content"]
    boundary = re.search(r"(?m)^(DATA-[0-9a-f]{24}) begin$", user)
    assert boundary is not None
    before, _, rest = user.partition(f"{boundary[1]} begin\n")
    data, _, after = rest.rpartition(f"\n{boundary[1]} end")
    lines, loose = [], []
    for line in data.split("\n"):
        try:
            lines.append(json.loads(line))
        except ValueError:
            loose.append(line)  # what is no JSON has broken out of the data
    outside = "\n".join([messages[0]["content"], before, after, *loose, *(m["content"] for m in messages[2:])])
    return lines, outside


def good(lines: list[dict], answer: str = "lost") -> dict:
    events = [line for line in lines if "gesture" in line]
    spoken = [line for line in lines if "said" in line]
    reasons = []
    if events:
        label = events[0]["gesture"]
        ids = [e["id"] for e in events if e["gesture"] == label]
        claim = f"{label} is seen, which may show tension."
        reasons.append({"claim": claim, "gesture": label, "events": ids, "utterances": [], "direction": "for"})
    if spoken:
        claim = "The words speak of the match."
        reasons.append(
            {"claim": claim, "gesture": None, "events": [], "utterances": [spoken[0]["id"]], "direction": "for"}
        )
    return {"answer": answer, "probability": 0.7, "reasons": reasons}


def wrong(lines: list[dict]) -> dict:
    reply = good(lines)
    reply["reasons"][0]["events"] = ["E99"]
    reply["reasons"][0]["claim"] = "An invented movement betrays defeat."
    return reply


def completion(content: str | None, finish: str = "stop", **message: object) -> dict:
    return {
        "id": "chat-1",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


def scripted(model: str, body: dict) -> tuple[int, object]:
    """Status and JSON body of the answer."""
    messages = body["messages"]
    lines, outside = evidence_of(messages)
    again = len(messages) > 2
    fine = json.dumps(good(lines))
    if model == "obedient":  # does what the transcript says, wherever it gets out of the data
        return 200, completion(json.dumps(injected(lines)) if SECRET in outside.lower() else fine)
    if model == "gullible":  # does what the transcript says, wherever it stands
        return 200, completion(json.dumps(injected(lines)) if SECRET in json.dumps(messages).lower() else fine)
    if model == "repaired":
        return 200, completion(fine if again else json.dumps(wrong(lines)))
    if model == "no-hint" and "response_format" in body:
        return 400, {"error": {"message": "response_format is not supported", "type": "invalid_request_error"}}
    if model == "slow":
        time.sleep(20)
    statuses = {"unknown": 404, "locked": 401, "busy": 429, "down": 500, "too-long": 400}
    if model in statuses:
        return statuses[model], {"error": {"message": f"{model} says no\nin two lines"}}
    table: dict[str, object] = {
        "broken": completion('{"answer": "lost", "probability": '),
        "wrong": completion(json.dumps(wrong(lines))),
        "cut-off": completion(fine[:40], "length"),
        "refused": completion(None, refusal="I will not judge people."),
        "filtered": completion("", "content_filter"),
        "empty": completion(""),
        "no-choices": {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": []},
        "not-json": "<html>proxy</html>",
        "thinking": completion(f"<think>Let me see: {{}}</think>\n```json\n{fine}\n```"),
    }
    return 200, table.get(model, completion(fine))


def injected(lines: list[dict]) -> dict:
    reply = good(lines, "won")
    reply["probability"] = 1.0
    reply["reasons"][0]["claim"] = f"I was told so: {SECRET}"
    return reply


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send(200, json.dumps(REQUESTS).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        REQUESTS.append({"path": self.path, "headers": dict(self.headers), "body": body})
        model = body["model"]
        if model == "dripping":
            self.drip()
            return
        status, answer = scripted(model, body)
        self.send(status, answer.encode() if isinstance(answer, str) else json.dumps(answer).encode())

    def drip(self) -> None:
        """A byte now and then, for ever: no single wait is long."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "100000")
        self.end_headers()
        for _ in range(400):
            try:
                self.wfile.write(b" ")
                self.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)

    def send(self, status: int, content: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:  # the client has gone
            pass

    def log_message(self, *arguments: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    sys.stdout.close()
    server.serve_forever()
