"""Named quantities of the theory, such as P_t: SymPy functions of t that know their definition.

    @quantity(r"P_{?}", "bounds the sensitivity of the iterate to φ")
    def P(t: Expr) -> Expr:
        return M_m2 * S(t)

makes P(T) an expression that is printed as P_T; `unfolded` puts in M_m2 S_T.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sympy import Expr, Function, Sum, Symbol, lambdify
from sympy.core.function import FunctionClass
from sympy.printing.latex import LatexPrinter

from ml2o_theory.symbolic.symbols import Q

Definition = Callable[[Expr], Expr]


@dataclass(frozen=True)
class Identity:
    """Something that must be 0: `claim` says what, `residue` is what was found."""

    claim: str
    residue: str

    @property
    def holds(self) -> bool:
        """Whether nothing is left."""
        return self.residue == "0"


class QuantityKind(FunctionClass):
    """The kind of a quantity, such as P; P(T) is an instance of it.

    `symbol` (LaTeX, with ? where the index stands), `words` (what it is), and `definition` (the
    expression that it stands for, as a function of t).
    """

    symbol: str
    words: str
    definition: Definition


class Quantity(Function, metaclass=QuantityKind):
    """One quantity after t steps."""

    nargs = 1

    def _latex(self, printer: LatexPrinter, exp: str | None = None) -> str:
        printed = self.symbol.replace("?", printer.doprint(self.args[0]))
        return printed if exp is None else f"{printed}^{{{exp}}}"


def quantity(
    symbol: str, words: str, *, commutative: bool = True
) -> Callable[[Definition], QuantityKind]:
    """Name a quantity; the decorated function is its definition. Matrices don't commute."""

    def name(definition: Definition) -> QuantityKind:
        attributes = {
            "symbol": symbol,
            "words": words,
            "definition": staticmethod(definition),
            "is_commutative": commutative,
            "__doc__": definition.__doc__,
            "__module__": definition.__module__,
        }
        return QuantityKind(definition.__name__, (Quantity,), attributes)

    return name


def carried(term: Definition, t: Expr) -> Sum:
    """Σ_{s<t} Q^{t−1−s} term(s): what u_{s+1} = Q u_s + term(s) makes of u_0 = 0 in t steps."""
    s = summation_index(t)
    return Sum(Q ** (t - 1 - s) * term(s), (s, 0, t - 1))


def summation_index(t: Expr) -> Symbol:
    """s, or the first of r, k, j that does not occur in `t`: sums may stand within sums."""
    candidates = (Symbol(name, integer=True, nonnegative=True) for name in "srkj")
    return next(index for index in candidates if index not in t.free_symbols)


def unfolded(expression: Expr) -> Expr:
    """The expression in constants, Q and sums alone."""
    while expression.has(Quantity):
        expression = expression.replace(
            lambda part: isinstance(part, Quantity), lambda part: part.definition(part.args[0])
        )
    return expression


def evaluated(expression: Expr, values: Mapping[Symbol, Any]) -> Any:
    """The expression in numbers of any kind with +, − and ·, exactly as far as they are exact.

    Every free symbol of the unfolded expression needs a value; that of T or t must be an `int`.
    """
    arguments, function = _as_function(expression)
    return function(*(values[symbol] for symbol in arguments))


@cache
def _as_function(expression: Expr) -> tuple[list[Symbol], Callable[..., Any]]:
    whole = unfolded(expression)
    arguments = sorted(whole.free_symbols, key=str)
    # No module: Python's own + and · keep the numbers' kind, and its sum() takes any of them.
    return arguments, lambdify(arguments, whole, modules=[{}])
