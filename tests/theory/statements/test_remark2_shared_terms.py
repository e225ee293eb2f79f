"""Transfer learning obeys Theorem 1's bound: the claimed difference is one of bookkeeping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ml2o_core.results import CheckVerdict, Level
from ml2o_theory.statements.remark2 import Remark2
from ml2o_theory.statements.remark2_shared_terms import Remark2SharedTerms
from ml2o_theory.statements.theorem1 import Theorem1

from ..trials import check, line_trial, observed, terms
from .test_theorem1 import ALONE, ONE, TWO


def test_where_transfer_learning_ends_at_its_optimum_both_splits_are_one() -> None:
    """‖∇ĝ²(φ̂_*)‖ is the gap itself, because ∇ĝ¹(φ̂_*) = 0."""
    trial = line_trial(TWO, [(1.75, 2.0)] * 2, ONE * 2, phi=(0.5, 2), alpha=0.25, draws=(1, 1))
    known = terms(observed(trial, 1.25))
    known["d_N"] = known["d_N_TL"]
    one, other = Remark2().bound(known), Remark2SharedTerms().bound(known)
    assert float(one.upper.value) == pytest.approx(float(other.upper.value), rel=1e-12)
    assert float(known["slope"].upper.value) == pytest.approx(1, rel=1e-12)


def test_it_is_larger_by_the_expansion_elsewhere() -> None:
    """d_TL = ½ and α = ¼ at M_g = 1: (1 + ¼) ½ against ½ + ¼ ½, and ½ where ĝ² is at rest."""
    seen, _ = ALONE["optimization"]
    known = terms(seen)
    ratio = Remark2SharedTerms().bound(known).upper.value / Remark2().bound(known).upper.value
    assert float(ratio) == pytest.approx(1, rel=1e-9)
    still = line_trial(ONE, [(1.75, 1.0)], ONE, phi=(0.5, 2), alpha=0.1)
    known = terms(observed(still, 1.75))
    # d_TL = ¾, the slope is 0, and the gap at φ̂_* = 1 is ¾: (1.1 · ¾ + 0.1 · ¾) against ¾.
    ratio = Remark2SharedTerms().bound(known).upper.value / Remark2().bound(known).upper.value
    assert float(ratio) == pytest.approx(1.2, rel=1e-9)


def test_it_is_slack_with_uniform_constants() -> None:
    trial = line_trial(TWO, ONE * 2, ONE * 2, phi=(0.5, 2), alpha=0.5, draws=(1, 1), steps=3)
    found = check(Remark2SharedTerms(), observed(trial, 1.3), Level.UNIFORM)
    assert found.ratio is not None
    assert float(found.ratio.upper.value) < 0.01


@pytest.mark.parametrize("term", ALONE)
def test_without_one_of_its_terms_it_is_violated(
    term: str, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trials of Theorem 1, with transfer learning's result in place of M-L2O's."""
    seen, defect = ALONE[term]
    assert check(Remark2SharedTerms(), seen).verdict in {
        *(CheckVerdict.HOLDS, CheckVerdict.ATTAINED)
    }
    monkeypatch.setattr(Theorem1, "terms", mutated(Theorem1.terms, *defect))
    assert check(Remark2SharedTerms(), seen).verdict is CheckVerdict.VIOLATED


def test_a_gap_at_another_point_is_not_enough(
    mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the symbols of Theorem 1 not exchanged, its own distances are taken: reading P tells.

    φ_K = φ̂_* = 1.5 is d_TL = 0 but d_K > 0 there; here the defect drops the exchange of gaps.
    """
    planted = mutated(
        Remark2SharedTerms.formula, '"d_K": c["d_TL"], "gap": c["gap_TL"]', '"d_K": 0, "gap": 0'
    )
    monkeypatch.setattr(Remark2SharedTerms, "formula", planted)
    for term in ("optimization", "task difference"):
        assert check(Remark2SharedTerms(), ALONE[term][0]).verdict is CheckVerdict.VIOLATED
