"""Can A1, A2 and Lemma 14 hold together? Rows for each reading of A2, on one population."""

from __future__ import annotations

from collections.abc import Iterator

from ml2o_core.results import Row
from ml2o_theory.assumptions.a2_meta_optimum import A2, Reading, joint_satisfiability
from ml2o_theory.assumptions.instances import close_population


def rows(artefact: str) -> Iterator[Row]:
    """The joint rows, and A2 alone: how far apart φ̃_M*, φ_* and φ̂_* are in each reading."""
    setting = close_population()
    for reading in Reading:
        for kind, check in (
            ("joint", joint_satisfiability(setting, reading)),
            ("meta", A2(reading).check(setting)),
        ):
            yield check.row(artefact, kind, reading)
            yield from check.constant_rows(artefact, kind, reading)
