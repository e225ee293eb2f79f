"""`ml2o report`, `run` and `rebuild`: where they write, what they say, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from analyses.artefact import Artefact
from analyses.rendering.blocks import Finding, RowTable, Section
from analyses.settings import Preset, Profile, RunSettings
from ml2o_core.progress import Progress
from ml2o_core.results import CheckRow, Interval, Results, Row
from ml2o_core.spec import Spec

from .conftest import Program


class SampleConfig(Spec):
    """What the sample resolves to."""

    repeats: int


class Sample(Artefact):
    """One check whose verdict a test chooses; named while a test wants it in the registry."""

    title: ClassVar[str] = "A sample"
    presets: ClassVar[tuple[Preset, ...]] = (Preset.QUICK,)
    profiles: ClassVar[tuple[Profile, ...]] = (Profile.MATCHED,)
    observed: ClassVar[float] = 1.0
    solved: ClassVar[bool] = True

    def configuration(self, settings: RunSettings) -> SampleConfig:
        return SampleConfig(repeats=settings.repeats or 3)

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        verdict = "HOLDS" if self.observed <= 2 else "VIOLATED"
        with progress.task("work", total=1) as advance:
            advance()
        return [
            CheckRow(
                id="sample/check",
                artefact="sample",
                statement="Sample",
                kind="instance",
                tasks="none",
                rule="none",
                region="a point",
                T=1,
                graph="full",
                constants=(),
                observed=Interval.point(self.observed),
                bound=Interval.point(2),
                verdict=verdict if self.solved else "SOLVER_FAILED",
                vacuity="informative",
                reason="" if verdict == "HOLDS" and self.solved else "as planted",
            )
        ]

    def findings(self, results: Results) -> Sequence[Finding]:
        return [Finding("There is a check.", ("sample/check",))]

    def section(self, results: Results) -> Section:
        return Section((RowTable.of("One check.", results.checks, {"Verdict": "verdict"}),))


@pytest.fixture(autouse=True)
def sample(monkeypatch: pytest.MonkeyPatch) -> type[Sample]:
    """The sample is the only artefact there is."""
    monkeypatch.setattr(Sample, "name", "sample")
    monkeypatch.setattr(Artefact, "registry", classmethod(lambda cls: {"sample": Sample}))
    return Sample


def test_report_writes_the_page_and_the_results_of_its_preset(ml2o: Program) -> None:
    answer = ml2o("report")
    assert answer.code == 0
    assert ml2o.files()[-2:] == ["reports/quick/index.html", "reports/quick/results.json"]
    assert "reports/quick/index.html" in answer.out
    assert "1 HOLDS" in answer.out
    assert Results.load("reports/quick").checks["sample/check"].verdict == "HOLDS"


def test_run_writes_into_a_folder_of_its_own(ml2o: Program) -> None:
    assert ml2o("run sample").code == 0
    assert Path("runs/sample/index.html").is_file()
    assert ml2o("run sample --out elsewhere").code == 0
    assert Path("elsewhere/results.json").is_file()


def test_a_second_run_replaces_the_first(ml2o: Program) -> None:
    ml2o("run sample --out out")
    assert ml2o("run sample --out out --seed 3").code == 0
    assert Results.load("out").provenance["settings"]["seed"] == 3


def test_the_options_are_the_settings(ml2o: Program) -> None:
    options = "--preset quick --profile matched --device cpu --seed 7 --repeats 2 --time-limit 60"
    assert ml2o(f"run sample --out out {options}").code == 0
    settings = Results.load("out").provenance["settings"]
    expected = RunSettings(device="cpu", seed=7, repeats=2, time_limit=60.0)
    assert RunSettings.parse(settings) == expected
    assert Results.load("out").configuration["sample"] == {"repeats": 2}


@pytest.mark.parametrize("command", ["report", "run sample"])
@pytest.mark.parametrize(
    ("attribute", "value", "verdict"),
    [("observed", 3.0, "VIOLATED"), ("solved", False, "SOLVER_FAILED")],
)
def test_a_check_at_fault_is_exit_code_1(
    ml2o: Program,
    sample: type[Sample],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    attribute: str,
    value: float,
    verdict: str,
) -> None:
    """The results are written all the same: a violation is a result."""
    monkeypatch.setattr(sample, attribute, value)
    answer = ml2o(f"{command} --out out")
    assert answer.code == 1
    assert f"1 {verdict}" in answer.out
    assert "sample/check" in answer.out
    assert Path("out/index.html").is_file()


def test_json_says_the_same(ml2o: Program) -> None:
    answer = json.loads(ml2o("report --json").out)
    assert answer == {
        "page": "reports/quick/index.html",
        "results": "reports/quick/results.json",
        "checks": {"HOLDS": 1},
        "faults": [],
        "not_run": {},
    }


def test_what_a_report_leaves_out_is_said(ml2o: Program) -> None:
    """Under the standard preset the sample does not exist, so there is nothing to report."""
    answer = ml2o("report --preset standard")
    assert (answer.code, answer.out) == (2, "")
    assert ml2o.files() == []


def test_an_artefact_that_a_preset_lacks_is_bad_input(ml2o: Program) -> None:
    answer = ml2o("run sample --preset paper")
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert "preset: got 'paper'; allowed: quick" in answer.err


def test_rebuild_writes_a_runs_page_again(ml2o: Program) -> None:
    ml2o("run sample --out out")
    page = Path("out/index.html")
    first = page.read_bytes()
    page.unlink()
    answer = ml2o("rebuild out")
    assert (answer.code, answer.out) == (0, "page  out/index.html\n")
    assert page.read_bytes() == first


def test_rebuild_writes_every_page_of_a_collection_and_the_joined_one(ml2o: Program) -> None:
    ml2o("run sample --out all/matched")
    ml2o("run sample --out all/again --seed 3")
    assert not Path("all/index.html").exists()
    answer = json.loads(ml2o("rebuild all --json").out)
    pages = ["all/matched/index.html", "all/again/index.html", "all/index.html"]
    assert answer == {"pages": pages}
    assert "seed 3" in Path("all/again/index.html").read_text()
    assert "again/index.html" in Path("all/index.html").read_text()


def test_rebuild_names_the_damaged_run(ml2o: Program) -> None:
    ml2o("run sample --out all/matched")
    Path("all/matched/results.json").write_text("{")
    answer = ml2o("rebuild all")
    assert (answer.code, answer.out, len(answer.err.splitlines())) == (2, "", 1)
    assert answer.err.startswith("ml2o: run matched: results results.json: not readable")


def test_a_run_does_not_replace_a_collection(ml2o: Program) -> None:
    ml2o("run sample --out all/matched")
    ml2o("rebuild all")
    before = ml2o.files()
    answer = ml2o("run sample --out all")
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert "out: got 'all'; allowed: a folder that is new, empty, or an earlier run's" in answer.err
    assert ml2o.files() == before
