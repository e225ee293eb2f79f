"""Devices: names, absent hardware, and settings that are restored."""

from __future__ import annotations

import pytest
import torch

from ml2o_core.devices import deterministic, resolve_device
from ml2o_core.errors import DeviceUnavailable, InvalidArgument


def settings() -> tuple[object, ...]:
    backends = torch.backends
    return (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        backends.cudnn.benchmark,
        backends.cuda.matmul.fp32_precision,
        backends.cudnn.conv.fp32_precision,
        backends.cudnn.rnn.fp32_precision,
    )


def test_cpu_is_always_there():
    assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("present", [True, False])
def test_auto_takes_the_gpu_exactly_where_there_is_one(monkeypatch, present):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: present)
    assert resolve_device("auto").type == ("cuda" if present else "cpu")


def test_an_absent_gpu_is_named_in_one_line(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceUnavailable, match=r"^device: got 'cuda'; .*allowed here: auto, cpu$"):
        resolve_device("cuda")


@pytest.mark.parametrize("name", ["gpu", "", "CPU", "cuda:7"])
def test_an_unknown_device_lists_the_known_ones(name):
    with pytest.raises(InvalidArgument, match="auto, cpu, cuda"):
        resolve_device(name)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_the_settings_hold_inside_and_are_restored_outside():
    before = settings()
    with deterministic():
        assert settings() == (1, True, False, False, "ieee", "ieee", "ieee")
    assert settings() == before


def test_the_settings_are_restored_after_an_error_and_when_nested():
    before = settings()
    with deterministic(), deterministic():
        pass
    with pytest.raises(ZeroDivisionError), deterministic():
        raise ZeroDivisionError
    assert settings() == before


def test_an_operation_without_a_deterministic_implementation_is_refused():
    values, index = torch.zeros(6), torch.tensor([1, 1])
    values.put_(index, torch.tensor([1.0, 2.0]))  # fine outside: which of the two stays is open
    with deterministic(), pytest.raises(RuntimeError, match="deterministic"):
        values.put_(index, torch.tensor([1.0, 2.0]))
