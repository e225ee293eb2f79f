"""Theorem 1 on the paper's experiment: witnesses, sampled bounds, enclosed errors, departures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from flint import fmpq
from torch.func import grad

from analyses import theorem1_departures as departures
from analyses import theorem1_experiment as experiment
from analyses import theorem1_refuted as refuted
from analyses import theorem1_training as training
from analyses.profiles import Size
from analyses.rendering.blocks import Section
from analyses.rendering.page import Facts, Page, Part, html
from analyses.settings import Preset, RunSettings
from analyses.theorem1_bounds import AlongRuns, Sampled, Theorem1Part, risk_gradients
from analyses.theorem1_curves import EVALUATED, PART, STANDSTILL, THEOREM
from analyses.theorem1_errors import errors
from analyses.theorem1_experiment import one_step
from analyses.theorem1_experiment_page import horizon_of_vacuity
from ml2o_core.devices import deterministic
from ml2o_core.meta.config import TrainConfig, adaptation
from ml2o_core.meta.maml import MAML
from ml2o_core.optimizers.base import Params
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.progress import Progress
from ml2o_core.results import AssumptionVerdict, CurveRow, EndMethod, Results, Row
from ml2o_core.seeding import generator
from ml2o_core.tasks.base import TaskBatch
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.unroll import GraphMode, trajectory
from ml2o_theory.arithmetic import exact
from ml2o_theory.assumptions.risk import Risk
from ml2o_theory.constants.base import MEANING
from ml2o_theory.levels import uniform
from ml2o_theory.models import flat_params
from ml2o_theory.statements.proposition1 import Proposition1

SMALL = Size(windows=1, repeats=2, batch_size=2, test_steps=4, test_size=2)
"""Far too little of everything: only what the rows say of themselves is tested."""

T = 3
HOLDS, REFUTED, OPEN = AssumptionVerdict.HOLDS, AssumptionVerdict.REFUTED, AssumptionVerdict.OPEN


def small(settings: RunSettings) -> experiment.ExperimentConfig:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "QUICK", SMALL)
        found = CONFIGURATION(settings)
    meta = found.training.meta.with_changes(unroll_steps=2, rule=RNNprop(hidden=3))
    pair = found.training.with_changes(meta=meta, plain_windows=1)
    changes = {"unroll_steps": 2, "rule": meta.rule, "windows": 1}
    return found.with_changes(
        training=pair,
        adaptation=found.adaptation.with_changes(**changes),
        direct=found.direct.with_changes(**changes),
        pairs=2,
        horizon=T,
        curvature_horizon=1,
    )


CONFIGURATION = experiment.configuration


@pytest.fixture(scope="module")
def rows() -> Iterator[list[Row]]:
    with pytest.MonkeyPatch.context() as patch, deterministic():
        patch.setattr(experiment, "configuration", small)
        yield experiment.rows("theorem1", RunSettings(), "cpu", Progress())


@pytest.fixture(scope="module")
def results(rows: list[Row]) -> Results:
    return Results(tuple(rows), {}, {})


def test_every_row_belongs_to_the_part(rows: list[Row]) -> None:
    assert all(row.artefact == "theorem1" for row in rows)
    assert all(row.id.startswith(f"theorem1/{PART}/") for row in rows)


def test_a_training_that_is_handed_over_gives_the_same_rows(rows: list[Row]) -> None:
    """And with that the same seed the same numbers, twice."""
    config = small(RunSettings())
    with pytest.MonkeyPatch.context() as patch, deterministic():
        pretrained = training.train_pair(config.training, "cpu", Progress())
        patch.setattr(experiment, "configuration", small)
        again = experiment.rows("theorem1", RunSettings(), "cpu", Progress(), pretrained)
    assert again == rows


def test_the_assumptions_fall_as_they_should(results: Results) -> None:
    verdicts = {
        row.id.removeprefix(f"theorem1/{PART}/"): row.verdict for row in results.assumptions
    }
    for part in ("a3/a3b", "a3/a3c", "a3/a3f", "a3/population", "a4/population"):
        assert verdicts[part] is REFUTED, part
    for part in ("a3/a3a", "a3/a3d", "a4/drawn"):
        assert verdicts[part] is HOLDS, part
    assert all(row.witness for row in results.assumptions.where(verdict=REFUTED))


def test_the_constant_of_a3d_is_formal(results: Results) -> None:
    """Its bound is of order 1/ε, and the feature's slope without a history is 1/ε = 1e8."""
    prefix = f"theorem1/{PART}/a3/a3d"
    values = {row.symbol: row.value for row in results.constants if row.id.startswith(prefix)}
    assert float(values["M_m1"].upper) > 1e4
    assert float(values["slope of f_1 at g = 0, no history"].lower) == pytest.approx(1e8)


