"""Shape and type checks on every call, and Hypothesis profiles."""

from __future__ import annotations

import os
from pathlib import Path

from jaxtyping import install_import_hook

# The hook decorates methods one by one, where beartype cannot know what `Self` stands for.
_BEARTYPE = (
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True, "
    "hint_overrides=beartype.FrozenDict({beartype.typing.Self: object})))"
)
# Intervals and polynomials of balls are thousands of tiny calls, which checks at each call slow
# down fourfold.
_THEORY = Path(__file__).parents[1] / "ml2o_theory"
_UNCHECKED = {"__init__", "__pycache__", "intervals", "models", "risks"}
_CHECKED = sorted({path.stem for path in _THEORY.iterdir() if path.suffix in {"", ".py"}})
install_import_hook(
    ["ml2o_core", *(f"ml2o_theory.{name}" for name in _CHECKED if name not in _UNCHECKED)],
    _BEARTYPE,
)

import torch  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

# One thread a process: the tests run in parallel processes, and results do not depend on threads.
torch.set_num_threads(1)

_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=100, **_common)
settings.register_profile("ci", max_examples=100, derandomize=True, **_common)
settings.register_profile("thorough", max_examples=5000, **_common)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default")
)
