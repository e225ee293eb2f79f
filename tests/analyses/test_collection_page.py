"""The joined page: what two runs say of the same is one row, and what one lacks is a dash."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

from markupsafe import escape

from analyses.collection import render_collection, runs_in
from analyses.collection_claims import counts
from analyses.collection_runs import Run, run_row
from analyses.collection_scores import sentences
from analyses.report import rebuild
from ml2o_core.results import Results

from .collection_demo import DT, SUBOPTIMALITY, claim, score, store


def table(page: str, caption: str) -> list[list[str]]:
    """The cells of the table under a caption, its heading first, as text."""
    block = page[page.index(escape(caption)) :]
    block = block[block.index("<table") : block.index("</table>")]
    rows = re.findall(r"<tr.*?</tr>", block, re.DOTALL)
    cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL) for row in rows]
    return [[text_of(cell.replace("<br>", " ")) for cell in row] for row in cells]


def text_of(page: str) -> str:
    """A page as text."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


def test_a_claim_of_two_runs_is_one_row_with_both_verdicts(two: Path) -> None:
    page = render_collection(two).read_text()
    assert table(page, "Every claim of the paper") == [
        ["claim", "source", "paper", "matched"],
        [
            *("The claim a/claim/m-l2o/tl", "Table 1"),
            *("✓ reproduced −1.00 [−1.50, −0.50]", "○ undecided 0.10 [−0.40, 0.60]"),
        ],
        ["The claim b", "Table 1", "✗ reversed 1.25 [0.75, 1.75]", "–"],
        ["The claim c", "Table 1", "○ undecided", "–"],
    ]
    assert table(page, "Claims that only a sweep assesses") == [
        ["claim", "source", "sweeps"],
        ["The claim sweep", "Table 1", "✓ reproduced −2.50 [−3.00, −2.00]"],
    ]


def test_a_claim_that_says_something_else_is_another_row(tmp_path: Path) -> None:
    """One id, two sources: joined, the row would say of one what holds of the other."""
    store(tmp_path / "paper", "paper", claim("a", "reproduced"))
    store(tmp_path / "matched", "matched", claim("a", "reversed", 1.0, source="Figure 2a"))
    page = render_collection(tmp_path).read_text()
    rows = table(page, "Every claim of the paper")[1:]
    assert [row[1:] for row in rows] == [
        ["Table 1", "✓ reproduced −1.00 [−1.50, −0.50]", "–"],
        ["Figure 2a", "–", "✗ reversed 1.00 [0.50, 1.50]"],
    ]
    assert page.count('id="table1/a"') == 1


def test_the_counts_are_those_of_the_rows(two: Path) -> None:
    page = text_of(render_collection(two).read_text())
    for sentence in (
        "Profile paper (preset paper): of 3 claims 1 reproduced, 1 reversed, 1 undecided.",
        "Profile matched (preset paper): of 1 claims 0 reproduced, 0 reversed, 1 undecided.",
        "Run sweeps (profile paper, preset paper): of 1 claims 1 reproduced,",
        "in profile paper (preset paper), of 1 panels 1 reproduced, 0 reversed, 0 undecided; "
        "in profile matched (preset paper), of 1 panels 0 reproduced, 0 reversed, 1 undecided.",
    ):
        assert sentence in page
    none = [claim("a", "not assessed", None)]
    assert counts(none) == "0 reproduced, 0 reversed, 0 undecided, 1 not assessed"


def test_intervals_are_counted_once_and_what_survives_is_said(two: Path) -> None:
    runs = [Run(name, results) for name, results in runs_in(two).items()]
    assert sentences(runs) == [
        "paper: M-L2O − TL, by the paper's score: "
        "1 of 1 intervals lie below 0, 0 contain 0, 0 lie above 0.",
        "matched: M-L2O − TL, by the paper's score: "
        "0 of 1 intervals lie below 0, 1 contain 0, 0 lie above 0.",
        "By the paper's score, M-L2O is better than TL in 1 of 1 comparisons under paper; "
        "under matched it still is in 0 of them.",
    ]


