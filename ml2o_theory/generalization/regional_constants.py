r"""A3's and A4's constants for the populations of a regional trial, all on one region X × Φ' × Z.

Φ' = `trial.reach`. X is the smallest box that holds a tube of every task, the enclosures of x_t(φ)
for φ ∈ Φ' and t ≤ T (`ml2o_theory.propagation`); Z is a box that holds ∇l(X) for every task. Every
constant has an upper end by interval arithmetic over these boxes, and a lower end that is attained
at the iterates for the middle of Φ' or at a corner of X (`ml2o_theory.constants.of_region`). A
population's constant is the largest of its tasks'; Δ and Δ̃ are the largest over the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from ml2o_theory.constants.base import Constants
from ml2o_theory.constants.of_region import supremum
from ml2o_theory.constants.on_boxes import Ends, euclidean, loop_ends, rule_ends, spectral
from ml2o_theory.constants.vertices import corners, supremum_above
from ml2o_theory.enclosure import Enclosure, maximum
from ml2o_theory.generalization.regional import RegionalTrial
from ml2o_theory.generalization.trial import ADAPTATION, TRAINING
from ml2o_theory.intervals.tensor import IntervalTensor, concatenate
from ml2o_theory.models import RuleModel, TaskModel, rule_model, task_model
from ml2o_theory.propagation import box_region
from ml2o_theory.regions import Box, Region, Tube

ATTAINED = 3
"""At how many gradients the rule's constants are looked for; each costs as much as the region."""


@dataclass(frozen=True, eq=False)
class RegionalConstants:
    """The region of a trial, and the constants of its populations on it."""

    trial: RegionalTrial

    @cached_property
    def rule(self) -> RuleModel:
        """The model of the rule."""
        return rule_model(self.trial.populations.rule)

    @cached_property
    def models(self) -> tuple[tuple[TaskModel, ...], ...]:
        """The model of every task of every population."""
        return tuple(tuple(map(task_model, tasks)) for tasks in self.trial.populations.tasks)

    @cached_property
    def region(self) -> Region:
        """X × Φ' × Z."""
        trial = self.trial
        covers = [run.tube(trial.reach) for risk in trial.population for run in risk.runs]
        tubes = [Tube(cover.unsqueeze(1), f"all runs for φ in {trial.reach}") for cover in covers]
        models = [model for population in self.models for model in population]
        return box_region(models, tubes, trial.reach, trial.sample)

    def population(self, i: int) -> Constants:
        """Of population i; without Δ and Δ̃."""
        return Constants(self.region, {**self._of_rule, **self._of_tasks[i]})

    @cached_property
    def pair(self) -> Constants:
        """Of populations 1 and 2 together, with Δ_12 and Δ̃_12."""
        first, second = self._of_tasks[TRAINING], self._of_tasks[ADAPTATION]
        both = {symbol: maximum(value, second[symbol]) for symbol, value in first.items()}
        return Constants(self.region, {**self._of_rule, **both, **self._differences})

    @cached_property
    def _x(self) -> tuple[Box, IntervalTensor, IntervalTensor]:
        """X; X as one box and its corners (n, d); and Φ' with its middle beside each corner."""
        x, phi = self.region.x, self.trial.reach.interval
        assert isinstance(x, Box)
        vertices = corners(x.interval)
        beside = phi.midpoint.expand(vertices.shape[0], -1)
        return (
            x,
            concatenate([x.interval.unsqueeze(0), vertices], 0),
            concatenate([phi.unsqueeze(0), beside], 0),
        )

    @cached_property
    def _of_tasks(self) -> list[dict[str, Enclosure]]:
        """M, L, ρ, τ and Q̄ of each population."""
        (_, x, phi), found = self._x, []
        for models in self.models:
            each = [loop_ends(model, self.rule, x, phi) for model in models]
            found.append(
                {symbol: self._largest(symbol, [e[symbol] for e in each], x) for symbol in each[0]}
            )
        return found

    @cached_property
    def _differences(self) -> dict[str, Enclosure]:
        """Δ_12 and Δ̃_12, the largest over the pairs."""
        box, x, _ = self._x
        each = []
        for first, second in zip(self.models[TRAINING], self.models[ADAPTATION], strict=True):
            gradient, hessian = first.difference_on(second, x)
            each.append(
                (_tightened(euclidean(gradient), gradient, hessian[:1], box), spectral(hessian))
            )
        names = ("Delta", "Delta_tilde")
        return {name: self._largest(name, [e[k] for e in each], x) for k, name in enumerate(names)}

    @cached_property
    def _of_rule(self) -> dict[str, Enclosure]:
        """M_m1, M_m2, L_m and ρ_m on Z × Φ', attained at the longest gradients at corners of X."""
        z, phi = self.region.z, self.trial.reach.interval
        assert isinstance(z, Box)
        _, x, _ = self._x
        models = [model for population in self.models for model in population]
        every = concatenate([model.gradient_on(x[1:]) for model in models], 0)
        some = every[every.midpoint.norm(dim=-1).argsort(descending=True)[:ATTAINED]]
        points = concatenate([z.interval.unsqueeze(0), some], 0)
        beside = phi.midpoint.expand(some.shape[0], -1)
        ends = rule_ends(self.rule, points, concatenate([phi.unsqueeze(0), beside], 0))
        symbols = ("M_m1", "M_m2", "L_m", "rho_m")
        return {symbol: self._largest(symbol, [ends[symbol]], points, "z") for symbol in symbols}

    def _largest(
        self, symbol: str, each: Sequence[Ends], points: IntervalTensor, name: str = "x"
    ) -> Enclosure:
        """The largest of suprema over the box (entry 0), attained at `points` (the others)."""
        lower = torch.stack([ends.lower[1:] for ends in each]).amax(0)
        best = lower.argmax()
        return supremum(
            symbol,
            lower[best].item(),
            max(ends.upper[0].item() for ends in each),
            {name: tuple(points.midpoint[1 + best].tolist())},
            self.region.id,
        )


def _tightened(ends: Ends, field: IntervalTensor, derivative: IntervalTensor, box: Box) -> Ends:
    """sup ‖field‖ with the upper end from the corners, if smaller."""
    upper = ends.upper.clone()
    upper[0] = upper[0].clamp(max=supremum_above(field[1:], derivative[0], box.interval))
    return Ends(ends.lower, upper)
