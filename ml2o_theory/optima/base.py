"""What is known about the minimal values f* of tasks: intervals, and where they come from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ml2o_core.errors import InvalidArgument

CLOSED = 1e-9
"""A gap of at most this share of the primal bound counts as closed."""

NEGLIGIBLE = 1e-12
"""So does one of at most this share of f at x = 0, for f* may be 0 (a fit without residual)."""


class SolverStatus(StrEnum):
    """What came of a problem. The bounds hold whatever it says."""

    CLOSED_FORM = "closed form"
    OPTIMAL = "optimal"
    """The gap is closed."""
    INACCURATE = "inaccurate"
    """The gap is open, or the solver says so itself."""
    FAILED = "failed"
    """No point."""


@dataclass(frozen=True)
class CertifiedOptimum:
    """dual ≤ f* ≤ primal; both are proved with outward rounding where `proved`.

    `primal` bounds f at `point`, an x of shape (d,). `kkt_residual` is the size of the smallest
    subgradient there, relative to the gradient of the fit at 0. A solver that fails gives no point,
    an infinite `primal`, and the `dual` bound 0 that holds for every loss here.
    """

    point: tuple[float, ...] | None
    primal: float
    dual: float
    solver: str
    status: SolverStatus
    kkt_residual: float = 0.0
    iterations: int = 0
    proved: bool = True

    def __post_init__(self) -> None:
        if not self.dual <= self.primal:
            raise InvalidArgument("dual", self.dual, f"at most the primal bound {self.primal}")
        if (self.status is SolverStatus.FAILED) != (self.point is None):
            raise InvalidArgument("point", self.point, "none exactly when the solver failed")

    @property
    def value(self) -> float:
        """f at the point (rounded up); inf when the solver failed."""
        return self.primal

    @property
    def gap(self) -> float:
        """primal − dual ≥ f(point) − f*."""
        return self.primal - self.dual


@dataclass(frozen=True, eq=False)
class CertifiedOptima:
    """The optima of a batch of tasks of shape `shape`, (N,) or (R, N); a sequence in that order.

    `points` (…, d), NaN where a solver failed; `primal`, `dual`, `kkt_residual`, `iterations` (…),
    float64 and int64 on the CPU; `status` and `solver` of each problem, replicate 0 first. The
    meaning is that of `CertifiedOptimum`, which indexing gives.
    """

    points: Float[Tensor, "*shape d"]
    primal: Float[Tensor, "*shape"]
    dual: Float[Tensor, "*shape"]
    kkt_residual: Float[Tensor, "*shape"]
    iterations: Int[Tensor, "*shape"]
    status: tuple[SolverStatus, ...]
    solver: tuple[str, ...]
    proved: bool = True

    def __post_init__(self) -> None:
        if not bool((crossed := ~(self.dual <= self.primal)).logical_not().all()):
            where = int(crossed.flatten().double().argmax())
            shown, allowed = self.dual.flatten()[where], self.primal.flatten()[where]
            raise InvalidArgument("dual", shown.item(), f"at most the primal bound {allowed:g}")
        failed = torch.tensor([s is SolverStatus.FAILED for s in self.status], dtype=torch.bool)
        missing = ~self.points.isfinite().all(-1).flatten()
        if not torch.equal(failed, missing):
            raise InvalidArgument("points", "a mismatch", "none exactly where the solver failed")

    @classmethod
    def joined(cls, parts: Sequence[tuple[Tensor, Self]], shape: tuple[int, ...]) -> Self:
        """One batch of `shape` from parts of it, each with the flat indices of its problems."""
        order = torch.cat([where.cpu() for where, _ in parts]).argsort()

        def together(tensors: Sequence[Tensor]) -> Tensor:
            joined = torch.cat(list(tensors))[order]
            return joined.reshape(*shape, *joined.shape[1:])

        found = [part for _, part in parts]
        status = [word for part in found for word in part.status]
        solver = [name for part in found for name in part.solver]
        return cls(
            together([part.points for part in found]),
            together([part.primal for part in found]),
            together([part.dual for part in found]),
            together([part.kkt_residual for part in found]),
            together([part.iterations for part in found]),
            tuple(status[place] for place in order.tolist()),
            tuple(solver[place] for place in order.tolist()),
            proved=all(part.proved for part in found),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the batch of tasks."""
        return tuple(self.primal.shape)

    @property
    def gap(self) -> Float[Tensor, "*shape"]:
        """primal − dual ≥ f(point) − f*; inf where the solver failed."""
        return self.primal - self.dual

    @property
    def relative_gap(self) -> Float[Tensor, "*shape"]:
        """gap / primal; 0 where the gap is 0, and ∞ where the solver failed."""
        return torch.where(self.gap > 0, self.gap / self.primal, 0.0).nan_to_num(torch.inf)

    def excess(self, losses: Float[Tensor, "*losses"]) -> Float[Tensor, "*losses"]:
        """f − f* from above, for losses (*shape, …) of the same problems: max(f − dual, gap).

        The first axis may hold several copies, as those of `Problems.repeat`. Never below the
        certificate's own gap; where the solver failed there is none, but f − dual is still an upper
        bound.
        """
        dual, gap = (spread(end, losses) for end in (self.dual, self.gap))
        return torch.maximum(losses - dual, gap.where(gap.isfinite(), 0.0))

    def mean_excess(self, means: Float[Tensor, "R S"]) -> Float[Tensor, "R S"]:
        """The mean of f − f* over the N problems, from above, for optima (R, N) and mean losses.

        Never below the mean of the certificates' gaps, if each has one.
        """
        dual, gap = (end.mean(1, keepdim=True) for end in (self.dual, self.gap))
        return torch.maximum(means - dual, gap.where(gap.isfinite(), 0.0))

    def __len__(self) -> int:
        return math.prod(self.shape)

    def __iter__(self) -> Iterator[CertifiedOptimum]:
        return (self[index] for index in product(*map(range, self.shape)))

    def __getitem__(self, index: int | tuple[int, ...]) -> CertifiedOptimum:
        """One optimum, by its full index."""
        index = (index,) if isinstance(index, int) else index
        if len(index) != len(self.shape):
            raise InvalidArgument("index", index, f"an index into shape {self.shape}")
        place = 0
        for position, size in zip(index, self.shape, strict=True):
            if not -size <= position < size:
                raise IndexError(index)
            place = place * size + position % size
        point, status = self.points[index], self.status[place]
        return CertifiedOptimum(
            point=None if status is SolverStatus.FAILED else tuple(point.tolist()),
            primal=self.primal[index].item(),
            dual=self.dual[index].item(),
            solver=self.solver[place],
            status=status,
            kkt_residual=self.kkt_residual[index].item(),
            iterations=int(self.iterations[index].item()),
            proved=self.proved,
        )


