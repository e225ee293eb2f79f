"""Inline markup: formulas, code and links; everything else is escaped."""

from __future__ import annotations

import pytest

from analyses.rendering.formulas import mathml
from analyses.rendering.inline import inline
from ml2o_core.errors import InvalidArgument


def test_text_is_escaped() -> None:
    assert inline("a < b & c", set().add) == "a &lt; b &amp; c"


def test_markup_becomes_html() -> None:
    heard: set[str] = set()
    made = inline(
        r"The $x_t$ of `run <x>`, [row $a$](#demo/t=1), [paper](https://a.org/b).", heard.add
    )
    assert made == (
        f"The {mathml('x_t')} of <code>run &lt;x&gt;</code>, "
        f'<a href="#demo/t=1">row {mathml("a")}</a>, <a href="https://a.org/b">paper</a>.'
    )
    assert heard == {"demo/t=1"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("from -3.2 to -1", "from −3.2 to −1"),
        ("(-3)", "(−3)"),
        ("1-2 and M-L2O and 10-20", "1-2 and M-L2O and 10-20"),
    ],
)
def test_a_hyphen_before_a_number_is_a_minus(text: str, shown: str) -> None:
    assert inline(text, set().add) == shown


def test_a_page_in_a_folder_below_is_a_link_and_no_row_of_this_page() -> None:
    heard: set[str] = set()
    made = inline("[there](a%20b/index.html#demo/t=1) and [all](c/index.html)", heard.add)
    assert made == (
        '<a href="a%20b/index.html#demo/t=1">there</a> and <a href="c/index.html">all</a>'
    )
    assert heard == set()


OTHERS = [
    *("javascript:alert(1)", "http://a.org", "page.html", "index.html"),
    *("../index.html", "a/../index.html", "/a/index.html", "https:/index.html"),
]


@pytest.mark.parametrize("target", OTHERS)
def test_other_links_are_refused(target: str) -> None:
    with pytest.raises(InvalidArgument, match="link"):
        inline(f"[here]({target})", set().add)
