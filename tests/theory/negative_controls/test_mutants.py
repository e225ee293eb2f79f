"""The list of planted defects: every one breaks the identity with the printed closed forms.

A wrong sign, a wrong exponent, a dropped term or a swapped constant, in the recursion or in a
statement's formula. The closed forms are SymPy expressions of their own, so that no defect is
planted on both sides. Those that the inequality itself shows on an instance are in each
statement's own test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flint import fmpq

from ml2o_theory import recursion
from ml2o_theory.constants.base import MEANING
from ml2o_theory.levels import uniform
from ml2o_theory.registry import ladder_statement, ladder_statements
from ml2o_theory.symbolic.quantity import evaluated
from ml2o_theory.symbolic.symbols import at_uniform

RECURSION: dict[str, dict[str, tuple[str, str]]] = {
    "jacobian_bounds": {
        "L_B without L P": ("L_B = c.L_zphi * c.L * b.P + c", "L_B = c"),
        "sign of L P in L_B": ("L_B = c.L_zphi * c.L", "L_B = -c.L_zphi * c.L"),
        "Δ without L δx": ("c.Delta + c.L * b.delta_x", "c.Delta"),
        "sign of L δx": ("c.Delta + c.L * b.delta_x", "c.Delta - c.L * b.delta_x"),
        "L_A without ρ": ("c.M_m1 * c.rho * b.P + c.L_P", "c.L_P"),
        "L_A without L": ("b.P + c.L_P * rule", "b.P + rule"),
        "L_B without L_m": ("c.L * b.P + c.L_phiphi", "c.L * b.P"),
        "Δ_A without Δ̃": ("c.M_m1 * (c.Delta_tilde + c.rho", "c.M_m1 * (c.rho"),
        "Δ_A without ρ δx": ("c.Delta_tilde + c.rho * b.delta_x", "c.Delta_tilde"),
        "Δ_A without M_m1": ("c.M_m1 * (c.Delta_tilde", "(c.Delta_tilde"),
        "Δ_B without L_m": ("Delta_B = c.L_zphi * gradients", "Delta_B = gradients"),
    },
    "rule_change": {
        "sign of L P in W": ("c.L_zz * c.L * b.P + c", "-c.L_zz * c.L * b.P + c"),
        "W without L_zφ": (" + c.L_zphi", ""),
    },
    "second_derivative_step": {
        "V without 1": ("V = c.L * b.P + 1", "V = c.L * b.P"),
        "L_K without L_J": ("c.L * b.L_J + c.rho", "c.rho"),
        "ρ P for ρ P²": ("c.rho * b.P * b.P\n", "c.rho * b.P\n"),
        "one path of three": ("3 * rule_change", "2 * rule_change"),
        "τ P² for τ P³": ("c.tau * b.P * b.P * b.P", "c.tau * b.P * b.P"),
        "one ρ P L_J of three": ("3 * c.rho * b.P * b.L_J", "2 * c.rho * b.P * b.L_J"),
        "ρ_m V² for ρ_m V³": ("c.rho_m * V * V * V", "c.rho_m * V * V"),
        "L_K contracts": ("c.Q * b.L_K", "b.L_K"),
        "L_K without M_m1": ("c.M_m1 * gradient_third", "gradient_third"),
    },
    "step": {
        "P contracts": ("P = c.Q_P * b.P + c.M_m2", "P = b.P + c.M_m2"),
        "P uses M_m1": ("P = c.Q_P * b.P + c.M_m2", "P = c.Q_P * b.P + c.M_m1"),
        "exponent of Q in L_J": ("L_J=c.Q * b.L_J", "L_J=c.Q * c.Q * b.L_J"),
        "L_J without L_B": ("+ L_A * b.J + L_B", "+ L_A * b.J"),
        "δx contracts": ("delta_x = c.Q * b.delta_x", "delta_x = b.delta_x"),
        "exponent of Q in Δ_J": ("Delta_J=c.Q * b.Delta_J", "Delta_J=b.Delta_J"),
        "Δ_J without P": ("Delta_A * b.J + Delta_B", "Delta_A + Delta_B"),
        "Δ_J without Δ_B": ("Delta_A * b.J + Delta_B", "Delta_A * b.J"),
        "sign of Δ_B": ("Delta_A * b.J + Delta_B", "Delta_A * b.J - Delta_B"),
    },
}
"""Of functions of `recursion`: what is replaced, and by what."""

FORMULAS = [
    ("lemma02", "growth * apart.x0", "apart.x0"),
    ("lemma02", ".P * apart.phi", ".P"),
    ("lemma02", "+ bounds", "- bounds"),
    ("lemma02", "growth * apart.x0", "-growth * apart.x0"),
    ("lemma03", "L_A * apart.phi", "L_A"),
    ("lemma03", "L_A * apart.phi", "L_B * apart.phi"),
    ("lemma04", "L_B * apart.phi", "L_A * apart.phi"),
    ("lemma05", "L_J * apart.phi", "L_J"),
    ("lemma06", "b.L_J + score.L", "b.L_J - score.L"),
    ("lemma06", "score.L * b.P * b.J", "score.L * b.P"),
    ("lemma06", "score.M * b.L_J", "b.L_J"),
    ("lemma07", "score.M * b.L_K", "b.L_K"),
    ("lemma07", "b.L_K + curvature", "b.L_K - curvature"),
    ("lemma07", "3 * score.L", "2 * score.L"),
    ("lemma07", "+ score.rho * b.P * b.P * b.P", "+ score.rho * b.P * b.P"),
    ("lemma08", ".delta_x", ".Delta_J"),
    ("lemma09", ".Delta_A", ".Delta_B"),
    ("lemma10", "last_jacobian_bounds(steps).Delta_B", "steps[-1].Delta"),
    ("lemma11", ".Delta_J", ".L_J"),
    ("lemma13", "score.M * bounds", "bounds"),
    ("proposition1", "score.M * b.Delta_J + b.J", "-score.M * b.Delta_J + b.J"),
    ("proposition1", "score.M * b.Delta_J + b.J", "b.J"),
    ("proposition1", "b.Delta_J + b.J", "b.Delta_J - b.J"),
    ("proposition1", "(score.Delta + score.L", "(score.L"),
    ("proposition1", "score.L * b.delta_x", "0"),
]
"""Of statements' formulas."""

T = 3
VALUES = {symbol: fmpq(k + 4, 3) for k, symbol in enumerate(MEANING)}
BOUNDS = [name for name, member in ladder_statements().items() if member.right.is_commutative]


def broken() -> set[str]:
    """The statements whose formula is not what they print."""
    known = at_uniform(VALUES, T)
    return {
        name
        for name in BOUNDS
        if ladder_statement(name).formula(*uniform(VALUES, T))
        != evaluated(ladder_statement(name).right, known)
    }


@pytest.mark.parametrize(
    ("function", "defect"), [(f, d) for f, defects in RECURSION.items() for d in defects]
)
def test_a_defect_of_the_recursion_breaks_a_statement(
    function: str, defect: str, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not broken()
    planted = mutated(getattr(recursion, function), *RECURSION[function][defect])
    monkeypatch.setattr(recursion, function, planted)
    assert broken()


@pytest.mark.parametrize(("name", "old", "new"), FORMULAS)
def test_a_defect_of_a_formula_breaks_its_statement(
    name: str, old: str, new: str, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(ladder_statement(name))
    monkeypatch.setattr(kind, "formula", mutated(kind.formula, old, new))
    assert broken() == {name}


def test_every_bound_has_a_planted_defect() -> None:
    assert {name for name, *_ in FORMULAS} == set(BOUNDS)
