r"""A3's and A4's constants for the populations of a trial, all on one region X × Φ' × Z.

Φ' = `trial.reach` holds Φ and every T̂^i(Φ). X is a ball about x_0 that holds x_t(φ) of every task
for φ ∈ Φ' and t ≤ T, Z the ball about 0 of radius M = max over all tasks of sup_X ‖∇l‖. With
∇l(x) = Hx − c and the gain rule:

    M = max sup_X ‖∇l‖      L = max ‖H‖      ρ = τ = ρ_m = 0      L_m = 1
    M_m1 = sup_{Φ'} max_k |φ_k|      M_m2 = sup_Z ‖z‖      Q̄ = max sup_{Φ'} ‖I − diag(φ)H‖
    Δ = max_n sup_X ‖∇l_n¹ − ∇l_n²‖      Δ̃ = max_n ‖H_n¹ − H_n²‖   over the paired tasks

maxima over the tasks of a population, each task's own by a trust-region problem or a certified
spectral norm. The diagonal gain has M_m2 = sup_Z max_k |z_k|, the same on a ball. Q̄ is a maximum of
convex functions of φ, hence attained at a corner of Φ'; for the diagonal gain (H diagonal) the
corner may be chosen entry by entry, and the norm is max_k max |1 − φ_k h_k|.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TypeVar

from flint import arb

from ml2o_core.results import EndMethod
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.arithmetic import identity, precision
from ml2o_theory.constants.base import Constants
from ml2o_theory.constants.gain_quadratic import travel
from ml2o_theory.constants.quadratic import enclosed, gradient_norm_on_ball, hessian_norm
from ml2o_theory.constants.spectral import spectral_norm
from ml2o_theory.constants.trust_region import BallSupremum
from ml2o_theory.enclosure import Enclosure, Norm, maximum
from ml2o_theory.exact_quadratic import ExactQuadratic
from ml2o_theory.generalization.trial import ADAPTATION, TRAINING, Trial
from ml2o_theory.regions import Ball, ParameterInterval, Region
from ml2o_theory.risks.separable import coordinates, largest, sides
from ml2o_theory.task_difference import gradient_difference, hessian_difference

Item = TypeVar("Item")


@dataclass(frozen=True)
class TrialConstants:
    """The region of a trial, and the constants of its populations on it."""

    trial: Trial

    @cached_property
    def quadratics(self) -> tuple[tuple[ExactQuadratic, ...], ...]:
        """∇l of every task of every population."""
        return tuple(tuple(map(ExactQuadratic.of, tasks)) for tasks in self.trial.populations.tasks)

    @cached_property
    def x(self) -> Ball:
        """X: about x_0, so wide that no run with a φ ∈ Φ' leaves it."""
        populations = self.trial.populations
        with precision():
            radius = arb(0)
            pairs = zip(_flat(populations.tasks), _flat(self.quadratics), strict=True)
            for task, quadratic in pairs:
                radius = radius.max(_travel(self.trial, task, quadratic))
        return Ball(tuple(populations.x0.tolist()), radius.upper())

    @cached_property
    def gradients(self) -> list[list[BallSupremum]]:
        """sup_X ‖∇l‖ of every task of every population."""
        return [[gradient_norm_on_ball(q, self.x) for q in members] for members in self.quadratics]

    @cached_property
    def region(self) -> Region:
        """X × Φ' × Z."""
        trial = self.trial
        M = largest([found.upper for found in _flat(self.gradients)])
        z = Ball((0.0,) * trial.populations.x0.numel(), M.upper())
        return Region(self.x, trial.reach, z, trial.sample, trial.steps)

    def population(self, i: int) -> Constants:
        """Of population i; without Δ and Δ̃."""
        return Constants(self.region, self._populations[i])

    @cached_property
    def pair(self) -> Constants:
        """Of populations 1 and 2 together, with Δ_12 and Δ̃_12."""
        first, second = self._populations[TRAINING], self._populations[ADAPTATION]
        both = {symbol: maximum(value, second[symbol]) for symbol, value in first.items()}
        return Constants(self.region, {**both, **self.differences(TRAINING, ADAPTATION)})

    def differences(self, i: int, j: int) -> dict[str, Enclosure]:
        """Δ_ij and Δ̃_ij."""
        pairs = list(zip(self.quadratics[i], self.quadratics[j], strict=True))
        region = self.region
        return {
            "Delta": reduce(maximum, (gradient_difference(a, b, region) for a, b in pairs)),
            "Delta_tilde": reduce(maximum, (hessian_difference(a, b, region) for a, b in pairs)),
        }

    @cached_property
    def _populations(self) -> list[dict[str, Enclosure]]:
        return [dict(self._of_population(i)) for i in range(len(self.trial.populations.tasks))]

    def _of_population(self, i: int) -> Iterator[tuple[str, Enclosure]]:
        region, members = self.region, self.quadratics[i]
        with precision():
            gain = arb(0)
            for low, high in sides(self.trial.reach):
                gain = gain.max(abs(low)).max(abs(high))
        yield "M", reduce(maximum, (enclosed(found, region) for found in self.gradients[i]))
        yield "L", reduce(maximum, (hessian_norm(q, region) for q in members))
        yield "M_m1", self._exactly(gain, Norm.SPECTRAL)
        assert isinstance(region.z, Ball)
        yield "M_m2", self._exactly(region.z.radius, Norm.EUCLIDEAN)
        yield "L_m", self._exactly(arb(1), Norm.SPECTRAL)
        for symbol in ("rho", "tau", "rho_m"):
            yield symbol, self._exactly(arb(0), Norm.SPECTRAL)
        yield "Q_bar", reduce(maximum, (self._closed_loop(q) for q in members))

    def _exactly(self, value: arb, norm: Norm) -> Enclosure:
        return Enclosure.exactly(value, EndMethod.CLOSED_FORM, norm=norm, region=self.region.id)

    def _closed_loop(self, quadratic: ExactQuadratic) -> Enclosure:
        """sup ‖I − diag(φ)H‖ over Φ'."""
        reach = sides(self.trial.reach)
        with precision():
            if self.trial.populations.shape == "diagonal":
                lower = upper = arb(0)
                for k, ends in enumerate(reach):
                    for phi in ends:
                        upper = upper.max(abs(1 - phi * quadratic.H[k, k]))
                lower = upper
            else:
                found = [
                    spectral_norm(identity(quadratic.H.nrows()) - phi * quadratic.H)[:2]
                    for phi in reach[0]
                ]
                lower, upper = (found[0][k].max(found[1][k]) for k in (0, 1))
            return Enclosure.certified(
                lower,
                upper,
                EndMethod.DUAL_CERTIFICATE,
                norm=Norm.SPECTRAL,
                region=self.region.id,
            )


def _travel(trial: Trial, task: QuadraticTask, quadratic: ExactQuadratic) -> arb:
    """An upper bound of ‖x_t − x_0‖ over Φ' and t ≤ T."""
    reach = trial.reach
    if trial.populations.shape == "scalar":
        phi = ParameterInterval(reach.lower[0], reach.upper[0])
        return travel(quadratic, trial.populations.x0, phi, trial.steps)
    parts = []
    for k, one in enumerate(coordinates(task)):
        phi = ParameterInterval(reach.lower[k], reach.upper[k])
        parts.append(
            travel(ExactQuadratic.of(one), trial.populations.x0[k : k + 1], phi, trial.steps)
        )
    total = sum((part * part for part in parts), arb(0))
    return total.upper().max(arb(0)).sqrt()


def _flat(rows: Sequence[Sequence[Item]]) -> list[Item]:
    return [item for row in rows for item in row]
