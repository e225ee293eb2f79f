r"""Theorem 1 where its assumptions hold only on a region: rules and tasks without closed forms.

Smoothed LASSO, and a tanh network as the rule: the same train–adapt–test trials as on quadratic
tasks, with every constant enclosed on a small Φ' (`ml2o_theory.generalization.regional`). Each
trial says what A1 comes to there: certified (the checks are decided by certified numbers), refuted
by a witness (the statements do not apply; whether their inequalities hold all the same is shown),
or open. `rows` belong to the artefact `theorem1`; the second part of their ids is `regions`. How
they are shown: `analyses.theorem1.regions_page`.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyses.settings import Preset, RunSettings
from analyses.theorem1.regions_page import PART, TITLES
from ml2o_core.progress import Progress
from ml2o_core.results import ConstantRow, Level, Row, row_id
from ml2o_core.spec import Spec
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.generalization.bounds import LEVELS
from ml2o_theory.generalization.regional_checks import RegionalBounds
from ml2o_theory.generalization.regional_draws import RegionalCase, draw_regional
from ml2o_theory.generalization.regional_observed import RegionalObserved

TERM, META, OF_STEPS = "observed", "meta", "a3"
"""In place of a level in a number's id: of a distance or α, a constant of the meta risk, of A3."""

NEAR_START, FAR_START = (0.3, -0.5, 1.4), (1.0, -1.4, 4.1)

GAIN = RegionalCase(
    name="gain-lasso",
    family="smoothed LASSO",
    rule="gain",
    start=NEAR_START,
    horizon=3,
    near=(0.5,),
    window=0.5,
    radius=0.05,
    apart=0.01,
    jitter=0.01,
    parts=32,
)
"""The scalar gain on smoothed LASSO: certified. Its `radius` is that of T = 1."""

MLP_QUADRATIC = RegionalCase(
    name="mlp-quadratic",
    family="quadratic",
    rule="mlp",
    start=NEAR_START,
    horizon=2,
    near=(-0.576, 0.085, -1.085, 1.213),
    radius=0.003,
    apart=1e-4,
    jitter=1e-4,
    parts=2,
)
"""A network of 4 parameters on quadratic tasks, so near to a minimum that A1 is certified."""

MLP_LASSO = RegionalCase(
    name="mlp-lasso",
    family="smoothed LASSO",
    rule="mlp",
    start=FAR_START,
    horizon=2,
    near=(-0.984, -2.496, 1.137, -3.631),
    radius=0.003,
    apart=1e-4,
    jitter=1e-4,
    parts=2,
)
"""The same on smoothed LASSO tasks."""

_WIDER = {"radius": 0.05, "apart": 1e-3, "jitter": 1e-3, "parts": 1}

MLP_QUADRATIC_WIDER = MLP_QUADRATIC.model_copy(update={"name": "mlp-quadratic-wider", **_WIDER})
"""A Φ' of 0.05 on each side: A1 is refuted."""

MLP_LASSO_WIDER = MLP_LASSO.model_copy(
    update={
        "name": "mlp-lasso-wider",
        "start": NEAR_START,
        "near": (0.482, 0.103, 0.957, -1.209),
        **_WIDER,
    }
)
"""The same on smoothed LASSO tasks."""

MLP_LASSO_LOOSE = MLP_LASSO.model_copy(
    update={"name": "mlp-lasso-loose", **_WIDER, "radius": 0.012}
)
"""One box for all of Φ', which neither certifies A1 nor finds it to fail: open."""


class RegionsConfig(Spec):
    """Each case with the number of its trials; a gain's trials take T from `horizons` in turn."""

    seed: int
    cases: tuple[tuple[RegionalCase, int], ...]
    horizons: tuple[int, ...]


