"""A large JSON file read entry by entry, each with the place of its bytes, so that it can be read again.

Python's own decoder does the decoding. The text is held as Latin-1, in which every byte is a character:
JSON's own signs are the same as in UTF-8, and a place in the text is a place in the file. Entries with other
letters are decoded once more, as UTF-8 (RFC 8259 allows no other encoding between programs).
"""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

PORTION = 1 << 20  # bytes read at a time
LARGEST = 1 << 27  # bytes; one entry that is longer is refused rather than held
LONGEST_WORD = 16  # bytes that a word or number cut off by the end of a portion may reach back
LONGEST_TAIL = 3  # bytes of a number that was cut off, such as e-, which its beginning can do without
_DECODE = json.JSONDecoder().raw_decode
_FOREIGN = (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)  # that of UTF-32 begins with that of UTF-16
_SPACE = " \t\n\r"


@dataclass(frozen=True)
class Element:
    """One entry of an array at the top of a file. key: the array's. start, end: of its bytes in the file."""

    key: str
    value: Any
    start: int
    end: int


def elements(stream: BinaryIO, arrays: set[str]) -> Iterator[Element]:
    """Every entry of every array at the top of a JSON object; memory holds little more than one of them.

    arrays: the keys of the arrays that were begun are added to it. Raises ValueError where it is no JSON
    object in UTF-8, RecursionError where it is too deep.
    """
    scanner = _Scanner(stream)
    if scanner.peek() != "{":
        raise ValueError("it does not begin with an object")
    for _ in _listed(scanner, "{", "}"):
        key, _, _ = scanner.value()
        if not isinstance(key, str):
            raise ValueError(f"{key!r} is no key")
        scanner.skip(":")
        if scanner.peek() == "[":
            if key in arrays:
                raise ValueError(f"it has {key!r} twice")
            arrays.add(key)
            yield from _entries(scanner, key)
        else:
            scanner.value()
    if scanner.peek():
        raise ValueError("something follows its end")


def items(stream: BinaryIO) -> Iterator[Element]:
    """Every entry of a file that is one array, its key ""; memory holds little more than one of them.

    Raises as elements() does.
    """
    scanner = _Scanner(stream)
    yield from _entries(scanner, "")
    if scanner.peek():
        raise ValueError("something follows its end")


def first_sign(stream: BinaryIO) -> str:
    """The first character that is no space, "" where there is none. Raises ValueError as elements() does."""
    return _Scanner(stream).peek()


def read_element(stream: BinaryIO, start: int, end: int) -> Any:
    """One entry again, by its place."""
    stream.seek(start)
    return json.loads(stream.read(end - start))


def _entries(scanner: "_Scanner", key: str) -> Iterator[Element]:
    for _ in _listed(scanner, "[", "]"):
        value, start, end = scanner.value()
        yield Element(key, value, start, end)


def _listed(scanner: "_Scanner", begin: str, end: str) -> Iterator[None]:
    """Stops at every item between two signs; who asks for the next has read the one before."""
    scanner.skip(begin)
    if scanner.peek() != end:
        yield
        while scanner.peek() == ",":
            scanner.skip(",")
            yield
    scanner.skip(end)


class _Scanner:
    """A place in a text that comes in portions. _base: the file's place of the text's first byte."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._text = ""
        self._at = 0
        self._base = 0
        self._ended = False
        self._more()
        if self._text.encode("latin-1").startswith(_FOREIGN) or "\0" in self._text[:4]:
            raise ValueError("it is not in UTF-8")
        if self._text.startswith(codecs.BOM_UTF8.decode("latin-1")):
            self._at = len(codecs.BOM_UTF8)

    def peek(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._more()

    def skip(self, sign: str) -> None:
        """Go on behind a sign that must be the next."""
        found = self.peek()
        if found != sign:
            raise ValueError(f"{sign!r} is missing at byte {self._base + self._at}")
        self._at += 1

    def value(self) -> tuple[Any, int, int]:
        """The value that is next, and the place of its first byte and of the one behind its last."""
        self.peek()
        while True:
            try:
                found, end = _DECODE(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended or not self._is_cut_off(error):
                    raise ValueError(f"{error.msg} at byte {self._base + error.pos}") from error
            else:
                if end < len(self._text) - LONGEST_TAIL or self._ended:  # else a number may go on
                    break
            self._more()
        text = self._text[self._at : end]
        if not text.isascii():
            found = json.loads(text.encode("latin-1"))
        start, self._at = self._at, end
        return found, self._base + start, self._base + end

    def _is_cut_off(self, error: json.JSONDecodeError) -> bool:
        """Whether an error may be due to the end of the portion."""
        return error.msg.startswith("Unterminated") or error.pos >= len(self._text) - LONGEST_WORD

    def _more(self) -> None:
        """Read as much as is left, a portion at least: an entry of any length is tried a few times only."""
        left = len(self._text) - self._at
        if left > LARGEST:
            raise ValueError(f"an entry at byte {self._base + self._at} is longer than {LARGEST >> 20} MB")
        block = self._stream.read(max(PORTION, left))
        self._ended = not block
        self._text = self._text[self._at :] + block.decode("latin-1")
        self._base += self._at
        self._at = 0
