"""Random numbers by name: every draw comes from a generator seeded by named axes.

    generator(seed, purpose="train", repeat=3, episode=17)

is the same stream on every machine, in every order of calls and for every number of workers.
Two streams that differ in one axis are independent (their seeds are 63 bits of a SHA-256 hash).
Common random numbers are the same axes used twice.
"""

from __future__ import annotations

import hashlib
import json

import torch

Axis = str | int


def derive_seed(seed: int, **axes: Axis) -> int:
    """A 63-bit seed from a root seed and named axes; the order of the axes does not matter."""
    text = json.dumps([seed, sorted(axes.items())], separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, **axes: Axis) -> torch.Generator:
    """A CPU generator for `axes`. Draws happen on the CPU, so that every device sees the same."""
    return torch.Generator().manual_seed(derive_seed(seed, **axes))
