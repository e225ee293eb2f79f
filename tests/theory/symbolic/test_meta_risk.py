"""Lemma 7's constants of the meta risk: the symbols against `ml2o_theory.meta_risk`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from sympy import Float, Rational

from ml2o_core.results import EndMethod
from ml2o_theory.arithmetic import exact
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.meta_risk import (
    RiskConstants,
    meta_lipschitz,
    meta_lipschitz_convex,
    meta_strong_convexity,
)
from ml2o_theory.symbolic import quantities as of
from ml2o_theory.symbolic.symbols import T, alpha, mu

SIXTEENTHS = st.integers(1, 64).map(lambda n: n / 16)
"""Floats with short products, so that the exact value is one float."""

FORMS = {
    of.L_G: meta_lipschitz,
    of.L_G_convex: meta_lipschitz_convex,
    of.mu_G: meta_strong_convexity,
}


@given(SIXTEENTHS, SIXTEENTHS, SIXTEENTHS, st.integers(0, 16), st.integers(0, 16))
def test_the_symbols_are_the_numbers(
    L_g: float, rho_g: float, M_g: float, step: int, share: int
) -> None:
    """μ = share/16 · L_g, and α = step/64, for which α L_g ≤ 1."""
    a, strong = step / 64, max(share, 1) / 16 * L_g
    values = {"L_g": L_g, "rho_g": rho_g, "M_g": M_g, "mu": strong}
    constants = RiskConstants(
        **{
            name: Enclosure.exactly(value, EndMethod.CLOSED_FORM, region="one")
            for name, value in values.items()
        }
    )
    numbers = {
        of.L_g(T): Rational(L_g),
        of.rho_g(T): Rational(rho_g),
        of.M_g(T): Rational(M_g),
        mu: Rational(strong),
        alpha: Rational(a),
    }
    for kind, computed in FORMS.items():
        symbolic = kind.definition(T).subs(numbers)
        assert computed(a, constants).contains(exact(float(Float(symbolic, 60))))
