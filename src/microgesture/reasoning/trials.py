"""Many timelines whose outcome is known, put to backends under several conditions; every reply is kept as it comes.

`replies.jsonl` has one line a reply. The same call goes on where it stopped: what was asked in exactly the same way is
not asked again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microgesture.errors import DataError, UserError
from microgesture.files.atomic import write_text
from microgesture.files.plain_json import parse_json
from microgesture.reasoning.backends import Backend, NoReply, Settings
from microgesture.reasoning.evidence import Conditions, Limits, gather
from microgesture.reasoning.explain import explain
from microgesture.reasoning.prompt import compose, prompt_sha256
from microgesture.reasoning.record import Explanation, plain_text
from microgesture.reasoning.scenario import UNDECIDED, Scenario
from microgesture.reasoning.transcript import Utterance, find_transcript, read_transcript
from microgesture.timeline import Timeline

if TYPE_CHECKING:
    from microgesture.emotion.labelled import LabelledTimelines

REPLIES = "replies.jsonl"


@dataclass(frozen=True)
class Case:
    """One timeline with what really was: `outcome` is one of the scenario's answers."""

    name: str
    timeline: Timeline
    outcome: str
    subject: str
    transcript: tuple[Utterance, ...] = ()


@dataclass(frozen=True)
class Trial:
    """One reply about one case; `explanation` is None where there was nothing to show and nothing was asked."""

    case: str
    backend: str
    model: str
    condition: str
    explanation: Explanation | None


def cases_of(
    labelled: LabelledTimelines,
    scenario: Scenario,
    part: str = "",
    transcripts: str | Path | None = None,
    limit: int | None = None,
) -> list[Case]:
    """Cases of a part, their outcomes as the scenario's answers.

    The part is "train", "val", "test" or "all"; "" is test where there is one, else all. With a `limit` they
    are taken in turn from every outcome. Raises `DataError` in one line: an outcome that no answer covers, no row of
    the part, a transcript that is missing.
    """
    total = len(labelled.timelines)
    splits = [str(s or "").lower() for s in labelled.splits]
    wanted = part.lower() or ("test" if "test" in splits else "all")
    rows = [i for i in range(total) if wanted in ("all", splits[i])]
    if not rows:
        raise DataError(f"no timeline has the split '{part}'" if total else "there are no timelines")
    answers: dict[str, str] = {}
    for i in rows:
        outcome = str(labelled.outcomes[i])
        answer = scenario.answer_of(outcome)
        if answer in (None, UNDECIDED):
            known = "; ".join(", ".join((name, *aliases)) for name, aliases in scenario.answers.items())
            raise DataError(
                f"outcome '{outcome}' is none of the scenario's answers ({known}); copy it and add the name"
            )
        answers[outcome] = str(answer)
    found = [
        Case(
            str(labelled.names[i]), labelled.timelines[i], answers[str(labelled.outcomes[i])], str(labelled.subjects[i])
        )
        for i in rows
    ]
    found = _limited(found, limit)
    if transcripts is None:
        return found
    folder = Path(transcripts)
    return [replace(case, transcript=read_transcript(find_transcript(folder, Path(case.name).stem))) for case in found]


def trial_conditions(with_gestures: bool, without_gestures: bool, transcripts: bool) -> list[Conditions | None]:
    """Conditions to try; both where neither or both are asked for. None: nothing is left to show, so nothing is asked.

    Raises `DataError` when that would be the only one.
    """
    both = with_gestures == without_gestures
    found: list[Conditions | None] = []
    if with_gestures or both:
        found.append(Conditions(True, transcripts))
    if without_gestures or both:
        found.append(Conditions(False, True) if transcripts else None)
    if found == [None]:
        raise DataError("without gestures and without transcripts there is nothing to show: give --transcripts FOLDER")
    return found


