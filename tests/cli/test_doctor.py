"""`ml2o doctor`: sound here, and able to see what is not."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest
import torch

from analyses import doctor
from analyses.doctor import EXAMINATIONS, examine

from .conftest import Program

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", EXAMINATIONS)
def test_every_examination_passes_here(name: str) -> None:
    ok, found = EXAMINATIONS[name](CPU)
    assert ok, found


def sound(device: torch.device) -> tuple[bool, str]:
    return True, "as it should be"


def unsound(device: torch.device) -> tuple[bool, str]:
    return False, "3 instead of 4"


def broken(device: torch.device) -> tuple[bool, str]:
    raise RuntimeError("two\nlines")


def test_all_well_is_exit_code_0(ml2o: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "EXAMINATIONS", {"a": sound, "b": sound})
    answer = ml2o("doctor --device cpu")
    assert answer.code == 0
    assert answer.out.splitlines() == ["ok  a  as it should be", "ok  b  as it should be"]


def test_a_fault_is_exit_code_1_and_the_others_go_on(
    ml2o: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "EXAMINATIONS", {"a": broken, "b": unsound, "c": sound})
    answer = ml2o("doctor --device cpu")
    assert answer.code == 1
    assert answer.out.splitlines() == [
        "FAIL  a  RuntimeError: two lines",
        "FAIL  b  3 instead of 4",
        "ok    c  as it should be",
    ]
    told = ml2o("doctor --device cpu --json")
    assert told.code == 1
    assert [entry["ok"] for entry in json.loads(told.out)] == [False, False, True]


def test_a_wrong_meta_gradient_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The inner step in the wrong direction: a planted defect."""
    from ml2o_core.meta import maml

    def uphill(params, gradient, alpha):
        return {
            name: (params[name] + alpha * gradient[name]).detach() + params[name] * 0
            for name in params
        }

    monkeypatch.setattr(maml, "inner_step", uphill)
    ok, found = EXAMINATIONS["meta-gradient"](CPU)
    assert not ok, found


def test_chance_in_training_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from ml2o_core.meta import trainer

    honest = trainer.initial_params

    def random(config, device="cpu"):
        return {name: value + torch.rand(()) for name, value in honest(config, device).items()}

    monkeypatch.setattr(trainer, "initial_params", random)
    ok, found = EXAMINATIONS["determinism"](CPU)
    assert not ok
    assert "DIFFERENT" in found


def test_flushed_subnormals_are_seen() -> None:
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush subnormals")
    try:
        ok, found = EXAMINATIONS["floating point"](CPU)
    finally:
        torch.set_flush_denormal(False)
    assert not ok
    assert "subnormals WRONG" in found


def test_a_package_that_is_missing_or_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = ["torch>=99", "surely-not-installed>=1", "numpy>=2", "never; python_version < '3'"]
    monkeypatch.setattr(doctor, "requires", lambda name: needs)
    ok, found = EXAMINATIONS["packages"](CPU)
    assert not ok
    assert found == (
        f"torch is {version('torch')}, not >=99; surely-not-installed>=1 is not installed"
    )


def test_every_examination_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "EXAMINATIONS", dict.fromkeys(EXAMINATIONS, sound))
    assert [entry.name for entry in examine(CPU)] == list(EXAMINATIONS)


def test_a_supremum_that_is_too_small_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted defect: the ball is taken for one of half the radius."""
    from ml2o_theory.constants import trust_region

    honest = trust_region.affine_norm_on_ball
    monkeypatch.setattr(trust_region, "affine_norm_on_ball", lambda K, k, r: honest(K, k, r / 2))
    ok, found = EXAMINATIONS["supremum on a ball"](CPU)
    assert not ok, found
