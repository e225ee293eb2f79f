"""The paper's figures: shared trainings, panels that are kept, and every claim as a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analyses import profiles
from analyses.convergence import ConvergenceArtefact, thinned
from analyses.convergence_page import findings
from analyses.figure2 import Figure2
from analyses.figure3 import Figure3
from analyses.figure4 import Figure4
from analyses.figure_a5a import FigureA5a
from analyses.panels import Scored
from analyses.profiles import Size
from analyses.runner import run_artefacts
from analyses.seed_scores import PAPER
from analyses.settings import Preset, RunSettings
from analyses.table1 import Table1
from analyses.trainings import FOLDER, Trainings, name_of
from ml2o_core.errors import CheckpointError, InvalidArgument
from ml2o_core.meta.config import TrainConfig
from ml2o_core.methods import METHODS
from ml2o_core.progress import Progress
from ml2o_core.results import CurveRow, Results, ScoreRow, row_id
from ml2o_core.results.vocabulary import Score
from ml2o_core.tasks.lasso import Lasso

TINY = Size(windows=3, repeats=2, batch_size=3, test_steps=4, test_size=3, lengths=(20, 40))
SETTINGS = RunSettings(preset=Preset.STANDARD, profile="paper")


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every preset at a size of seconds."""
    monkeypatch.setattr(profiles, "SIZES", dict.fromkeys(Preset, TINY))
    monkeypatch.setattr("analyses.kept_frames.WORKERS", 1)


def counted(monkeypatch: pytest.MonkeyPatch, where: str, name: str) -> list[Any]:
    """The calls of a function, which goes on as before."""
    module = __import__(where, fromlist=[name])
    whole, calls = getattr(module, name), []

    def wrapper(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        return whole(*arguments, **named)

    monkeypatch.setattr(f"{where}.{name}", wrapper)
    return calls


def test_artefacts_of_one_folder_share_their_trainings_and_keep_their_panels(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("analyses.trainings.WORKERS", 1)
    trained = counted(monkeypatch, "analyses.trainings", "train")
    first = run_artefacts(["figure-a5a"], SETTINGS, tmp_path)
    assert len(trained) == 3  # plain, exact, first order
    assert len(list((tmp_path / FOLDER).iterdir())) == 3
    compared = counted(monkeypatch, "analyses.panels", "compare_panel")
    again = run_artefacts(["figure-a5a"], SETTINGS, tmp_path)
    assert (len(trained), len(compared)) == (3, 0)
    assert again.rows == first.rows


@pytest.mark.slow
def test_a_stopped_run_goes_on_with_the_panels_and_the_training_that_it_had(
    tmp_path: Path,
) -> None:
    whole = run_artefacts(["figure2"], SETTINGS, tmp_path / "whole")
    stops = 0
    for _ in range(40):
        part = run_artefacts(["figure2"], SETTINGS.with_changes(time_limit=1.0), tmp_path / "parts")
        if not part.provenance["not_run"]:
            break
        stops += 1
    assert 0 < stops < 40
    assert part.rows == whole.rows


def test_a_damaged_training_is_named(tmp_path: Path) -> None:
    config = TrainConfig(family=Lasso(rows=2, cols=2), windows=1, unroll_steps=1, batch_size=1)
    trainings = Trainings(tmp_path, torch.device("cpu"), Progress())
    trainings.get(config)
    for path in (tmp_path / name_of(config)).glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="damaged"):
        Trainings(tmp_path, torch.device("cpu"), Progress()).get(config)


def test_a_folder_of_trainings_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "mine.txt").write_text("mine")
    with pytest.raises(InvalidArgument, match="out"):
        run_artefacts(["figure2"], SETTINGS, tmp_path)
    assert (tmp_path / FOLDER / "mine.txt").read_text() == "mine"


