"""The descent on φ: torch's own optimizers step by step, and the bookkeeping around it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.meta.descent import DESCENTS, Descent, Layout, Learner, clip

ROUNDING = 1e-12
"""Relative; a few hundred operations in float64."""

RATE = 3e-3


def randn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def torch_path(name: str, phi: Tensor, gradients: list[Tensor], rate: float = RATE) -> list[Tensor]:
    """φ after each step of torch's optimizer of that name."""
    variable = phi.clone().requires_grad_()
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[name]
    optimizer = kind([variable], lr=rate)
    path = []
    for gradient in gradients:
        variable.grad = gradient.clone()
        optimizer.step()
        path.append(variable.detach().clone())
    return path


def our_path(descent: Descent, phi: Tensor, gradients: list[Tensor]) -> list[Tensor]:
    learner, path = descent.begin(phi), []
    for gradient in gradients:
        learner = descent.step(learner, gradient)
        path.append(learner.phi)
    return path


def differ(first: list[Tensor], second: list[Tensor]) -> float:
    """The largest difference of two paths."""
    return max((a - b).abs().max().item() for a, b in zip(first, second, strict=True))


def gradients(scale: float = 1.0) -> list[Tensor]:
    """Thirty, of sizes that vary by a factor of a hundred; some coordinates are always 0."""
    found = [scale * 10 ** (k % 3 - 1) * randn(3, 7, seed=k + 1) for k in range(30)]
    for gradient in found:
        gradient[:, 2] = 0
    return found


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
@pytest.mark.parametrize("name", DESCENTS)
def test_every_step_is_torch_s(name: str, scale: float) -> None:
    phi = randn(3, 7)
    expected = torch_path(name, phi, gradients(scale))
    found = our_path(Descent(name, RATE), phi, gradients(scale))
    size = max(value.abs().max().item() for value in expected)
    assert differ(found, expected) <= ROUNDING * size
    assert all(torch.equal(value[:, 2], phi[:, 2]) for value in found), "no gradient, no step"


@pytest.mark.parametrize("name", DESCENTS)
def test_another_rule_or_rate_is_seen(name: str) -> None:
    """Negative controls."""
    phi = randn(3, 7)
    expected = torch_path(name, phi, gradients())
    other = next(iter(DESCENTS.keys() - {name}))
    assert differ(our_path(Descent(other, RATE), phi, gradients()), expected) > 1e-3
    assert differ(our_path(Descent(name, 1.001 * RATE), phi, gradients()), expected) > 1e-6
    late = [torch.zeros(3, 7, dtype=torch.float64), *gradients()][:30]
    assert differ(our_path(Descent(name, RATE), phi, late), expected) > 1e-3


@pytest.mark.parametrize("name", DESCENTS)
def test_replicates_do_not_mix(name: str) -> None:
    phi, own = randn(3, 7), gradients()
    changed = [value.clone() for value in own]
    for value in changed:
        value[0] *= -5
    first, second = (our_path(Descent(name, RATE), phi, g)[-1] for g in (own, changed))
    assert torch.equal(first[1:], second[1:])
    assert not torch.equal(first[0], second[0])


@pytest.mark.parametrize("name", DESCENTS)
def test_a_step_leaves_the_learner_that_it_started_from_alone(name: str) -> None:
    descent = Descent(name, RATE)
    learner = descent.step(descent.begin(randn(3, 7)), randn(3, 7, seed=9))
    before = learner.phi.clone(), {k: v.clone() for k, v in learner.memory.items()}
    descent.step(learner, randn(3, 7, seed=10))
    assert torch.equal(learner.phi, before[0])
    assert all(torch.equal(learner.memory[k], v) for k, v in before[1].items())


def test_memory_has_the_replicates_in_front() -> None:
    assert Descent("sgd", RATE).begin(randn(3, 7)).memory == {}
    memory = Descent("adam", RATE).begin(randn(3, 7)).memory
    assert {name: tuple(value.shape) for name, value in memory.items()} == {
        "m": (3, 7),
        "v": (3, 7),
        "t": (3,),
    }


SHAPES = st.dictionaries(
    st.text("abc", min_size=1, max_size=3),
    st.lists(st.integers(1, 3), max_size=3).map(tuple),
    min_size=1,
    max_size=4,
)


@given(shapes=SHAPES, repeats=st.integers(1, 3), seed=st.integers(0, 99))
def test_joining_and_splitting_undo_each_other(
    shapes: dict[str, tuple[int, ...]], repeats: int, seed: int
) -> None:
    params = {
        name: randn(repeats, *shape, seed=seed + k)
        for k, (name, shape) in enumerate(shapes.items())
    }
    layout = Layout.of(params)
    flat = layout.join(params)
    assert flat.shape == (repeats, sum(v[0].numel() for v in params.values()))
    back = layout.split(flat)
    assert list(back) == list(params)
    assert all(torch.equal(back[name], value) for name, value in params.items())
    assert torch.equal(layout.join(back), flat)
    # The order is the layout's, whatever the dictionary's.
    assert torch.equal(layout.join(dict(reversed(params.items()))), flat)


@given(chosen=st.lists(st.booleans(), min_size=3, max_size=3))
def test_where_takes_phi_and_memory_of_a_replicate_together(chosen: list[bool]) -> None:
    descent = Descent("adam", RATE)
    first = descent.step(descent.begin(randn(3, 7)), randn(3, 7, seed=1))
    second = descent.step(descent.step(first, randn(3, 7, seed=2)), randn(3, 7, seed=3))
    both = second.where(torch.tensor(chosen), first)
    for r, taken in enumerate(chosen):
        source = second if taken else first
        assert torch.equal(both.phi[r], source.phi[r])
        assert all(torch.equal(both.memory[k][r], source.memory[k][r]) for k in ("m", "v", "t"))


def test_where_takes_a_number_beside_one_that_is_not() -> None:
    """A replicate's nan does not reach another: it is a choice, not a product."""
    bad = Learner(torch.full((2, 1), torch.nan), {})
    good = Learner(torch.ones(2, 1), {})
    assert bad.where(torch.tensor([False, False]), good).phi.tolist() == [[1], [1]]


@given(
    rows=st.lists(
        st.lists(st.floats(-1e3, 1e3, width=32), min_size=3, max_size=3), min_size=1, max_size=4
    ),
    largest=st.floats(1e-3, 1e3),
)
def test_clipping_scales_what_is_too_long_and_nothing_else(
    rows: list[list[float]], largest: float
) -> None:
    gradient = torch.tensor(rows, dtype=torch.float64)
    clipped, norm = clip(gradient, largest)
    assert torch.allclose(norm, gradient.norm(dim=1), rtol=ROUNDING)
    for before, after, length in zip(gradient, clipped, norm, strict=True):
        if length <= largest:
            assert torch.equal(before, after)
        else:
            assert after.norm().item() == pytest.approx(largest, rel=ROUNDING)
            torch.testing.assert_close(after * length, before * largest, rtol=1e-10, atol=1e-300)


def test_clipping_keeps_what_is_not_finite_where_it_is() -> None:
    """The trainer masks by the norm: it has to come out as it is, and of that replicate alone."""
    clipped, norm = clip(torch.tensor([[torch.inf, 1.0], [torch.nan, 1.0], [0.3, 0.4]]), 1.0)
    assert norm[0] == torch.inf
    assert norm[1].isnan()
    assert clipped[2].tolist() == torch.tensor([0.3, 0.4]).tolist()
