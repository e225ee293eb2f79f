"""`ml2o train` and `ml2o adapt`: meta-training, and a few more steps on another task family."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from cyclopts import Parameter

from analyses.cli.config_file import read_config
from analyses.cli.options import option
from analyses.cli.output import AsJson, numbers, print_columns, print_json
from analyses.cli.running import Device, FamilyOptions, computing
from analyses.cli.user_code import Plugins, build_family, find_class, import_plugins
from analyses.profiles import plan
from analyses.progress import TimeLimited
from analyses.settings import RunSettings
from analyses.trainings import name_of
from ml2o_core.checkpoints import check_destination, finished, load_checkpoint, save_checkpoint
from ml2o_core.compiled import check_compiler
from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.base import MetaGradient
from ml2o_core.meta.config import TrainConfig, adaptation
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.plain import Plain
from ml2o_core.meta.trainer import Trained
from ml2o_core.meta.trainer import train as run_training
from ml2o_core.optimizers import UpdateRule
from ml2o_core.optimizers.base import Params
from ml2o_core.progress import Progress, Stopped
from ml2o_core.tasks.base import TaskFamily
from ml2o_core.tasks.least_squares import LeastSquaresFamily
from ml2o_core.training_store import TrainingStore

Out = Annotated[
    Path | None,
    option("Directory for the checkpoint. [default: runs/ and a name made from the configuration]"),
]
STOPPED = 3
"""Exit code when the time limit has stopped a training."""

Config = Annotated[
    Path | None, option("TOML or JSON file with the run's settings; options given here win.")
]
Distribution = Annotated[
    str | None, option("One of the family's distributions. [default: its first]")
]
FAMILY = "A family of `ml2o list families`, or FILE.py:CLASS."


@Parameter(name="*")
@dataclass(frozen=True)
class RunOptions:
    """Settings of a run by option; what is None keeps the file's or the default value."""

    windows: Annotated[int | None, option("K, windows and steps on φ.")] = None
    unroll_steps: Annotated[int | None, option("T, optimizee steps a window.")] = None
    batch_size: Annotated[int | None, option("N, problems a batch.")] = None
    repeats: Annotated[int | None, option("R, replicates (training seeds).")] = None
    descent: Annotated[Literal["adam", "sgd"] | None, option("The rule φ descends by.")] = None
    learning_rate: Annotated[float | None, option("Step size of the descent on φ.")] = None
    objective: Annotated[Literal["sum", "final"] | None, option("A window's loss.")] = None
    graph: Annotated[Literal["detached", "full"] | None, option("What is differentiated.")] = None
    advance: Annotated[
        Literal["phi", "adapted"] | None, option("Whose runs the next window continues.")
    ] = None
    precision: Annotated[Literal["float32", "float64"] | None, option("Of all tensors.")] = None
    seed: Annotated[int | None, option("Root of every random draw.")] = None

    def given(self) -> dict[str, Any]:
        """The options that were given."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@Parameter(name="*")
@dataclass(frozen=True)
class Execution:
    """How a training runs, which is not part of its configuration."""

    compile: Annotated[
        bool,
        Parameter(
            negative=(),
            help="Compile the window first: it takes minutes, and pays for long runs. On a CPU the "
            "result is the same up to rounding.",
        ),
    ] = False
    move: Annotated[
        bool,
        Parameter(
            negative=(),
            help="Go on with a training that was stopped on another device, or with another "
            "version of PyTorch; the checkpoint then says so.",
        ),
    ] = False
    time_limit: Annotated[
        float | None, option("Seconds after which the training stops, to go on another time.")
    ] = None


def train(
    *,
    out: Out = None,
    profile: Annotated[
        Literal["paper", "released", "matched"] | None,
        option("Start from a profile of `ml2o list profiles`."),
    ] = None,
    preset: Annotated[
        Literal["quick", "standard", "paper"] | None,
        option("The profile's size. [default: quick]"),
    ] = None,
    family: Annotated[str | None, option(f"{FAMILY} [default: lasso]")] = None,
    distribution: Distribution = None,
    method: Annotated[
        Literal["m-l2o", "tl", "dt"] | None,
        option("m-l2o: Algorithm 1, or the profile's; tl and dt: plain. [default: m-l2o]"),
    ] = None,
    meta_gradient: Annotated[
        str | None, option("One of `ml2o list meta-gradients` for m-l2o. [default: maml]")
    ] = None,
    alpha: Annotated[float | None, option("Inner step size of m-l2o.")] = None,
    rule: Annotated[
        str | None,
        option("A rule of `ml2o list rules`, or FILE.py:CLASS. [default: rnnprop]"),
    ] = None,
    config: Config = None,
    options: RunOptions = RunOptions(),
    plugin: Plugins = (),
    device: Device = "cpu",
    execution: Execution = Execution(),
    json: AsJson = False,
    **family_options: FamilyOptions,
) -> int:
    """Meta-train an update rule, and save it with its configuration.

    A training that was stopped, by the time limit or by a kill, goes on where it was when the same
    command is given again.
    """
    import_plugins(plugin)
    if profile is None:
        _refuse_without("--profile", preset=preset)
        settings = read_config(config) | options.given()
        if family is not None or "family" not in settings:
            name = "lasso" if family is None else family
            settings["family"] = build_family(name, distribution, family_options)
        else:
            _refuse_without("--family", distribution=distribution, **family_options)
    else:
        for name, value in {"distribution": distribution, **family_options}.items():
            if value is not None:
                raise InvalidArgument(f"--{name.replace('_', '-')}", value, "none with --profile")
        settings = _planned(profile, preset or "quick", family or "lasso", method)
        settings |= read_config(config) | options.given()
    if rule is not None:
        settings["rule"] = find_class("--rule", rule, UpdateRule)()  # type: ignore[type-abstract]
    if method in ("tl", "dt"):
        _refuse_without("--method m-l2o", alpha=alpha, meta_gradient=meta_gradient)
        settings["meta_gradient"] = Plain()
    elif {alpha, meta_gradient} != {None} or "meta_gradient" not in settings:
        settings["meta_gradient"] = _meta_gradient(meta_gradient or "maml", alpha)
    elif method == "m-l2o" and profile is None:
        settings["meta_gradient"] = MAML()
    resolved = TrainConfig.parse(settings)
    with computing(device) as (place, progress):
        return _run(resolved, None, out, place, execution, progress, json)


def _planned(profile: str, preset: str, family: str, method: str | None) -> dict[str, Any]:
    """The settings of a profile's training."""
    kind = TaskFamily.lookup(family)
    if not issubclass(kind, LeastSquaresFamily):
        known = TaskFamily.registry().items()
        allowed = ", ".join(name for name, k in known if issubclass(k, LeastSquaresFamily))
        raise InvalidArgument("--family", family, f"{allowed} (with --profile)")
    settings = RunSettings.parse({"profile": profile, "preset": preset})
    planned = plan(settings, kind)
    chosen = planned.plain if method in ("tl", "dt") else planned.meta
    return {name: getattr(chosen, name) for name in TrainConfig.model_fields}


