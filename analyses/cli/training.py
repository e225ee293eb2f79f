"""`ml2o train` and `ml2o adapt`: meta-training, and a few more steps on another task family."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from analyses.cli.config_file import read_config
from analyses.cli.options import option
from analyses.cli.output import AsJson, numbers, print_columns, print_json
from analyses.cli.running import Device, FamilyOptions, computing
from analyses.cli.user_code import Plugins, build_family, find_class, import_plugins
from ml2o_core.checkpoints import check_destination, load_checkpoint, save_checkpoint
from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.config import TrainConfig, adaptation
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.plain import Plain
from ml2o_core.meta.trainer import Trained
from ml2o_core.meta.trainer import train as run_training
from ml2o_core.optimizers import UpdateRule

Out = Annotated[Path, option("Directory for the checkpoint; a checkpoint is replaced.")]
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

    windows: Annotated[int | None, option("K, windows and Adam steps.")] = None
    unroll_steps: Annotated[int | None, option("T, optimizee steps a window.")] = None
    batch_size: Annotated[int | None, option("N, problems a batch.")] = None
    repeats: Annotated[int | None, option("R, replicates (training seeds).")] = None
    learning_rate: Annotated[float | None, option("Adam's step size.")] = None
    objective: Annotated[Literal["sum", "final"] | None, option("A window's loss.")] = None
    graph: Annotated[Literal["detached", "full"] | None, option("What is differentiated.")] = None
    precision: Annotated[Literal["float32", "float64"] | None, option("Of all tensors.")] = None
    seed: Annotated[int | None, option("Root of every random draw.")] = None

    def given(self) -> dict[str, Any]:
        """The options that were given."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def train(
    *,
    out: Out,
    family: Annotated[str | None, option(f"{FAMILY} [default: lasso]")] = None,
    distribution: Distribution = None,
    method: Annotated[
        Literal["m-l2o", "tl", "dt"] | None,
        option("m-l2o: Algorithm 1; tl and dt: plain. [default: m-l2o]"),
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
    json: AsJson = False,
    **family_options: FamilyOptions,
) -> None:
    """Meta-train an update rule, and save it with its configuration."""
    import_plugins(plugin)
    settings = read_config(config) | options.given()
    if family is not None or "family" not in settings:
        name = "lasso" if family is None else family
        settings["family"] = build_family(name, distribution, family_options)
    else:
        _refuse_without("--family", distribution=distribution, **family_options)
    if rule is not None:
        settings["rule"] = find_class("--rule", rule, UpdateRule)()  # type: ignore[type-abstract]
    if method in ("tl", "dt"):
        _refuse_without("--method m-l2o", alpha=alpha)
        settings["meta_gradient"] = Plain()
    elif method == "m-l2o" or alpha is not None or "meta_gradient" not in settings:
        settings["meta_gradient"] = MAML() if alpha is None else MAML(alpha=alpha)
    resolved = TrainConfig.parse(settings)
    check_destination(out)
    with computing(device) as (place, progress):
        trained = run_training(resolved, device=place, progress=progress)
    _finish(out, trained, json)


def adapt(
    checkpoint: Annotated[Path, option("A checkpoint of `ml2o train`.")],
    /,
    *,
    family: Annotated[str, option(FAMILY)],
    out: Out,
    distribution: Distribution = None,
    config: Config = None,
    options: RunOptions = RunOptions(),
    plugin: Plugins = (),
    device: Device = "cpu",
    json: AsJson = False,
    **family_options: FamilyOptions,
) -> None:
    """Continue a trained rule with a few plain Adam steps on another task family."""
    import_plugins(plugin)
    target = build_family(family, distribution, family_options)
    pretrained = load_checkpoint(checkpoint)
    settings = read_config(config) | options.given()
    _refuse_unknown(settings, TrainConfig.model_fields.keys() - {"family", "rule"})
    resolved = adaptation(pretrained.config, target, **settings)
    check_destination(out)
    with computing(device) as (place, progress):
        adapted = run_training(resolved, pretrained.params, device=place, progress=progress)
    _finish(out, adapted, json)


def _refuse_without(needed: str, **given: object) -> None:
    for name, value in given.items():
        if value is not None:
            raise InvalidArgument(f"--{name.replace('_', '-')}", value, f"only with {needed}")


def _refuse_unknown(settings: Mapping[str, object], known: Set[str]) -> None:
    for name, value in settings.items():
        if name not in known:
            raise InvalidArgument(name, value, f"known keys ({', '.join(sorted(known))})")


def _finish(out: Path, trained: Trained, as_json: bool) -> None:
    """Save, and say what was done."""
    save_checkpoint(out, trained)
    config, history = trained.config, trained.history
    windows = {str(replicate): int(w) for replicate, w in enumerate(trained.diverged_at) if w >= 0}
    if as_json:
        print_json(
            {
                "checkpoint": str(out),
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
            (
                "run",
                f"{config.meta_gradient.name} on {config.family.name}, {config.rule.name}",
            ),
            ("risk, first window", numbers(history.risk[0])),
            (f"risk, window {config.windows}", numbers(history.risk[-1])),
            ("share of clipped steps", numbers(history.clipped_share)),
            ("replicates diverged", f"{len(windows)} of {config.repeats}"),
        ]
    )
