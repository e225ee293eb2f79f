"""STATEMENTS.md is what the registries and the kept runs say, and what it names is there."""

from __future__ import annotations

from analyses.statement_index import FILE, ROOT, kept_results, page
from ml2o_theory.registry import assumptions, statements


def test_it_is_fresh() -> None:
    assert FILE.read_text(encoding="utf-8") == page(kept_results())


def test_every_file_and_test_that_it_names_is_there() -> None:
    for member in (*assumptions().values(), *statements().values()):
        assert (ROOT / member.file).is_file()
        assert (ROOT / member.test).is_file()


def test_every_statement_has_a_verdict_in_a_kept_run() -> None:
    assert "not in a kept run" not in page(kept_results())
