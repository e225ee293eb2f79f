"""What the examination of a fact brings to light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flint import arb

from ml2o_core.results import EndMethod
from ml2o_theory.assumptions.base import Asked, Evidence
from ml2o_theory.assumptions.exhibits import Exhibit
from ml2o_theory.enclosure import Enclosure


@dataclass(frozen=True)
class Findings:
    """The instance, the conditions that a fact consists of, and what they rest on."""

    region: str
    conditions: Mapping[str, bool]
    evidence: tuple[Evidence, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()


def reported(symbol: str, value: arb, region: str) -> Evidence:
    """A number of which nothing is asked."""
    number = Enclosure.certified(value, value, EndMethod.INTERVAL_ARITHMETIC, region=region)
    return Evidence(symbol, number, Asked.NOTHING)
