"""The assumptions A1–A4: where each holds, with which constants, and where a witness refutes it.

Four task families and four update rules, on tasks small enough that every digit of a witness can be
shown. Run it alone with `python -m analyses.assumptions` or `ml2o run assumptions`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from analyses.artefact import Artefact, Chapter, Finding, main
from analyses.rendering.blocks import Bullets, RowTable, Section, Text
from analyses.settings import Preset, RunSettings
from ml2o_core.optimizers.base import UpdateRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.progress import Progress
from ml2o_core.results import AssumptionRow, AssumptionVerdict, Results, Row, row_id
from ml2o_core.seeding import generator
from ml2o_core.spec import Spec
from ml2o_core.tasks.base import Task, TaskFamily
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.tasks.rosenbrock import Rosenbrock, RosenbrockTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLasso
from ml2o_theory.assumptions.a2_meta_optimum import A2, Reading, joint_satisfiability
from ml2o_theory.assumptions.base import Assumption, AssumptionCheck, Setting
from ml2o_theory.assumptions.facts import FACTS
from ml2o_theory.assumptions.instances import close_population
from ml2o_theory.assumptions.task_constants import gradient_box
from ml2o_theory.models import flat_params
from ml2o_theory.regions import Box, ParameterInterval
from ml2o_theory.registry import assumptions

EVERYWHERE, BOUNDED = "R^d", "a box"
OF_TASKS, OF_RULES, OF_BOTH = ("A3a", "A3b", "A3c", "A4"), ("A3d", "A3e"), ("A1", "A3f")
ANY, ALL = "any rule", "all"
GAIN, GAINS, MLP, RNNPROP = "scalar gain", "diagonal gain", "MLP", "RNNprop"
LABELS = (EVERYWHERE, BOUNDED, GAIN, GAINS, MLP, RNNPROP)
MATRIX, JOINT, FACT, META = "matrix", "joint", "fact", "meta"
HORIZONS = {Preset.QUICK: 2, Preset.STANDARD: 5, Preset.PAPER: 10}
SHOWN = 300
"""Characters of a witness that the page prints; results.json has all of them."""


class AssumptionsConfig(Spec):
    """Everything that is run: two tasks of each family, four rules, and the sets X and Φ."""

    seed: int
    horizon: int = Field(description="T, for A1 and for RNNprop's cell states")
    families: tuple[TaskFamily, ...]
    side: float = Field(description="X is the box of this half side about 0; x_0 has half of it")
    reach: float = Field(description="Φ of a network is a box of this half side about φ_0")
    hidden: int = Field(description="hidden units of MLP and RNNprop")


class AssumptionsArtefact(Artefact):
    """The assumption × family × rule matrix, with verdicts and witnesses."""

    name: ClassVar[str] = "assumptions"
    title: ClassVar[str] = "Assumptions A1–A4: where they hold, and what refutes them"
    chapter: ClassVar[Chapter] = Chapter.THEORY

    def configuration(self, settings: RunSettings) -> AssumptionsConfig:
        size = {"rows": 8, "cols": 2}
        return AssumptionsConfig(
            seed=settings.seed,
            horizon=HORIZONS[settings.preset],
            families=(
                Quadratic.normal(1.0, **size),
                Lasso.normal(1.0, **size),
                SmoothedLasso.normal(1.0, **size),
                Rosenbrock(),
            ),
            side=1.0,
            reach=0.5,
            hidden=2,
        )

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        config = self.configuration(settings)
        jobs = [*self._joint(), *self._matrix(config), *self._facts()]
        rows: list[Row] = []
        with progress.task("assumptions", len(jobs)) as advance:
            for parts, job in jobs:
                check = job()
                rows.append(check.row(self.name, *parts))
                rows += check.constant_rows(self.name, *parts)
                advance()
        return rows

    def _joint(self) -> Iterable[Job]:
        """A2 on the population whose optima are enclosed, alone and with A1 and Lemma 14."""
        setting = close_population()
        for reading in Reading:
            yield (JOINT, reading), partial(joint_satisfiability, setting, reading)
        for reading in Reading:
            yield (META, reading), partial(A2(reading).check, setting)

    def _matrix(self, config: AssumptionsConfig) -> Iterable[Job]:
        """Tasks alone on R^d and on X; rules alone on Z ⊇ all gradients on X; tasks with rules."""
        drawn = {family.name: draw_tasks(config, family) for family in config.families}
        box = Box((-config.side,) * 2, (config.side,) * 2)
        z = gradient_box(tuple(task for pair in drawn.values() for task in pair), box)
        x0 = torch.full((2,), config.side / 2, dtype=torch.float64)

        def setting(
            tasks: tuple[Task, ...], rule: UpdateRule, about: str, x: Box | None = box
        ) -> Setting:
            phi, T = parameters(config, rule, tasks, x0), config.horizon
            return Setting(tasks, x0, rule, x, z, phi, T, about, seed=config.seed)

        found, any_pair = assumptions(), drawn[config.families[0].name]
        for family, tasks in drawn.items():
            for name in OF_TASKS:
                for where, x in ((EVERYWHERE, None), (BOUNDED, box)):
                    about = setting(tasks, LinearGain(), family, x)
                    yield (MATRIX, name, where, ANY, family), partial(of_tasks, found[name], about)
            for label, rule in rules(config).items():
                both = setting(tasks[:1], rule, family)
                for name in OF_BOTH:
                    job = partial(found[name].check, both)
                    yield (MATRIX, name, BOUNDED, label, family), job
        for label, rule in rules(config).items():
            alone = setting(any_pair, rule, "gradients of all families")
            for name in OF_RULES:
                yield (MATRIX, name, BOUNDED, label, ALL), partial(found[name].check, alone)

    def _facts(self) -> Iterable[Job]:
        for fact in FACTS:
            yield (FACT, fact.number), fact.check

    def findings(self, results: Results) -> Sequence[Finding]:
        return [_joint_finding(results), _matrix_finding(results), _fact_finding(results)]

    def section(self, results: Results) -> Section:
        return Section(
            (
                Text(
                    "Can A1, A2 and Lemma 14 hold together? A2's wording is lost, so each of its "
                    "readings is asked, on four quadratic tasks whose optima are enclosed."
                ),
                RowTable.of(
                    "Joint satisfiability of A1, A2 and Lemma 14, by reading.",
                    _rows(results, JOINT),
                    {
                        "assumptions": "assumption",
                        "verdict": "verdict",
                        "why": "reason",
                        "region": "region",
                        "witness": _shown,
                    },
                ),
                Bullets(
                    tuple(
                        rf"{found.name}, {found.title}: $ {found.latex} $. {found.words}"
                        for found in assumptions().values()
                    )
                ),
                Text(
                    r"Two tasks of each family in two variables ($A$ of $N(0, 1)$ entries, 8×2); "
                    r"rules $m(z, \varphi) = -\varphi z$ with one gain or one for each variable, a "
                    "tanh network and RNNprop. The first table is about tasks alone. In the second "
                    "one A3d and A3e are about rules alone, for all gradients of all families "
                    "on the box."
                ),
                RowTable.of(
                    "Which assumption about tasks holds where. The tables below say why.",
                    _matrix_lines(results, OF_TASKS),
                    {"assumption": "assumption", "X": partial(_label, 3), **_columns(results)},
                ),
                RowTable.of(
                    "Which assumption that involves the rule holds, on a box of iterates, "
                    "gradients and parameters.",
                    _matrix_lines(results, OF_BOTH + OF_RULES),
                    {"assumption": "assumption", "rule": partial(_label, 4), **_columns(results)},
                ),
                RowTable.of(
                    "Witnesses: the points that refute an assumption, for a reader to recompute. "
                    "The page prints the first of them; results.json has all, with every digit.",
                    [r for r in _rows(results, MATRIX, META) if r.witness],
                    {
                        "assumption": "assumption",
                        "tasks; rule": "subject",
                        "region": "region",
                        "why": "reason",
                        "witness": _shown,
                    },
                ),
                RowTable.of(
                    "What holds, and what is open.",
                    [r for r in _rows(results, MATRIX, META) if not r.witness],
                    {
                        "assumption": "assumption",
                        "tasks; rule": "subject",
                        "region": "region",
                        "verdict": "verdict",
                        "why": "reason",
                    },
                ),
                RowTable.of(
                    "Facts about the theory, each checked on an instance of its own.",
                    _rows(results, FACT),
                    {
                        "fact": "assumption",
                        "what is said": "subject",
                        "verdict": "verdict",
                        "checked": "reason",
                        "witness": _shown,
                    },
                ),
                RowTable.of(
                    "The numbers behind the verdicts.",
                    results.constants,
                    {
                        "number": "symbol",
                        "tasks; rule": "subject",
                        "value": "value",
                        "lower end by": "lower_method",
                        "upper end by": "upper_method",
                        "region": "region",
                    },
                ),
            )
        )


Job = tuple[tuple[object, ...], Callable[[], AssumptionCheck]]
"""The parts of a row's id, and the check that gives the row."""


