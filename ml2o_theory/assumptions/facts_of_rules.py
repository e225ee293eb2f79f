"""Facts 1, 3, 5 and 6: the meta optimum, features, the scalar gain, expansive rules."""

from __future__ import annotations

import torch
from flint import arb

from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.results import AssumptionVerdict
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.assumptions import rnnprop
from ml2o_theory.assumptions.a1_strong_convexity import A1
from ml2o_theory.assumptions.a2_meta_optimum import A2, Reading, joint_satisfiability
from ml2o_theory.assumptions.a3_lipschitz import A3d
from ml2o_theory.assumptions.base import Setting
from ml2o_theory.assumptions.findings import Findings, reported
from ml2o_theory.assumptions.instances import close_population, quadratic_pair, setting_of, tensor
from ml2o_theory.regions import Box, ParameterInterval
from ml2o_theory.risks.scalar import ScalarRisk

HOLDS, REFUTED = AssumptionVerdict.HOLDS, AssumptionVerdict.REFUTED


def meta_optimum() -> Findings:
    """Fact 1."""
    setting = close_population()
    empirical = joint_satisfiability(setting, Reading.E)
    population = A2(Reading.P).check(setting)
    joint = joint_satisfiability(setting, Reading.P)
    numbers = {part.symbol: part.value for part in population.evidence}
    between = bool(numbers) and bool(
        numbers["sampling error / (1 - alpha mu)"].upper.value
        <= numbers["nontriviality"].lower.value
        <= numbers["nontriviality"].upper.value
        <= numbers["sampling error / (1 - alpha L)"].lower.value
    )
    return Findings(
        population.region,
        {
            "reading E is refuted jointly with Lemma 14": empirical.verdict is REFUTED,
            "reading P holds jointly with A1 and Lemma 14": joint.verdict is HOLDS,
            "its non-triviality lies between the two multiples of the sampling error": between,
        },
        population.evidence,
        empirical.refutation.exhibits if empirical.refutation else (),
    )


def feature_slope() -> Findings:
    """Fact 3."""
    rule, region = RNNprop(hidden=2), "g = 0; t = 1 and t = 20"
    epsilon = exact(rule.epsilon)
    with precision():
        fresh = rnnprop.slope(arb(0), arb(0), 1, rule.beta2, epsilon)
        seasoned = rnnprop.slope(arb(0), arb(1), 20, rule.beta2, epsilon)
        formal = 1 / epsilon
    phi = Box((-1.0,) * 43, (1.0,) * 43)
    task, x0 = quadratic_pair().first, quadratic_pair().x0
    rows = [
        A3d().check(setting_of(task, rule.with_changes(epsilon=eps), x0, phi=phi))
        for eps in (1e-8, 1e-4)
    ]
    bounds = [check.evidence[0].value.upper.value for check in rows]
    unguarded = rnnprop.sign_feature()
    return Findings(
        region,
        {
            "with no history the slope is 1/ε": bool(abs(fresh - formal) <= formal * exact(1e-30)),
            "after gradients of size 1 it is below 2": bool(seasoned < 2),
            "A3d holds for ε > 0": all(check.verdict is HOLDS for check in rows),
            "its M_m1 is proportional to 1/ε": bool(
                abs(bounds[0] / bounds[1] - 10**4) <= exact(1e-6)
            ),
            "for ε = 0 pairs exceed every constant": bool(
                unguarded.sequence and unguarded.sequence.beyond(1e30).value > exact(1e30)
            ),
        },
        (
            reported("slope at g = 0, no history", fresh, region),
            reported("slope at g = 0, history of ones", seasoned, region),
        ),
        unguarded.exhibits,
    )


def scalar_gain() -> Findings:
    """Fact 5."""
    unit, x0 = torch.eye(2, dtype=torch.float64), tensor([1.0, 1.0])
    different = QuadraticTask(torch.diag(tensor([1.0, 2.0])), tensor([0.0, 0.0]))
    same = QuadraticTask(2 * unit, tensor([0.0, 0.0]))
    phi = ParameterInterval(0.0, 1.0)

    def verdict(task: QuadraticTask, T: int) -> AssumptionVerdict:
        return A1().check(Setting((task,), x0, LinearGain(), None, None, phi, T, "hand")).verdict

    risk = ScalarRisk.of([different], x0, 3)
    with precision():
        # Σ h_k³ c_k² (1 − φh_k)⁴ T(2T − 1) with h = (1, 4), c = (1, 1), at φ = 1/8
        eighth = arb(1) / 8
        by_hand = 15 * ((1 - eighth) ** 4 + 64 * (1 - 4 * eighth) ** 4)
        value = risk.curvature(eighth)
    horizons = (2, 3, 5)
    return Findings(
        f"Φ: {phi}",
        {
            "T = 1: strongly convex": verdict(same, 1) is HOLDS and verdict(different, 1) is HOLDS,
            "T ≥ 2, two distinct h_k: strongly convex": all(
                verdict(different, T) is HOLDS for T in horizons
            ),
            "T ≥ 2, one h_k: refuted at φ = 1/h": all(
                verdict(same, T) is REFUTED for T in horizons
            ),
            "g_T'' is the stated sum": bool(abs(value - by_hand) <= exact(1e-30)),
        },
        (reported("g_3''(1/8)", value, f"Φ: {phi}"),),
    )


def expansive_rule() -> Findings:
    """Fact 6: h = 2 and φ = −1/2, so that Q = 1 + M_m1 L = 2, T = 5."""
    T, L, gain = 5, 2, arb(-1) / 2
    contraction = 1 - gain * L
    Q, Delta = 1 + abs(gain) * L, arb(3)
    runs_apart = contraction**T
    moved = arb(0)
    for _ in range(T):
        moved = contraction * moved - gain * Delta
    powers = sum((Q**t for t in range(T)), arb(0))
    # g_0 = 1: ‖z_t‖ = Q^t, so M_m2 = Q^{T−1} on the trajectory, and J_T = −T w^{T−1}.
    jacobian, P = T * contraction ** (T - 1), Q ** (T - 1) * powers
    sensible = abs(1 - (arb(1) / 2) * L)
    region = "d = 1, h = 2, φ = −1/2, T = 5"
    return Findings(
        region,
        {
            "Lemma 2's factor Q^T is attained": bool(runs_apart == Q**T),
            "Lemma 8 is attained along the top eigenvector": bool(
                moved == abs(gain) * Delta * powers
            ),
            "uniform P_T is not": bool(abs(jacobian) < P),
            "a step of 1/L has a closed-loop factor below 1": bool(sensible < 1),
        },
        (
            reported("observed / Lemma 2", runs_apart / Q**T, region),
            reported("|J_T| / P_T", abs(jacobian) / P, region),
        ),
    )
