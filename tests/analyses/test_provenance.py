"""Provenance is complete and names no user, host or path."""

from __future__ import annotations

import getpass
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from analyses import provenance
from analyses.settings import RunSettings


@pytest.fixture
def collected() -> provenance.Provenance:
    settings = RunSettings(seed=7)
    return provenance.collect(settings, torch.device("cpu"), datetime(2026, 1, 2, tzinfo=UTC))


def test_it_holds_what_a_rerun_needs(collected: provenance.Provenance) -> None:
    assert collected.packages["torch"] == torch.__version__
    assert {"cvxpy", "matplotlib", "numpy"} <= set(collected.packages)
    assert collected.settings.seed == 7
    assert collected.started == "2026-01-02T00:00:00+00:00"
    assert collected.machine.torch_threads == torch.get_num_threads()
    assert collected.source.program


def test_it_survives_json(collected: provenance.Provenance) -> None:
    stored = json.loads(collected.model_dump_json())
    assert provenance.Provenance.parse(stored) == collected


def test_it_leaks_no_name_and_no_path(
    collected: provenance.Provenance, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = collected.model_dump_json()
    root = Path(provenance.__file__).resolve().parent.parent
    for private in {str(root), str(Path.home()), os.getcwd(), socket.gethostname()}:
        if len(private) > 3:
            assert private not in text
    monkeypatch.setenv("LOGNAME", "somebody-unlikely")
    assert getpass.getuser() == "somebody-unlikely"
    again = provenance.collect(RunSettings(), torch.device("cpu"), datetime.now(UTC))
    assert "somebody-unlikely" not in again.model_dump_json()


def test_in_its_own_checkout_the_commit_is_known() -> None:
    source = provenance.source_version()
    if (Path(provenance.__file__).resolve().parent.parent / ".git").exists():
        assert source.commit is not None
        assert len(source.commit) == 40
        assert source.modified in {True, False}
    else:
        assert (source.commit, source.modified) == (None, None)


def test_inside_another_projects_checkout_there_is_no_commit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def foreign(folder: Path, *arguments: str) -> str:
        return str(tmp_path) if "--show-toplevel" in arguments else "0" * 40

    monkeypatch.setattr(provenance, "_git", foreign)
    assert provenance.source_version().commit is None


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    source = provenance.source_version()
    assert (source.commit, source.modified) == (None, None)
