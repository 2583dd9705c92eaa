"""Pickles taken apart: what numpy stores comes out, and nothing that a stranger wrote runs."""

import builtins
import datetime
import functools
import io
import os
import pickle
import struct
import subprocess
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from unet_studio.formats.inert_pickle import STEPS, Made, Span, read_pickle, stored_array

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
WHOLE = st.sampled_from(["u1", "<u2", ">u2", "<u4", ">i4", "<i8", "?"])


class Calls:
    """Pickled as a call."""

    def __init__(self, what: Any, *arguments: Any) -> None:
        self.what = (what, arguments)

    def __reduce__(self) -> Any:
        return self.what


def opened(data: bytes) -> Any:
    return read_pickle(io.BytesIO(data))


@given(value=PLAIN, protocol=st.integers(3, 5))
def test_plain_values_come_out(value: Any, protocol: int) -> None:
    assert opened(pickle.dumps(value, protocol)) == value


@settings(deadline=None)
@given(data=st.data(), protocol=st.integers(3, 4), fortran=st.booleans())
def test_arrays_come_out(data: st.DataObject, protocol: int, fortran: bool) -> None:
    values: NDArray[Any] = data.draw(
        WHOLE.flatmap(lambda dtype: arrays.arrays(dtype, arrays.array_shapes(max_dims=3, max_side=6)))
    )
    values = np.asfortranarray(values) if fortran else values
    stream = io.BytesIO(pickle.dumps([values], protocol))
    back = stored_array(read_pickle(stream)[0]).read(stream)
    np.testing.assert_array_equal(back, values)
    assert back.dtype == values.dtype


def test_long_arrays_stay_in_the_file_until_they_are_wanted() -> None:
    values = np.arange(40_000, dtype=np.uint16).reshape(200, 200)
    stream = io.BytesIO(pickle.dumps({"a": values, "flows": [np.ones((9, 999))]}, 4))
    found = stored_array(read_pickle(stream)["a"])
    assert isinstance(found.data, Span)
    assert found.shape == (200, 200)
    np.testing.assert_array_equal(found.read(stream), values)


def test_numpy_1_and_2_write_the_same_under_two_names() -> None:
    written = pickle.dumps(np.eye(3, dtype=np.uint8), 3)
    older = written.replace(b"numpy._core", b"numpy.core")
    newer = older.replace(b"numpy.core", b"numpy._core")
    assert older != newer
    for data in (older, newer):
        stream = io.BytesIO(data)
        np.testing.assert_array_equal(stored_array(read_pickle(stream)).read(stream), np.eye(3))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Calls(os.system, "touch ran"), r"(posix|nt)\.system"),
        (Calls(eval, "open('ran', 'w')"), r"builtins\.eval"),
        (Calls(builtins.exec, "open('ran', 'w')"), r"builtins\.exec"),
        (Calls(functools.partial, print), r"functools\.partial"),
        (Calls(subprocess.Popen, "touch ran"), r"(subprocess|commands)\.Popen"),
        (Calls(np.load, "x"), r"numpy\.load"),
        (Calls(getattr, "numpy", "load"), r"builtins\.getattr"),
        (datetime.datetime(2020, 1, 1), r"datetime\.datetime"),
        (OrderedDict(), r"collections\.OrderedDict"),
        (np.array, r"numpy\.(_?core\.multiarray\.)?array"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 3, 4, 5])