def _meta_gradient(name: str, alpha: float | None) -> MetaGradient:
    kind = MetaGradient.lookup(name)
    if alpha is not None and "alpha" not in kind.model_fields:
        raise InvalidArgument("--alpha", alpha, f"none with {name}, which has no inner step")
    return kind.parse({} if alpha is None else {"alpha": alpha})


def _run(
    config: TrainConfig,
    init: Params | None,
    out: Path | None,
    device: torch.device,
    execution: Execution,
    progress: Progress,
    json: bool,
) -> int:
    """Train, or go on with a training, and save it; the exit code."""
    if execution.compile and device.type == "cpu":
        check_compiler()
    limit = execution.time_limit
    if limit is not None and not limit > 0:
        raise InvalidArgument("--time-limit", limit, "a number of seconds > 0")
    folder = check_destination(out or Path("runs") / name_of(config))
    store = TrainingStore(folder, config, device, compile=execution.compile, init=init)
    if init is None and finished(folder, config):
        store.clear()  # a run may have been killed before it did
        _tell(folder, load_checkpoint(folder), json, "was finished before")
        return 0
    state = store.load(move=execution.move)
    begun = 0 if state is None else state.window
    listener = progress if limit is None else TimeLimited(progress, limit)
    try:
        trained = run_training(
            config,
            init,
            device=device,
            compile=execution.compile,
            progress=listener,
            resume=state,
            keep=store,
        )
    except Stopped as stopped:
        kept = store.load()
        done = 0 if kept is None else kept.window
        _tell_stopped(folder, config, done, str(stopped), json)
        return STOPPED
    save_checkpoint(folder, trained)
    store.clear()
    _tell(folder, trained, json, f"went on from window {begun}" if begun else "")
    return 0


