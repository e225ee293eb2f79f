"""A formula converts completely or is refused."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from analyses.rendering.formulas import mathml
from ml2o_core.errors import InvalidArgument

NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"


@pytest.mark.parametrize(
    "latex",
    [
        r"x_{t+1} = x_t + m(z_t, \phi)",
        r"\| \nabla g_T^1(\varphi) - \nabla g_T^2(\varphi) \| \le M \Delta_J + P_T \Delta Q^T",
        r"\ln \frac{1}{N} \sum_{n=1}^{N} f_n(x_{T,n})",
        r"\left( \frac{a}{b} \right)^{2T} \lVert x \rVert_\infty < \tilde\Delta_{12}",
        r"\{ x \in \mathbb{R}^d : x > 0 \}",
        r"f(x) = \begin{cases} a & x < 0 \\ b & x \ge 0 \end{cases}",
    ],
)
@pytest.mark.parametrize("display", [False, True])
def test_a_formula_becomes_mathml_with_its_latex_as_alternative(latex: str, display: bool) -> None:
    root = ElementTree.fromstring(mathml(latex, display=display))
    assert root.tag == NAMESPACE + "math"
    assert root.get("alttext") == latex
    assert root.get("display") == ("block" if display else "inline")
    assert "\\" not in "".join(root.itertext())


def test_the_structure_is_kept() -> None:
    root = ElementTree.fromstring(mathml(r"\frac{a}{b} + x_t^2"))
    (fraction,) = root.iter(NAMESPACE + "mfrac")
    assert [part.text for part in fraction.iter(NAMESPACE + "mi")] == ["a", "b"]
    (scripts,) = root.iter(NAMESPACE + "msubsup")
    assert ["".join(part.itertext()) for part in scripts] == ["x", "t", "2"]


@pytest.mark.parametrize(
    "latex",
    [
        r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
        r"\operatorname*{argmin}_x f",
        r"\unknown{x}",
        r"\sup_x\nolimits f",
        r"\frac{a}{b",
        "a}{b",
        "a & b",
        r"\left( a",
        r"\bigl\| x \bigr\|",
    ],
)
def test_what_does_not_convert_cleanly_is_refused_in_one_line(latex: str) -> None:
    with pytest.raises(InvalidArgument, match="formula") as refused:
        mathml(latex)
    assert "\n" not in str(refused.value)
