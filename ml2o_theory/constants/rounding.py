"""How far float64 may be off: a number certainly below the exact value of a PyTorch function.

The function is run once and every operation is recorded; then it is run again, and automatic
differentiation gives the sensitivity ∂v/∂o of the result v to each intermediate result o (Iri's
method, "Simultaneous computation of functions, partial derivatives and estimates of rounding
errors", Japan J. Appl. Math. 1984). An operation that rounds its result by at most E contributes
|∂v/∂o| E:

    |v_float64 − v_exact| ≤ 2 Σ_o |∂v/∂o| · E_o,      u = 2⁻⁵³,

    E = u |o|           + − · ÷                         (IEEE 754)
    E = 8u |o|          √, tanh, exp, log, pow, …       (4 units in the last place)
    E = (n + 1)u Σ|·|   sums and products of n terms    (in any order of summation)

each with the smallest normal number added to |o| or Σ|·|: below it an operation rounds by up to
2⁻¹⁰⁷⁵ whatever its result (gradual underflow), and that passes through the later operations' slopes
like every other error. The factor 2 is for the second order in u, and for the rounding of this
estimate itself; `UNDERFLOW` is for slopes that underflow, in the second order too. An
operation that is not known here is decomposed by PyTorch into ones that are, or refused: nothing
is assumed about it. Comparisons take the branch that float64 takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from flint import arb
from torch import Tensor
from torch._decomp import decomposition_table
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from ml2o_core.errors import InvalidArgument
from ml2o_theory.arithmetic import exact, precision

_U = 2.0**-53
_SMALLEST = 2.0**-1022
"""The smallest normal number: below it the error is absolute."""

_BASIC = frozenset(["add", "sub", "rsub", "mul", "div", "reciprocal"])
_LINEAR = frozenset(
    ["sum", "cumsum", "mean", "mm", "mv", "bmm", "dot", "vdot", "addmm", "addmv", "baddbmm"]
)
_TRANSCENDENTAL = """
    acos asin atan atan2 cos cosh erf exp exp2 expm1 hypot log log10 log1p log2 pow rsqrt sigmoid
    sin sinh sqrt tan tanh
"""
_EXACT = """
    _efficientzerotensor _to_copy _unsafe_view abs amax amin arange argmax argmin bitwise_and
    bitwise_not cat clamp clamp_max clamp_min clone constant_pad_nd copysign diag_embed
    empty_like eq eye flip full full_like gather ge gt index index_select isfinite isnan le
    logical_and logical_not logical_or lt max maximum min minimum masked_fill ne neg new_ones
    new_zeros ones ones_like relu scalar_tensor select_backward sgn sign signbit slice_backward
    sort stack tril triu where zeros zeros_like
"""
_SAME = frozenset(["alias", "detach", "lift_fresh"])
"""Identities, through which automatic differentiation must not be cut."""

_RESHAPED = {"squeeze_": torch.ops.aten.squeeze}
"""In-place operations that only reshape, with the same out of place: `v @ A` ends in one."""

_WITHOUT_ERROR = _SAME | frozenset(_EXACT.split())
_KNOWN = _BASIC | _LINEAR | _WITHOUT_ERROR | frozenset(_TRANSCENDENTAL.split())


def rounded_down(function: Callable[..., Tensor], *arguments: Any) -> arb:
    """A number ≤ function(*arguments), for arguments of float64 tensors and a scalar result.

    `function` may use `torch.func.grad`. `InvalidArgument` if it uses an operation whose rounding
    is not known, or other numbers than float64.
    """
    with _Tape() as tape:
        value = function(*arguments)
    rounds = any(not (func.is_view or _name(func) in _WITHOUT_ERROR) for func, *_ in tape.calls)
    with precision():
        below = exact(value.item()) - _allowance(tape, value)
        return below - UNDERFLOW if rounds else below


UNDERFLOW = arb(2) ** -1000
"""For slopes ∂v/∂o that underflow, a product of two small errors as the second order in u is.

