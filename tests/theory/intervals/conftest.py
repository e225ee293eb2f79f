"""Random intervals with every corner of float64, points inside them, and arb as the judge."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TypeAlias

import pytest
import torch
from flint import arb
from hypothesis import event
from hypothesis import strategies as st
from torch import Tensor

from ml2o_theory.arithmetic import precision
from ml2o_theory.intervals.tensor import IntervalTensor

LARGEST = torch.finfo(torch.float64).max
CORNERS = [0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 2.0**-1022, 1e-160, 1e160, 1e308, -1e308, LARGEST]
FINITE = st.one_of(
    st.sampled_from(CORNERS), st.floats(-4, 4), st.floats(allow_nan=False, allow_infinity=False)
)
SIZE = 3

EXACT_BITS = 4400
"""Enough for sums of products of any floats without rounding: 2¹⁰²⁴·2¹⁰²⁴ down to 2⁻²¹⁴⁸."""

Draw: TypeAlias = Callable[[IntervalTensor], st.SearchStrategy[Tensor]]
Judge: TypeAlias = Callable[[IntervalTensor, Iterable[arb]], bool]


@st.composite
def intervals(draw: st.DrawFn) -> IntervalTensor:
    """Three intervals: degenerate, touching 0, around 0, narrow, wide, or without an end."""
    ends = []
    for _ in range(SIZE):
        one, other = draw(FINITE), draw(FINITE)
        kind = draw(st.sampled_from(["any", "any", "point", "narrow", "touches 0", "infinite"]))
        if kind == "point":
            other = one
        elif kind == "narrow":
            other = math.nextafter(one, 0.0)
        elif kind == "touches 0":
            other = 0.0
        elif kind == "infinite":
            other = draw(st.sampled_from([math.inf, -math.inf]))
        event(f"interval: {kind}")
        ends.append(sorted([one, other]))
    lower, upper = torch.tensor(ends, dtype=torch.float64).unbind(-1)
    if draw(st.booleans()) and bool(lower.isfinite().all()):
        return IntervalTensor.exactly(lower)
    return IntervalTensor(lower, upper)


st.register_type_strategy(IntervalTensor, intervals())


@pytest.fixture(scope="session")
def inside() -> Draw:
    """A strategy for float points of an interval tensor, its corners among them."""

    def points(interval: IntervalTensor) -> st.SearchStrategy[Tensor]:
        lower = interval.lower.clamp(-LARGEST, LARGEST).flatten().tolist()
        upper = interval.upper.clamp(-LARGEST, LARGEST).flatten().tolist()
        entries = [
            st.one_of(st.sampled_from([low, high]), st.floats(low + 0.0, high + 0.0))
            for low, high in zip(lower, upper, strict=True)
        ]
        return st.tuples(*entries).map(
            lambda values: torch.tensor(values, dtype=torch.float64).reshape(interval.shape)
        )

    return points


@pytest.fixture(scope="session")
def encloses() -> Judge:
    """Whether each entry, in reading order, contains the exact number it should.

    To the accuracy of the ball that stands for the number: sums and products are without error.
    """

    def judge(interval: IntervalTensor, exact: Iterable[arb]) -> bool:
        ends = zip(
            interval.lower.flatten().tolist(), interval.upper.flatten().tolist(), strict=True
        )
        with precision(EXACT_BITS):
            return not any(
                bool(value < arb(low)) or bool(value > arb(high))
                for (low, high), value in zip(ends, exact, strict=True)
            )

    return judge
