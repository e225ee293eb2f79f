"""What every statement must pass: certified instances, its closed form, and planted defects."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from flint import fmpq
from hypothesis import event, given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CheckVerdict, Vacuity
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.checks import check_with
from ml2o_theory.constants.base import MEANING
from ml2o_theory.constants.gain_quadratic import gain_instance, pair_constants, pair_region
from ml2o_theory.exact_quadratic import QuadraticPair
from ml2o_theory.levels import uniform
from ml2o_theory.regions import ParameterInterval
from ml2o_theory.registry import ladder_statement, ladder_statements
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.symbolic.quantity import evaluated
from ml2o_theory.symbolic.symbols import at_uniform

BOUNDS = [name for name, member in ladder_statements().items() if member.right.is_commutative]
"""The statements that bound a number."""
OBSERVED = {
    name: member for name, member in ladder_statements().items() if member.observes is not None
}

SIZES = st.one_of(
    st.sampled_from([0, 1, 10**6]), st.fractions(min_value=0, max_value=9, max_denominator=9)
).map(lambda value: fmpq(value.numerator, value.denominator))
GAINS = st.floats(-1, 2).map(lambda gain: round(gain * 2**60) / 2**60)
"""Two that differ do so by more than the least normal float, about which nothing is enclosed."""
VALUES = st.fixed_dictionaries(dict.fromkeys(MEANING, SIZES))


def closed_form(name: str, c: dict[str, fmpq], T: int) -> fmpq:
    """What the statement prints on its right-hand side, in numbers."""
    return evaluated(ladder_statement(name).right, at_uniform(c, T))


@given(
    st.from_type(QuadraticPair),
    st.tuples(GAINS, GAINS).map(sorted),
    st.data(),
    st.integers(1, 6),
)
def test_all_hold_on_every_certified_instance(
    pair: QuadraticPair, ends: list[float], data: st.DataObject, T: int
) -> None:
    shifts = st.lists(
        st.sampled_from([0.0, 1.0, -0.5]), min_size=pair.first.dim, max_size=pair.first.dim
    )
    shift = torch.tensor(data.draw(shifts, label="x_0' − x_0"), dtype=torch.float64)
    pair = replace(pair, other_x0=pair.x0 + shift)
    L = max(pair.first.gram_norm().item(), pair.second.gram_norm().item(), 1.0)
    phi = ParameterInterval(ends[0] / L, ends[1] / L)
    constants = pair_constants(pair, pair_region(pair, phi, T))
    instance = gain_instance(pair, phi.lower, phi.upper)
    for member in OBSERVED.values():
        for check in check_with(member, instance, constants, sorted({1, T}), tasks="pair"):
            event(f"{member.number}: {check.verdict.value}")
            assert check.verdict in {CheckVerdict.HOLDS, CheckVerdict.ATTAINED}, (
                f"{member.number}, T = {check.T}: {check.reason}"
            )


@pytest.mark.parametrize("name", BOUNDS)
@given(c=VALUES, T=st.integers(1, 8))
def test_the_formula_is_the_closed_form(name: str, c: dict[str, fmpq], T: int) -> None:
    assert ladder_statement(name).formula(*uniform(c, T)) == closed_form(name, c, T)


@pytest.mark.parametrize("name", BOUNDS)
@given(c=VALUES, T=st.integers(1, 5), symbol=st.sampled_from(sorted(MEANING)), more=SIZES)
def test_the_bound_increases_in_every_constant(
    name: str, c: dict[str, fmpq], T: int, symbol: str, more: fmpq
) -> None:
    larger = c | {symbol: c[symbol] + more}
    for formula in (ladder_statement(name).formula, ladder_statement(name).trivial_formula):
        below, above = formula(*uniform(c, T)), formula(*uniform(larger, T))
        assert below is above is None or below <= above


@pytest.mark.parametrize("name", BOUNDS)
def test_it_is_slack_for_a_contracting_rule(name: str) -> None:
    """Uniform constants see growth where ‖I − φH‖ ≤ 1; a trivial bound that is declared wins."""
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    first = QuadraticTask(data[:3], data[3])
    second = QuadraticTask(data[:3] + 0.01 * data[1:], data[3])
    pair = QuadraticPair(first, second, 0.01 * data[0], 0.02 * data[0])
    L = first.gram_norm().item()
    constants = pair_constants(pair, pair_region(pair, ParameterInterval(0.5 / L, 1 / L), 20))
    instance = gain_instance(pair, 1 / L, 0.5 / L)
    (check,) = check_with(OBSERVED[name], instance, constants, [20], tasks="close tasks")
    assert check.verdict is CheckVerdict.HOLDS
    assert check.ratio is not None
    assert float(check.ratio.upper.value) < 0.5
    declared = type(OBSERVED[name]).trivial_formula is not LadderStatement.trivial_formula
    assert check.vacuity is (Vacuity.VACUOUS if declared else Vacuity.NOT_DECLARED)


def test_a_statement_that_observes_nothing_is_refused() -> None:
    class Silent(type(ladder_statement("lemma08"))):  # type: ignore[misc]
        observes = None

    pair = QuadraticPair(
        *2 * [QuadraticTask(torch.eye(1).double(), torch.ones(1).double())], torch.zeros(1).double()
    )
    constants = pair_constants(pair, pair_region(pair, ParameterInterval(0.0, 1.0), 2))
    with pytest.raises(InvalidArgument, match="what is observed"):
        check_with(Silent(), gain_instance(pair, 0.5), constants, [1], tasks="one task")
