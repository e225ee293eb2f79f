"""A function of named tensors, recorded once as a CUDA graph and then replayed.

A window is some thousands of small kernels, and starting them from Python takes ten times as long
as they run. A graph starts them all at once. The kernels and their order are the same, and so is
every bit of the result.

One graph at a time: graphs that are recorded in one process share the libraries' workspaces, so two
of them that run at once on two streams can change each other's last bits (seen on an H100).
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from ml2o_core.named import Tensors

WARM_UP = 3
"""Calls before the recording, in which libraries allocate what they need; PyTorch's advice."""


class Captured:
    """`function`, recorded at its first call; later inputs must have the first ones' shapes."""

    def __init__(self, function: Callable[[Tensors], Tensors]) -> None:
        self._function = function
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: Tensors = {}
        self._outputs: Tensors = {}

    def __call__(self, inputs: Tensors) -> Tensors:
        if self._graph is None:
            self._graph = self._record(inputs)
        for name, value in inputs.items():
            self._inputs[name].copy_(value)
        self._graph.replay()
        return {name: value.clone() for name, value in self._outputs.items()}

    def _record(self, inputs: Tensors) -> torch.cuda.CUDAGraph:
        self._inputs = {name: value.detach().clone() for name, value in inputs.items()}
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self._function(self._inputs)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._outputs = self._function(self._inputs)
        return graph
