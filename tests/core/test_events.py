"""Events survive the way through a line of text."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.errors import StudioError
from unet_studio.core.events import KINDS, Note, Progress, Validated, from_line, to_line

finite = st.floats(allow_nan=False, allow_infinity=False)
values = {
    Mapping[str, float]: st.dictionaries(st.text(), finite),
    Mapping[str, int]: st.dictionaries(st.text(), st.integers()),
    Mapping[str, Any]: st.dictionaries(st.text(), st.lists(finite) | st.text() | st.none()),
    float: finite,
    int: st.integers(),
    str: st.text(),
    bool: st.booleans(),
}


@pytest.mark.parametrize("kind", list(KINDS.values()), ids=list(KINDS))
@given(drawn=st.data())
def test_every_event_round_trips_as_one_line(kind, drawn):
    event = kind(**{entry.name: drawn.draw(values[entry.type]) for entry in fields(kind)})
    line = to_line(event)
    assert "\n" not in line
    assert from_line(line) == event


def test_numbers_that_are_not_finite_are_strict_json():
    line = to_line(Validated(3, math.nan, {"a": math.nan, "b": 0.5}, {"a": math.inf}, 1.0, 0.5, 0.5, True))
    json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    back = from_line(line)
    assert isinstance(back, Validated)
    assert math.isnan(back.loss)
    assert math.isnan(back.iou["a"])
    assert back.iou["b"] == 0.5


def test_a_key_of_a_later_version_is_passed_over():
    value = {**json.loads(to_line(Note("hello"))), "colour": "blue"}
    assert from_line(json.dumps(value)) == Note("hello")


@pytest.mark.parametrize("line", ["", "{}", '{"event": "flew"}', "[1]", '{"event": "note"}', '{"event": '])
def test_what_is_no_event_is_refused(line):
    with pytest.raises(StudioError, match="no training event"):
        from_line(line)


def test_progress_says_all_that_a_curve_needs():
    event = Progress(5, 10, 0.25, 1e-3, 2.0, 2.0)
    assert json.loads(to_line(event)) == {
        "event": "progress",
        "step": 5,
        "steps": 10,
        "loss": 0.25,
        "learning_rate": 1e-3,
        "seconds": 2.0,
        "seconds_left": 2.0,
        "memory": 0,
    }
