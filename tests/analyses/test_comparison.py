"""A comparison at toy size: common random numbers, certified suboptimality, complete rows."""

from __future__ import annotations

import math

import pytest
import torch

from analyses.comparison import Comparison, ComparisonResult, Panel, compare
from analyses.comparison_rows import OPTIMUM, PAIRS, rows, scores, suboptimality
from analyses.figure2 import Figure2
from analyses.profiles import SIZES, plain_windows
from analyses.settings import Preset, Profile, RunSettings
from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.maml import MAML
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.progress import Progress
from ml2o_core.results import CurveRow, FitRow, OptimumRow, Results, ScoreRow
from ml2o_core.results.vocabulary import Score
from ml2o_core.tasks.lasso import Lasso


@pytest.fixture(scope="module")
def result() -> ComparisonResult:
    small = {"rows": 4, "cols": 3}
    config = Comparison(
        meta=TrainConfig(
            family=Lasso(**small),
            rule=RNNprop(hidden=3),
            meta_gradient=MAML(),
            windows=3,
            unroll_steps=4,
            batch_size=4,
            repeats=2,
        ),
        plain_windows=6,
        adaptation_windows=2,
        panels=(
            Panel(
                label="σ = 5",
                sigma=5,
                adaptation=Lasso.normal(5, **small),
                test=Lasso.normal(5, **small),
            ),
        ),
        test_steps=12,
        test_size=5,
        tuned=("sgd", "adam"),
        proximal=("fista",),
    )
    return compare(config, "cpu", Progress())


def test_every_method_sees_the_same_problems_and_start(result: ComparisonResult) -> None:
    curves = result.panels[0].losses
    assert set(curves) == {"vanilla", "dt", "tl", "m-l2o", "sgd", "adam", "fista"}
    for losses in curves.values():
        assert losses.shape == (2, 5, 13)
        assert torch.equal(losses[..., 0], curves["fista"][..., 0])


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
    dual = torch.tensor([o.dual for o in panel.optima], dtype=torch.float64).reshape(2, 5, 1)
    for losses in panel.losses.values():
        assert (losses >= dual).all()
        excess = suboptimality(panel, losses)
        assert (excess > 0).all()
        assert (excess >= losses - dual).all()


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


def test_rows_are_complete_and_carry_the_pairing(result: ComparisonResult) -> None:
    stored = Results(tuple(rows("test", result)))
    kinds = {type(row) for row in stored.rows}
    assert kinds == {ScoreRow, OptimumRow, CurveRow, FitRow}
    assert len(stored.scores) == 5 * (7 + len(PAIRS))
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


def test_profiles_resolve_to_the_stated_budgets() -> None:
    windows = SIZES[Preset.PAPER].windows
    assert windows == 5000
    paper = RunSettings(preset=Preset.PAPER, profile=Profile.PAPER)
    matched = RunSettings(preset=Preset.PAPER, profile=Profile.MATCHED)
    assert plain_windows(paper) == windows
    assert plain_windows(matched) == 2 * windows
    resolved = Figure2().configuration(matched)
    assert resolved.meta.meta_gradient == MAML(alpha=1e-3)
    assert resolved.meta.repeats == 10
    assert [panel.sigma for panel in resolved.panels] == [50, 100]


def test_the_released_profile_is_refused_in_one_line() -> None:
    with pytest.raises(InvalidArgument, match="profile: got 'released'; allowed: paper, matched"):
        Figure2().check(RunSettings(profile=Profile.RELEASED))
