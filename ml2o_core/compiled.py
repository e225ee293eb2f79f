"""A function of named tensors, compiled as a whole: the same mathematics with fewer passes.

A window is some thousands of small operations. On a GPU starting them takes longer than running
them, so they are recorded once and replayed, bit by bit the same (`ml2o_core.captured`). On a CPU
most of the time goes into reading and writing what the next operation reads again; there the
function is traced with its derivatives into one graph of operations, and PyTorch's compiler fuses
neighbours into loops. Sums are then rounded in another order: results agree to the last digits, not
to the last bit. A compiled program is kept in the compiler's cache, for the next process.

Compiling takes about as long as some hundred windows (`ml2o bench training --compile`), and needs a
C++ compiler and Python's headers.
"""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ml2o_core.captured import Captured
from ml2o_core.errors import ML2OError
from ml2o_core.named import Tensors

Program = Callable[[Tensors], Tensors]

COMPILERS = ("g++", "clang++", "c++")
"""Of which one must be on the PATH."""


class NoCompiler(ML2OError):
    """There is no C++ compiler on this machine, or no headers of Python for it."""


def compiled(function: Program, device: torch.device | str) -> Program:
    """`function`, compiled for `device` at its first call; later inputs have the same shapes."""
    if torch.device(device).type == "cuda":
        return Captured(function)
    check_compiler()
    return _Compiled(function)


def check_compiler() -> None:
    """`NoCompiler` where functions cannot be compiled for the CPU."""
    if not any(shutil.which(name) for name in COMPILERS):
        raise NoCompiler(f"--compile: needs a C++ compiler on the PATH ({', '.join(COMPILERS)})")
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").is_file():
        raise NoCompiler(f"--compile: needs Python's headers, and there is no {headers}/Python.h")


def place(device: torch.device | str, compile: bool) -> str:
    """Where something was computed, as far as its bits depend on it: cpu; cpu, compiled; cuda."""
    kind = torch.device(device).type
    return f"{kind}, compiled" if compile and kind == "cpu" else kind


class _Compiled:
    """`function`, traced with the derivatives that it takes, and compiled for the CPU."""

    def __init__(self, function: Program) -> None:
        self._function = function
        self._program: Program | None = None

    def __call__(self, inputs: Tensors) -> Tensors:
        # A program is made for one layout of the memory as well as for one shape, and takes its
        # inputs by their place: a state from a file has its tensors in another order.
        inputs = {name: inputs[name].detach().contiguous() for name in sorted(inputs)}
        if self._program is None:
            self._program = self._compile(inputs)
        return self._program(inputs)

    def _compile(self, inputs: Tensors) -> Program:
        # These imports take seconds, and only who compiles should wait for them.
        import torch._inductor
        from torch.fx.experimental.proxy_tensor import make_fx

        def function(named: Tensors) -> Tensors:  # the tracer wants a plain function
            return self._function(named)

        graph = make_fx(function)(inputs)
        graph.graph.eliminate_dead_code()
        graph.recompile()
        # One process: workers of the compiler's own would outlive a run that is killed.
        alone: dict[str, Any] = {"compile_threads": 1}
        given: list[Any] = [inputs]
        program: Program = torch._inductor.compile(graph, given, options=alone)
        return program
