r"""The risks of a trial in float64, for many parameters and many samples at once.

In the eigenbasis of a task's H, with z = ∇l(x_0): g_n'(φ) = −T Σ_m q_m (1 − φh_m)^{2T−1}, q_m =
z_m². Each (h_m, q_m) is an atom; the diagonal gain has one atom a coordinate. What is computed here
is statistics (stochastic runs, resampled optima), never a certificate; tests hold it against the
certified risks of `ml2o_theory.risks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.generalization.trial import TRAINING, Trial

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

    def excess(self, phi: Array, other: Array) -> Array:
        """Population risk g(φ) − g(φ') for φ of shape (…, p) and φ' of shape (p,): (…,)."""
        value, base = (
            (self.q / self.h * (1 - at[..., None, :, None] * self.h) ** (2 * self.steps)).sum(-1)
            for at in (phi, other)
        )
        return np.asarray((value - base).sum(-1).mean(-1) / 2)


@dataclass(frozen=True)
class StochasticMetaTraining:
    """Algorithm 1 with projected steps 1/(μ_G k) on Φ, for many runs at once.

    `inside` and `outside`, of shape (R, n), are the probabilities of the tasks in the inner and the
    outer risk of each run. The meta-gradient (I − α∇²ĝ¹(φ)) ∇g_n(T̂¹(φ)) has the whole inner risk
    inside and one task n outside: it is unbiased for the meta risk. One sample in both places is
    unbiased for a mean over fresh batches alone.
    """

    atoms: Atoms
    alpha: float
    lower: Array
    upper: Array
    inside: Array
    outside: Array

    @classmethod
    def of(cls, trial: Trial, runs: int) -> Self:
        """All runs on the trial's own sample."""
        n = trial.populations.size
        sample = np.asarray(trial.draws, dtype=np.float64) / trial.size
        outer = sample if trial.reading is Reading.E else np.full(n, 1 / n)
        inside, outside = (np.tile(weights, (runs, 1)) for weights in (sample, outer))
        lower, upper = np.asarray(trial.phi.lower), np.asarray(trial.phi.upper)
        return cls(Atoms.of(trial, TRAINING), trial.alpha, lower, upper, inside, outside)

    def gradient(self, phi: Array, task: NDArray[np.int64]) -> Array:
        """The stochastic meta-gradient of each run at φ (R, p), with task (R,) outside."""
        slope, curvature = self._inner(phi)
        return (1 - self.alpha * curvature) * self.atoms.slopes_of(task, phi - self.alpha * slope)

    def _inner(self, phi: Array) -> tuple[Array, Array]:
        """First and second derivative of the inner risk, (R, p) each: Σ_n w_n g_n' and g_n''.

        This is most of a step, and a step is a few microseconds of arithmetic: so w_n q_nm is
        multiplied once, and both derivatives share (1 − φh)^{2T−2}.
        """
        (h, weighted), T = self._flat, self.atoms.steps
        away = 1 - phi[:, :, None] * h
        powers = weighted if T == 1 else weighted * away ** (2 * T - 2)
        slope = np.einsum("rpm,rpm->rp", powers, away)
        curvature = np.einsum("rpm,pm->rp", powers, h)
        return -T * slope, T * (2 * T - 1) * curvature

    @cached_property
    def _flat(self) -> tuple[Array, Array]:
        """h (p, n·m), and w_n q_nm of each run (R, p, n·m)."""
        h = np.moveaxis(self.atoms.h, 0, 1)
        q = np.moveaxis(self.atoms.q, 0, 1) * self.inside[:, None, :, None]
        return h.reshape(len(h), -1), q.reshape(*q.shape[:2], -1)

    def run(
        self,
        mu_G: float | Array,
        epochs: int,
        generator: np.random.Generator,
        record: Sequence[int] = (),
    ) -> dict[int, Array]:
        """φ_k of shape (R, p) after `epochs` steps and each k of `record`; starts drawn in Φ.

        `mu_G` is one number, or one for each run, of shape (R, 1).
        """
        runs, n = self.outside.shape
        phi = self.lower + (self.upper - self.lower) * generator.random((runs, len(self.lower)))
        levels = self.outside.cumsum(1)
        found = {}
        for k in range(1, epochs + 1):
            above = generator.random((runs, 1)) * levels[:, -1:] >= levels
            task = np.minimum(above.sum(1), n - 1)
            phi = np.clip(phi - self.gradient(phi, task) / (mu_G * k), self.lower, self.upper)
            if k in record or k == epochs:
                found[k] = phi
        return found
