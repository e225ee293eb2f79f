"""Claims: Holm's correction, and verdicts that follow from the paired differences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyses.claims import OrderClaim, assess, holm
from analyses.settings import Preset, RunSettings
from ml2o_core.results.vocabulary import ClaimVerdict

STANDARD = RunSettings(preset=Preset.STANDARD)


def test_holm_on_a_textbook_case() -> None:
    """p = 0.01, 0.04, 0.03: 3 · 0.01, then 2 · 0.03, then max(0.06, 0.04)."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_no_correction_and_bonferroni(p: list[float]) -> None:
    adjusted = holm(p)
    for raw, corrected in zip(p, adjusted, strict=True):
        assert raw <= corrected <= min(1.0, len(p) * raw) + 1e-15
    ordered = [adjusted[i] for i in np.argsort(p)]
    assert ordered == sorted(ordered)


def claim(
    better: Sequence[float] | np.ndarray, worse: Sequence[float] | np.ndarray, name: str = "a"
) -> OrderClaim:
    return OrderClaim(f"figure/{name}", "a beats b", "Figure 0", np.array(better), np.array(worse))


def test_verdicts_follow_the_paired_differences() -> None:
    seeds = np.arange(10.0)
    noise = np.where(seeds % 2 == 0, 0.1, -0.1)
    up = claim((seeds - 1 + noise).tolist(), seeds.tolist(), "up")
    down = claim((seeds + 1 + noise).tolist(), seeds.tolist(), "down")
    flat = claim((seeds + noise).tolist(), seeds.tolist(), "flat")
    rows = assess("figure", [up, down, flat], STANDARD)
    assert [row.verdict for row in rows] == [
        ClaimVerdict.REPRODUCED,
        ClaimVerdict.REVERSED,
        ClaimVerdict.UNDECIDED,
    ]
    assert rows[0].effect == pytest.approx(-1)
    assert rows[0].upper is not None
    assert rows[0].upper < 0
    assert rows[0].p_adjusted == pytest.approx(3 * rows[0].p_value)
    assert [(row.agreeing, row.seeds) for row in rows] == [(10, 10), (0, 10), (5, 10)]


def test_the_correction_can_overturn_a_verdict() -> None:
    """A difference with p just below 0.05 counts alone, and does not among four such claims."""
    noise = np.linspace(-1, 1, 10)
    worse = np.zeros(10)
    # Standard error 1, so t = −2.5 and p = 0.034.
    better = np.sqrt(10) * noise / noise.std(ddof=1) - 2.5
    alone = assess("figure", [claim(better, worse)], STANDARD)[0]
    assert alone.p_value is not None
    assert 0.05 / 4 < alone.p_value < 0.05
    assert alone.verdict is ClaimVerdict.REPRODUCED
    four = assess("figure", [claim(better, worse, str(k)) for k in range(4)], STANDARD)
    assert {row.verdict for row in four} == {ClaimVerdict.UNDECIDED}


def test_the_effect_is_paired_by_seed() -> None:
    """A difference far smaller than the spread over the seeds: unpaired, nothing would show."""
    seeds = np.arange(10.0) ** 2
    noise = np.where(np.arange(10) % 2 == 0, 0.01, -0.01)
    (row,) = assess("figure", [claim(seeds - 0.1 + noise, seeds)], STANDARD)
    assert row.verdict is ClaimVerdict.REPRODUCED


def test_equal_scores_decide_nothing_and_take_no_part_in_the_correction() -> None:
    worse = np.arange(5.0)
    better = worse - 1 + np.array([0.1, -0.1, 0.1, -0.1, 0.0])
    rows = assess("figure", [claim(worse, worse, "same"), claim(better, worse, "b")], STANDARD)
    assert rows[0].verdict is ClaimVerdict.UNDECIDED
    assert "the same" in rows[0].reason
    assert rows[1].verdict is ClaimVerdict.REPRODUCED
    assert rows[1].p_adjusted == rows[1].p_value


def test_quick_assesses_nothing_and_one_seed_decides_nothing() -> None:
    strong = claim([0.0, 0.1, 0.0], [5.0, 5.1, 5.2])
    (row,) = assess("figure", [strong], RunSettings(preset=Preset.QUICK))
    assert row.verdict is ClaimVerdict.NOT_ASSESSED
    assert row.effect is None
    (row,) = assess("figure", [claim([0.0], [5.0])], STANDARD)
    assert row.verdict is ClaimVerdict.UNDECIDED
