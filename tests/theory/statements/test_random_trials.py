"""Theorem 1, Remark 2 and Eq. 8 on random trials: 200 of each, wherever training ends."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import assume, event, given, settings

from ml2o_core.errors import InvalidArgument
from ml2o_theory.arithmetic import precision
from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.statements.equation8 import Equation8
from ml2o_theory.statements.equation8_expanded import Equation8Expanded
from ml2o_theory.statements.remark2 import Remark2
from ml2o_theory.statements.remark2_shared_terms import Remark2SharedTerms
from ml2o_theory.statements.theorem1 import Theorem1

from ..trials import plans, seen_at, terms

EXAMPLES = max(200, settings.default.max_examples if settings.default else 0)

ROUNDING = 1 + 2.0**-100
"""Of a bound in 128 bits, where it is attained."""


def test_no_statement_is_violated_and_every_corner_is_reached() -> None:
    """The decompositions do not need training's result to be good.

    Two relations beside them: the paper's split of transfer learning is never worse than Theorem
    1's, because ‖∇ĝ²(φ_K)‖ ≤ L_ĝ ‖φ_K − φ̂_*‖ + ‖∇ĝ² − ∇ĝ¹‖(φ̂_*); and where αL_ĝ² ≤ 2 the inner
    step takes no two parameters apart.
    """
    reached: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES)
    @given(plans())
    def hold(plan: dict[str, Any]) -> None:
        seen = seen_at(**plan)
        trial = seen.trial
        try:
            known = terms(seen)
        except InvalidArgument:
            # Reading P alone may have its meta optimum outside of Φ.
            assume(trial.reading is Reading.E)
            raise
        event(f"reading {trial.reading.value}, p = {len(trial.phi.lower)}, T = {trial.steps}")
        with precision():
            of_transfer = known | {"d_N": known["d_N_TL"]}
            meta, transfer = seen.error(seen.meta), seen.error(seen.transfer)
            assert meta.upper() >= 0
            papers, shared = Remark2().bound(of_transfer), Remark2SharedTerms().bound(of_transfer)
            for observed, bound in [
                (meta, Theorem1().bound(known)),
                (meta, Equation8().bound(known)),
                (seen.distances["slopes"], Equation8Expanded().bound(known)),
                (transfer, papers),
                (transfer, shared),
            ]:
                assert observed.lower() <= bound.upper.value * ROUNDING
            assert papers.lower.value <= shared.upper.value * ROUNDING
            alpha_L = trial.alpha * known["L_g"].upper.value
            if alpha_L <= 2:
                moved, d_K = seen.steps["optimization"], seen.distances["d_K"]
                assert moved.lower() <= d_K.upper() * ROUNDING
        reached.update([f"reading {trial.reading.value}", f"T = {trial.steps}"])
        reached["α = 0"] += trial.alpha == 0
        reached["αL > 2"] += bool(alpha_L > 2)
        reached["δ_13 = 0"] += not seen.distances["delta_13"] > 0
        reached["φ̂_* = φ_*"] += not seen.distances["d_N_TL"] > 0
        reached["φ_MK = φ̃_M*"] += float(seen.distances["d_K"]) < 1e-12

    hold()
    corners = {"reading E", "reading P", "T = 1", "T = 3", "α = 0", "αL > 2", "δ_13 = 0"}
    corners |= {"φ̂_* = φ_*", "φ_MK = φ̃_M*"}
    assert corners - {name for name, count in reached.items() if count} == set()
