r"""Fact 9: Gaussian A has no constant of A3 or A4 over the distribution, but one with probability.

‖AᵀA‖ = ‖A‖² ≥ a_11², so for every L the Hessian's norm exceeds L with probability at least
P(|a_11| > √L) = erfc(√L / (σ√2)) > 0. The drawn batch has its own constants; and for N problems

    P(max_n ‖A_n‖² > s) ≤ N P(‖A‖_F² > s) = N Q(rd/2, s/(2σ²)),

Q the regularised upper incomplete gamma function: ‖A‖_F²/σ² is χ² with rd degrees of freedom.
"""

from __future__ import annotations

from flint import arb

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.distributions import Normal
from ml2o_core.tasks.least_squares import LeastSquaresFamily
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.assumptions.exhibits import Exhibit, Sequence

_BISECTIONS = 60


def _sd(family: LeastSquaresFamily) -> arb:
    if not (isinstance(family.matrix, Normal) and family.matrix.mean == 0 and family.matrix.sd > 0):
        raise InvalidArgument("matrix", family.matrix, "a centred normal distribution, sd > 0")
    return exact(family.matrix.sd)


def probability_above(family: LeastSquaresFamily, L: float) -> arb:
    """A lower bound > 0 of P(‖∇²l‖ > L) for one problem of the family."""
    with precision():
        return (exact(L).sqrt() / (_sd(family) * arb(2).sqrt())).erfc()


def exceeded(family: LeastSquaresFamily) -> Sequence:
    """For every L of 4ᵏσ² the probability that it is exceeded; each is positive."""
    sigma2 = float((_sd(family) * _sd(family)).mid())

    def at(k: int) -> Exhibit:
        L = sigma2 * 4.0**k
        value = probability_above(family, L)
        return Exhibit({"L": (L,)}, {}, "a lower bound of P(‖∇²l‖ > L)", value)

    return Sequence(at, "erfc(√L/(σ√2)) > 0 for every L", falls=True)


def failure_probability(family: LeastSquaresFamily, L: arb, problems: int) -> arb:
    """An upper bound of P(some ‖∇²l_n‖ > L), n = 1 … `problems` independent problems."""
    sigma = _sd(family)
    with precision():
        order = arb(family.rows * family.cols) / 2
        return problems * (L / (2 * sigma * sigma)).gamma_upper(order, regularized=1)


def bound_with_probability(family: LeastSquaresFamily, problems: int, delta: float) -> arb:
    """An L with P(max_n ‖∇²l_n‖ ≤ L) ≥ 1 − δ, proved; within a factor 1.01 of the least such."""
    if not 0 < delta < 1:
        raise InvalidArgument("delta", delta, "a number between 0 and 1")
    sigma = _sd(family)
    with precision():
        low, high = arb(0), sigma * sigma
        while not failure_probability(family, high, problems) <= exact(delta):
            low, high = high, 2 * high
        for _ in range(_BISECTIONS):
            if high <= low * arb(1.01):
                break
            middle = ((low + high) / 2).mid()
            holds = failure_probability(family, middle, problems) <= exact(delta)
            low, high = (low, middle) if holds else (middle, high)
        return high.upper()
