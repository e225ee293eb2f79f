"""Remark 2 as the paper splits it: each term is needed, and it is never worse than Theorem 1's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ml2o_core.results import CheckVerdict, Level
from ml2o_theory.generalization.observed import Observed
from ml2o_theory.statements.remark2 import Remark2

from ..trials import check, line_trial, observed

ONE = [(1.0, 1.0)]
TWO = [(1.0, 1.0), (1.5, 1.0)]

ALONE: dict[str, tuple[Observed, tuple[str, str]]] = {
    "optimization": (
        observed(line_trial(ONE, [(1.75, 1.0)], ONE, phi=(0.5, 2), alpha=0.1), 1.75),
        ('c["d_TL"] + ', ""),
    ),
    "the adaptation's gradient": (
        observed(line_trial(ONE, [(1.75, 1.0)], ONE, phi=(0.5, 2), alpha=0.5), 1.0),
        ('c["alpha"] * c["slope"] + ', ""),
    ),
    "sampling": (
        observed(line_trial(TWO, TWO, TWO, phi=(0.5, 2), alpha=0.1, draws=(0, 2)), 1.5),
        ('c["d_N"] + ', ""),
    ),
    "δ_13": (
        observed(line_trial(ONE, ONE, [(1.5, 1.0)], phi=(0.5, 2), alpha=0.1), 1.0),
        (' + c["delta_13"]', ""),
    ),
}
"""For each term a trial in which it is the only one, and what drops it from the formula."""


def test_one_term_alone_loses_just_what_m_g_loses() -> None:
    seen, _ = ALONE["δ_13"]
    found = check(Remark2(), seen)
    assert found.ratio is not None
    assert float(found.ratio.lower.value) == pytest.approx(1 / 4, rel=1e-9)


def test_it_is_slack_with_uniform_constants() -> None:
    trial = line_trial(TWO, ONE * 2, ONE * 2, phi=(0.5, 2), alpha=0.5, draws=(1, 1), steps=3)
    found = check(Remark2(), observed(trial, 1.3), Level.UNIFORM)
    assert found.ratio is not None
    assert float(found.ratio.upper.value) < 0.01


@pytest.mark.parametrize("term", ALONE)
def test_without_one_of_its_terms_it_is_violated(
    term: str, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, defect = ALONE[term]
    assert check(Remark2(), seen).verdict is CheckVerdict.HOLDS
    monkeypatch.setattr(Remark2, "formula", mutated(Remark2.formula, *defect))
    assert check(Remark2(), seen).verdict is CheckVerdict.VIOLATED
