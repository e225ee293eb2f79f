"""Lemma 1 in symbols: ∂x_T/∂φ is the sum of the steps' own derivatives, carried to the end.

J_{t+1} = A_t J_t + B_t from J_0 = 0 gives J_T = Σ_{i<T} A_{T−1} ⋯ A_{i+1} B_i. The factors are
matrices, so here they are symbols that don't commute. That A_t = I + ∇₁m ∇²l and B_t = ∇₂m are the
right ones is shown for d = p = 1, where SymPy differentiates the unrolled x_T itself.
"""

from __future__ import annotations

from sympy import Expr, Function, Integer, Mul, Sum, Symbol, diff, expand
from sympy.printing.latex import LatexPrinter

from ml2o_theory.symbolic.quantity import Identity, quantity
from ml2o_theory.symbolic.symbols import T


def _matrix(latex: str) -> Symbol:
    return Symbol(latex, commutative=False)


@quantity("A_{?}", "is the derivative of one step in x, z_t the gradient", commutative=False)
def A(t: Expr) -> Expr:
    """I + ∇₁m(z_t, φ) ∇²l_t(x_t), with z_t = ∇l_t(x_t)."""
    in_z = _matrix(rf"\nabla_1 m(z_{{{t}}}, \varphi)")
    return _matrix("I") + in_z * _matrix(rf"\nabla^2 l_{{{t}}}(x_{{{t}}})")


@quantity("B_{?}", "is the derivative of one step in φ", commutative=False)
def B(t: Expr) -> Expr:
    """∇₂m(z_t, φ)."""
    return _matrix(rf"\nabla_2 m(z_{{{t}}}, \varphi)")


class Descending(Function):
    """A_k ⋯ A_j, the empty product for k = j − 1; written out where both indices are numbers."""

    nargs = 2
    is_commutative = False

    @classmethod
    def eval(cls, first: Expr, last: Expr) -> Expr | None:
        """The product of the factors, latest step first, where the indices are numbers."""
        (k,), (j,) = first.args, last.args
        if not (isinstance(k, Integer) and isinstance(j, Integer)):
            return None
        return Mul(*(first.func(index) for index in range(int(k), int(j) - 1, -1)))

    def _latex(self, printer: LatexPrinter) -> str:
        first, last = map(printer.doprint, self.args)
        return rf"{first} \cdots {last}"


def _product_sum() -> Sum:
    i = Symbol("i", integer=True, nonnegative=True)
    return Sum(Descending(A(T - 1), A(i + 1)) * B(i), (i, 0, T - 1))


PRODUCT_SUM = _product_sum()
"""The right-hand side of Lemma 1."""


def product_sum(horizon: int) -> Identity:
    """Lemma 1's sum of products is what Eq. 2 computes in T = `horizon` steps."""
    J: Expr = Integer(0)
    for t in range(horizon):
        J = A(t) * J + B(t)
    written_out = PRODUCT_SUM.subs(T, horizon).doit()
    return Identity(f"Lemma 1, T = {horizon}", str(expand(J - written_out)))


def scalar_chain_rule(horizon: int) -> Identity:
    """dx_T/dφ of the unroll x_{t+1} = x_t + m(l'(x_t), φ) is the sum, for any functions l' and m.

    For d = p = 1. l' and m stay unknown functions; nothing but the chain rule is used.
    """
    x0, phi = Symbol("x_0"), Symbol("phi")
    gradient, m = Function("l'"), Function("m")
    x: Expr = x0
    in_x: list[Expr] = []
    in_phi: list[Expr] = []
    for _ in range(horizon):
        z = gradient(x)
        step = m(z, phi)
        in_x.append(1 + step.fdiff(1) * z.fdiff(1))
        in_phi.append(step.fdiff(2))
        x = x + step
    carried = sum(Mul(*in_x[i + 1 :]) * in_phi[i] for i in range(horizon))
    return Identity(f"Lemma 1 for d = p = 1, T = {horizon}", str(expand(diff(x, phi) - carried)))
