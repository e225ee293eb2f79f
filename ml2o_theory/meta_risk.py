r"""What Lemma 7 gives for the meta risk G = g∘T̂ of one inner step T̂(φ) = φ − α∇ĝ(φ), α ≥ 0.

g and ĝ share the constants μ (A1), L_g, ρ_g and M_g on a convex Φ, and T̂(φ) ∈ Φ. From
∇G(φ) = (I − α∇²ĝ(φ)) ∇g(T̂(φ)):

- ‖I − α∇²ĝ‖ ≤ 1 + αL_g, which is also T̂'s Lipschitz constant; the factor I − α∇²ĝ changes by at
  most αρ_g ‖φ − φ'‖. So ∇G is Lipschitz with  L_G = (1 + αL_g)² L_g + αρ_g M_g.
- Under A1 and αL_g ≤ 1, 0 ≼ I − α∇²ĝ ≼ (1 − αμ) I:  L_G = (1 − αμ)² L_g + αρ_g M_g.
- Under the same, where ∇²ĝ is differentiable (almost everywhere, as it is Lipschitz),
  ∇²G = (I − α∇²ĝ) ∇²g(T̂) (I − α∇²ĝ) − α∇³ĝ[∇g(T̂)] ≽ μ_G I with
  μ_G = (1 − αL_g)² μ − αρ_g M_g; ∇G is Lipschitz, so G is μ_G-strongly convex where μ_G > 0.
- α ≤ min(1/(2L_g), μ/(8ρ_g M_g)) makes (1 − αL_g)² ≥ 1/4 and αρ_g M_g ≤ μ/8, hence μ_G ≥ μ/8.

Each side condition is decided at the end of the constants that makes it certain; where they do not
decide it, the number is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flint import arb

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import EndMethod, Level
from ml2o_theory.arithmetic import exact, float_above, float_below, precision
from ml2o_theory.constants.base import Constants
from ml2o_theory.enclosure import Enclosure, RegionMismatch
from ml2o_theory.regions import Box
from ml2o_theory.statements.lemma06 import Lemma06
from ml2o_theory.statements.lemma07 import Lemma07
from ml2o_theory.statements.lemma13 import Lemma13


@dataclass(frozen=True)
class RiskConstants:
    """Constants of g and ĝ on Φ, all on one region: L_g, ρ_g and M_g are suprema, μ an infimum."""

    L_g: Enclosure
    rho_g: Enclosure
    M_g: Enclosure
    mu: Enclosure

    def __post_init__(self) -> None:
        for other in (self.rho_g, self.M_g, self.mu):
            if other.region != self.L_g.region:
                raise RegionMismatch(self.L_g.region, other.region)


def risk_constants(
    constants: Constants, mu: Enclosure, T: int, level: Level = Level.UNIFORM
) -> RiskConstants:
    """L_g, ρ_g and M_g by Lemmas 6, 7 and 13 from A3's constants; μ is A1's."""
    region = constants.region
    one = Enclosure.exactly(1.0, EndMethod.CLOSED_FORM, region=region.id)
    per_unit = Constants(region, {**constants, "delta_phi": one})
    L_g, rho_g, M_g = (s().bound(per_unit, T, level) for s in (Lemma06, Lemma07, Lemma13))
    return RiskConstants(L_g, rho_g, M_g, mu)


def meta_lipschitz(alpha: float, c: RiskConstants) -> Enclosure:
    """L_G = (1 + αL_g)² L_g + αρ_g M_g; no assumption on convexity."""
    step = _step(alpha)

    def L_G(L_g: arb, rho_g: arb, M_g: arb) -> arb:
        stretch = 1 + step * L_g
        return stretch * stretch * L_g + step * rho_g * M_g

    return _enclose(c, L_G, (c.L_g, c.rho_g, c.M_g), ())


def meta_lipschitz_convex(alpha: float, c: RiskConstants) -> Enclosure:
    """L_G = (1 − αμ)² L_g + αρ_g M_g; `InvalidArgument` unless μ > 0 and αL_g ≤ 1 are certain."""
    step = _contracting_step(alpha, c)

    def L_G(L_g: arb, rho_g: arb, M_g: arb, mu: arb) -> arb:
        # μ ≤ L_g ≤ 1/α, though the upper end that is known of μ may be larger.
        shrink = (1 - step * mu).max(arb(0))
        return shrink * shrink * L_g + step * rho_g * M_g

    return _enclose(c, L_G, (c.L_g, c.rho_g, c.M_g), (c.mu,))


def meta_strong_convexity(alpha: float, c: RiskConstants) -> Enclosure:
    """μ_G = (1 − αL_g)² μ − αρ_g M_g; G is strongly convex for certain if its lower end is > 0.

    `InvalidArgument` unless μ > 0 and αL_g ≤ 1 are certain.
    """
    step = _contracting_step(alpha, c)

    def mu_G(mu: arb, L_g: arb, rho_g: arb, M_g: arb) -> arb:
        shrink = 1 - step * L_g
        return shrink * shrink * mu - step * rho_g * M_g

    return _enclose(c, mu_G, (c.mu,), (c.L_g, c.rho_g, c.M_g))


def largest_convex_step(c: RiskConstants) -> float:
    """An α ≤ min(1/(2L_g), μ/(8ρ_g M_g)), which guarantees μ_G ≥ μ/8; 0.0 where none is certain."""
    with precision():
        L_g, product = c.L_g.upper.value, c.rho_g.upper.value * c.M_g.upper.value
        mu = c.mu.lower.value
        if not (mu > 0 and L_g.is_finite() and product.is_finite()):
            return 0.0
        # μ > 0 makes L_g > 0.
        alpha = 1 / (2 * L_g)
        return float_below(alpha.min(mu / (8 * product)) if product > 0 else alpha)


def inner_set(phi: Box, alpha: float, c: RiskConstants) -> Box | None:
    """A box of φ ∈ Φ for which T̂(φ) ∈ Φ for certain: Φ, moved in by αM_g on every side.

    None where nothing is left.
    """
    with precision():
        margin = _step(alpha) * c.M_g.upper.value
        lower = tuple(float_above(exact(end) + margin) for end in phi.lower)
        upper = tuple(float_below(exact(end) - margin) for end in phi.upper)
    fits = all(low <= high for low, high in zip(lower, upper, strict=True))
    return Box(lower, upper) if fits else None


def _step(alpha: float) -> arb:
    if not alpha >= 0:
        raise InvalidArgument("alpha", alpha, "a finite number ≥ 0")
    return exact(alpha)


def _contracting_step(alpha: float, c: RiskConstants) -> arb:
    step = _step(alpha)
    if not c.mu.lower.value > 0:
        raise InvalidArgument("mu", str(c.mu), "A1 with a certified lower end > 0")
    with precision():
        if not step * c.L_g.upper.value <= 1:
            raise InvalidArgument("alpha", alpha, f"α L_g ≤ 1 for certain, with L_g in {c.L_g}")
    return step


def _enclose(
    c: RiskConstants,
    formula: Callable[..., arb],
    increasing: tuple[Enclosure, ...],
    decreasing: tuple[Enclosure, ...],
) -> Enclosure:
    """The formula at both ends: it increases in its first arguments and decreases in the others."""
    with precision():
        low = formula(*[v.lower.value for v in increasing], *[v.upper.value for v in decreasing])
        high = formula(*[v.upper.value for v in increasing], *[v.lower.value for v in decreasing])
        return Enclosure.certified(low, high, EndMethod.CLOSED_FORM, region=c.L_g.region)
