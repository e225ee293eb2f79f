"""Planted defects in every statement about risks: each breaks the identity with what is printed.

The printed bound is a SymPy expression of its own, so that no defect is planted on both sides.
Those that an inequality itself shows are in each statement's own test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ml2o_theory.registry import risk_statement, risk_statements
from ml2o_theory.symbolic.identities import as_printed

FORMULAS = [
    ("lemma14", 'c["B"] / c["mu_G"]', 'c["B"]'),
    ("lemma14", "ratio * ratio", "ratio"),
    ("lemma14", "ratio * ratio", "4 * ratio * ratio"),
    ("lemma14", ' / c["K"]', ""),
    ("lemma14_full_batch", "1 - c", "1 + c"),
    ("lemma14_full_batch", 'c["mu_G"] / c["L_G"]', 'c["L_G"] / c["mu_G"]'),
    ("lemma14_full_batch", 'c["K"])', 'c["K"] / 2)'),
    ("lemma14_full_batch", ' * c["d_0"]', ""),
    ("lemma15", "root(8 /", "root(2 /"),
    ("lemma15", 'c["delta"] * c["N"]', 'c["N"]'),
    ("lemma15", 'c["delta"] * c["N"]', 'c["delta"]'),
    ("lemma15", 'c["M_g1"] / c["mu"]', 'c["M_g1"]'),
    ("lemma15", "root(8 /", "(8 /"),
    ("lemma15_sharper", ' / c["mu_hat"]', ""),
    ("lemma15_sharper", 'c["delta"] * c["N"]', 'c["N"]'),
    ("lemma15_sharper", 'root(c["delta"]', '(c["delta"]'),
    ("theorem1", 'c["M_g"] * ', ""),
    ("remark2", 'c["d_TL"] + ', ""),
    ("remark2", 'c["alpha"] * c["slope"]', 'c["slope"]'),
    ("remark2", ' + c["d_N"]', " - c['d_N']"),
    ("remark2", ' + c["delta_13"]', ""),
    ("remark2", 'c["M_g"] * ', ""),
    ("remark2_shared_terms", '"d_K": c["d_TL"]', '"d_K": c["d_N"]'),
    ("remark2_shared_terms", '"gap": c["gap_TL"]', '"gap": c["delta_13"]'),
    ("equation8", 'c["d_K"] + ', ""),
    ("equation8", 'c["d_N3"] + ', ""),
    ("equation8", 'c["alpha"] * c["slopes"]', 'c["slopes"]'),
    ("equation8", ' + c["delta_meta"]', " - c['delta_meta']"),
    ("equation8", 'c["M_g"] * ', ""),
    ("equation8_expanded", 'c["L_g"] * ', ""),
    ("equation8_expanded", 'c["d_K"] + ', ""),
    ("equation8_expanded", ' + c["delta_meta"]', ""),
    ("equation8_expanded", ' + c["gap_23"]', " - c['gap_23']"),
    ("theorem1_probability", 'c["M_g"] * ', ""),
]
"""Of the formulas."""

TERMS = [
    ("theorem1", '(1 + c["alpha"]', '(1 - c["alpha"]'),
    ("theorem1", '(1 + c["alpha"] * c["L_g"]) * ', ""),
    ("theorem1", 'c["alpha"] * c["L_g"]', 'c["L_g"]'),
    ("theorem1", 'c["alpha"] * c["gap"]', 'c["gap"]'),
    ("theorem1", '"sampling": c["d_N"],', ""),
    ("theorem1", '"δ_13": c["delta_13"],', ""),
    ("theorem1", '"δ_13": c["delta_13"],', '"δ_13": -c["delta_13"],'),
    ("theorem1_probability", ' / c["mu_G"]', ""),
    ("theorem1_probability", 'c["delta_a"] * c["K"]', 'c["delta_a"]'),
    ("theorem1_probability", 'c["delta_a"]', 'c["delta_b"]'),
    ("theorem1_probability", '"delta": c["delta_b"]', '"delta": c["delta_a"]'),
    ("theorem1_probability", '"d_K": d_K', '"d_K": d_K * d_K'),
    ("theorem1_probability", '"d_N": d_N', '"d_N": d_K'),
]
"""Of the terms that a formula adds up."""

USES = {
    "theorem1": {"theorem1", "theorem1_probability", "remark2_shared_terms"},
    "lemma15": {"lemma15", "theorem1_probability"},
}
"""The statements whose formula calls another's."""


def broken() -> set[str]:
    """The statements whose formula is not what they print."""
    return {name for name, member in risk_statements().items() if not as_printed(member).holds}


def test_every_formula_is_what_is_printed() -> None:
    assert broken() == set()


@pytest.mark.parametrize(
    ("method", "name", "old", "new"),
    [("formula", *defect) for defect in FORMULAS] + [("terms", *defect) for defect in TERMS],
)
def test_a_defect_breaks_its_statement(
    method: str,
    name: str,
    old: str,
    new: str,
    mutated: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind = type(risk_statement(name))
    monkeypatch.setattr(kind, method, mutated(getattr(kind, method), old, new))
    affected = USES.get(name, {name})
    found = {other for other in affected if not as_printed(risk_statement(other)).holds}
    # A statement that adds up the terms itself does not see the formula that does.
    assert name in found
    assert found <= affected


def test_every_statement_has_a_planted_defect() -> None:
    assert {name for name, *_ in FORMULAS} == set(risk_statements())
    with_terms = {name for name, member in risk_statements().items() if hasattr(member, "terms")}
    assert {name for name, *_ in TERMS} == with_terms
