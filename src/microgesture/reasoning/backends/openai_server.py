"""Any server that speaks the chat-completions protocol of OpenAI: Ollama, vLLM, `transformers serve`, the official one.

Nothing is sent but the messages. A key is sent only when its variable is named, or to the official address. On this
computer no proxy is used and no redirection followed, so that what is meant to stay here does.
"""

from __future__ import annotations

import ipaddress
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from microgesture.errors import RecipeError
from microgesture.libraries.extras import import_extra
from microgesture.reasoning.backends import NoReply, RawReply, Settings, Task, register_backend

OFFICIAL = "api.openai.com"
_KEY = "OPENAI_API_KEY"


class ChatServer:
    """One model of one server. After the server has rejected the hint of a reply's form, it is not sent again."""

    name = "openai"
    language_model = True

    def __init__(self, settings: Settings) -> None:
        self._openai: Any = import_extra("openai", "the backend 'openai'", "llm")
        self._settings = settings
        address = settings.base_url or os.environ.get("OPENAI_BASE_URL", "")
        if not address:
            raise RecipeError("no server: give --base-url http://localhost:PORT/v1, or set OPENAI_BASE_URL")
        self._address, self._host = _checked(address)
        if not settings.model:
            raise RecipeError("no model: give --model NAME, as the server calls it")
        self.model = settings.model
        self.base_url = without_credentials(self._address)
        self._local = is_this_computer(self._host)
        self.remark = (
            "" if self._local else f"what is shown to the model leaves this computer: it is sent to {self._host}"
        )
        self._key = self._chosen_key()
        self._hint = True

    def reply(self, task: Task) -> RawReply:
        """Ask once, and once more without the hint of the form when the server rejects it."""
        deadline = time.monotonic() + self._settings.timeout
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [dict(message) for message in task.messages],
            "temperature": self._settings.temperature,
            "seed": self._settings.seed,
            "max_completion_tokens" if self._host == OFFICIAL else "max_tokens": self._settings.max_tokens,
        }
        if self._hint:
            hint = {"name": "explanation", "strict": True, "schema": dict(task.schema)}
            try:
                return self._ask({**body, "response_format": {"type": "json_schema", "json_schema": hint}}, deadline)
            except (self._openai.BadRequestError, self._openai.UnprocessableEntityError):
                self._hint = False
        try:
            return self._ask(body, deadline)
        except (self._openai.BadRequestError, self._openai.UnprocessableEntityError) as error:
            raise NoReply(f"{self.base_url}: refused the request ({_said(error)})") from error

    def _ask(self, body: Mapping[str, Any], deadline: float) -> RawReply:
        """One request that is over at the deadline, however the server spends the time."""
        openai = self._openai
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._late()
        omit = openai.Omit()
        headers: dict[str, Any] = {} if self._key else {"Authorization": omit}
        named = os.environ.get("OPENAI_CUSTOM_HEADERS", "").splitlines()
        unasked = ["OpenAI-Organization", "OpenAI-Project", *(line.partition(":")[0].strip() for line in named)]
        if self._host != OFFICIAL:
            headers |= {name: omit for name in unasked if name}
        transport = openai.DefaultHttpxClient(trust_env=not self._local, follow_redirects=False, timeout=left)
        client = openai.OpenAI(
            api_key=self._key or "none", base_url=self._address, max_retries=0, timeout=left, http_client=transport
        )
        try:
            found = _within(lambda: client.chat.completions.create(**body, extra_headers=headers), left)
        except TimeoutError:
            raise self._late() from None
        except openai.OpenAIError as error:
            if isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError):
                raise
            raise self._no_reply(error) from error
        except (ValueError, TypeError, AttributeError) as error:
            raise NoReply(f"{self.base_url}: its reply is not of the chat-completions protocol ({error})") from error
        finally:
            with suppress(Exception):  # a reply that still drips in has no reader any more
                client.close()
        return self._read(found)

    def _read(self, found: Any) -> RawReply:
        try:
            choice = found.choices[0]
            message, usage = choice.message, found.usage
            text = message.content if isinstance(message.content, str) else ""
            refusal = getattr(message, "refusal", None) or ""
            finish = str(choice.finish_reason or "")
            tokens = (getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None))
        except (AttributeError, IndexError, TypeError):
            raise NoReply(f"{self.base_url}: its reply is not of the chat-completions protocol (no message)") from None
        prompt, completion = (t if isinstance(t, int) else None for t in tokens)
        return RawReply(text, finish, prompt, completion, str(refusal))

    def _late(self) -> NoReply:
        return NoReply(f"{self.base_url}: no whole reply within {self._settings.timeout:g} s (--timeout)", late=True)

    def _no_reply(self, error: Exception) -> NoReply:
        """Each way to fail as one line in the user's words."""
        openai, at = self._openai, self.base_url
        if isinstance(error, openai.APITimeoutError):
            connecting = "Connect" in type(error.__cause__).__name__
            return NoReply(f"{at}: cannot be reached in time; is it running?") if connecting else self._late()
        if isinstance(error, openai.APIConnectionError):
            refused = "Connect" in type(error.__cause__).__name__
            why = "nothing answers there; is the server running?" if refused else "the connection broke off"
            return NoReply(f"{at}: {why}")
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            advice = "the key is not accepted" if self._key else "it wants a key: name its variable with --api-key-env"
            return NoReply(f"{at}: {advice} ({_said(error)})")
        if isinstance(error, openai.NotFoundError):
            return NoReply(f"{at}: no model '{self.model}' there, or no such address ({_said(error)})")
        if isinstance(error, openai.RateLimitError):
            return NoReply(f"{at}: too many requests or no credit left; wait and try again ({_said(error)})")
        if isinstance(error, openai.APIStatusError):
            redirected = 300 <= error.status_code < 400
            what = "points to another address; give that one" if redirected else "the server failed"
            return NoReply(f"{at}: {what} ({_said(error)})")
        return NoReply(f"{at}: its reply is not of the chat-completions protocol ({_short(str(error))})")

    def _chosen_key(self) -> str:
        name = self._settings.api_key_env
        if name:
            key = os.environ.get(name, "")
            if not key:
                raise RecipeError(f"--api-key-env {name}: there is no such variable, or it is empty")
            return key
        if self._host == OFFICIAL:
            key = os.environ.get(_KEY, "")
            if not key:
                raise RecipeError(f"{OFFICIAL} wants a key: set {_KEY}, or name another variable with --api-key-env")
            return key
        return ""


