"""The program as a whole: help, version, exit codes, and what it imports."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from importlib.metadata import entry_points, version
from pathlib import Path

import cyclopts
import pytest

import analyses.cli
from analyses.cli import COMMANDS, main
from analyses.cli.bad_input import one_line

from .conftest import Program


def test_the_console_script_is_main() -> None:
    (script,) = entry_points(group="console_scripts", name="ml2o")
    assert script.load() is main


def test_version(ml2o: Program) -> None:
    assert ml2o("--version").out.strip() == version("ml2o")


@pytest.mark.parametrize("line", ["", "--help", "-h"])
def test_help_names_every_command(ml2o: Program, line: str) -> None:
    answer = ml2o(line)
    assert answer.code == 0
    for name, command in COMMANDS.items():
        assert f" {name} " in answer.out
        assert command.summary.split()[0] in answer.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(ml2o: Program, name: str) -> None:
    answer = ml2o(f"{name} --help")
    assert answer.code == 0
    assert f"Usage: ml2o {name}" in answer.out
    assert f"Example: ml2o {name}" in answer.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_can_be_parsed(name: str) -> None:
    words = COMMANDS[name].example.split()
    assert words[0] == "ml2o"
    command, _, _ = analyses.cli.build().parse_args(
        words[1:], exit_on_error=False, print_error=False
    )
    assert command.__module__ == f"analyses.cli.{COMMANDS[name].function.partition(':')[0]}"


def test_help_needs_neither_torch_nor_any_command() -> None:
    program = (
        "import sys; from analyses.cli import main; main(['--help']); "
        "print([m for m in sys.modules if m in ('torch', 'cvxpy', 'analyses.cli.training')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.splitlines()[-1] == b"[]"


def test_an_interruption_is_not_a_traceback(ml2o: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(kind: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("analyses.cli.listing.catalogue", interrupt)
    assert ml2o("list families").code == 130


FLOOD = """
import sys
import time
import analyses.cli.listing
from analyses.catalogue import Entry
from analyses.cli import main
analyses.cli.listing.catalogue = lambda kind: [Entry("x" * 100, "y" * 100)] * 10_000
sys.exit(main(["list", "rules"]))
"""


def test_a_reader_that_leaves_early_is_not_a_traceback() -> None:
    """`ml2o list … | head -1`: the pipe breaks while the program still writes."""
    with subprocess.Popen(
        [sys.executable, "-c", FLOOD], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        error = process.stderr.read()
    assert (process.returncode, error) == (0, b"")


def test_a_file_that_cannot_be_written_is_named(
    ml2o: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(kind: str) -> None:
        raise PermissionError(13, "Permission denied", "some/file")

    monkeypatch.setattr("analyses.cli.listing.catalogue", fail)
    answer = ml2o("list families")
    assert (answer.code, answer.err) == (2, "ml2o: path: got 'some/file'; Permission denied\n")


def test_a_defect_of_the_program_is_not_hidden(
    ml2o: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(kind: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("analyses.cli.listing.catalogue", fail)
    with pytest.raises(ZeroDivisionError):
        ml2o("list families")


def test_any_other_complaint_of_the_parser_becomes_one_line() -> None:
    error = cyclopts.CycloptsError(msg="two\nlines")
    assert one_line(error, ()) == "two lines"


@pytest.mark.parametrize("seconds", [3.0, 10.0])
def test_ctrl_c_ends_a_process_in_silence_at_any_moment(tmp_path: Path, seconds: float) -> None:
    """While torch is imported, and while it computes."""
    # A process started in the background may have been told to ignore SIGINT.
    heed = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program = heed + "from analyses.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program]
    options = ["train", "--windows", "1000000", "--out", str(tmp_path / "out")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command + options, **pipes) as process:
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (130, b"", b"")
    assert not (tmp_path / "out").exists()
