"""Streams by name: reproducible, independent of order, different in every axis."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.seeding import derive_seed, generator

SEEDS = st.integers(min_value=-(2**70), max_value=2**70)
AXES = st.dictionaries(
    st.text("abcdefgh_", min_size=1, max_size=8), st.integers() | st.text(max_size=8), max_size=4
)


def test_the_stream_is_a_fixed_function_of_its_name():
    """The first 63 bits of sha256sum's answer for the JSON of the root seed and the sorted axes,

        [0,[["episode",17],["purpose","train"],["repeat",3]]]

    written down once: a change of the scheme would change every published number.
    """
    assert derive_seed(0, purpose="train", repeat=3, episode=17) == 2629140966044929215
    draw = torch.rand(1, dtype=torch.float64, generator=generator(0, purpose="train")).item()
    assert draw == 0.5033207404025893


@given(seed=SEEDS, axes=AXES)
def test_seeds_are_63_bits_and_repeat(seed, axes):
    assert 0 <= derive_seed(seed, **axes) < 2**63
    assert derive_seed(seed, **axes) == derive_seed(seed, **axes)


@given(seed=SEEDS, axes=AXES)
def test_the_order_of_the_axes_does_not_matter(seed, axes):
    assert derive_seed(seed, **axes) == derive_seed(seed, **dict(reversed(axes.items())))


@given(seed=SEEDS, axes=AXES, other_seed=SEEDS, other_axes=AXES)
def test_different_names_give_different_seeds(seed, axes, other_seed, other_axes):
    """Fails by chance with probability 2⁻⁶³ a pair: a collision here means a lost axis."""
    same = (seed, axes) == (other_seed, other_axes)
    assert (derive_seed(seed, **axes) == derive_seed(other_seed, **other_axes)) == same


def test_a_number_and_its_spelling_are_different_axes():
    assert derive_seed(0, repeat=1) != derive_seed(0, repeat="1")
    assert derive_seed(0, repeat=1) != derive_seed(1, repeat=0)


def test_draws_do_not_touch_or_read_the_ambient_state():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = torch.randn(5, generator=generator(7, purpose="test"))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(first, torch.randn(5, generator=generator(7, purpose="test")))


def test_streams_of_different_repeats_are_uncorrelated():
    """Correlation of two independent normal streams of length n is N(0, 1/n): 5 sd allowed."""
    n = 4000
    streams = torch.stack([torch.randn(n, generator=generator(0, repeat=r)) for r in range(8)])
    correlation = torch.corrcoef(streams) - torch.eye(8)
    assert correlation.abs().max() < 5 / n**0.5
