"""The command line in this process, in an empty folder, with small runs."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from analyses.cli import main
from analyses.cli.user_code import PREFIX

SMALL = "--windows 2 --unroll-steps 3 --batch-size 4"


@dataclass(frozen=True)
class Answer:
    """Exit code and what was printed."""

    code: int
    out: str
    err: str


class Program:
    """`ml2o`, started in `folder`."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capture = folder, capture

    def __call__(self, line: str) -> Answer:
        self._capture.readouterr()
        code = main(line.split())
        printed = self._capture.readouterr()
        return Answer(code, printed.out, printed.err)

    def files(self) -> list[str]:
        """Everything below the folder."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))


@pytest.fixture
def ml2o(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Program]:
    monkeypatch.chdir(tmp_path)
    yield Program(tmp_path, capsys)
    # A family of a test's own file would stay in the registry, for every test that comes after.
    if own := [name for name in sys.modules if name.startswith(PREFIX)]:
        for name in own:
            del sys.modules[name]
        gc.collect()
