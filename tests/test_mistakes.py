"""What is wrong with the content of a file is said key by key, and all of it."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Meta

from instrd.models.bundle import Label
from instrd.models.mistakes import key_shown, mistakes, value_shown


class Room(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seats: Annotated[int, Meta(ge=1)]
    colour: Literal["red", "blue"] = "red"


class House(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rooms: tuple[Room, ...] = ()
    doors: dict[Label, float] = {}
    attic: Room | None = None
    floors: tuple[float, float] = (0.0, 1.0)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            {"rooms": [{"seats": 0}, 5]},
            ["rooms[0].seats: got 0", "rooms[1]: got 5, allowed: a tab"],
        ),
        ({"rooms": {}}, ["rooms: got {}, allowed: [[rooms]]"]),
        ({"attic": {"colour": "grey"}}, ["attic.seats: is missing", "attic.colour: got 'grey'"]),
        ({"attic": 1}, ["attic: got 1, allowed: a table"]),
        ({"attic": None}, []),
        ({"doors": {"Ö": 1.0}}, ["doors.Ö: got 'Ö', allowed: 1 to 32 of a to z"]),
        ({"doors": {"a": "b", "c": float("nan")}}, ["doors.a: got 'b'", "doors.c: got nan"]),
        ({"floors": [1.0]}, ["floors: got [1.0], expected `array` of length 2"]),
        ({"a\nb": 1}, ["'a\\nb': is not a setting; allowed: rooms, doors, attic, floors"]),
        ({"doors": {"a": 1.0}, "rooms": [{"seats": 1}], "attic": {"seats": 2}}, []),
    ],
)
def test_each_mistake_is_told_with_its_key(content: dict[str, Any], told: list[str]) -> None:
    found = list(mistakes(House, content))
    assert len(found) == len(told)
    for line, begins in zip(found, told, strict=True):
        assert line.startswith(begins)


NAMES = st.sampled_from(["rooms", "doors", "attic", "floors", "seats", "colour", "hall", "Ö"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(content=st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_has_a_mistake_cannot_be_converted_or_holds_no_number(content: dict[str, Any]) -> None:
    found = list(mistakes(House, content))
    try:
        house = msgspec.convert(content, House)
    except msgspec.ValidationError:
        assert found
    else:
        assert bool(found) == any(np.isnan(value) for value in house.doors.values())


def test_what_is_long_or_would_break_a_line_is_shown_as_python_writes_it() -> None:
    assert key_shown("gate") == "gate"
    assert key_shown("a\tb") == "'a\\tb'"
    assert len(key_shown("a" * 100)) == len(value_shown("a" * 100)) == 60
    assert value_shown(int("f" * 9000, 16)) == "a number that is too long"
