"""What can be proved about a task and about a rule: derivatives at a point and over a box.

A task or rule without a model here can still be sampled (`ml2o_theory.constants.sampled`); with a
model its constants have certified upper ends. To add a model, write one file in this package whose
class names what it is a model of; `task_model` and `rule_model` find it.
"""

from ml2o_theory.models.base import (
    RuleModel,
    RuleStep,
    TaskModel,
    flat_params,
    rule_model,
    task_model,
)

__all__ = ["RuleModel", "RuleStep", "TaskModel", "flat_params", "rule_model", "task_model"]
