"""Inner steps, meta-gradients and adaptation steps: each against what it must come down to."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from analyses import adaptation_steps, alpha_sweep, profiles
from analyses.adaptation_steps import AdaptationSteps
from analyses.alpha_sweep import AlphaSweep
from analyses.artefact import Artefact
from analyses.lasso_test import SCORES, LassoTest, on_the_way
from analyses.meta_gradients import OWN_TASKS, MetaGradients, same_budget
from analyses.plain_trainings import EQUAL, TL, fewer_windows, plain_trainings
from analyses.profiles import Plan, Size, plan
from analyses.runner import render, run_artefacts
from analyses.score_rows import decided
from analyses.seed_curves import seed_curve
from analyses.settings import Preset, Profile, RunSettings
from analyses.training_length import TrainingLength
from analyses.trainings import Trainings
from analyses.unroll_length import UnrollLength
from ml2o_core.devices import deterministic
from ml2o_core.errors import InvalidArgument
from ml2o_core.evaluation import loss_curves, min_log_mean
from ml2o_core.meta.base import MetaGradient
from ml2o_core.meta.trainer import Trained, initial_params, train
from ml2o_core.methods import fit, pretrain
from ml2o_core.problems import sample_problems
from ml2o_core.progress import Progress
from ml2o_core.results import Results, ScoreRow, SeedRow, row_id
from ml2o_core.results.vocabulary import ClaimVerdict, Score
from ml2o_core.tasks.lasso import Lasso

TINY = Size(windows=4, repeats=2, batch_size=3, test_steps=4, test_size=3)
SETTINGS = RunSettings(preset=Preset.STANDARD, profile=Profile.PAPER)
SWEEPS: dict[type[Artefact], dict[str, Any]] = {
    AlphaSweep: {"alphas": (1e-12, 1e-2, 1e-1)},
    MetaGradients: {},
    AdaptationSteps: {"steps": (0, 1, 3)},
    UnrollLength: {},
    TrainingLength: {"windows": (1, 2, 4)},
}
FLOAT32 = 1e-4
"""A score's change by what float32 rounds in four windows, many times over."""
CURVATURE = 50.0


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything at a size of seconds, in one process, and the curvature a constant."""

    def curvature(run: Trained) -> Tensor:
        return torch.full((run.config.repeats,), CURVATURE)

    def shrunk(kind: type[Artefact], changes: dict[str, Any]) -> None:
        whole = kind.configuration

        def configuration(self: Artefact, settings: RunSettings) -> Any:
            config = whole(self, settings)
            one_sigma = config.tests.with_changes(sigmas=(50.0,))
            return config.with_changes(tests=one_sigma, **changes)

        monkeypatch.setattr(kind, "configuration", configuration)

    monkeypatch.setattr(profiles, "SIZES", dict.fromkeys(Preset, TINY))
    monkeypatch.setattr("analyses.trainings.WORKERS", 1)
    monkeypatch.setattr("analyses.kept_frames.WORKERS", 1)
    monkeypatch.setattr("analyses.trained_rows.top_curvature", curvature)
    for kind, changes in SWEEPS.items():
        shrunk(kind, changes)


@cache
def rows_of(kind: type[Artefact]) -> Results:
    """What its run stores; the run keeps its trainings, and tests them as they were kept."""
    with TemporaryDirectory() as folder:
        run_artefacts([kind.name], SETTINGS, folder)
        return Results.load(folder)


def scores_by_hand(planned: Plan) -> dict[str, np.ndarray]:
    """The paper's score of every method at σ = 50, by the protocol of the figures."""
    with deterministic():
        pretrained = pretrain(planned.meta, planned.plain)
        fitted = fit(pretrained, planned.adapting(Lasso.normal(50.0)))
        test = sample_problems(Lasso.normal(50.0), seed=0, purpose="test", repeats=2, size=3)
        rule, steps = planned.meta.rule, TINY.test_steps
        return {
            name: min_log_mean(loss_curves(rule, method.params, test, steps)).numpy()
            for name, method in fitted.items()
        }


def mean_of(results: Results, method: str, score: Score = SCORES[0]) -> float:
    """Its score, or what it has beside a reference."""
    (row,) = (r for r in results.scores.where(method=method, score=score) if not r.reference)
    assert row.mean is not None
    return row.mean


