"""M_m1, M_m2, L_m and ρ_m of a rule on Z × Φ.

A memoryless rule with a model gets certified ends on boxes. On Z = R^d only the gain is answered:
its ∇₂m = −z is unbounded there, and all else does not depend on z. RNNprop has `rnnprop`.
"""

from __future__ import annotations

from flint import arb_mat

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule, UpdateRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_theory.assumptions import rnnprop
from ml2o_theory.assumptions.base import Refutation, Setting
from ml2o_theory.assumptions.exhibits import Exhibit, Sequence, norm_at_point
from ml2o_theory.assumptions.on_boxes import of_rule as on_boxes
from ml2o_theory.assumptions.task_constants import as_box, sample_points, supremum
from ml2o_theory.assumptions.whole_space import SHOWN, Finding
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models import RuleModel, rule_model


def of_rule(setting: Setting, symbol: str, region: str) -> Finding:
    """The rule's constant on the setting's Z × Φ."""
    rule = setting.rule
    if isinstance(rule, RNNprop):
        return rnnprop.constant(rule, setting, symbol, region)
    model = _model(rule)
    if isinstance(model, str):
        return model
    if setting.z is None:
        return _on_all_gradients(rule, setting, symbol, region)
    phi, points = as_box(setting.phi), sample_points(setting.z, setting.seed)
    at = sample_points(setting.phi, setting.seed)
    cover = on_boxes(model, symbol, as_box(setting.z), phi)
    attained = on_boxes(model, symbol, points, at)
    return supremum(cover, attained, {"z": points, "φ": at}, symbol, region)


def _model(rule: UpdateRule) -> RuleModel | str:
    if not isinstance(rule, MemorylessRule):
        return f"{rule.name} has a state, and there is no method for it"
    try:
        return rule_model(rule)
    except InvalidArgument:
        return f"no model of {rule.name}: its constants can only be sampled"


def _on_all_gradients(rule: UpdateRule, setting: Setting, symbol: str, region: str) -> Finding:
    if not isinstance(rule, LinearGain):
        return f"no closed form on Z = R^d for {rule.name}"
    d = setting.x0.numel()

    def in_phi(z: arb_mat) -> arb_mat:
        return z

    def at(k: int) -> Exhibit:
        return norm_at_point("∇₂m", in_phi, {"z": (2.0**k, *[0.0] * (d - 1))})

    if symbol == "M_m2":
        because = "‖∇₂m(s e_1, φ)‖ = s for every s > 0"
        return Refutation.along(
            "∇₂m = −z is as large as the gradient: no M_m2 serves Z = R^d",
            Sequence(at, because),
            SHOWN,
        )
    # Nothing else depends on z.
    anywhere = IntervalTensor.exactly(setting.x0.unsqueeze(0))
    at_phi = sample_points(setting.phi, setting.seed)
    model = rule_model(rule)
    cover = on_boxes(model, symbol, anywhere, as_box(setting.phi))
    attained = on_boxes(model, symbol, anywhere, at_phi)
    return supremum(cover, attained, {"φ": at_phi}, symbol, region)
