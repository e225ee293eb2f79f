"""How a run is asked for: the options that every artefact shares."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from ml2o_core.meta.config import LARGEST
from ml2o_core.spec import Spec


class Preset(StrEnum):
    """How much is computed."""

    QUICK = "quick"
    """Shows that the pipeline works, in seconds; no claim of the paper is assessed."""
    STANDARD = "standard"
    PAPER = "paper"


class Profile(StrEnum):
    """Whose settings are used, where the sources disagree."""

    PAPER = "paper"
    RELEASED = "released"
    MATCHED = "matched"


class RunSettings(Spec):
    """The options of a run, validated. Where the output goes is not part of them."""

    preset: Preset = Field(Preset.QUICK, description="how much is computed")
    profile: Profile = Field(Profile.MATCHED, description="whose settings are used")
    device: Literal["auto", "cpu", "cuda"] = Field("cpu", description="where experiments run")
    seed: int = Field(0, ge=0, description="root of every random draw")
    repeats: int | None = Field(
        None, ge=1, le=LARGEST, description="training seeds; by default the preset's"
    )
    compile: bool = Field(
        False, description="compile what runs long; on a CPU the same up to rounding"
    )
    time_limit: float | None = Field(None, gt=0, description="seconds after which the run stops")
