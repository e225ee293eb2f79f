"""Optimizer risks g_T over a set Φ of parameters, with certified values, optima and constants."""
