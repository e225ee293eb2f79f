"""Certified optima: points, and proofs of how good they are."""

from ml2o_theory.optima.base import CertifiedOptima, CertifiedOptimum, SolverStatus
from ml2o_theory.optima.solve import certified_optima, certified_optimum

__all__ = [
    "CertifiedOptima",
    "CertifiedOptimum",
    "SolverStatus",
    "certified_optima",
    "certified_optimum",
]
