"""`ml2o bound`: a statement's bound from the user's own constants."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from analyses.cli.options import option
from analyses.cli.output import AsJson, print_columns, print_json
from ml2o_core.errors import InvalidArgument
from ml2o_core.results import Level
from ml2o_theory.constants.base import MEANING
from ml2o_theory.levels import ONE_VALUE_EACH
from ml2o_theory.registry import statement as find_statement
from ml2o_theory.statements.risk import RiskStatement
from ml2o_theory.symbolic.risk_symbols import RISK_MEANING
from ml2o_theory.user_bounds import SMALLEST, UserBound
from ml2o_theory.user_bounds import bound as evaluate
from ml2o_theory.user_bounds import risk_bound as evaluate_risk

ALL_MEANINGS = {**RISK_MEANING, **MEANING}


def _constant(symbol: str) -> Parameter:
    # Both --M-m1 and --M_m1 are natural.
    names = dict.fromkeys((_option(symbol), f"--{symbol}"))
    return option(ALL_MEANINGS[symbol], name=tuple(names))


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


@Parameter(name="*")
@dataclass(frozen=True)
class RiskConstants:
    """Decimal numbers of any size, for the statements about trained parameters."""

    M_g: Annotated[Given, _constant("M_g")] = None
    M_g1: Annotated[Given, _constant("M_g1")] = None
    L_g: Annotated[Given, _constant("L_g")] = None
    alpha: Annotated[Given, _constant("alpha")] = None
    B: Annotated[Given, _constant("B")] = None
    mu: Annotated[Given, _constant("mu")] = None
    mu_hat: Annotated[Given, _constant("mu_hat")] = None
    mu_G: Annotated[Given, _constant("mu_G")] = None
    L_G: Annotated[Given, _constant("L_G")] = None
    K: Annotated[Given, _constant("K")] = None
    N: Annotated[Given, _constant("N")] = None
    delta: Annotated[Given, _constant("delta")] = None
    delta_a: Annotated[Given, _constant("delta_a")] = None
    delta_b: Annotated[Given, _constant("delta_b")] = None
    d_0: Annotated[Given, _constant("d_0")] = None
    d_K: Annotated[Given, _constant("d_K")] = None
    gap: Annotated[Given, _constant("gap")] = None
    d_N: Annotated[Given, _constant("d_N")] = None
    delta_13: Annotated[Given, _constant("delta_13")] = None
    d_TL: Annotated[Given, _constant("d_TL")] = None
    slope: Annotated[Given, _constant("slope")] = None
    gap_TL: Annotated[Given, _constant("gap_TL")] = None
    d_N3: Annotated[Given, _constant("d_N3")] = None
    slopes: Annotated[Given, _constant("slopes")] = None
    gap_23: Annotated[Given, _constant("gap_23")] = None
    delta_meta: Annotated[Given, _constant("delta_meta")] = None

    def given(self) -> dict[str, str]:
        """Those that were given."""
        return {symbol: value for symbol, value in asdict(self).items() if value is not None}


def bound(
    statement: Annotated[str, option("A statement of `ml2o list statements`.")],
    /,
    *,
    T: Annotated[
        int | None, option("The number of steps, for a statement about steps.", name="--T")
    ] = None,
    level: Annotated[
        Literal["uniform", "closed-loop", "detached"],
        option("Rung of the ladder; the last two take --Q-bar."),
    ] = "uniform",
    constants: Constants = Constants(),
    risk_constants: RiskConstants = RiskConstants(),
    json: AsJson = False,
) -> None:
    """Evaluate a bound at your constants, with its sensitivity to each of them."""
    try:
        given = {**constants.given(), **risk_constants.given()}
        if isinstance(find_statement(statement), RiskStatement):
            found = _of_risks(statement, T, level, given)
        elif T is None:
            raise InvalidArgument("T", T, "an integer ≥ 1")
        else:
            found = evaluate(statement, T, given, LEVELS[level])
    except InvalidArgument as error:
        if error.argument == "statement":
            raise
        raise InvalidArgument(_option(error.argument), error.value, error.allowed) from None
    if json:
        print_json(_as_json(found))
    else:
        _print(found)


def _of_risks(statement: str, T: int | None, level: str, given: dict[str, str]) -> UserBound:
    if T is not None:
        raise InvalidArgument("T", T, f"left out: {statement} does not depend on it by itself")
    if level != str(Level.UNIFORM):
        raise InvalidArgument("level", level, f"left out: {statement} takes its constants as given")
    return evaluate_risk(statement, given)


def _as_json(found: UserBound) -> dict[str, object]:
    return {
        "statement": found.statement.name,
        "level": None if found.level is None else str(found.level),
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
            *([] if found.level is None else [("level", f"{found.level}, {found.level.meaning}")]),
            ("bound" if found.T is None else f"bound at T = {found.T}", found.decimal),
            ("log10 of it", "-inf" if found.log10 is None else f"{found.log10:.10g}"),
            *_order(found),
        ]
    )
    print()
    rows = [
        (symbol, given, _shown(found.sensitivities[symbol]), ALL_MEANINGS[symbol])
        for symbol, given in found.constants.items()
    ]
    print_columns([("constant", "value", "d log bound / d log constant", "meaning"), *rows])


def _order(found: UserBound) -> list[tuple[str, str]]:
    if found.order is None:
        return []
    growth = ", with Q = 1 + M_m1 L" if found.order.power else ""
    return [("order as T grows", f"{found.order}{growth}")]


def _shown(sensitivity: float | None) -> str:
    if sensitivity is None:
        return "none: the bound is 0"
    if abs(sensitivity) == SMALLEST:
        return "not 0, but below 1e-300"
    return f"{sensitivity:.4g}"
