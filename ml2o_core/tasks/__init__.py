"""Optimizees: what a learned optimizer is run on. One file a family; `base` holds the contract."""

from ml2o_core.tasks.base import Optimum, Task, TaskBatch, TaskFamily

__all__ = ["Optimum", "Task", "TaskBatch", "TaskFamily"]
