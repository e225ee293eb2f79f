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

from ml2o_core.evaluation import Tuned, default_params, loss_curves, tune_step
from ml2o_core.meta.config import TrainConfig, adaptation
from ml2o_core.methods import METHODS, Fitted, Pretrained, fit, pretrain
from ml2o_core.optimizers.base import Params, UpdateRule
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.progress import Progress
from ml2o_core.spec import Spec
from ml2o_core.tasks.base import TaskFamily
from ml2o_theory.convex.referee import Reference, refer
from ml2o_theory.optima import CertifiedOptima, certified_optima

ANALYTIC_LABELS = {
    "sgd": "SGD",
    "momentum": "Momentum",
    "adam": "Adam",
    "ista": "ISTA",
    "fista": "FISTA",
}


class Panel(Spec):
    """One panel of a figure: what the rules are adapted to and tested on."""

    label: str
    sigma: float | None = Field(None, description="standard deviation of the test matrices A")
    adaptation: TaskFamily
    test: TaskFamily


class Comparison(Spec):
    """Every setting of a comparison, resolved."""

    meta: TrainConfig = Field(description="M-L2O's training")
    plain_windows: int = Field(ge=1, description="windows of TL's and DT's training")
    adaptation_windows: int = Field(5, ge=1, description="adaptation steps, one window each")
    panels: tuple[Panel, ...]
    test_steps: int = Field(500, ge=1)
    test_size: int = Field(128, ge=1, description="test problems for each replicate")
    tuned: tuple[str, ...] = Field(("sgd", "momentum", "adam"), description="with a tuned step")
    proximal: tuple[str, ...] = Field((), description="analytic rules with step 1/L")


@dataclass(frozen=True)
class PanelResult:
    """What was observed in one panel.

    `losses` by method name, shape (R, N, S+1), float64 on the CPU. `optima` (R, N) are those of the
    test problems, and `references` what CVXPY says of them. `scored` (R,) by method: the replicates
    that did not diverge, in training or on the test problems.
    """

    panel: Panel
    losses: dict[str, Tensor]
    scored: dict[str, Tensor]
    fitted: dict[str, Fitted]
    tuned: dict[str, Tuned]
    optima: CertifiedOptima
    references: tuple[Reference, ...]


@dataclass(frozen=True)
class ComparisonResult:
    """The trainings, and what came of them in every panel."""

    config: Comparison
    pretrained: Pretrained
    panels: list[PanelResult]


def label(method: str) -> str:
    """What a method is called in figures and tables."""
    return METHODS[method].label if method in METHODS else ANALYTIC_LABELS[method]


def compare(config: Comparison, device: torch.device | str, progress: Progress) -> ComparisonResult:
    """Run the comparison."""
    pretrained = pretrain(config.meta, config.plain_windows, device=device, progress=progress)
    panels = [_panel(config, panel, pretrained, device, progress) for panel in config.panels]
    return ComparisonResult(config, pretrained, panels)


def _panel(
    config: Comparison,
    panel: Panel,
    pretrained: Pretrained,
    device: torch.device | str,
    progress: Progress,
) -> PanelResult:
    adapting = adaptation(config.meta, panel.adaptation, config.adaptation_windows)
    fitted = fit(pretrained, adapting, device=device, progress=progress)
    tasks = {"seed": config.meta.seed, "repeats": config.meta.repeats}
    test = sample_problems(
        panel.test,
        purpose="test",
        size=config.test_size,
        device=device,
        dtype=torch.float64,
        **tasks,
    )
    # The very tasks that the learned rules are adapted to.
    tuning = sample_problems(
        panel.adaptation,
        purpose="adapt",
        size=config.meta.batch_size,
        device=device,
        dtype=torch.float64,
        **tasks,
    )
    losses = _learned(config, fitted, test, panel.label, progress)
    tuned = {}
    for name in config.tuned:
        rule = UpdateRule.lookup(name)()
        tuned[name] = tune_step(rule, tuning, config.test_steps, progress=progress)
        losses[name] = _run(rule, tuned[name].params, test, config.test_steps, progress)
    for name in config.proximal:
        rule = UpdateRule.lookup(name)()
        params = default_params(rule, config.meta.repeats, device)
        losses[name] = _run(rule, params, test, config.test_steps, progress)
    optima = certified_optima(test.tasks)
    references = refer(test.tasks, optima)
    return PanelResult(panel, losses, scored(losses, fitted), fitted, tuned, optima, references)


def scored(losses: dict[str, Tensor], fitted: dict[str, Fitted]) -> dict[str, Tensor]:
    """Which replicates (R,) of each method count: those that diverged neither here nor before."""
    # Of the mean, since losses that are finite can have a mean that is not.
    finite = {name: torch.isfinite(curve.mean(1)).all(1) for name, curve in losses.items()}
    return finite | {name: finite[name] & method.converged for name, method in fitted.items()}


def _learned(
    config: Comparison,
    fitted: dict[str, Fitted],
    test: Problems,
    panel: str,
    progress: Progress,
) -> dict[str, Tensor]:
    """All learned methods in one run: they are further replicates on the same problems."""
    methods = list(fitted.values())
    stacked: Params = {
        name: torch.cat([method.params[name] for method in methods]) for name in methods[0].params
    }
    curves = loss_curves(
        config.meta.rule,
        stacked,
        test.repeat(len(methods)),
        config.test_steps,
        progress=progress,
        label=f"test {panel}",
    ).cpu()
    return dict(zip(fitted, curves.split(config.meta.repeats), strict=True))


def _run(
    rule: UpdateRule, params: Params, test: Problems, steps: int, progress: Progress
) -> Tensor:
    return loss_curves(
        rule, params, test, steps, progress=progress, label=f"test {rule.name}"
    ).cpu()
