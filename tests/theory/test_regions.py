"""A region's id differs when anything of it differs; what is not a region is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from flint import arb

from ml2o_core.errors import InvalidArgument
from ml2o_theory.regions import Ball, ParameterInterval, Region, sample_id

REGION = Region(
    Ball((0.5, -1.0), arb(3)), ParameterInterval(-1.0, 2.0), Ball((0.0, 0.0), arb(7)), "data", 20
)


@pytest.mark.parametrize(
    "change",
    [
        {"x": Ball((0.5, -1.0), arb(4))},
        {"x": Ball((0.5, 1.0), arb(3))},
        {"phi": ParameterInterval(-1.0, 3.0)},
        {"phi": ParameterInterval(-2.0, 2.0)},
        {"z": Ball((0.0, 0.0), arb(8))},
        {"sample": "other data"},
        {"steps": 21},
    ],
)
def test_the_id_tells_regions_apart(change: dict[str, object]) -> None:
    assert replace(REGION).id == REGION.id
    assert replace(REGION, **change).id != REGION.id  # type: ignore[arg-type]


def test_the_sample_id_tells_data_apart() -> None:
    data = torch.arange(4.0)
    assert sample_id([data]) == sample_id([data.clone()])
    others = [[data + 1e-7], [data.reshape(2, 2)], [data[:2], data[2:]], [data, data]]
    assert len({sample_id([data]), *map(sample_id, others)}) == 5


@pytest.mark.parametrize("radius", [arb(-1), arb(1, 0.5), arb.pos_inf(), arb.nan()])
def test_a_ball_has_an_exact_radius(radius: arb) -> None:
    with pytest.raises(InvalidArgument, match="radius"):
        Ball((0.0,), radius)


@pytest.mark.parametrize("ends", [(1.0, 0.0), (0.0, float("inf")), (float("nan"), 1.0)])
def test_a_parameter_interval_has_finite_ordered_ends(ends: tuple[float, float]) -> None:
    with pytest.raises(InvalidArgument):
        ParameterInterval(*ends)


def test_it_describes_itself() -> None:
    assert str(REGION) == (
        "X: ball of radius 3e+0 about (0.5, -1); Φ: [-1, 2]; Z: ball of radius 7e+0 about 0; T ≤ 20"
    )