def test_what_a_pickle_asks_for_is_refused_by_its_name(
    value: Any, name: str, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps({"masks": value}, protocol).replace(b"__builtin__", b"builtins")
    with pytest.raises(ValueError, match=f"asks for {name}, which could run a stranger"):
        opened(data)
    assert not (tmp_path / "ran").exists()


def test_torch_and_instances_are_refused_too() -> None:
    with pytest.raises(ValueError, match=r"asks for torch\._utils\._rebuild_tensor_v2"):
        opened(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n.")
    with pytest.raises(ValueError, match="instruction INST"):
        opened(b"(ios\nsystem\n.")
    with pytest.raises(ValueError, match="instruction EXT1"):
        opened(b"\x80\x02\x82\x01.")
    with pytest.raises(ValueError, match="instruction PERSID"):
        opened(b"Pabc\n.")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "pickle exhausted|ends early"),
        (b"hello", "."),
        (b"\x80\x04N", "exhausted|ends early"),
        (b"\x80\x04.", "."),
        (b"\x80\x04NN.", "."),
        (b"\x80\x04h\x07.", "7"),
        (b"\x80\x04R.", "pop from empty list"),
        (b"\x80\x04Nb.", "."),
        (b"\x80\x04)R.", "."),
        (b"\x80\x04NNR.", "calls what is no name"),
        (b"\x80\x04]Nb.", "state of a plain value"),
        (b"\x80\x04Ne.", "."),
        (b"\x80\x04(Ne.", "."),
        (b"\x80\x04N(Ne.", "no list"),
        (b"\x80\x04N(NNu.", "no dict"),
        (b"\x80\x04}(Nu.", "."),
        (b"\x80\x04}()Nu.", "no plain value"),
        (b"\x80\x04\x85.", "stack is empty"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"abc.", "."),  # BINBYTES8: a terabyte
        (b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"N.", None),  # FRAME: only a remark
        (b"\x80\x04Nr" + struct.pack("<I", (1 << 32) - 1) + b".", None),  # LONG_BINPUT: a remembered place
        (b"\x80\x04\x8b" + struct.pack("<I", 1 << 30) + b"1.", "."),  # LONG4
        (b"I" + b"9" * 5000 + b"\n.", "."),
    ],
)
def test_broken_and_hostile_pickles_allocate_nothing(data: bytes, problem: str | None) -> None:
    if problem is None:
        assert opened(data) is None
    else:
        with pytest.raises(ValueError, match=problem):
            opened(data)


def test_a_pickle_that_goes_on_for_ever_is_stopped() -> None:
    with pytest.raises(ValueError, match=f"more than {STEPS} steps"):
        opened(b"\x80\x04" + b"N0" * STEPS + b"N.")
    deep = STEPS // 2 - 10
    nested = b"\x80\x04" + b"]" * deep + b"a" * (deep - 1) + b"."
    assert isinstance(opened(nested), list)
    assert isinstance(opened(b"\x80\x04)" + b"\x85" * deep + b"."), tuple)


def made(shape: Any, kind: Any = "u2", order: Any = "<", data: Any = b"\0\0") -> Any:
    whole = opened(pickle.dumps(np.zeros(1, np.uint16), 4))
    assert isinstance(whole, Made)
    whole.state = (1, shape, whole.state[2], False, data)
    whole.state[2].arguments, whole.state[2].state = (
        (kind, False, True),
        (3, order, None, None, None, -1, -1, 0),
    )
    return whole


def test_arrays_that_do_not_fit_their_bytes_are_refused() -> None:
    assert stored_array(made((1,))).shape == (1,)
    for broken, problem in (
        (made((2,)), "does not have 2 bytes"),
        (made((1 << 40, 1 << 40)), "does not have 2 bytes"),
        (made((-1, -1)), "impossible shape"),
        (made((1.0,)), "impossible shape"),
        (made((1,) * 99), "impossible shape"),
        (made((1,), "O8"), "not of whole numbers"),
        (made((1,), "f2"), "not of whole numbers"),
        (made((1,), "u2", "x"), "not of whole numbers"),
        (made((1,), data=[1]), "pixels are not bytes"),
        ({"a": 1}, "malformed"),
        (None, "malformed"),
    ):
        with pytest.raises(ValueError, match=problem):
            stored_array(broken)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_changed_bytes_are_a_value_or_an_error(data: st.DataObject) -> None:
    good = pickle.dumps({"masks": np.arange(12, dtype=np.uint16).reshape(3, 4), "n": [1, "a", (None,)]}, 4)
    bad = bytearray(good)
    for place in data.draw(st.lists(st.integers(0, len(bad) - 1), min_size=1, max_size=4)):
        bad[place] = data.draw(st.integers(0, 255))
    try:
        value = opened(bytes(bad[: data.draw(st.integers(0, len(bad)))]))
        stored_array(value["masks"] if isinstance(value, dict) and "masks" in value else value)
    except ValueError:
        pass