def on_one_task(seed: int, hidden: int = 2) -> refuted.Experiment:
    family = Lasso.normal(2.0, rows=3, cols=2)
    rule = RNNprop(hidden=hidden, output_scale=0.1)
    task = family.sample(generator(seed, purpose="theorem 1 test"))
    return refuted.Experiment(
        rule=rule,
        params=rule.init_params(generator(seed, purpose="theorem 1 test φ")),
        training=task,
        adaptation=task,
        test=task,
        x0=torch.tensor([0.5, -0.25], dtype=torch.float64),
        test_family=family,
        training_family=Lasso.uniform_mixture(),
        radius=1.0,
        horizon=2,
        curvature_horizon=2,
        batch=4,
        seed=0,
    )


def test_the_exchange_refutes_exactly_where_the_risk_rises_towards_the_twin() -> None:
    """With two hidden units there is one twin; a risk that falls towards it refutes nothing."""
    verdicts = set()
    for seed in range(6):
        e = on_one_task(seed)
        setting = e.setting(e.test, about="one task", steps=2)
        check = refuted.exchange(e, setting)
        risk, phi = Risk.of(setting), flat_params(e.params)
        twin = flat_params(refuted.exchanged(e.rule, e.params, 0, 1))
        # By a difference along the way there, not by the gradient that the check uses.
        h = 1e-6
        rises = (risk.value(phi + h * (twin - phi)) - risk.value(phi)).item() > 0
        assert check.verdict is (REFUTED if rises else OPEN)
        assert risk.value(twin).item() == pytest.approx(risk.value(phi).item(), rel=1e-12)
        verdicts.add(check.verdict)
    assert verdicts == {REFUTED, OPEN}


def test_every_constant_of_the_population_is_exceeded() -> None:
    e = on_one_task(0)
    for check in (refuted.population_constant(e), refuted.population_difference(e)):
        assert check.refutation is not None
        assert check.refutation.sequence is not None
        values = [float(x.value.lower()) for x in check.refutation.exhibits]
        assert all(value > 0 for value in values)
        assert values == sorted(values, reverse=True)


def test_the_largest_entry_is_that_of_the_widest_distribution() -> None:
    assert refuted.largest_entry(Lasso.uniform_mixture((0.1, 2.0))) == 2.0
    assert refuted.largest_entry(Lasso.normal(1.0)) == torch.inf


def test_sampled_numbers_never_pass_for_certificates(results: Results) -> None:
    kinds = ("tasks-1-and-2", "task-3", "bound")
    sampled = [row for row in results.constants if row.id.split("/")[2] in kinds]
    assert len(sampled) >= 8 + 4 + 2
    for row in sampled:
        assert row.lower_method is EndMethod.SAMPLED
        assert row.upper_method is EndMethod.TRIVIAL
        assert not row.value.upper.is_finite


def sampled(**by_step: list[float]) -> AlongRuns:
    constants = {
        symbol: Sampled(torch.tensor(values, dtype=torch.float64), "by hand")
        for symbol, values in by_step.items()
    }
    return AlongRuns(constants, "by hand", seed=0, reach=1.0)


