"""`ml2o check-statement`: one statement held against one instance, at every level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from cyclopts import Parameter

from analyses.cli.options import option
from analyses.cli.output import AsJson, print_columns, print_json
from analyses.cli.running import FamilyOptions, computing
from analyses.cli.training import FAMILY, Distribution
from analyses.cli.user_code import Plugins, build_family, find_class, import_plugins
from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers import UpdateRule
from ml2o_core.optimizers.base import MemorylessRule, Params
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.results import CheckVerdict
from ml2o_theory.chain_rule import check_chain_rule
from ml2o_theory.checks import check_instance
from ml2o_theory.instances import Instance, draw_instance
from ml2o_theory.regions import sample_id
from ml2o_theory.registry import ladder_statement as find_statement
from ml2o_theory.sampled_checks import check_sampled, has_models
from ml2o_theory.statements.lemma01 import Lemma01
from ml2o_theory.verdict import StatementCheck

Second = Annotated[
    tuple[str, ...],
    Parameter(
        "--second",
        negative=(),
        help="An option of the family that is another for the second task, as NAME=VALUE: "
        "--second sigma=100; repeatable.",
    ),
]

FAILED = {CheckVerdict.VIOLATED, CheckVerdict.SOLVER_FAILED}
"""The verdicts that make the exit code 1."""


def check_statement(
    statement: Annotated[str, option("A statement of `ml2o list statements`: lemma08.")],
    /,
    *,
    family: Annotated[str, option(FAMILY)],
    T: Annotated[int, option("The number of steps.", name="--T")] = 10,
    rule: Annotated[str, option("A memoryless rule of `ml2o list rules`.")] = "gain",
    phi: Annotated[
        float | None, option("φ of the gain rule. [default: drawn by the rule]", name="--phi")
    ] = None,
    nearby: Annotated[float, option("Relative distance of the nearby φ' and x_0'.")] = 0.01,
    seed: Annotated[int, option("Root of the tasks, the start and φ.")] = 0,
    distribution: Distribution = None,
    second: Second = (),
    plugin: Plugins = (),
    json: AsJson = False,
    **family_options: FamilyOptions,
) -> int:
    """Hold one statement against two tasks of a family, with certified constants.

    For tasks or a rule without a model the constants are sampled, at fewer levels.
    """
    import_plugins(plugin)
    member = find_statement(statement)
    drawn_from = build_family(family, distribution, family_options)
    other_family = None
    if second:
        changes = dict(_assignment(text) for text in second)
        other_family = build_family(family, distribution, {**family_options, **changes})
    chosen = find_class("--rule", rule, UpdateRule)()  # type: ignore[type-abstract]
    if not isinstance(chosen, MemorylessRule):
        raise InvalidArgument("--rule", rule, "a memoryless rule, such as gain or mlp")
    if T < 1:
        raise InvalidArgument("--T", T, "an integer ≥ 1")
    params: Params | None = None
    if phi is not None:
        if not isinstance(chosen, LinearGain):
            raise InvalidArgument("--phi", phi, "only with --rule gain")
        params = {"gain": torch.tensor(phi, dtype=torch.float64)}
    instance = draw_instance(
        drawn_from, chosen, seed, params=params, nearby=nearby, other_family=other_family
    )
    tasks = f"two {drawn_from.name} tasks{_differing(instance, second)}, seed {seed}"
    with computing("cpu"):
        checks = _checks(member.name, instance, T, tasks, seed)
    if json:
        print_json([_record(check) for check in checks])
    else:
        print(f"{member.number}: {member.title}. {checks[0].tasks}; {checks[0].rule}; T = {T}")
        heads = ("level", "observed", "bound", "observed/bound", "verdict", "vs trivial", "reason")
        print_columns([heads, *map(_line, checks)])
    return int(any(check.verdict in FAILED for check in checks))


def _checks(name: str, instance: Instance, T: int, tasks: str, seed: int) -> list[StatementCheck]:
    if name == Lemma01.name:
        return check_chain_rule(instance, [T], tasks=tasks)
    if not has_models(instance):
        return check_sampled(find_statement(name), instance, T, seed=seed, tasks=tasks)
    return check_instance(find_statement(name), instance, [T], tasks=tasks)


def _assignment(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise InvalidArgument("--second", text, "NAME=VALUE, such as sigma=100")
    return name.replace("-", "_"), value


def _differing(instance: Instance, second: Sequence[str]) -> str:
    """In words, how the second task was made, or that it is the first once more."""
    if second:
        return f", the second with {', '.join(second)}"
    first, other = (list(t.tensors().values()) for t in (instance.first, instance.second))
    same = sample_id(first) == sample_id(other)
    return " (the same one twice: nothing in it is random; see --second)" if same else ""


def _line(check: StatementCheck) -> tuple[str, ...]:
    return (
        check.level.value,
        str(check.observed),
        str(check.bound),
        "–" if check.ratio is None else str(check.ratio),
        check.verdict.value,
        check.vacuity.value,
        check.reason,
    )


def _record(check: StatementCheck) -> dict[str, object]:
    """As the table of checks stores it."""
    return check.row("check-statement", check.level.value).model_dump(mode="json")
