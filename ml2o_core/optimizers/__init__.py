"""Update rules, learned and analytic: one file a rule; `base` holds the contract."""

from ml2o_core.optimizers.base import MemorylessRule, Observation, Params, State, UpdateRule

__all__ = ["MemorylessRule", "Observation", "Params", "State", "UpdateRule"]
