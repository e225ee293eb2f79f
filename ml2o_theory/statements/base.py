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

from ml2o_core.errors import InvalidArgument
from ml2o_theory.arithmetic import precision
from ml2o_theory.constants.base import MEANING, Constants
from ml2o_theory.enclosure import Enclosure, Norm, evaluate_increasing
from ml2o_theory.observed.quantities import Observed
from ml2o_theory.recursion import Distances, Number, ScoreConstants, StepConstants, uniform

Formula = Callable[[Sequence[StepConstants], ScoreConstants, Distances], Number]


class Statement(ABC):
    """One statement of the paper.

    Class attributes: `name` (the registry key), `number` (in the paper), `title`, `latex` (a
    displayed formula), `glossary` (its symbols in words), `hypotheses`, and `constants` (the
    symbols that enter; the bound increases in each), and `observes` (whose norm the bound is one
    of; None where nothing is checked).
    """

    name: ClassVar[str] = ""
    number: ClassVar[str] = ""
    title: ClassVar[str] = ""
    latex: ClassVar[str] = ""
    glossary: ClassVar[Mapping[str, str]] = {}
    hypotheses: ClassVar[tuple[str, ...]] = ()
    constants: ClassVar[tuple[str, ...]] = ()
    norm: ClassVar[Norm] = Norm.EUCLIDEAN
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

    def bound(self, constants: Constants, T: int) -> Enclosure:
        """The bound at the uniform level, at both ends of the constants."""
        return self._enclose(self.formula, self.constants, constants, T)

    def trivial_bound(self, constants: Constants, T: int) -> Enclosure | None:
        """The trivial bound at the uniform level, at both ends of the constants, if declared."""
        if type(self).trivial_formula is Statement.trivial_formula:
            return None
        return self._enclose(self.trivial_formula, constants, constants, T)

    def _enclose(
        self, formula: Formula, symbols: Iterable[str], constants: Constants, T: int
    ) -> Enclosure:
        if not 1 <= T <= constants.region.steps:
            raise InvalidArgument("T", T, f"1 to {constants.region.steps}, as in the region")
        # Any other constant is not a number, so that it cannot enter unseen.
        others = dict.fromkeys(MEANING, arb("nan"))
        with precision():
            return evaluate_increasing(
                lambda values: formula(*uniform({**others, **values}, T)),
                {symbol: constants[symbol] for symbol in symbols},
                norm=self.norm,
            )

    @property
    def file(self) -> str:
        """Where the statement is, from the root of the repository."""
        return type(self).__module__.replace(".", "/") + ".py"

    @property
    def test(self) -> str:
        """Where its tests are, from the root of the repository."""
        return f"tests/theory/statements/test_{self.name}.py"
