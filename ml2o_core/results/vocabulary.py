"""The closed vocabularies of the results tables. A word that is not here cannot be stored."""

from __future__ import annotations

from enum import StrEnum


class CheckVerdict(StrEnum):
    """What came of holding an observed value against a statement's bound, decided in this order."""

    NOT_APPLICABLE = "NOT_APPLICABLE"
    """An assumption is refuted on the region: which one, with the witness."""
    SOLVER_FAILED = "SOLVER_FAILED"
    """A number that the check needs could not be computed."""
    VIOLATED = "VIOLATED"
    """observed.lower > bound.upper, finite, with every assumption and side condition certified."""
    ATTAINED = "ATTAINED"
    """The ratio's interval contains 1 and is narrower than 1e-6."""
    HOLDS = "HOLDS"
    """observed.upper ≤ bound.lower, for these instances."""
    NO_VIOLATION_FOUND = "NO_VIOLATION_FOUND"
    """A search over a region found no violation; the supremum has no certified upper end."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """The intervals overlap, or a constant is only sampled."""


class ClaimVerdict(StrEnum):
    """What came of a claim of the paper."""

    REPRODUCED = "reproduced"
    REVERSED = "reversed"
    UNDECIDED = "undecided"
    NOT_ASSESSED = "not assessed"


class AssumptionVerdict(StrEnum):
    """Whether an assumption holds on a region."""

    HOLDS = "holds"
    REFUTED = "refuted"
    """With a witness."""
    OPEN = "open"


class CheckKind(StrEnum):
    """What a check quantifies over."""

    INSTANCE = "instance"
    """These tasks, this φ, this x_0, this batch: the observed value has two finite ends."""
    UNIFORM = "uniform"
    """A supremum over a region."""
    STATISTICAL = "statistical"
    """A statement in expectation or probability, checked with a level, never a certificate."""


class Level(StrEnum):
    """The rung of the ladder of bounds."""

    UNIFORM = "uniform"
    CLOSED_LOOP = "closed-loop"
    DETACHED = "detached"
    TRAJECTORY = "trajectory"
    PRODUCT = "product"
    CONTRACTION_METRIC = "contraction metric"


class Vacuity(StrEnum):
    """Whether a bound says more than the trivial bound its statement declares."""

    INFORMATIVE = "informative"
    VACUOUS = "vacuous"
    NOT_DECLARED = "not declared"


class EndMethod(StrEnum):
    """What one end of a constant's interval rests on."""

    CLOSED_FORM = "closed form"
    INTERVAL_ARITHMETIC = "interval arithmetic"
    NORM_PRODUCT = "norm product"
    DUAL_CERTIFICATE = "dual certificate"
    SAMPLED = "sampled"
    SEARCHED = "searched"
    STATISTICAL = "statistical"
    TRIVIAL = "trivial"
    """0 below a norm, ∞ above: nothing is claimed."""


class Score(StrEnum):
    """What a row of `scores` measures; logarithms are natural, means are over the problems."""

    MIN_LN_MEAN_OBJECTIVE = "min ln mean objective"
    """The paper's score: the minimum over the steps of ln (mean objective)."""
    LN_MEAN_OBJECTIVE = "ln mean objective"
    MIN_LN_MEAN_SUBOPTIMALITY = "min ln mean suboptimality"
    LN_MEAN_SUBOPTIMALITY = "ln mean suboptimality"
    MEAN_LN_SUBOPTIMALITY = "mean ln suboptimality"
    """The logarithm of the geometric mean of f − f*."""
    MEDIAN_LN_SUBOPTIMALITY = "median ln suboptimality"


class Scale(StrEnum):
    """In what a curve's values are stored."""

    LINEAR = "linear"
    LN = "ln"
    LOG10 = "log10"
