"""Mixtures of families, and finite sets of tasks drawn once."""

from __future__ import annotations

import pytest
import torch

from ml2o_core.errors import InvalidArgument
from ml2o_core.seeding import generator
from ml2o_core.tasks import TaskBatch, TaskFamily
from ml2o_core.tasks.distributions import Fixed, Normal, Uniform
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.mixture import FrozenTasks, TaskMixture
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.tasks.rosenbrock import Rosenbrock


def labelled(*labels: float) -> tuple[TaskFamily, ...]:
    """Families told apart by b, and in the same way by x_0."""
    return tuple(
        Quadratic(rows=1, cols=1, target=Fixed(values=(v,)), start_distribution=Fixed(values=(v,)))
        for v in labels
    )


def labels(batch: TaskBatch) -> list[float]:
    return batch.tensors["b"].flatten().tolist()


# TaskMixture.


def test_mixture_weights_are_proportions_of_tasks_and_of_starts() -> None:
    mixture = TaskMixture(families=labelled(0, 1, 2), weights=(1, 0, 3))
    draw = generator(0)
    for found in (
        mixture.sample_batch(draw, 2000).tensors["b"],
        mixture.start_batch(draw, 2000),
    ):
        share = (found == 2).double().mean()
        assert not (found == 1).any()
        assert (share - 3 / 4).abs() < 5 * (3 / 16 / 2000) ** 0.5
        assert (share - 1 / 2).abs() > 5 * (3 / 16 / 2000) ** 0.5  # negative control


def test_default_mixture_is_the_training_distribution_of_lasso() -> None:
    """The mixture over families and the mixture over matrices draw the very same tasks."""
    by_family = TaskMixture().sample_batch(generator(4), 50)
    by_matrix = Lasso.uniform_mixture().sample_batch(generator(4), 50)
    assert all(torch.equal(by_family.tensors[k], v) for k, v in by_matrix.tensors.items())


def test_mixtures_nest() -> None:
    inner = TaskMixture(families=labelled(0, 1))
    outer = TaskMixture(families=(inner, FrozenTasks(families=labelled(2), count=1)))
    assert set(labels(outer.sample_batch(generator(0), 100))) == {0, 1, 2}
    assert TaskFamily.parse(outer.model_dump(mode="json")) == outer


@pytest.mark.parametrize("kind", [TaskMixture, FrozenTasks])
@pytest.mark.parametrize(
    "families",
    [(Lasso(), Quadratic()), (Lasso(), Rosenbrock(cols=10)), (Lasso(rows=3), Lasso(rows=4)), ()],
    ids=["types", "unrelated types", "shapes", "none"],
)
def test_families_must_share_a_batch(
    kind: type[TaskFamily], families: tuple[TaskFamily, ...]
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        kind(families=families)
    assert caught.value.argument == "families"


def test_weights_fit_the_families() -> None:
    with pytest.raises(InvalidArgument, match="weights"):
        TaskMixture(families=labelled(0, 1), weights=(1.0, 1.0, 1.0))


# FrozenTasks.


def test_problem_i_comes_from_family_i_modulo_their_number() -> None:
    frozen = FrozenTasks(families=labelled(0, 1, 2), count=7)
    assert labels(frozen.tasks) == [0, 1, 2, 0, 1, 2, 0]
    assert frozen.start_batch(generator(0), 9).flatten().tolist() == [0, 1, 2, 0, 1, 2, 0, 0, 1]


def test_a_batch_of_the_set_s_size_has_each_task_once_in_order() -> None:
    frozen = Lasso.frozen_mixture(count=6, cols=2, rows=2)
    for seed in (0, 1):  # the generator plays no part
        batch = frozen.sample_batch(generator(seed), 6)
        assert all(torch.equal(batch.tensors[k], v) for k, v in frozen.tasks.tensors.items())


@pytest.mark.parametrize("size", [1, 4, 5, 12])
def test_other_sizes_cycle_through_the_set(size: int) -> None:
    frozen = FrozenTasks(families=labelled(0, 1, 2, 3, 4), count=5)
    batch = frozen.sample_batch(generator(0), size)
    assert batch.shape == (size,)
    assert labels(batch) == [float(i % 5) for i in range(size)]


def test_single_draws_are_uniform_over_the_set() -> None:
    frozen = FrozenTasks(families=labelled(0, 1, 2, 3), count=4)
    draw = generator(0)
    found = torch.stack([frozen.sample(draw).b for _ in range(2000)]).flatten()
    shares = torch.bincount(found.long(), minlength=4) / 2000
    assert ((shares - 1 / 4).abs() < 5 * (3 / 16 / 2000) ** 0.5).all()


def test_the_set_is_its_seed_s_and_grows_by_appending() -> None:
    family = (Lasso(rows=2, cols=2),)
    small, again, large, other = (
        FrozenTasks(families=family, count=count, seed=seed).tasks.tensors["A"]
        for count, seed in [(4, 0), (4, 0), (8, 0), (4, 1)]
    )
    assert torch.equal(small, again)
    assert torch.equal(small, large[:4])
    assert not torch.isclose(small, other).any()
    assert not torch.isclose(large[:4], large[4:]).any()


def test_a_caller_cannot_change_the_set() -> None:
    frozen = Lasso.frozen_mixture(count=3)
    frozen.sample_batch(generator(0), 3).tensors["A"].zero_()
    assert frozen.tasks.tensors["A"].abs().min() > 0


def test_drawing_the_set_leaves_the_spec_as_it_was() -> None:
    drawn, fresh = Lasso.frozen_mixture(), Lasso.frozen_mixture()
    before = drawn.model_dump_json()
    drawn.sample(generator(0))
    assert drawn == fresh
    assert hash(drawn) == hash(fresh)
    assert drawn.model_dump_json() == before


def test_starts_are_fresh() -> None:
    frozen = Lasso.frozen_mixture()
    starts = [frozen.start_batch(generator(s), 4) for s in (0, 1)]
    assert not torch.isclose(*starts).any()
    assert frozen.families[0].start_distribution == Normal(sd=0.01)
    assert frozen.families[0].target == Uniform(low=-1, high=1)


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_has_at_least_one_task(size: int) -> None:
    for family in (FrozenTasks(), Lasso()):
        with pytest.raises(InvalidArgument):
            family.sample_batch(generator(0), size)
