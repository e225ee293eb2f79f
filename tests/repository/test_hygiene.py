"""Imports change nothing, every file is used and of a readable size, nothing names our machines."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ml2o_core", "ml2o_theory", "analyses")


def modules() -> dict[str, Path]:
    """Dotted name → file, for everything in the packages."""
    found = {}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = modules()

SNAPSHOT = """
import json, os, random, sys, tempfile, warnings
import cvxpy, cyclopts, flint, matplotlib, numpy, scipy, sympy, torch
import rich.markdown, rich.progress  # rich draws an id from `random` when it is imported

def state():
    backends = torch.backends
    return {
        "dtype": str(torch.get_default_dtype()),
        "device": str(torch.get_default_device()),
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "gradients": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "precision": [backends.cuda.matmul.fp32_precision, backends.cudnn.conv.fp32_precision],
        "random": [
            torch.initial_seed(), hash(bytes(torch.get_rng_state().tolist())),
            hash(str(random.getstate())), hash(str(numpy.random.get_state())),
        ],
        "print": str(numpy.get_printoptions()),
        "bits": flint.ctx.prec,
        "matplotlib": str(sorted(matplotlib.rcParams.items(), key=str)),
        "warnings": [str(entry) for entry in warnings.filters],
        "environment": sorted(os.environ.items()),
        "folder": [os.getcwd(), os.listdir()],
        "excepthook": str(sys.excepthook),
    }

before = state()
for name in sys.argv[1:]:
    __import__(name)
after = state()
print(json.dumps([key for key in before if before[key] != after[key]]))
"""


def changed_by(folder: Path, *names: str) -> list[str]:
    """Which global settings importing the modules changes, in a fresh process in `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", SNAPSHOT, *names],
        cwd=folder,
        env={"PYTHONPATH": f"{ROOT}:{folder}", "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    return json.loads(line)


def test_importing_everything_changes_and_prints_nothing(tmp_path: Path) -> None:
    names = [name for name in MODULES if not name.endswith("__main__")]
    assert len(names) > 60
    assert changed_by(tmp_path, *names) == []


def test_an_import_that_changes_something_would_be_seen(tmp_path: Path) -> None:
    """The negative control."""
    lines = [
        "import os, torch, warnings",
        "torch.set_default_dtype(torch.float64)",
        "torch.manual_seed(1)",
        "warnings.simplefilter('ignore')",
        "os.environ['CHANGED'] = '1'",
    ]
    (tmp_path / "rude.py").write_text("\n".join(lines), encoding="utf-8")
    assert changed_by(tmp_path, "rude") == ["dtype", "random", "warnings", "environment"]


def imports(file: Path) -> Iterator[str]:
    """The dotted names that a file imports, or names in a string as the command line does."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and re.fullmatch(r"\w+:\w+", str(node.value)):
            yield f"analyses.cli.{node.value.partition(':')[0]}"  # "training:train"


def is_found_by_a_registry(file: Path) -> bool:
    """Whether a registry has a class of the file: by its `name`, or as a model `of` a type."""
    return any(
        isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and (
            (node.target.id == "name" and isinstance(node.value, ast.Constant) and node.value.value)
            or (node.target.id == "of" and isinstance(node.value, ast.Name))
        )
        for top in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(top, ast.ClassDef)
        for node in top.body
    )


def test_every_module_is_used_by_the_program() -> None:
    """By another module, by a registry, or as an entry point; tests alone are no use."""
    used = {name for file in MODULES.values() for name in imports(file)}
    used |= set(re.findall(r"-m (analyses\.\w+)", (ROOT / "Makefile").read_text(encoding="utf-8")))
    unused = [
        name
        for name, file in MODULES.items()
        if name not in used
        and file.name not in ("__init__.py", "__main__.py")
        and not is_found_by_a_registry(file)
    ]
    assert unused == []


def test_every_template_is_used() -> None:
    source = "".join(
        file.read_text(encoding="utf-8")
        for file in (ROOT / "analyses/rendering").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    )
    templates = list((ROOT / "analyses/rendering/templates").iterdir())
    assert templates
    for template in templates:
        assert template.name in source


def committed() -> list[Path]:
    """The files of the repository, as far as they are text."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file() and b"\0" not in file.read_bytes()[:4096]]


@pytest.mark.parametrize("folder", [*PACKAGES, "tests"])
def test_no_file_is_longer_than_one_sitting(folder: str) -> None:
    for file in (ROOT / folder).rglob("*.py"):
        lines = len(file.read_text(encoding="utf-8").splitlines())
        assert lines <= 400, f"{file.relative_to(ROOT)} has {lines} lines"


# Written in two halves, so that this file does not name them either.
MACHINES = [
    re.compile(rf"(?<![\w.)/])/{name}/") for name in ("work", "root", "opt", "home", "Users")
]
HOSTS = re.compile("py" r"pi\.org|python" r"hosted|debian\.o" "rg|registry\\.np" "m")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b|NotImplemented" "Error")


@pytest.mark.parametrize("pattern", [*MACHINES, HOSTS, UNFINISHED], ids=lambda p: p.pattern)
def test_nothing_names_our_machines_or_is_left_unfinished(pattern: re.Pattern[str]) -> None:
    files = committed()
    assert len(files) > 100
    found = [
        f"{file.relative_to(ROOT)}: {match.group()}"
        for file in files
        if (match := pattern.search(file.read_text(encoding="utf-8")))
    ]
    assert found == []
