"""SymPy expressions as LaTeX in the paper's notation."""

from __future__ import annotations

from typing import Any

from sympy import Add, Expr, Mul, Symbol
from sympy.printing.latex import LatexPrinter

from ml2o_theory.symbolic.quantities import FROM_LAST_TO_FIRST
from ml2o_theory.symbolic.quantity import Quantity, QuantityKind
from ml2o_theory.symbolic.risk_symbols import RISK_LATEX, RISK_SYMBOLS
from ml2o_theory.symbolic.symbols import (
    LATEX,
    PRINTED_ORDER,
    UNIFORM_Q,
    Q,
    T,
    delta_phi,
    delta_x0,
    t,
)

_ORDER = (*PRINTED_ORDER, *(symbol for symbol in RISK_SYMBOLS if symbol not in PRINTED_ORDER))

GROWTH = "bounds the growth of one step"


def latex(expression: Expr) -> str:
    """The expression in LaTeX; named quantities stay named."""
    return _Printer({"symbol_names": {**RISK_LATEX, **LATEX}, "order": "none"}).doprint(expression)


def glossary(expression: Expr) -> dict[str, str]:
    """What each quantity of the expression stands for, and each in those: its formula, in words."""
    found: dict[str, str] = {}
    pending, grows = [expression], False
    while pending:
        part = pending.pop(0)
        grows |= part.has(Q)
        for kind in sorted({q.func for q in part.atoms(Quantity)}, key=_in_order):
            step = t if "?" in kind.symbol else T
            entry = f"{latex(kind(step))} = {latex(kind.definition(step))}"
            if entry not in found:
                found[entry] = kind.words
                pending.append(kind.definition(step))
    if grows:
        found[f"{latex(Q)} = {latex(UNIFORM_Q)}"] = GROWTH
    return found


class _Printer(LatexPrinter):
    """Factors and terms in the order in which the paper writes them."""

    def _print_Mul(self, expr: Mul) -> str:
        return super()._print_Mul(Mul(*sorted(expr.args, key=_place), evaluate=False))

    def _as_ordered_terms(self, expr: Add, order: Any = None) -> list[Expr]:
        return sorted(
            expr.args, key=lambda term: _place_of_term(term, is_index=bool(expr.is_integer))
        )


def _place_of_term(term: Expr, *, is_index: bool) -> tuple[Any, ...]:
    """What is subtracted comes last: 1 + M_m1 L, but i + 1 and T − 1 − s for an index."""
    subtracted = term.could_extract_minus_sign()
    factors = sorted(Mul.make_args(term), key=_place)
    places = [_place(factor) for factor in factors if not factor.is_Number]
    return (subtracted, is_index and term.is_Number and not subtracted, places)


def _place(factor: Expr) -> tuple[int, int, str]:
    """Numbers, constants, powers of Q, quantities, sums and brackets, and what is compared.

    Factors that don't commute have one place, and keep their order there.
    """
    if not factor.is_commutative:
        return (3, 0, "")
    base = factor.as_base_exp()[0]
    if base.is_Number:
        return (0, 0, "")
    if base in (delta_x0, delta_phi):
        return (4, 0, str(base))
    if isinstance(base, Symbol):
        return (1, _ORDER.index(base) if base in _ORDER else 0, str(base))
    if isinstance(base, Quantity):
        return (2, _rank(base.func), str(base))
    return (3, 0, str(base))


def _rank(kind: QuantityKind) -> int:
    """The user's own quantities come first."""
    return FROM_LAST_TO_FIRST.index(kind) if kind in FROM_LAST_TO_FIRST else -1


def _in_order(kind: QuantityKind) -> tuple[int, str]:
    return _rank(kind), kind.__name__
