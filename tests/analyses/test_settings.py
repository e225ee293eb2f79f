"""The options of a run are strict."""

from __future__ import annotations

import math

import pytest

from analyses.settings import Preset, Profile, RunSettings
from ml2o_core.errors import InvalidArgument


def test_the_defaults_are_the_quick_report() -> None:
    settings = RunSettings()
    assert (settings.preset, settings.profile) == (Preset.QUICK, Profile.MATCHED)
    assert RunSettings.parse(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("preset", "fast"),
        ("profile", "ours"),
        ("device", "tpu"),
        ("seed", -1),
        ("seed", 0.5),
        ("repeats", 0),
        ("time_limit", 0),
        ("time_limit", -1.0),
        ("time_limit", math.inf),
        ("colour", "red"),
    ],
)
def test_what_is_not_allowed_is_named(option: str, value: object) -> None:
    with pytest.raises(InvalidArgument, match=option) as refused:
        RunSettings(**{option: value})
    assert "\n" not in str(refused.value)
