"""A self-check of an installation: each examination measures one thing and judges it."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

import torch
from packaging.requirements import Requirement

from ml2o_core.checkpoints import load_checkpoint, save_checkpoint
from ml2o_core.devices import deterministic
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.trainer import Trained, initial_params, train
from ml2o_core.meta.window import WindowRisk
from ml2o_core.optimizers.base import Params
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.problems import sample_problems
from ml2o_core.progress import Progress
from ml2o_core.results import CheckVerdict
from ml2o_core.seeding import generator
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.unroll import GraphMode, begin


@dataclass(frozen=True)
class Examination:
    """What was looked at, whether it is as it should be, and what was found."""

    name: str
    ok: bool
    found: str


def examine(device: torch.device, progress: Progress | None = None) -> list[Examination]:
    """Every examination, on `device` where it computes with torch. Takes a few seconds.

    An examination that raises has failed; the others go on.
    """
    results = []
    with (progress or Progress()).task("examine", total=len(EXAMINATIONS)) as advance:
        for name, examination in EXAMINATIONS.items():
            try:
                with deterministic():
                    ok, found = examination(device)
            except Exception as error:  # whatever is wrong here is what the doctor is asked for
                ok, found = False, " ".join(f"{type(error).__name__}: {error}".split())
            results.append(Examination(name, ok, found))
            advance()
    return results


def _packages(device: torch.device) -> tuple[bool, str]:
    """Every package that the project needs is there, in a version that it allows."""
    missing = list(_unmet(requires("ml2o") or []))
    shown = f"Python {platform.python_version()}, torch {torch.__version__}"
    return not missing, "; ".join(missing) or f"{shown}, all requirements met"


def _unmet(requirements: list[str]) -> Iterator[str]:
    for requirement in map(Requirement, requirements):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            yield f"{requirement} is not installed"
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            yield f"{requirement.name} is {installed}, not {requirement.specifier}"


def _device(device: torch.device) -> tuple[bool, str]:
    """A product on the device has the value it must have."""
    ones = torch.ones(64, 64, device=device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    exact = bool((ones @ ones == 64).all())
    return exact, f"{device.type} ({name})"


def _floats(device: torch.device) -> tuple[bool, str]:
    """float64 rounds to nearest and keeps tiny numbers; float32 products are float32, not TF32."""
    one = torch.ones((), dtype=torch.float64, device=device)
    rounding = bool(one + 2.0**-53 == one) and bool(one + 2.0**-52 > one)
    tiny = bool(one * 5e-324 * 1.0 > 0)
    a = torch.rand(256, 256, generator=generator(0, purpose="doctor"), dtype=torch.float64)
    product = a.float().to(device) @ a.float().to(device)
    error = ((product.double().cpu() - a @ a).abs() / (a @ a)).max().item()
    ok = rounding and tiny and error < 1e-5
    return ok, f"rounding {_word(rounding)}, subnormals {_word(tiny)}, float32 product {error:.0e}"


def _word(ok: bool) -> str:
    return "ok" if ok else "WRONG"


def _short_training(device: torch.device) -> Trained:
    config = TrainConfig(
        family=Lasso(), meta_gradient=MAML(), windows=2, unroll_steps=10, batch_size=16, repeats=2
    )
    return train(config, device=device)


def _determinism(device: torch.device) -> tuple[bool, str]:
    """Two runs of a short training are equal to the last bit."""
    first, second = _short_training(device), _short_training(device)
    same = all(torch.equal(first.params[name], second.params[name]) for name in first.params)
    return same, f"two trainings are {'equal to the last bit' if same else 'DIFFERENT'}"


def _meta_gradient(device: torch.device) -> tuple[bool, str]:
    """The exact meta-gradient is the derivative of the meta-loss, by central differences."""
    config = TrainConfig(
        family=Quadratic(rows=4, cols=3),
        rule=MLPRule(hidden=3),
        meta_gradient=MAML(alpha=0.05),
        unroll_steps=5,
        batch_size=4,
        graph=GraphMode.FULL,
        precision="float64",
    )
    problems = sample_problems(
        config.family, seed=0, purpose="doctor", repeats=1, size=4, device=device
    )
    start = begin(config.rule, problems.tasks, problems.start)
    risk = WindowRisk(config, problems.tasks, start)
    phi = initial_params(config, device)
    draw = generator(0, purpose="doctor direction")
    direction = {
        name: torch.randn(value.shape, generator=draw, dtype=torch.float64).to(device)
        for name, value in phi.items()
    }

    def objective(h: float) -> float:
        moved: Params = {name: value + h * direction[name] for name, value in phi.items()}
        return config.meta_gradient(risk, moved).objective.item()

    gradient = config.meta_gradient(risk, phi).gradient
    slope = sum(float((gradient[name] * direction[name]).sum()) for name in phi)
    difference = (objective(1e-5) - objective(-1e-5)) / 2e-5
    error = abs(slope - difference) / abs(difference)
    return error < 1e-6, f"relative error {error:.0e} against central differences"


def _checkpoint(device: torch.device) -> tuple[bool, str]:
    """A trained rule comes back from a checkpoint as it was."""
    trained = _short_training(device)
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_checkpoint(save_checkpoint(f"{folder}/rule", trained))
    same = loaded.config == trained.config and all(
        torch.equal(loaded.params[name], value.cpu()) for name, value in trained.params.items()
    )
    return same, f"read back {'as it was written' if same else 'DIFFERENT'}"


def _optimum(device: torch.device) -> tuple[bool, str]:
    """The certified optimum of a LASSO problem has a small gap, and CVXPY agrees with it."""
    from ml2o_theory.convex.referee import Disagreement, refer
    from ml2o_theory.optima import certified_optima

    tasks = Lasso().sample_batch(generator(0, purpose="doctor"), 1)
    (optimum,) = optima = certified_optima(tasks)
    try:
        solvers = " and ".join(found.solver for found in refer(tasks, optima))
    except Disagreement as disagreement:
        return False, str(disagreement)
    return optimum.gap <= 1e-8 * optimum.primal, f"duality gap {optimum.gap:.0e}, as {solvers}"


def _supremum(device: torch.device) -> tuple[bool, str]:
    """A semidefinite program's multiplier proves the supremum on a ball that is used here."""
    from ml2o_theory.arithmetic import exact, matrix, precision, vector
    from ml2o_theory.constants.trust_region import affine_norm_on_ball
    from ml2o_theory.convex.trust_region import semidefinite_supremum

    draw = generator(0, purpose="doctor ball")
    K, k = (torch.randn(4, size, generator=draw, dtype=torch.float64) for size in (4, 1))
    with precision():
        problem = (matrix(K), vector(k), exact(1))
        used, referee = affine_norm_on_ball(*problem), semidefinite_supremum(*problem)
        apart = float((referee.upper / used.upper - 1).mid())
        ok = bool(referee.upper >= used.lower.lower()) and abs(apart) < 1e-8
    return ok, f"a semidefinite program proves the same, up to {abs(apart):.0e}"


