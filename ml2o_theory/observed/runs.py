"""One run of a memoryless rule on a task, and its Jacobians, in ball arithmetic from the models.

Eq. 1 and Eq. 2, from x_0 and J_0 = 0, with z_t = ∇l(x_t) and H_t = ∇²l(x_t):

    x_{t+1} = x_t + m(z_t, φ),    J_{t+1} = A_t J_t + B_t,    A_t = I + ∇₁m(z_t, φ) H_t,
    B_t = ∇₂m(z_t, φ),            ∇g_t(φ) = J_tᵀ ∇l(x_t).

In graph mode `detached` autodiff takes z_t for a constant: J_{t+1} = J_t + B_t, same iterates.

From exact float data every matrix is a ball that contains the exact value, whatever the working
precision; `narrowing` raises it where that is too wide.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flint import arb_mat
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.unroll import GraphMode
from ml2o_theory.arithmetic import identity, vector
from ml2o_theory.models import RuleModel, RuleStep, TaskModel
from ml2o_theory.observed.quantities import Quantity


@dataclass(frozen=True)
class Run:
    """A run of T steps. The lists hold t = 0 … T; those of `m` and `A` end with t = T − 1.

    x: iterates (d, 1); z: gradients ∇l(x_t) (d, 1); H: Hessians ∇²l(x_t) (d, d); m: the rule's
    value and Jacobians at (z_t, φ), of which B_t = `m[t].in_phi` (d, p); A: step Jacobians (d, d);
    J: ∂x_t/∂φ (d, p), as autodiff computes it in graph mode `graph`.
    """

    graph: GraphMode
    x: list[arb_mat] = field(default_factory=list)
    z: list[arb_mat] = field(default_factory=list)
    H: list[arb_mat] = field(default_factory=list)
    m: list[RuleStep] = field(default_factory=list)
    A: list[arb_mat] = field(default_factory=list)
    J: list[arb_mat] = field(default_factory=list)

    @property
    def B(self) -> list[arb_mat]:
        """B_t = ∇₂m(z_t, φ), t = 0 … T − 1."""
        return [step.in_phi for step in self.m]

    @property
    def risk_gradients(self) -> list[arb_mat]:
        """∇g_t(φ) of shape (1, p), for t = 0 … T."""
        return [z.transpose() * J for z, J in zip(self.z, self.J, strict=True)]

    def quantity(self, quantity: Quantity) -> list[arb_mat]:
        """What a statement speaks of, for T = 1 … the number of steps."""
        match quantity:
            case Quantity.ITERATE:
                return self.x[1:]
            case Quantity.STEP_JACOBIAN_X:
                return self.A
            case Quantity.STEP_JACOBIAN_PHI:
                return self.B
            case Quantity.JACOBIAN:
                return self.J[1:]
            case Quantity.RISK_GRADIENT:
                return self.risk_gradients[1:]


def run(
    task: TaskModel,
    rule: RuleModel,
    x0: Float[Tensor, " d"],
    phi: Float[Tensor, " p"],
    steps: int,
    graph: GraphMode = GraphMode.FULL,
) -> Run:
    """`steps` steps from `x0` with parameters `phi`, at the current precision."""
    if steps < 1:
        raise InvalidArgument("steps", steps, "an integer ≥ 1")
    if graph is GraphMode.NONE:
        raise InvalidArgument("graph", graph.value, "full or detached: the run has Jacobians")
    params, x = vector(phi), vector(x0)
    J = arb_mat(x0.numel(), phi.numel())
    found = Run(graph)
    for t in range(steps + 1):
        z, H = task.gradient(x), task.hessian(x)
        found.x.append(x)
        found.z.append(z)
        found.H.append(H)
        found.J.append(J)
        if t < steps:
            m = rule.at(z, params)
            A = identity(x0.numel()) + m.in_z * H
            found.m.append(m)
            found.A.append(A)
            x = x + m.value
            J = (J if graph is GraphMode.DETACHED else A * J) + m.in_phi
    return found
