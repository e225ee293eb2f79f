"""CONTRIBUTING's examples: each is one file, dropped into a copy of the repository, and works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SKIP = shutil.ignore_patterns("__pycache__", "*.egg-info")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages and the tests of the repository, and the examples at the paths they name."""
    copy = tmp_path_factory.mktemp("repository")
    for folder in ("ml2o_core", "ml2o_theory", "analyses", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=SKIP)
    shutil.copy(ROOT / "pyproject.toml", copy)
    blocks = BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert len(blocks) == 5
    for path, code in blocks:
        assert not (copy / path).exists(), f"{path} exists: the example is not an addition"
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text(code, encoding="utf-8")
    return copy


def run(copy: Path, *arguments: str) -> str:
    """The output of a Python command in the copy, which must succeed."""
    environment = os.environ | {"PYTHONPATH": str(copy), "HYPOTHESIS_PROFILE": "ci"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_contract_tests_pass_on_them(copy: Path) -> None:
    files = [
        "tests/core/tasks/test_task_contract.py",
        "tests/core/optimizers/test_contract.py",
        "tests/theory/test_registry.py",
        "tests/theory/statements/test_final_gap.py",
    ]
    names = "logistic or soft-sign or final_gap"
    output = run(copy, "-m", "pytest", "-vv", "-p", "no:cacheprovider", "-k", names, *files)
    for name in names.split(" or "):
        assert f"{name}]" in output or f"{name}.py" in output, output


def test_the_command_line_finds_them(copy: Path) -> None:
    members = {
        "families": "logistic",
        "rules": "soft-sign",
        "statements": "final_gap",
        "artefacts": "descent",
    }
    program = f"from analyses.cli import main\nfor kind in {list(members)}: main(['list', kind])"
    listed = run(copy, "-c", program)
    for name in members.values():
        assert re.search(rf"^{name} ", listed, re.MULTILINE), listed


def test_the_analysis_runs_alone(copy: Path) -> None:
    run(copy, "-m", "analyses.descent", "--out", "out")
    assert "Ten steps of gradient descent" in (copy / "out/index.html").read_text(encoding="utf-8")


def test_they_are_in_the_house_style(copy: Path) -> None:
    files = re.findall(
        r"^# (\S+\.py)$", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE
    )
    run(copy, "-m", "ruff", "check", *files)
    run(copy, "-m", "ruff", "format", "--check", *files)
