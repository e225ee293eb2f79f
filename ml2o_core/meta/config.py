"""What a meta-training run is, resolved: frozen, validated, saved beside its result."""

from __future__ import annotations

from typing import Literal, Self

import torch
from pydantic import Field, field_validator, model_validator

from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.base import MetaGradient
from ml2o_core.meta.curriculum import Curriculum
from ml2o_core.meta.next_window import NextWindow
from ml2o_core.meta.plain import Plain
from ml2o_core.optimizers.base import UpdateRule
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.spec import Spec
from ml2o_core.tasks.base import TaskFamily
from ml2o_core.unroll import GraphMode

LARGEST = 1_000_000
"""Of each size of a run: far more is a slip of the keyboard, and would never end."""

Objective = Literal["sum", "final"]
Advance = Literal["phi", "adapted"]
Precision = Literal["float32", "float64"]


class TrainConfig(Spec):
    """K windows of descent on φ, for R replicates at once.

    One epoch is one window of T iterations and one step on φ (Algorithm 1 as the experiments count
    it). Every S-th window starts fresh tasks from a fresh x_0; the others continue the run, from
    where φ or the adapted weights have led (`advance`). With a `curriculum`, S grows in stages.
    `objective` is what a window is scored by: the `sum` of the mean losses at x_1 … x_T (the
    experiments), or the `final` mean loss at x_T (the theory's g_T). `purpose` names the stream of
    random tasks, so that training and adaptation never see the same ones.
    """

    family: TaskFamily
    rule: UpdateRule = RNNprop()
    meta_gradient: MetaGradient = Plain()
    windows: int = Field(5000, ge=1, le=LARGEST, description="K, windows and steps on φ")
    unroll_steps: int = Field(20, ge=1, le=LARGEST, description="T, optimizee iterations a window")
    windows_per_episode: int = Field(5, ge=1, description="S, windows before tasks are redrawn")
    curriculum: Curriculum | None = Field(None, description="stages that set S; None: S is fixed")
    advance: Advance = Field("phi", description="whose runs the next window continues")
    batch_size: int = Field(128, ge=1, le=LARGEST, description="N, problems a batch")
    repeats: int = Field(1, ge=1, le=LARGEST, description="R, replicates (training seeds)")
    descent: Literal["adam", "sgd"] = Field("adam", description="the rule that φ descends by")
    learning_rate: float = Field(1e-3, gt=0, description="step size of the descent on φ")
    clip_norm: float = Field(1.0, gt=0, description="largest Euclidean norm of a meta-gradient")
    objective: Objective = "sum"
    graph: GraphMode = GraphMode.DETACHED
    purpose: Literal["train", "adapt"] = "train"
    precision: Precision = "float32"
    seed: int = Field(0, ge=0)

    @field_validator("graph")
    @classmethod
    def _differentiable(cls, graph: GraphMode) -> GraphMode:
        if graph is GraphMode.NONE:
            raise InvalidArgument("graph", graph.value, "detached, full (training differentiates)")
        return graph

    @model_validator(mode="after")
    def _one_window_at_a_time(self) -> Self:
        if isinstance(self.meta_gradient, NextWindow) and self.advance != "phi":
            allowed = "phi with next-window (its adapted weights run one window further)"
            raise InvalidArgument("advance", self.advance, allowed)
        return self

    @property
    def dtype(self) -> torch.dtype:
        """The tensors' precision."""
        return getattr(torch, self.precision)


def adaptation(
    config: TrainConfig, family: TaskFamily, windows: int = 5, **changes: object
) -> TrainConfig:
    """Adaptation to `family` after a run of `config`: plain steps, one for each window of T.

    Run it with `train(adaptation(config, family), trained.params)`. The windows are one episode,
    and the descent (Adam, unless `changes` say otherwise) starts afresh. `changes` override any
    field.
    """
    fixed = {
        "meta_gradient": Plain(),
        "windows": windows,
        "windows_per_episode": windows,
        "curriculum": None,
        "advance": "phi",
        "descent": "adam",
    }
    return config.with_changes(**{**fixed, "family": family, "purpose": "adapt", **changes})
