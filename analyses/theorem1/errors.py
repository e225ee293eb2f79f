r"""The observed error E_M = g³(φ) − g³(φ³_*) of an adapted φ, enclosed without knowing φ³_*.

Here g³ is the mean of the final losses l(x_T) over one batch of test problems, a batch risk. No φ
does better than every problem's own optimum, and φ³_* does at least as well as any φ that was
found, so with f* the mean of the certified optima

    g³(φ) − min over found φ' of g³(φ')  ≤  E_M  ≤  g³(φ) − f*.

Found are the adapted φ themselves, those before adaptation, and one that went on training on the
testing distribution itself. Losses are float64 evaluations, whose rounding is far below what is
printed; f* is a dual bound in ball arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from analyses.optimum_rows import optimum_rows as rows_of_optima
from ml2o_core.evaluation import curves
from ml2o_core.optimizers.base import Params, UpdateRule
from ml2o_core.problems import Problems
from ml2o_core.results import ConstantRow, EndMethod, Interval, OptimumRow, row_id
from ml2o_theory.convex.referee import Reference, refer
from ml2o_theory.optima import CertifiedOptima, certified_optima
from ml2o_theory.optima.distance import distance_to_minimiser, from_minimiser


@dataclass(frozen=True)
class Errors:
    """Batch risks after t = 0 … T steps, each (R, T+1), by what gave φ; the optima (R, N).

    `adapted` are those whose error is asked for, `others` those that only help the lower end.
    `distances` (R, T+1) are the mean distances ‖x_t − x*‖ of the adapted, from above.
    """

    adapted: Mapping[str, Float[Tensor, "R T"]]
    others: Mapping[str, Float[Tensor, "R T"]]
    distances: Mapping[str, Float[Tensor, "R T"]]
    optima: CertifiedOptima
    references: tuple[Reference, ...] = ()

    @property
    def replicates(self) -> int:
        return len(next(iter(self.adapted.values())))

    @property
    def best(self) -> Float[Tensor, "R T"]:
        """The lowest risk of any φ, for each replicate and each t."""
        found = torch.stack([*self.adapted.values(), *self.others.values()])
        return torch.nan_to_num(found, nan=torch.inf).amin(0)

    def lower(self, method: str) -> Float[Tensor, "R T"]:
        """g³(φ) − the best found; ≥ 0, since φ is itself among those found."""
        return self.adapted[method] - self.best

    def upper(self, method: str) -> Float[Tensor, "R T"]:
        """g³(φ) − f*, from above; never below the mean gap of the optima's certificates."""
        return self.optima.mean_excess(self.adapted[method])

    def over_seeds(self, method: str, t: int) -> Interval:
        """From the smallest lower end to the largest upper end of any seed after t steps."""
        lower, upper = self.lower(method)[:, t], self.upper(method)[:, t]
        finite = torch.isfinite(lower) & torch.isfinite(upper)
        if not finite.any():
            return Interval.at_least(0)
        return Interval.between(lower[finite].min().item(), upper[finite].max().item())

    @property
    def standstill(self) -> Float[Tensor, " R"]:
        """l(x_0) − f*, from above: the error of the rule that never moves."""
        return next(iter(self.upper(name) for name in self.adapted))[:, 0]


def errors(
    rule: UpdateRule,
    adapted: Mapping[str, Params],
    others: Mapping[str, Params],
    test: Problems,
    T: int,
) -> Errors:
    """Run every φ (leading axis R) on `test` (R, N) for T steps, all in one batch."""
    everything = {**adapted, **others}
    stacked = {
        name: torch.cat([params[name] for params in everything.values()])
        for name in next(iter(everything.values()))
    }
    tasks = test.tasks.to("cpu", torch.float64)
    optima = certified_optima(tasks)
    copies = len(everything)
    run = curves(rule, stacked, test.repeat(copies), T, torch.cat([optima.points] * copies))
    apart = from_minimiser(run.distances.cpu(), distance_to_minimiser(tasks, optima))
    risks, distances = (
        dict(zip(everything, values.mean(1).split(tasks.shape[0]), strict=True))
        for values in (run.losses.cpu(), apart)
    )
    return Errors(
        {name: risks[name] for name in adapted},
        {name: risks[name] for name in others},
        {name: distances[name] for name in adapted},
        optima,
        refer(test.tasks, optima),
    )


def error_rows(
    artefact: str, part: str, found: Errors, symbols: Mapping[str, str], test: str, T: int
) -> list[ConstantRow]:
    """One enclosure for each method and seed; `symbols` names the error of each method."""
    rows = []
    for method, symbol in symbols.items():
        ends = zip(found.lower(method)[:, T], found.upper(method)[:, T], strict=True)
        for seed, (lower, upper) in enumerate(ends):
            if not (torch.isfinite(lower) and torch.isfinite(upper)):
                continue
            rows.append(
                ConstantRow(
                    id=row_id(artefact, part, "error", method, f"seed={seed}"),
                    artefact=artefact,
                    symbol=symbol,
                    subject=f"{method}; training seed {seed}",
                    value=Interval.between(lower.item(), upper.item()),
                    lower_method=EndMethod.SEARCHED,
                    upper_method=EndMethod.DUAL_CERTIFICATE,
                    norm="absolute value",
                    region=f"final loss at T = {T}, {test}",
                )
            )
    return rows


def optimum_rows(
    artefact: str, part: str, found: Errors, family: str, distribution: str, sigma: float
) -> list[OptimumRow]:
    """The mean optimum of each replicate's test problems."""
    return rows_of_optima(
        found.optima,
        found.references,
        ids=lambda r: row_id(artefact, part, "optimum", f"seed={r}"),
        problem=lambda r: f"mean of {found.optima.shape[1]} test problems, seed {r}",
        artefact=artefact,
        family=family,
        distribution=distribution,
        sigma=sigma,
    )