def configuration(settings: RunSettings) -> RegionsConfig:
    """What is run at a preset."""
    if settings.preset is Preset.QUICK:
        few = GAIN.model_copy(update={"kinds": 1, "parts": 6})
        wider = MLP_LASSO_WIDER.model_copy(update={"kinds": 1, "horizon": 1})
        cases: tuple[tuple[RegionalCase, int], ...] = ((few, 1), (MLP_QUADRATIC, 1), (wider, 1))
        return RegionsConfig(seed=settings.seed, cases=cases, horizons=(3,))
    return RegionsConfig(
        seed=settings.seed,
        cases=(
            (GAIN, 20),
            (MLP_QUADRATIC, 8),
            (MLP_LASSO, 8),
            (MLP_QUADRATIC_WIDER, 4),
            (MLP_LASSO_WIDER, 4),
            (MLP_LASSO_LOOSE, 1),
        ),
        horizons=(1, 2, 3, 5),
    )


def rows(artefact: str, settings: RunSettings, progress: Progress) -> list[Row]:
    """All rows: A1, the constants and the checks of every trial."""
    config = configuration(settings)
    found: list[Row] = []
    with progress.task("Theorem 1 on regions", sum(count for _, count in config.cases)) as advance:
        for case, count in config.cases:
            for index in range(count):
                found += trial_rows(
                    artefact, _with_horizon(case, config, index), config.seed, index
                )
                advance()
    return found


def _with_horizon(case: RegionalCase, config: RegionsConfig, index: int) -> RegionalCase:
    """The gain's T in turn, and a Φ' that is smaller for more steps: ρ_g grows faster than T²."""
    if case.rule != "gain":
        return case
    horizon = config.horizons[index % len(config.horizons)]
    return case.model_copy(update={"horizon": horizon, "radius": case.radius / horizon**2})


def trial_rows(artefact: str, case: RegionalCase, seed: int, index: int) -> Iterator[Row]:
    """The rows of one trial."""
    parts = (PART, case.name, index)
    trial, start = draw_regional(case, seed, index)
    bounds = RegionalBounds.of(trial)
    seen = bounds.trained(start, case.epochs)
    yield trial.convexity.row(artefact, *parts, "A1")
    yield from trial.convexity.constant_rows(artefact, *parts, "A1")
    numbers = _numbers(bounds, seen)
    subject = f"{TITLES[case.name]}, trial {index}"
    known = set()
    for (level, symbol), value in numbers.items():
        place = row_id(artefact, *parts, level, symbol)
        known.add(place)
        found = _constant(place, artefact, symbol, subject, value)
        yield found.model_copy(update={"region": str(bounds.constants.region)})
    for check in bounds.checks(seen, case.epochs):
        row = check.row(artefact, *parts, check.level.value, check.statement)
        places = [
            row_id(artefact, *parts, level, symbol)
            for symbol in check.constants
            for level in (check.level.value, TERM, META, OF_STEPS)
        ]
        yield row.model_copy(
            update={
                "constants": tuple(place for place in places if place in known),
                "assumptions": (row_id(artefact, *parts, "A1"),),
            }
        )


def _numbers(bounds: RegionalBounds, seen: RegionalObserved) -> dict[tuple[str, str], Enclosure]:
    """Every number that a bound is made of, by level and symbol."""
    found = {
        (TERM, symbol): value
        for symbol, value in bounds.terms(seen, Level.RISK).items()
        if symbol not in ("M_g", "L_g")
    }
    for level in LEVELS:
        found[level.value, "M_g"] = bounds.tested(level).M_g
        found[level.value, "L_g"] = bounds.adapting(level).L_g
    training = bounds.training(Level.RISK)
    found[Level.RISK.value, "rho_g"] = training.rho_g
    found[META, "L_G"] = bounds.meta_smoothness(Level.RISK)
    if (mu_G := bounds.meta(Level.RISK)) is not None:
        found[META, "mu_G"] = mu_G
    found |= {(OF_STEPS, symbol): value for symbol, value in bounds.constants.pair.items()}
    return found


def _constant(id: str, artefact: str, symbol: str, subject: str, value: Enclosure) -> ConstantRow:
    witness = value.lower.witness or value.upper.witness
    return ConstantRow(
        id=id,
        artefact=artefact,
        symbol=symbol,
        subject=subject,
        value=value.interval,
        lower_method=value.lower.method,
        upper_method=value.upper.method,
        norm=value.upper.norm.value,
        region=value.region,
        witness=None
        if witness is None
        else "; ".join(f"{name} = {list(point)}" for name, point in witness.items()),
    )
