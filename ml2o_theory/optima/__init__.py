"""Certified optima: a point, and proofs of how good it is."""

from ml2o_theory.optima.base import CertifiedOptimum, SolverStatus
from ml2o_theory.optima.solve import certified_optima, certified_optimum

__all__ = ["CertifiedOptimum", "SolverStatus", "certified_optima", "certified_optimum"]
