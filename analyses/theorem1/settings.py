"""The sizes of the Theorem 1 report, and the settings that its rates and coverage are taken in."""

from __future__ import annotations

from pydantic import Field

from analyses.settings import Preset, RunSettings
from ml2o_core.seeding import generator
from ml2o_core.spec import Spec
from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.generalization.draws import TrialDistribution, TrialPlan, build
from ml2o_theory.generalization.trial import Trial


class Size(Spec):
    """How much is computed."""

    trials: int = Field(description="random trials")
    chunk: int = Field(description="trials in a piece")
    runs: int = Field(description="stochastic runs, or drawn samples, of each statistical check")
    epochs: int = Field(description="K of stochastic meta-training")
    samples: tuple[int, ...] = Field(description="N of the coverage")
    plans: int = Field(description="how many of the settings are used")


_FULL = Size(trials=10_000, chunk=100, runs=2_000, epochs=1_024, samples=(16, 256), plans=4)

SIZES = {
    Preset.QUICK: Size(trials=12, chunk=12, runs=200, epochs=256, samples=(64,), plans=1),
    Preset.STANDARD: _FULL,
    Preset.PAPER: _FULL,
}

SHOWCASE = TrialPlan(
    shape="scalar",
    reading=Reading.E,
    d=2,
    n=4,
    N=65_536,
    T=1,
    epochs=1,
    spread=0.05,
    target=0.05,
    apart=(0.01, 0.03),
    margin=0.3,
    share=0.1,
)
"""Tasks that are nearly alike and a large sample: every term of Theorem 1 counts in the bound.

Chosen, plan and seed, by a search over some 200 plans for just that: it shows that such a setting
exists, not that it is typical. The random trials say what is typical.
"""

SHOWCASE_SEED, SHOWCASE_EPOCHS, SHOWCASE_DELTA = 58, 20_000, 0.1


def _plan(**changes: object) -> TrialPlan:
    plan = TrialPlan(
        shape="scalar",
        d=2,
        n=8,
        N=64,
        T=1,
        epochs=1,
        spread=0.1,
        target=0.1,
        x0="ones",
        apart=(0.03, 0.1),
        margin=0.1,
        share=0.3,
    )
    return plan.with_changes(**changes)


PLANS = {
    "scalar, T = 1, E": _plan(),
    "scalar, T = 1, P": _plan(reading=Reading.P),
    "scalar, T = 2, E": _plan(T=2, d=4, spread=0.6, margin=0.02),
    "diagonal, T = 1, E": _plan(shape="diagonal"),
}
"""The settings of the rates and of the coverage: shape of the gain, T, reading of A2."""


class Theorem1Config(Spec):
    """Everything that the report computes from."""

    seed: int
    size: Size
    distribution: TrialDistribution = TrialDistribution()
    showcase: TrialPlan = SHOWCASE
    plans: dict[str, TrialPlan] = PLANS
    deltas: tuple[float, ...] = Field((0.05, 0.1, 0.5), description="probabilities of failure")


def configuration(settings: RunSettings) -> Theorem1Config:
    """That of a preset."""
    size = SIZES[settings.preset]
    plans = dict(list(PLANS.items())[: size.plans])
    return Theorem1Config(seed=settings.seed, size=size, plans=plans)


def trial_of(plan: TrialPlan, seed: int, name: str) -> tuple[Trial, tuple[float, ...]]:
    """The trial of a plan, and its start."""
    return build(plan, generator(seed, purpose="theorem 1 setting", name=name))
