"""What README and CONTRIBUTING say can be done, done as written."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from analyses.cli import main

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)

BEFORE_THERE_IS_A_PROGRAM = {
    "git clone <this repository> && cd ml2o",
    ". .venv/bin/activate",
}


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def commands(document: str) -> list[str]:
    """The lines of a document's console blocks, without their comments."""
    blocks = [body for _, kind, body in BLOCK.findall(text_of(document)) if kind == "console"]
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and line not in BEFORE_THERE_IS_A_PROGRAM]


def test_every_command_is_one_that_these_tests_know() -> None:
    """Nothing is documented that no test runs."""
    found = [line for document in DOCUMENTS for line in commands(document)]
    assert len(found) > 10
    assert {line.split()[0] for line in found} == {"make", "ml2o"}


def test_readme_commands_work_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order, as a reader would; `ml2o report` takes minutes and is in `make report`."""
    monkeypatch.chdir(tmp_path)
    lines = [line for line in commands("README.md") if line.startswith("ml2o")]
    assert any("train" in line for line in lines)
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0, line


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_exists(document: str) -> None:
    """`make -n` says what it would do and does nothing."""
    for line in commands(document):
        if line.startswith("make"):
            program, *arguments = shlex.split(line)
            subprocess.run([program, "-n", *arguments], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.slow
def test_make_report_writes_the_report() -> None:
    """The README's first command, in this checkout."""
    page = ROOT / "reports/quick/index.html"
    page.unlink(missing_ok=True)
    subprocess.run(["make", "report"], cwd=ROOT, check=True, capture_output=True)
    assert page.is_file()


def test_readme_python_works_as_written(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = [body for _, kind, body in BLOCK.findall(text_of("README.md")) if kind == "python"]
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "tensor" in printed
    assert "HOLDS" in printed


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(document)):
        path, _, anchor = target.partition("#")
        if path.startswith("http"):
            continue
        assert (ROOT / (path or document)).exists(), target
        headings = (
            re.findall(r"^#+ (.*)$", text_of(path or document), re.MULTILINE) if anchor else []
        )
        slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert not anchor or anchor in slugs, target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_is_named_exists(document: str) -> None:
    """Paths in code spans that start with one of our folders; the examples' own files excepted."""
    examples = set(re.findall(r"^# (\S+\.py)$", text_of("CONTRIBUTING.md"), re.MULTILINE))
    pattern = r"`((?:ml2o_core|ml2o_theory|analyses|tests)/[\w/]+(?:\.py)?)`"
    for path in set(re.findall(pattern, text_of(document))) - examples:
        assert (ROOT / path).exists(), path