@pytest.mark.parametrize("kind", list(SWEEPS))
def test_it_runs_and_its_page_is_made_from_what_is_stored(
    kind: type[Artefact], tmp_path: Path
) -> None:
    rows_of(kind).save(tmp_path)
    stored = Results.load(tmp_path).of(kind.name)
    ids = [row.id for row in stored.rows]
    assert len(set(ids)) == len(ids) >= 7
    assert all(name.startswith(f"{kind.name}/") for name in ids)
    findings = kind().findings(stored)
    assert findings
    assert all(set(finding.rows) <= set(ids) for finding in findings)
    page = render(tmp_path).read_text(encoding="utf-8")
    assert page.count("<table") >= 2
    assert kind.title in page


@pytest.mark.slow
def test_a_test_that_is_kept_is_not_done_again_and_another_artefact_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept() -> set[str]:
        return {path.name for path in (tmp_path / "pieces" / "lasso-tests").iterdir()}

    trainings = Trainings(tmp_path / "trainings", torch.device("cpu"), Progress(), out=tmp_path)
    sweep = AlphaSweep().run_trained(SETTINGS, Progress(), trainings)
    of_sweep = kept()
    assert len(of_sweep) == 4  # TL, three α
    MetaGradients().run_trained(SETTINGS, Progress(), trainings)
    assert len(kept()) == 4 + len(MetaGradient.registry()) - 1  # TL's was there

    def draw(*args: object, **settings: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(LassoTest, "draw", draw)
    assert AlphaSweep().run_trained(SETTINGS, Progress(), trainings) == sweep
    with pytest.raises(AssertionError, match="drawn again"):
        AlphaSweep().run_trained(SETTINGS.with_changes(seed=1), Progress(), trainings)


def test_runs_may_share_a_folder_of_trainings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(out: str, trainings: str) -> Results:
        kept = tmp_path / trainings
        return run_artefacts(["adaptation-steps"], SETTINGS, tmp_path / out, trainings=kept)

    first = run("a", "shared")
    assert {path.name for path in (tmp_path / "a").iterdir()} >= {"pieces", "results.json"}
    assert not (tmp_path / "a" / "trainings").exists()

    def train(*args: object, **settings: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("analyses.trainings.train", train)
    assert run("b", "shared").rows == first.rows
    with pytest.raises(AssertionError, match="trained again"):
        run("c", "others")
    with pytest.raises(InvalidArgument, match=r"trainings: got .*; allowed: a folder that is new"):
        run("d", "a")
    assert not (tmp_path / "d").exists()


@pytest.mark.slow
def test_scores_do_not_depend_on_the_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = rows_of(UnrollLength).rows
    monkeypatch.setattr("analyses.kept_frames.WORKERS", 2)
    assert rows_of.__wrapped__(UnrollLength).rows == alone


def test_no_training_is_vanilla_and_both_budgets_are_compared() -> None:
    found, reference = rows_of(TrainingLength), scores_by_hand(plan(SETTINGS))
    methods = {"TL, K = 4": "tl", "M-L2O, K = 4": "m-l2o", "Vanilla L2O": "vanilla"}
    for name, by_hand in methods.items():
        assert mean_of(found, name) == pytest.approx(reference[by_hand].mean(), rel=1e-12)
    for curve in found.curves.where(quantity=SCORES[0].value):
        assert curve.step == (0, 1, 2, 4)
        assert curve.estimate[0] == pytest.approx(reference["vanilla"].mean(), rel=1e-12)
    differences = [r for r in found.scores.where(score=SCORES[0]) if r.reference is not None]
    pairs = [(row.method, row.reference) for row in differences]
    same = [(f"M-L2O, K = {k}", f"TL, K = {k}") for k in (1, 2, 4)]
    doubled = [(f"M-L2O, K = {k}", f"TL, K = {2 * k}") for k in (1, 2)]
    assert sorted(pairs) == sorted(same + doubled)
    matched = TrainingLength().configuration(SETTINGS.with_changes(profile=Profile.MATCHED))
    assert matched.lengths() == {"TL": (1, 2, 4, 8), "M-L2O": (1, 2, 4)}
    said = " ".join(finding.text for finding in TrainingLength().findings(found))
    for row in differences:
        budget = "windows" if (row.method, row.reference) in same else "gradient evaluations"
        assert f"as many {budget}" in said


def test_t_is_claimed_over_the_seeds_and_scored_by_the_protocol_of_the_figures() -> None:
    found = rows_of(UnrollLength)
    reference = scores_by_hand(plan(SETTINGS, unroll_steps=5))
    assert mean_of(found, "M-L2O, T = 5") == pytest.approx(reference["m-l2o"].mean(), rel=1e-12)
    (claim,) = found.claims
    difference = mean_of(found, "M-L2O, T = 20") - mean_of(found, "M-L2O, T = 5")
    assert claim.effect == pytest.approx(difference, rel=1e-9)


@pytest.mark.parametrize("kind", [MetaGradients, UnrollLength])
def test_where_no_claim_is_assessed_the_findings_say_so_and_no_more(kind: type[Artefact]) -> None:
    """As in the quick preset."""
    kind().check(RunSettings(preset=Preset.QUICK))
    found = rows_of(kind)
    quick = {
        row.id: row.with_changes(verdict=ClaimVerdict.NOT_ASSESSED, effect=None, p_adjusted=None)
        for row in found.claims
    }
    results = Results(tuple(quick.get(row.id, row) for row in found.rows))
    said = " ".join(finding.text for finding in kind().findings(results))
    assert "assessed here: this run trains too briefly" in said
    assert "differ from 0" not in said


def test_tl_and_a_vanishing_inner_step_are_plain_training() -> None:
    found, reference = rows_of(AlphaSweep), scores_by_hand(plan(SETTINGS))
    assert mean_of(found, TL) == pytest.approx(reference["tl"].mean(), rel=1e-12)
    nearly_plain = found.scores.where(method=alpha_sweep.method(1e-12))
    differences = [row for row in nearly_plain if row.reference is not None]
    assert [row.score for row in differences] == list(SCORES)
    assert all(abs(row.mean or 0.0) < FLOAT32 for row in differences)
    for curve in found.curves.where(method=TL):
        assert len(set(curve.estimate)) == 1
        assert curve.x == (1e-12, 1e-2, 1e-1)


@pytest.mark.slow
def test_under_matched_tl_with_as_many_windows_stands_beside_it() -> None:
    matched = SETTINGS.with_changes(profile=Profile.MATCHED)
    with deterministic():
        found = Results(tuple(AlphaSweep().run(matched, Progress())), {}, {})
    # With a vanishing inner step M-L2O is plain training for as many windows, not for twice.
    limit, equal = (mean_of(found, name) for name in (alpha_sweep.method(1e-12), EQUAL))
    assert limit == pytest.approx(equal, abs=FLOAT32)
    assert abs(mean_of(found, TL) - equal) > 10 * FLOAT32
    assert len(fewer_windows(r for r in found.scores if r.reference and r.score == SCORES[0])) == 1
    assert plain_trainings(plan(SETTINGS)).keys() == {TL}


def test_an_inner_step_longer_than_the_inverse_curvature_is_named() -> None:
    said = [finding.text for finding in AlphaSweep().findings(rows_of(AlphaSweep))]
    (too_long,) = (text for text in said if "αλ > 1" in text)
    assert too_long.endswith("with α = 0.1.")  # 50 · 0.1 > 1, 50 · 0.01 < 1


@pytest.mark.parametrize("profile", list(Profile))
def test_every_meta_gradient_has_the_budget_of_the_profile(profile: Profile) -> None:
    planned = plan(SETTINGS.with_changes(profile=profile))
    found = same_budget(planned, profile)
    others = (OWN_TASKS, EQUAL)
    by_gradient = {run.meta_gradient.name: run for n, run in found.items() if n not in others}
    assert by_gradient.keys() == MetaGradient.registry().keys()
    assert planned.meta in found.values()
    assert planned.plain in found.values()
    assert {run.family for run in by_gradient.values()} == {planned.meta.family}
    evaluations = {run.windows * run.meta_gradient.evaluations for run in by_gradient.values()}
    windows = {run.windows for run in by_gradient.values()}
    assert (EQUAL in found) == (profile is Profile.MATCHED)
    if profile is Profile.MATCHED:
        assert evaluations == {2 * TINY.windows}
        assert planned.plain == found[TL]
        assert found[EQUAL] == found[TL].with_changes(windows=TINY.windows)
    else:
        assert windows == {planned.meta.windows}
    assert (OWN_TASKS in found) == (profile is Profile.RELEASED)


def test_without_a_step_tl_is_direct_transfer_and_the_way_is_that_of_shorter_runs() -> None:
    planned = plan(SETTINGS)
    reference = scores_by_hand(planned)
    found = rows_of(AdaptationSteps)
    curve = found.curves["adaptation-steps/sigma=50/curve/tl/min-ln-mean-objective"]
    curves = list(found.curves.where(quantity=SCORES[0].value))
    best = min(curves, key=lambda row: row.estimate[0] or 0.0).method
    assert f"{best} after 0" in AdaptationSteps().findings(found)[0].text
    assert curve.step == (0, 1, 3)
    assert curve.estimate[0] == pytest.approx(reference["dt"].mean(), rel=1e-12)
    seeds = {row.method.rpartition(", ")[2] for row in found.seeds}
    assert seeds == {"3 steps"}  # the most; the plan's 5 are not among them
    (tl,) = found.seeds.where(method="Transfer Learning (TL), 3 steps")
    assert np.mean(tl.values) == pytest.approx(curve.estimate[2], rel=1e-12)
    start = initial_params(planned.meta)
    with deterministic():
        long = planned.adapting(Lasso.normal(50.0), windows=7)
        way = on_the_way(long, start, (0, 1, 5, 7))
        backwards = dict(reversed(start.items()))
        other_way = on_the_way(long, backwards, (0, 1, 5, 7))
        for (phi, _), (other, _) in zip(way, other_way, strict=True):
            assert all(torch.equal(phi[name], other[name]) for name in phi)
        for steps, (phi, alive) in zip((1, 5, 7), way[1:], strict=True):
            run = train(planned.adapting(Lasso.normal(50.0), windows=steps), start)
            assert all(torch.equal(phi[name], run.params[name]) for name in phi)
            assert alive.tolist() == run.converged.tolist()
    assert all(torch.equal(way[0][0][name], start[name]) for name in start)


def test_what_the_intervals_decide_is_said_in_words() -> None:
    def row(mean: float | None, lower: float | None, upper: float | None) -> ScoreRow:
        return ScoreRow(
            id=f"a/{mean}".replace("-", "minus").lower(),
            artefact="a",
            family="lasso",
            distribution="σ = 50",
            method=str(mean),
            score=SCORES[0],
            mean=mean,
            lower=lower,
            upper=upper,
            repeats=2,
        )

    rows = [row(-2, -3, -1), row(2, 1, 3), row(0, -1, 1), row(None, None, None), row(5, None, None)]
    assert decided(rows, lambda r: r.method, "at {}") == (
        "lower at -2; higher at 2; undecided at 0, 5; unknown, as no replicate is left, at None"
    )


@pytest.mark.parametrize(("worst", "said"), [(-2.5, True), (-2.0, False), (1.0, False)])
def test_a_method_is_ahead_with_every_seed_or_it_is_not_said(worst: float, said: bool) -> None:
    """Slack, tight (equal to the best of another method), and a seed that is behind."""

    def row(method: str, *values: float | None) -> SeedRow:
        return SeedRow(
            id=row_id("adaptation-steps", "seeds", method),
            artefact="adaptation-steps",
            family="lasso",
            distribution="σ = 50",
            sigma=50.0,
            method=method,
            score=Score.MIN_LN_MEAN_OBJECTIVE,
            values=values,
            start=(3.0,) * len(values),
        )

    others = [row("TL, 5 steps", -2.0, 0.0), row("TL, 50 steps", -9.0, -9.0)]
    found = adaptation_steps.apart([row("M-L2O, 5 steps", -3.0, None, worst), *others])
    text = "At σ = 50, after 5 steps, every training seed of M-L2O is ahead of every seed"
    assert [finding.text.startswith(text) for finding in found] == [True] * said


def test_a_curve_may_lose_different_seeds_at_different_points() -> None:
    values = np.array([[1.0, 2.0, 3.0, 7.0], [3.0, np.inf, 5.0, 9.0]])
    counted = np.array([[True, True, False, True], [True, False, False, True]])
    columns = {"artefact": "a", "panel": "p", "method": "m", "quantity": "q", "step": (0, 1, 2, 3)}
    curve = seed_curve(values, counted, id="a/curve", **columns)
    assert curve.estimate == (2.0, 2.0, None, 8.0)
    assert [end is None for end in curve.lower] == [False, True, True, False]
    everyone = seed_curve(values[:, [0, 3]], id="a/curve", **columns | {"step": (0, 1)})
    assert (curve.lower[0], curve.upper[3]) == (everyone.lower[0], everyone.upper[1])