Automatic differentiation loses at most 2⁻¹⁰⁷⁵ in an operation, of the slope to o' say, and with it
∂o'/∂o E_o of each o before. Not derived: enough while all ∂o'/∂o |o| add up to less than 2¹²⁰.
"""


class _Tape(TorchDispatchMode):
    """Every operation below automatic differentiation, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = _name(func)
        if name in _RESHAPED and any(args[0] is made for *_, made in self.calls):
            # What is reshaped is a result of this run, so replaying makes it and then reshapes it.
            out = func(*args, **kwargs)
            anew = getattr(_RESHAPED[name], func._overloadname)
            self.calls.append((anew, args, kwargs, out))
            return out
        known = func.is_view or name in _KNOWN
        if not known and func in decomposition_table:
            with self:
                return decomposition_table[func](*args, **kwargs)
        if not known or func._schema.is_mutable or kwargs.get("alpha", 1) != 1:
            raise InvalidArgument("operation", str(func), "out-of-place ones of known rounding")
        out = func(*args, **kwargs)
        for part in tree_leaves(out):
            if part.is_floating_point() and part.dtype is not torch.float64:
                raise InvalidArgument("dtype", part.dtype, "torch.float64")
        self.calls.append((func, args, kwargs, out))
        return out


def _name(func: Any) -> str:
    return func._schema.name.removeprefix("aten::")


def _allowance(tape: _Tape, value: Tensor) -> arb:
    """2 Σ |∂v/∂o| E over all recorded operations o; `InvalidArgument` where that overflows."""
    replayed: dict[int, Any] = {}
    rounded: list[tuple[Tensor, Tensor]] = []

    def current(old: Any) -> Any:
        return replayed.get(id(old), old) if isinstance(old, Tensor) else old

    with torch.enable_grad():
        for func, args, kwargs, out in tape.calls:
            inputs, options = tree_map(current, args), tree_map(current, kwargs)
            name = _name(func)
            new = inputs[0] if name in _SAME else func(*inputs, **options)
            if not (func.is_view or name in _WITHOUT_ERROR):
                error = _rounding(func, inputs, options, new)
                new = new if new.requires_grad else new.detach().requires_grad_()
                rounded.append((new, error))
            for before, after in zip(tree_leaves(out), tree_leaves(new), strict=True):
                replayed[id(before)] = after
        result = current(value)
        if result.item() != value.item():
            raise InvalidArgument("function", result.item(), f"the same every time, {value.item()}")
        if not rounded or not result.requires_grad:
            return arb(0)
        slopes = torch.autograd.grad(result, [o for o, _ in rounded], allow_unused=True)
    parts = [
        slope.abs() * error
        for slope, (_, error) in zip(slopes, rounded, strict=True)
        if slope is not None
    ]
    # In units of u, in which E is a normal number; a product of this sum may still underflow.
    lost = sum(part.numel() for part in parts) * arb(2) ** -1074
    return 2 * exact(_U) * (exact(float(sum(part.sum() for part in parts))) + lost)


@torch.no_grad()
def _rounding(func: Any, args: Any, kwargs: Any, out: Tensor) -> Tensor:
    """E/u for one operation, of the shape of its result."""
    name = _name(func)
    if name in _LINEAR:
        size = func(*tree_map(_absolute, args), **kwargs)
        return (_terms(args) + 1) * (size + _SMALLEST)
    return (1 if name in _BASIC else 8) * (out.abs() + _SMALLEST)


def _absolute(value: Any) -> Any:
    return value.abs() if isinstance(value, Tensor) else value


def _terms(args: Any) -> int:
    """How many terms a sum or a product of matrices adds up, at most."""
    *before, last = (arg for arg in args if isinstance(arg, Tensor))
    if not before:
        return last.numel()
    return last.shape[-2 if last.ndim > 1 else -1] + 1
