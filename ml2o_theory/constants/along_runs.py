r"""The constants of A3 and A4 at the points that runs visit, for any learned rule, state or none.

At step t of a run the rule is the map m_t(z, φ) that its state s_t makes of it, and

    M       ‖∇l(x_t)‖                 L       ‖∇²l(x_t)‖ (where l has a kink: of its smooth part)
    M_m1    ‖∇₁m_t(z_t, φ)‖           M_m2    ‖∇₂m_t(z_t, φ)‖
    Q̄       ‖I + ∇₁m_t ∇²l(x_t)‖      L_m     the largest of ‖∂z∂z m_t‖, ‖∂z∂φ m_t‖, ‖∂φ∂φ m_t‖
    Δ       ‖∇l¹ − ∇l²‖ at the iterates of both runs of a pair,       Δ̃   ‖∇²l¹ − ∇²l²‖ there

are each at most the supremum over any region that holds the runs: lower ends, up to float64's
rounding, and nothing more. The second derivatives are evaluated in one pair of directions, which a
few steps of the power method improve.

For a rule with a state these are constants of the d-part of its step alone. Those that a valid
bound for such rules needs, of the whole map (x, s) ↦ (x', s'), are at least as large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.func import grad, jacrev, vmap

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import Params, State, UpdateRule
from ml2o_core.problems import Problems
from ml2o_core.seeding import generator
from ml2o_core.tasks.base import Task, TaskBatch
from ml2o_core.unroll import GraphMode, begin, unroll
from ml2o_theory.constants.definitions import Parameters
from ml2o_theory.constants.derivative_norm import DerivativeNorm, Directions, Point, normalised

REFINED, POWER_STEPS = 32, 3
"""After one step everywhere, so many points get so many more steps of the power method."""

CHUNK = 1024
"""Points that are differentiated at once: a bound on memory, without influence on the result."""

_STATE = "state "
_SECOND = (("z", "z"), ("z", "phi"), ("phi", "phi"))


@dataclass(frozen=True)
class Visits:
    """n visited points: which run (`replicate`, `problem`) and step each belongs to, (n,).

    `x` (n, d), the state's and the task's tensors with leading axis n; `phi` (R, p), of which each
    point has the one of its replicate.
    """

    task_type: type[Task]
    tensors: dict[str, Tensor]
    x: Float[Tensor, "n d"]
    state: State
    phi: Float[Tensor, "R p"]
    replicate: Int[Tensor, " n"]
    problem: Int[Tensor, " n"]
    step: Int[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.x)

    def chunk(self, first: int) -> tuple[dict[str, Tensor], Tensor, State, Tensor]:
        """Task data, x, state and φ of the points from `first` on."""
        part = slice(first, first + CHUNK)
        tensors = {name: value[part] for name, value in self.tensors.items()}
        state = {name: value[part] for name, value in self.state.items()}
        return tensors, self.x[part], state, self.phi[self.replicate[part]]

    def where(self, index: int) -> str:
        """Which point it is, in words."""
        at = (int(part[index]) for part in (self.step, self.problem, self.replicate))
        return "step {}, problem {}, seed {}".format(*at)


@torch.no_grad()
def visits(rule: UpdateRule, params: Params, problems: Problems, steps: int) -> Visits:
    """x_0 … x_steps of every run of `problems` (R, N), on the CPU in float64; R replicates of φ."""
    tasks = problems.tasks.to("cpu", torch.float64)
    phi = {name: value.to("cpu", torch.float64) for name, value in params.items()}
    R, N = tasks.shape
    carries = [begin(rule, tasks, problems.start.to("cpu", torch.float64))]
    for _ in range(steps):
        carries.append(unroll(rule, phi, tasks, carries[-1], 1, GraphMode.NONE).end)

    def flat(values: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(values)).flatten(0, 2)

    grid = torch.meshgrid(*map(torch.arange, (steps + 1, R, N)), indexing="ij")
    step, replicate, problem = (index.flatten() for index in grid)
    return Visits(
        task_type=tasks.task_type,
        tensors={name: flat([value] * (steps + 1)) for name, value in tasks.tensors.items()},
        x=flat([carry.x for carry in carries]),
        state={name: flat([c.state[name] for c in carries]) for name in carries[0].state},
        phi=torch.cat([phi[name].reshape(R, -1) for name in sorted(phi)], dim=1),
        replicate=replicate,
        problem=problem,
        step=step,
    )


def together(*runs: Visits) -> Visits:
    """The points of several runs of the same φ, one run after the other."""
    first = runs[0]

    def joined(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}

    return Visits(
        task_type=first.task_type,
        tensors=joined([run.tensors for run in runs]),
        x=torch.cat([run.x for run in runs]),
        state=joined([run.state for run in runs]),
        phi=first.phi,
        replicate=torch.cat([run.replicate for run in runs]),
        problem=torch.cat([run.problem for run in runs]),
        step=torch.cat([run.step for run in runs]),
    )


def first_order(rule: UpdateRule, points: Visits) -> dict[str, Float[Tensor, " n"]]:
    """M, L, M_m1, M_m2 and Q̄ at each of the points."""
    parameters = _parameters(rule)

    def one(tensors: dict[str, Tensor], x: Tensor, state: State, phi: Tensor) -> tuple[Tensor, ...]:
        task = points.task_type(**tensors)
        seen = rule.observe(task, x, state)

        def m(z: Tensor, phi: Tensor) -> Tensor:
            given = seen | {"gradient": z}
            return rule.update(given, state, parameters.unflatten(phi))[0]

        z = seen["gradient"]
        in_z, in_phi = jacrev(m, 0)(z, phi), jacrev(m, 1)(z, phi)
        # ∇₂m is wide: its norm is the root of that of the small ∇₂m ∇₂mᵀ.
        return z, task.hessian(x), in_z, in_phi @ in_phi.mT

    found: dict[str, list[Tensor]] = {s: [] for s in ("M", "L", "M_m1", "M_m2", "Q_bar")}
    for start in range(0, len(points), CHUNK):
        z, H, in_z, gram = vmap(one)(*points.chunk(start))
        found["M"].append(z.norm(dim=-1))
        found["L"].append(_spectral(H))
        found["M_m1"].append(_spectral(in_z))
        found["M_m2"].append(_spectral(gram).sqrt())
        found["Q_bar"].append(_spectral(torch.eye(H.shape[-1], dtype=H.dtype) + in_z @ H))
    return {symbol: torch.cat(parts) for symbol, parts in found.items()}


def second_order(rule: UpdateRule, points: Visits, seed: int) -> Float[Tensor, " n"]:
    """L_m at each of the points, from below."""
    parameters = _parameters(rule)

    def m(point: Point) -> Tensor:
        state = {k.removeprefix(_STATE): v for k, v in point.items() if k.startswith(_STATE)}
        return rule.update({"gradient": point["z"]}, state, parameters.unflatten(point["phi"]))[0]

    def gradient(tensors: dict[str, Tensor], x: Tensor) -> Tensor:
        return points.task_type(**tensors).gradient(x)

    stream = generator(seed, purpose="second derivatives along runs", rule=rule.name)
    found = []
    for start in range(0, len(points), CHUNK):
        tensors, x, state, phi = points.chunk(start)
        at = {"z": vmap(gradient)(tensors, x), "phi": phi}
        at |= {_STATE + name: value for name, value in state.items()}
        blocks = [_norm_of(DerivativeNorm(m, wrt), at, len(x), stream) for wrt in _SECOND]
        found.append(torch.stack(blocks).amax(0))
    return torch.cat(found)


def _norm_of(
    norm: DerivativeNorm, at: Point, n: int, stream: torch.Generator
) -> Float[Tensor, " n"]:
    """‖D²m[u_1, u_2]‖ at each point, with the directions improved most where it is largest."""
    directions = _power_step(norm, at, norm.random_directions(at, n, stream))
    values = torch.nan_to_num(vmap(norm.at)(at, directions))
    top = values.topk(min(REFINED, n)).indices
    best, directions = {k: v[top] for k, v in at.items()}, tuple(u[top] for u in directions)
    for _ in range(POWER_STEPS):
        directions = _power_step(norm, best, directions)
    refined = torch.nan_to_num(vmap(norm.at)(best, directions))
    return values.scatter(0, top, torch.maximum(refined, values[top]))


def _power_step(norm: DerivativeNorm, at: Point, directions: Directions) -> Directions:
    slopes = vmap(grad(norm.at, argnums=1))(at, directions)
    return tuple(normalised(s, u) for s, u in zip(slopes, directions, strict=True))


def differences(first: Visits, second: Visits) -> dict[str, Float[Tensor, " n"]]:
    """Δ and Δ̃ at the points of both runs, for two sets of runs that are paired point by point."""
    same = first.task_type is second.task_type and first.x.shape == second.x.shape
    if not same or not torch.equal(first.step, second.step):
        raise InvalidArgument("second", len(second), f"as many points as the first, {len(first)}")

    def apart(one: dict[str, Tensor], other: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        l1, l2 = first.task_type(**one), first.task_type(**other)
        return l1.gradient(x) - l2.gradient(x), l1.hessian(x) - l2.hessian(x)

    found: dict[str, Tensor] = {}
    for x in (first.x, second.x):
        gradients, hessians = vmap(apart)(first.tensors, second.tensors, x)
        here = {"Delta": gradients.norm(dim=-1), "Delta_tilde": _spectral(hessians)}
        found = {s: torch.maximum(found.get(s, value), value) for s, value in here.items()}
    return found


def up_to_step(values: Float[Tensor, " n"], points: Visits) -> Float[Tensor, " T"]:
    """The largest value at the steps 0 … t, for each t: what runs of t steps visit."""
    steps = int(points.step.max()) + 1
    largest = values.new_full((steps,), -torch.inf)
    return largest.scatter_reduce(0, points.step, values, "amax").cummax(0).values


def paired_problems(first: TaskBatch, second: TaskBatch, start: Tensor) -> tuple[Problems, ...]:
    """Two batches of tasks of one shape with a common start, as the lemmas on two tasks ask."""
    if first.shape != second.shape:
        raise InvalidArgument("second", second.shape, f"the shape of the first, {first.shape}")
    return Problems(first, start), Problems(second, start)


def _spectral(matrices: Float[Tensor, "n r c"]) -> Float[Tensor, " n"]:
    return torch.linalg.matrix_norm(matrices, 2)


def _parameters(rule: UpdateRule) -> Parameters:
    """How φ is one vector, for any rule."""
    example = rule.init_params(torch.Generator().manual_seed(0))
    return Parameters({name: tuple(example[name].shape) for name in sorted(example)})
