"""TL in the sweeps: as the profile trains it, and with M-L2O's number of windows beside it.

In the matched profile TL has as many gradient evaluations as M-L2O, and so more windows. What M-L2O
is ahead of it by can be due to the meta-gradient, or to the windows: plain training with as many
windows tells the two apart.
"""

from __future__ import annotations

from collections.abc import Iterable

from analyses.artefact import Finding
from analyses.profiles import Plan
from ml2o_core.meta.config import TrainConfig
from ml2o_core.results import ScoreRow

TL = "TL"
EQUAL = f"{TL}, as many windows"
PLAIN = (TL, EQUAL)


def plain_trainings(plan: Plan) -> dict[str, TrainConfig]:
    """TL's training, and where it is longer than M-L2O's another with as many windows."""
    equal = plan.plain.with_changes(windows=plan.meta.windows)
    return {TL: plan.plain, **({} if equal == plan.plain else {EQUAL: equal})}


def fewer_windows(differences: Iterable[ScoreRow]) -> list[Finding]:
    """What fewer windows alone do to TL's score, where that was looked at."""
    return [
        Finding(
            f"At {row.distribution}, TL itself with only as many windows as M-L2O scores "
            f"{row.mean:+.2f} beside TL ({_interval(row)}).",
            (row.id,),
        )
        for row in differences
        if row.method == EQUAL and row.mean is not None
    ]


def _interval(row: ScoreRow) -> str:
    if row.lower is None or row.upper is None:
        return "one seed, no interval"
    return f"95 % interval {row.lower:+.2f} to {row.upper:+.2f}"
