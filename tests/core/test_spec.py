"""Frozen specs: strict at the boundary, and exactly what they were after a trip through JSON."""

from __future__ import annotations

import json
import math
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, field_validator

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import UpdateRule
from ml2o_core.spec import Registered, Spec
from ml2o_core.tasks.base import TaskFamily


class Shape(Registered):
    kind: ClassVar[str] = "shape"
    package: ClassVar[str] = "ml2o_core"


class Disc(Shape):
    name: ClassVar[str] = "disc"
    radius: float = Field(1.0, gt=0)


class Box(Shape):
    name: ClassVar[str] = "box"
    sides: tuple[float, float] = (1.0, 1.0)

    @field_validator("sides")
    @classmethod
    def _ordered(cls, sides: tuple[float, float]) -> tuple[float, float]:
        if sides[0] > sides[1]:
            raise InvalidArgument("sides", sides, "the shorter one first")
        return sides


class Drawing(Spec):
    shape: Shape = Disc()
    copies: int = Field(1, ge=1)


SHAPES = st.builds(Disc, radius=st.floats(1e-300, 1e300)) | st.builds(
    Box, sides=st.tuples(st.floats(-1e9, 0), st.floats(0, 1e9))
)


@given(shape=SHAPES, copies=st.integers(1, 10**20))
def test_json_gives_back_the_very_same_object(shape, copies):
    drawing = Drawing(shape=shape, copies=copies)
    again = Drawing.parse(json.loads(drawing.model_dump_json()))
    assert again == drawing
    assert type(again.shape) is type(shape)
    assert hash(again) == hash(drawing)


def test_a_name_becomes_the_object_of_its_kind():
    assert Drawing.parse({"shape": {"name": "disc", "radius": 2}}).shape == Disc(radius=2.0)
    assert Shape.lookup("box") is Box
    assert list(Shape.registry()) == ["box", "disc"]


def test_a_spec_is_frozen():
    with pytest.raises(ValidationError):
        Disc().radius = 2.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"copy": 3}, "copy: got 3; allowed: known keys (copies, shape)"),
        ({"copies": 0}, "copies: got 0; allowed: greater than or equal to 1"),
        ({"copies": 1.5}, "copies: got 1.5; allowed: a valid integer"),
        ({"copies": "many"}, "copies: got 'many'; allowed: a valid integer"),
        ({"copies": "3"}, "copies: got '3'; allowed: a valid integer"),
        ({"copies": True}, "copies: got True; allowed: a valid integer"),
        ({"shape": {"name": "blob"}}, "shape: got 'blob'; allowed: box, disc"),
        ({"shape": {"name": "disc", "radius": -1}}, "radius: got -1; allowed: greater than 0"),
        ({"shape": {"name": "disc", "side": 1}}, "side: got 1; allowed: known keys (radius)"),
        ({"shape": {"name": "box", "sides": [2, 1]}}, "allowed: the shorter one first"),
        ({"shape": {"name": "disc", "radius": math.nan}}, "radius: got nan; allowed: "),
        ({"shape": {"name": "disc", "radius": math.inf}}, "radius: got inf; allowed: "),
        ("a drawing", "Drawing: got 'a drawing'; allowed: "),
    ],
)
def test_what_is_not_allowed_is_named_in_one_line(values, message):
    with pytest.raises(InvalidArgument) as caught:
        Drawing.parse(values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_construction_is_as_strict_as_parsing():
    with pytest.raises(InvalidArgument, match="radius: got 0"):
        Disc(radius=0)
    with pytest.raises(InvalidArgument, match="known keys"):
        Disc(diameter=1)


def test_changes_are_validated_and_leave_the_original_alone():
    disc = Disc(radius=2.0)
    assert disc.with_changes(radius=3.0) == Disc(radius=3.0)
    assert disc.radius == 2.0
    with pytest.raises(InvalidArgument, match="radius"):
        disc.with_changes(radius=-3.0)
    with pytest.raises(InvalidArgument, match="known keys"):
        disc.with_changes(size=1)


@pytest.mark.parametrize("kind", [TaskFamily, UpdateRule])
def test_every_member_of_a_registry_says_what_it_is(kind):
    assert kind.registry()
    for name, member in kind.registry().items():
        assert member.name == name
        assert kind.lookup(name) is member
        assert member.__doc__
        assert member.__doc__.strip()
