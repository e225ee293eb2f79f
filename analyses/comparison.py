"""The experiment behind the convergence figures: the four methods on common tasks.

Meta-train on one family; then, for each panel, adapt to the panel's adaptation family and run on
its test family, next to the analytic optimizers (their step tuned on the adaptation tasks, never on
the test tasks) and the certified optimum of every test problem.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor

from analyses.profiles import Plan
from ml2o_core.evaluation import Curves, Tuned, curves, default_params, tune_step
from ml2o_core.methods import METHODS, Fitted, Pretrained, fit
from ml2o_core.optimizers.base import Params, UpdateRule
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.progress import Progress
from ml2o_core.spec import Spec
from ml2o_core.tasks.base import TaskFamily
from ml2o_theory.convex.referee import Reference, refer
from ml2o_theory.optima import CertifiedOptima, certified_optima
from ml2o_theory.optima.distance import distance_to_minimiser

ANALYTIC_LABELS = {
    "sgd": "SGD",
    "momentum": "Momentum",
    "adam": "Adam",
    "ista": "ISTA",
    "fista": "FISTA",
}

PROXIMAL = ("ista", "fista")
"""What LASSO is solved by with no step to choose; shown wherever the test is on LASSO."""


class Panel(Spec):
    """One panel of a figure: what the rules are adapted to and tested on."""

    label: str
    sigma: float | None = Field(None, description="standard deviation of the test matrices A")
    adaptation: TaskFamily
    test: TaskFamily


class Comparison(Spec):
    """Every setting of a comparison, resolved."""

    plan: Plan = Field(description="trainings and adaptation")
    panels: tuple[Panel, ...]
    test_steps: int = Field(500, ge=1)
    test_size: int = Field(128, ge=1, description="test problems for each replicate")
    tuned: tuple[str, ...] = Field(("sgd", "momentum", "adam"), description="with a tuned step")
    proximal: tuple[str, ...] = Field((), description="analytic rules with step 1/L")


@dataclass(frozen=True)
class PanelResult:
    """What was observed in one panel.

    `losses` by method name, shape (R, N, S+1), float64 on the CPU; `distances` likewise, of x_t
    from the certified points, which are themselves within `radius` (R, N) of the minimisers.
    `optima` (R, N) are those of the test problems, and `references` what CVXPY says of them.
    `scored` (R,) by method: the replicates that did not diverge, in training or on the test
    problems.
    """

    panel: Panel
    losses: dict[str, Tensor]
    scored: dict[str, Tensor]
    fitted: dict[str, Fitted]
    tuned: dict[str, Tuned]
    distances: dict[str, Tensor]
    radius: Tensor
    optima: CertifiedOptima
    references: tuple[Reference, ...]


def label(method: str) -> str:
    """What a method is called in figures and tables."""
    return METHODS[method].label if method in METHODS else ANALYTIC_LABELS[method]


def compare_panel(
    config: Comparison,
    panel: Panel,
    pretrained: Pretrained,
    device: torch.device | str,
    progress: Progress,
    *,
    compile: bool = False,
) -> PanelResult:
    """One panel: adapt, tune, run on the test problems, and solve them.

    `compile` compiles the runs on the test problems and those that steps are tuned by.
    """
    adapting = config.plan.adapting(panel.adaptation)
    fitted = fit(pretrained, adapting, device=device, progress=progress)
    tasks = {"seed": config.plan.meta.seed, "repeats": config.plan.meta.repeats}
    test = sample_problems(
        panel.test,
        purpose="test",
        size=config.test_size,
        device=device,
        dtype=torch.float64,
        **tasks,
    )
    tuning = tuning_problems(config.plan, panel.adaptation, device)
    # On the CPU, so that f* is the same wherever the methods run.
    optima = certified_optima(test.tasks.to("cpu", torch.float64))
    how = _How(config.test_steps, optima.points, progress, compile)
    found = _learned(config, fitted, test, panel.label, how)
    tuned = {}
    for name in config.tuned:
        rule = UpdateRule.lookup(name)()
        tuned[name] = tune_step(rule, tuning, config.test_steps, compile=compile, progress=progress)
        found[name] = how.run(rule, tuned[name].params, test, name)
    for name in config.proximal:
        rule = UpdateRule.lookup(name)()
        params = default_params(rule, config.plan.meta.repeats, device)
        found[name] = how.run(rule, params, test, name)
    losses = {name: run.losses.cpu() for name, run in found.items()}
    return PanelResult(
        panel,
        losses,
        scored(losses, fitted),
        fitted,
        tuned,
        {name: run.distances.cpu() for name, run in found.items()},
        distance_to_minimiser(test.tasks.to("cpu", torch.float64), optima),
        optima,
        refer(test.tasks, optima),
    )


def tuning_problems(planned: Plan, family: TaskFamily, device: torch.device | str) -> Problems:
    """The very tasks that the learned rules are adapted to: steps are tuned on them."""
    return sample_problems(
        family,
        seed=planned.meta.seed,
        purpose="adapt",
        repeats=planned.meta.repeats,
        size=planned.meta.batch_size,
        device=device,
        dtype=torch.float64,
    )


def scored(losses: dict[str, Tensor], fitted: dict[str, Fitted]) -> dict[str, Tensor]:
    """Which replicates (R,) of each method count: those that diverged neither here nor before."""
    # Of the mean, since losses that are finite can have a mean that is not.
    finite = {name: torch.isfinite(curve.mean(1)).all(1) for name, curve in losses.items()}
    return finite | {name: finite[name] & method.converged for name, method in fitted.items()}


@dataclass(frozen=True)
class _How:
    """How every method is run on a panel's test problems: for how long, and away from where."""

    steps: int
    places: Tensor
    progress: Progress
    compile: bool

    def run(
        self, rule: UpdateRule, params: Params, test: Problems, name: str, copies: int = 1
    ) -> Curves:
        """The curves on the test problems, which `test` has `copies` of."""
        return curves(
            rule,
            params,
            test,
            self.steps,
            torch.cat([self.places] * copies),
            compile=self.compile,
            progress=self.progress,
            label=f"test {name}",
        )


def _learned(
    config: Comparison, fitted: dict[str, Fitted], test: Problems, panel: str, how: _How
) -> dict[str, Curves]:
    """All learned methods in one run: they are further replicates on the same problems."""
    methods = list(fitted.values())
    stacked: Params = {
        name: torch.cat([method.params[name] for method in methods]) for name in methods[0].params
    }
    copies = len(methods)
    run = how.run(config.plan.meta.rule, stacked, test.repeat(copies), panel, copies)
    repeats = config.plan.meta.repeats
    parts = zip(run.losses.split(repeats), run.distances.split(repeats), strict=True)
    return {name: Curves(*part) for name, part in zip(fitted, parts, strict=True)}
