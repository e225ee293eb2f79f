"""Norms of the tanh network's derivatives layer by layer: products and sums of norms of the parts.

Let D_ik bound the norm of a_j's derivative i times in z and k times in φ, U_ik that of u_j. All
directions are unit vectors. φ is the parameters of the layers before j, and the layer's own W and
b: u = a W + b depends on the latter linearly, with norms ‖a‖ and 1. With w = ‖W‖ (spectral),

    U_10 = w D_10               U_01 = |w D_01, √(‖a‖² + 1)|
    U_20 = w D_20               U_11 = |w D_11, D_10|         U_02 = ⟨w D_02, D_01⟩
    U_30 = w D_30               U_21 = |w D_21, D_20|
    U_12 = ⟨w D_12, D_11⟩       U_03 = |w D_03, √3 D_02|

where |p, q| = √(p² + q²) is the norm of the row (p, q); ⟨p, q⟩ = (p + √(p² + 4q²))/2 that of the
matrix [[p, q], [q, 0]], the terms with one δφ on the earlier layers and one on W; and of the form
p x₁x₂x₃ + q(y₁x₂x₃ + x₁y₂x₃ + x₁x₂y₃) the norm is at most that of its coefficients, √(p² + 3q²).

For a⁺ = tanh u, with s_i = sup |tanh⁽ⁱ⁾| over the sums in the box (s_1 ≤ 1, s_2 ≤ 4/(3√3), s_3 ≤ 2)
and ‖v ⊙ w‖ ≤ ‖v‖‖w‖, by the chain rule

    D_10⁺ = s_1 U_10      D_20⁺ = s_1 U_20 + s_2 U_10²      D_11⁺ = s_1 U_11 + s_2 U_10 U_01
    D_30⁺ = s_1 U_30 + 3 s_2 U_10 U_20 + s_3 U_10³
    D_21⁺ = s_1 U_21 + s_2 (2 U_10 U_11 + U_01 U_20) + s_3 U_10² U_01

and with z and φ exchanged.

Rounding: every number is ≥ 2⁻²⁵⁰, and a formula takes at most 20 products, sums and roots of such
numbers, none of more than four factors: no underflow, and an error below 64u, u = 2⁻⁵³.
"""

from __future__ import annotations

from typing import TypeAlias

import torch

from ml2o_theory.intervals.functions import tanh_1, tanh_2, tanh_3
from ml2o_theory.intervals.norms import euclidean_above
from ml2o_theory.intervals.rounding import UNIT, Values
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models.mlp_boxes import Sweep

Norms: TypeAlias = dict[str, Values]
"""Upper bounds by how often in z and how often in φ: "10", "01", "20", …"""

_SECOND, _THIRD = ("20", "11", "02"), ("30", "21", "12", "03")


def norm_products(sweep: Sweep) -> Norms:
    """Upper bounds (..., K) of the norms of ∇²m ("20", "11", "02") and ∇³m ("30", … "03").

    For each point by itself: the derivatives of its outputs in the point and in φ.
    """
    zeros = torch.zeros(sweep.inputs[0].shape[:-1], dtype=torch.float64)
    D = _raised(dict.fromkeys(("01", *_SECOND, *_THIRD), zeros) | {"10": zeros + 1})
    *hidden, last = zip(sweep.network.norms, sweep.inputs, strict=True)
    for (w, a), u in zip(hidden, sweep.sums, strict=True):
        D = _through_tanh(_through_weights(D, w, a), u)
    D = _through_weights(D, *last)
    return _raised({name: D[name] * sweep.network.scale for name in (*_SECOND, *_THIRD)})


def _through_weights(D: Norms, w: Values, a: IntervalTensor) -> Norms:
    w, size = _above(w), _above(euclidean_above(a))
    return _raised(
        {
            "10": w * D["10"],
            "01": _row(w * D["01"], (size * size + 1).sqrt()),
            "20": w * D["20"],
            "11": _row(w * D["11"], D["10"]),
            "02": _bordered(w * D["02"], D["01"]),
            "30": w * D["30"],
            "21": _row(w * D["21"], D["20"]),
            "12": _bordered(w * D["12"], D["11"]),
            "03": _row(w * D["03"], 3**0.5 * D["02"]),
        }
    )


def _through_tanh(U: Norms, u: IntervalTensor) -> Norms:
    s_1, s_2, s_3 = (
        _above(derivative(u).magnitude().amax(-1)) for derivative in (tanh_1, tanh_2, tanh_3)
    )
    z, phi = U["10"], U["01"]
    return _raised(
        {
            "10": s_1 * z,
            "01": s_1 * phi,
            "20": s_1 * U["20"] + s_2 * z * z,
            "11": s_1 * U["11"] + s_2 * z * phi,
            "02": s_1 * U["02"] + s_2 * phi * phi,
            "30": s_1 * U["30"] + 3 * s_2 * z * U["20"] + s_3 * z * z * z,
            "21": s_1 * U["21"] + s_2 * (2 * z * U["11"] + phi * U["20"]) + s_3 * z * z * phi,
            "12": s_1 * U["12"] + s_2 * (2 * phi * U["11"] + z * U["02"]) + s_3 * phi * phi * z,
            "03": s_1 * U["03"] + 3 * s_2 * phi * U["02"] + s_3 * phi * phi * phi,
        }
    )


def _row(p: Values, q: Values) -> Values:
    """|p, q|."""
    return (p * p + q * q).sqrt()


def _bordered(p: Values, q: Values) -> Values:
    """⟨p, q⟩."""
    return 0.5 * (p + _row(p, 2 * q))


def _raised(norms: Norms) -> Norms:
    """Above what the formulas give without rounding."""
    return {name: _above(value * (1 + 64 * UNIT)) for name, value in norms.items()}


def _above(value: Values) -> Values:
    # NaN is ∞ − ∞ or 0 · ∞: no bound.
    return value.nan_to_num(nan=torch.inf, posinf=torch.inf).clamp(min=2.0**-250)
