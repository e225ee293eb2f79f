r"""What Proposition 1 and Theorem 1 would say of the experiment, with constants that are sampled.

The constants are the largest values that the runs themselves visit (`constants.along_runs`), so on
every region that holds these runs the true ones are at least as large. The formulas increase in
each constant: what is computed here is a lower end of the bound on any such region, up to float64's
rounding of the constants. It guarantees nothing about the gap. But where it is above the trivial
bound, the paper's bound is vacuous, whichever region is chosen.

LASSO has no ρ (A3c is refuted): with ρ = ∞ every bound is infinite. Here ρ = 0, that of the smooth
part, which is again a lower end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from flint import arb
from jaxtyping import Float
from torch import Tensor

from ml2o_core.optimizers.base import Params, UpdateRule
from ml2o_core.problems import Problems
from ml2o_core.results import ConstantRow, EndMethod, Interval, Level, row_id
from ml2o_core.unroll import GraphMode, begin, unroll
from ml2o_theory.arithmetic import decimal, exact, log10, precision
from ml2o_theory.constants.along_runs import (
    Visits,
    differences,
    first_order,
    second_order,
    together,
    up_to_step,
    visits,
)
from ml2o_theory.constants.base import MEANING
from ml2o_theory.levels import ONE_VALUE_EACH
from ml2o_theory.statements.lemma06 import Lemma06
from ml2o_theory.statements.lemma13 import Lemma13
from ml2o_theory.statements.proposition1 import Proposition1

AT_SCORE = ("M", "L", "Delta", "Delta_tilde")
"""Symbols that enter at x_T too; those of the rule enter at the steps before it."""

NORMS = {"M": "euclidean", "Delta": "euclidean"}
"""All the others are spectral."""


@dataclass(frozen=True)
class Sampled:
    """A constant at the visited points: `by_step[t]` for runs of t steps; `where` it is largest."""

    by_step: Float[Tensor, " steps"]
    where: str


@dataclass(frozen=True)
class AlongRuns:
    """The sampled constants, by symbol, of the runs of one or two tasks; `about` names them.

    `reach` is the largest ‖x_t‖ of these runs.
    """

    constants: Mapping[str, Sampled]
    about: str
    seed: int
    reach: float

    def at(self, T: int) -> dict[str, arb]:
        """The numbers that enter a formula after T steps; what is not sampled is 0."""
        found = dict.fromkeys(MEANING, arb(0)) | {"delta_phi": arb(1)}
        for symbol, constant in self.constants.items():
            last = T if symbol in AT_SCORE else T - 1
            found[symbol] = exact(constant.by_step[last].item())
        return found

    def bound(self, formula: Callable[..., arb], T: int, level: Level = Level.UNIFORM) -> arb:
        """A statement's formula after T steps: a lower end of its bound on any region."""
        with precision():
            return formula(*ONE_VALUE_EACH[level](self.at(T), T))

    def rows(self, artefact: str, parts: tuple[object, ...], T: int) -> list[ConstantRow]:
        """The constants of runs of T steps: [sampled, ∞]."""
        found = []
        for symbol, constant in self.constants.items():
            last = T if symbol in AT_SCORE else T - 1
            found.append(
                self.row(
                    artefact,
                    parts,
                    symbol,
                    exact(constant.by_step[last].item()),
                    T,
                    witness=constant.where,
                )
            )
        return found

    def row(
        self,
        artefact: str,
        parts: tuple[object, ...],
        symbol: str,
        value: arb,
        T: int,
        witness: str | None = None,
    ) -> ConstantRow:
        """A number that is computed from sampled ones: its upper end is ∞."""
        return ConstantRow(
            id=row_id(artefact, *parts, symbol),
            artefact=artefact,
            symbol=symbol,
            subject=self.about,
            value=Interval.at_least(as_number(value)),
            lower_method=EndMethod.SAMPLED,
            upper_method=EndMethod.TRIVIAL,
            norm=NORMS.get(symbol, "spectral"),
            region=f"any that holds these runs of {T} steps",
            seed=self.seed,
            witness=witness,
        )


def _sampled(values: Mapping[str, list[tuple[Tensor, Visits, str]]]) -> dict[str, Sampled]:
    """The larger over the tasks, step by step; and where the largest of all is attained."""
    found = {}
    for symbol, given in values.items():
        # The rule takes no step from the last iterate.
        mask = _as_it_is if symbol in AT_SCORE else _before_last
        parts = [(mask(value, points), points, task) for value, points, task in given]
        by_step = torch.stack([up_to_step(value, points) for value, points, _ in parts]).amax(0)
        value, points, task = max(parts, key=lambda part: float(part[0].max()))
        found[symbol] = Sampled(by_step, f"{task}, {points.where(int(value.argmax()))}")
    return found


