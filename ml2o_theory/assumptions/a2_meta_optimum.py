r"""A2: there is a non-trivial meta optimum. Its exact wording is lost; three readings are checked.

    E   of Ĝ = ĝ∘T̂ (Eq. 5):      φ̂_* = T̂(φ̃_M*)   and  φ̃_M* ≠ φ̂_*
    P   of G = g∘T̂:              φ_* = T̂(φ̃_M*)   and  φ̃_M* ≠ φ_*, φ̂_*
    M   of Ḡ, the mean of Ĝ over fresh batches: neither equation holds in general. What is left of
        A2 is φ̃_M* ≠ φ_*, φ̂_*, and the residuals of both equations are measured.

Where αL_ĝ < 1, T̂' ≥ 1 − αL_ĝ > 0, so T̂ is injective, and T̂(φ̂_*) = φ̂_*. Hence in reading E the one
solution is φ̂_*: the non-trivial optimum does not exist. In reading P the mean value theorem gives

    ‖φ_* − φ̂_*‖ / (1 − αμ) ≤ ‖φ̃_M* − φ̂_*‖ ≤ ‖φ_* − φ̂_*‖ / (1 − αL_ĝ):

the meta optimum differs from φ̂_* as much as the sample differs from the population.

Checked for the scalar gain on a finite population of quadratic tasks, where every optimum is
enclosed (`meta_optima`). Jointly with A1 and Lemma 14 (μ_G > 0: one minimiser of the meta risk):
`joint_satisfiability`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from flint import arb

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.results import AssumptionVerdict, EndMethod
from ml2o_theory.arithmetic import precision
from ml2o_theory.assumptions.base import (
    Asked,
    Assumption,
    AssumptionCheck,
    Evidence,
    Refutation,
    Setting,
)
from ml2o_theory.assumptions.exhibits import Exhibit, scalar
from ml2o_theory.assumptions.meta_optima import MetaOptima, second_solution
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.risks.scalar import BITS

_GRID = 200
"""Candidates among which a second solution of reading E is looked for."""

_DOUBLINGS = 16


class Reading(StrEnum):
    """Which risk the meta optimum belongs to."""

    E = "E"
    P = "P"
    M = "M"


class A2(Assumption):
    """The meta optimum is non-trivial, in one of the readings."""

    name: ClassVar[str] = "A2"
    title: ClassVar[str] = "Non-trivial meta optimum"
    latex: ClassVar[str] = (
        r"\mathrm{E:}\ \hat{\varphi}_* = \hat{T}(\tilde{\varphi}_{M*}), \quad "
        r"\mathrm{P:}\ \varphi_* = \hat{T}(\tilde{\varphi}_{M*}), \quad "
        r"\tilde{\varphi}_{M*} \notin \{ \varphi_*, \hat{\varphi}_* \}"
    )
    words: ClassVar[str] = (
        "The meta risk has an optimum other than those of the risks themselves, which the inner "
        "step takes to the optimum of the empirical (E) or the population risk (P); with several "
        "batches neither equation holds, and the residual is measured (M)."
    )
    hypotheses: ClassVar[tuple[str, ...]] = ("φ_*, φ̂_* and φ̃_M* inside Φ",)

    def __init__(self, reading: Reading = Reading.E) -> None:
        self.reading = reading

    def check(self, setting: Setting) -> AssumptionCheck:
        """For ĝ of the setting's first `batch` tasks, and g of all of them."""
        optima = _optima(setting)
        if isinstance(optima, str):
            return self._result(setting, optima)
        if optima.minimiser is None or optima.empirical_minimiser is None:
            return self._result(setting, "a risk has its minimum at an end of Φ")
        match self.reading:
            case Reading.E:
                return self._empirical(setting, optima)
            case Reading.P:
                return self._population(setting, optima)
            case Reading.M:
                return self._mean(setting, optima)

    def _result(
        self,
        setting: Setting,
        because: str,
        evidence: tuple[Evidence, ...] = (),
        refutation: Refutation | None = None,
    ) -> AssumptionCheck:
        name, region = f"{self.name}:{self.reading}", region_of(setting)
        return AssumptionCheck(name, setting.subject, region, because, evidence, refutation)

    def _empirical(self, setting: Setting, optima: MetaOptima) -> AssumptionCheck:
        at = optima.empirical_minimiser
        assert at is not None
        region = region_of(setting)
        if optima.is_injective:
            refutation = Refutation(
                "T̂ is injective (αL_ĝ < 1) and fixes φ̂_*: φ̂_* itself is the only solution",
                (injectivity(optima),),
            )
            with precision(BITS):
                moved = optima.step(at)
            residual = _distance("residual E", at, moved, region, Asked.NOTHING)
            return self._result(setting, refutation.argument, (residual,), refutation)
        other = second_solution(optima, grid(setting))
        if other is None:
            return self._result(setting, "αL_ĝ ≥ 1, and no second solution was found")
        because = "αL_ĝ ≥ 1, and T̂ takes another parameter to φ̂_* too"
        return self._result(setting, because, (_distance("nontriviality", other, at, region),))

    def _population(self, setting: Setting, optima: MetaOptima) -> AssumptionCheck:
        meta, at, hat = optima.reading_P, optima.minimiser, optima.empirical_minimiser
        assert at is not None
        assert hat is not None
        if optima.empirical.weights == optima.population.weights and optima.is_injective:
            argument = "the batch is the population, so φ_* = φ̂_*, which T̂ fixes and is injective"
            refutation = Refutation(argument, (injectivity(optima),))
            return self._result(setting, argument, refutation=refutation)
        if meta is None:
            return self._result(setting, "no φ of Φ is known to go to φ_*, or αL_ĝ ≥ 1")
        region = region_of(setting)
        with precision(BITS):
            error = abs(at - hat)
            low = error / (1 - optima.alpha * optima.mu_hat)
            high = error / (1 - optima.alpha * optima.L_hat)
            moved = optima.step(meta)
        evidence = (
            _distance("nontriviality", meta, hat, region),
            _distance("distance to phi*", meta, at, region),
            _distance("residual P", at, moved, region, Asked.NOTHING),
            _distance("sampling error", at, hat, region, Asked.NOTHING),
            _number("sampling error / (1 - alpha mu)", low, region),
            _number("sampling error / (1 - alpha L)", high, region),
        )
        because = (
            f"‖φ̃_M* − φ̂_*‖ is in {evidence[0].value}, of the size of the sampling error "
            f"‖φ_* − φ̂_*‖ in {evidence[3].value}"
        )
        return self._result(setting, because, evidence)

    def _mean(self, setting: Setting, optima: MetaOptima) -> AssumptionCheck:
        meta, at, hat = optima.reading_M, optima.minimiser, optima.empirical_minimiser
        assert at is not None
        assert hat is not None
        if meta is None:
            return self._result(setting, "the mean meta risk is not known to have one minimiser")
        region = region_of(setting)
        with precision(BITS):
            moved = optima.step(meta)
        evidence = (
            _distance("nontriviality", meta, hat, region),
            _distance("distance to phi*", meta, at, region),
            _distance("residual E", hat, moved, region, Asked.NOTHING),
            _distance("residual P", at, moved, region, Asked.NOTHING),
        )
        because = (
            f"over {len(optima.batches)} batches neither equation holds: "
            f"‖φ̂_* − T̂(φ̃_M*)‖ is in {evidence[2].value}, ‖φ_* − T̂(φ̃_M*)‖ in {evidence[3].value}"
        )
        return self._result(setting, because, evidence)


