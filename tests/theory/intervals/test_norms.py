"""Certified norms and eigenvalues: never on the wrong side, and tight."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from flint import arb, arb_mat
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_theory.arithmetic import exact, matrix, norm, precision
from ml2o_theory.constants.spectral import spectral_norm
from ml2o_theory.intervals import norms
from ml2o_theory.intervals.norms import (
    eigenvalues_between,
    euclidean_above,
    euclidean_below,
    spectral_above,
    spectral_below,
)
from ml2o_theory.intervals.tensor import IntervalTensor

ENTRIES = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-4, 4))
SCALES = st.sampled_from([1.0, 1e150, 1e300, 1e-150, 1e-300, 1e-320])


def random_matrices(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


@st.composite
def matrices(draw: st.DrawFn, square: bool = False) -> tuple[IntervalTensor, Tensor]:
    """An interval matrix of any scale, up to 4 × 4, and a point of it."""
    rows = draw(st.integers(1, 4))
    columns = rows if square else draw(st.integers(1, 4))
    size = rows * columns
    middle, share = (
        torch.tensor(draw(st.lists(e, min_size=size, max_size=size)), dtype=torch.float64)
        for e in (ENTRIES, st.sampled_from([-1.0, 1.0, 0.0, 0.3]))
    )
    if square and draw(st.booleans()):
        middle = torch.eye(rows, dtype=torch.float64).flatten() * middle[0]
    scale = draw(SCALES)
    radius = draw(st.sampled_from([0.0, 0.0, 1e-9, 0.1, 3.0]))
    middle, share = (x.reshape(rows, columns) for x in (middle, share))
    if square:
        middle, share = middle.triu() + middle.triu(1).mT, share.triu() + share.triu(1).mT
    M = IntervalTensor.about(middle, radius) * scale if radius else middle * scale
    M = M if isinstance(M, IntervalTensor) else IntervalTensor.exactly(M)
    return M, (middle + share * radius).mul(scale).clamp(M.lower, M.upper)


@given(found=matrices())
def test_spectral_bounds_hold_for_every_matrix_inside(found: tuple[IntervalTensor, Tensor]) -> None:
    M, K = found
    above, below = spectral_above(M), spectral_below(M)
    with precision():
        lower, upper, _ = spectral_norm(matrix(K))
        assert lower <= exact(above.item())
        assert exact(below.item()) <= upper
    assert below <= above


@given(found=matrices(square=True))
def test_eigenvalue_bounds_hold_for_every_symmetric_matrix_inside(
    found: tuple[IntervalTensor, Tensor],
) -> None:
    M, K = found
    below, above = eigenvalues_between(M)
    # Rayleigh quotients at the eigenvectors that floats find lie between the eigenvalues.
    vectors = torch.linalg.eigh(K / K.abs().max().clamp(min=1e-320)).eigenvectors
    with precision():
        S = matrix(K)
        for v in (matrix(column[:, None]) for column in vectors.mT):
            quotient = (v.transpose() * S * v)[0, 0] / (v.transpose() * v)[0, 0]
            assert not quotient < exact(below.item())
            assert not quotient > exact(above.item())


@given(entries=st.lists(ENTRIES, min_size=1, max_size=6), scale=SCALES, share=st.floats(-1, 1))
def test_euclidean_bounds_hold(entries: list[float], scale: float, share: float) -> None:
    center = torch.tensor(entries, dtype=torch.float64)
    for radius in (0.0, 0.5):
        v = IntervalTensor.about(center * scale, radius * scale)
        x = (center * scale + share * radius * scale).clamp(v.lower, v.upper)
        with precision():
            length = norm(matrix(x[:, None]))
            assert not length < exact(euclidean_below(v).item())
            assert not length > exact(euclidean_above(v).item())


SHAPES = [(1, 1), (3, 3), (10, 10), (42, 42), (30, 10), (10, 30), (1, 7), (7, 1)]
KINDS: dict[str, Callable[[Tensor], Tensor]] = {
    "random": lambda x: x,
    "repeated singular values": lambda x: torch.linalg.qr(x).Q,
    "identity": lambda x: torch.eye(*x.shape[-2:], dtype=x.dtype).expand(x.shape),
    "rank 1": lambda x: x[..., :1] * x[..., :1, :],
    "times 1e150": lambda x: 1e150 * x,
    "times 1e-200": lambda x: 1e-200 * x,
    "nearly singular": lambda x: x * torch.logspace(0, -16, x.shape[-1], dtype=x.dtype),
}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_both_ends_agree_for_one_matrix(kind: str, shape: tuple[int, int]) -> None:
    K = KINDS[kind](random_matrices(4, *shape))
    M = IntervalTensor.exactly(K)
    above, below = spectral_above(M), spectral_below(M)
    assert above.shape == (4,)
    assert bool((below > 0).all() and (below <= above).all())
    assert bool((above - below <= 1e-12 * below).all())


def test_zero_is_exactly_zero() -> None:
    zero = IntervalTensor.exactly(torch.zeros(2, 3, 3, dtype=torch.float64))
    below, above = eigenvalues_between(zero)
    for bound in (spectral_above(zero), spectral_below(zero), below, above):
        assert bound.tolist() == [0.0, 0.0]
    assert euclidean_above(zero).tolist() == [[0.0] * 3] * 2


def test_known_norms() -> None:
    def degenerate(rows: list[list[float]]) -> IntervalTensor:
        return IntervalTensor.exactly(torch.tensor(rows, dtype=torch.float64))

    with precision():
        golden = (arb(5).sqrt() + 1) / 2
        for M, known in [
            (degenerate([[1, 1], [0, 1]]), golden),
            (degenerate([[1, 1], [1, -1]]), arb(2).sqrt()),
            (degenerate([[3, 4], [6, 8], [0, 0]]), arb(125).sqrt()),
            (degenerate([[1, 2, 3]]), arb(14).sqrt()),
        ]:
            above, below = exact(spectral_above(M).item()), exact(spectral_below(M).item())
            assert below <= known <= above
            assert above - below <= 1e-14 * known
    assert euclidean_above(degenerate([[3, 4]])).item() == pytest.approx(5, rel=1e-15)
    assert euclidean_below(degenerate([[3, 4]])).item() == pytest.approx(5, rel=1e-15)


@pytest.mark.parametrize("n", [2, 5, 30])
@pytest.mark.parametrize("scale", [1.0, 1e200])
def test_eigenvalues_of_the_second_difference(n: int, scale: float) -> None:
    ones = torch.ones(n - 1, dtype=torch.float64)
    S = (2 * torch.eye(n, dtype=torch.float64) - torch.diag(ones, 1) - torch.diag(ones, -1)) * scale
    below, above = eigenvalues_between(IntervalTensor.exactly(S))
    with precision():
        lowest, highest = (exact(scale) * (2 - 2 * (arb.pi() * k / (n + 1)).cos()) for k in (1, n))
        assert exact(below.item()) <= lowest
        assert highest <= exact(above.item())
        assert lowest - exact(below.item()) <= exact(1e-12 * scale)
        assert exact(above.item()) - highest <= exact(1e-12 * scale)


def test_a_box_of_nonnegative_matrices_has_its_supremum_in_a_corner() -> None:
    upper = random_matrices(20, 6, 6).abs()
    M = IntervalTensor(torch.zeros_like(upper), upper)
    attained = torch.linalg.matrix_norm(upper, 2)
    above = spectral_above(M)
    assert bool((attained * (1 - 1e-12) <= above).all())
    assert bool((above <= 1.01 * attained).all())


def test_over_a_box_the_ends_are_the_midpoint_and_the_radius_apart() -> None:
    middle, r = random_matrices(20, 5, 5), 0.01
    above = spectral_above(IntervalTensor.about(middle, r))
    # A radius r in every entry is r times the all-ones matrix, of norm 5r.
    torch.testing.assert_close(
        above, torch.linalg.matrix_norm(middle, 2) + 5 * r, rtol=1e-12, atol=0
    )
    S = middle + middle.mT
    below, above = eigenvalues_between(IntervalTensor.about(S, r))
    true = torch.linalg.eigvalsh(S)
    torch.testing.assert_close(above, true[:, -1] + 5 * r, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(below, true[:, 0] - 5 * r, rtol=1e-12, atol=1e-12)


def test_wide_boxes_are_bounded_by_the_largest_entries() -> None:
    around_zero = IntervalTensor.about(random_matrices(4, 4) * 1e-3, 1.0)
    # ‖midpoint‖ + ‖radius‖ would give more than the Perron bound of the magnitudes.
    assert spectral_above(around_zero) <= 1.001 * torch.linalg.matrix_norm(
        around_zero.magnitude(), 2
    )


def test_batches_equal_single_matrices() -> None:
    M = IntervalTensor.about(random_matrices(2, 3, 4, 5), 0.1)
    for bound in (spectral_above, spectral_below):
        alone = torch.stack([torch.stack([bound(M[i, j]) for j in range(3)]) for i in range(2)])
        torch.testing.assert_close(bound(M), alone, rtol=1e-12, atol=0)


@pytest.mark.parametrize("guess", ["zeros", "nan", "random", "singular", "no convergence"])
def test_a_bad_guess_costs_tightness_never_truth(
    guess: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    K = random_matrices(5, 4, 4)
    S = K + K.mT
    true, eigenvalues = torch.linalg.matrix_norm(K, 2), torch.linalg.eigvalsh(S)
    if guess == "no convergence":

        def fail(_: Tensor) -> None:
            raise torch.linalg.LinAlgError

        monkeypatch.setattr(torch.linalg, "eigh", fail)
    else:
        V = random_matrices(5, 4, 4, seed=1) * {"zeros": 0.0, "nan": math.nan}.get(guess, 1.0)
        if guess == "singular":
            V = torch.ones_like(V) / 2
        monkeypatch.setattr(norms, "_orthogonal_guess", lambda _: V)
    above, below = (
        spectral_above(IntervalTensor.exactly(K)),
        spectral_below(IntervalTensor.exactly(K)),
    )
    lowest, highest = eigenvalues_between(IntervalTensor.exactly(S))
    frobenius = torch.linalg.matrix_norm(K)
    assert bool((true * (1 - 1e-13) <= above).all() and (above <= frobenius * (1 + 1e-13)).all())
    assert bool((below <= true * (1 + 1e-13)).all() and (below >= 0).all())
    assert bool((lowest <= eigenvalues[:, 0] + 1e-12).all())
    assert bool((highest >= eigenvalues[:, -1] - 1e-12).all())
    assert bool(lowest.isfinite().all() and highest.isfinite().all())


def test_absent_ends_give_an_absent_bound() -> None:
    M = IntervalTensor.about(random_matrices(2, 3, 3), 0.1)
    upper = M.upper.clone()
    upper[0, 1, 2] = upper[0, 2, 1] = math.inf
    wide = IntervalTensor(M.lower, upper)
    assert spectral_above(wide).isinf().tolist() == [True, False]
    assert bool((spectral_below(wide) >= 0).all())
    symmetric = IntervalTensor.hull_of(wide, wide.mT)
    below, above = eigenvalues_between(symmetric)
    assert below.tolist()[0] == -math.inf
    assert above.tolist()[0] == math.inf
    assert bool(below[1].isfinite() and above[1].isfinite())


def test_a_matrix_without_a_symmetric_member_is_refused() -> None:
    M = IntervalTensor.exactly(torch.tensor([[0.0, 1.0], [2.0, 0.0]], dtype=torch.float64))
    with pytest.raises(InvalidArgument, match="lower ≤ upper"):
        eigenvalues_between(M)


@pytest.mark.parametrize(
    ("basis", "name", "old", "new"),
    [
        ("good", "spectral_above", "add_up(middle, ", "torch.minimum(middle, "),
        ("good", "_extreme_eigenvalues", "_nonnegative_norm_above(S.radius).where", "skew.where"),
        ("skew", "_extreme_eigenvalues", "/ theta).upper", "* theta).lower"),
        ("skew", "_gershgorin", "sum_up(S.magnitude()", "0 * sum_up(S.magnitude()"),
    ],
)
def test_a_planted_defect_is_caught(
    basis: str, name: str, old: str, new: str, mutated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    middle, r = random_matrices(6, 4, 4), 0.1
    if basis == "skew":
        # A basis that is off, so that neither Gershgorin's reach nor the factor 1/θ is idle.
        V = torch.linalg.eigh(middle + middle.mT).eigenvectors
        monkeypatch.setattr(norms, "_orthogonal_guess", lambda _: V * 0.9 + 0.01)
    corner = middle.sign() * r
    worst = torch.linalg.eigvalsh(middle + middle.mT + r)[:, -1]

    def sound() -> bool:
        M = IntervalTensor.about(middle, r)
        S = IntervalTensor.about(middle + middle.mT, r)
        norm_holds = torch.linalg.matrix_norm(middle + corner, 2) <= norms.spectral_above(M)
        return bool(norm_holds.all() and (worst <= norms.eigenvalues_between(S)[1]).all())

    assert sound()
    monkeypatch.setattr(norms, name, mutated(getattr(norms, name), old, new))
    assert not sound()


def test_the_oracle_is_not_the_code_under_test() -> None:
    K = random_matrices(4, 3)
    with precision():
        lower, upper, _ = spectral_norm(matrix(K))
        assert isinstance(matrix(K), arb_mat)
        assert lower <= exact(torch.linalg.matrix_norm(K, 2).item() * (1 + 1e-13))
        assert exact(torch.linalg.matrix_norm(K, 2).item() * (1 - 1e-13)) <= upper
