"""LaTeX to MathML, with a check that the whole formula came through.

latex2mathml leaves what it does not know as literal text (`\\nolimits`, the `&` of `aligned`), so a
formula can look converted and be wrong. Whatever is left over is refused here.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markupsafe import Markup, escape

from ml2o_core.errors import InvalidArgument

_DROPPED = re.compile(r"\\operatorname\*|\\begin\{(?:aligned|align|split|gathered)\*?\}")
_ESCAPED_BRACE = re.compile(r"\\[{}]")


def mathml(latex: str, *, display: bool = False) -> Markup:
    r"""The formula as a `<math>` element with the LaTeX as its text alternative.

    Raises `InvalidArgument` for a formula that does not convert cleanly: unknown commands,
    unbalanced braces, alignment (`aligned`, `&` outside of a table), `\operatorname*`.
    """
    if found := _DROPPED.search(latex):
        raise InvalidArgument("formula", latex, f"a formula without {found.group()}")
    _balanced(latex)
    try:
        converted = convert(latex, display="block" if display else "inline")
        root = ElementTree.fromstring(converted)
    except Exception as error:
        raise InvalidArgument("formula", latex, f"LaTeX that converts ({error!r})") from None
    for element in root.iter():
        if "\\" in (element.text or "") or "&" in (element.text or ""):
            raise InvalidArgument("formula", latex, f"known commands, not {element.text}")
    attributes = f' alttext="{escape(" ".join(latex.split()))}"'
    return Markup(converted.replace("<math", f"<math{attributes}", 1))


def _balanced(latex: str) -> None:
    depth = 0
    for character in _ESCAPED_BRACE.sub("", latex):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            break
    if depth:
        raise InvalidArgument("formula", latex, "balanced braces")
