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
# Files that state shapes, and only those: a check costs some 60 µs, and there are scalar functions
# that are called a hundred thousand times in one test. Intervals, models and polynomials of balls
# state shapes as well, but are thousands of tiny calls.
_ROOT = Path(__file__).parents[1]
_UNCHECKED = ("ml2o_theory.intervals", "ml2o_theory.models", "ml2o_theory.risks")


def _modules_with_shapes() -> list[str]:
    packages = (_ROOT / "ml2o_core", _ROOT / "ml2o_theory")
    paths = (path for package in packages for path in package.rglob("*.py"))
    stating = (path for path in paths if "from jaxtyping import" in path.read_text("utf-8"))
    names = (".".join(path.relative_to(_ROOT).with_suffix("").parts) for path in stating)
    return sorted(name for name in names if not name.startswith(_UNCHECKED))


install_import_hook(_modules_with_shapes(), _BEARTYPE)

import torch  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

# One thread a process: the tests run in parallel processes, and results do not depend on threads.
torch.set_num_threads(1)

_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=60, **_common)
settings.register_profile("ci", max_examples=60, derandomize=True, **_common)
settings.register_profile("thorough", max_examples=5000, **_common)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default")
)
