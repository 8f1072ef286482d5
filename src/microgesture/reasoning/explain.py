"""`explain`: one timeline, one scenario, one backend; ask, check, send back once, keep what happened."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from microgesture import __version__
from microgesture.reasoning.backends import Backend, NoReply, RawReply, Settings, Task
from microgesture.reasoning.checking import check
from microgesture.reasoning.evidence import Conditions, Evidence, Limits, gather
from microgesture.reasoning.prompt import compose, prompt_sha256, repair, reply_schema
from microgesture.reasoning.record import ACCEPTED, FAILED, Attempt, Claim, Explanation
from microgesture.reasoning.reply import NotAReply, Reply, parse_reply
from microgesture.reasoning.scenario import UNDECIDED, Scenario
from microgesture.reasoning.transcript import Utterance
from microgesture.timeline import Timeline

_TRIES = 2
_REFUSED = "content_filter"
_CUT_OFF = "length"


@dataclass(frozen=True)
class _Outcome:
    reply: Reply | None
    attempts: tuple[Attempt, ...]
    problems: tuple[str, ...]


def explain(
    timeline: Timeline,
    scenario: Scenario,
    backend: Backend,
    transcript: Sequence[Utterance] = (),
    conditions: Conditions | None = None,
    limits: Limits | None = None,
    settings: Settings | None = None,
    timeline_sha256: str = "",
) -> Explanation:
    """Put a timeline to a backend and return what came of it, accepted or failed.

    A reply that fails its check is sent back once with what is wrong. A model that declines is not asked again; one
    that runs out of time has failed. `timeline_sha256` is the hash of the timeline's file, for the record. Raises
    `DataError` when the conditions leave nothing to read, `NoReply` when the server cannot be used at all.
    """
    evidence = gather(timeline, scenario, transcript, conditions, limits)
    messages = compose(scenario, evidence)
    outcome = _ask(Task(messages, reply_schema(scenario), scenario, evidence), backend)
    reply = outcome.reply
    model = backend.language_model
    used = settings or Settings()
    cited = {id for reason in reply.reasons for id in reason.utterances} if reply else set()
    return Explanation(
        status=ACCEPTED if reply else FAILED,
        answer=scenario.answer_of(reply.answer) if reply else None,
        probability=reply.probability if reply else None,
        reasons=tuple(_claims(reply)) if reply else (),
        cited=tuple(u for u in evidence.utterances if u.id in cited),
        problems=outcome.problems,
        attempts=outcome.attempts,
        scenario=scenario.name,
        scenario_title=scenario.title,
        question=scenario.question,
        cautions=tuple(scenario.cautions),
        scenario_sha256=scenario.sha256,
        conditions=evidence.conditions,
        timed=evidence.timed,
        events_shown=len(evidence.events),
        utterances_shown=len(evidence.utterances),
        backend=backend.name,
        model=backend.model,
        language_model=model,
        base_url=backend.base_url,
        temperature=used.temperature if model else None,
        seed=used.seed if model else None,
        max_tokens=used.max_tokens if model else None,
        prompt_sha256=prompt_sha256(messages),
        timeline_sha256=timeline_sha256,
        withheld=evidence.withheld,
        left_out=evidence.left_out,
        notes=tuple(_notes(scenario, evidence, backend)),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        tool=f"microgesture {__version__}",
    )


def _ask(task: Task, backend: Backend) -> _Outcome:
    attempts: list[Attempt] = []
    messages = task.messages
    for number in range(_TRIES):
        started = time.monotonic()
        try:
            raw = backend.reply(Task(messages, task.schema, task.scenario, task.evidence))
        except NoReply as error:
            if not attempts and not error.late:
                raise
            nothing = Attempt("", "", "", None, None, time.monotonic() - started, (str(error),))
            return _Outcome(None, (*attempts, nothing), (str(error),))
        reply, problems, final = _judged(raw, task)
        seconds = time.monotonic() - started
        attempts.append(
            Attempt(
                *(raw.text, raw.finish_reason, raw.refusal, raw.prompt_tokens, raw.completion_tokens),
                seconds,
                tuple(problems),
            )
        )
        if reply is not None:
            return _Outcome(reply, tuple(attempts), ())
        if final or number + 1 == _TRIES:
            break
        messages = repair(messages, raw.text, problems)
    return _Outcome(None, tuple(attempts), attempts[-1].problems)


def _judged(raw: RawReply, task: Task) -> tuple[Reply | None, list[str], bool]:
    """The reply if it can be used, what is wrong with it, and whether asking again is no use."""
    if raw.refusal or raw.finish_reason == _REFUSED:
        return None, ["the model declined to answer" if raw.refusal else "the server's filter stopped the reply"], True
    if raw.finish_reason == _CUT_OFF:
        advice = "give fewer reasons in shorter words (or allow more --max-tokens)"
        return None, [f"the reply was cut off before its end: {advice}"], False
    try:
        reply = parse_reply(raw.text)
    except NotAReply as error:
        return None, error.problems, False
    problems = check(reply, task.scenario, task.evidence)
    return (None, problems, False) if problems else (reply, [], False)


def _claims(reply: Reply) -> list[Claim]:
    return [
        Claim(
            *(" ".join(r.claim.split()), r.gesture),
            tuple(dict.fromkeys(r.events)),
            tuple(dict.fromkeys(r.utterances)),
            r.direction,
        )
        for r in reply.reasons
    ]


def _notes(scenario: Scenario, evidence: Evidence, backend: Backend) -> list[str]:
    """What a reader of a template's answer should know."""
    if backend.language_model:
        return []
    reading = evidence.reading
    notes = ["No language model was asked: these sentences are filled in from the timeline."]
    if reading is None:
        notes.append("The timeline has no emotion reading, so there is nothing to decide with (give --emotion RUN).")
    elif reading.label == UNDECIDED:
        notes.append("The gesture model's own reading is undecided.")
    elif scenario.answer_of(reading.label) is None:
        notes.append(f"The gesture model's reading, '{reading.label}', is none of this scenario's answers.")
    if reading is not None:
        notes += [f"The gesture model: {reading.model}."] if reading.model else []
        notes += [reading.caution] if reading.caution else []
    return notes