BY_HAND = {
    "M": [1.0, 2.0, 4.0],
    "L": [2.0, 2.0, 2.0],
    "M_m1": [0.5, 1.0, 99.0],
    "M_m2": [1.0, 3.0, 99.0],
    "L_m": [0.25, 0.5, 99.0],
    "Delta": [1.0, 1.0, 2.0],
    "Delta_tilde": [0.5, 0.5, 0.5],
}
"""99: the rule takes no step from x_T, so what it is there must not enter after T = 2 steps."""


def test_the_bound_is_proposition_1_of_the_constants_up_to_each_step() -> None:
    values = dict.fromkeys(MEANING, fmpq(0)) | {
        "M": fmpq(4),
        "L": fmpq(2),
        "M_m1": fmpq(1),
        "M_m2": fmpq(3),
        "L_m": fmpq(1, 2),
        "Delta": fmpq(2),
        "Delta_tilde": fmpq(1, 2),
    }
    expected = Proposition1().formula(*uniform(values, 2))
    found = sampled(**BY_HAND).bound(Proposition1().formula, 2)
    assert found == exact(int(expected.p)) / exact(int(expected.q))


@pytest.mark.parametrize("symbol", list(BY_HAND))
def test_a_larger_constant_never_gives_a_smaller_bound(symbol: str) -> None:
    """So that sampling gives a lower end."""
    larger = BY_HAND | {symbol: [2 * value for value in BY_HAND[symbol]]}
    for steps in (1, 2):
        low, high = (sampled(**c).bound(Proposition1().formula, steps) for c in (BY_HAND, larger))
        assert low <= high


def test_the_evaluated_part_is_the_product_of_its_factors() -> None:
    hand = sampled(**BY_HAND)
    part = Theorem1Part.of(hand, hand, 0.5, 1)
    # T = 1: P = M_m2 = 1 and M = 2 at x_1; M_g = 2.
    assert part.M_g == 2
    assert part.evaluated == part.M_g * part.gap / 2
    assert Theorem1Part.of(hand, hand, 0.0, 1).evaluated == 0


def gradients_by_loop(
    rule: RNNprop, params: Params, given: Problems, steps: int, graph: GraphMode
) -> torch.Tensor:
    def risk(phi: Params) -> torch.Tensor:
        losses = [
            trajectory(rule, phi, given.tasks[0, n], given.start[0, n], steps, graph).losses[-1]
            for n in range(given.tasks.shape[1])
        ]
        return torch.stack(losses).mean()

    return flat_params(grad(risk)({name: value[0] for name, value in params.items()}))


@pytest.mark.parametrize("graph", [GraphMode.FULL, GraphMode.DETACHED])
def test_risk_gradients_are_those_of_each_horizon(graph: GraphMode) -> None:
    rule = RNNprop(hidden=2, output_scale=0.3)
    params = {k: v[None] for k, v in rule.init_params(generator(0, purpose="φ")).items()}
    family = Lasso.normal(2.0, rows=3, cols=2)
    given = sample_problems(family, seed=0, purpose="gradients", repeats=1, size=2)
    found = risk_gradients(rule, params, given, T, graph)
    for steps in range(1, T + 1):
        if graph is GraphMode.FULL:
            expected = gradients_by_loop(rule, params, given, steps, graph)
            torch.testing.assert_close(found[steps - 1, 0], expected, rtol=1e-10, atol=1e-12)
    full = risk_gradients(rule, params, given, T, GraphMode.FULL)
    assert torch.equal(found[0], full[0]) or graph is GraphMode.DETACHED
    if graph is GraphMode.DETACHED:
        # x_1 does not depend on φ through any gradient; later ones do.
        torch.testing.assert_close(found[0], full[0])
        assert (found[-1] - full[-1]).abs().max() > 1e-3 * full[-1].abs().max()


