"""Random quadratic pairs for `st.from_type(QuadraticPair)`, corners included; planted defects."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import event
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.checks import check_with
from ml2o_theory.constants.gain_quadratic import gain_instance, pair_constants, pair_region
from ml2o_theory.exact_quadratic import QuadraticPair
from ml2o_theory.regions import ParameterInterval
from ml2o_theory.registry import ladder_statement
from ml2o_theory.verdict import StatementCheck

ENTRIES = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-4, 4, width=32))


def tensors(*shape: int) -> st.SearchStrategy[Tensor]:
    size = torch.Size(shape).numel()
    values = st.lists(ENTRIES, min_size=size, max_size=size)
    return values.map(lambda v: torch.tensor(v, dtype=torch.float64).reshape(shape))


@st.composite
def pairs(draw: st.DrawFn) -> QuadraticPair:
    """d from 1 to 4; A zero, the identity (repeated eigenvalues), rank deficient, or with L = 1e6.

    The second task is unrelated, has the same A (Δ̃ = 0), or is the same (Δ = Δ̃ = 0).
    """
    d = draw(st.integers(1, 4))
    kind = draw(st.sampled_from(["any", "any", "zero", "identity", "rank 1", "L = 1e6"]))
    A = {"zero": torch.zeros(d, d).double(), "identity": torch.eye(d).double()}.get(kind)
    if A is None:
        A = draw(tensors(draw(st.integers(1, 4)), d))
    if kind == "rank 1":
        A = A[:1]
    if kind == "L = 1e6":
        A = A + 1e3 * torch.eye(*A.shape, dtype=torch.float64)
    first = QuadraticTask(A, draw(tensors(A.shape[0])))
    relation = draw(st.sampled_from(["unrelated", "same A", "same task"]))
    if relation == "same task":
        second = first
    elif relation == "same A":
        second = QuadraticTask(A, draw(tensors(A.shape[0])))
    else:
        second = QuadraticTask(draw(tensors(*A.shape)), draw(tensors(A.shape[0])))
    event(f"A: {kind}; second task: {relation}; d = {d}")
    return QuadraticPair(first, second, draw(tensors(d)))


st.register_type_strategy(QuadraticPair, pairs())


@pytest.fixture(scope="session")
def mutated() -> Callable[..., Callable[..., Any]]:
    """A function with one planted defect: its source with `old` replaced by `new`, run again."""

    def plant(function: Callable[..., Any], old: str, new: str) -> Callable[..., Any]:
        original = inspect.unwrap(function)
        source = textwrap.dedent(inspect.getsource(original))
        assert source.count(old) == 1, f"{old!r} is not in {original.__name__} once"
        namespace = dict(original.__globals__)
        exec("from __future__ import annotations\n" + source.replace(old, new), namespace)
        return namespace[original.__name__]

    return plant


Numbers = Sequence[float]


def diagonal(curvature: Numbers, target: Numbers) -> QuadraticTask:
    """½‖Ax − b‖² with A = diag(curvature)."""
    return QuadraticTask(
        torch.diag(torch.tensor(curvature, dtype=torch.float64)),
        torch.tensor(target, dtype=torch.float64),
    )


@pytest.fixture(scope="session")
def check_by_hand() -> Callable[..., StatementCheck]:
    """One check on diagonal tasks ½‖diag(a)x − b‖², `first` and `second` given as (a, b).

    Φ = [min φ, max φ]; a single task and a single start stand for both.
    """

    def check(
        name: str,
        T: int,
        first: tuple[Numbers, Numbers],
        starts: Sequence[Numbers],
        phis: tuple[float, float],
        second: tuple[Numbers, Numbers] | None = None,
    ) -> StatementCheck:
        x0, other = (torch.tensor(starts[k], dtype=torch.float64) for k in (0, -1))
        pair = QuadraticPair(diagonal(*first), diagonal(*(second or first)), x0, other)
        constants = pair_constants(pair, pair_region(pair, ParameterInterval(*sorted(phis)), T))
        (found,) = check_with(
            ladder_statement(name), gain_instance(pair, *phis), constants, [T], tasks="hand"
        )
        return found

    return check
