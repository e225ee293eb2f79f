"""The certified optima of every family: how they spread, how well they are known, what they cost.

For each family and σ: the distribution of f* over problems and over batches, duality gaps, seconds,
and what CVXPY's two solvers say of the same problems. Beside it the entries of the paper's Table 1:
which of them lie at the optimum itself? Run it alone with `ml2o run optima`; the preset `standard`
has the 100 batches that THEORY's fact 8 is about.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import Field

from analyses.artefact import Artefact, Chapter, Finding, main
from analyses.optima_page import findings, section
from analyses.optimum_rows import optimum_rows
from analyses.rendering.blocks import Section
from analyses.settings import Preset, RunSettings
from ml2o_core.problems import sample_problems
from ml2o_core.progress import Progress
from ml2o_core.results import OptimaRow, PrintedRow, PrintedVerdict, Results, Row, row_id
from ml2o_core.spec import Spec
from ml2o_core.statistics import clopper_pearson
from ml2o_core.tasks.base import TaskBatch, TaskFamily
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.least_squares import LeastSquaresFamily
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.tasks.rosenbrock import Rosenbrock
from ml2o_core.tasks.smoothed_lasso import SmoothedLasso
from ml2o_theory.convex.formulation import has_formulation
from ml2o_theory.convex.referee import Reference, refer
from ml2o_theory.optima import CertifiedOptima, SolverStatus, certified_optima
from ml2o_theory.optima.distance import distance_to_minimiser
from ml2o_theory.printed import TABLE_1, TABLE_1_SIGMAS

LEVEL = 0.95
TRAINING = "the training mixture"

BATCHES = {Preset.QUICK: 4, Preset.STANDARD: 100, Preset.PAPER: 100}
REFERRED = {Preset.QUICK: (1, 8), Preset.STANDARD: (10, 128), Preset.PAPER: (100, 128)}
"""Batches of each distribution, and problems of each, that CVXPY solves too: some 12 ms each."""

FAMILIES: tuple[type[LeastSquaresFamily], ...] = (Lasso, SmoothedLasso, Quadratic)


class Distribution(Spec):
    """One distribution of problems."""

    label: str
    sigma: float | None = None
    family: TaskFamily


class OptimaConfig(Spec):
    """What is solved."""

    seed: int
    distributions: tuple[Distribution, ...]
    batches: int = Field(ge=1, description="batches of each distribution")
    size: int = Field(128, ge=1, description="problems in a batch")
    referred: tuple[int, int] = Field(
        description="batches of each distribution, and problems of each, that CVXPY solves too"
    )


class Optima(Artefact):
    """Certified optima by family and σ, beside CVXPY and beside the paper's Table 1."""

    name: ClassVar[str] = "optima"
    title: ClassVar[str] = "Certified optima"
    chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS
    devices: ClassVar[tuple[str, ...]] = ("cpu",)

    def configuration(self, settings: RunSettings) -> OptimaConfig:
        return OptimaConfig(
            seed=settings.seed,
            distributions=distributions(),
            batches=settings.repeats or BATCHES[settings.preset],
            referred=REFERRED[settings.preset],
        )

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        config = self.configuration(settings)
        rows: list[Row] = []
        with progress.task("certified optima", len(config.distributions)) as advance:
            for distribution in config.distributions:
                rows += _rows(self.name, config, distribution)
                advance()
        return rows

    def findings(self, results: Results) -> Sequence[Finding]:
        return findings(results)

    def section(self, results: Results) -> Section:
        return section(results)


def distributions() -> tuple[Distribution, ...]:
    """Every family on its training mixture and on A ~ N(0, σ²), and Rosenbrock."""
    found = []
    for family in FAMILIES:
        found.append(Distribution(label=TRAINING, family=family.uniform_mixture()))
        found += [
            Distribution(label=f"σ = {sigma:g}", sigma=sigma, family=family.normal(sigma))
            for sigma in (0.1, 1.0, *TABLE_1_SIGMAS)
        ]
    return (*found, Distribution(label="the one valley", family=Rosenbrock()))