@register_backend("openai")
def open(settings: Settings) -> ChatServer:
    """The server of the settings. Raises `RecipeError` when they do not name one, `MissingExtra` without the client."""
    return ChatServer(settings)


def without_credentials(address: str) -> str:
    """An address without user, password and query."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def is_this_computer(host: str) -> bool:
    """Whether what is sent to this host stays on this computer."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _checked(address: str) -> tuple[str, str]:
    """The address and its host. Raises `RecipeError` when it is none."""
    try:
        parts = urlsplit(address)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        shown = address.rpartition("@")[2]
        raise RecipeError(f"--base-url '{shown}' is not an address like http://localhost:8000/v1")
    return address, host


def _within(call: Callable[[], Any], seconds: float) -> Any:
    """The call's result, from a thread of its own that is left behind when the time is over."""
    done: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue()

    def run() -> None:
        try:
            done.put((call(), None))
        except BaseException as error:
            done.put((None, error))

    threading.Thread(target=run, name="chat-request", daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result


def _said(error: Any) -> str:
    """Status and the server's own words, short."""
    body = getattr(error, "body", None)
    message = body.get("message") or body.get("detail") if isinstance(body, Mapping) else body
    return _short(f"{getattr(error, 'status_code', '')} {message if isinstance(message, str) else ''}".strip())


def _short(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= 200 else line[:199] + "…"
