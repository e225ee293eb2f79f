"""The command line: `ml2o COMMAND`. Each command is a thin wrapper of a Python call.

One file holds one group of commands, and is imported when one of them is used. Exit codes: 0 fine;
1 a check came out VIOLATED or SOLVER_FAILED, or the doctor found a fault; 2 bad input, said in one
line on stderr, with nothing written.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import NamedTuple

from cyclopts import App, CycloptsError

from analyses.cli.bad_input import one_line, out_of_memory
from ml2o_core.errors import ML2OError

BAD_INPUT = 2
INTERRUPTED = 130


class Command(NamedTuple):
    """Where a command lives, what `ml2o --help` says of it, and an example for its own help."""

    function: str
    summary: str
    example: str


COMMANDS = {
    "report": Command(
        "reporting:report",
        "Run every artefact of a preset and write the report.",
        "ml2o report --preset quick",
    ),
    "run": Command(
        "reporting:run",
        "Run one artefact or several, and write their part of the report.",
        "ml2o run proposition1 --out runs/proposition1",
    ),
    "rebuild": Command(
        "reporting:rebuild",
        "Write the pages of a folder again from its stored results.",
        "ml2o rebuild reports/quick",
    ),
    "list": Command(
        "listing:show",
        "List families, rules, methods, statements, artefacts, presets or profiles.",
        "ml2o list families",
    ),
    "bound": Command(
        "bound:bound",
        "Evaluate a statement's bound at constants of your own.",
        "ml2o bound lemma08 --T 20 --L 4 --M-m1 0.1 --Delta 0.01",
    ),
    "check-statement": Command(
        "checking:check_statement",
        "Hold a statement against an instance of your choice.",
        "ml2o check-statement proposition1 --family quadratic --cols 3 --rows 3 --T 5",
    ),
    "train": Command(
        "training:train",
        "Meta-train an update rule on a task family.",
        "ml2o train --family lasso --distribution uniform-mixture --windows 100 --out runs/a",
    ),
    "adapt": Command(
        "training:adapt",
        "Adapt a trained rule to another task family.",
        "ml2o adapt runs/a --family lasso --distribution normal --sigma 100 --out runs/b",
    ),
    "evaluate": Command(
        "evaluation:evaluate",
        "Score a trained rule on fresh tasks.",
        "ml2o evaluate runs/b --family lasso --distribution normal --sigma 100 --steps 500",
    ),
    "bench": Command(
        "benchmarks:bench",
        "Time a part of the program beside what it replaces.",
        "ml2o bench optima",
    ),
    "doctor": Command(
        "health:doctor",
        "Check the installation: versions, device, determinism, numbers.",
        "ml2o doctor",
    ),
}


def build() -> App:
    """The command-line application; no command's module is imported yet."""
    app = App(
        name="ml2o",
        version=version("ml2o"),
        help="Learned optimizers: which assumptions hold, what bounds say, what is observed.",
        help_format="plaintext",
        help_epilogue="Example: ml2o COMMAND --help",
        suppress_keyboard_interrupt=False,
    )
    for place, (name, (function, summary, example)) in enumerate(COMMANDS.items()):
        app.command(
            f"analyses.cli.{function}",
            name=name,
            help=summary,
            help_epilogue=f"Example: {example}",
            sort_key=place,
        )
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line on `argv` (default: the process's) and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if argv is None and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    try:
        code = build()(
            arguments,
            exit_on_error=False,
            print_error=False,
            verbose=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        return _refuse(one_line(error, tuple(COMMANDS)))
    except ML2OError as error:
        return _refuse(str(error))
    except BrokenPipeError:
        # The reader of our output (`ml2o list … | head`) has gone: nobody is left to tell. Python
        # would complain when it flushes stdout at exit, so stdout leads nowhere from here on.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return _refuse("memory: there is not enough for these sizes; allowed: smaller ones")
    except OSError as error:
        if error.filename is None:
            raise
        return _refuse(f"path: got {str(error.filename)!r}; {error.strerror}")
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0 if code is None else code


def _leave(signum: int, frame: object) -> None:
    """Ctrl-C ends the process at once; every file is written atomically, so nothing is half-made.

    A KeyboardInterrupt would do worse: raised inside an import, which is where the first seconds
    go, it is swallowed there or leaves a module half-loaded.
    """
    if sys.stderr.isatty():
        print("\x1b[?25h", file=sys.stderr)  # a progress bar hides the cursor
    os._exit(INTERRUPTED)


def _refuse(message: str) -> int:
    print(f"ml2o: {message}", file=sys.stderr)
    return BAD_INPUT
