r"""A3: the loss, the rule and their derivatives are Lipschitz (a–f), with one constant each.

On X × Φ × Z, convex. For functions with a derivative, a Lipschitz constant is a supremum of the
norm of the derivative; so a constant that is finite at its certified upper end is one that holds.

What refutes it is a sequence of pairs (or points) whose ratio exceeds every constant: across
LASSO's kink, along a ray of R^d, or across the kink in RNNprop's second derivative. The paper uses
A3f in Lemma 7 without saying so.
"""

from __future__ import annotations

from typing import ClassVar

from ml2o_theory.assumptions.base import (
    Assumption,
    AssumptionCheck,
    Evidence,
    Proof,
    Refutation,
    Setting,
)
from ml2o_theory.assumptions.rule_constants import of_rule
from ml2o_theory.assumptions.task_constants import ORDER, of_tasks
from ml2o_theory.enclosure import Enclosure


class Lipschitz(Assumption):
    """One of A3a–A3f: every one of its constants is finite."""

    def region(self, setting: Setting) -> str:
        """The sets that the constants are suprema over."""
        about_tasks = any(symbol in ORDER for symbol in self.constants)
        about_rule = any(symbol not in ORDER for symbol in self.constants)
        x = [f"X: {setting.x or 'R^d'}"] if about_tasks else []
        rule = [f"Φ: {setting.phi}", f"Z: {setting.z or 'R^d'}"] if about_rule else []
        return "; ".join(x + rule)

    def check(self, setting: Setting) -> AssumptionCheck:
        region = self.region(setting)
        evidence: list[Evidence] = []
        proofs: list[str] = []
        gaps: list[str] = []
        for symbol in self.constants:
            if symbol in ORDER:
                found = of_tasks(setting.tasks, symbol, setting.x, region, setting.seed)
            else:
                found = of_rule(setting, symbol, region)
            match found:
                case Refutation():
                    return AssumptionCheck(
                        self.name, setting.subject, region, found.argument, refutation=found
                    )
                case Enclosure():
                    evidence.append(Evidence(symbol, found))
                case Proof():
                    proofs.append(f"{symbol}: {found.text}")
                case str():
                    gaps.append(f"{symbol}: {found}")
        finite = [str(part) for part in evidence]
        return AssumptionCheck(
            self.name,
            setting.subject,
            region,
            "; ".join(gaps + proofs + finite),
            tuple(evidence),
            argued=bool(proofs),
            gap=bool(gaps),
        )


class A3a(Lipschitz):
    """The loss is M-Lipschitz."""

    name: ClassVar[str] = "A3a"
    title: ClassVar[str] = "Lipschitz loss"
    latex: ClassVar[str] = r"\| l(x) - l(x') \| \le M \| x - x' \|"
    words: ClassVar[str] = "The optimizee's loss is M-Lipschitz on X."
    hypotheses: ClassVar[tuple[str, ...]] = ("x, x' ∈ X, convex",)
    constants: ClassVar[tuple[str, ...]] = ("M",)


class A3b(Lipschitz):
    """The gradient is L-Lipschitz."""

    name: ClassVar[str] = "A3b"
    title: ClassVar[str] = "Lipschitz gradient"
    latex: ClassVar[str] = r"\| \nabla l(x) - \nabla l(x') \| \le L \| x - x' \|"
    words: ClassVar[str] = "The gradient of the loss is L-Lipschitz on X."
    hypotheses: ClassVar[tuple[str, ...]] = ("x, x' ∈ X, convex",)
    constants: ClassVar[tuple[str, ...]] = ("L",)


class A3c(Lipschitz):
    """The Hessian is ρ-Lipschitz."""

    name: ClassVar[str] = "A3c"
    title: ClassVar[str] = "Lipschitz Hessian"
    latex: ClassVar[str] = r"\| \nabla^2 l(x) - \nabla^2 l(x') \| \le \rho \| x - x' \|"
    words: ClassVar[str] = "The Hessian of the loss is ρ-Lipschitz on X."
    hypotheses: ClassVar[tuple[str, ...]] = ("x, x' ∈ X, convex",)
    constants: ClassVar[tuple[str, ...]] = ("rho",)


class A3d(Lipschitz):
    """The rule is Lipschitz in the gradient and in φ."""

    name: ClassVar[str] = "A3d"
    title: ClassVar[str] = "Lipschitz rule"
    latex: ClassVar[str] = (
        r"\| m(z, \varphi) - m(z', \varphi') \| "
        r"\le M_{m1} \| z - z' \| + M_{m2} \| \varphi - \varphi' \|"
    )
    words: ClassVar[str] = "The update rule is Lipschitz in the gradient and in its parameters."
    hypotheses: ClassVar[tuple[str, ...]] = ("z, z' ∈ Z and φ, φ' ∈ Φ, convex",)
    constants: ClassVar[tuple[str, ...]] = ("M_m1", "M_m2")


class A3e(Lipschitz):
    """The rule's Jacobians are L_m-Lipschitz."""

    name: ClassVar[str] = "A3e"
    title: ClassVar[str] = "Lipschitz Jacobians of the rule"
    latex: ClassVar[str] = (
        r"\| \nabla_i m(z, \varphi) - \nabla_i m(z', \varphi') \| "
        r"\le L_m ( \| z - z' \| + \| \varphi - \varphi' \| )"
    )
    words: ClassVar[str] = (
        "Both Jacobians of the update rule are Lipschitz, with one constant, in the sum norm."
    )
    hypotheses: ClassVar[tuple[str, ...]] = ("z, z' ∈ Z and φ, φ' ∈ Φ, convex", "i = 1 and 2")
    constants: ClassVar[tuple[str, ...]] = ("L_m",)


class A3f(Lipschitz):
    """Third derivatives of the loss and second ones of the rule are Lipschitz (Lemma 7)."""

    name: ClassVar[str] = "A3f"
    title: ClassVar[str] = "Lipschitz third derivatives"
    latex: ClassVar[str] = (
        r"\| \nabla^3 l(x) - \nabla^3 l(x') \| \le \tau \| x - x' \|, \quad "
        r"\| \nabla^2 m(z, \varphi) - \nabla^2 m(z', \varphi') \| "
        r"\le \rho_m ( \| z - z' \| + \| \varphi - \varphi' \| )"
    )
    words: ClassVar[str] = (
        "Lemma 7 alone needs one derivative more: the third of the loss and the second of the rule "
        "are Lipschitz. The paper leaves it implicit."
    )
    hypotheses: ClassVar[tuple[str, ...]] = ("X, Z and Φ convex",)
    constants: ClassVar[tuple[str, ...]] = ("tau", "rho_m")
