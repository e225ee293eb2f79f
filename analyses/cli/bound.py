"""`ml2o bound`: a statement's bound from the user's own constants."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from analyses.cli.options import option
from analyses.cli.output import AsJson, print_columns, print_json
from ml2o_core.errors import InvalidArgument
from ml2o_theory.constants.base import MEANING
from ml2o_theory.levels import ONE_VALUE_EACH
from ml2o_theory.user_bounds import UserBound
from ml2o_theory.user_bounds import bound as evaluate


def _constant(symbol: str) -> Parameter:
    # Both --M-m1 and --M_m1 are natural.
    names = dict.fromkeys((_option(symbol), f"--{symbol}"))
    return option(MEANING[symbol], name=tuple(names))


def _option(argument: str) -> str:
    return f"--{argument.replace('_', '-')}"


Given = str | None
LEVELS = {str(level): level for level in ONE_VALUE_EACH}


@Parameter(name="*")
@dataclass(frozen=True)
class Constants:
    """Decimal numbers of any size, as they are written."""

    M: Annotated[Given, _constant("M")] = None
    L: Annotated[Given, _constant("L")] = None
    rho: Annotated[Given, _constant("rho")] = None
    tau: Annotated[Given, _constant("tau")] = None
    M_m1: Annotated[Given, _constant("M_m1")] = None
    M_m2: Annotated[Given, _constant("M_m2")] = None
    L_m: Annotated[Given, _constant("L_m")] = None
    rho_m: Annotated[Given, _constant("rho_m")] = None
    Q_bar: Annotated[Given, _constant("Q_bar")] = None
    Delta: Annotated[Given, _constant("Delta")] = None
    Delta_tilde: Annotated[Given, _constant("Delta_tilde")] = None
    delta_x0: Annotated[Given, _constant("delta_x0")] = None
    delta_phi: Annotated[Given, _constant("delta_phi")] = None

    def given(self) -> dict[str, str]:
        """Those that were given."""
        return {symbol: value for symbol, value in asdict(self).items() if value is not None}


def bound(
    statement: Annotated[str, option("A statement of `ml2o list statements`.")],
    /,
    *,
    T: Annotated[int, option("The number of steps.", name="--T")],
    level: Annotated[
        Literal["uniform", "closed-loop", "detached"],
        option("Rung of the ladder; the last two take --Q-bar."),
    ] = "uniform",
    constants: Constants = Constants(),
    json: AsJson = False,
) -> None:
    """Evaluate a bound at your constants, with its sensitivity to each of them."""
    try:
        found = evaluate(statement, T, constants.given(), LEVELS[level])
    except InvalidArgument as error:
        if error.argument == "statement":
            raise
        raise InvalidArgument(_option(error.argument), error.value, error.allowed) from None
    if json:
        print_json(_as_json(found))
    else:
        _print(found)


def _as_json(found: UserBound) -> dict[str, object]:
    return {
        "statement": found.statement.name,
        "level": str(found.level),
        "T": found.T,
        "constants": dict(found.constants),
        "bound": found.value.interval.model_dump(mode="json"),
        "log10": found.log10,
        "sensitivities": dict(found.sensitivities),
        "order": None if found.order is None else str(found.order),
    }


def _print(found: UserBound) -> None:
    member = found.statement
    print_columns(
        [
            ("statement", f"{member.number}: {member.title}"),
            ("level", f"{found.level}, {found.level.meaning}"),
            (f"bound at T = {found.T}", found.decimal),
            ("log10 of it", "-inf" if found.log10 is None else f"{found.log10:.10g}"),
            *_order(found),
        ]
    )
    print()
    rows = [
        (symbol, given, _shown(found.sensitivities[symbol]), MEANING[symbol])
        for symbol, given in found.constants.items()
    ]
    print_columns([("constant", "value", "d log bound / d log constant", "meaning"), *rows])


def _order(found: UserBound) -> list[tuple[str, str]]:
    if found.order is None:
        return []
    growth = ", with Q = 1 + M_m1 L" if found.order.power else ""
    return [("order as T grows", f"{found.order}{growth}")]


def _shown(sensitivity: float | None) -> str:
    return "none: the bound is 0" if sensitivity is None else f"{sensitivity:.4g}"
