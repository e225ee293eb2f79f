r"""The exact symmetry of networks: exchanging two hidden units, with all their weights, is nothing.

With P the exchange (P² = I), m(z, Pφ) = m(z, φ), hence g_T(Pφ) = g_T(φ) and ∇g_T(Pφ) = P∇g_T(φ):

    ⟨∇g(Pφ) − ∇g(φ), Pφ − φ⟩ = −2⟨∇g(φ), Pφ − φ⟩.

So a strongly convex g falls from φ towards Pφ wherever Pφ ≠ φ, and its minimiser has all hidden
units equal. One φ from which g rises towards Pφ refutes A1, and so does one minimum with two
different hidden units: Pφ is another.
"""

from __future__ import annotations

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import Params, UpdateRule
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.optimizers.rnnprop import RNNprop


def exchanged(rule: UpdateRule, params: Params, j: int, k: int) -> Params:
    """Pφ: hidden units j and k of the last hidden layer in each other's place."""
    if not isinstance(rule, MLPRule | RNNprop):
        raise InvalidArgument("rule", rule.name, f"{MLPRule.name} or {RNNprop.name}")
    H = rule.hidden
    if not (0 <= j < H and 0 <= k < H):
        raise InvalidArgument("hidden units", (j, k), f"0 to {H - 1}")
    order = list(range(H))
    order[j], order[k] = k, j
    swapped = dict(params)
    if isinstance(rule, MLPRule):
        last = rule.depth
        swapped[f"weight_{last - 1}"] = params[f"weight_{last - 1}"][:, order]
        swapped[f"bias_{last - 1}"] = params[f"bias_{last - 1}"][order]
        swapped[f"weight_{last}"] = params[f"weight_{last}"][order]
        return swapped
    # Each of the four gates has a column for every unit.
    gates = [gate * H + unit for gate in range(4) for unit in order]
    name = f"lstm{rule.layers - 1}"
    swapped[f"{name}_input"] = params[f"{name}_input"][:, gates]
    swapped[f"{name}_hidden"] = params[f"{name}_hidden"][order][:, gates]
    swapped[f"{name}_bias"] = params[f"{name}_bias"][gates]
    swapped["output_weight"] = params["output_weight"][order]
    return swapped
