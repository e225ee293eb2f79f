"""Rows of optima: the mean over the problems of a replicate, with CVXPY's value beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from ml2o_core.results import Interval, OptimumRow
from ml2o_theory.convex.referee import Reference
from ml2o_theory.optima import CertifiedOptima


def optimum_rows(
    optima: CertifiedOptima,
    references: Sequence[Reference],
    *,
    ids: Callable[[int], str],
    problem: Callable[[int], str],
    **columns: Any,
) -> list[OptimumRow]:
    """One row for each replicate of optima of shape (R, N); `columns` are those they share.

    The reference is the mean of what the first CVXPY solver reports; where it failed for a problem,
    of what the next one does. `refer` has held all of them against the certificates.
    """
    reported = torch.full_like(optima.primal, math.nan)
    for found in references:
        reported = torch.where(reported.isnan(), found.reported, reported)
    size = optima.shape[1]
    return [
        OptimumRow(
            id=ids(r),
            problem=problem(r),
            value=Interval.between(optima.dual[r].mean().item(), optima.primal[r].mean().item()),
            gap=_finite(optima.gap[r].max().item()),
            solver=", ".join(sorted(set(optima.solver[r * size : (r + 1) * size]))),
            reference=_finite(reported[r].mean().item()),
            reference_solver=" and ".join(found.solver for found in references) or None,
            **columns,
        )
        for r in range(optima.shape[0])
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
