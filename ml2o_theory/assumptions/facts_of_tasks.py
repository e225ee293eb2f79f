"""Facts 2, 4, 7, 8 and 9: kinks, valleys and networks, populations, optima, Gaussian tails."""

from __future__ import annotations

import torch
from flint import arb
from torch import Tensor

from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.results import AssumptionVerdict, EndMethod
from ml2o_core.seeding import generator
from ml2o_core.tasks.lasso import Lasso, LassoTask
from ml2o_core.tasks.quadratic import Quadratic, QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory.arithmetic import exact, log10, precision
from ml2o_theory.assumptions import gaussian_support
from ml2o_theory.assumptions.a1_strong_convexity import A1
from ml2o_theory.assumptions.a3_lipschitz import A3a, A3b, A3c, A3f
from ml2o_theory.assumptions.a4_task_difference import A4
from ml2o_theory.assumptions.base import Asked, Evidence, Setting
from ml2o_theory.assumptions.exhibits import Exhibit
from ml2o_theory.assumptions.findings import Findings, reported
from ml2o_theory.assumptions.instances import quadratic_pair, setting_of, tensor
from ml2o_theory.assumptions.risk import Risk
from ml2o_theory.assumptions.symmetry import exchanged
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.models import flat_params
from ml2o_theory.optima import certified_optima
from ml2o_theory.population import PopulationDifference
from ml2o_theory.printed import TABLE_1, TABLE_1_SIGMAS
from ml2o_theory.regions import Ball, Box

HOLDS, REFUTED = AssumptionVerdict.HOLDS, AssumptionVerdict.REFUTED


PRINTED = {
    sigma: tuple(TABLE_1[method][place] for method in TABLE_1 if not method.startswith("Vanilla"))
    for place, sigma in enumerate(TABLE_1_SIGMAS)
    if sigma <= 50
}
"""Table 1 of the paper: M-L2O, DT, TL at σ ≤ 50."""


def lasso_kink() -> Findings:
    """Fact 2."""
    pair = quadratic_pair()
    weight, smoothing = tensor(0.005), tensor(0.01)
    kinked = LassoTask(pair.first.A, pair.first.b, weight)
    smooth = SmoothedLassoTask(pair.first.A, pair.first.b, weight, smoothing)
    gain = LinearGain()
    on_kinked = [a.check(setting_of(kinked, gain, pair.x0)) for a in (A3b(), A3c())]
    on_smooth = [a.check(setting_of(smooth, gain, pair.x0)) for a in (A3b(), A3c(), A3f())]
    bounded = Box((-1.0,) * smooth.dim, (1.0,) * smooth.dim)
    exhibits = on_kinked[0].refutation.exhibits if on_kinked[0].refutation else ()
    constants = {part.symbol: part.value for check in on_smooth for part in check.evidence}
    claimed = {
        "L": smooth.smooth_lipschitz(),
        "rho": smooth.hessian_lipschitz(),
        "tau": smooth.third_derivative_lipschitz(),
    }
    agree = all(_is_near(constants[symbol], value) for symbol, value in claimed.items())
    on_all = setting_of(smooth, gain, pair.x0)
    on_box = setting_of(smooth, gain, pair.x0, bounded)
    return Findings(
        "X: R^d",
        {
            "LASSO refutes A3b and A3c by pairs across its kink": all(
                check.verdict is REFUTED for check in on_kinked
            ),
            "smoothed LASSO has L, ρ and τ": all(check.verdict is HOLDS for check in on_smooth),
            "they are ‖A‖² + λ/ε, 0.8587λ/ε² and 3λ/ε³": agree,
            "its M needs a bounded X": A3a().check(on_all).verdict is REFUTED
            and A3a().check(on_box).verdict is HOLDS,
        },
        tuple(part for check in on_smooth for part in check.evidence),
        exhibits,
    )


def _is_near(value: Enclosure, claimed: Tensor) -> bool:
    """Whether a float64 number is the enclosed one, up to its own rounding."""
    with precision():
        number = exact(claimed.item())
        return bool(
            value.lower.value * (1 - exact(1e-12))
            <= number
            <= value.upper.value * (1 + exact(1e-12))
        )


def valley_and_networks() -> Findings:
    """Fact 4."""
    valley, start = RosenbrockTask(tensor([100.0])), tensor([-1.2, 1.0])
    box, gain = Box((-2.0, -2.0), (2.0, 2.0)), LinearGain()
    everywhere = [a.check(setting_of(valley, gain, start)) for a in (A3b(), A3c())]
    inside = [a.check(setting_of(valley, gain, start, box)) for a in (A3b(), A3c())]
    pair = quadratic_pair()
    network = RNNprop(hidden=2)
    center = flat_params(network.init_params(generator(0, purpose="fact 4")))
    around = Box(tuple((center - 1).tolist()), tuple((center + 1).tolist()))
    lstm = A1().check(
        Setting((pair.first,), pair.x0, network, None, None, around, 2, "one quadratic")
    )
    swap, equal = _exchange(pair.first, pair.x0)
    found = (
        *(everywhere[0].refutation.exhibits[-1:] if everywhere[0].refutation else ()),
        *(lstm.refutation.exhibits if lstm.refutation else ()),
        *((swap,) if swap else ()),
    )
    return Findings(
        "X: R^d and [-2, 2]²; Φ: a box about a random φ",
        {
            "Rosenbrock refutes A3b and A3c on R^d": all(c.verdict is REFUTED for c in everywhere),
            "it satisfies them on a box": all(check.verdict is HOLDS for check in inside),
            "the LSTM rule's risk has negative curvature": lstm.verdict is REFUTED,
            "exchanging two hidden units leaves the risk as it is": equal,
            "between a network and its exchanged twin the risk is not convex": swap is not None,
        },
        exhibits=found,
    )