def test_one_inner_step_is_taken_by_name() -> None:
    params = {"b": torch.ones(2, 3), "a": torch.zeros(2, 1, 2)}
    gradient = torch.arange(10.0).reshape(2, 5)
    moved = one_step(params, gradient, 0.5)
    assert moved["a"].tolist() == [[[-0.0, -0.5]], [[-2.5, -3.0]]]
    assert moved["b"][0].tolist() == [0.0, -0.5, -1.0]


def identity_tasks(n: int) -> Problems:
    """½‖x − b‖²: the gain φ leaves ½(1 − φ)^{2T}‖x_0 − b‖², the gain 1 nothing."""
    b = torch.randn(n, 2, generator=generator(0, purpose="targets"), dtype=torch.float64)
    tasks = TaskBatch.stack([QuadraticTask(torch.eye(2, dtype=torch.float64), row) for row in b])
    return Problems(TaskBatch.stack([tasks]), torch.zeros(1, n, 2, dtype=torch.float64))


def test_errors_are_enclosed_and_the_enclosure_is_tight_where_the_best_is_found() -> None:
    given = identity_tasks(4)
    b = given.tasks.tensors["b"][0]
    half, one = ({"gain": torch.tensor([g], dtype=torch.float64)} for g in (0.5, 1.0))
    found = errors(LinearGain(), {"half": half}, {"one": one}, given, T)
    true = (0.5 ** (2 * T) * (b * b).sum(1) / 2).mean().item()
    assert found.lower("half")[0, T].item() == pytest.approx(true, rel=1e-12)
    assert found.upper("half")[0, T].item() == pytest.approx(true, rel=1e-12)
    assert found.standstill.item() == pytest.approx((b * b).sum(1).mean().item() / 2, rel=1e-12)
    # Negative control: without the better φ the lower end falls to 0, and stays true.
    alone = errors(LinearGain(), {"half": half}, {}, given, T)
    assert alone.lower("half")[0, T].item() == 0
    assert alone.upper("half")[0, T].item() == pytest.approx(true, rel=1e-12)


def test_a_diverged_run_does_not_spoil_the_errors_of_the_others() -> None:
    broken = {"gain": torch.tensor([torch.nan], dtype=torch.float64)}
    half = {"gain": torch.tensor([0.5], dtype=torch.float64)}
    found = errors(LinearGain(), {"half": half}, {"broken": broken}, identity_tasks(2), T)
    assert found.lower("half")[0, T].item() == 0
    assert found.over_seeds("half", T).upper.is_finite


def curve(*values: float | None) -> CurveRow:
    return CurveRow(
        id="x",
        artefact="x",
        panel="x",
        method="x",
        quantity="x",
        step=tuple(range(1, len(values) + 1)),
        estimate=values,
    )


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        ((1.0, 2.0, 3.0), 1),
        ((0.0, 2.0, 3.0), 2),
        ((2.0, 0.0, 3.0), 3),
        ((None, 2.0, 3.0), 2),
        ((2.0, 2.0, 0.0), None),
    ],
)
def test_vacuous_means_never_better_again(bound: tuple[float, ...], expected: int | None) -> None:
    assert horizon_of_vacuity(curve(*bound), curve(1.0, 1.0, 1.0)) == expected


def run(training_config: TrainConfig, **adapting: object) -> departures.Run:
    rule = training_config.rule
    family = Lasso.normal(1.0)
    return departures.Run(
        training=training_config,
        adaptation=adaptation(training_config, family, **adapting),
        test_steps=500,
        test_size=128,
        params=rule.init_params(generator(0, purpose="φ")),
        task=family.sample(generator(0, purpose="task")),
        x0=torch.full((10,), 0.1, dtype=torch.float64),
    )


def verdicts(given: departures.Run) -> dict[str, tuple[AssumptionVerdict, str | None]]:
    rows = departures.rows("theorem1", PART, given)
    return {row.id.rsplit("/", 1)[1]: (row.verdict, row.witness) for row in rows}


