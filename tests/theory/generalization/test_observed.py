"""What a trial shows: first-order conditions, both readings, distances and errors by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flint import arb
from hypothesis import assume, given, settings

from ml2o_core.errors import InvalidArgument
from ml2o_theory.arithmetic import precision
from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.generalization.trial import TESTING, TRAINING
from ml2o_theory.risks.scalar import BITS
from ml2o_theory.risks.separable import length, subtract

from ..trials import line_trial, observed, plans, seen_at

ZERO = arb(0)


@settings(max_examples=60)
@given(plans())
def test_optima_are_critical_points_and_meta_optima_what_the_reading_says(
    plan: dict[str, Any],
) -> None:
    seen = seen_at(**plan)
    trial = seen.trial
    with precision(BITS):
        for i in range(3):
            for g, at in [
                (trial.population[i], seen.optimum[i]),
                (trial.empirical[i], seen.sample_optimum[i]),
            ]:
                assert all(slope.contains(ZERO) for slope in g.gradient(at))
                # Where all tasks are solved at once the risk is flat, like the 6th power at T = 3.
                assert all(float(p.rad()) < 1e-24 for p in at)
        try:
            metas = [seen.meta_optimum(i) for i in (TRAINING, TESTING)]
        except InvalidArgument:
            assume(trial.reading is Reading.E)
            raise
        for i, meta in zip((TRAINING, TESTING), metas, strict=True):
            target = seen.sample_optimum[i] if trial.reading is Reading.E else seen.optimum[i]
            moved = trial.step(i, meta)
            pairs = zip(moved, target, seen.adapted_optimum(i), strict=True)
            assert all(a.overlaps(b) and a.overlaps(c) for a, b, c in pairs)
        assert all(slope.contains(ZERO) for slope in trial.meta_gradient(metas[0]))
        for phi in (seen.meta, seen.transfer):
            error = seen.error(phi)
            # A ball from 0, but for the rounding of its radius, to 30 bits.
            assert error.upper() >= 0
            assert error.lower() >= -1e-8 * error.upper()
            assert error.lower() <= seen.span.upper()
        walk = seen.steps
        total = sum((length_ for name, length_ in walk.items() if name != "whole"), ZERO)
        assert walk["whole"].lower() <= total.upper()


def test_in_reading_e_the_two_methods_share_their_optimum_and_in_reading_p_they_do_not() -> None:
    """g¹: optimum 1.25, ĝ¹ = ½(φ − 1.5)², α = ½: T̂¹(φ) = (φ + 1.5)/2 = 1.25 at φ = 1."""
    tasks = [(1.0, 1.0), (1.5, 1.0)]
    trial = line_trial(tasks, tasks, tasks, phi=(0.5, 2.0), alpha=0.5, draws=(0, 1))
    for reading, optimum, d_N in ((Reading.E, 1.5, 0.25), (Reading.P, 1.0, 0.0)):
        seen = observed(replace(trial, reading=reading), 1.75)
        assert float(seen.meta_optimum(TRAINING)[0]) == pytest.approx(optimum, rel=1e-12)
        assert float(seen.distances["d_N"]) == pytest.approx(d_N, abs=1e-12)
        assert float(seen.distances["d_N_TL"]) == pytest.approx(0.25, rel=1e-12)
        assert float(seen.distances["d_K"]) == pytest.approx(1.75 - optimum, rel=1e-12)


def test_every_distance_by_hand() -> None:
    """Centers 1 (training), 1.75 (adaptation, curvature 2), 1.5 (testing); α = ¼, φ_MK = 1.25."""
    trial = line_trial([(1.0, 1.0)], [(1.75, 2.0)], [(1.5, 1.0)], phi=(0.5, 2.0), alpha=0.25)
    seen = observed(trial, 1.25, 0.75)
    expected = {
        **{"d_0": 0.25, "d_K": 0.25, "d_TL": 0.25, "d_N": 0, "d_N_TL": 0, "d_N3": 0},
        **{"delta_13": 0.5, "delta_meta": 0.5, "gap": 1.5, "gap_TL": 1.5, "gap_23": 0.5},
        **{"slope": 2.0, "slopes": 1.0},
    }
    found = {name: float(value) for name, value in seen.distances.items()}
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)
    # T̂²(1.25) = 1.25 + ¼ · 2 · ½ = 1.5 = φ³_*; T̂²(0.75) = 1.25.
    assert float(seen.error(seen.meta)) == pytest.approx(0, abs=1e-12)
    assert float(seen.error(seen.transfer)) == pytest.approx(1 / 32, rel=1e-12)
    walk = {name: float(value) for name, value in seen.steps.items()}
    assert walk == pytest.approx(
        {
            **{"whole": 0, "optimization": 0.125, "task difference": 0.375},
            **{"sampling": 0, "δ_13": 0.5},
        },
        abs=1e-12,
    )
    # Φ' is Φ = [½, 2]: ½ (1.5 − ½)².
    assert float(seen.span) == pytest.approx(0.5, rel=1e-12)


def test_an_optimum_outside_of_phi_and_a_step_too_long_are_refused() -> None:
    tasks = [(1.0, 1.0), (1.5, 1.0)]
    outside = line_trial(tasks, tasks, tasks, phi=(1.375, 2.0), alpha=0.5, draws=(0, 1))
    with pytest.raises(InvalidArgument, match=r"^Φ: .*minimiser inside"):
        _ = observed(outside, 1.75).optimum
    narrow = line_trial(tasks, tasks, tasks, phi=(1.125, 2.0), alpha=0.5, draws=(0, 1))
    assert observed(narrow, 1.75).distances["d_K"] > 0
    with pytest.raises(InvalidArgument, match=r"^Φ: .*φ̃_M\* inside"):
        observed(replace(narrow, reading=Reading.P), 1.75).meta_optimum(TRAINING)
    with pytest.raises(InvalidArgument, match=r"^alpha: .*α L_ĝ < 1"):
        observed(replace(narrow, alpha=1.0, reading=Reading.P), 1.75).meta_optimum(TRAINING)


def test_a_distance_to_itself_is_a_ball_about_0() -> None:
    seen = seen_at(
        tasks=[[[(1.25, 1.0)]]] * 3,
        **{"draws": (1,), "alpha": 0.0, "steps": 1, "reading": Reading.E},
        ends=[(0.25,), (0.25,)],
    )
    for name in ("d_N", "d_N3", "delta_13", "delta_meta", "gap", "gap_23"):
        assert seen.distances[name].contains(ZERO)
        assert float(seen.distances[name].upper()) < 1e-50
    (one,), (other,) = seen.meta_optimum(0), seen.meta_optimum(0)
    assert length(subtract((one,), (other,))).contains(ZERO)
