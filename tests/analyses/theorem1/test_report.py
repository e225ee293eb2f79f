"""The artefact in small: its pieces, rows that can be stored, a page that can be drawn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from analyses.settings import RunSettings
from analyses.theorem1 import report, settings, showcase
from analyses.theorem1.coverage import CONFIDENCE, theorem_constants
from analyses.theorem1.report import PARTS, Theorem1Report
from analyses.theorem1.statistics import Resampling
from ml2o_core.progress import Progress
from ml2o_core.results import CheckKind, CheckVerdict, Level, Number, Results, Vacuity
from ml2o_theory.arithmetic import exact
from ml2o_theory.generalization.checks import TrialBounds
from ml2o_theory.statements.theorem1_probability import Theorem1Probability
from ml2o_theory.statistical import runs_to_decide

SMALL = settings.Size(trials=4, chunk=2, runs=60, epochs=128, samples=(16,), plans=1)
CHEAP = ("satisfiability", "orders", "showcase", "rates", "coverage")


@pytest.fixture(scope="module")
def results() -> Iterator[Results]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(settings.SIZES, RunSettings().preset, SMALL)
        patch.setattr(report, "PARTS", {name: PARTS[name] for name in CHEAP})
        rows = Theorem1Report().run(RunSettings(), Progress())
        yield Results(tuple(rows))


def test_every_trial_holds_and_is_counted(results: Results) -> None:
    rows = [row for row in results.looseness if row.statement == "Theorem 1"]
    assert sum(row.checks for row in rows) == 3 * SMALL.trials
    assert all(row.violated == row.undecided == 0 for row in results.looseness)


def test_the_showcase_has_four_visible_terms_and_says_something(results: Results) -> None:
    """Each at least 5 %, and the bound not vacuous and within two orders of the error."""
    shares = [row.share for row in results.stages if row.share is not None]
    assert len(shares) == 4
    assert min(shares) >= 0.05
    assert sum(shares) == pytest.approx(1)
    rows = [row for row in results.stages if row.id.startswith("theorem1/errors/")]
    median, largest, bound, trivial = (float(row.value.upper) for row in rows)
    assert median <= largest <= bound < trivial
    assert bound <= 100 * median


def test_the_showcase_is_counted_over_runs_and_never_an_instance(results: Results) -> None:
    check = results.checks["theorem1/showcase/theorem-1"]
    assert check.kind is CheckKind.STATISTICAL
    assert check.verdict is CheckVerdict.HOLDS
    assert check.trials == SMALL.runs
    assert check.observed is not None
    assert check.observed.lower == Number.of(0)


def test_every_preset_has_runs_enough_to_decide() -> None:
    needed = runs_to_decide(settings.SHOWCASE_DELTA, CONFIDENCE)
    assert needed == 51
    assert all(size.runs >= needed for size in settings.SIZES.values())


def test_a_bound_that_is_planted_too_small_is_violated() -> None:
    """Negative control, on the runs themselves: their bounds hold, and a hundredth of them fails.

    Every sample's inner steps stay in Φ', on which the constants hold: each task's slope points
    inward at both ends of Φ.
    """
    config = settings.Theorem1Config(seed=0, size=SMALL)
    trial, _ = settings.trial_of(config.showcase, settings.SHOWCASE_SEED, "showcase")
    again = Resampling(trial)
    low, high = again.box
    for atoms in again.atoms[:2]:
        assert (atoms.slopes(low) < 0).all()
        assert (atoms.slopes(high) > 0).all()
    known = theorem_constants(again, trial.alpha, trial.size, 500, settings.SHOWCASE_DELTA)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(showcase, "SHOWCASE_EPOCHS", 500)
        runs = showcase.Runs.of(again, config)
    bounds = np.array(
        [
            float(Theorem1Probability().formula(known | {"mu_G": exact(mu_G)}).mid())
            for mu_G in runs.mu_G[1:].tolist()
        ]
    )
    errors = again.errors(runs.phi[1:], runs.weights[1:], trial.alpha)
    assert showcase.check("here", trial, errors, bounds).verdict is CheckVerdict.HOLDS
    found = showcase.check("here", trial, errors, bounds / 100)
    assert found.verdict is CheckVerdict.VIOLATED
    assert found.vacuity is Vacuity.INFORMATIVE


def test_a_sample_s_own_meta_convexity_is_between_the_worst_and_the_true_one() -> None:
    config = settings.Theorem1Config(seed=0, size=SMALL)
    trial, _ = settings.trial_of(config.showcase, settings.SHOWCASE_SEED, "showcase")
    again = Resampling(trial)
    weights = np.asarray([trial.draws]) / trial.size
    (found,) = again.meta_convexities(weights, trial.alpha)
    true = TrialBounds.of(trial).meta(Level.RISK)
    assert true is not None
    assert again.constants.mu_G(trial.alpha) < found
    assert found == pytest.approx(float(true.lower.value), rel=1e-9)


def test_stages_only_grow(results: Results) -> None:
    walks = [row for row in results.stages if row.id.startswith("theorem1/stages/")]
    for setting in {row.setting for row in walks}:
        stages = [row for row in walks if row.setting == setting]
        sizes = [float(row.value.upper) for row in sorted(stages, key=lambda row: row.position)]
        assert sizes == sorted(sizes)
        assert all(row.how for row in stages)


def test_the_joint_row_heads_the_page(results: Results) -> None:
    verdicts = [results.assumptions[f"theorem1/joint/{r}"].verdict.value for r in "epm"]
    assert verdicts == ["refuted", "holds", "open"]


def test_the_orders_of_the_appendix_follow(results: Results) -> None:
    rows = [row for row in results.rates if row.id.startswith("theorem1/orders/")]
    assert [row.slope for row in rows] == [1, 2, 3, 4, 2, 1]
    assert all(row.verdict.value == "consistent" for row in rows)


def test_what_holds_in_probability_is_never_a_certificate(results: Results) -> None:
    rows = [row for row in results.checks if row.kind is CheckKind.STATISTICAL]
    assert {row.statement for row in rows} >= {"Lemma 14", "Lemma 15", "Theorem 1 (in probability)"}
    assert all(row.confidence and row.multiplicity for row in rows)
    assert all(row.verdict is not CheckVerdict.VIOLATED for row in rows)


def test_both_methods_are_told_term_by_term(results: Results) -> None:
    """In reading E both have one optimum: the same gap there, and the same sampling error."""
    rows = {row.id.removeprefix("theorem1/side-by-side/e/"): row for row in results.stages}
    of_meta = [rows[f"m-l2o-theorem-1/{k}"].value for k in (1, 2, 3)]
    of_transfer = [rows[f"transfer-learning-with-theorem-1-s-terms/{k}"].value for k in (1, 2, 3)]
    assert of_meta == of_transfer
