"""Imports go one way, and two heavy libraries have one home each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FORBIDDEN = {
    "ml2o_core": {"ml2o_theory", "analyses", "tests"},
    "ml2o_theory": {"analyses", "tests"},
    "analyses": {"tests"},
}
"""Package → what it must not import: analyses → ml2o_theory → ml2o_core."""

HOMES = {"cvxpy": "ml2o_theory/convex", "matplotlib": "analyses/rendering"}
"""Library → the only folder that may import it."""


def imported(source: str) -> Iterator[str]:
    """The dotted names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (
                a.value
                for a in node.args
                if isinstance(a, ast.Constant) and isinstance(a.value, str)
            )


def problems(path: str, source: str) -> list[str]:
    """What a module at `path` (relative to the root) imports against the rules."""
    package = path.split("/", maxsplit=1)[0]
    found = []
    for name in imported(source):
        top = name.split(".")[0]
        if top in FORBIDDEN[package]:
            found.append(f"{path} imports {name}")
        if top in HOMES and not path.startswith(HOMES[top] + "/"):
            found.append(f"{path} imports {name}, which belongs under {HOMES[top]}")
    return found


def test_the_packages_keep_to_the_rules() -> None:
    files = [file for package in FORBIDDEN for file in sorted((ROOT / package).rglob("*.py"))]
    assert len(files) > 30
    found = [
        problem
        for file in files
        for problem in problems(file.relative_to(ROOT).as_posix(), file.read_text("utf-8"))
    ]
    assert found == []


def test_no_module_uses_relative_imports() -> None:
    for package in FORBIDDEN:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                assert not (isinstance(node, ast.ImportFrom) and node.level), file


@pytest.mark.parametrize(
    ("path", "source", "count"),
    [
        ("ml2o_core/x.py", "import analyses.runner", 1),
        ("ml2o_core/tasks/x.py", "def f():\n    from ml2o_theory import constants", 1),
        ("ml2o_core/x.py", "import importlib\nimportlib.import_module('ml2o_theory.convex')", 1),
        ("ml2o_theory/x.py", "from analyses.settings import RunSettings", 1),
        ("ml2o_theory/optima/x.py", "import cvxpy as cp", 1),
        ("ml2o_theory/convex/x.py", "import cvxpy as cp\nimport ml2o_core.tasks", 0),
        ("ml2o_theory/convex_hull.py", "import cvxpy", 1),
        ("analyses/figure2.py", "from matplotlib.figure import Figure", 1),
        ("analyses/rendering/figures.py", "from matplotlib.figure import Figure", 0),
        ("analyses/x.py", "import ml2o_core, ml2o_theory\nfrom tests.x import y", 1),
    ],
)
def test_a_planted_import_is_found(path: str, source: str, count: int) -> None:
    assert len(problems(path, source)) == count