def spread(values: Float[Tensor, "*shape"], over: Tensor) -> Tensor:
    """One value a problem, ready to meet `over` (copies · R, …): repeated for every copy."""
    copies = over.shape[0] // values.shape[0]
    more = (1,) * (over.ndim - values.ndim)
    return torch.cat([values] * copies).reshape(*over.shape[: values.ndim], *more)


def certified(
    points: Float[Tensor, "N d"],
    primal: Float[Tensor, " N"],
    dual: Float[Tensor, " N"],
    scale: Float[Tensor, " N"],
    *,
    kkt_residual: Float[Tensor, " N"],
    iterations: Int[Tensor, " N"],
    solver: str,
    closed_form: bool = False,
) -> CertifiedOptima:
    """A batch of shape (N,) with its statuses, from the gaps; `scale` is f at x = 0.

    A point that is not finite, or has no finite bound, is a failure.
    """
    failed = ~(points.isfinite().all(-1) & primal.isfinite())
    gap = primal - dual
    closed = (gap <= CLOSED * primal) | (gap <= NEGLIGIBLE * scale)
    good = SolverStatus.CLOSED_FORM if closed_form else SolverStatus.OPTIMAL
    status = tuple(
        SolverStatus.FAILED if f else good if c else SolverStatus.INACCURATE
        for f, c in zip(failed.tolist(), closed.tolist(), strict=True)
    )
    kkt_residual = kkt_residual.masked_fill(failed, math.inf)
    return CertifiedOptima(
        points.masked_fill(failed.unsqueeze(-1), math.nan).cpu(),
        primal.masked_fill(failed, math.inf).cpu(),
        dual.cpu(),
        kkt_residual.cpu(),
        iterations.cpu(),
        status,
        (solver,) * len(points),
    )
