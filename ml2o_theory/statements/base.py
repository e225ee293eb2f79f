"""The contract of a statement: what it says, under which hypotheses, and its bound in numbers.

To add a statement, write one file in this package with a subclass of `Statement`; the registry
finds it, and the contract test runs on it. The file's docstring has fixed parts: the statement,
its hypotheses, its constants and in which direction each moves the bound, its source, its
derivation, what is checked and what is not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from flint import arb
from sympy import Expr

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import Level
from ml2o_theory.arithmetic import precision
from ml2o_theory.constants.base import MEANING, STEPWISE, Constants, TubeConstants
from ml2o_theory.enclosure import Enclosure, Norm, evaluate_increasing
from ml2o_theory.levels import ONE_VALUE_EACH, trajectory
from ml2o_theory.observed.quantities import Observed
from ml2o_theory.recursion import Distances, Number, ScoreConstants, StepConstants
from ml2o_theory.symbolic.printing import glossary, latex

Formula = Callable[[Sequence[StepConstants], ScoreConstants, Distances], Number]


class Statement(ABC):
    """One statement of the paper.

    Class attributes: `name` (the registry key), `number` (in the paper), `also` (other numbers
    it has there), `title`, `left`, `relation` and `right` (what is bounded, in LaTeX; how; and
    the bound, a SymPy expression in the horizon T or the step t = T − 1), `hypotheses`, and
    `constants` (the symbols that enter at the uniform level; the bound increases in each),
    `levels` (the levels of the ladder at which it says something), and `observes` (whose norm
    the bound is one of; None where nothing is checked).
    """

    name: ClassVar[str] = ""
    number: ClassVar[str] = ""
    also: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str] = ""
    left: ClassVar[str] = ""
    relation: ClassVar[str] = r"\le"
    right: ClassVar[Expr]
    hypotheses: ClassVar[tuple[str, ...]] = ()
    constants: ClassVar[tuple[str, ...]] = ()
    levels: ClassVar[tuple[Level, ...]] = (Level.UNIFORM, Level.CLOSED_LOOP, Level.TRAJECTORY)
    norm: ClassVar[Norm] = Norm.EUCLIDEAN
    observes: ClassVar[Observed | None] = None

    @property
    def latex(self) -> str:
        """The statement as a displayed formula."""
        return f"{self.left} {self.relation} {latex(self.right)}"

    @property
    def glossary(self) -> Mapping[str, str]:
        """The named quantities of `latex`: each one's formula, and what it is in words."""
        return glossary(self.right)

    @abstractmethod
    def formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """The bound, for any level of the ladder: `steps` has one entry for each of T ≥ 1 steps."""

    def trivial_formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number | None:
        """The bound that says nothing; one that is no better is vacuous. None: not declared."""
        return None

    def bound(
        self, constants: Constants | TubeConstants, T: int, level: Level = Level.UNIFORM
    ) -> Enclosure:
        """The bound at `level`, at both ends of the constants.

        Level `trajectory` takes `TubeConstants`, the others `Constants`.
        """
        return self._enclose(self.formula, self.constants, constants, T, level)

    def trivial_bound(
        self, constants: Constants | TubeConstants, T: int, level: Level = Level.UNIFORM
    ) -> Enclosure | None:
        """The trivial bound at `level`, at both ends of the constants, if declared."""
        if type(self).trivial_formula is Statement.trivial_formula:
            return None
        # What it needs may be more than enters the bound itself.
        symbols = constants if isinstance(constants, Constants) else ()
        return self._enclose(self.trivial_formula, symbols, constants, T, level)

    def _enclose(
        self,
        formula: Formula,
        symbols: Iterable[str],
        constants: Constants | TubeConstants,
        T: int,
        level: Level,
    ) -> Enclosure:
        if not 1 <= T <= constants.region.steps:
            raise InvalidArgument("T", T, f"1 to {constants.region.steps}, as in the region")
        on_tube = isinstance(constants, TubeConstants)
        allowed = [name for name in self.levels if (name is Level.TRAJECTORY) == on_tube]
        if level not in allowed:
            raise InvalidArgument("level", level.value, ", ".join(allowed))
        with precision():
            if isinstance(constants, TubeConstants):
                return self._enclose_on_tube(formula, constants, T)
            # Any other constant is not a number, so that it cannot enter unseen.
            others = dict.fromkeys(MEANING, arb("nan"))
            if level is not Level.UNIFORM:
                symbols = {*symbols, "Q_bar"}
            return evaluate_increasing(
                lambda values: formula(*ONE_VALUE_EACH[level]({**others, **values}, T)),
                {symbol: constants[symbol] for symbol in symbols},
                norm=self.norm,
            )

    def _enclose_on_tube(self, formula: Formula, constants: TubeConstants, T: int) -> Enclosure:
        def at(values: Mapping[str, arb]) -> Number:
            per_step = [{s: values[f"{s} {t}"] for s in STEPWISE} for t in range(T + 1)]
            return formula(*trajectory(per_step, values))

        arguments = {
            f"{symbol} {t}": constants.steps[t][symbol] for t in range(T + 1) for symbol in STEPWISE
        }
        return evaluate_increasing(at, {**arguments, **constants.apart}, norm=self.norm)

    @property
    def file(self) -> str:
        """Where the statement is, from the root of the repository."""
        return type(self).__module__.replace(".", "/") + ".py"

    @property
    def test(self) -> str:
        """Where its tests are, from the root of the repository."""
        return f"tests/theory/statements/test_{self.name}.py"
