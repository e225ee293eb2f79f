r"""A1: the optimizer risk g_T is μ-strongly convex on Φ, with μ > 0.

μ is the infimum over Φ of the smallest eigenvalue of ∇²g_T, so the curvature at any φ and in any
direction is at least as large; what refutes A1 is a pair with ⟨∇g(φ) − ∇g(φ'), φ − φ'⟩ ≤ 0, or a
sequence of pairs on which ⟨…⟩/‖φ − φ'‖² falls to 0.

Scalar gain on quadratic tasks: exact (`ml2o_theory.risks.scalar`). Memoryless rules with a model
and few parameters: the eigenvalues of ∇²g_T in interval arithmetic, over boxes that are bisected
where they are too loose. All other rules: a search (dense eigenvalues for few parameters, Lanczos
for many) that can refute but never confirm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import torch
from flint import arb
from torch import Tensor
from torch.func import vmap

from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.results import EndMethod
from ml2o_core.seeding import generator
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.assumptions.base import (
    Asked,
    Assumption,
    AssumptionCheck,
    Evidence,
    Refutation,
    Setting,
    infimum_from,
)
from ml2o_theory.assumptions.exhibits import Exhibit, Sequence, scalar
from ml2o_theory.assumptions.risk import Risk
from ml2o_theory.assumptions.task_constants import as_box
from ml2o_theory.constants.lanczos import extreme_eigenvalues
from ml2o_theory.constants.points import point_set
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.intervals.norms import eigenvalues_between
from ml2o_theory.regions import ParameterInterval
from ml2o_theory.risks.scalar import ScalarRisk

FEW = 4
"""Up to this many parameters, boxes of them are bisected."""

BOXES = 64
"""How many boxes of parameters are looked at, at most."""

POINTS = 3
"""Points of Φ that are searched for negative curvature, the middle of Φ among them."""

DENSE = 64
"""Up to this many parameters the Hessian is formed, in one mapped call; beyond, Lanczos."""

LANCZOS_STEPS = 20
"""Restarts of Lanczos: what it finds is only a direction, which the pair then has to prove."""

_SHOWN = (0, 4, 8)


class A1(Assumption):
    """The optimizer risk is strongly convex."""

    name: ClassVar[str] = "A1"
    title: ClassVar[str] = "Strongly convex optimizer risk"
    latex: ClassVar[str] = (
        r"\langle \nabla g_T(\varphi) - \nabla g_T(\varphi'), \varphi - \varphi' \rangle "
        r"\ge \mu \| \varphi - \varphi' \|^2"
    )
    words: ClassVar[str] = (
        "The optimizer risk, and its empirical version, are μ-strongly convex on Φ, μ > 0."
    )
    hypotheses: ClassVar[tuple[str, ...]] = ("φ, φ' ∈ Φ, convex and bounded",)
    constants: ClassVar[tuple[str, ...]] = ("mu",)

    def check(self, setting: Setting) -> AssumptionCheck:
        """For the mean over the setting's tasks, all from its x_0, in graph mode `full`."""
        rule, risk = setting.rule, Risk.of(setting)
        if isinstance(rule, LinearGain) and isinstance(setting.phi, ParameterInterval):
            tasks = [task for task in setting.tasks if isinstance(task, QuadraticTask)]
            if len(tasks) == len(setting.tasks):
                return self._scalar(setting, ScalarRisk.of(tasks, setting.x0, setting.steps))
        if risk.is_modelled and risk.parameters.size <= FEW:
            return self._bisected(setting, risk)
        return self._searched(setting, risk)

    def _result(
        self,
        setting: Setting,
        because: str,
        evidence: tuple[Evidence, ...] = (),
        refutation: Refutation | None = None,
    ) -> AssumptionCheck:
        return AssumptionCheck(
            self.name, setting.subject, region_of(setting), because, evidence, refutation
        )

    def _scalar(self, setting: Setting, risk: ScalarRisk) -> AssumptionCheck:
        phi, region = setting.phi, region_of(setting)
        assert isinstance(phi, ParameterInterval)
        low, high = exact(phi.lower), exact(phi.upper)
        refutation = _degenerate(risk, phi)
        if refutation is not None:
            return self._result(setting, refutation.argument, refutation=refutation)
        found = risk.extremes(low, high)
        mu = infimum_from(
            found.upper,
            found.lower,
            witness={"φ": (float(found.point.mid()),)},
            norm=Norm.SPECTRAL,
            region=region,
        )
        L_g = Enclosure.certified(
            found.supremum,
            found.supremum,
            EndMethod.CLOSED_FORM,
            norm=Norm.SPECTRAL,
            region=region,
        )
        on_the_line = (
            "g_T'' is positive on all of R: two curvatures differ, or T = 1"
            if risk.vanishing_curvature is None
            else "g_T'' vanishes at one φ, which is not in Φ"
        )
        return self._result(
            setting,
            f"μ is in {mu}, sup g_T'' in {L_g}; {on_the_line}",
            (Evidence("mu", mu, Asked.POSITIVE), Evidence("L_g", L_g, Asked.NOTHING)),
        )

    def _bisected(self, setting: Setting, risk: Risk) -> AssumptionCheck:
        """λ_min over boxes of Φ, the loosest bisected first."""
        cover = as_box(setting.phi)
        center, half = cover.midpoint[0], cover.radius[0]
        boxes = [(_eigenvalues(risk, center, half)[0], center, half)]
        attained, at = min(
            (_eigenvalues(risk, phi, torch.zeros_like(phi))[1], k) for k, phi in enumerate([center])
        )
        points = [center]
        for _ in range(BOXES):
            boxes.sort(key=lambda box: box[0])
            if attained <= 0 or boxes[0][0] >= attained / 2:
                break
            _, phi, radius = boxes.pop(0)
            side = int(radius.argmax())
            step = torch.zeros_like(radius)
            step[side] = radius[side] / 2
            for moved in (phi - step, phi + step):
                # A hair wider, so that the rounding of the middle leaves no gap.
                part = (radius - step) * (1 + 1e-12) + 4e-16 * moved.abs()
                boxes.append((_eigenvalues(risk, moved, part)[0], moved, part))
                points.append(moved)
                value = _eigenvalues(risk, moved, torch.zeros_like(moved))[1]
                attained, at = min((attained, at), (value, len(points) - 1))
        if attained <= 0:
            refuted = self._searched(setting, risk, points[at : at + 1])
            if refuted.refutation is not None:
                return refuted
        mu = infimum_from(
            exact(attained),
            arb(min(box[0] for box in boxes)),
            witness={"φ": tuple(points[at].tolist())},
            norm=Norm.SPECTRAL,
            region=region_of(setting),
            method=EndMethod.INTERVAL_ARITHMETIC,
        )
        because = f"μ is in {mu}, by the eigenvalues of ∇²g_T over {len(boxes)} boxes of Φ"
        return self._result(setting, because, (Evidence("mu", mu, Asked.POSITIVE),))

    def _searched(
        self, setting: Setting, risk: Risk, points: list[Tensor] | None = None
    ) -> AssumptionCheck:
        """Negative curvature at a few points of Φ; a pair across it refutes A1."""
        least: tuple[float, Exhibit] | None = None
        stream = generator(setting.seed, purpose="A1", rule=setting.rule.name)
        points = points or search_points(setting)
        for phi in points:
            eigenvalue, v = _lowest(risk.hessian_product(phi), phi.numel(), stream)
            for exhibit in _across(setting, risk, phi, v):
                if exhibit.value <= 0:
                    argument = (
                        f"∇²g_T has the eigenvalue {eigenvalue:.3g}: between the pair across it "
                        "g_T is not even strictly convex"
                    )
                    refutation = Refutation(argument, (exhibit,))
                    return self._result(setting, argument, refutation=refutation)
                if least is None or exhibit.value.upper() < least[1].value.upper():
                    least = eigenvalue, exhibit
        if least is None:
            return self._result(setting, "Φ has no room for a pair of parameters")
        eigenvalue, exhibit = least
        mu = infimum_from(
            exhibit.value,
            None,
            witness=exhibit.points,
            norm=Norm.SPECTRAL,
            region=region_of(setting),
        )
        because = (
            f"the smallest eigenvalue found at {len(points)} points of Φ is {eigenvalue:.3g}; a "
            "search says nothing about the others"
        )
        return self._result(setting, because, (Evidence("mu", mu, Asked.POSITIVE),))