def draw_tasks(config: AssumptionsConfig, family: TaskFamily) -> tuple[Task, Task]:
    """Two tasks; Rosenbrock's second valley is 1 steeper, since nothing in it is random."""
    first, second = (
        family.sample(generator(config.seed, purpose="assumptions", family=family.name, task=n))
        for n in (1, 2)
    )
    if isinstance(second, RosenbrockTask):
        second = RosenbrockTask(second.steepness + 1)
    return first, second


def rules(config: AssumptionsConfig) -> dict[str, UpdateRule]:
    """The rules of the matrix, by what its column says."""
    return {
        GAIN: LinearGain(),
        GAINS: LinearGain(shape="diagonal", dim=2),
        MLP: MLPRule(hidden=config.hidden, depth=1),
        RNNPROP: RNNprop(hidden=config.hidden),
    }


def parameters(
    config: AssumptionsConfig, rule: UpdateRule, tasks: Sequence[Task], x0: Tensor
) -> ParameterInterval | Box:
    """Φ: gains up to 1/(2L) with L = ‖∇²l(x_0)‖; a box about φ_0 for a network."""
    if isinstance(rule, LinearGain):
        L = max(torch.linalg.matrix_norm(task.hessian(x0), 2).item() for task in tasks)
        if rule.shape == "scalar":
            return ParameterInterval(0.0, 0.5 / L)
        return Box((0.0, 0.0), (0.5 / L, 0.5 / L))
    phi = flat_params(rule.init_params(generator(config.seed, purpose="assumptions φ_0")))
    return Box(tuple((phi - config.reach).tolist()), tuple((phi + config.reach).tolist()))


