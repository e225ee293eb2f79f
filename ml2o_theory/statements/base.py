"""The contract of a statement: what it says, under which hypotheses, and where it is.

There are two kinds. A `LadderStatement` (`ml2o_theory.statements.ladder`) bounds what T steps of a
rule do, from the constants of each step. A `RiskStatement` (`ml2o_theory.statements.risk`) bounds
errors of trained parameters, from constants of the risks. The registry finds both, and the contract
tests run on them. A file's docstring has fixed parts: the statement, its hypotheses, its constants
and in which direction each moves the bound, its source, its derivation, what is checked and what is
not.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import ClassVar

from sympy import Expr

from ml2o_core.results import Level
from ml2o_theory.enclosure import Norm
from ml2o_theory.symbolic.printing import glossary, latex


class Statement(ABC):
    """One statement of the paper.

    Class attributes: `name` (the registry key), `number` (in the paper), `also` (other numbers
    it has there), `title`, `left`, `relation` and `right` (what is bounded, in LaTeX; how; and
    the bound, a SymPy expression), `hypotheses`, `constants` (the symbols that enter), `levels`
    (how fine the constants may be at which it says something), and `norm`.
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
    levels: ClassVar[tuple[Level, ...]] = ()
    norm: ClassVar[Norm] = Norm.EUCLIDEAN

    @property
    def latex(self) -> str:
        """The statement as a displayed formula."""
        return f"{self.left} {self.relation} {latex(self.right)}"

    @property
    def glossary(self) -> Mapping[str, str]:
        """The named quantities of `latex`: each one's formula, and what it is in words."""
        return glossary(self.right)

    @property
    def file(self) -> str:
        """Where the statement is, from the root of the repository."""
        return type(self).__module__.replace(".", "/") + ".py"

    @property
    def test(self) -> str:
        """Where its tests are, from the root of the repository."""
        return f"tests/theory/statements/test_{self.name}.py"
