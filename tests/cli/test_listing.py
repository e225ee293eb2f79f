"""`ml2o list`: everything in the registries, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from analyses.artefact import Artefact
from analyses.catalogue import Kind, catalogue
from analyses.settings import Preset, Profile
from ml2o_core.meta.base import MetaGradient
from ml2o_core.methods import METHODS
from ml2o_core.optimizers import UpdateRule
from ml2o_core.tasks import TaskFamily
from ml2o_theory.registry import assumptions, risk_statements, statements

from .conftest import Program


def test_it_is_what_the_registries_hold() -> None:
    expected = {
        "families": TaskFamily.registry(),
        "rules": UpdateRule.registry(),
        "methods": METHODS,
        "meta-gradients": MetaGradient.registry(),
        "statements": {**assumptions(), **statements()},
        "artefacts": Artefact.registry(),
        "presets": list(Preset),
        "profiles": list(Profile),
    }
    assert set(expected) == set(get_args(Kind))
    for kind, names in expected.items():
        assert [entry.name for entry in catalogue(kind)] == list(names)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_entry_has_one_line_and_the_json_says_the_same(ml2o: Program, kind: str) -> None:
    entries = json.loads(ml2o(f"list {kind} --json").out)
    lines = ml2o(f"list {kind}").out.splitlines()
    assert entries
    for entry in entries:
        assert entry["summary"]
        assert any(line.split()[0] == entry["name"] for line in lines)
        assert any(entry["summary"] in line for line in lines)


def test_a_family_shows_its_distributions_and_their_options(ml2o: Program) -> None:
    assert "--distribution normal [--sigma …]" in ml2o("list families").out
    (lasso,) = [e for e in json.loads(ml2o("list families --json").out) if e["name"] == "lasso"]
    assert lasso["details"]["distributions"]["normal"] == ["sigma"]
    assert lasso["details"]["options"]["weight"]["default"] == 0.005


def test_a_profile_says_what_it_resolves_to(ml2o: Program) -> None:
    lines = ml2o("list profiles").out.splitlines()
    assert any("meta.meta_gradient = " in line and "next-window" in line for line in lines)
    assert sum("plain.windows = 10000" in line for line in lines) == 1
    found = {e["name"]: e for e in json.loads(ml2o("list profiles --json").out)}
    assert found["released"]["details"]["resolved"]["adaptation_windows"] == 50


def test_a_family_of_the_users_own_is_listed_with_its_file(ml2o: Program) -> None:
    code = (
        "from ml2o_core.tasks.lasso import Lasso\nclass Mine(Lasso):\n    'Mine.'\n    name = 'own'"
    )
    Path("own.py").write_text(code, encoding="utf-8")
    assert "own" not in {line.split()[0] for line in ml2o("list families").out.splitlines()}
    answer = ml2o("list families --plugin own.py")
    assert answer.code == 0
    assert "own" in {line.split()[0] for line in answer.out.splitlines()}


def test_the_statements_about_risks_are_listed_with_their_files_and_tests(ml2o: Program) -> None:
    entries = {e["name"]: e for e in json.loads(ml2o("list statements --json").out)}
    assert len(risk_statements()) >= 10
    root = Path(__file__).parents[2]
    for name, member in risk_statements().items():
        details = entries[name]["details"]
        assert (details["file"], details["test"]) == (member.file, member.test)
        assert (root / details["file"]).is_file()
        assert (root / details["test"]).is_file()
