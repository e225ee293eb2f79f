"""A planted defect is found in a random trial, and its counter-example is small and complete."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from analyses.theorem1.pipeline import Pipeline
from analyses.theorem1.shrink import shrink, violates, written
from ml2o_theory.generalization.draws import TrialDistribution, draw_trial
from ml2o_theory.statements.theorem1 import Theorem1

STATEMENT = "Theorem 1", "risk"


def pipelines(count: int) -> list[Pipeline]:
    distribution = TrialDistribution(horizons=(2,), sizes=(3,), samples=(4,), dims=(2,))
    found = []
    for index in range(count):
        trial, plan, start = draw_trial(distribution, 0, index)
        found.append(Pipeline(trial, start, plan.epochs))
    return found


def test_without_a_defect_nothing_is_violated() -> None:
    assert not any(map(violates(*STATEMENT), pipelines(3)))


@pytest.mark.slow
def test_a_dropped_term_is_shrunk_to_something_small(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_distance(self: Theorem1, c: Mapping[str, Any]) -> Any:
        return c["M_g"] * ((1 + c["alpha"] * c["L_g"]) * c["d_K"] / 64)

    monkeypatch.setattr(Theorem1, "formula", without_distance)
    still = violates(*STATEMENT)
    large = next(pipeline for pipeline in pipelines(20) if still(pipeline))
    small = shrink(large, still)
    assert still(small)
    data, before = json.loads(written(small)), json.loads(written(large))
    assert len(data["tasks"][0]) < len(before["tasks"][0])
    assert len(written(small)) < len(written(large))
    monkeypatch.undo()
    assert not still(small)
