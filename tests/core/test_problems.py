"""Problems by name: what is shared, what is independent."""

from __future__ import annotations

import torch

from ml2o_core.problems import Problems, sample_problems
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.quadratic import Quadratic

FAMILY = Lasso(rows=4, cols=3)


def draw(**changes) -> Problems:
    axes = {"seed": 0, "purpose": "test", "repeats": 2, "size": 3}
    return sample_problems(FAMILY, **{**axes, **changes})


def same(first: Problems, second: Problems) -> bool:
    tasks = all(
        torch.equal(first.tasks.tensors[name], second.tasks.tensors[name])
        for name in first.tasks.tensors
    )
    return tasks and torch.equal(first.start, second.start)


def test_the_same_name_gives_the_same_problems() -> None:
    assert same(draw(), draw())


def test_every_axis_changes_the_problems() -> None:
    for change in ({"seed": 1}, {"purpose": "train"}, {"episode": 1}):
        assert not same(draw(), draw(**change))
    two = draw()
    assert not torch.equal(two.tasks.tensors["A"][0], two.tasks.tensors["A"][1])


def test_families_and_starting_points_have_streams_of_their_own() -> None:
    """The same distributions from one stream would give equal draws."""
    uniform = {"name": "uniform", "low": 0, "high": 1}
    fields = {"rows": 1, "cols": 1, "matrix": uniform, "start_distribution": uniform}
    axes = {"seed": 0, "purpose": "test", "repeats": 1, "size": 4}
    lasso = sample_problems(Lasso.parse(fields), **axes)
    quadratic = sample_problems(Quadratic.parse(fields), **axes)
    assert not torch.isin(lasso.tasks.tensors["A"], quadratic.tasks.tensors["A"]).any()
    assert not torch.isin(lasso.start, lasso.tasks.tensors["A"]).any()


def test_a_replicate_does_not_depend_on_how_many_there_are() -> None:
    two, five = draw(), draw(repeats=5)
    assert torch.equal(two.tasks.tensors["A"], five.tasks.tensors["A"][:2])
    assert torch.equal(two.start, five.start[:2])


def test_repeating_keeps_the_order_of_the_replicates() -> None:
    two = draw()
    six = two.repeat(3)
    assert six.tasks.shape == (6, 3)
    assert torch.equal(six.start, torch.cat([two.start] * 3))
    assert torch.equal(six.tasks.tensors["A"][4], two.tasks.tensors["A"][0])


def test_precision_changes_the_rounding_alone() -> None:
    double, single = draw(), draw(dtype=torch.float32)
    assert torch.equal(double.start.float(), single.start)
