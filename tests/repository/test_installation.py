"""The lock files, the Makefile and the wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins(file: str) -> dict[str, str]:
    """Package → version of a lock file, each line of which is `name==version` or a comment."""
    found: dict[str, str] = {}
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        match = re.fullmatch(r"([\w.-]+)==([\w.]+)", line)
        assert match, f"{file}: {line!r} pins nothing"
        name = canonicalize_name(match[1])
        assert name not in found, f"{file}: {name} twice"
        found[name] = match[2]
    return found


LOCK, CUDA = pins("requirements.lock"), pins("requirements-cuda.lock")


def asked_for() -> list[Requirement]:
    """What pyproject.toml names: to run, to develop, and to build."""
    named = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["dev"],
        *PROJECT["build-system"]["requires"],
    ]
    return [Requirement(text) for text in named]


@pytest.mark.parametrize("requirement", asked_for(), ids=str)
def test_the_lock_admits_what_the_project_asks_for(requirement: Requirement) -> None:
    version = LOCK[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version)


def closure() -> Iterator[str]:
    """Every package that is needed, directly or not, on this machine."""
    todo, seen = [(requirement.name, requirement.extras) for requirement in asked_for()], set()
    while todo:
        name, extras = todo.pop()
        if (name, frozenset(extras)) in seen:
            continue
        seen.add((name, frozenset(extras)))
        yield canonicalize_name(name)
        try:
            needed = [Requirement(text) for text in requires(name) or []]
        except PackageNotFoundError:
            pytest.fail(f"{name} is needed and not installed")
        for requirement in needed:
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in ("", *extras)):
                todo.append((requirement.name, requirement.extras))


def test_the_locks_pin_everything_that_is_needed() -> None:
    needed = set(closure())
    assert len(needed) > 50
    assert needed <= LOCK.keys() | CUDA.keys()
    assert not LOCK.keys() & CUDA.keys()


def test_torch_is_pinned_without_a_build() -> None:
    """`==2.13.0` admits +cpu and +cu130; a local version would admit itself alone."""
    assert LOCK["torch"] == "2.13.0"
    assert Requirement("torch==2.13.0").specifier.contains("2.13.0+cpu")


FAKE_PYTHON = """#!/bin/sh
# Stands in for Python: makes a .venv whose own Python does nothing, or fails at pip if told so.
[ "$1" = -m ] && [ "$2" = venv ] || exit 0
mkdir -p "$3/bin"
printf '#!/bin/sh\\necho "$@" >> calls\\ncase "$*" in *"%s"*) exit 1;; esac\\n' "$FAIL" \\
  > "$3/bin/python"
chmod +x "$3/bin/python"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that `make install` needs, and a stand-in for Python."""
    for name in ("Makefile", "requirements.lock", "requirements-cuda.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    fake = tmp_path / "fake-python"
    fake.write_text(FAKE_PYTHON, encoding="utf-8")
    fake.chmod(0o755)
    return tmp_path


def make(checkout: Path, *arguments: str, fail: str = "nothing") -> tuple[int, str]:
    """Exit code of make and what it said, with pip failing where its command says `fail`."""
    done = subprocess.run(
        ["make", "PYTHON=./fake-python", *arguments],
        cwd=checkout,
        env=os.environ | {"FAIL": fail, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def calls(checkout: Path) -> int:
    """How often pip was called."""
    return len((checkout / "calls").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("step", ["-r requirements.lock", "--no-deps -e ."])
def test_a_failed_installation_is_repeated_and_a_whole_one_is_not(
    checkout: Path, step: str
) -> None:
    assert make(checkout, "install", fail=step)[0] != 0
    assert not (checkout / ".venv/.installed").exists()
    assert make(checkout, "install")[0] == 0
    done = calls(checkout)
    assert make(checkout, "install")[0] == 0
    assert calls(checkout) == done


def test_a_failed_update_leaves_no_valid_installation(checkout: Path) -> None:
    """The old stamp is gone before anything is changed."""
    make(checkout, "install")
    later = (checkout / ".venv/.installed").stat().st_mtime + 10
    os.utime(checkout / "requirements.lock", (later, later))
    assert make(checkout, "install", fail="-r requirements.lock")[0] != 0
    assert not (checkout / ".venv/.installed").exists()


def test_pip_gets_the_locks_and_the_users_options(checkout: Path) -> None:
    make(checkout, "install", "PIP_FLAGS=--extra-index-url somewhere", "CONSTRAINTS=/dev/null")
    first, second = (checkout / "calls").read_text(encoding="utf-8").splitlines()
    assert "--extra-index-url somewhere -r requirements.lock -c /dev/null" in first
    assert "--no-build-isolation --no-deps -e ." in second


def test_an_old_or_missing_python_is_one_clear_line(checkout: Path) -> None:
    (checkout / "fake-python").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    code, said = make(checkout, "install")
    assert code != 0
    assert "make: PYTHON=./fake-python is missing or older than 3.11" in said
    assert not (checkout / ".venv").exists()


def test_ci_runs_the_tests_and_the_checks() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert {"set -euo pipefail", "export CI=true", "make lint", "make test"} <= set(lines)


def test_the_wheel_has_everything(tmp_path: Path) -> None:
    for folder in ("ml2o_core", "ml2o_theory", "analyses"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pyc*"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(tmp_path)],
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    source = {
        str(file.relative_to(ROOT))
        for folder in ("ml2o_core", "ml2o_theory", "analyses")
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert source <= packed
    assert "ml2o-0.1.0.dist-info/licenses/LICENSE" in packed
