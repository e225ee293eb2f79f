"""Theorem 1: the bound against what is observed, term by term."""

from analyses.theorem1.report import Theorem1Report

__all__ = ["Theorem1Report"]
