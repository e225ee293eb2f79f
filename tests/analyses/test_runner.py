"""Running artefacts: bad input writes nothing, a limit keeps what is finished, the page follows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from analyses import report as report_module
from analyses.artefact import Artefact
from analyses.provenance import Provenance
from analyses.publish import _missing
from analyses.rendering.blocks import Finding
from analyses.report import ALONE, rebuild, report
from analyses.runner import run_artefacts
from analyses.settings import Preset, RunSettings
from ml2o_core.errors import InvalidArgument, ML2OError
from ml2o_core.progress import Progress
from ml2o_core.results import Results, Row


def test_a_run_saves_its_results_and_its_page(demo: type[Artefact], tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    results = run_artefacts(["demo"], RunSettings(seed=2, repeats=5), out)
    assert Results.load(out) == results
    assert results.scores["demo/score"].mean == -5.0
    assert results.configuration["demo"]["repeats"] == 5
    kept = Provenance.parse(results.provenance)
    assert kept.settings == RunSettings(seed=2, repeats=5)
    assert set(kept.seconds) == {"demo"}
    assert kept.not_run == {}
    assert "−5.00" in (out / "index.html").read_text()


def test_the_page_is_rebuilt_from_the_folder_alone_byte_for_byte(
    demo: type[Artefact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_artefacts(["demo"], RunSettings(), tmp_path)
    first = (tmp_path / "index.html").read_bytes()
    (tmp_path / "index.html").unlink()

    def rerun(*arguments: object) -> Sequence[Row]:
        raise AssertionError("a rebuild must not run anything")

    monkeypatch.setattr(demo, "run", rerun)
    assert rebuild(tmp_path) == [tmp_path / "index.html"]
    assert (tmp_path / "index.html").read_bytes() == first
    rebuild(tmp_path)
    assert (tmp_path / "index.html").read_bytes() == first


@pytest.mark.parametrize(
    ("names", "settings", "said"),
    [
        (["nobody"], {}, "artefact"),
        ([], {}, "artefacts"),
        (["demo"], {"profile": "released"}, "profile"),
        (["demo", "nobody"], {}, "nobody"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    demo: type[Artefact], tmp_path: Path, names: list[str], settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ML2OError, match=said) as refused:
        run_artefacts(names, RunSettings(**settings), tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_place_of_the_folder_is_refused(demo: type[Artefact], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InvalidArgument, match="out"):
        run_artefacts(["demo"], RunSettings(), tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_an_artefact_stopped_by_the_limit_is_named_on_the_page(
    demo: type[Artefact], tmp_path: Path
) -> None:
    results = run_artefacts(["demo"], RunSettings(time_limit=1e-6), tmp_path)
    assert results.rows == ()
    not_run = Provenance.parse(results.provenance).not_run
    assert not_run == {"demo": "stopped by the time limit of 1e-06 s"}
    assert "demo is missing: stopped by the time limit" in (tmp_path / "index.html").read_text()


def test_rows_of_another_artefact_are_refused(
    demo: type[Artefact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = demo.run

    def foreign(self: Artefact, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        return [row.with_changes(artefact="other") for row in run(self, settings, progress)]

    monkeypatch.setattr(demo, "run", foreign)
    with pytest.raises(InvalidArgument, match="other"):
        run_artefacts(["demo"], RunSettings(), tmp_path)


def test_the_report_runs_what_exists_and_names_the_rest(
    demo: type[Artefact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OnlyMatched(demo):  # type: ignore[misc,valid-type]
        profiles: ClassVar = ("matched",)

    members = {"demo": demo, "only-matched": OnlyMatched}
    monkeypatch.setattr(report_module.Artefact, "registry", classmethod(lambda cls: members))
    results = report(RunSettings(profile="paper"), tmp_path)
    kept = Provenance.parse(results.provenance)
    assert set(kept.seconds) == {"demo"}
    assert set(kept.not_run) == {"only-matched"}
    assert "profile" in kept.not_run["only-matched"]
    assert _missing({"a": "why", "b": "else", "c": "why"}) == [
        "a, c are missing: why.",
        "b is missing: else.",
    ]


def test_a_finding_without_a_row_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="rows"):
        Finding("Everything is fine.", ())


def test_every_artefact_is_complete() -> None:
    for name, artefact in Artefact.registry().items():
        assert artefact.title, name
        assert artefact.profiles, name
        assert artefact.presets, name
        for profile in artefact.profiles:
            for preset in artefact.presets:
                settings = RunSettings(profile=profile, preset=preset)
                configuration = artefact().configuration(settings)
                assert type(configuration).parse(configuration.model_dump(mode="json"))


def test_the_quick_report_names_what_it_has_no_time_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is run alone in any preset, so what is left out is said to be for the time."""
    ran: dict[str, str] = {}

    def keep(names: list[str], *arguments: object, left_out: dict[str, str]) -> Results:
        ran.update(dict.fromkeys(names, "run"), **left_out)
        return Results(())

    monkeypatch.setattr("analyses.report.run_artefacts", keep)
    report(RunSettings(preset=Preset.QUICK), tmp_path)
    assert set(ran) == set(Artefact.registry())
    assert (ran["figure2"], ran["figure3"]) == ("run", ALONE)
    Artefact.lookup("figure3")().check(RunSettings(preset=Preset.QUICK))
    report(RunSettings(preset=Preset.STANDARD), tmp_path)
    assert ran["figure3"] == "run"
