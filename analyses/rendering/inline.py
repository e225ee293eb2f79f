"""Inline markup: `$formula$`, `code` in backticks, and links.

`[label](#row id)`, `[label](https://…)`, and, to a page in a folder below this one's,
`[label](run/index.html#row id)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from markupsafe import Markup, escape

from analyses.rendering.formulas import mathml
from ml2o_core.errors import InvalidArgument

_TOKEN = re.compile(
    r"\$(?P<formula>[^$]+)\$|`(?P<code>[^`]+)`|\[(?P<label>[^\]]+)\]\((?P<target>[^)\s]+)\)"
)
_PAGE_BELOW = re.compile(r"(?:(?!\.{1,2}/)[\w.~%-]+/)+index\.html(?:#.+)?")


def inline(text: str, linked: Callable[[str], object]) -> Markup:
    """Text with its markup as HTML; everything else is escaped. `linked` hears of row links."""
    parts: list[Markup] = []
    position = 0
    for token in _TOKEN.finditer(text):
        parts.append(_plain(text[position : token.start()]))
        position = token.end()
        if formula := token["formula"]:
            parts.append(mathml(formula))
        elif code := token["code"]:
            parts.append(Markup("<code>{}</code>").format(code))
        else:
            label = inline(token["label"], linked)
            parts.append(_link(label, token["target"], linked))
    parts.append(_plain(text[position:]))
    return Markup("").join(parts)


def _plain(text: str) -> Markup:
    """Escaped text in which a hyphen before a number is a minus sign."""
    return escape(re.sub(r"(?<![\w-])-(?=\d)", "−", text))


def _link(label: Markup, target: str, linked: Callable[[str], object]) -> Markup:
    if target.startswith("#"):
        linked(target[1:])
    elif not target.startswith("https://") and not _PAGE_BELOW.fullmatch(target):
        raise InvalidArgument("link", target, "#row-id, https://… or folder/index.html#row-id")
    return Markup('<a href="{}">{}</a>').format(target, label)
