r"""RNNprop and A3d–f: what the scale-free features do to the constants, as functions of ε.

With equal decays β and t gradients seen, v̂ = A + bg² with A = βv/(1−βᵗ) and b = (1−β)/(1−βᵗ) ≤ 1,
and D = √v̂, the features are f₁ = g/(D + ε) and f₂ = m̂/(D + ε), with slopes

    f₁' = (ε + A/D)/(D + ε)² ≤ 1/(D + ε)          at g = 0:  1/(√A + ε)
    f₂' = b/(D + ε) − m̂bg/(D(D + ε)²),   |f₂'| ≤ (b + √b)/(D + ε) ≤ 2/ε   (m̂² ≤ v̂, by Jensen)

A3d  The step is s·tanh(wᵀh + w₀) with h = σ(o)tanh(c'), c' = σ(f)c + σ(i)tanh(g). If no entry of φ
     is above w and |c| ≤ C, then |∂h_j/∂f_i| ≤ w(3/2 + C/4), and with |f₁| ≤ 1/√(1−β), |f₂| ≤ 1

         M_m1 ≤ sHw²(3/2 + C/4) · 3/ε
         M_m2 ≤ s√d √(1 + H + Hw²κ²(1/(1−β) + H + 2)),   κ² = 9/8 + C²/16

     A cell state starts at 0 and grows by less than 1 a step: C = T serves T steps.
A3e  The slopes have bounded slopes too, |f₁''| ≤ 3/ε² and |f₂''| ≤ 5/ε², and the cell is smooth on
     the compact set of features, states and Φ: ∇m is Lipschitz, with a constant of order 1/ε².
A3f  At the first step f₁ = f₂ = g/(|g| + ε), whose second derivative −2ε sign(g)/(|g| + ε)³ jumps
     by 4/ε² at g = 0: no ρ_m.

Here `root`, which guards autodiff at v̂ = 0, is the square root that it stands for.
"""

from __future__ import annotations

from flint import arb, arb_mat

from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.results import EndMethod
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.assumptions.base import Proof, Refutation, Setting
from ml2o_theory.assumptions.exhibits import Exhibit, Sequence, ratio_of_pair
from ml2o_theory.assumptions.whole_space import Finding
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.regions import ParameterInterval

SHOWN = (0, 10, 20)


def feature(g: arb, v: arb, t: int, beta: float, epsilon: arb) -> arb:
    """f₁ = g/(√v̂ + ε) after gradient g, with the average v of the t − 1 squares before it."""
    return g / (_size(g, v, t, beta) + epsilon)


def slope(g: arb, v: arb, t: int, beta: float, epsilon: arb) -> arb:
    """∂f₁/∂g; at g = 0 it is 1/(√A + ε), 1/ε without history."""
    if g == 0:
        return 1 / (_size(g, v, t, beta) + epsilon)
    D = _size(g, v, t, beta)
    A = exact(beta) * v / (1 - exact(beta) ** t)
    return (epsilon + A / D) / ((D + epsilon) * (D + epsilon))


def second_slope_at_first_step(g: arb, epsilon: arb) -> arb:
    """∂²f₁/∂g² = −2ε sign(g)/(|g| + ε)³ for t = 1, g ≠ 0."""
    size = abs(g) + epsilon
    return -2 * epsilon * (g / abs(g)) / (size * size * size)


def _size(g: arb, v: arb, t: int, beta: float) -> arb:
    decay = exact(beta)
    return ((decay * v + (1 - decay) * g * g) / (1 - decay**t)).sqrt()


def constant(rule: RNNprop, setting: Setting, symbol: str, region: str) -> Finding:
    """M_m1, M_m2, L_m or ρ_m of the paper's RNNprop, for states that T steps can lead to."""
    if rule.layers != 1 or rule.projection or rule.beta1 != rule.beta2:
        return "the closed forms are those of one LSTM layer, no projection and equal decays"
    match symbol:
        case "rho_m":
            return kink_of_second_derivative(rule.epsilon)
        case "L_m":
            return Proof(
                "the features' slopes have slopes of at most 5/ε², and the LSTM cell is smooth on "
                "the compact set of features, states and Φ: finite, of order 1/ε²"
            )
    with precision():
        upper = _gradient_bound(rule, setting) if symbol == "M_m1" else _phi_bound(rule, setting)
    return Enclosure.certified(
        arb(0), upper, EndMethod.NORM_PRODUCT, norm=Norm.SPECTRAL, region=region
    )


def _largest_entry(setting: Setting) -> arb:
    """w: no entry of a φ in Φ is larger."""
    phi = setting.phi
    ends = (phi.lower, phi.upper) if isinstance(phi, ParameterInterval) else phi.lower + phi.upper
    return exact(max(map(abs, ends)))


def _gradient_bound(rule: RNNprop, setting: Setting) -> arb:
    w, C = _largest_entry(setting), setting.steps
    per_feature = rule.hidden * w * w * (arb(3) / 2 + arb(C) / 4)
    return exact(rule.output_scale) * per_feature * 3 / exact(rule.epsilon)


def _phi_bound(rule: RNNprop, setting: Setting) -> arb:
    w, C, H = _largest_entry(setting), arb(setting.steps), rule.hidden
    kappa2 = arb(9) / 8 + C * C / 16
    inputs2 = 1 / (1 - exact(rule.beta2)) + H + 2
    row = (1 + H + H * w * w * kappa2 * inputs2).sqrt()
    return exact(rule.output_scale) * arb(setting.x0.numel()).sqrt() * row


def kink_of_second_derivative(epsilon: float) -> Refutation:
    """A3f fails at the first step: the pairs g = ±t, t = ε2⁻ⁿ."""

    def second(g: arb_mat) -> arb_mat:
        return arb_mat(1, 1, [second_slope_at_first_step(g[0, 0], exact(epsilon))])

    def at(n: int) -> Exhibit:
        t = epsilon * 2.0**-n
        return ratio_of_pair("∂²f₁/∂g²", second, {"g": (t,), "g'": (-t,)})

    because = "at g = ±t the ratio is 2ε/(t(t + ε)³), for every t > 0"
    argument = (
        "with no history the features' second derivative jumps at g = 0, and with it that of the "
        "step wherever the step depends on the features there: no ρ_m"
    )
    return Refutation.along(argument, Sequence(at, because), SHOWN)


def sign_feature() -> Refutation:
    """A3d fails for ε = 0: without history the feature is sign(g)."""

    def sign(g: arb_mat) -> arb_mat:
        return arb_mat(1, 1, [feature(g[0, 0], arb(0), 1, 0.5, arb(0))])

    def at(n: int) -> Exhibit:
        return ratio_of_pair("f₁", sign, {"g": (2.0**-n,), "g'": (-(2.0**-n),)})

    because = "at g = ±t the ratio is 1/t, for every t > 0"
    return Refutation.along(
        "for ε = 0 the first feature is sign(g), which jumps at g = 0", Sequence(at, because), SHOWN
    )
