"""The contract of an assumption: what it says, and how it is held against tasks and a rule.

To add an assumption, write one file in this package with a subclass of `Assumption`; the registry
finds it. A check gathers evidence, and the verdict follows from the evidence:

    refuted   there is an exhibit, with every digit, or a sequence of them that exceeds any constant
    holds     every enclosure meets what the assumption asks of it, by a certified end
    open      neither: a number is only sampled, or there is no method for these tasks and this rule
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from flint import arb
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import UpdateRule
from ml2o_core.results import AssumptionRow, AssumptionVerdict, ConstantRow, EndMethod, row_id
from ml2o_core.tasks.base import Task
from ml2o_theory.arithmetic import INFINITY
from ml2o_theory.assumptions.exhibits import Exhibit, Sequence
from ml2o_theory.enclosure import CERTIFICATES, Direction, Enclosure, End, Norm, Quantity, Witness
from ml2o_theory.regions import Ball, Box, ParameterInterval


@dataclass(frozen=True)
class Setting:
    """What an assumption is held against.

    `tasks` are one task or more, with the common start `x0` of shape (d,); `rule`'s parameters lie
    in `phi`, iterates in `x` and gradients in `z`, where None means all of R^d. `steps` is T,
    `alpha` the inner step of T̂, `batch` how many of the tasks (the first ones) make up the
    empirical risk ĝ_T, and `about` says in words what the tasks are.
    """

    tasks: tuple[Task, ...]
    x0: Float[Tensor, " d"]
    rule: UpdateRule
    x: Ball | Box | None
    z: Ball | Box | None
    phi: ParameterInterval | Box
    steps: int
    about: str
    alpha: float = 1e-3
    batch: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.tasks or {task.dim for task in self.tasks} != {self.x0.numel()}:
            raise InvalidArgument("tasks", len(self.tasks), "one or more, all of x_0's dimension")
        if self.steps < 1:
            raise InvalidArgument("steps", self.steps, "an integer ≥ 1")

    @property
    def subject(self) -> str:
        """The tasks and the rule, in words."""
        return f"{self.about}; {self.rule.name}"


GREEK = {"mu": "μ", "rho": "ρ", "rho_m": "ρ_m", "tau": "τ", "Delta": "Δ", "Delta_tilde": "Δ̃"}
"""How a sentence writes a symbol."""

SEPARATOR = "  ∥  "
"""Between two exhibits in a text."""


class Asked(Enum):
    """What an assumption asks of a number."""

    FINITE = "a certified finite upper end"
    POSITIVE = "a certified lower end above 0"
    NOTHING = "nothing: it is reported"


@dataclass(frozen=True)
class Evidence:
    """A number by symbol, and what the assumption asks of it."""

    symbol: str
    value: Enclosure
    asked: Asked = Asked.FINITE

    def __str__(self) -> str:
        return f"{GREEK.get(self.symbol, self.symbol)} is in {self.value}"

    @property
    def is_met(self) -> bool:
        """Whether a certified end settles it."""
        if self.asked is Asked.POSITIVE:
            end = self.value.lower
            return end.method in CERTIFICATES and bool(end.value > 0)
        return self.asked is Asked.NOTHING or self.value.upper.value.is_finite()


@dataclass(frozen=True)
class Refutation:
    """Why the assumption fails: `argument` in one sentence, and the exhibits.

    `sequence` exceeds any constant that is claimed; without one, a single exhibit refutes.
    """

    argument: str
    exhibits: tuple[Exhibit, ...]
    sequence: Sequence | None = None

    @classmethod
    def along(cls, argument: str, sequence: Sequence, numbers: Iterable[int]) -> Refutation:
        """From some members of a sequence."""
        return cls(argument, tuple(sequence.at(k) for k in numbers), sequence)

    def __str__(self) -> str:
        because = f"; {self.sequence.because}" if self.sequence else ""
        return SEPARATOR.join(map(str, self.exhibits)) + because


@dataclass(frozen=True)
class Proof:
    """An argument that settles a point without a number, in one sentence."""

    text: str


@dataclass(frozen=True)
class AssumptionCheck:
    """An assumption, where it was checked, the evidence, and the verdict that follows.

    `because` says in one sentence why it holds, or why it is open. `argued`: the sentence is itself
    (part of) a proof, so that no number is needed; `gap`: something has no method, so that what the
    evidence says is not all. `exhibits` are shown where nothing is refuted.
    """

    assumption: str
    subject: str
    region: str
    because: str
    evidence: tuple[Evidence, ...] = ()
    refutation: Refutation | None = None
    argued: bool = False
    gap: bool = False
    exhibits: tuple[Exhibit, ...] = ()

    @property
    def verdict(self) -> AssumptionVerdict:
        """Refuted by an exhibit, held up by all the evidence, or open."""
        if self.refutation is not None:
            return AssumptionVerdict.REFUTED
        if self.gap or not all(part.is_met for part in self.evidence):
            return AssumptionVerdict.OPEN
        holds = self.argued or any(part.asked is not Asked.NOTHING for part in self.evidence)
        return AssumptionVerdict.HOLDS if holds else AssumptionVerdict.OPEN

    @property
    def reason(self) -> str:
        """Why, in one sentence."""
        return self.refutation.argument if self.refutation else self.because

    @property
    def witness(self) -> str | None:
        """The exhibits, with every digit; None where there are none."""
        if self.refutation is not None:
            return str(self.refutation)
        return SEPARATOR.join(map(str, self.exhibits)) or None

    def row(self, artefact: str, *parts: object) -> AssumptionRow:
        """The row of the table `assumptions`, with the id made of `artefact` and `parts`."""
        return AssumptionRow(
            id=row_id(artefact, *parts),
            artefact=artefact,
            assumption=self.assumption,
            subject=self.subject,
            region=self.region,
            verdict=self.verdict,
            reason=self.reason,
            witness=self.witness,
            evidence=tuple(row_id(artefact, *parts, part.symbol) for part in self.evidence),
        )

    def constant_rows(self, artefact: str, *parts: object) -> list[ConstantRow]:
        """The evidence as rows of the table `constants`."""
        return [
            ConstantRow(
                id=row_id(artefact, *parts, part.symbol),
                artefact=artefact,
                symbol=part.symbol,
                subject=self.subject,
                value=part.value.interval,
                lower_method=part.value.lower.method,
                upper_method=part.value.upper.method,
                norm=part.value.upper.norm.value,
                region=self.region,
                seed=part.value.lower.seed or part.value.upper.seed,
                witness=_shown(part.value.lower.witness or part.value.upper.witness),
            )
            for part in self.evidence
        ]


class Assumption(ABC):
    """One assumption of the paper.

    Class attributes: `name` (A1, A2, A3a, …: the registry key), `title`, `latex` (a displayed
    formula), `words` (the same in a sentence), `hypotheses` (what it presupposes) and `constants`
    (the symbols it introduces).
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    latex: ClassVar[str] = ""
    words: ClassVar[str] = ""
    hypotheses: ClassVar[tuple[str, ...]] = ()
    constants: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def check(self, setting: Setting) -> AssumptionCheck:
        """Whether it holds in `setting`. Never fails for want of a method: that is `open`."""

    @property
    def file(self) -> str:
        """Where the assumption is, from the root of the repository."""
        return type(self).__module__.replace(".", "/") + ".py"

    @property
    def test(self) -> str:
        """Where its tests are, from the root of the repository."""
        module = type(self).__module__.rsplit(".", 1)[-1]
        return f"tests/theory/assumptions/test_{module}.py"


def infimum_from(
    attained: arb,
    certified: arb | None,
    *,
    witness: Witness,
    norm: Norm,
    region: str,
    method: EndMethod = EndMethod.CLOSED_FORM,
) -> Enclosure:
    """An infimum that is at most the value `attained` at a witness, and at least `certified`."""
    above = End(
        attained.upper(), Direction.UPPER, EndMethod.SEARCHED, norm, region, witness=witness
    )
    if certified is None or not certified.is_finite():
        below = End(-INFINITY, Direction.LOWER, EndMethod.TRIVIAL, norm, region)
    else:
        below = End(certified.lower(), Direction.LOWER, method, norm, region)
    return Enclosure(below, above, Quantity.INFIMUM)


def _shown(witness: Witness | None) -> str | None:
    if witness is None:
        return None
    return "; ".join(f"{name} = {list(point)}" for name, point in witness.items())
