r"""A trial for rules and tasks whose risks are no polynomials: everything on one set of parameters.

As `ml2o_theory.generalization.trial`, for a memoryless rule with few parameters on quadratic or
smoothed LASSO tasks: three finite uniform populations (1 training, 2 adaptation, 3 testing), paired
by index, one sample of indices for all three, and the inner steps T̂^i(φ) = φ − α∇ĝ^i(φ). The
meta risk is Ĝ = ĝ¹∘T̂¹, reading E of A2: T̂¹ fixes φ̂¹_*, so that φ̂¹_* is a stationary point of Ĝ.

Constants are wanted on a convex Φ' that holds Φ and T̂^i(Φ). Here Φ' = `reach` is given, and Φ is
Φ' less α sup ‖∇ĝ^i‖ on every side: then T̂^i(Φ) ⊂ Φ' for certain.

A1 is what the region is about: `convexity` says whether the four risks with an argmin in Theorem 1,
Remark 2 or Eq. 8 (g¹, ĝ¹, g³, ĝ³) are strongly convex on Φ', and gives the witness where not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, reduce

from flint import arb_mat
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.tasks.base import Task
from ml2o_theory.arithmetic import exact
from ml2o_theory.assumptions.base import Asked, AssumptionCheck, Evidence, Refutation
from ml2o_theory.assumptions.exhibits import Exhibit
from ml2o_theory.enclosure import Enclosure, maximum, minimum
from ml2o_theory.generalization.paired import PairedPopulations, SampledTrial
from ml2o_theory.generalization.trial import TESTING, TRAINING
from ml2o_theory.meta_risk import inner_set
from ml2o_theory.regions import Box
from ml2o_theory.risks.enclosed import PARTS, EnclosedRisk
from ml2o_theory.risks.parts import Attained
from ml2o_theory.risks.separable import Vector

OPTIMA = (TRAINING, TESTING)
"""The populations whose optima enter the statements."""


@dataclass(frozen=True, eq=False)
class RegionalPopulations(PairedPopulations[EnclosedRisk]):
    """Three populations of tasks of one kind, and a rule.

    `about` says in words what the tasks are, `parts` how many boxes may cover Φ'.
    """

    rule: MemorylessRule
    tasks: tuple[tuple[Task, ...], ...]
    x0: Float[Tensor, " d"]
    steps: int
    about: str
    parts: int = PARTS

    @cached_property
    def risks(self) -> tuple[EnclosedRisk, ...]:
        """g¹, g², g³."""
        return tuple(
            EnclosedRisk.of(tasks, self.rule, self.x0, self.steps, self.parts)
            for tasks in self.tasks
        )


@dataclass(frozen=True, eq=False)
class RegionalTrial(SampledTrial[EnclosedRisk]):
    """The populations, the sample (how often each index was drawn), Φ' = `reach` and α."""

    populations: RegionalPopulations
    draws: tuple[int, ...]
    reach: Box
    alpha: float

    def __post_init__(self) -> None:
        if len(self.draws) != self.populations.size:
            raise InvalidArgument("draws", self.draws, f"{self.populations.size} numbers")
        if not self.alpha >= 0:
            raise InvalidArgument("alpha", self.alpha, "a finite number ≥ 0")

    @cached_property
    def phi(self) -> Box:
        """Φ; `InvalidArgument` where nothing of Φ' is left."""
        each = [g.on(self.reach, "Φ'") for g in self.empirical]
        steepest = replace(each[0], M_g=reduce(maximum, (c.M_g for c in each)))
        found = inner_set(self.reach, self.alpha, steepest)
        if found is None:
            raise InvalidArgument("alpha", self.alpha, "an inner step with room for it in Φ'")
        return found

    def meta_gradient(self, phi: Vector) -> Vector:
        """(I − α∇²ĝ¹(φ)) ∇ĝ¹(T̂¹(φ))."""
        inner, alpha = self.empirical[TRAINING], exact(self.alpha)
        jet = inner.jet(phi, 2)
        moved = tuple(p - alpha * s for p, s in zip(phi, jet.gradient(), strict=True))
        slope = arb_mat(inner.dim, 1, list(inner.gradient(moved)))
        return tuple((slope - alpha * (jet.hessian() * slope)).entries())

    @cached_property
    def mu(self) -> Enclosure:
        """The smallest μ of the four risks on Φ'."""
        return reduce(minimum, (g.on(self.reach, "Φ'").mu for g in self._with_optima))

    @property
    def is_convex(self) -> bool:
        """Whether A1 is certified."""
        return bool(self.mu.lower.value > 0)

    @cached_property
    def flattest(self) -> tuple[EnclosedRisk, Attained]:
        """The risk with the smallest curvature that was found, and where."""
        found = [(g, g.cover(self.reach).least) for g in self._with_optima]
        return min(found, key=lambda pair: float(pair[1].least.mid()))

    @property
    def _with_optima(self) -> list[EnclosedRisk]:
        return [risks[i] for i in OPTIMA for risks in (self.population, self.empirical)]

    @cached_property
    def convexity(self) -> AssumptionCheck:
        """A1 for the four risks on Φ'."""
        risk, at = self.flattest
        boxes = len(risk.cover(self.reach).parts)
        about = f"{self.populations.about}; {self.populations.rule.name}; g¹, ĝ¹, g³, ĝ³"
        evidence = (Evidence("mu", self.mu, Asked.POSITIVE),)
        if at.least < 0:
            exhibit = Exhibit(
                {"φ": at.point, "v": at.direction},
                {"∇²g(φ)": risk.hessian(tuple(map(exact, at.point)))},
                "vᵀ∇²g(φ)v / ‖v‖²",
                at.least,
            )
            argument = "∇²g has a negative eigenvalue in Φ: g is not convex there"
            refutation = Refutation(argument, (exhibit,))
            return AssumptionCheck("A1", about, self.where, argument, evidence, refutation)
        because = f"μ is in {self.mu}, by the eigenvalues of ∇²g over {boxes} boxes of Φ"
        return AssumptionCheck("A1", about, self.where, because, evidence)

    @property
    def where(self) -> str:
        """Φ' and T in words."""
        return f"Φ: {self.reach}; T = {self.steps}"

    @property
    def refuted(self) -> str | None:
        """The witness in one sentence, where A1 is refuted."""
        _, at = self.flattest
        if not at.least < 0:
            return None
        return (
            f"A1 is refuted: vᵀ∇²g v/‖v‖² = {float(at.least.mid()):.3g} at φ = {_shown(at.point)}"
        )

    @property
    def uncertified(self) -> str | None:
        """What is missing, where A1 is neither certified nor refuted."""
        if self.is_convex or self.refuted is not None:
            return None
        return f"A1 is open: μ is in {self.mu}, so that the optima are not certified"


def _shown(point: tuple[float, ...]) -> str:
    return f"({', '.join(f'{v:.4g}' for v in point)})"