def _rows(artefact: str, config: OptimaConfig, distribution: Distribution) -> list[Row]:
    problems = sample_problems(
        distribution.family,
        seed=config.seed,
        purpose="optima",
        repeats=config.batches,
        size=config.size,
    )
    # The first batch pays for what is loaded once.
    certified_optima(_part(problems.tasks, 1, config.size))
    begun = time.perf_counter()
    optima = certified_optima(problems.tasks)
    seconds = time.perf_counter() - begun
    references: tuple[Reference, ...] = ()
    rows: list[Row] = []
    if has_formulation(problems.tasks.task_type):
        part = _part(problems.tasks, *config.referred)
        some = certified_optima(part)
        references = refer(part, some)
        rows += optimum_rows(
            some,
            references,
            ids=lambda r: row_id(artefact, distribution.family.name, distribution.label, f"b={r}"),
            problem=lambda r: f"mean of {part.shape[1]} problems of batch {r}",
            artefact=artefact,
            family=distribution.family.name,
            distribution=distribution.label,
            sigma=distribution.sigma,
        )
    rows.append(_summary(artefact, distribution, problems.tasks, optima, references, seconds))
    if isinstance(distribution.family, Lasso) and distribution.sigma in TABLE_1_SIGMAS:
        rows += _printed(artefact, distribution.sigma, optima)
    return rows


def _part(tasks: TaskBatch, batches: int, size: int) -> TaskBatch:
    """The first problems of the first batches, at most as many as there are."""
    tensors = {name: value[:batches, :size] for name, value in tasks.tensors.items()}
    return TaskBatch(tasks.task_type, tensors, (*next(iter(tensors.values())).shape[:2],))


def _summary(
    artefact: str,
    distribution: Distribution,
    tasks: TaskBatch,
    optima: CertifiedOptima,
    references: tuple[Reference, ...],
    seconds: float,
) -> OptimaRow:
    values, means = optima.primal.flatten(), optima.primal.mean(1)
    low, median, high = (values.quantile(share).item() for share in (0.05, 0.5, 0.95))
    # f* = 0 up to rounding: its logarithm would be that of the rounding.
    vanishes = bool((optima.dual == 0).all())
    logs = means.log()
    start = torch.ones_like(optima.primal)
    if "b" in tasks.tensors:
        start = tasks.tensors["b"].square().sum(-1).cpu() / 2
    size = start if vanishes else optima.primal
    gaps = (optima.gap / size).flatten()
    largest = values.topk(math.ceil(len(values) / 20)).values.sum() / values.sum()
    distance = distance_to_minimiser(tasks, optima).max().item()
    referred = references[0].reported.numel() if references else 0
    agreed = torch.stack([found.solved for found in references]).all(0) if references else None
    fastest = min((found.seconds for found in references), default=None)
    return OptimaRow(
        id=row_id(artefact, distribution.family.name, distribution.label),
        artefact=artefact,
        family=distribution.family.name,
        distribution=distribution.label,
        sigma=distribution.sigma,
        batches=optima.shape[0],
        problems=optima.shape[1],
        median=median,
        quantile05=low,
        quantile95=high,
        mean_ln=None if vanishes else logs.mean().item(),
        sd_ln=None if vanishes or len(logs) == 1 else logs.std().item(),
        worst=None if vanishes else largest.item(),
        gap=gaps.max().item(),
        gap90=gaps.quantile(0.9).item(),
        open=sum(s in (SolverStatus.INACCURATE, SolverStatus.FAILED) for s in optima.status),
        distance=distance if math.isfinite(distance) else None,
        seconds=seconds,
        solver=", ".join(sorted(set(optima.solver))),
        referred=referred,
        agreed=0 if agreed is None else int(agreed.sum()),
        reference_seconds=None if fastest is None else fastest * len(values) / referred,
        reference_solver=" and ".join(found.solver for found in references) or None,
        reason="" if references else "CVXPY has no formulation of the family",
    )


def _printed(artefact: str, sigma: float, optima: CertifiedOptima) -> list[PrintedRow]:
    """Every entry of Table 1 at one σ; a batch's certified interval is [ln mean dual, primal]."""
    lower, upper = optima.dual.mean(1).log(), optima.primal.mean(1).log()
    ends = [upper.quantile(share).item() for share in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)]
    rows = []
    for method, entries in TABLE_1.items():
        printed = entries[TABLE_1_SIGMAS.index(sigma)]
        below = int((lower > printed).sum())
        share = clopper_pearson(below, len(lower), LEVEL)
        verdict = (
            PrintedVerdict.ABOVE
            if printed > ends[1]
            else PrintedVerdict.BELOW
            if printed < ends[0]
            else PrintedVerdict.AT_THE_OPTIMUM
        )
        rows.append(
            PrintedRow(
                id=row_id(artefact, "table-1", method, f"σ={sigma:g}"),
                artefact=artefact,
                source="Table 1",
                method=method,
                sigma=sigma,
                printed=printed,
                optimum=upper.mean().item(),
                lower=ends[0],
                upper=ends[1],
                batches=len(lower),
                width=(upper - lower).max().item(),
                below=below,
                share=share.mean,
                share_lower=share.lower,
                share_upper=share.upper,
                level=LEVEL,
                verdict=verdict,
            )
        )
    return rows


if __name__ == "__main__":
    main("optima")
