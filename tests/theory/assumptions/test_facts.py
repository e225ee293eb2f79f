"""The nine facts come out as verdicts, and a planted defect is seen."""

from __future__ import annotations

import pytest
import torch
from flint import arb
from scipy.stats import chi2, norm

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import AssumptionVerdict
from ml2o_core.tasks.lasso import Lasso
from ml2o_theory.arithmetic import exact
from ml2o_theory.assumptions import rnnprop
from ml2o_theory.assumptions.facts import FACTS, Fact
from ml2o_theory.assumptions.gaussian_support import (
    bound_with_probability,
    exceeded,
    failure_probability,
    probability_above,
)
from ml2o_theory.risks.scalar import ScalarRisk


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: str(fact.number))
def test_it_is_confirmed(fact: Fact) -> None:
    found = fact.check()
    assert found.verdict is AssumptionVerdict.HOLDS, found.reason
    row = found.row("assumptions", "fact", fact.number)
    assert row.subject == fact.claim
    assert [
        constant.id for constant in found.constant_rows("assumptions", "fact", fact.number)
    ] == [*row.evidence]


def test_they_are_numbered_from_one_to_nine() -> None:
    assert [fact.number for fact in FACTS] == list(range(1, 10))


def test_a_wrong_curvature_is_seen_by_fact_5(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = ScalarRisk.curvature
    monkeypatch.setattr(ScalarRisk, "curvature", lambda *a: 2 * sound(*a))
    found = FACTS[4].check()
    assert found.verdict is AssumptionVerdict.OPEN
    assert found.reason == "not confirmed: g_T'' is the stated sum"


def test_a_wrong_slope_is_seen_by_fact_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rnnprop, "slope", lambda g, v, t, beta, epsilon: 2 / epsilon)
    assert FACTS[2].check().verdict is AssumptionVerdict.OPEN


def test_the_gaussian_tail_against_scipy() -> None:
    """P(χ²_100 > s/σ²), and P(|a| > √L) = 2 P(a > √L)."""
    family = Lasso.normal(2.0)
    found = failure_probability(family, arb(600), 3)
    assert float(found.mid()) == pytest.approx(3 * chi2.sf(600 / 4, 100), rel=1e-9)
    assert float(probability_above(family, 9.0).mid()) == pytest.approx(2 * norm.sf(1.5), rel=1e-9)


def test_the_bound_with_probability_is_tight_and_held_by_draws() -> None:
    family = Lasso.normal(1.0, rows=3, cols=2)
    bound = bound_with_probability(family, 1, 0.1)
    assert failure_probability(family, bound, 1) <= exact(0.1)
    assert failure_probability(family, bound / arb(1.02), 1) > exact(0.1)
    A = torch.randn(20_000, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    above = torch.linalg.matrix_norm(A, 2).square() > float(bound.mid())
    assert above.double().mean().item() <= 0.1
    with pytest.raises(InvalidArgument, match="delta"):
        bound_with_probability(family, 1, 0.0)
    with pytest.raises(InvalidArgument, match="matrix"):
        exceeded(Lasso())