def test_the_papers_experiment_differs_in_every_point() -> None:
    found = verdicts(run(TrainConfig(family=Lasso(), meta_gradient=MAML(alpha=0.25))))
    assert len(found) == 7
    assert {verdict for verdict, _ in found.values()} == {REFUTED}
    said = {name: witness or "" for name, (_, witness) in found.items()}
    assert "sum" in said["scored-loss"]
    assert "detached" in said["graph"]
    assert "α = 0.25" in said["meta-optimizer"]
    assert "5 Adam steps" in said["adaptation"]
    assert "128" in said["risk"]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("scored-loss", {"objective": "final"}),
        ("graph", {"graph": GraphMode.FULL}),
        ("memory", {"rule": LinearGain()}),
        ("start", {"windows_per_episode": 1}),
    ],
)
def test_the_lines_follow_the_configuration(name: str, changes: dict[str, object]) -> None:
    config = TrainConfig(family=Lasso()).with_changes(**changes)
    given = run(config)
    assert verdicts(given)[name][0] is HOLDS
    others = {key for key, (verdict, _) in verdicts(given).items() if verdict is HOLDS}
    assert others == {name}


def test_a_rule_with_a_state_takes_two_steps_on_one_gradient() -> None:
    given = run(TrainConfig(family=Lasso()))
    first, second = departures.memory(RNNprop(), given.params, given.task, given.x0)
    assert (first - second).abs().max() > 1e-5
    gain = {"gain": torch.tensor(0.1)}
    first, second = departures.memory(LinearGain(), gain, given.task, given.x0)
    assert torch.equal(first, second)


def test_three_of_the_four_terms_have_no_value(results: Results) -> None:
    terms = sorted(results.stages, key=lambda row: row.position)
    assert [float(row.value.lower) == 0 for row in terms[1:5]] == [True, False, True, True]
    assert not any(row.value.upper.is_finite for row in terms[1:])
    assert terms[-1].value == terms[2].value


def test_errors_lie_below_what_standing_still_costs_or_say_so(results: Results) -> None:
    rows = [row for row in results.constants if "/error/" in row.id]
    assert len(rows) == 4 * SMALL.repeats
    for row in rows:
        assert 0 <= float(row.value.lower) <= float(row.value.upper)
        assert row.lower_method is EndMethod.SEARCHED
        assert row.upper_method is EndMethod.DUAL_CERTIFICATE


def test_the_page_shows_every_row_that_a_sentence_rests_on(results: Results) -> None:
    part = Part("theorem1", "Theorem 1", "Theory", Section(tuple(experiment.blocks(results))))
    page = Page("t", "s", "l", [], experiment.findings(results), [part], [], Facts("p", {}), [])
    drawn = html(page)
    assert "no guarantee" in drawn
    for row in results.rows:
        if row.table in {"assumptions", "stages", "curves"}:
            assert f'id="{row.id}"' in drawn, row.id


def test_the_sentence_about_vacuity_is_that_of_the_curves(results: Results) -> None:
    curves = {(row.panel, row.method): row for row in results.curves}
    T_vacuous = horizon_of_vacuity(curves[THEOREM, EVALUATED], curves[THEOREM, STANDSTILL])
    said = " ".join(found.text for found in experiment.findings(results))
    assert (f"from T = {T_vacuous} on" in said) == (T_vacuous is not None)


@pytest.mark.parametrize("preset", list(Preset))
def test_the_configuration_is_the_papers(preset: Preset) -> None:
    config = CONFIGURATION(RunSettings(preset=preset))
    assert config.adaptation.windows == 5
    assert config.training.meta.unroll_steps == 20
    assert config.horizon == 20
    assert config.training.plain_windows == 2 * config.training.meta.windows  # matched
    assert config.direct.objective == "final"
    assert config.alpha == 1e-3
