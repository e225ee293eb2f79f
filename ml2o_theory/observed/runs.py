"""One run of a memoryless rule on a task, and its derivatives, in ball arithmetic from the models.

Eq. 1 and Eq. 2, from x_0 and J_0 = 0, with z_t = ∇l(x_t) and H_t = ∇²l(x_t):

    x_{t+1} = x_t + m(z_t, φ),    J_{t+1} = A_t J_t + B_t,    A_t = I + ∇₁m(z_t, φ) H_t,
    B_t = ∇₂m(z_t, φ),            ∇g_t(φ) = J_tᵀ ∇l(x_t).

In graph mode `detached` autodiff takes z_t for a constant: J_{t+1} = J_t + B_t, same iterates.

Eq. 2 differentiated once more: K_t[u, v] = ∂²x_t/∂φ²[u, v] is symmetric, K_0 = 0, and

    K_{t+1}[u, v] = A_t K_t[u, v] + ∇₁m ∇³l[J_t u, J_t v] + ∇²m[(H_t J_t u, u), (H_t J_t v, v)]
    ∇²g_t[u, v]   = (J_t u)ᵀ H_t (J_t v) + ∇l(x_t)ᵀ K_t[u, v].

From exact float data every matrix is a ball that contains the exact value, whatever the working
precision; `narrowing` raises it where that is too wide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations_with_replacement

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

    phi: φ (p, 1); x: iterates (d, 1); z: gradients ∇l(x_t) (d, 1); H: Hessians ∇²l(x_t) (d, d);
    m: the rule's value and Jacobians at (z_t, φ), of which B_t = `m[t].in_phi` (d, p); A: step
    Jacobians (d, d); J: ∂x_t/∂φ (d, p), as autodiff computes it in graph mode `graph`.
    """

    task: TaskModel
    rule: RuleModel
    phi: arb_mat
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

    def risk_hessians(self) -> list[arb_mat]:
        """∇²g_t(φ) of shape (p, p), for t = 0 … T, at the current precision; graph mode `full`."""
        if self.graph is not GraphMode.FULL:
            raise InvalidArgument("graph", self.graph.value, "full, for second derivatives")
        pairs = list(combinations_with_replacement(range(self.phi.nrows()), 2))
        K = {pair: arb_mat(self.x[0].nrows(), 1) for pair in pairs}
        found = [self._risk_hessian(0, K)]
        for t in range(len(self.m)):
            K = self._second_derivative_step(t, K)
            found.append(self._risk_hessian(t + 1, K))
        return found

    def _second_derivative_step(
        self, t: int, K: dict[tuple[int, int], arb_mat]
    ) -> dict[tuple[int, int], arb_mat]:
        """K_{t+1} from K_t, for each symmetric pair of basis vectors of φ."""
        unit, Ju = _columns(identity(self.phi.nrows())), _columns(self.J[t])
        inputs = list(zip(_columns(self.H[t] * self.J[t]), unit, strict=True))
        return {
            (j, k): self.A[t] * K[j, k]
            + self.m[t].in_z * self.task.third(self.x[t], Ju[j], Ju[k])
            + self.rule.second(self.z[t], self.phi, inputs[j], inputs[k])
            for j, k in K
        }

    def _risk_hessian(self, t: int, K: dict[tuple[int, int], arb_mat]) -> arb_mat:
        hessian = self.J[t].transpose() * self.H[t] * self.J[t]
        for j, k in K:
            hessian[j, k] += (self.z[t].transpose() * K[j, k])[0, 0]
            hessian[k, j] = hessian[j, k]
        return hessian

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
            case Quantity.RISK_HESSIAN:
                return self.risk_hessians()[1:]


def run(
    task: TaskModel,
    rule: RuleModel,
    x0: Float[Tensor, " d"],
    phi: Float[Tensor, " p"] | arb_mat,
    steps: int,
    graph: GraphMode = GraphMode.FULL,
) -> Run:
    """`steps` steps from `x0` with parameters `phi`, at the current precision.

    `phi` as a matrix of balls (p, 1) is a box of parameters: every matrix then contains the values
    for all of them.
    """
    if steps < 1:
        raise InvalidArgument("steps", steps, "an integer ≥ 1")
    if graph is GraphMode.NONE:
        raise InvalidArgument("graph", graph.value, "full or detached: the run has Jacobians")
    params = phi if isinstance(phi, arb_mat) else vector(phi)
    found = Run(task, rule, params, graph)
    x, J = vector(x0), arb_mat(x0.numel(), params.nrows())
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


def _columns(values: arb_mat) -> list[arb_mat]:
    """The columns of a matrix of shape (n, k), each of shape (n, 1)."""
    return [arb_mat(values.nrows(), 1, list(column)) for column in values.transpose().tolist()]
