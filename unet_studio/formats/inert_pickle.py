"""Pickles read without being run: plain values and numpy's arrays, and not one thing more.

A pickle is a program for a small stack machine; the standard library's pickletools documents every one of its
instructions and takes them apart without obeying them. The machine here obeys only those that make plain
values. It looks up no name and calls nothing: what a pickle asks for stays a note of what it asked for, and a
name that is not in NAMES ends the reading. Long runs of bytes stay in the file until someone wants them, so
that a number in the file allocates nothing.
"""

import math
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

# What a pickled numpy array or scalar asks for: numpy 1 said numpy.core what numpy 2 says numpy._core.
NAMES = frozenset(
    {
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar",
        "numpy.ndarray",
        "numpy.dtype",
    }
)
RECONSTRUCT = "multiarray._reconstruct"
# Kinds of whole numbers, by the name that numpy's dtype is made from.
WHOLE = frozenset({"u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "b1"})
ORDERS = frozenset("<>|=")
STEPS = 200_000  # instructions, a second's work; an array takes about twenty
SHORT = 1 << 12  # bytes that are kept; what is longer stays in the file
DIMENSIONS = 8

# What pickletools and the machine raise on a broken file.
BROKEN = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, EOFError, RecursionError,
    MemoryError, AssertionError,
)  # fmt: skip


@dataclass(frozen=True)
class Span:
    """Bytes that stayed in the file."""

    start: int
    size: int

    def __len__(self) -> int:
        return self.size


@dataclass(frozen=True)
class Name:
    """Something of a module that the pickle asked for, by its full name; it was not looked up."""

    name: str


@dataclass
class Made:
    """What the pickle would have made by calling a name."""

    by: Name
    arguments: tuple[Any, ...]
    state: Any = None


@dataclass(frozen=True)
class StoredArray:
    """An array of whole numbers in a pickle, its pixels not read yet."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    data: Span | bytes

    def read(self, stream: IO[bytes]) -> NDArray[Any]:
        """The array. stream: the file that it was found in. Raises ValueError where it is cut off."""
        if isinstance(self.data, Span):
            stream.seek(self.data.start)
            data = stream.read(self.data.size)
        else:
            data = self.data
        flat = np.frombuffer(data, dtype=self.dtype)
        return flat.reshape(self.shape, order="F" if self.fortran else "C")


def read_pickle(stream: IO[bytes]) -> Any:
    """The value of the pickle that begins where stream is, a file or BytesIO.

    Numbers, text, lists, tuples and dicts are themselves, long bytes are a Span, what it would have called is
    a Made. Raises ValueError for a pickle that is broken or asks for more than that, naming what.
    """
    machine = _Machine()
    try:
        for steps, (opcode, argument, _) in enumerate(pickletools.genops(cast("Any", _Window(stream)))):
            if steps > STEPS:
                raise ValueError(f"it takes more than {STEPS} steps")
            if opcode.name == "STOP":
                (value,) = machine.stack
                return value
            step = INSTRUCTIONS.get(opcode.name)
            if step is None:
                raise ValueError(f"it uses the instruction {opcode.name}, which plain values don't need")
            step(machine, argument)
    except BROKEN as error:
        raise ValueError(str(error) or type(error).__name__) from error
    raise ValueError("it ends early")


def stored_array(value: Any) -> StoredArray:
    """The array that a Made stands for. Raises ValueError where it is none of whole numbers, or cut off.

    As numpy's ndarray.__reduce__ and __setstate__ have it: version, shape, dtype, whether the first index
    runs fastest, and the pixels.
    """
    try:
        if not value.by.name.endswith(RECONSTRUCT) or value.arguments[0] != Name("numpy.ndarray"):
            raise ValueError(f"a {value.by.name} is no array")
        shape, kind, fortran, data = value.state[-4:]
        name, order = kind.arguments[0], kind.state[1]
        if kind.by != Name("numpy.dtype") or name not in WHOLE or order not in ORDERS:
            raise ValueError("an array is not of whole numbers")
        if len(shape) > DIMENSIONS or not all(type(side) is int and side >= 0 for side in shape):
            raise ValueError("an array has an impossible shape")
        if not isinstance(data, (Span, bytes)):
            raise ValueError("an array's pixels are not bytes")
        dtype = np.dtype(order + name)
        if math.prod(shape) * dtype.itemsize != len(data):
            raise ValueError(f"an array of {shape} does not have {len(data)} bytes")
        return StoredArray(shape, dtype, bool(fortran), data)
    except (TypeError, AttributeError, IndexError) as error:
        raise ValueError("an array is malformed") from error


class _Window:
    """A file of which long runs of bytes are passed over; it has what pickletools asks of a file."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        start = stream.tell()
        self._end = stream.seek(0, 2)
        stream.seek(start)
        self.tell = stream.tell

    def read(self, size: int) -> bytes | Span:
        """The next bytes, a Span where they are many; nothing where the file does not have so many."""
        start = self._stream.tell()
        if size > self._end - start:
            return b""
        if size <= SHORT:
            return self._stream.read(size)
        self._stream.seek(start + size)
        return Span(start, size)

    def readline(self) -> bytes:
        """The next line, if it is no longer than text in a pickle should be."""
        return self._stream.readline(SHORT)


class _Machine:
    """The stack, and what is remembered by number. marks: the stacks below the open brackets."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memory: dict[int, Any] = {}

    def bracket(self) -> list[Any]:
        """What lies on the stack since the last open bracket, which is closed."""
        inside, self.stack = self.stack, self.marks.pop()
        return inside

    def open(self, _: Any) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def together(self, count: int) -> None:
        """Make a tuple of the topmost values."""
        if count > len(self.stack):
            raise ValueError("its stack is empty")
        first = len(self.stack) - count
        self.stack[first:] = [tuple(self.stack[first:])]

    def extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise ValueError("it adds to what is no list")
        target.extend(values)

    def fill(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict:
            raise ValueError("it adds to what is no dict")
        for key, value in zip(values[::2], values[1::2], strict=True):
            # Only these: the hash of a tuple of a tuple of ... would overflow the processor's stack.
            if type(key) not in (str, int, float, bool, type(None)):
                raise ValueError("a key of a dict is no plain value")
            target[key] = value

    def gather(self, _: Any) -> None:
        """Make a dict of what lies in the bracket."""
        inside = self.bracket()
        self.push({})
        self.fill(inside)

    def remember(self, number: Any) -> None:
        self.memory[len(self.memory) if number is None else int(number)] = self.stack[-1]

    def name(self, module: Any, name: Any) -> None:
        """Note what the pickle asks for."""
        full = f"{module}.{name}"
        if full not in NAMES:
            raise ValueError(f"it asks for {full[:200]}, which could run a stranger's program")
        self.push(Name(full))

    def call(self, _: Any) -> None:
        arguments, what = self.stack.pop(), self.stack.pop()
        if type(what) is not Name or type(arguments) is not tuple:
            raise ValueError("it calls what is no name")
        self.push(Made(what, arguments))

    def build(self, _: Any) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is not Made:
            raise ValueError("it sets the state of a plain value")
        target.state = state


Step = Callable[[_Machine, Any], Any]


def _constant(value: Any) -> Step:
    return lambda machine, _: machine.push(value)


def _tuple_of(count: int) -> Step:
    return lambda machine, _: machine.together(count)


INSTRUCTIONS: dict[str, Step] = {
    "PROTO": lambda _machine, _: None,
    "FRAME": lambda _machine, _: None,
    "MARK": _Machine.open,
    "POP": lambda machine, _: machine.stack.pop(),
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "EMPTY_TUPLE": _constant(()),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    **dict.fromkeys(
        (
            "INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT", "UNICODE",
            "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8",
        ),
        _Machine.push,
    ),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.bracket())),
    "LIST": lambda machine, _: machine.push(list(machine.bracket())),
    "DICT": _Machine.gather,
    "APPEND": lambda machine, _: machine.extend([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.bracket()),
    "SETITEM": lambda machine, _: machine.fill([machine.stack.pop(-2), machine.stack.pop()]),
    "SETITEMS": lambda machine, _: machine.fill(machine.bracket()),
    **dict.fromkeys(("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"), _Machine.remember),
    **dict.fromkeys(
        ("GET", "BINGET", "LONG_BINGET"), lambda machine, number: machine.push(machine.memory[int(number)])
    ),
    "GLOBAL": lambda machine, both: machine.name(*both.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.name(machine.stack.pop(-2), machine.stack.pop()),
    "REDUCE": _Machine.call,
    "BUILD": _Machine.build,
}  # fmt: skip
