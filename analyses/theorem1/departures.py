"""Where the experiment leaves Theorem 1: what each has, and what that does to the bound.

Every line is a hypothesis of the theorem (or of Proposition 1) held against the configuration
objects that the run itself used: `holds` where the configuration has what the theorem asks for,
`refuted` where it does not, with the configured values as the witness. Change the configuration,
and the lines change. Three cannot come to agree, whatever is configured: the trainer has Adam
alone, for training and adaptation, and a risk that is observed is one of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ml2o_core.meta.base import MetaGradient
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.maml import MAML
from ml2o_core.optimizers.base import MemorylessRule, Params, UpdateRule
from ml2o_core.results import AssumptionRow, AssumptionVerdict, row_id
from ml2o_core.tasks.base import Task
from ml2o_core.unroll import GraphMode

PREFIX = "departure"


@dataclass(frozen=True)
class Run:
    """The configured run: M-L2O's training, its adaptation, and the test.

    `params` is one trained φ, and (`task`, `x0`) one test problem, for what a configuration does
    not say.
    """

    training: TrainConfig
    adaptation: TrainConfig
    test_steps: int
    test_size: int
    params: Params
    task: Task
    x0: Tensor


@dataclass(frozen=True)
class Departure:
    """One line. `theorem` is what the theorem has; `has` what the run has; `effect` what follows.

    `agrees` decides the verdict. `effect` is said where they differ.
    """

    name: str
    theorem: str
    has: Callable[[Run], str]
    agrees: Callable[[Run], bool]
    effect: str


def rows(artefact: str, part: str, run: Run) -> Iterator[AssumptionRow]:
    """One row for each hypothesis."""
    for line in DEPARTURES:
        agrees, has = line.agrees(run), line.has(run)
        yield AssumptionRow(
            id=row_id(artefact, part, PREFIX, line.name),
            artefact=artefact,
            assumption=line.theorem,
            subject=f"{run.training.rule.name} on {run.training.family.name}, as configured",
            region="the configuration of this run",
            verdict=AssumptionVerdict.HOLDS if agrees else AssumptionVerdict.REFUTED,
            reason="as the theorem has it" if agrees else line.effect,
            witness=has,
        )


def memory(rule: UpdateRule, params: Params, task: Task, x: Tensor) -> tuple[Tensor, Tensor]:
    """The steps that a rule takes on one gradient, shown to it twice in a row.

    Equal for a memoryless rule; two different steps show that the state matters.
    """
    phi = {name: value.double() for name, value in params.items()}
    state = rule.init_state(task, x)
    seen = rule.observe(task, x, state)
    with torch.no_grad():
        first, state = rule.update(seen, state, phi)
        second, _ = rule.update(seen, state, phi)
    return first, second


def _memory(run: Run) -> str:
    rule = run.training.rule
    if isinstance(rule, MemorylessRule):
        return f"{rule.name}: its step depends on the gradient alone"
    first, second = memory(rule, run.params, run.task, run.x0)
    state = ", ".join(rule.init_state(run.task, run.x0))
    return (
        f"{rule.name} with state ({state}): shown the gradient at x_0 twice, its first entry moves "
        f"by {first[0].item()!r} and then by {second[0].item()!r}"
    )


def _inner(method: MetaGradient) -> str:
    if isinstance(method, MAML):
        return f"exact, inner step α = {method.alpha:g}"
    return f"{method.name}, {method.evaluations} gradients a window"


def _outer(run: Run) -> str:
    c = run.training
    return (
        f"{c.windows} steps of Adam with step {c.learning_rate:g}, gradients clipped at "
        f"{c.clip_norm:g}, not projected; meta-gradient: {_inner(c.meta_gradient)}"
    )


def _adaptation(run: Run) -> str:
    a = run.adaptation
    return f"{a.windows} Adam steps with step {a.learning_rate:g}, one a window of {a.unroll_steps}"


def _start(run: Run) -> str:
    S = run.training.windows_per_episode
    fresh = f"tasks and x_0 fresh every {S} windows"
    return (
        fresh if S == 1 else f"{fresh}; the others go on from the last window's iterate and state"
    )


def _never(run: Run) -> bool:
    """For what this program has no option for."""
    return False


DEPARTURES = (
    Departure(
        "scored loss",
        "final loss: g_T(φ) = E l(x_T(φ))",
        lambda run: (
            f"{run.training.objective} of the mean losses over a window of "
            f"{run.training.unroll_steps}; tested by the minimum over {run.test_steps} steps"
        ),
        lambda run: run.training.objective == "final",
        "by the triangle inequality the bounds of x_1 … x_T add up, which costs at most a factor T "
        "beside Q^T; but the minimiser φ_* is that of another risk, so δ_13 and the optimum that "
        "E_M is measured from are not the theorem's",
    ),
    Departure(
        "graph",
        "graph full: derivatives pass through ∇l(x_t), J_T of Eq. 2",
        lambda run: (
            f"graph {run.training.graph.value} in training, "
            f"{run.adaptation.graph.value} in adaptation"
        ),
        lambda run: run.training.graph is GraphMode.FULL is run.adaptation.graph,
        "of a memoryless rule the parameter Jacobian then has A_t = I: ‖J_T‖ ≤ T M_m2, and Δ̃ drops "
        "out (level `detached`). That bounds what is differentiated, but it is not the gradient of "
        "any g_T, and Theorem 1 does not speak of it",
    ),
    Departure(
        "memory",
        "a memoryless rule: x_{t+1} = x_t + m(∇l(x_t), φ)",
        _memory,
        lambda run: isinstance(run.training.rule, MemorylessRule),
        "the recursion has to run on (x, s) with the constants of the whole map: every one of them "
        "is at least as large, and the identity ΔQ^t is lost. The memoryless formula is not a "
        "bound here; the one for rules with a state is larger",
    ),
    Departure(
        "start",
        "a fresh start: every sample begins at x_0 with the same x_0 for all tasks",
        _start,
        lambda run: run.training.windows_per_episode == 1,
        "the risk of a later window depends on φ through its starting point and state too, which "
        "is not differentiated: no fixed g_T is descended, and the risk of 20 steps from x_0 that "
        "the theorem speaks of is the objective of one window in so many",
    ),
    Departure(
        "meta optimizer",
        "projected stochastic gradient descent on Φ with step 1/(μ_G k) (Lemma 14)",
        _outer,
        _never,
        "Lemma 14's rate is not Adam's; and with A1 refuted there is no μ_G to set the step by: "
        "the optimization term ‖φ̃_MK − φ̃_M*‖ is undefined, not merely large",
    ),
    Departure(
        "adaptation",
        "one inner step: φ − α∇ĝ²_T(φ)",
        _adaptation,
        _never,
        "the theorem's split compares one step on task 2 with one on task 1; after several Adam "
        "steps there is no such pairing, and the table of errors shows both",
    ),
    Departure(
        "risk",
        "E_M with the population risk g³, and one fixed batch of N samples in ĝ¹",
        lambda run: (
            f"batches of {run.training.batch_size}, drawn afresh every "
            f"{run.training.windows_per_episode} windows; tested on {run.test_size} problems"
        ),
        _never,
        "fresh batches descend Ḡ = E Ĝ, whose optimum reading E does not describe (reading M); and "
        "what can be observed is a batch risk, so the errors here are those of the test batch",
    ),
)