def by_panel(artefact: ConvergenceArtefact) -> dict[str, Scored]:
    """Scores of two seeds in every panel, no two alike; DT's are the same in all of them."""
    names = list(METHODS)
    found = {}
    for p, panel in enumerate(artefact.panels(SETTINGS)):
        score = {
            name: np.array([1.0, 2.0]) + k + (0 if name == "dt" else p / 100)
            for k, name in enumerate(names)
        }
        everyone = dict.fromkeys(names, np.array([True, True]))
        found[panel.label] = Scored(dict.fromkeys(Score, score), everyone)
    return found


def test_the_claims_of_table_1() -> None:
    found = Table1().claims(SETTINGS, by_panel(Table1()))
    pairs = {tuple(claim.id.split("/")[-2:]) for claim in found}
    assert {("dt", "tl"), ("tl", "m-l2o"), ("m-l2o", "tl"), ("m-l2o", "dt")} <= pairs
    assert len(found) == len({claim.id for claim in found}) == 2 * 2 + 3 * 2 + 5 * 3


def test_a_claim_compares_the_seeds_that_both_methods_have() -> None:
    found = by_panel(Figure2())
    here = found["σ = 50"]
    lacking = {**here.counted, "tl": np.array([False, True])}
    found["σ = 50"] = Scored(here.scores, lacking)
    claim = Figure2().order_claim("σ = 50", "m-l2o", "tl", found)
    assert claim.better.tolist() == here.scores[PAPER]["m-l2o"][1:].tolist()
    assert claim.worse.tolist() == here.scores[PAPER]["tl"][1:].tolist()


def test_a_claim_about_speed_compares_another_score() -> None:
    found = by_panel(Figure2())
    here = found["σ = 50"]
    speed = Score.AVERAGE_LN_MEAN_OBJECTIVE
    faster = {"m-l2o": np.array([-7.0, -8.0]), "tl": np.array([3.0, 4.0])}
    scores = {**here.scores, speed: {**here.scores[speed], **faster}}
    found["σ = 50"] = Scored(scores, here.counted)
    claims = {claim.id: claim for claim in Figure2().claims(SETTINGS, found)}
    claim = claims["figure2/sigma=50/claim/m-l2o/tl/average-ln-mean-objective"]
    assert (claim.better.tolist(), claim.worse.tolist()) == ([-7, -8], [3, 4])
    assert "converges faster" in claim.text
    plain = claims["figure2/sigma=50/claim/m-l2o/tl"]
    assert plain.better.tolist() == here.scores[PAPER]["m-l2o"].tolist()


