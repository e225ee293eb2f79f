"""The optimum of a least-squares problem ½‖Ax − b‖², from its closed form, with proved bounds.

With g = Aᵀ(Ax − b) at any x and H = AᵀA positive definite, f* = f(x) − ½ gᵀH⁻¹g exactly. Where H is
not certainly positive definite, 0 ≤ f* is all that is proved from below.
"""

from __future__ import annotations

from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.arithmetic import float_above, float_below, matrix, precision, squared_norm, vector
from ml2o_theory.constants.spectral import cholesky
from ml2o_theory.exact_quadratic import ExactQuadratic
from ml2o_theory.optima.base import CertifiedOptimum, SolverStatus


def quadratic_optimum(task: QuadraticTask) -> CertifiedOptimum:
    """x* = A⁺b as the task computes it, in float64, and bounds of f* that hold whatever it is."""
    optimum = task.optimum()
    x, quadratic = vector(optimum.x), ExactQuadratic.of(task)
    with precision():
        value = squared_norm(matrix(task.A) * x - vector(task.b)) / 2
        factor = cholesky(quadratic.H)
        dual = 0.0
        if factor is not None:
            decrease = squared_norm(factor.solve(quadratic.gradient(x))) / 2
            dual = max(float_below(value - decrease), 0.0)
    return CertifiedOptimum(
        point=tuple(optimum.x.tolist()),
        primal=float_above(value),
        dual=dual,
        solver="least squares",
        status=SolverStatus.CLOSED_FORM,
        reported=optimum.value.item(),
    )
