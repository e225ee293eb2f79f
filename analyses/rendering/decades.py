"""Logarithmic axes: positions are exponents of ten, labels are the numbers.

Drawing exponents on a linear axis keeps numbers far beyond floats drawable.
"""

from __future__ import annotations

import math
from itertools import pairwise

_SUPERSCRIPTS = str.maketrans("0123456789-−+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻⁺")
_PLAIN = range(-3, 5)
"""Exponents of the numbers that are written out, where all of an axis are."""

_SLACK = 1e-9
"""Of a decade: rounding must not lose a tick at the end of an axis."""


def ticks(
    low: float, high: float, most: int = 7, room: float = math.inf
) -> list[tuple[float, str]]:
    """Positions and labels on an axis from 10^low to 10^high, `most` of them at the most.

    Whole decades, every so many; on a short axis 2 and 5 times a power too; and within a decade,
    where these are fewer than three, round numbers at equal distances. `room` is the length of the
    axis in characters: labels that would touch are too many.
    """
    fewest = 3 if high - low < 1 else 2
    for mantissas, every in _steps(high - low):
        found = [
            (exponent + math.log10(m), m, exponent)
            for exponent in range(math.floor(low) - 1, math.ceil(high) + 1)
            if exponent % every == 0
            for m in mantissas
            if low - _SLACK <= exponent + math.log10(m) <= high + _SLACK
        ]
        if fewest <= len(found) <= most:
            written_out = all(exponent in _PLAIN for _, _, exponent in found)
            labelled = [(at, _label(m, exponent, written_out)) for at, m, exponent in found]
            if _apart(labelled, room / (high - low)):
                return labelled
    return _equally_spaced(low, high, most)


def _steps(decades: float) -> list[tuple[tuple[int, ...], int]]:
    """Mantissas and distances of decades, from the densest ticks to the sparsest."""
    distances = [1, 2, 5]
    while distances[-1] < decades:
        distances += [10 * distance for distance in distances[-3:]]
    return [((1, 2, 5), 1), ((1, 3), 1), *(((1,), distance) for distance in distances)]


def _apart(labelled: list[tuple[float, str]], scale: float) -> bool:
    """Whether a character or more is between the labels, `scale` characters a decade."""
    return all(
        (second - first) * scale >= (len(a) + len(b)) / 2 + 1
        for (first, a), (second, b) in pairwise(labelled)
    )


def _label(mantissa: int, exponent: int, written_out: bool) -> str:
    if written_out:
        return f"{mantissa * 10.0**exponent:.10g}"
    power = "10" + superscript(str(exponent))
    return power if mantissa == 1 else f"{mantissa}·{power}"


def superscript(digits: str) -> str:
    """An exponent in raised characters, for text without markup."""
    return digits.translate(_SUPERSCRIPTS)


def _equally_spaced(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Round numbers between 10^low and 10^high, which lie within a factor of ten."""
    exponent = math.floor(low)
    first, last = (10.0 ** (end - exponent) for end in (low, high))
    if not last > first:
        return [(low, _mantissa(first, exponent))]
    step = 10.0 ** math.floor(math.log10(last - first))
    distance = next(
        size
        for size in (step / 5, step / 2, step, 2 * step, 5 * step)
        if (last - first) / size < most
    )
    numbers = range(math.ceil(first / distance), math.floor(last / distance) + 1)
    return [
        (exponent + math.log10(n * distance), _mantissa(n * distance, exponent)) for n in numbers
    ]


def _mantissa(value: float, exponent: int) -> str:
    if exponent in _PLAIN:
        return f"{value * 10.0**exponent:.10g}"
    power = "10" + superscript(str(exponent))
    return power if value == 1 else f"{value:.10g}·{power}"