@pytest.mark.slow
def test_figures_2_and_table_1_share_their_panels(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two of Table 1's five are Figure 2's, and a row differs by the artefact's name alone."""
    first = run_artefacts(["figure2"], SETTINGS, tmp_path)
    compared = counted(monkeypatch, "analyses.panels", "compare_panel")
    second = run_artefacts(["table1"], SETTINGS, tmp_path)
    assert len(compared) == 3
    scores = {row.id: row for row in second.scores}
    for row in first.scores:
        other = scores[row.id.replace("figure2", "table1", 1)]
        assert other.with_changes(id=row.id, artefact=row.artefact) == row


def test_stored_curves_have_fewer_steps_and_the_same_values() -> None:
    steps = tuple(range(41))
    curve = CurveRow(
        id="figure2/curve",
        artefact="figure2",
        panel="p",
        method="m",
        quantity="q",
        step=steps,
        estimate=tuple(float(s * s) for s in steps),
        lower=tuple(float(s) for s in steps),
        upper=tuple(float(s**3) for s in steps),
    )
    found = thinned(curve)
    assert isinstance(found, CurveRow)
    assert found.step == (*range(21), 25, 30, 35, 40)
    assert found.estimate == tuple(float(s * s) for s in found.step)
    assert found.upper == tuple(float(s**3) for s in found.step)


def test_figure_4_compares_across_its_panels() -> None:
    found = by_panel(Figure4())
    claims = Figure4().claims(SETTINGS, found)
    across = [claim for claim in claims if "when adapted to" in claim.text]
    near, far = (found[f"adapted to σ = {sigma}"].scores[PAPER] for sigma in (10, 100))
    assert [(c.better.tolist(), c.worse.tolist()) for c in across] == [
        (near["m-l2o"].tolist(), far["m-l2o"].tolist()),
        (far["tl"].tolist(), near["tl"].tolist()),
    ]
    shown = [row for row in Figure4().further_rows(SETTINGS, found) if isinstance(row, CurveRow)]
    assert {row.method for row in shown} == {method.label for method in METHODS.values()}
    dt = next(row for row in shown if "DT" in row.method)
    assert len(set(dt.estimate)) == 1  # what is not adapted does not change


@pytest.mark.slow
def test_how_the_rules_were_trained_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("analyses.trainings.WORKERS", 1)
    found = run_artefacts(["training"], SETTINGS, tmp_path)
    names = {row.method for row in found.fits}
    assert len(names) == 6  # three trainings on LASSO, and three on the Quadratic
    assert {row.subject.partition(";")[0] for row in found.constants} == names
    assert {f"{row.panel}, {row.method}" for row in found.curves} == names
    measured = counted(monkeypatch, "analyses.trained_rows", "top_curvature")
    assert run_artefacts(["training"], SETTINGS, tmp_path).rows == found.rows
    assert not measured


@pytest.mark.parametrize("artefact", [Figure2, Table1, Figure4, FigureA5a])
def test_every_artefact_of_this_kind_says_what_it_is(artefact: type[ConvergenceArtefact]) -> None:
    assert artefact.source
    assert artefact.tasks
    labels = [panel.label for panel in artefact().panels(SETTINGS)]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("artefact", [Figure2, Figure3, Figure4, Table1, FigureA5a])
def test_proximal_optimizers_are_in_every_lasso_figure_and_in_no_other(
    artefact: type[ConvergenceArtefact],
) -> None:
    shown = artefact().configuration(SETTINGS).proximal
    assert shown == (("ista", "fista") if artefact in (Figure2, Figure4, Table1) else ())


@pytest.mark.slow
def test_workers_do_not_change_the_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one = run_artefacts(["figure2"], SETTINGS, tmp_path / "one")
    monkeypatch.setattr("analyses.kept_frames.WORKERS", 2)
    two = run_artefacts(["figure2"], SETTINGS, tmp_path / "two")
    assert two.rows == one.rows


def test_many_panels_are_told_at_once() -> None:
    """Three panels; M-L2O is ahead of TL in one, behind in one, and not told apart in one."""

    def row(panel: int, method: str, mean: float | None, reference: str | None = None) -> ScoreRow:
        versus = ("minus", reference) if reference else ()
        ends = {} if mean is None else {"lower": mean - 1, "upper": mean + 1}
        return ScoreRow(
            id=row_id("table1", panel, method, *versus),
            artefact="table1",
            family="lasso",
            distribution=f"σ = {panel}",
            method=method,
            score=PAPER,
            mean=mean,
            **ends,
            reference=reference,
            repeats=2,
            reason="" if mean is not None else "diverges",
        )

    tl = METHODS["tl"].label
    rows = []
    for panel, difference in enumerate((-2.0, 0.5, 3.0)):
        rows += [row(panel, "M-L2O", difference), row(panel, tl, 0.0), row(panel, "SGD", None)]
        rows += [row(panel, "Adam", -5.0), row(panel, "M-L2O", difference, tl)]
    said = [finding.text for finding in findings(Results(tuple(rows)), "Table 1")]
    where = "Table 1, 3 panels: "
    assert said == [
        f"{where}the lowest mean score of a learned method is that of {tl} in 2, M-L2O in 1.",
        f"{where}the lowest mean score of an analytic optimizer is that of Adam in 3.",
        f"{where}on some test problems these diverge, and have no score there: SGD (in 3).",
        f"{where}the score of M-L2O minus that of TL lies between -2.00 and 3.00; of its 95 % "
        "intervals 1 lie below 0, 1 above, and 1 contain it.",
    ]
