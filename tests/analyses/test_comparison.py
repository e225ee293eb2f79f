"""A comparison at toy size: common random numbers, certified suboptimality, complete rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
import torch

from analyses.comparison import Comparison, Panel, PanelResult, compare_panel, scored
from analyses.comparison_rows import (
    DISTANCE,
    OBJECTIVE,
    OPTIMUM,
    PAIRS,
    distance,
    panel_rows,
    scores,
    suboptimality,
    training_rows,
)
from analyses.figure2 import Figure2
from analyses.profiles import Plan
from analyses.settings import Preset, RunSettings
from ml2o_core.evaluation import loss_curves, tune_step
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.plain import Plain
from ml2o_core.methods import Pretrained, pretrain
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.optimizers.sgd import SGD
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.progress import Progress
from ml2o_core.results import ClaimRow, CurveRow, FitRow, OptimumRow, Results, Row, ScoreRow
from ml2o_core.results.vocabulary import Score
from ml2o_core.tasks.base import TaskFamily
from ml2o_core.tasks.lasso import Lasso
from ml2o_theory.optima import CertifiedOptima, SolverStatus


@dataclass(frozen=True)
class ComparisonResult:
    """A comparison, and what came of it in every panel."""

    config: Comparison
    pretrained: Pretrained
    panels: list[PanelResult]


def rows(artefact: str, result: ComparisonResult) -> list[Row]:
    """Everything that is stored of it, but the claims."""
    found = training_rows(artefact, result.pretrained)
    for panel in result.panels:
        found += panel_rows(artefact, panel)
    return found


@pytest.fixture(scope="module")
def result() -> ComparisonResult:
    small = {"rows": 4, "cols": 3}
    meta = TrainConfig(
        family=Lasso(**small),
        rule=RNNprop(hidden=3),
        meta_gradient=MAML(),
        windows=3,
        unroll_steps=4,
        batch_size=4,
        repeats=2,
    )
    plain = meta.with_changes(meta_gradient=Plain(), windows=6)
    config = Comparison(
        plan=Plan(meta=meta, plain=plain, adaptation_windows=2),
        panels=(
            Panel(
                label="σ = 3",
                sigma=3,
                adaptation=Lasso.normal(5, **small),
                test=Lasso.normal(3, **small),
            ),
        ),
        test_steps=12,
        test_size=5,
        tuned=("sgd", "adam"),
        proximal=("fista",),
    )
    pretrained = pretrain(meta, plain)
    panels = [compare_panel(config, p, pretrained, "cpu", Progress()) for p in config.panels]
    return ComparisonResult(config, pretrained, panels)


def test_every_method_sees_the_same_problems_and_start(result: ComparisonResult) -> None:
    curves = result.panels[0].losses
    assert set(curves) == {"vanilla", "dt", "tl", "m-l2o", "sgd", "adam", "fista"}
    for losses in curves.values():
        assert losses.shape == (2, 5, 13)
        assert torch.equal(losses[..., 0], curves["fista"][..., 0])


def drawn(family: TaskFamily, purpose: str, size: int) -> Problems:
    return sample_problems(family, seed=0, purpose=purpose, repeats=2, size=size)


def test_every_method_runs_with_its_own_parameters_on_the_test_tasks(
    result: ComparisonResult,
) -> None:
    panel = result.panels[0]
    test = drawn(panel.panel.test, "test", 5)
    for name, method in panel.fitted.items():
        alone = loss_curves(result.config.plan.meta.rule, method.params, test, 12)
        torch.testing.assert_close(panel.losses[name], alone, rtol=1e-9, atol=1e-12)
    alone = loss_curves(SGD(), panel.tuned["sgd"].params, test, 12)
    torch.testing.assert_close(panel.losses["sgd"], alone, rtol=1e-9, atol=1e-12)


def test_nothing_is_chosen_on_the_test_tasks(result: ComparisonResult) -> None:
    """Steps are tuned, and φ is adapted, on the adaptation tasks: the same for both."""
    panel = result.panels[0]
    alone = tune_step(SGD(), drawn(panel.panel.adaptation, "adapt", 4), 12)
    torch.testing.assert_close(panel.tuned["sgd"].scores, alone.scores, rtol=1e-9, atol=1e-12)
    for method in ("vanilla", "tl", "m-l2o"):
        run = panel.fitted[method].adapted
        assert run is not None
        assert (run.config.family, run.config.purpose) == (panel.panel.adaptation, "adapt")
        assert (run.config.windows, run.config.batch_size) == (2, 4)


def test_a_replicate_counts_where_it_diverged_nowhere(result: ComparisonResult) -> None:
    fitted = {"tl": replace(result.panels[0].fitted["tl"], converged=torch.tensor([False, True]))}
    fine = torch.ones((2, 3, 4), dtype=torch.float64)
    hole, huge = fine.clone(), fine.clone()
    hole[0, 1, 2] = math.nan
    huge[1, :, 2] = 1e308  # Finite, unlike the mean.
    losses = {"tl": fine, "sgd": hole, "adam": huge}
    found = {name: value.tolist() for name, value in scored(losses, fitted).items()}
    assert found == {"tl": [False, True], "sgd": [False, True], "adam": [True, False]}


def test_dt_and_tl_share_their_training_and_differ_by_adaptation(result: ComparisonResult) -> None:
    fitted = result.panels[0].fitted
    plain = result.pretrained.runs["plain"].params
    for name, value in plain.items():
        assert torch.equal(fitted["dt"].params[name], value)
    assert any(not torch.equal(fitted["tl"].params[n], plain[n]) for n in plain)
    assert fitted["dt"].adapted is None
    assert result.pretrained.runs["plain"].config.windows == 6
    assert result.pretrained.runs["meta"].config.windows == 3


def test_no_curve_dips_below_its_certificate(result: ComparisonResult) -> None:
    panel = result.panels[0]
    dual = panel.optima.dual.unsqueeze(-1)
    for losses in panel.losses.values():
        assert (losses >= dual).all()
        excess = suboptimality(panel, losses)
        assert (excess > 0).all()
        assert (excess >= losses - dual).all()


def test_distances_are_from_the_minimiser_with_what_is_not_known_of_it_added(
    result: ComparisonResult,
) -> None:
    """½‖A(x_t − x*)‖² ≤ f(x_t) − f*, the last of which is bounded too."""
    panel = result.panels[0]
    test = drawn(panel.panel.test, "test", 5)
    start = (test.start - panel.optima.points).norm(dim=-1)
    for method in panel.losses:
        found = distance(panel, method)
        assert found.shape == (2, 5, 13)
        assert (found >= panel.radius.unsqueeze(-1)).all()
        torch.testing.assert_close(found[..., 0], start + panel.radius, rtol=1e-12, atol=0)
    run = loss_curves(SGD(), panel.tuned["sgd"].params, test, 12)
    torch.testing.assert_close(run, panel.losses["sgd"], rtol=1e-9, atol=1e-12)
    stored = Results(tuple(rows("test", result)))
    assert len(stored.curves.where(quantity=DISTANCE)) == 7
    unknown = replace(panel, radius=torch.full_like(panel.radius, math.inf))
    stored = Results(tuple(rows("test", replace(result, panels=[unknown]))))
    assert not len(stored.curves.where(quantity=DISTANCE))


def failed(optima: CertifiedOptima, r: int, n: int) -> CertifiedOptima:
    """As they are, but for one failed solve: no point, no gap, and 0 ≤ f* is all that is known."""
    points, primal, dual = (end.clone() for end in (optima.points, optima.primal, optima.dual))
    points[r, n], primal[r, n], dual[r, n] = math.nan, math.inf, 0.0
    status = list(optima.status)
    status[r * optima.shape[1] + n] = SolverStatus.FAILED
    return replace(optima, points=points, primal=primal, dual=dual, status=tuple(status))


def test_the_scores_are_what_they_say(result: ComparisonResult) -> None:
    panel = result.panels[0]
    found = scores(panel, "fista")
    losses = panel.losses["fista"][0]
    expected = min(math.log(losses[:, t].mean().item()) for t in range(13))
    assert found[Score.MIN_LN_MEAN_OBJECTIVE, None][0].item() == pytest.approx(expected)
    excess = suboptimality(panel, panel.losses["fista"])[0, :, -1]
    assert found[Score.MEAN_LN_SUBOPTIMALITY, 12][0].item() == pytest.approx(
        excess.log().mean().item()
    )
    assert found[Score.MEDIAN_LN_SUBOPTIMALITY, 12][0].item() == pytest.approx(
        excess.log().median().item()
    )


def test_suboptimality_is_measured_from_the_dual_bound_and_floored_by_the_gap(
    result: ComparisonResult,
) -> None:
    optima = result.panels[0].optima
    ends = {"dual": torch.full_like(optima.dual, 0.5), "primal": torch.full_like(optima.dual, 0.75)}
    panel = replace(result.panels[0], optima=failed(replace(optima, **ends), 1, 2))
    losses = torch.tensor([0.75, 0.6, 3.0], dtype=torch.float64).expand(2, 5, 3)
    excess = suboptimality(panel, losses)
    assert excess[0, 3].tolist() == [0.25, 0.25, 2.5]
    assert excess[1, 2].tolist() == [0.75, 0.6, 3.0]


def test_every_score_is_the_order_of_mean_and_logarithm_that_it_names(
    result: ComparisonResult,
) -> None:
    panel = result.panels[0]
    excess = suboptimality(panel, panel.losses["tl"])
    found = {score: value for (score, _), value in scores(panel, "tl").items()}
    torch.testing.assert_close(
        found[Score.LN_MEAN_SUBOPTIMALITY], excess[..., -1].mean(1).log(), rtol=1e-12, atol=0
    )
    torch.testing.assert_close(
        found[Score.MIN_LN_MEAN_SUBOPTIMALITY], excess.mean(1).amin(1).log(), rtol=1e-12, atol=0
    )
    assert (found[Score.MEAN_LN_SUBOPTIMALITY] < found[Score.LN_MEAN_SUBOPTIMALITY]).all()
    apart = distance(panel, "tl")[..., -1].mean(1).log()
    torch.testing.assert_close(found[Score.LN_MEAN_DISTANCE], apart, rtol=1e-12, atol=0)


def test_a_distance_is_a_score_only_where_the_minimisers_are_known(
    result: ComparisonResult,
) -> None:
    panel = result.panels[0]
    assert any(score is Score.LN_MEAN_DISTANCE for score, _ in scores(panel, "tl"))
    radius = panel.radius.clone()
    radius[0, 0] = torch.inf
    unknown = replace(panel, radius=radius)
    assert not any(score is Score.LN_MEAN_DISTANCE for score, _ in scores(unknown, "tl"))


def test_curves_and_optima_are_means_over_the_problems_of_a_replicate(
    result: ComparisonResult,
) -> None:
    # A gap that shows which of the two bounds is meant.
    optima = result.panels[0].optima
    panel = replace(result.panels[0], optima=replace(optima, primal=optima.primal + 0.5))
    stored = Results(tuple(rows("test", replace(result, panels=[panel]))))
    (curve,) = stored.curves.where(method="FISTA", quantity=OBJECTIVE)
    expected = panel.losses["fista"].mean(1).log().mean(0)
    assert curve.estimate == pytest.approx(expected.tolist())
    primal, dual = panel.optima.primal, panel.optima.dual
    (curve,) = stored.curves.where(method=OPTIMUM)
    assert curve.estimate == pytest.approx([primal.mean(1).log().mean().item()] * 13)
    for r, row in enumerate(stored.optima):
        assert float(row.value.upper) == pytest.approx(primal[r].mean().item())
        assert float(row.value.lower) == pytest.approx(dual[r].mean().item())
        # CVXPY's column: both solvers are asked, and the first one's value is shown.
        assert row.reference == pytest.approx(panel.optima.dual[r].mean().item(), rel=1e-8)
        assert row.reference_solver is not None
        assert "CLARABEL" in row.reference_solver
        assert "SCS" in row.reference_solver


def test_a_failed_solve_costs_its_own_problem_alone(result: ComparisonResult) -> None:
    optima = failed(result.panels[0].optima, 1, 2)
    broken = replace(result, panels=[replace(result.panels[0], optima=optima)])
    stored = Results(tuple(rows("test", broken)))
    assert [row.gap is None for row in stored.optima] == [False, True]
    assert all(row.mean is not None for row in stored.scores)


def test_a_difference_counts_the_replicates_that_both_have(result: ComparisonResult) -> None:
    panel = result.panels[0]

    def difference(tl: list[bool], dt: list[bool]) -> ScoreRow:
        own = panel.scored | {"tl": torch.tensor(tl), "dt": torch.tensor(dt)}
        masked = replace(result, panels=[replace(panel, scored=own)])
        suffix = "tl/min-ln-mean-objective/minus/dt"
        (row,) = (r for r in rows("test", masked) if r.id.endswith(suffix))
        assert isinstance(row, ScoreRow)
        return row

    tl, dt = (scores(panel, m)[Score.MIN_LN_MEAN_OBJECTIVE, None] for m in ("tl", "dt"))
    row = difference([True, True], [False, True])
    assert (row.repeats, row.masked, row.lower) == (1, 1, None)
    assert row.mean == pytest.approx((tl - dt)[1].item())
    assert "no repeat" in difference([True, False], [False, True]).reason
    assert "(DT) diverges" in difference([True, True], [False, False]).reason


def test_claims_are_the_paired_differences_of_the_replicates_that_count(
    result: ComparisonResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = result.panels[0]
    masked = replace(panel, scored=panel.scored | {"tl": torch.tensor([True, False])})
    both = iter([panel, masked])
    monkeypatch.setattr("analyses.panels.compare_panel", lambda *_, **__: next(both))
    monkeypatch.setattr("analyses.convergence.pretrained_for", lambda *_: result.pretrained)
    monkeypatch.setattr("analyses.kept_frames.WORKERS", 1)
    found = Figure2().run(RunSettings(preset=Preset.STANDARD), Progress())
    claims = [row for row in found if isinstance(row, ClaimRow)]
    # In each panel, the order of the methods, and that M-L2O converges faster than three others.
    # And one that nothing can be held against.
    assert len(claims) == 2 * (len(PAIRS) + 3) + 1
    ordered = [row for row in claims if "lower loss" in row.claim]
    for row, (better, worse) in zip(ordered, PAIRS, strict=False):
        a, b = (scores(panel, m)[Score.MIN_LN_MEAN_OBJECTIVE, None] for m in (better, worse))
        assert row.effect == pytest.approx((a - b).mean().item())
    assert ["too few" in row.reason for row in ordered[len(PAIRS) :]] == [
        "tl" in pair for pair in PAIRS
    ]


def test_rows_are_complete_and_carry_the_pairing(result: ComparisonResult) -> None:
    stored = Results(tuple(rows("test", result)))
    kinds = {type(row) for row in stored.rows}
    assert kinds == {ScoreRow, OptimumRow, CurveRow, FitRow}
    assert len(stored.scores) == 8 * (7 + len(PAIRS) + 1)  # and M-L2O against DT
    panel = result.panels[0]
    for method, reference in PAIRS:
        both = [scores(panel, m)[Score.MIN_LN_MEAN_OBJECTIVE, None] for m in (method, reference)]
        (row,) = (
            r
            for r in stored.scores
            if r.id.endswith(f"{method}/min-ln-mean-objective/minus/{reference}")
        )
        assert row.mean == pytest.approx((both[0] - both[1]).mean().item())
        assert row.repeats == 2
    assert len(stored.curves.where(method=OPTIMUM)) == 1
    assert len(stored.optima) == 2


def test_a_diverging_baseline_has_no_score_and_says_why(result: ComparisonResult) -> None:
    panel = result.panels[0]
    panel.scored["sgd"][:] = False
    try:
        stored = Results(tuple(rows("test", result)))
    finally:
        panel.scored["sgd"][:] = True
    gone = [row for row in stored.scores if row.method == "SGD"]
    assert gone
    assert all(row.mean is None and row.masked == 2 and "diverges" in row.reason for row in gone)
    assert not len(stored.curves.where(method="SGD"))