def adapt(
    checkpoint: Annotated[Path, option("A checkpoint of `ml2o train`.")],
    /,
    *,
    family: Annotated[str, option(FAMILY)],
    out: Annotated[Path, option("Directory for the checkpoint; a checkpoint is replaced.")],
    distribution: Distribution = None,
    config: Config = None,
    options: RunOptions = RunOptions(),
    plugin: Plugins = (),
    device: Device = "cpu",
    execution: Execution = Execution(),
    json: AsJson = False,
    **family_options: FamilyOptions,
) -> int:
    """Continue a trained rule with a few plain steps on another task family."""
    import_plugins(plugin)
    target = build_family(family, distribution, family_options)
    pretrained = load_checkpoint(checkpoint)
    settings = read_config(config) | options.given()
    _refuse_unknown(settings, TrainConfig.model_fields.keys() - {"family", "rule"})
    resolved = adaptation(pretrained.config, target, **settings)
    with computing(device) as (place, progress):
        return _run(resolved, pretrained.params, out, place, execution, progress, json)


def _refuse_without(needed: str, **given: object) -> None:
    for name, value in given.items():
        if value is not None:
            raise InvalidArgument(f"--{name.replace('_', '-')}", value, f"only with {needed}")


def _refuse_unknown(settings: Mapping[str, object], known: Set[str]) -> None:
    for name, value in settings.items():
        if name not in known:
            raise InvalidArgument(name, value, f"known keys ({', '.join(sorted(known))})")


def _tell(out: Path, trained: Trained, as_json: bool, note: str) -> None:
    """What was done."""
    config, history = trained.config, trained.history
    windows = {str(replicate): int(w) for replicate, w in enumerate(trained.diverged_at) if w >= 0}
    if as_json:
        print_json(
            {
                "checkpoint": str(out),
                "note": note,
                "first_risk": history.risk[0].tolist(),
                "last_risk": history.risk[-1].tolist(),
                "clipped_share": history.clipped_share.tolist(),
                "diverged_at_window": windows,
                "config": config.model_dump(mode="json"),
            }
        )
        return
    print_columns(
        [
            ("checkpoint", str(out)),
            *([("training", note)] if note else []),
            *_described(config),
            ("risk, first window", numbers(history.risk[0])),
            (f"risk, window {config.windows}", numbers(history.risk[-1])),
            ("share of clipped steps", numbers(history.clipped_share)),
            ("replicates diverged", f"{len(windows)} of {config.repeats}"),
        ]
    )


def _tell_stopped(out: Path, config: TrainConfig, done: int, why: str, as_json: bool) -> None:
    """How far it came."""
    if as_json:
        found = {"stopped": why, "kept": str(out), "windows": done}
        print_json({**found, "config": config.model_dump(mode="json")})
        return
    print_columns(
        [
            ("kept", str(out)),
            ("training", f"{why}; the same command goes on from window {done} of {config.windows}"),
            *_described(config),
        ]
    )


def _described(config: TrainConfig) -> list[tuple[str, str]]:
    """A configuration in a few lines."""
    episodes = (
        f"episodes of {config.windows_per_episode} windows"
        if config.curriculum is None
        else f"episodes of {', '.join(map(str, config.curriculum.lengths))} steps, in stages"
    )
    method = f"{config.meta_gradient.name} {config.meta_gradient}".rstrip()
    return [
        ("run", f"{method} on {config.family.name}, {config.rule.name}"),
        (
            "size",
            f"{config.windows} windows of {config.unroll_steps} steps, {episodes}; "
            f"{config.repeats} replicates of {config.batch_size} problems",
        ),
        (
            "descent",
            f"{config.descent}, step {config.learning_rate:g}, gradients clipped at "
            f"{config.clip_norm:g}; graph {config.graph}, {config.precision}, seed {config.seed}",
        ),
    ]
