"""The command line: verbs, each a thin call of one public function.

Nothing heavy is imported until a verb runs. Exit codes: 0 done; 1 some files of a batch failed, the others
are done; 2 the input cannot be used (one line says what and where); 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress

from microgesture.commands import data, emotion, reasoning, recipes, study, synthetic, testing, training, video
from microgesture.commands.arguments import Verb, Verbs, say
from microgesture.commands.streams import forget_reader, open_streams
from microgesture.errors import UserError

VERBS: dict[str, Verb | Verbs] = {
    "analyze": video.analyze,
    "recognize": video.recognize,
    "pose": video.pose,
    "anonymize": video.anonymize,
    "data": data.DATA,
    "train": training.train,
    "evaluate": testing.evaluate,
    "benchmark": training.benchmark,
    "study": study.STUDY,
    "fuse": testing.fuse,
    "submit": testing.submit,
    "explain": reasoning.explain,
    "scenarios": reasoning.SCENARIOS,
    "recipes": recipes.recipes,
    "synthesize": synthetic.synthesize,
    "import-checkpoint": training.import_checkpoint,
    "demo": synthetic.demo,
    "emotion": emotion.EMOTION,
}
_ALL = Verbs("Find micro-gestures in video, name them with time and confidence, and read emotion from them.", VERBS)
_EPILOG = (
    "`microgesture VERB --help` explains a verb. --debug shows the traceback of an error, "
    "--plugin FILE.py adds what the file registers (models, formats, estimators, ...)."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in argv
    open_streams()
    for stream in (sys.stdout, sys.stderr):  # file names that are not valid text, consoles with few characters
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        argv = _load_plugins([a for a in argv if a != "--debug"]) or ["--help"]
        code = _ALL("microgesture", argv, debug, epilog=_EPILOG)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        resumes = argv[0] in ("analyze", "pose", "data")
        print("stopped; the same command resumes where it was" if resumes else "stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `| head` has read enough; what is left in the buffer has no reader
        forget_reader(sys.stdout)
        return 0
    except (UserError, OSError) as error:
        if debug:
            raise
        say(error)
        return 2


def _load_plugins(argv: list[str]) -> list[str]:
    """The command without its `--plugin FILE` flags, whose files register what they hold."""
    rest, plugins = [], []
    words = iter(argv)
    for word in words:
        if word == "--plugin":
            plugins.append(next(words, ""))
        elif word.startswith("--plugin="):
            plugins.append(word.partition("=")[2])
        else:
            rest.append(word)
    if plugins:
        from microgesture.registry import add_plugin, load_plugins

        for file in plugins:
            add_plugin(file)
        load_plugins()
    return rest
