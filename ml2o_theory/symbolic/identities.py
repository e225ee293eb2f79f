"""Proofs that the printed closed forms are what the recursion computes.

Two kinds. For a fixed T, `statement.formula` and the printed right-hand side are the same
polynomial in the constants. For every T at once, by induction: the closed forms are what
`recursion.Bounds` starts from at t = 0, and one `recursion.step` leads from those at t to those at
t + 1. Identities between polynomials in Q that are shown for Q ≠ 1 hold for Q = 1 too.

P, L_J, L_K and δx are proved for any growth Q of a step, hence for the closed-loop level too;
Lemmas 9–11 need the uniform level's Q = 1 + M_m1 L. Level `detached` has other recursions for J.
"""

from __future__ import annotations

from collections.abc import Iterator

from flint import Ordering, fmpz_mpoly_ctx
from sympy import Expr, Sum, powsimp, simplify

from ml2o_theory import recursion
from ml2o_theory.levels import closed_loop, uniform
from ml2o_theory.recursion import Bounds, StepConstants
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.statements.risk import RiskStatement
from ml2o_theory.symbolic import quantities as of
from ml2o_theory.symbolic.growth import expansion
from ml2o_theory.symbolic.quantity import Identity, Quantity, QuantityKind, evaluated
from ml2o_theory.symbolic.risk_symbols import RISK_SYMBOLS
from ml2o_theory.symbolic.symbols import CONSTANTS, UNIFORM_Q, Delta, L, Q, at_uniform, t

CARRIED = {
    "P": of.P,
    "J": of.P,
    "L_J": of.L_J,
    "L_K": of.L_K,
    "delta_x": of.delta_x,
    "Delta_J": of.Delta_J,
}
"""Field of `Bounds` → its closed form."""

STEPWISE = {"L_A": of.L_A, "L_B": of.L_B, "Delta_A": of.Delta_A, "Delta_B": of.Delta_B}
"""Field of `JacobianBounds` → its closed form."""

NEED_UNIFORM = {"Delta_A", "Delta_B", "Delta_J"}
"""Where Δ + L δx_t = Δ Q^t is used."""


def at_horizon(statement: LadderStatement, horizon: int) -> Identity:
    """The statement's formula at T = `horizon` is its printed right-hand side, as polynomials."""
    context = fmpz_mpoly_ctx.get(list(CONSTANTS), Ordering.lex)
    values = dict(zip(CONSTANTS, context.gens(), strict=True))
    printed = evaluated(statement.right, at_uniform(values, horizon))
    computed = statement.formula(*uniform(values, horizon))
    return Identity(f"{statement.number}, T = {horizon}", str(computed - printed))


def as_printed(statement: RiskStatement) -> Identity:
    """The statement's formula in its symbols is its printed right-hand side."""
    symbols = {str(symbol): symbol for symbol in RISK_SYMBOLS}
    computed = statement.formula({name: symbols[name] for name in statement.constants})
    return Identity(statement.number, str(simplify(computed - statement.right)))


def induction() -> Iterator[Identity]:
    """Base case and step of every closed form, and the identity behind Lemmas 9–11."""
    start = Bounds()
    closed = Bounds(**{name: kind(t) for name, kind in CARRIED.items()})
    for name, kind in CARRIED.items():
        growth, constants = _one_step(name)
        at_zero = evaluated(kind(t), {c: c for c in (*CONSTANTS.values(), Q)} | {t: 0})
        yield Identity(f"{name} at t = 0", str(at_zero - getattr(start, name)))
        after = getattr(recursion.step(constants, closed), name)
        yield Identity(f"{name} from t to t + 1", _residue(after - one_more_step(kind), growth))
    for name, kind in STEPWISE.items():
        growth, constants = _one_step(name)
        computed = getattr(recursion.jacobian_bounds(constants, closed), name)
        yield Identity(f"{name} at t", _residue(computed - kind(t), growth))
    apart = Delta + L * of.delta_x(t) - Delta * Q**t
    yield Identity("Δ + L δx_t = Δ Q^t for Q = 1 + M_m1 L", _residue(apart, UNIFORM_Q))


def one_more_step(kind: QuantityKind) -> Expr:
    """A quantity at t + 1 in terms of quantities at t, by taking the last term off each sum."""
    body = kind.definition(t + 1)
    for total in body.atoms(Sum):
        (s,), before = total.variables, kind.definition(t)
        factor = powsimp(total.function / before.function)
        if total.limits != ((s, 0, t),) or factor.has(s):
            raise ArithmeticError(f"{kind}: a sum whose terms do not grow by one factor a step")
        body = body.subs(total, factor * kind(t) + total.function.subs(s, t))
    return body.replace(
        lambda part: isinstance(part, Quantity) and part.args == (t + 1,),
        lambda part: one_more_step(part.func),
    )


def _one_step(name: str) -> tuple[Expr, StepConstants]:
    """The growth for which a closed form is claimed, and one step's constants in symbols."""
    if name in NEED_UNIFORM:
        return UNIFORM_Q, uniform(CONSTANTS, 1).steps[0]
    return Q, closed_loop(CONSTANTS | {"Q_bar": Q}, 1).steps[0]


def _residue(expression: Expr, growth: Expr) -> str:
    return " + ".join(f"{c}·{m}" for m, c in expansion(expression, growth).items()) or "0"
