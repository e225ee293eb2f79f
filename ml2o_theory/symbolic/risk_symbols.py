"""The constants of risks as SymPy symbols, for Lemmas 14 and 15, Theorem 1, Remark 2 and Eq. 8."""

from __future__ import annotations

from sympy import Symbol

RISK_MEANING: dict[str, str] = {
    "M_g": "Lipschitz constant of the risk that is tested (task 3's population risk)",
    "M_g1": "Lipschitz constant of each of task 1's samples",
    "L_g": "Lipschitz constant of the gradient of the risk of the inner step (task 2's sample)",
    "alpha": "α, the inner step",
    "mu": "strong convexity of every sample's risk (A1)",
    "mu_hat": "strong convexity of the risk of the sample that was drawn",
    "mu_G": "strong convexity of the meta risk (Lemma 7)",
    "L_G": "Lipschitz constant of the gradient of the meta risk (Lemma 7)",
    "B": "bound of the stochastic meta-gradients, (1 + α L_g) M_g",
    "K": "steps of the meta-training",
    "N": "tasks in the sample",
    "delta": "probability that the bound may fail",
    "delta_a": "the part of it that the optimization may use",
    "delta_b": "the part of it that the sampling may use",
    "d_0": "‖φ_0 − φ̃_M*‖, the distance at the start",
    "d_K": "‖φ_MK − φ̃_M*‖, the optimization error",
    "gap": "‖∇ĝ¹ − ∇ĝ²‖ at the meta optimum, or a bound of it (Proposition 1)",
    "d_N": "‖φ̃_* − φ_*‖, the sampling error",
    "delta_13": "‖φ¹_* − φ³_*‖, the distance of the training and testing optima",
    "d_TL": "‖φ_K − φ̂_*‖, the optimization error of transfer learning",
    "slope": "‖∇ĝ²(φ_K)‖ where transfer learning ends",
    "gap_TL": "‖∇ĝ¹ − ∇ĝ²‖ at φ̂_*",
    "d_N3": "‖φ̃³_* − φ³_*‖, the sampling error of the testing tasks",
    "slopes": "‖∇ĝ²(φ_MK) − ∇ĝ³(φ̃³_M*)‖",
    "gap_23": "‖∇ĝ² − ∇ĝ³‖ at φ̃³_M*",
    "delta_meta": "‖φ̃¹_M* − φ̃³_M*‖, the distance of the training and testing meta optima",
}
"""The symbols, in ASCII, and what they are. All are ≥ 0."""

RISK_SYMBOLS = [Symbol(name, nonnegative=True) for name in RISK_MEANING]

M_g, M_g1, L_g, alpha, mu, mu_hat, mu_G, L_G, B, K, N, delta, delta_a, delta_b = RISK_SYMBOLS[:14]
d_0, d_K, gap, d_N, delta_13, d_TL, slope, gap_TL, d_N3, slopes, gap_23, delta_meta = RISK_SYMBOLS[
    14:
]

RISK_LATEX = {
    M_g: r"M_g^3",
    M_g1: r"M_g^1",
    L_g: r"L_{\hat g}^2",
    mu_hat: r"\hat\mu",
    d_0: r"\| \varphi_0 - \tilde\varphi_{M*} \|",
    d_K: r"\| \tilde\varphi_{MK} - \tilde\varphi_{M*} \|",
    gap: r"\| \nabla \hat g_T^1 - \nabla \hat g_T^2 \|(\tilde\varphi_{M*})",
    d_N: r"\| \tilde\varphi_* - \varphi_* \|",
    delta_13: r"\delta_{13}",
    d_TL: r"\| \varphi_K - \hat\varphi_* \|",
    slope: r"\| \nabla \hat g_T^2 (\varphi_K) \|",
    gap_TL: r"\| \nabla \hat g_T^1 - \nabla \hat g_T^2 \|(\hat\varphi_*)",
    d_N3: r"\| \tilde\varphi_*^3 - \varphi_*^3 \|",
    slopes: (
        r"\| \nabla \hat g_T^2 (\tilde\varphi_{MK})"
        r" - \nabla \hat g_T^3 (\tilde\varphi_{M*}^3) \|"
    ),
    gap_23: r"\| \nabla \hat g_T^2 - \nabla \hat g_T^3 \|(\tilde\varphi_{M*}^3)",
    delta_meta: r"\tilde\delta_{13}",
}
"""The symbols that SymPy would not print as the paper does."""
