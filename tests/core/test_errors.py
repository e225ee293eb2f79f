"""Every error a user can cause is one line: the argument, the value, what is allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.errors import CheckpointError, DeviceUnavailable, InvalidArgument, ML2OError

TEXT = st.text(max_size=300)


def is_one_line(text: str) -> bool:
    return len(text.splitlines()) == 1


@given(value=TEXT | st.integers() | st.floats() | st.lists(st.floats()), allowed=TEXT)
def test_an_invalid_argument_is_one_line_whatever_was_given(value, allowed):
    error = InvalidArgument("sigma", value, allowed)
    assert is_one_line(str(error))
    assert str(error).startswith("sigma: got ")
    assert (error.argument, error.value, error.allowed) == ("sigma", value, allowed)


def test_an_invalid_argument_says_all_three_things():
    assert str(InvalidArgument("sigma", -1.0, "> 0")) == "sigma: got -1.0; allowed: > 0"


def test_a_huge_value_is_cut_short():
    shown = str(InvalidArgument("data", list(range(10_000)), "numbers"))
    assert len(shown) < 120
    assert "..." in shown


@given(path=TEXT, problem=TEXT)
def test_a_checkpoint_error_is_one_line(path, problem):
    assert is_one_line(str(CheckpointError(path, problem)))


@pytest.mark.parametrize(
    "error",
    [InvalidArgument("a", 1, "2"), CheckpointError("p", "damaged"), DeviceUnavailable("no GPU")],
)
def test_all_are_errors_of_the_input(error):
    assert isinstance(error, ML2OError)


def test_an_invalid_argument_is_a_value_error_for_python_users():
    with pytest.raises(ValueError, match="allowed"):
        raise InvalidArgument("steps", 0, "an integer ≥ 1")
