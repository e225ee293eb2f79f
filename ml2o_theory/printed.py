"""Numbers that the paper prints, as they are printed."""

from __future__ import annotations

TABLE_1 = {
    "Vanilla L2O": (0.033, 1.559, 0.550, 2.435, 4.104),
    "M-L2O": (-3.712, -3.433, -3.285, -2.408, -1.396),
    "Direct Transfer (DT)": (-4.233, -4.125, -3.098, -1.775, -0.453),
    "Transfer Learning (TL)": (-4.077, -4.019, -3.181, -1.961, -0.982),
}
"""Table 1: the minimum of the log mean LASSO objective, by method, at the σ of `TABLE_1_SIGMAS`."""

TABLE_1_SIGMAS = (10.0, 25.0, 50.0, 100.0, 200.0)
