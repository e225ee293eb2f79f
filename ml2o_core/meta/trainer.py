"""The descent on φ: Adam on a clipped meta-gradient, for all replicates at once.

Divergence never passes silently. A meta-gradient longer than `clip_norm` is scaled down and
counted. A replicate whose risk or meta-gradient is no longer finite is *masked*: its parameters
stay at the last finite ones, the window is recorded, and the other replicates go on as if it did
not exist.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.base import Risk, RiskFunction
from ml2o_core.meta.config import Objective, TrainConfig
from ml2o_core.optimizers.base import Params
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.progress import Progress
from ml2o_core.seeding import generator
from ml2o_core.unroll import Carry, begin, unroll


@dataclass(frozen=True)
class History:
    """A run, window by window, on the CPU; every tensor has shape (K, R).

    `objective` is what was descended, `risk` is ĝ_T at φ, `gradient_norm` is taken before clipping.
    """

    objective: Tensor
    risk: Tensor
    gradient_norm: Tensor
    clipped: Tensor

    @property
    def clipped_share(self) -> Tensor:
        """The share of windows whose meta-gradient was clipped, shape (R,)."""
        return self.clipped.double().mean(0)


@dataclass(frozen=True)
class Trained:
    """φ of R replicates after a run. `diverged_at` (R,): the window of divergence, or −1."""

    config: TrainConfig
    params: Params
    history: History
    diverged_at: Tensor

    @property
    def converged(self) -> Tensor:
        """Which replicates did not diverge, shape (R,)."""
        return self.diverged_at < 0


def initial_params(config: TrainConfig, device: torch.device | str = "cpu") -> Params:
    """φ_0 of each replicate; the same for every method (common random numbers)."""
    draws = [
        config.rule.init_params(
            generator(config.seed, purpose="init", rule=config.rule.name, repeat=r)
        )
        for r in range(config.repeats)
    ]
    return {
        name: torch.stack([draw[name] for draw in draws]).to(device, config.dtype)
        for name in draws[0]
    }


def window_loss(losses: Tensor, objective: Objective) -> Tensor:
    """ĝ_T of each replicate, shape (R,), from a window's losses (R, N, T+1)."""
    mean = losses.mean(1)
    return mean[:, 1:].sum(1) if objective == "sum" else mean[:, -1]


def window_risk(config: TrainConfig, problems: Problems, carry: Carry) -> RiskFunction:
    """φ ↦ ĝ_T(φ) on one window from `carry`."""

    def risk(params: Params) -> Risk:
        window = unroll(
            config.rule, params, problems.tasks, carry, config.unroll_steps, config.graph
        )
        return Risk(window_loss(window.losses, config.objective), window.end)

    return risk


def clip(gradient: Params, max_norm: float) -> tuple[Params, Tensor]:
    """Scale each replicate's gradient to norm ≤ `max_norm`; also the norms before, shape (R,)."""
    flat = torch.cat([g.reshape(len(g), -1) for g in gradient.values()], dim=1)
    norm = torch.linalg.vector_norm(flat, dim=1)
    factor = torch.where(norm > max_norm, max_norm / norm, torch.ones_like(norm))
    return {name: _along(factor, g) * g for name, g in gradient.items()}, norm


def _along(per_replicate: Tensor, value: Tensor) -> Tensor:
    """A tensor of shape (R,) shaped to broadcast against `value` of shape (R, …)."""
    return per_replicate.reshape(-1, *[1] * (value.ndim - 1))


def train(
    config: TrainConfig,
    init: Params | None = None,
    *,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    label: str | None = None,
) -> Trained:
    """Run `config` from `init` (by default from φ_0), on `device`.

    `init` has the leading axis R of `config.repeats`. The result's parameters stay on `device`.
    """
    phi = initial_params(config, device) if init is None else _checked(init, config, device)
    optimizer = torch.optim.Adam(list(phi.values()), lr=config.learning_rate)
    alive = torch.ones(config.repeats, dtype=torch.bool, device=device)
    diverged_at = torch.full((config.repeats,), -1, dtype=torch.int64, device=device)
    rows: list[tuple[Tensor, ...]] = []
    label = label or f"{config.purpose} {config.meta_gradient.name}"
    with (progress or Progress()).task(label, total=config.windows) as advance:
        for window in range(config.windows):
            if window % config.windows_per_episode == 0:
                problems = _episode(config, window // config.windows_per_episode, device)
                carry = begin(config.rule, problems.tasks, problems.start)
            step = config.meta_gradient(window_risk(config, problems, carry), phi)
            carry = step.risk.end.detach()
            gradient, norm = clip(step.gradient, config.clip_norm)
            finite = torch.isfinite(step.objective.detach()) & torch.isfinite(norm)
            diverged_at[alive & ~finite] = window
            alive &= finite
            _adam_step(optimizer, phi, gradient, alive)
            rows.append((step.objective.detach(), step.risk.value.detach(), norm))
            advance()
    objective, risk, norm = (torch.stack(column).cpu() for column in zip(*rows, strict=True))
    history = History(objective, risk, norm, norm > config.clip_norm)
    return Trained(config, phi, history, diverged_at.cpu())


def _episode(config: TrainConfig, episode: int, device: torch.device | str) -> Problems:
    return sample_problems(
        config.family,
        seed=config.seed,
        purpose=config.purpose,
        repeats=config.repeats,
        size=config.batch_size,
        episode=episode,
        device=device,
        dtype=config.dtype,
    )


def _adam_step(
    optimizer: torch.optim.Optimizer, phi: Params, gradient: Params, alive: Tensor
) -> None:
    """One Adam step on the replicates that are alive; the others keep their parameters."""
    before = {name: value.clone() for name, value in phi.items()}
    for name, value in phi.items():
        value.grad = torch.where(_along(alive, value), gradient[name], 0.0)
    optimizer.step()
    for name, value in phi.items():
        value.copy_(torch.where(_along(alive, value), value, before[name]))


def _checked(init: Params, config: TrainConfig, device: torch.device | str) -> Params:
    expected = {name: value.shape for name, value in initial_params(config).items()}
    given = {name: value.shape for name, value in init.items()}
    if given != expected:
        raise InvalidArgument(
            "init",
            {name: tuple(shape) for name, shape in given.items()},
            f"parameters of {config.rule.name} for {config.repeats} replicates",
        )
    return {name: init[name].detach().to(device, config.dtype).clone() for name in expected}
