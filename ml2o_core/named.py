"""Tensors by dotted names, as files and recorded programs hold them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

Tensors = dict[str, Tensor]


def under(tensors: Mapping[str, Tensor], prefix: str) -> Tensors:
    """Those whose names begin with `prefix`, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """The other way."""
    return {f"{prefix}{name}": value for name, value in tensors.items()}
