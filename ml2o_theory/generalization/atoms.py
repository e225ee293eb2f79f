r"""The risks of a trial in float64, for many parameters and many samples at once.

In the eigenbasis of a task's H, with z = ∇l(x_0): g_n'(φ) = −T Σ_m q_m (1 − φh_m)^{2T−1}, q_m =
z_m². Each (h_m, q_m) is an atom; the diagonal gain has one atom a coordinate. What is computed here
is statistics (stochastic runs, resampled optima), never a certificate; tests hold it against the
certified risks of `ml2o_theory.risks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from ml2o_theory.generalization.trial import Trial

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Atoms:
    """h and q of shape (n, p, m): tasks, entries of φ, atoms; `steps` is T."""

    h: Array
    q: Array
    steps: int

    @classmethod
    def of(cls, trial: Trial, population: int) -> Self:
        """Of one population."""
        found = []
        for task in trial.populations.tasks[population]:
            H = task.A.mT @ task.A
            z = task.A.mT @ (task.A @ trial.populations.x0 - task.b)
            if trial.populations.shape == "diagonal":
                found.append((H.diag()[:, None], (z * z)[:, None]))
            else:
                h, V = torch.linalg.eigh(H)
                found.append((h[None], ((V.mT @ z) ** 2)[None]))
        h, q = (torch.stack([pair[k] for pair in found]).numpy() for k in (0, 1))
        return cls(h, q, trial.populations.steps)

    def slopes(self, phi: Array) -> Array:
        """g_n'(φ) of every task: (…, p) → (…, n, p)."""
        away = 1 - phi[..., None, :, None] * self.h
        return -self.steps * (self.q * away ** (2 * self.steps - 1)).sum(-1)

    def curvatures(self, phi: Array) -> Array:
        """g_n''(φ) of every task: (…, p) → (…, n, p)."""
        T = self.steps
        away = 1 - phi[..., None, :, None] * self.h
        return T * (2 * T - 1) * (self.q * self.h * away ** (2 * T - 2)).sum(-1)

    def slopes_of(self, task: NDArray[np.int64], phi: Array) -> Array:
        """g_n'(φ) of one task a run: (R,), (R, p) → (R, p)."""
        away = 1 - phi[..., None] * self.h[task]
        return -self.steps * (self.q[task] * away ** (2 * self.steps - 1)).sum(-1)

    def minimisers(self, weights: Array, lower: Array, upper: Array, iterations: int = 60) -> Array:
        """argmin over the box of Σ_n w_n g_n, for weights of shape (R, n): (R, p), by bisection."""
        low = np.broadcast_to(lower, (len(weights), len(lower))).copy()
        high = np.broadcast_to(upper, low.shape).copy()
        for _ in range(iterations):
            middle = (low + high) / 2
            slope = np.einsum("rn,rnp->rp", weights, self.slopes(middle))
            low, high = np.where(slope < 0, middle, low), np.where(slope < 0, high, middle)
        return (low + high) / 2


def stochastic_meta_training(
    trial: Trial,
    mu_G: float,
    epochs: int,
    runs: int,
    generator: np.random.Generator,
    start: Array | None = None,
    record: tuple[int, ...] = (),
) -> dict[int, Array]:
    """φ_k of shape (runs, p) after each k of `record` and after `epochs` projected steps 1/(μ_G k).

    The meta-gradient (I − α∇²ĝ¹(φ)) ∇g_n(T̂¹(φ)) has the whole sample inside and one task n outside,
    drawn from the sample (reading E) or the population (P): unbiased for the meta risk.
    """
    atoms = Atoms.of(trial, 0)
    weights = np.asarray(trial.draws, dtype=np.float64) / trial.size
    outer = (
        weights if trial.outer is trial.empirical[0] else np.full_like(weights, 1 / len(weights))
    )
    lower, upper = np.asarray(trial.phi.lower), np.asarray(trial.phi.upper)
    phi = lower + (upper - lower) * generator.random((runs, len(lower)))
    if start is not None:
        phi = np.broadcast_to(start, phi.shape).copy()
    found = {}
    for k in range(1, epochs + 1):
        task = generator.choice(len(outer), size=runs, p=outer)
        inner = phi - trial.alpha * np.einsum("n,rnp->rp", weights, atoms.slopes(phi))
        bend = 1 - trial.alpha * np.einsum("n,rnp->rp", weights, atoms.curvatures(phi))
        step = bend * atoms.slopes_of(task, inner) / (mu_G * k)
        phi = np.clip(phi - step, lower, upper)
        if k in record or k == epochs:
            found[k] = phi
    return found