def run_trials(
    cases: Sequence[Case],
    scenario: Scenario,
    backends: Sequence[Backend],
    conditions: Sequence[Conditions | None],
    out: Path,
    reader: Callable[[Timeline], Timeline] = lambda timeline: timeline,
    limits: Limits | None = None,
    settings: Settings | None = None,
    progress: Callable[[float, float], None] = lambda done, total: None,
) -> list[Trial]:
    """Ask about every case under every condition, in order; `reader` gives a timeline its emotion reading.

    A reply that runs out of time has failed and counts. A server that is down, refuses the key or fails stops the
    run with `NoReply` (the same call goes on later). Raises `DataError` when `out` holds replies that are no replies.
    """
    path = out / REPLIES
    done = _kept(path)
    trials: list[Trial] = []
    total = len(cases) * len(backends) * len(conditions)
    for backend in backends:
        for condition in conditions:
            for case in cases:
                progress(len(trials), total)
                trials.append(_trial(case, scenario, backend, condition, path, done, reader, limits, settings))
    return trials


def _trial(
    case: Case,
    scenario: Scenario,
    backend: Backend,
    condition: Conditions | None,
    path: Path,
    done: Mapping[str, Explanation],
    reader: Callable[[Timeline], Timeline],
    limits: Limits | None,
    settings: Settings | None,
) -> Trial:
    if condition is None:
        return Trial(case.name, backend.name, backend.model, "nothing", None)
    timeline = reader(case.timeline)
    shown = case.transcript if condition.transcript else ()
    key = _key(case, timeline, scenario, backend, condition, limits, settings)
    found = done.get(key)
    if found is None:
        try:
            found = explain(timeline, scenario, backend, shown, condition, limits, settings)
        except NoReply as error:
            raise NoReply(f"{error} (the same command goes on)") from error
        _append(path, {"key": key, "case": case.name, "outcome": case.outcome, **found.to_json()})
    return Trial(case.name, backend.name, backend.model, str(condition), found)


def _key(
    case: Case,
    timeline: Timeline,
    scenario: Scenario,
    backend: Backend,
    condition: Conditions,
    limits: Limits | None,
    settings: Settings | None,
) -> str:
    """All that a reply depends on, as one text."""
    evidence = gather(timeline, scenario, case.transcript, condition, limits)
    used = settings or Settings()
    asked = [used.temperature, used.seed, used.max_tokens, used.timeout] if backend.language_model else []
    reading = "" if backend.language_model or timeline.emotion is None else repr(timeline.emotion)
    prompt = prompt_sha256(compose(scenario, evidence))
    values = [
        case.name,
        scenario.sha256,
        str(condition),
        backend.name,
        backend.model,
        backend.base_url,
        asked,
        prompt,
        reading,
    ]
    return json.dumps(values, ensure_ascii=True)


def _kept(path: Path) -> dict[str, Explanation]:
    """Replies of an earlier call by their key. A last line that was cut off is taken out of the file."""
    if not path.exists():
        return {}
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    whole, _, torn = text.rpartition("\n")
    found: dict[str, Explanation] = {}
    for number, line in enumerate(whole.splitlines() if whole else [], 1):
        try:
            values: dict[str, Any] = parse_json(line)
            found[values["key"]] = Explanation.from_json(values, f"{path}: line {number}")
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: line {number}: not a kept reply; choose another folder with -o") from error
    if torn:
        write_text(path, whole + "\n" if whole else "")
    return found


def _append(path: Path, values: Mapping[str, Any]) -> None:
    line = json.dumps(plain_text(values), ensure_ascii=True) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error


def _limited(cases: list[Case], limit: int | None) -> list[Case]:
    if limit is None or limit >= len(cases):
        return cases
    turn: dict[str, int] = {}
    ranked = []
    for position, case in enumerate(cases):
        turn[case.outcome] = turn.get(case.outcome, -1) + 1
        ranked.append((turn[case.outcome], position))
    chosen = {position for _, position in sorted(ranked)[:limit]}
    return [case for position, case in enumerate(cases) if position in chosen]
