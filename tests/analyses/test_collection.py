"""A folder of runs: what it holds, what it refuses, and that nothing damaged is overlooked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from analyses.artefact import Artefact
from analyses.collection import (
    CollectionError,
    NotRun,
    is_collection,
    not_run_in,
    render_collection,
    runs_in,
)
from analyses.report import rebuild
from analyses.runner import run_artefacts
from analyses.settings import RunSettings
from ml2o_core.errors import InvalidArgument, ML2OError

from .collection_demo import store


def test_runs_come_profile_by_profile_and_then_by_name(two: Path) -> None:
    store(two / "again", "released")
    (two / "trainings").mkdir()
    assert list(runs_in(two)) == ["paper", "matched", "again", "sweeps"]
    assert is_collection(two)
    assert not is_collection(two / "paper")
    assert not is_collection(two / "trainings")
    assert runs_in(two / "absent") == {}


def test_a_rebuild_is_the_same_bytes_and_writes_every_page(two: Path) -> None:
    written = rebuild(two)
    names = ["paper", "matched", "sweeps"]
    assert written == [*(two / name / "index.html" for name in names), two / "index.html"]
    first = [path.read_bytes() for path in written]
    for path in written:
        path.unlink()
    assert [path.read_bytes() for path in rebuild(two)] == first


def truncate(run: Path) -> None:
    text = (run / "results.json").read_text()
    (run / "results.json").write_text(text[: len(text) // 2])


def lose(run: Path) -> None:
    (run / "results.json").rename(run / "index.html")


def forget(run: Path) -> None:
    document = json.loads((run / "results.json").read_text())
    del document["provenance"]["machine"]
    (run / "results.json").write_text(json.dumps(document))


def swap(run: Path) -> None:
    text = (run / "results.json").read_text()
    (run / "results.json").write_text(text.replace('"profile": "matched"', '"profile": "paper"'))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (truncate, "run matched: results results.json: not readable as JSON"),
        (lose, "run matched: results results.json: there is no such file"),
        (forget, "run matched: machine: got "),
        (swap, "run matched: its results are of the profile paper"),
    ],
)
def test_a_damaged_run_is_named_and_no_page_is_touched(
    two: Path, damage: Callable[[Path], None], said: str
) -> None:
    (two / "index.html").write_text("the last page")
    damage(two / "matched")
    with pytest.raises(CollectionError, match=said) as refused:
        rebuild(two)
    assert "\n" not in str(refused.value)
    assert (two / "index.html").read_text() == "the last page"
    assert not (two / "paper/index.html").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "not_run.json: not readable as JSON"),
        ("{}", "not_run.json: not a list"),
        ('[{"what": "a", "why": "b"}]', "not_run.json, entry 1: cost: got "),
        ('[{"what": "a", "why": "b", "cost": "c", "when": "d"}]', "entry 1: when: got 'd'"),
        ('["a"]', "not_run.json, entry 1: "),
    ],
)
def test_a_list_of_what_was_not_run_is_validated(tmp_path: Path, text: str, said: str) -> None:
    assert not_run_in(tmp_path) == []
    (tmp_path / "not_run.json").write_text(text)
    with pytest.raises(ML2OError, match=said):
        not_run_in(tmp_path)
    (tmp_path / "not_run.json").write_text('[{"what": "a", "why": "b", "cost": "c"}]')
    assert not_run_in(tmp_path) == [NotRun(what="a", why="b", cost="c")]


@pytest.mark.parametrize("with_page", [True, False])
def test_no_run_is_written_into_a_collection(
    demo: type[Artefact], two: Path, with_page: bool
) -> None:
    if with_page:
        render_collection(two)
    before = sorted(two.rglob("*"))
    with pytest.raises(InvalidArgument, match="out"):
        run_artefacts(["demo"], RunSettings(), two)
    assert sorted(two.rglob("*")) == before
    run_artefacts(["demo"], RunSettings(), two / "demo")
    assert list(runs_in(two)) == ["paper", "matched", "demo", "sweeps"]


def test_a_folder_that_is_neither_is_refused(two: Path) -> None:
    with pytest.raises(InvalidArgument, match="folder"):
        render_collection(two / "paper")
    (two / "empty").mkdir()
    for folder in (two / "empty", two / "absent"):
        with pytest.raises(InvalidArgument, match="folder"):
            rebuild(folder)


def test_a_collection_is_no_run_of_the_folder_above(two: Path) -> None:
    """Its page without results of its own is no damage."""
    render_collection(two)
    store(two.parent / "above/one", "paper")
    two.rename(two.parent / "above/two")
    assert list(runs_in(two.parent / "above")) == ["one"]
