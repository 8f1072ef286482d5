"""The verbs `explain` and `scenarios`. Nothing heavy at import."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from microgesture.commands.arguments import Verbs, arg, batch, found, say, verb
from microgesture.commands.emotion import COLUMN_ARGUMENTS, columns_of
from microgesture.errors import DataError, RecipeError

if TYPE_CHECKING:
    from microgesture.reasoning.backends import Backend, Settings
    from microgesture.reasoning.evidence import Limits
    from microgesture.reasoning.transcript import Utterance
    from microgesture.timeline import Timeline


_BACKEND = "template (needs no model) or openai (any compatible server)"
MODEL = (
    arg("--model", default="", help="the language model, as the server calls it"),
    arg("--base-url", default="", help="the server: http://localhost:11434/v1; default OPENAI_BASE_URL"),
    arg("--api-key-env", default="", metavar="NAME", help="environment variable that holds the key to send"),
    arg("--temperature", type=float, default=0.0, help="of the model; 0: the likeliest reply"),
    arg("--seed", type=int, default=0, help="of the model, where the server takes one"),
    arg("--timeout", type=float, default=60.0, help="seconds that one reply may take in all"),
    arg("--max-tokens", type=int, default=2048, help="the longest reply"),
    arg("--max-events", type=int, default=200, help="how many events the model is shown at most"),
    arg("--emotion", metavar="RUN", help="folder of a trained emotion model, which the template puts into words"),
)
SCENARIO = arg("scenario", help="a scenario's name or .yaml file")


@verb(
    "an emotional state read from a timeline, every claim with its events",
    arg("timeline", nargs="+", help="timelines: .json, .csv, .tsv, .eaf, .vtt, .srt, .TextGrid"),
    arg("--scenario", default="press_conference", help="a name (`microgesture scenarios list`) or a .yaml file"),
    arg("--backend", default="template", help=_BACKEND),
    *MODEL,
    arg(
        "--transcript",
        metavar="FILE",
        help="what was said: .srt, .vtt, .TextGrid, Whisper's .json and .tsv; for several timelines: their folder",
    ),
    arg("--without-gestures", action="store_true", help="show the transcript alone"),
    arg("-o", "--out", help="folder; every timeline gets a folder of its name inside it; default: where it is"),
)
def explain(args: Namespace) -> int:
    """Explain each timeline; exit code 1 when a reply failed its check."""
    from microgesture import formats
    from microgesture.commands.result_places import note_sources
    from microgesture.reasoning.evidence import Conditions
    from microgesture.reasoning.explain import explain as ask
    from microgesture.reasoning.files import RECORD, checked_report, file_sha256, write_explanation
    from microgesture.reasoning.printing import plain, printed
    from microgesture.reasoning.scenario import load_scenario

    scenario = load_scenario(args.scenario)
    conditions = Conditions(not args.without_gestures, bool(args.transcript))
    settings, limits = _settings(args), _limits(args)
    backend = _opened(args.backend, settings)
    sources = found(args.timeline)
    outs = _folders(sources, args.out)
    reader = _emotion(args.emotion)
    failed: list[str] = []

    def one(source: str) -> None:
        timeline = reader(formats.read(source))
        checked_report(outs[source] / "report.html", timeline)
        transcript = _transcript(args.transcript, source, len(sources) > 1)
        answer = ask(timeline, scenario, backend, transcript, conditions, limits, settings, file_sha256(Path(source)))
        if args.out:
            note_sources(outs[source], [source])
        report = write_explanation(answer, timeline, outs[source], Path(source))
        print(f"{plain(source)}: {scenario.title}\n{printed(answer, timeline)}")
        print(f"  kept in {outs[source] / RECORD}; open {report}#h-explanation")
        if not answer.accepted:
            failed.append(source)
            say(f"{source}: no explanation: no reply passed the check")

    code = batch(sources, one, args.debug, "timelines")
    return code or (1 if failed else 0)


@verb("the scenarios of the package")
def list_scenarios(args: Namespace) -> int:
    """List the scenarios of the package."""
    from microgesture.reasoning.scenario import load_scenario, scenario_names

    for name in scenario_names():
        scenario = load_scenario(name)
        print(f"{name:18s} {scenario.title}: {', '.join(scenario.names)}")
    return 0


@verb("print a scenario", SCENARIO)
def show(args: Namespace) -> int:
    """Print a scenario."""
    from microgesture.reasoning.scenario import load_scenario, scenario_names, scenario_text

    if args.scenario in scenario_names():
        print(scenario_text(args.scenario), end="")
    else:
        load_scenario(args.scenario)
        print(Path(args.scenario).read_text("utf-8-sig"), end="")
    return 0


@verb("copy a scenario, to change it", SCENARIO, arg("-o", "--out", required=True, help="the .yaml file to write"))
def copy(args: Namespace) -> int:
    """Copy a scenario, to change it."""
    from microgesture.reasoning.scenario import copy_scenario

    copied = copy_scenario(args.scenario, Path(args.out))
    print(f"{copied} is yours to change: microgesture explain TIMELINE --scenario {copied}")
    return 0


@verb(
    "how good the answers are, over labelled timelines",
    SCENARIO,
    arg("timelines", help="timelines with their outcomes, in any form that `emotion train` reads"),
    arg("-o", "--out", required=True, help="folder for replies.jsonl, results.md and results.json"),
    arg("--part", default="", help="train, val, test or all; default: test where there is one, else all"),
    *COLUMN_ARGUMENTS,
    arg("--backend", nargs="+", default=["template"], help=_BACKEND),
    *MODEL,
    arg("--with-gestures", action="store_true", help="only this condition; both flags or none: both"),
    arg("--without-gestures", action="store_true", help="only this condition"),
    arg("--transcripts", metavar="FOLDER", help="what was said: NAME.srt, .vtt or .TextGrid of each timeline"),
    arg("--limit", type=int, help="at most so many timelines, spread over the outcomes"),
)
def run(args: Namespace) -> int:
    """Put every labelled timeline to the backends, with and without gestures, and write a table. A reply that failed
    its check and the answer 'undecided' count as the uniform distribution. The same command resumes after a stop."""
    from microgesture.emotion.labelled import best_reachable, read_labelled
    from microgesture.progress import track
    from microgesture.reasoning.scenario import load_scenario
    from microgesture.reasoning.scores import print_scores, write_scores
    from microgesture.reasoning.trials import cases_of, run_trials, trial_conditions

    scenario = load_scenario(args.scenario)
    settings, limits = _settings(args), _limits(args)
    conditions = trial_conditions(args.with_gestures, args.without_gestures, bool(args.transcripts))
    if args.limit is not None and args.limit < 1:
        raise RecipeError("--limit must be 1 or more")
    labelled = read_labelled(args.timelines, columns_of(args))
    for remark in labelled.remarks:
        say(remark)
    cases = cases_of(labelled, scenario, args.part, args.transcripts, args.limit)
    reader = _emotion(args.emotion)
    backends = [_opened(name, settings) for name in dict.fromkeys(args.backend)]
    out = Path(args.out)
    try:
        with track(f"asking about {len(cases)} timelines") as progress:
            trials = run_trials(cases, scenario, backends, conditions, out, reader, limits, settings, progress)
    except KeyboardInterrupt:
        print("stopped; the same command resumes where it was", file=sys.stderr)
        return 130
    scores = write_scores(trials, cases, scenario, out, best_reachable(args.timelines))
    print_scores(scores)
    print(f"{out}: replies.jsonl, results.md and results.json")
    return 0


def _settings(args: Namespace) -> Settings:
    from microgesture.reasoning.backends import Settings

    return Settings(
        *(args.model, args.base_url, args.api_key_env),
        *(args.temperature, args.seed, args.timeout, args.max_tokens),
    )


def _limits(args: Namespace) -> Limits:
    from microgesture.reasoning.evidence import Limits

    return Limits(events=args.max_events)


def _opened(name: str, settings: Settings) -> Backend:
    from microgesture.reasoning.backends import open_backend

    backend = open_backend(name, settings)
    if backend.remark:
        say(backend.remark)
    return backend


def _emotion(folder: str | None) -> Callable[[Timeline], Timeline]:
    """A function that gives a timeline the reading of this emotion model; without one, the timeline as it is."""
    if not folder:
        return lambda timeline: timeline
    from dataclasses import replace

    from microgesture.emotion.model import EmotionModel

    model = EmotionModel.load(folder)
    return lambda timeline: replace(timeline, emotion=model.read(timeline))


def _transcript(given: str | None, source: str, several: bool) -> tuple[Utterance, ...]:
    """What was said over this timeline. Raises `DataError` when it cannot be told which transcript is meant."""
    from microgesture.reasoning.transcript import find_transcript, read_transcript

    if not given:
        return ()
    path = Path(given)
    if path.is_dir():
        path = find_transcript(path, _video(source))
    elif several:
        raise DataError(f"{path}: one transcript for several timelines; give the folder of theirs")
    return read_transcript(path)


def _video(source: str) -> str:
    """The name of a timeline's video: of its file, or of the folder of an analysis, `out/interview/timeline.json`."""
    path = Path(os.path.abspath(source))
    return path.parent.name if path.stem == "timeline" else path.stem


def _folders(sources: Sequence[str], out: str | None) -> dict[str, Path]:
    """Where the files of each timeline go. Raises `DataError` when two would share a folder."""
    from microgesture.commands.result_places import result_folders

    if out:
        return result_folders(Path(out), sources)
    outs = {s: Path(s).parent for s in sources}
    seen: dict[Path, str] = {}
    for source, folder in outs.items():
        if folder.resolve() in seen:
            raise DataError(
                f"{seen[folder.resolve()]} and {source} lie in one folder: give -o, for a folder each in it"
            )
        seen[folder.resolve()] = source
    return outs


SCENARIOS = Verbs(
    "list, print, copy or test the situations that `explain` knows",
    {"list": list_scenarios, "show": show, "copy": copy, "run": run},
)