def region_of(setting: Setting) -> str:
    """Φ and the horizon."""
    return f"Φ: {setting.phi}; T = {setting.steps}"


def search_points(setting: Setting) -> list[Tensor]:
    """The middle of Φ, and random points of it."""
    cover, points = as_box(setting.phi), point_set(setting.phi)
    drawn = points.sample(POINTS - 1, generator(setting.seed, purpose="A1 points"))
    return [points.inside(x) for x in (cover.midpoint[0], *drawn)]


def _eigenvalues(risk: Risk, phi: Tensor, radius: Tensor) -> tuple[float, float]:
    """(a lower end of λ_min over the box, an upper end of λ_min at its points)."""
    hessian = risk.hessian_on(phi, radius)
    lower = eigenvalues_between(hessian)[0].item()
    # λ_min is at most every diagonal entry in any basis: here that of the middle's eigenvectors.
    v = torch.linalg.eigh(hessian.midpoint)[1][:, 0]
    rayleigh = (hessian @ v.unsqueeze(-1)).squeeze(-1)
    product = (rayleigh * v).sum(-1)
    norm2 = float(v @ v)
    return lower, product.upper.item() / norm2 * (1 + 1e-15 if product.upper > 0 else 1 - 1e-15)


def _lowest(
    product: Callable[[Tensor], Tensor], p: int, stream: torch.Generator
) -> tuple[float, Tensor]:
    """The smallest eigenvalue of a symmetric v ↦ Hv on R^p and its vector, in float64."""
    if p <= DENSE:
        H = vmap(product)(torch.eye(p, dtype=torch.float64))
        values, vectors = torch.linalg.eigh((H + H.mT) / 2)
        return values[0].item(), vectors[:, 0]
    lowest, _ = extreme_eigenvalues(product, p, LANCZOS_STEPS, stream)
    return lowest.value, lowest.vector


