"""The closed vocabularies of the results tables. A word that is not here cannot be stored."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Word(StrEnum):
    """A word of a vocabulary: its text is what is stored, `meaning` explains it to a reader."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        word = str.__new__(cls, value)
        word._value_ = value
        word.meaning = meaning
        return word


class CheckVerdict(Word):
    """What came of holding an observed value against a statement's bound, decided in this order."""

    NOT_APPLICABLE = (
        "NOT_APPLICABLE",
        "an assumption of the statement is refuted there: the reason says which, with the witness",
    )
    SOLVER_FAILED = "SOLVER_FAILED", "a number that the check needs could not be computed"
    VIOLATED = (
        "VIOLATED",
        "the observed value is above the bound, and every assumption and constant is certified",
    )
    ATTAINED = "ATTAINED", "observed and bound are equal, up to 1e-6 of their ratio"
    HOLDS = "HOLDS", "the observed value is not above the bound, for the instances of this check"
    NO_VIOLATION_FOUND = (
        "NO_VIOLATION_FOUND",
        "a search over a region found no violation, which is not a proof that there is none",
    )
    INCONCLUSIVE = (
        "INCONCLUSIVE",
        "the numbers do not decide it: the intervals overlap, or a constant is only sampled",
    )


class ClaimVerdict(Word):
    """What came of a claim of the paper."""

    REPRODUCED = (
        "reproduced",
        "the effect has the claimed sign, and differs from zero after Holm's correction in its "
        "figure",
    )
    REVERSED = (
        "reversed",
        "the effect has the opposite sign, and differs from zero after Holm's correction",
    )
    UNDECIDED = "undecided", "no difference from zero is shown after Holm's correction"
    NOT_ASSESSED = "not assessed", "nothing is said about the claim; its row has the reason"


class PrintedVerdict(Word):
    """Where a printed score lies among the optima of batches like the ones it was measured on."""

    ABOVE = "above", "above the central 95 % of the batches' optima"
    AT_THE_OPTIMUM = "at the optimum", "among the central 95 % of the batches' optima"
    BELOW = "below", "below the central 95 % of the batches' optima"


class AssumptionVerdict(Word):
    """Whether an assumption holds on a region."""

    HOLDS = "holds", "on the stated region"
    REFUTED = "refuted", "on the stated region, by the stated witness"
    OPEN = "open", "neither shown nor refuted"


class CheckKind(Word):
    """What a check quantifies over."""

    INSTANCE = "instance", "these tasks, this φ, this x_0, this batch"
    UNIFORM = "uniform", "a supremum over a region"
    STATISTICAL = "statistical", "in expectation or probability: checked with a confidence level"


class RateVerdict(Word):
    """Whether a term shrinks as its bound does."""

    CONSISTENT = "consistent", "the term decays at least as fast as its bound"
    INCONSISTENT = "inconsistent", "the term decays more slowly than its bound"
    UNDECIDED = "undecided", "the points are too few or too scattered to say"
    NOT_PREDICTED = "not predicted", "the theory gives no exponent for this term and quantity"


class ParityVerdict(Word):
    """Whether a computation came out the same on two devices, or in two runs."""

    AGREES = "agrees", "the difference is within what rounding explains"
    IDENTICAL = "identical", "the same bytes"
    DIFFERS = "differs", "the difference is larger than rounding explains, or the bytes differ"
    REPORTED = "reported", "the difference is printed and not judged"
    NOT_APPLICABLE = "not applicable", "there is nothing to compute"


class Level(Word):
    """The rung of the ladder of bounds: how fine the constants are."""

    UNIFORM = "uniform", "one value each, as in the paper"
    CLOSED_LOOP = "closed-loop", "the rule and the task together: sup ‖I + ∇₁m ∇²l‖"
    DETACHED = "detached", "the optimizee gradient is a constant, as in the experiments"
    TRAJECTORY = "trajectory", "suprema for each step, over a tube around the trajectories"
    PRODUCT = "product", "norms of products in place of products of norms"
    CONTRACTION_METRIC = "contraction metric", "norms ‖P^½ x‖ in place of Euclidean ones"
    RISK = "risk", "constants of the optimizer risks themselves, on a set of parameters"


class Vacuity(Word):
    """Whether a bound says more than the trivial bound its statement declares."""

    INFORMATIVE = "informative", "the bound is below the trivial one"
    VACUOUS = "vacuous", "the trivial bound is at least as good"
    NOT_DECLARED = "not declared", "the statement has no trivial bound to compare with"


class EndMethod(Word):
    """What one end of a constant's interval rests on."""

    CLOSED_FORM = "closed form", "a formula, evaluated with its rounding error"
    INTERVAL_ARITHMETIC = "interval arithmetic", "an enclosure over boxes"
    NORM_PRODUCT = "norm product", "a product of norms of the parts"
    DUAL_CERTIFICATE = "dual certificate", "a multiplier that proves it"
    SAMPLED = "sampled", "the most extreme of the sampled points; says nothing about the others"
    SEARCHED = "searched", "the most extreme point that a search found"
    STATISTICAL = "statistical", "a confidence interval"
    STATED = "stated", "given by the user; not checked here"
    TRIVIAL = "trivial", "0 below a norm, ∞ above: nothing is claimed"


class Score(Word):
    """What a row of `scores` measures; logarithms are natural, f* is the certified optimum."""

    MIN_LN_MEAN_OBJECTIVE = (
        "min ln mean objective",
        "the paper's score: the minimum over the steps of ln (mean objective over the problems)",
    )
    LN_MEAN_OBJECTIVE = "ln mean objective", "ln (mean objective over the problems), at one step"
    AVERAGE_LN_MEAN_OBJECTIVE = (
        "average ln mean objective",
        "the average over the steps, from the first on, of ln (mean objective over the problems): "
        "how fast a method is, and not only how far it comes",
    )
    MIN_LN_MEAN_SUBOPTIMALITY = (
        "min ln mean suboptimality",
        "the minimum over the steps of ln (mean of f − f*)",
    )
    LN_MEAN_SUBOPTIMALITY = "ln mean suboptimality", "ln (mean of f − f*), at one step"
    MEAN_SUBOPTIMALITY = (
        "mean suboptimality",
        "the mean over the problems of f − f*, at one step; not a logarithm",
    )
    MEAN_LN_SUBOPTIMALITY = (
        "mean ln suboptimality",
        "the mean over the problems of ln (f − f*), which is the logarithm of the geometric mean",
    )
    MEDIAN_LN_SUBOPTIMALITY = (
        "median ln suboptimality",
        "the median over the problems of ln (f − f*)",
    )
    LN_MEAN_DISTANCE = (
        "ln mean distance",
        "ln (mean of ‖x − x*‖), at one step; x* is the minimiser, where it is known to be unique",
    )
    MEAN_DISTANCE = (
        "mean distance",
        "the mean over the problems of ‖x − x*‖, at one step; not a logarithm",
    )


class Scale(Word):
    """In what a curve's values are stored."""

    LINEAR = "linear", "as they are"
    LN = "ln", "as natural logarithms"
    LOG10 = "log10", "as decimal logarithms"
