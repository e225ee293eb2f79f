"""The third term of Eq. 8, expanded: attained by a quadratic risk with all points in line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ml2o_core.results import CheckVerdict
from ml2o_theory.generalization.observed import Observed
from ml2o_theory.statements.equation8_expanded import Equation8Expanded

from ..trials import check, line_trial, observed


def in_line(end: float = 2.0, curvature: float = 3.0) -> Observed:
    """φ_MK = `end`, φ̃¹_M* = 1.5, φ̃³_M* = 1.25 and φ̂²_* = 1: ĝ²' grows along all of them."""
    trial = line_trial([(1.5, 1.0)], [(1.0, curvature)], [(1.25, 1.0)], phi=(0.5, 2), alpha=0.1)
    return observed(trial, end)


def test_it_is_attained_in_line() -> None:
    found = check(Equation8Expanded(), in_line())
    assert found.verdict is CheckVerdict.ATTAINED
    assert found.observed is not None
    assert float(found.observed.upper.value) == pytest.approx(3, rel=1e-12)


def test_it_is_slack_where_the_gradients_cancel() -> None:
    """φ_MK = 1 = φ̂²_*, on the other side: slope 0 against 3 (½ + ¼ + ¼)."""
    found = check(Equation8Expanded(), in_line(1.0))
    assert found.verdict is CheckVerdict.HOLDS
    assert found.ratio is not None
    assert float(found.ratio.upper.value) < 1e-12


@pytest.mark.parametrize(
    "defect",
    [
        ('c["d_K"] + ', ""),
        (' + c["delta_meta"]', ""),
        (' + c["gap_23"]', ""),
        ('c["L_g"] * ', ""),
    ],
)
def test_without_one_of_its_terms_it_is_violated(
    defect: tuple[str, str], mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = mutated(Equation8Expanded.formula, *defect)
    monkeypatch.setattr(Equation8Expanded, "formula", planted)
    assert check(Equation8Expanded(), in_line()).verdict is CheckVerdict.VIOLATED