def _proposition1(device: torch.device) -> tuple[bool, str]:
    """Proposition 1 holds on two quadratic tasks, with certified constants."""
    from ml2o_theory.checks import check_with
    from ml2o_theory.constants.gain_quadratic import gain_instance, pair_constants, pair_region
    from ml2o_theory.exact_quadratic import QuadraticPair
    from ml2o_theory.regions import ParameterInterval
    from ml2o_theory.statements.proposition1 import Proposition1

    family, draw = Quadratic(rows=3, cols=3), generator(0, purpose="doctor pair")
    pair = QuadraticPair(family.sample(draw), family.sample(draw), family.start(draw))
    interval = ParameterInterval(0.0, 0.1)
    constants = pair_constants(pair, pair_region(pair, interval, 5))
    instance = gain_instance(pair, 0.05)
    (check,) = check_with(Proposition1(), instance, constants, [5], tasks="the doctor's")
    return check.verdict is CheckVerdict.HOLDS, f"{check.verdict} at T = 5"


def _closed_forms(device: torch.device) -> tuple[bool, str]:
    """The printed formulas are what the recursion computes: short runs, and by induction."""
    from ml2o_theory.symbolic.proofs import proofs

    found = list(proofs(horizon=3))
    failed = [identity.claim for identity in found if not identity.holds]
    return not failed, "; ".join(failed) or f"{len(found)} symbolic identities hold"


EXAMINATIONS: dict[str, Callable[[torch.device], tuple[bool, str]]] = {
    "packages": _packages,
    "device": _device,
    "floating point": _floats,
    "determinism": _determinism,
    "meta-gradient": _meta_gradient,
    "checkpoint": _checkpoint,
    "certified optimum": _optimum,
    "supremum on a ball": _supremum,
    "closed forms": _closed_forms,
    "Proposition 1": _proposition1,
}
