"""The artefact `device-parity` at toy size, CPU against CPU; where it is refused or left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from analyses.device_parity import DeviceParity, DeviceParityConfig, measure
from analyses.device_parity_rows import PartOf
from analyses.device_parity_speed import Timing
from analyses.rendering.blocks import RowTable
from analyses.report import report
from analyses.runner import run_artefacts
from analyses.settings import RunSettings
from ml2o_core.devices import deterministic
from ml2o_core.errors import DeviceUnavailable, InvalidArgument
from ml2o_core.meta.base import MetaGradient
from ml2o_core.meta.config import TrainConfig
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.progress import Progress
from ml2o_core.results import Results, Row
from ml2o_core.tasks.lasso import Lasso

CPU = torch.device("cpu")
SMALL = TrainConfig(
    family=Lasso(rows=4, cols=3),
    rule=RNNprop(hidden=3),
    unroll_steps=2,
    batch_size=2,
    repeats=2,
    windows=2,
)


def configured(small: DeviceParityConfig) -> dict[str, Any]:
    return {DeviceParity.name: small.model_dump(mode="json")}


@pytest.fixture(scope="module")
def everything() -> Results:
    """All of it at toy size, CPU against CPU."""
    config = DeviceParityConfig(
        window=SMALL,
        timed=SMALL,
        timing=Timing(replicates=(1, 2), least=2, most=2),
        draws=1,
    )
    with deterministic():
        rows: list[Row] = measure(config, CPU, CPU, Progress())
    return Results(tuple(rows), configuration=configured(config))


@pytest.mark.slow
class TestThePage:
    def test_holds_every_part_and_nothing_differs(self, everything: Results) -> None:
        assert {row.part for row in everything.parity} == {part.value for part in PartOf}
        assert everything.faults == ()
        assert len(everything.speed) == 2 * 2 * len(MetaGradient.registry())
        assert len(everything.parity.where(verdict="not applicable")) == 2

    def test_is_made_of_stored_rows(self, everything: Results, tmp_path: Path) -> None:
        everything.save(tmp_path)
        stored = Results.load(tmp_path)
        assert stored == everything
        blocks = DeviceParity().section(stored).blocks
        shown = {row.id for b in blocks if isinstance(b, RowTable) for row in b.rows}
        assert shown == {row.id for row in everything.rows}
        sentences = [finding.text for finding in DeviceParity().findings(stored)]
        assert any("two devices agree" in text for text in sentences)
        assert any("same bytes in" in text for text in sentences)
        assert sum("CPU thread" in text for text in sentences) == len(MetaGradient.registry())

    def test_says_what_differs(self, everything: Results) -> None:
        agreed = next(iter(everything.parity.where(verdict="agrees", part="window")))
        apart = agreed.with_changes(
            difference=1.0, verdict="differs", reason="1 of 2 cases are beyond their tolerance"
        )
        rows = tuple(apart if row.id == agreed.id else row for row in everything.rows)
        results = Results(rows, configuration=everything.configuration)
        assert [row.id for row in results.faults] == [apart.id]
        text = " ".join(finding.text for finding in DeviceParity().findings(results))
        assert agreed.setting in text
        with pytest.raises(InvalidArgument, match="within its tolerance"):
            agreed.with_changes(difference=1.0)


def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize("device", ["cuda", "auto", "cpu"])
def test_without_a_gpu_it_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, device: str
) -> None:
    without_gpu(monkeypatch)
    with pytest.raises(DeviceUnavailable, match="device: got 'cuda'") as refused:
        run_artefacts(
            ["device-parity"], RunSettings(preset="standard", device=device), tmp_path / "out"
        )
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_the_cpu_alone_is_no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(InvalidArgument, match="device"):
        DeviceParity().check(RunSettings(preset="standard", device="cpu"))
    DeviceParity().check(RunSettings(preset="standard", device="cuda"))
    with pytest.raises(InvalidArgument, match="preset"):
        DeviceParity().check(RunSettings(preset="quick", device="cuda"))


@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_a_report_on_the_cpu_names_it_as_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, preset: str
) -> None:
    without_gpu(monkeypatch)
    ran: list[str] = []

    def keep(names: list[str], *arguments: object, left_out: dict[str, str]) -> Results:
        ran.extend(names)
        assert "device" in left_out["device-parity"] or "preset" in left_out["device-parity"]
        return Results(())

    monkeypatch.setattr("analyses.report.run_artefacts", keep)
    report(RunSettings(preset=preset), tmp_path)
    assert ran
    assert "device-parity" not in ran
