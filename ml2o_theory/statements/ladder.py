"""The contract of a statement about T steps: its bound from the constants of each step.

To add one, write one file in this package with a subclass of `LadderStatement`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from flint import arb

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import Level
from ml2o_theory.arithmetic import precision
from ml2o_theory.constants.base import MEANING, STEPWISE, Constants, TubeConstants
from ml2o_theory.enclosure import Enclosure, evaluate_increasing
from ml2o_theory.levels import ONE_VALUE_EACH, trajectory
from ml2o_theory.observed.quantities import Observed
from ml2o_theory.recursion import Distances, Number, ScoreConstants, StepConstants
from ml2o_theory.statements.base import Statement

Formula = Callable[[Sequence[StepConstants], ScoreConstants, Distances], Number]


class LadderStatement(Statement):
    """One statement about the runs of a rule; `right` is in the horizon T or the step t = T − 1.

    Class attributes beside those of `Statement`: `constants` are those of the uniform level, and
    the bound increases in each; `observes` says whose norm the bound is one of (None where nothing
    is checked).
    """

    levels: ClassVar[tuple[Level, ...]] = (Level.UNIFORM, Level.CLOSED_LOOP, Level.TRAJECTORY)
    observes: ClassVar[Observed | None] = None

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
        if type(self).trivial_formula is LadderStatement.trivial_formula:
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
