"""Nine facts about the theory, each a check on an instance of its own with a verdict.

A fact is confirmed (`holds`) if every one of its conditions came out true, each decided by
certified ends; otherwise it is `open`, and the reason names what failed. The instances are small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ml2o_theory.assumptions import facts_of_rules as rules
from ml2o_theory.assumptions import facts_of_tasks as tasks
from ml2o_theory.assumptions.base import AssumptionCheck
from ml2o_theory.assumptions.findings import Findings


@dataclass(frozen=True)
class Fact:
    """What is said, in a sentence, and how it is checked."""

    number: int
    claim: str
    examine: Callable[[], Findings]

    def check(self) -> AssumptionCheck:
        """The fact's verdict, with its evidence and exhibits."""
        found = self.examine()
        failed = [name for name, came_true in found.conditions.items() if not came_true]
        checked = "; ".join(found.conditions)
        because = f"not confirmed: {'; '.join(failed)}" if failed else f"confirmed: {checked}"
        return AssumptionCheck(
            f"Fact {self.number}",
            self.claim,
            found.region,
            because,
            found.evidence,
            argued=not failed,
            gap=bool(failed),
            exhibits=found.exhibits,
        )


FACTS: tuple[Fact, ...] = (
    Fact(
        1,
        "A2 in reading E contradicts Lemma 14; in reading P the meta optimum is as far from φ̂_* as "
        "the sample is from the population",
        rules.meta_optimum,
    ),
    Fact(2, "LASSO breaks A3b and A3c; smoothed LASSO satisfies them", tasks.lasso_kink),
    Fact(
        3, "RNNprop's features satisfy A3d only formally, with a constant 1/ε", rules.feature_slope
    ),
    Fact(
        4,
        "Rosenbrock satisfies A3 on bounded sets alone; A1 fails for the LSTM rule",
        tasks.valley_and_networks,
    ),
    Fact(
        5,
        "the scalar gain on quadratics satisfies A1 iff T = 1 or two distinct h_k have c_k ≠ 0",
        rules.scalar_gain,
    ),
    Fact(
        6, "expansive rules attain the exponential factors of Lemmas 2 and 8", rules.expansive_rule
    ),
    Fact(
        7,
        "population task differences have closed forms, which do not bound those of drawn batches",
        tasks.population_differences,
    ),
    Fact(8, "the logarithm in Table 1 is natural", tasks.natural_logarithm),
    Fact(
        9,
        "with Gaussian A no constant of A3 or A4 serves the distribution; one serves a batch with "
        "a stated probability",
        tasks.gaussian_tail,
    ),
)