def joint_satisfiability(setting: Setting, reading: Reading) -> AssumptionCheck:
    """Whether A1, A2 in `reading`, and Lemma 14's μ_G > 0 can hold together.

    E: never, by an argument that needs no instance; the setting shows both of its cases. P: the
    setting is an instance. M: A2 leaves no equation that could be joined with the others.
    """
    name = f"A1 + A2 + Lemma 14, reading {reading}"
    alone, region = A2(reading).check(setting), region_of(setting)
    optima = _optima(setting)
    if isinstance(optima, str) or alone.verdict is AssumptionVerdict.OPEN:
        return AssumptionCheck(name, setting.subject, region, alone.because, gap=True)
    evidence, refutation, because = alone.evidence, None, ""
    match reading:
        case Reading.E:
            because = (
                "with μ_G > 0, Ĝ has one minimiser; φ̂_* is one, since T̂(φ̂_*) = φ̂_* minimises ĝ; "
                "φ̃_M* is one, since T̂(φ̃_M*) = φ̂_*: so φ̃_M* = φ̂_*, which is not non-trivial"
            )
            evidence, refutation = (), Refutation(because, _both_cases(setting, optima))
        case Reading.P:
            low, high = optima.ends
            mu = optima.population.extremes(low, high)
            evidence += (
                _certified("mu", mu.lower, mu.upper, region),
                _certified("mu of the empirical risk", optima.mu_hat, optima.L_hat, region),
                _certified("mu_G", *optima.composed_curvature(), region),
            )
            because = (
                "an instance: A1 and μ_G > 0 are certified, and φ̃_M* differs from φ̂_*, though by "
                "no more than the sampling error allows"
            )
        case Reading.M:
            because = f"no equation ties φ̃_M* to φ_* or φ̂_*, only what is measured: {alone.because}"
    gap = reading is Reading.M
    return AssumptionCheck(name, setting.subject, region, because, evidence, refutation, gap=gap)


