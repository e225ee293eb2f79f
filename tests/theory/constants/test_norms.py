"""Spectral norms and trust-region problems: certified ends, tight where they can be."""

from __future__ import annotations

import pytest
import torch
from flint import arb, arb_mat
from hypothesis import event, given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.results import EndMethod
from ml2o_theory.arithmetic import identity, matrix, norm, precision, vector
from ml2o_theory.constants.spectral import cholesky, spectral_norm
from ml2o_theory.constants.trust_region import affine_norm_on_ball

TIGHT = 1e-13
"""The certificates are tried from 1e-14 above the float guess."""

ENTRIES = st.one_of(st.sampled_from([0.0, 1.0, -2.0]), st.floats(-9, 9, width=32))


def arrays(*shape: int) -> st.SearchStrategy[Tensor]:
    size = torch.Size(shape).numel()
    values = st.lists(ENTRIES, min_size=size, max_size=size)
    return values.map(lambda v: torch.tensor(v, dtype=torch.float64).reshape(shape))


@st.composite
def affine_maps(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    n, d = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    K = draw(arrays(n, d))
    kind = draw(st.sampled_from(["any", "isotropic", "hard case", "zero"]))
    k = draw(arrays(n))
    if kind == "isotropic":
        K = torch.eye(n, d, dtype=torch.float64) * 3  # repeated singular values
    if kind == "hard case":
        K, k = torch.eye(n, d, dtype=torch.float64), torch.zeros(n, dtype=torch.float64)
        K[0, 0], k[-1] = 2.0, 1.0  # k has no part along the leading singular vector
    if kind == "zero":
        K = torch.zeros_like(K)
    event(kind)
    return K, k


RADII = st.sampled_from(["0", "1", "1e-5", "1e3", "1e-400", "1e6000"])


@given(affine_maps(), RADII, st.lists(st.floats(-1, 1), min_size=4, max_size=4))
def test_no_point_of_the_ball_exceeds_the_certified_supremum(
    problem: tuple[Tensor, Tensor], radius: str, point: list[float]
) -> None:
    K, k = matrix(problem[0]), vector(problem[1])
    with precision():
        r = arb(radius).lower().max(arb(0))
        found = affine_norm_on_ball(K, k, r)
        u = vector(torch.tensor(point[: K.ncols()], dtype=torch.float64))
        inside = r * u / norm(u).max(arb(1))
        assert norm(K * inside + k).lower() <= found.upper.upper()
        assert found.lower.lower() <= found.upper.upper()
        at_witness = r * vector(found.direction) / norm(vector(found.direction)).max(arb(1))
        assert norm(K * at_witness + k).overlaps(found.lower)


@given(affine_maps(), RADII)
def test_the_supremum_is_enclosed_tightly(problem: tuple[Tensor, Tensor], radius: str) -> None:
    with precision():
        r = arb(radius).lower().max(arb(0))
        found = affine_norm_on_ball(matrix(problem[0]), vector(problem[1]), r)
        assert found.upper <= found.lower.lower() * (1 + TIGHT)


def test_the_supremum_in_closed_form() -> None:
    """‖(2u₁, u₂ + 1)‖² on the unit ball is largest at u₂ = 1/3: 16/3."""
    with precision():
        found = affine_norm_on_ball(arb_mat([[2, 0], [0, 1]]), arb_mat([[0], [1]]), arb(1))
        exact = (arb(16) / 3).sqrt()
        assert found.lower <= exact.upper()
        assert exact.lower() <= found.upper
    assert found.upper_by is EndMethod.DUAL_CERTIFICATE


@given(affine_maps())
def test_the_spectral_norm_is_enclosed_tightly(problem: tuple[Tensor, Tensor]) -> None:
    K = problem[0]
    with precision():
        lower, upper, v = spectral_norm(matrix(K))
        assert norm(matrix(K) * vector(v)).overlaps(lower * norm(vector(v)))
        assert upper <= lower.lower() * (1 + TIGHT)
    reference = torch.linalg.matrix_norm(K, 2).item()
    assert float(upper) == pytest.approx(reference, rel=1e-12, abs=1e-300)


def test_cholesky_refuses_what_is_not_certainly_positive_definite() -> None:
    with precision():
        assert cholesky(identity(3)) is not None
        assert cholesky(arb_mat([[1, 2], [2, 1]])) is None
        assert cholesky(arb_mat([[1, 1], [1, 1]])) is None
        assert cholesky(arb_mat([[1, 0], [0, arb(1e-30, 1e-29)]])) is None


def test_cholesky_gives_the_factor() -> None:
    A = torch.tensor([[2.0, 1.0], [0.5, 3.0]])
    with precision():
        S = matrix(A.mT @ A)
        L = cholesky(S)
        assert L is not None
        assert (L * L.transpose()).contains(S)