def _as_it_is(value: Tensor, points: Visits) -> Tensor:
    return value


def _before_last(value: Tensor, points: Visits) -> Tensor:
    return torch.where(points.step < points.step.max(), value, -torch.inf)


def of_pair(
    rule: UpdateRule, params: Params, first: Problems, second: Problems, T: int, seed: int
) -> AlongRuns:
    """Of training and adaptation tasks that are paired, each pair with one x_0, at φ̃_MK."""
    runs = {
        "training task": visits(rule, params, first, T),
        "adaptation task": visits(rule, params, second, T),
    }
    one, other = runs.values()
    both = together(one, other)
    found = first_order(rule, both) | {"L_m": second_order(rule, both, seed)}
    values: dict[str, list[tuple[Tensor, Visits, str]]] = {}
    for symbol, value in found.items():
        parts = value.split([len(one), len(other)])
        values[symbol] = [
            (part, points, task) for part, (task, points) in zip(parts, runs.items(), strict=True)
        ]
    for symbol, value in differences(one, other).items():
        values[symbol] = [(value, one, "the pair of tasks")]
    about = "tasks 1 and 2, M-L2O before adaptation"
    return AlongRuns(_sampled(values), about, seed, _reach(one, other))


def of_test(rule: UpdateRule, params: Params, problems: Problems, T: int, seed: int) -> AlongRuns:
    """Of the test tasks alone, at the adapted φ: what M_g³ is made of."""
    points = visits(rule, params, problems, T)
    found = first_order(rule, points)
    values = {symbol: [(value, points, "test task")] for symbol, value in found.items()}
    return AlongRuns(_sampled(values), "task 3, M-L2O after adaptation", seed, _reach(points))


def _reach(*runs: Visits) -> float:
    return max(points.x.norm(dim=-1).max().item() for points in runs)


@dataclass(frozen=True)
class Theorem1Part:
    """The factor and the terms of Theorem 1 that sampled constants give, after T steps."""

    M_g: arb
    gap: arb
    L_g: arb
    alpha: float

    @classmethod
    def of(cls, pair: AlongRuns, test: AlongRuns, alpha: float, T: int) -> Theorem1Part:
        """M_g of task 3, Proposition 1 of tasks 1 and 2, L_g of both."""
        return cls(
            test.bound(Lemma13().formula, T),
            pair.bound(Proposition1().formula, T),
            pair.bound(Lemma06().formula, T),
            alpha,
        )

    @property
    def step_gap(self) -> arb:
        """The task-difference term, α(M Δ_J + P_T Δ₁₂ Q^T)."""
        with precision():
            return exact(self.alpha) * self.gap

    @property
    def evaluated(self) -> arb:
        """M_g³ · α(M Δ_J + P_T Δ₁₂ Q^T): the whole bound is at least this."""
        with precision():
            return self.M_g * self.step_gap

    @property
    def alpha_L_g(self) -> arb:
        """αL_g with the paper's L_g, which Lemmas 7 and 14 ask to be at most 1."""
        with precision():
            return exact(self.alpha) * self.L_g


def as_number(value: arb) -> str:
    """A lower end as results store it, rounded down."""
    return decimal(value.lower(), up=False, digits=17)


def logarithm(value: arb) -> float | None:
    """log10 of a lower end; None where it is 0 or infinite."""
    return log10(value.lower())


def risk_gradients(
    rule: UpdateRule, params: Params, problems: Problems, T: int, graph: GraphMode
) -> Float[Tensor, "T R p"]:
    """∇ĝ_t(φ) of the mean final loss after t = 1 … T steps, for every replicate, in float64."""
    names = sorted(params)
    phi = {name: params[name].detach().clone().requires_grad_() for name in names}
    window = unroll(
        rule, phi, problems.tasks, begin(rule, problems.tasks, problems.start), T, graph
    )
    risks = window.losses.mean(1)[:, 1:].sum(0)
    found = torch.autograd.grad(
        risks, [phi[name] for name in names], torch.eye(T, dtype=risks.dtype), is_grads_batched=True
    )
    return torch.cat([part.flatten(2) for part in found], dim=2)
