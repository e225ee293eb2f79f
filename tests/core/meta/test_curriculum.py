"""The curriculum: how long its stages are, when they end, and what goes on from stage to stage."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.base import MetaGradient, MetaStep, RiskFunction
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.curriculum import LENGTHS, Curriculum, Stage
from ml2o_core.meta.descent import Learner
from ml2o_core.meta.plain import Plain
from ml2o_core.meta.state import TrainingState
from ml2o_core.meta.trainer import Trained, initial_params, train
from ml2o_core.optimizers.base import Params
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.problems import sample_problems
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.unroll import trajectory

INF = math.inf


# Lengths.


def test_the_paper_s_lengths_in_windows() -> None:
    """5,000 windows of 20 steps: 5, 10, 25, … windows an episode, 625 a stage."""
    curriculum = Curriculum()
    assert [curriculum.windows_per_episode(s, 20) for s in range(10)] == [
        *(5, 10, 25, 50, 75, 100, 125, 150),
        *(150, 150),  # after the last stage, the last one's
    ]
    assert curriculum.stage_windows(5000) == 625
    between = [curriculum.windows_between(s, 5000, 20) for s in range(8)]
    assert between == [50, 100, 125, 125, 125, 125, 125, 125]


def test_an_episode_is_rounded_up_to_whole_windows() -> None:
    assert Curriculum(lengths=(1, 20, 21)).windows_per_episode(0, 20) == 1
    assert Curriculum(lengths=(1, 20, 21)).windows_per_episode(1, 20) == 1
    assert Curriculum(lengths=(1, 20, 21)).windows_per_episode(2, 20) == 2


@given(
    lengths=st.lists(st.integers(1, 5000), min_size=1, max_size=9).map(sorted).map(tuple),
    episodes=st.integers(1, 20),
    validations=st.integers(1, 10),
    windows=st.integers(1, 20_000),
    unroll_steps=st.integers(1, 100),
)
def test_a_stage_is_validated_often_enough(
    lengths: tuple[int, ...], episodes: int, validations: int, windows: int, unroll_steps: int
) -> None:
    c = Curriculum(lengths=lengths, episodes=episodes, validations=validations)
    assert (c.stage_windows(windows) - 1) * len(lengths) < windows
    assert c.stage_windows(windows) * len(lengths) >= windows
    for stage in range(len(lengths)):
        between = c.windows_between(stage, windows, unroll_steps)
        assert 1 <= between <= max(1, episodes * c.windows_per_episode(stage, unroll_steps))
        whole = c.stage_windows(windows)
        assert whole // between >= min(validations, whole)


@pytest.mark.parametrize("lengths", [(), (0,), (20, 10), (10, 20, 15)])
def test_lengths_that_do_not_grow_are_refused(lengths: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument, match="lengths"):
        Curriculum(lengths=lengths)
    assert Curriculum(lengths=(10, 10, 20)).last == 2
    assert Curriculum().lengths == LENGTHS


# One stage.


def learner(*phi: float) -> Learner:
    values = torch.tensor(phi, dtype=torch.float64).unsqueeze(1)
    return Learner(values, {"t": 10 * values[:, 0]})


def validated(stage: Stage, at: float, *value: float, alive: tuple[bool, ...] = ()) -> None:
    """A validation of parameters that are all `at`."""
    alive = alive or (True,) * len(value)
    found = torch.tensor(value, dtype=torch.float64)
    stage.validated(learner(*[at] * len(value)), found, torch.tensor(alive))


def best(stage: Stage) -> list[float]:
    phi, t = stage.best.phi[:, 0], stage.best.memory["t"]
    assert torch.equal(t, 10 * phi), "parameters keep the memory that they had"
    return phi.tolist()


def test_each_replicate_keeps_its_own_best() -> None:
    stage = Stage.begin(0, 0, learner(0, 0, 0))
    validated(stage, 1, 5, 5, 5)
    assert best(stage) == [1, 1, 1]
    validated(stage, 2, 4, 6, 5)  # a tie keeps the earlier
    assert best(stage) == [2, 1, 1]
    validated(stage, 3, 4.5, 1, 9)
    assert best(stage) == [2, 3, 1]
    assert stage.best_value.tolist() == [4, 1, 5]


@pytest.mark.parametrize("bad", [math.nan, INF, -INF])
def test_what_is_not_finite_is_worse_than_everything(bad: float) -> None:
    stage = Stage.begin(0, 0, learner(0, 0))
    validated(stage, 1, bad, 1e300)
    assert best(stage) == [0, 1]
    assert stage.best_mean == INF
    validated(stage, 2, 1e300, bad)
    assert best(stage) == [2, 1]
    validated(stage, 3, bad, bad)
    assert best(stage) == [2, 1]
    assert stage.failures == 3


def test_failures_count_validations_in_a_row_that_do_not_lower_the_mean() -> None:
    stage = Stage.begin(0, 0, learner(0, 0))
    counted = []
    for at, values in enumerate([(5, 5), (4, 6), (9, 2), (5, 4), (4, 4), (4, 4), (3.9, 4)]):
        validated(stage, at, *values)
        counted.append(stage.failures)
    assert counted == [0, 1, 2, 0, 0, 1, 0]
    assert stage.best_mean == pytest.approx(3.95)


def test_a_diverged_replicate_does_not_count_in_the_mean() -> None:
    alive = (True, False, True)
    stage = Stage.begin(0, 0, learner(0, 0, 0))
    validated(stage, 1, 3, INF, 5, alive=alive)
    assert stage.best_mean == 4
    validated(stage, 2, 3, 0, 5, alive=alive)  # its number is no improvement either
    assert (stage.best_mean, stage.failures) == (4, 1)
    validated(stage, 3, 1, INF, 5, alive=alive)
    assert (stage.best_mean, stage.failures) == (3, 0)
    nobody = Stage.begin(0, 0, learner(0, 0))
    validated(nobody, 1, 1, 1, alive=(False, False))
    assert (nobody.best_mean, nobody.failures) == (INF, 1)


def test_when_a_stage_ends() -> None:
    c = Curriculum(lengths=(10, 20, 30), patience=3)
    stage = Stage.begin(1, 7, learner(0))
    assert not stage.is_over(c, 7 + 9, windows=30)  # K/3 = 10 windows
    assert stage.is_over(c, 7 + 10, windows=30)
    assert not stage.is_over(c, 7 + 10, windows=31)
    stage.failures = 2
    assert not stage.is_over(c, 8, windows=30)
    stage.failures = 3
    assert stage.is_over(c, 8, windows=30)
    last = Stage(2, 7, learner(0), torch.zeros(1), failures=99)
    assert not last.is_over(c, 1000, windows=30)


# A training.

CURRICULUM = Curriculum(lengths=(4, 6, 10), episodes=1, validations=4, patience=3)
CONFIG = TrainConfig(
    family=Quadratic(rows=3, cols=2),
    rule=LinearGain(),
    windows=24,
    unroll_steps=2,
    batch_size=2,
    repeats=3,
    curriculum=CURRICULUM,
    learning_rate=0.3,
    precision="float64",
)


@dataclass
class Watched:
    """Everything after each window: the learner, and the stage with its best."""

    learners: list[Learner] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)

    def __call__(self, state: TrainingState, now: bool) -> None:
        assert state.stage is not None
        self.learners.append(state.learner)
        self.stages.append(Stage(**vars(state.stage)))


def run(config: TrainConfig) -> tuple[Trained, Watched]:
    watched = Watched()
    return train(config, keep=watched), watched


def validation(config: TrainConfig, stage: int, phi: Tensor) -> Tensor:
    """The validation of φ (R,) in a stage, one problem after another."""
    assert config.curriculum is not None
    problems = sample_problems(
        config.family,
        seed=config.seed,
        purpose="train validation",
        repeats=config.repeats,
        size=config.batch_size,
        episode=stage,
    )
    lengths = [*config.curriculum.lengths, config.curriculum.lengths[-1]]
    windows = -(-lengths[stage + 1] // config.unroll_steps)
    total = torch.zeros(config.repeats, dtype=torch.float64)
    for r in range(config.repeats):
        for n in range(config.batch_size):
            task, x = problems.tasks[r, n], problems.start[r, n]
            steps = windows * config.unroll_steps
            losses = trajectory(config.rule, {"gain": phi[r]}, task, x, steps).losses
            total[r] += losses[1:].sum() / config.batch_size / windows
    return total


def chosen(trained: Trained, watched: Watched) -> dict[int, tuple[Learner, Tensor]]:
    """The best learner of each stage and its validation, from the history alone."""
    history = trained.history
    phi = initial_params(trained.config)["gain"].unsqueeze(1)
    zeros = {"m": 0 * phi, "v": 0 * phi, "t": 0 * phi[:, 0]}
    came_in = Learner(phi, zeros)
    found: dict[int, tuple[Learner, Tensor]] = {}
    for stage in range(int(history.stage[-1]) + 1):
        rows = (history.stage == stage).nonzero()[:, 0]
        at = history.validated_at[rows].tolist()
        learners = [came_in, *(watched.learners[w - 1] for w in at[1:])]
        values = history.validation[rows]
        phi_then = torch.stack([one.phi for one in learners])
        index = values.argmin(0)
        pick = (index, torch.arange(values.shape[1]))
        memory = {n: torch.stack([one.memory[n] for one in learners])[pick] for n in zeros}
        came_in = Learner(phi_then[pick], memory)
        found[stage] = came_in, values[pick]
    return found


def test_every_stage_goes_on_with_each_replicate_s_best_and_its_memory() -> None:
    trained, watched = run(CONFIG)
    history, expected = trained.history, chosen(trained, watched)
    assert history.stage.unique().tolist() == [0, 1, 2]
    assert history.validation.shape == (len(history.stage), 3)
    assert len(history.validated_at) == len(history.stage)
    for stage in (0, 1):
        # After the first window of the next stage its best is still what it began with.
        first = next(s for s in watched.stages if s.index == stage + 1)
        assert torch.equal(first.best.phi, expected[stage][0].phi)
        for name, value in expected[stage][0].memory.items():
            assert torch.equal(first.best.memory[name], value), name
    assert torch.equal(trained.params["gain"], expected[2][0].phi[:, 0])
    # The test is about a restore: somebody's best is not what training had come to.
    assert not torch.equal(trained.params["gain"], watched.learners[-1].phi[:, 0])
    picked = [expected[s][0].memory["t"] for s in range(3)]
    assert any(len(set(t.tolist())) > 1 for t in picked), "replicates choose for themselves"


def test_validations_are_what_a_loop_finds_on_one_batch_a_stage() -> None:
    trained, watched = run(CONFIG)
    history, expected = trained.history, chosen(trained, watched)
    came_in = initial_params(CONFIG)["gain"]
    for row, (stage, window) in enumerate(
        zip(history.stage.tolist(), history.validated_at.tolist(), strict=True)
    ):
        first = row == 0 or history.stage[row - 1] != stage
        if first and stage:
            came_in = expected[stage - 1][0].phi[:, 0]
        phi = came_in if first else watched.learners[window - 1].phi[:, 0]
        found = validation(CONFIG, stage, phi)
        torch.testing.assert_close(history.validation[row], found, rtol=1e-10, atol=0)


def test_no_stage_leaves_a_replicate_worse_than_it_came_in() -> None:
    trained, watched = run(CONFIG)
    expected = chosen(trained, watched)
    came_in = initial_params(CONFIG)["gain"]
    for stage, (left, value) in expected.items():
        before, after = (validation(CONFIG, stage, phi) for phi in (came_in, left.phi[:, 0]))
        assert (after <= before * (1 + 1e-12)).all()
        torch.testing.assert_close(after, value, rtol=1e-10, atol=0)
        came_in = left.phi[:, 0]
    # Negative control: without a restore the last stage would have made somebody worse.
    assert (validation(CONFIG, 2, watched.learners[-1].phi[:, 0]) > expected[2][1]).any()


class Ascent(MetaGradient):
    """Plain training the wrong way: every window makes the risk larger."""

    def __call__(self, risk: RiskFunction, params: Params) -> MetaStep:
        step = Plain()(risk, params)
        return MetaStep(
            step.at_phi, step.at_adapted, {name: -value for name, value in step.gradient.items()}
        )


def test_a_training_that_only_makes_worse_ends_where_it_began() -> None:
    """Each stage ends after `patience` validations; the last one takes the rest of K."""
    config = CONFIG.with_changes(meta_gradient=Ascent(), learning_rate=1e-3)
    trained, _ = run(config)
    assert torch.equal(trained.params["gain"], initial_params(config)["gain"])
    every = [CURRICULUM.windows_between(s, 24, 2) for s in range(3)]
    assert every == [2, 2, 2]
    pairs = zip(trained.history.stage.tolist(), trained.history.validated_at.tolist(), strict=True)
    assert list(pairs) == [
        *((0, w) for w in (0, 2, 4, 6)),
        *((1, w) for w in (6, 8, 10, 12)),
        *((2, w) for w in (12, 14, 16, 18, 20, 22, 24)),
    ]


def test_a_training_that_only_improves_has_stages_of_equal_length() -> None:
    config = CONFIG.with_changes(learning_rate=1e-4, windows=25, batch_size=8, graph="full")
    trained, watched = run(config)
    history = trained.history
    assert (history.validation.mean(1)[1:4].diff() < 0).all()
    begins = [int(history.validated_at[history.stage == stage][0]) for stage in range(3)]
    assert begins == [0, 9, 18]  # ⌈25/3⌉ each, and the last takes the rest
    assert history.validated_at[-1] == 25
    assert torch.equal(trained.params["gain"], watched.learners[-1].phi[:, 0])


def test_a_stage_begins_with_a_fresh_episode_of_its_length() -> None:
    """S windows from one batch: the first window of an episode has the highest risk by far."""
    patient = CURRICULUM.with_changes(patience=99)  # 8 windows a stage: some episodes are cut short
    trained, watched = run(CONFIG.with_changes(learning_rate=1e-30, curriculum=patient))
    assert (trained.params["gain"] - initial_params(CONFIG)["gain"]).abs().max() < 1e-20
    stage_of = [stage.index for stage in watched.stages]
    window = 0
    for stage, S in enumerate((2, 3, 5)):
        in_stage = stage_of.count(stage)
        began = window
        while window < began + in_stage:
            until = min(window + S, began + in_stage)
            risks = trained.history.risk[window:until]
            assert (risks.diff(dim=0) < 0).all(), "the windows of an episode go on"
            window = until


def test_a_diverged_replicate_leaves_the_others_alone() -> None:
    """Its first validation is infinite while it still counts; later ones are asked by nobody."""
    init = initial_params(CONFIG)
    init = {name: value.clone() for name, value in init.items()}
    init["gain"][1] = 1e200
    trained = train(CONFIG, init)
    assert trained.diverged_at.tolist() == [-1, 0, -1]
    assert trained.params["gain"][1] == 1e200
    assert not trained.history.validation[:, 1].isfinite().any()
    assert trained.history.validation[:, [0, 2]].isfinite().all()
    assert trained.params["gain"].isfinite().all()
    assert not torch.equal(trained.params["gain"][0], init["gain"][0])


def test_without_a_curriculum_there_are_no_validations() -> None:
    history = train(CONFIG.with_changes(curriculum=None, windows=3)).history
    assert history.validation.shape == (0, 3)
    assert len(history.validated_at) == len(history.stage) == 0