def test_an_advantage_that_is_nowhere_is_said_to_be_nowhere() -> None:
    def run(name: str, *means: float | None) -> Run:
        rows = [score(mean, panel=f"σ = {place}") for place, mean in enumerate(means)]
        return Run(name, Results(tuple(rows)))

    said = sentences([run("released", 0.2, 3.0, None), run("matched", -2.0, 0.1, 1.0)])
    assert said[0].endswith("0 of 2 intervals lie below 0, 1 contain 0, 1 lie above 0.")
    assert said[-1].startswith("By neither score does a comparison under released show M-L2O")
    survives = sentences([run("released", -3.0, -2.5), run("matched", -2.0, 0.1)])[-1]
    assert (
        "in 2 of 2 comparisons under released; under matched it still is in 1 of them" in survives
    )


def test_differences_and_table_1_stand_beside_each_other(two: Path) -> None:
    store(two / "released", "released", score(-4.0, score=SUBOPTIMALITY))
    page = render_collection(two).read_text()
    assert table(page, "Paired differences of the paper's score")[1] == [
        *("Table 1", "σ = 10", "M-L2O − Transfer Learning (TL)"),
        *("−1.00", "[−1.50, −0.50]", "0.10", "[−0.40, 0.60]"),
    ]
    assert table(page, "Paired differences of the minimum over the steps of ln (mean of f")[1][
        3:
    ] == [*("−4.00", "[−4.50, −3.50]")]
    assert table(page, "The paper's score on LASSO")[1:] == [
        ["10", DT, "−4.233", "", "−2.00", "[−2.50, −1.50]", "–", ""],
        ["10", "M-L2O", "−3.712", "", "–", "", "−3.00", "[−3.50, −2.50]"],
    ]


def test_runs_reasons_and_gaps_are_listed_and_every_link_leads_somewhere(two: Path) -> None:
    (two / "not_run.json").write_text(
        json.dumps([{"what": "K = 50,000", "why": "no time", "cost": "12 h a training"}])
    )
    rebuild(two)
    page = (two / "index.html").read_text()
    assert [row[:7] for row in table(page, "Every run, with a link")[1:]] == [
        ["paper", "paper", "paper", "5,000", "10", "cuda", "cpu"],
        ["matched", "matched", "paper", "10,000", "10", "cuda", "cpu"],
        ["sweeps", "paper", "paper", "5,000", "10", "cuda", "cpu"],
    ]
    assert table(page, "What is missing, and why")[1:] == [
        ["K = 50,000", "–", "no time", "12 h a training"],
        ["figure4, figure3", "paper", "stopped by the limit", "–"],
    ]
    assert "paper: Of 10 trained replicates 2 diverged in meta-training." in text_of(page)
    links = re.findall(r'<a href="([^"]+)"', page)
    assert {"paper/index.html", "matched/index.html#training"} <= set(links)
    for link in links:
        path, _, anchor = link.partition("#")
        there = (two / (path or "index.html")).read_text()
        assert not anchor or f'id="{anchor}"' in there, link
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_links_to_rows_lead_to_the_runs_own_page() -> None:
    run = Run("a run", Results(()))
    moved = run.moved("[T = 20](#proposition1/t/20) and [it](https://a.org).")
    assert moved == "[T = 20](a%20run/index.html#proposition1/t/20) and [it](https://a.org)."


def test_a_run_without_trainings_has_no_number_of_windows(two: Path) -> None:
    quick = runs_in(two)["paper"]
    quick = Results(tuple(row for row in quick.rows if row.table != "fits"), quick.provenance)
    assert (run_row(Run("paper", quick)).windows, run_row(Run("paper", quick)).trained_on) == (
        "",
        "",
    )


def test_runs_without_claims_and_comparisons_have_a_page_too(tmp_path: Path) -> None:
    store(tmp_path / "one", "paper")
    page = text_of(render_collection(tmp_path).read_text())
    assert "No run of this collection assesses a claim." in page
    assert "No run of this collection compares M-L2O with TL or DT." in page
    assert "Nothing was left out." in page
