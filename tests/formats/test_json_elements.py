"""Large JSON entry by entry: the same values as the whole file gives, and refusals of what is none."""

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unet_studio.formats import json_elements
from unet_studio.formats.json_elements import elements, read_element

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
TOPS = st.dictionaries(st.text(max_size=6), st.lists(VALUES, max_size=4) | VALUES, max_size=4)


@settings(max_examples=150, deadline=None)
@given(value=TOPS, portion=st.integers(1, 40), indent=st.none() | st.integers(0, 2), ascii_only=st.booleans())
def test_entries_are_those_of_the_whole_wherever_portions_end(
    value: dict[str, Any], portion: int, indent: int | None, ascii_only: bool
) -> None:
    data = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_elements, "PORTION", portion)
        arrays: set[str] = set()
        found = list(elements(io.BytesIO(data), arrays))
    lists = {key: item for key, item in value.items() if isinstance(item, list)}
    assert arrays == set(lists)
    assert [(each.key, each.value) for each in found] == [(key, x) for key in lists for x in lists[key]]
    for each in found:
        assert read_element(io.BytesIO(data), each.start, each.end) == each.value


def test_a_byte_order_mark_is_passed_over() -> None:
    data = b'\xef\xbb\xbf{"a": [1, "\xc3\xa9"]}'
    assert [(each.value, each.start) for each in elements(io.BytesIO(data), set())] == [(1, 10), ("é", 13)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b'{"a": [1',
        b'{"a": [1,]}',
        b'{"a": [1 2]}',
        b'{"a": 1} x',
        b'{"a": [], "a": []}',
        b"{5: 1}",
        b'{"a": ["\xff"]}',
        b'{"a": [tru]}',
        '{"a": [1]}'.encode("utf-16"),
        '{"a": [1]}'.encode("utf-32-le"),
    ],
)
def test_what_is_no_such_json_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        list(elements(io.BytesIO(data), set()))


def test_a_mistake_is_found_without_reading_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_elements, "PORTION", 100)
    stream = io.BytesIO(b'{"a": [1, oops, ' + b"2, " * 10_000)
    with pytest.raises(ValueError, match="at byte 10"):
        list(elements(stream, set()))
    assert stream.tell() < 1000


def test_an_endless_entry_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_elements, "PORTION", 100)
    monkeypatch.setattr(json_elements, "LARGEST", 1000)
    with pytest.raises(ValueError, match="longer than"):
        list(elements(io.BytesIO(b'{"a": ["' + b"x" * 100_000), set()))