def _exchange(task: QuadraticTask, x0: Tensor) -> tuple[Exhibit | None, bool]:
    """A pair φ, Pφ of the tanh network with ⟨∇g(φ) − ∇g(Pφ), φ − Pφ⟩ ≤ 0; g(φ) = g(Pφ)."""
    rule = MLPRule(hidden=3, depth=1, output_scale=0.1)
    found, equal = None, True
    for seed in range(8):
        params = rule.init_params(generator(seed, purpose="exchange"))
        phi = flat_params(params)
        setting = setting_of(task, rule, x0, phi=Box(tuple(phi.tolist()), tuple(phi.tolist())))
        risk = Risk.of(setting)
        twin = flat_params(exchanged(rule, params, 0, 1))
        difference = (risk.value(phi) - risk.value(twin)).abs()
        equal &= bool(difference <= 1e-12 * risk.value(phi))
        exhibit = risk.monotonicity(phi, twin)
        if exhibit.value <= 0:
            found = found or exhibit
    return found, equal


def population_differences() -> Findings:
    """Fact 7."""
    first, second = (Quadratic.normal(sd, rows=3, cols=3) for sd in (1.0, 2.0))
    between = PopulationDifference.of(first, second)
    ball = Ball((0.0,) * 3, arb(1))
    gradient, hessian = between.gradient(ball), between.hessian(ball)
    uniform = PopulationDifference.of(
        Quadratic.uniform_mixture((1.0,), rows=2, cols=2),
        Quadratic.normal(1.0, rows=2, cols=2),
    )
    with precision():
        # r(a²/12 I + a²/4 11ᵀ) − rI with r = 2, a = 1; c = r(a/2)E[b] 1 with E[b] = 1/2
        H = [arb(2) / 12 + arb(1) / 2 - 2, arb(1) / 2]
        entries = [uniform.H[0, 0] - H[0], uniform.H[0, 1] - H[1], uniform.c[0, 0] - arb(1) / 2]
    drawn = [first.sample(generator(n, purpose="fact 7")) for n in range(8)]
    others = [second.sample(generator(n, purpose="fact 7, second")) for n in range(8)]
    norms = []
    for one, other in zip(drawn, others, strict=True):
        setting = setting_of(one, LinearGain(), tensor([0.0] * 3), ball)
        pair = Setting((one, other), setting.x0, setting.rule, ball, None, setting.phi, 1, "drawn")
        norms.append(A4().check(pair).evidence[1].value)
    larger = max(norms, key=lambda value: float(value.lower.value))
    region = str(ball)
    return Findings(
        region,
        {
            "Gaussian entries: Δ̃ = r|σ_1² − σ_2²| = 9": hessian.contains(arb(9)),
            "on the unit ball Δ = 9 too": gradient.contains(arb(9)),
            "uniform entries: H and c as stated": all(abs(e) <= exact(1e-30) for e in entries),
            "a drawn pair exceeds the population's Δ̃": bool(
                larger.lower.value > hessian.upper.value
            ),
        },
        (
            Evidence("Delta_tilde of the populations", hessian, Asked.NOTHING),
            Evidence("Delta_tilde of a drawn pair", larger, Asked.NOTHING),
        ),
    )


def natural_logarithm() -> Findings:
    """Fact 8, on one batch of 128 problems for each σ; no replacement for the 100 of the fact."""
    evidence, below, above = [], [], []
    for sigma, printed in PRINTED.items():
        family = Lasso.normal(sigma)
        batch = family.sample_batch(generator(0, purpose="fact 8", sigma=str(sigma)), 128)
        optima = certified_optima(batch)
        low = sum((exact(optimum.dual) for optimum in optima), arb(0)) / 128
        high = sum((exact(optimum.primal) for optimum in optima), arb(0)) / 128
        region = f"128 LASSO problems, A ~ N(0, {sigma:g}²)"
        mean = Enclosure.certified(low.log(), high.log(), EndMethod.DUAL_CERTIFICATE, region=region)
        evidence.append(Evidence(f"ln of the mean optimum, sigma={sigma:g}", mean, Asked.NOTHING))
        smallest = log10(low)
        assert smallest is not None
        below += [value < smallest for value in printed]
        above += [exact(value) > mean.upper.value for value in printed]
    return Findings(
        "one batch of 128 for each σ ∈ {10, 25, 50}",
        {
            "read in base 10, most printed values are below the optimum": sum(below) > 5,
            "read as natural logarithms, every one is above it": all(above),
        },
        tuple(evidence),
    )


def gaussian_tail() -> Findings:
    """Fact 9."""
    family, problems, delta = Lasso.normal(100.0), 128, 0.01
    sequence = gaussian_support.exceeded(family)
    exhibits = tuple(sequence.at(k) for k in (0, 2, 4))
    bound = gaussian_support.bound_with_probability(family, problems, delta)
    batch = family.sample_batch(generator(0, purpose="fact 9"), problems)
    drawn = torch.linalg.matrix_norm(batch.tensors["A"], 2).max().item() ** 2
    region = "128 problems, A ~ N(0, 100²) 10×10"
    return Findings(
        region,
        {
            "every L is exceeded with positive probability": all(
                exhibit.value > 0 for exhibit in exhibits
            ),
            "the drawn batch has its L": drawn < float("inf"),
            "with probability 0.99 all 128 problems have the stated L": bool(
                gaussian_support.failure_probability(family, bound, problems) <= exact(delta)
            ),
            "the drawn batch is below it": bool(exact(drawn) < bound),
        },
        (reported("L with probability 0.99", bound, region),),
        exhibits,
    )
