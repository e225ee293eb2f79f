r"""How curved the risk is where a training ends: can one inner step of size α be taken there?

The exact meta-gradient is (I − α∇²ĝ_T(φ)) ∇ĝ_T(T̂(φ)). Where ∇²ĝ_T has an eigenvalue λ > 1/α, its
factor 1 − αλ is negative: along that direction the inner step jumps across the valley, and the
meta-gradient points up it. Theorem 1 asks for α < 1/L_g.

What is computed is a Rayleigh quotient vᵀ∇²ĝ_T v / vᵀv, by power iteration, for each replicate: no
eigenvalue is below the largest one's Rayleigh quotient, so it is a lower bound of λ_max up to the
rounding of float32. In graph mode `detached` the Hessian is that at frozen inputs z_t, which is the
one that training differentiates.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_core.meta.base import gradient_of, leaves
from ml2o_core.meta.descent import Layout
from ml2o_core.meta.trainer import Trained
from ml2o_core.meta.window import WindowRisk
from ml2o_core.problems import sample_problems
from ml2o_core.unroll import begin


def top_curvature(
    run: Trained, *, windows: int = 6, size: int = 64, iterations: int = 12
) -> Float[Tensor, " R"]:
    """The largest Rayleigh quotient found in the first `windows` windows of a fresh episode, (R,).

    At the trained φ, on `size` problems of the training family, on φ's device.
    """
    config = run.config.with_changes(batch_size=min(size, run.config.batch_size))
    layout = Layout.of(run.params)
    device = next(iter(run.params.values())).device
    problems = sample_problems(
        config.family,
        seed=config.seed,
        purpose="curvature",
        repeats=config.repeats,
        size=config.batch_size,
        device=device,
        dtype=config.dtype,
    )
    carry = begin(config.rule, problems.tasks, problems.start)
    largest = torch.full((config.repeats,), -torch.inf, device=device, dtype=config.dtype)
    for _ in range(windows):
        phi = leaves(run.params)
        at_phi = WindowRisk(config, problems.tasks, carry)(phi)
        slope = layout.join(gradient_of(at_phi.value, phi, create_graph=True))
        v = torch.ones_like(slope)
        for _ in range(iterations):
            v = (v / torch.linalg.vector_norm(v, dim=1, keepdim=True)).detach()
            product = torch.autograd.grad((slope * v).sum(), list(phi.values()), retain_graph=True)
            image = layout.join(dict(zip(phi, product, strict=True)))
            largest = torch.maximum(largest, (image * v).sum(1))
            v = image
        carry = at_phi.end.detach()
    return largest
