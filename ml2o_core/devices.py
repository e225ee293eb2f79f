"""Where a computation runs, and the settings under which it gives the same numbers every time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ml2o_core.errors import DeviceUnavailable, InvalidArgument

DEVICES = ("auto", "cpu", "cuda")


def resolve_device(name: str = "cpu") -> torch.device:
    """The device called `name`; `auto` is CUDA where there is one, else the CPU.

    Raises `InvalidArgument` for an unknown name and `DeviceUnavailable` for `cuda` without CUDA.
    """
    if name not in DEVICES:
        raise InvalidArgument("device", name, ", ".join(DEVICES))
    if name == "cuda" and not torch.cuda.is_available():
        build = torch.version.cuda
        why = f"no usable GPU for this torch (CUDA {build})" if build else "this torch is CPU-only"
        raise DeviceUnavailable(f"device: got 'cuda'; {why}; allowed here: auto, cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


@contextmanager
def deterministic() -> Iterator[None]:
    """Bit-reproducible on one device, and full float32: no TF32 in products and convolutions.

    On the CPU it is one thread: sums are split among threads, so their number would change the last
    digits from machine to machine; and on tensors of this project's size a second thread gains
    little, but loses a factor of ten where another process wants the cores as well.

    The settings are restored on leaving. An operation without a deterministic implementation raises
    instead of giving numbers that differ from run to run. cuBLAS reads its workspace size from the
    environment when it is first used, so that variable is set here and stays.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    cudnn: Any = torch.backends.cudnn
    products: tuple[Any, ...] = (torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn)
    precisions = [backend.fp32_precision for backend in products]
    threads = torch.get_num_threads()
    # The same as `use_deterministic_algorithms`, which also imports the whole compiler: seconds.
    benchmark, strict = cudnn.benchmark, torch.get_deterministic_debug_mode()
    try:
        torch.set_num_threads(1)
        torch.set_deterministic_debug_mode("error")
        cudnn.benchmark = False
        for backend in products:
            backend.fp32_precision = "ieee"
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_deterministic_debug_mode(strict)
        cudnn.benchmark = benchmark
        for backend, precision in zip(products, precisions, strict=True):
            backend.fp32_precision = precision