def _across(setting: Setting, risk: Risk, phi: Tensor, v: Tensor) -> Iterator[Exhibit]:
    """Pairs φ ± hv of Φ, the farthest first."""
    points = point_set(setting.phi)
    for exponent in range(2, 20, 3):
        step = points.size * 2.0**-exponent * v
        pair = phi + step, phi - step
        if all(torch.equal(points.project(end), end) for end in pair) and step.any():
            yield risk.monotonicity(*pair)


def _degenerate(risk: ScalarRisk, phi: ParameterInterval) -> Refutation | None:
    """Where g_T'' vanishes in Φ: pairs of parameters ever closer to that point."""
    zero = risk.vanishing_curvature
    if zero is None:
        return None
    if isinstance(zero, arb) and not (exact(phi.lower) <= zero <= exact(phi.upper)):
        return None
    middle = float(zero.mid()) if isinstance(zero, arb) else (phi.lower + phi.upper) / 2
    nearest = min(max(middle, phi.lower), phi.upper)
    room = max(nearest - phi.lower, phi.upper - nearest)
    side = 1.0 if phi.upper - nearest >= nearest - phi.lower else -1.0

    def at(k: int) -> Exhibit:
        points = nearest, nearest + side * room * 2.0**-k
        with precision():
            derivatives = [risk.derivative(exact(p)) for p in points]
            ratio = (derivatives[0] - derivatives[1]) / (exact(points[0]) - exact(points[1]))
        return Exhibit(
            {"φ": (points[0],), "φ'": (points[1],)},
            {f"g'({n})": scalar(v) for n, v in zip(("φ", "φ'"), derivatives, strict=True)},
            "(g'(φ) − g'(φ')) / (φ − φ')",
            ratio,
        )

    if isinstance(zero, str):
        argument = "every task starts at its minimiser: g_T is constant, and μ = 0"
        return Refutation(argument, (at(0),))
    argument = (
        "∇l(x_0) is an eigenvector of H with one eigenvalue h for all tasks, and 1/h ∈ Φ: "
        "g_T''(1/h) = 0, so that no μ > 0 serves Φ"
    )
    because = "g_T'(φ) is a multiple of (φ − 1/h)^{2T−1}: the ratio falls to 0 with the distance"
    return Refutation.along(argument, Sequence(at, because, falls=True), _SHOWN)
