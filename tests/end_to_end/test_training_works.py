"""The slow proof that meta-training works: a trained rule beats tuned SGD and Adam."""

from __future__ import annotations

import pytest

from analyses.in_distribution import LEARNED, InDistribution
from analyses.settings import Preset, RunSettings
from ml2o_core.devices import deterministic
from ml2o_core.progress import Progress
from ml2o_core.results import ScoreRow
from ml2o_core.results.vocabulary import Score


@pytest.mark.slow
def test_trained_rnnprop_beats_tuned_sgd_and_adam_at_step_20() -> None:
    """Mean and geometric mean of f − f* over 1,024 fresh problems, paired 95 % intervals."""
    with deterministic():
        rows = InDistribution().run(RunSettings(preset=Preset.STANDARD), Progress())
    differences = {
        (row.reference, row.score): row
        for row in rows
        if isinstance(row, ScoreRow) and row.reference is not None and row.step == 20
    }
    assert len(differences) == 6
    for reference in ("SGD", "Adam"):
        for kind in (Score.MEAN_SUBOPTIMALITY, Score.MEAN_LN_SUBOPTIMALITY):
            row = differences[reference, kind]
            assert row.method == LEARNED
            assert row.upper is not None
            assert row.upper < 0, f"{row.mean} [{row.lower}, {row.upper}] against {reference}"
