"""Least-squares data of every kind that the solvers promise to stand, for the tests of all three.

Condition numbers from 1 to 1e12; zero, repeated and negated columns; b = 0 and A = 0; shapes from
1 × 1 to 50 × 200.
"""

from __future__ import annotations

import torch
from hypothesis import event
from hypothesis import strategies as st
from torch import Tensor

SMALL = ((1, 1), (3, 3), (10, 10), (20, 10), (5, 10))
SHAPES = (*SMALL * 4, (50, 200))
"""The large one costs a second: one in twenty-one."""
KINDS = ("plain", "zero column", "repeated column", "negated column", "b = 0", "A = 0")


def conditioned(r: int, d: int, condition: float, seed: int) -> tuple[Tensor, Tensor]:
    """A (r, d) with singular values from 1 down to 1/condition, and b ~ U(0, 1)."""
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(r, d, generator=generator, dtype=torch.float64)
    U, sigma, Vh = torch.linalg.svd(normal, full_matrices=False)
    place = torch.linspace(0, 1, len(sigma), dtype=torch.float64)
    A = U @ torch.diag(condition**-place) @ Vh
    return A, torch.rand(r, generator=generator, dtype=torch.float64)


@st.composite
def data(draw: st.DrawFn) -> tuple[Tensor, Tensor, float, str]:
    """(A, b, condition, kind)."""
    r, d = draw(st.sampled_from(SHAPES))
    condition = 10.0 ** draw(st.integers(0, 12))
    kind = draw(st.sampled_from(KINDS))
    A, b = conditioned(r, d, condition, draw(st.integers(0, 2**32)))
    if kind == "zero column":
        A[:, -1] = 0
    elif kind in ("repeated column", "negated column") and d > 1:
        A[:, -1] = A[:, 0] if kind == "repeated column" else -A[:, 0]
    elif kind == "b = 0":
        b = torch.zeros_like(b)
    elif kind == "A = 0":
        A = torch.zeros_like(A)
    event(f"{kind}, {r} × {d}")
    event(f"condition {condition:.0e}")
    return A, b, condition, kind


def scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)
