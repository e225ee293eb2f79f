"""The methods that are compared, as recipes over the same parts.

| method      | meta-training on the training tasks | adaptation |
|-------------|-------------------------------------|------------|
| Vanilla L2O | none: φ_0                           | yes        |
| DT          | plain                               | no         |
| TL          | plain (the same weights as DT)      | yes        |
| M-L2O       | Algorithm 1, or a profile's variant | yes        |

and, where it was trained, M-L2O with the first-order meta-gradient beside the exact one.

All start from the same φ_0 and see the same training, adaptation and test tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor

from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.trainer import Trained, initial_params, train
from ml2o_core.optimizers.base import Params
from ml2o_core.progress import Progress


@dataclass(frozen=True)
class Method:
    """A recipe: how φ is meta-trained and whether it is adapted."""

    name: str
    label: str
    pretraining: Literal["none", "plain", "meta", "first-order"]
    adapts: bool


METHODS = {
    method.name: method
    for method in (
        Method("vanilla", "Vanilla L2O", "none", adapts=True),
        Method("dt", "Direct Transfer (DT)", "plain", adapts=False),
        Method("tl", "Transfer Learning (TL)", "plain", adapts=True),
        Method("m-l2o", "M-L2O", "meta", adapts=True),
        Method("m-l2o-first-order", "M-L2O, first order", "first-order", adapts=True),
    )
}


@dataclass(frozen=True)
class Pretrained:
    """φ after meta-training, for each kind of pretraining; shared by the methods that use it.

    `params` and `converged` (shape (R,)) are by kind; `runs` holds the trainings themselves.
    """

    params: dict[str, Params]
    converged: dict[str, Tensor]
    runs: dict[str, Trained]

    @classmethod
    def of(cls, plain: Trained, meta: Trained, first_order: Trained | None = None) -> Self:
        """From the trainings, on the device where their parameters are."""
        runs = {"plain": plain, "meta": meta}
        if first_order is not None:
            runs["first-order"] = first_order
        device = next(iter(meta.params.values())).device
        everyone = torch.ones(meta.config.repeats, dtype=torch.bool)
        return cls(
            {"none": initial_params(meta.config, device)} | {k: r.params for k, r in runs.items()},
            {"none": everyone} | {kind: run.converged for kind, run in runs.items()},
            runs,
        )


def pretrain(
    meta: TrainConfig,
    plain: TrainConfig,
    *,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Pretrained:
    """Train what the four methods need: nothing, plain, and `meta` (M-L2O's configuration).

    `plain` is the configuration of TL and DT. It differs from `meta` in the meta-gradient, and in
    the number of windows where the methods are given as many gradient evaluations.
    """
    return Pretrained.of(
        train(plain, device=device, progress=progress, label="train TL, DT"),
        train(meta, device=device, progress=progress, label="train M-L2O"),
    )


@dataclass(frozen=True)
class Fitted:
    """A method ready for testing: φ with leading axis R, and which replicates may be scored.

    `adapted` is the adaptation run, or None for a method that does not adapt.
    """

    method: Method
    params: Params
    converged: Tensor
    adapted: Trained | None


def fit(
    pretrained: Pretrained,
    adaptation: TrainConfig,
    *,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> dict[str, Fitted]:
    """Every method that was trained, on one adaptation distribution (see `meta.config`)."""
    fitted = {}
    there = {name: m for name, m in METHODS.items() if m.pretraining in pretrained.params}
    for name, recipe in there.items():
        params = pretrained.params[recipe.pretraining]
        converged, run = pretrained.converged[recipe.pretraining], None
        if recipe.adapts:
            run = train(
                adaptation, params, device=device, progress=progress, label=f"adapt {recipe.label}"
            )
            params, converged = run.params, converged & run.converged
        fitted[name] = Fitted(recipe, params, converged, run)
    return fitted