def of_tasks(found: Assumption, setting: Setting) -> AssumptionCheck:
    """The check, with the tasks alone as its subject."""
    return replace(found.check(setting), subject=f"{setting.about}; {ANY}")


def _rows(results: Results, *kinds: str) -> list[AssumptionRow]:
    return [row for row in results.assumptions if row.id.split("/")[1] in kinds]


def _matrix_lines(results: Results, names: Sequence[str]) -> list[AssumptionRow]:
    """One row for each assumption, place and rule: that of the first family."""
    lines: dict[str, AssumptionRow] = {}
    for row in sorted(_rows(results, MATRIX), key=lambda row: row.assumption):
        if row.assumption in names:
            lines.setdefault(row.id.rsplit("/", 1)[0], row)
    return list(lines.values())


def _columns(results: Results) -> dict[str, Callable[[AssumptionRow], AssumptionVerdict | None]]:
    """A column for each family, with the verdict on the row's assumption for it."""
    return {family: partial(_cell, results, family) for family in _families(results)}


def _families(results: Results) -> list[str]:
    names = [row.id.rsplit("/", 1)[1] for row in _rows(results, MATRIX)]
    return [name for name in dict.fromkeys(names) if name != ALL]


def _cell(results: Results, family: str, row: AssumptionRow) -> AssumptionVerdict | None:
    """The verdict of the same line for another family, or that for all of them."""
    line = row.id.rsplit("/", 1)[0]
    for name in (family, ALL):
        if f"{line}/{name}" in results.assumptions:
            return results.assumptions[f"{line}/{name}"].verdict
    return None


def _label(position: int, row: AssumptionRow) -> str:
    """Where, or by which rule: a part of the id of the matrix's rows, as it is written."""
    part = row.id.split("/")[position]
    return {row_id(label): label for label in LABELS}[part]


def _shown(row: AssumptionRow) -> str | None:
    """The beginning of the witness."""
    if row.witness is None or len(row.witness) <= SHOWN:
        return row.witness
    return row.witness[:SHOWN].rsplit(" ", 1)[0] + " …"


def _joint_finding(results: Results) -> Finding:
    rows = _rows(results, JOINT)
    said = ", ".join(f"{row.id.rsplit('/', 1)[1].upper()} {row.verdict.value}" for row in rows)
    return Finding(
        f"A1, A2 and Lemma 14 together, by reading of A2: {said}. In reading E a non-trivial meta "
        "optimum contradicts Lemma 14.",
        tuple(row.id for row in rows),
    )


def _matrix_finding(results: Results) -> Finding:
    rows = _rows(results, MATRIX)
    counts = Counter(row.verdict for row in rows)
    said = ", ".join(f"{counts[verdict]} × {verdict.value}" for verdict in AssumptionVerdict)
    kinks = [r for r in rows if r.assumption in {"A3b", "A3c"} and r.id.endswith("/lasso")]
    refuted = [row for row in kinks if row.verdict is AssumptionVerdict.REFUTED]
    return Finding(
        f"Of {len(rows)} combinations of assumption, tasks and rule: {said}. LASSO's kink refutes "
        f"A3b and A3c in {len(refuted)} of {len(kinks)} checks, bounded region or not.",
        tuple(row.id for row in kinks),
    )


def _fact_finding(results: Results) -> Finding:
    rows = _rows(results, FACT)
    holds = [row for row in rows if row.verdict is AssumptionVerdict.HOLDS]
    return Finding(
        f"{len(holds)} of {len(rows)} facts about the theory are confirmed, each by a check of its "
        "own.",
        tuple(row.id for row in rows),
    )


if __name__ == "__main__":
    main("assumptions")