def _both_cases(setting: Setting, optima: MetaOptima) -> tuple[Exhibit, ...]:
    """αL_ĝ < 1: T̂ is injective. A larger α: a second solution, and so Ĝ has two minimisers."""
    found = [injectivity(optima)] if optima.is_injective else []
    for k in range(_DOUBLINGS):
        with precision(BITS):
            larger = MetaOptima(
                optima.population,
                optima.empirical,
                optima.batches,
                optima.alpha * 2**k,
                optima.interval,
            )
        other = second_solution(larger, grid(setting))
        if other is not None:
            found.append(two_minimisers(larger, other))
            break
    return tuple(found)


def injectivity(optima: MetaOptima) -> Exhibit:
    """1 − αL_ĝ, at the φ where ĝ'' is largest on Φ."""
    found = optima.empirical.extremes(*optima.ends)
    with precision(BITS):
        margin = 1 - optima.alpha * found.supremum
    hat = optima.empirical_minimiser
    return Exhibit(
        {"Φ": (optima.interval.lower, optima.interval.upper), "φ": (float(found.end.mid()),)},
        {"ĝ''(φ)": scalar(found.supremum)} | ({} if hat is None else {"φ̂_*": scalar(hat)}),
        f"α = {float(optima.alpha.mid())!r}; 1 − αL_ĝ, the smallest slope of T̂ on Φ,",
        margin,
    )


def two_minimisers(optima: MetaOptima, other: arb) -> Exhibit:
    """φ̂_* and another solution of T̂(φ) = φ̂_*: both minimise Ĝ, so that μ_G > 0 fails."""
    hat = optima.empirical_minimiser
    assert hat is not None
    with precision(BITS):
        slopes = [
            optima.empirical.derivative(optima.step(phi))
            * (1 - optima.alpha * optima.empirical.curvature(phi))
            for phi in (hat, other)
        ]
        ratio = (slopes[0] - slopes[1]) / (hat - other)
    return Exhibit(
        {"φ̂_*": (float(hat.mid()),), "φ̃": (float(other.mid()),)},
        {"Ĝ'(φ̂_*)": scalar(slopes[0]), "Ĝ'(φ̃)": scalar(slopes[1])},
        f"α = {float(optima.alpha.mid())!r}; (Ĝ'(φ̂_*) − Ĝ'(φ̃)) / (φ̂_* − φ̃)",
        ratio,
    )


def grid(setting: Setting) -> list[float]:
    """Candidates in Φ."""
    phi = setting.phi
    lower, upper = float(phi.lower), float(phi.upper)  # type: ignore[arg-type]
    return [lower + (upper - lower) * k / _GRID for k in range(_GRID + 1)]


def region_of(setting: Setting) -> str:
    """Φ, the horizon, the inner step and the batch."""
    return (
        f"Φ: {setting.phi}; T = {setting.steps}; α = {setting.alpha:g}; "
        f"{setting.batch} of {len(setting.tasks)} tasks"
    )


def _optima(setting: Setting) -> MetaOptima | str:
    rule = setting.rule
    if not (isinstance(rule, LinearGain) and rule.shape == "scalar"):
        return "the optima are enclosed for the scalar gain alone"
    try:
        return MetaOptima.of(setting)
    except InvalidArgument as error:
        return str(error)


def _distance(
    symbol: str, first: arb, second: arb, region: str, asked: Asked = Asked.POSITIVE
) -> Evidence:
    with precision(BITS):
        apart = abs(first - second)
    return Evidence(symbol, _enclosed(apart, apart, region), asked)


def _number(symbol: str, value: arb, region: str) -> Evidence:
    return Evidence(symbol, _enclosed(value, value, region), Asked.NOTHING)


def _certified(symbol: str, lower: arb, upper: arb, region: str) -> Evidence:
    return Evidence(symbol, _enclosed(lower, upper, region), Asked.POSITIVE)


def _enclosed(lower: arb, upper: arb, region: str) -> Enclosure:
    return Enclosure.certified(lower, upper, EndMethod.INTERVAL_ARITHMETIC, region=region)
