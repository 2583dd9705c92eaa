"""The edits of one image since its last save, so that a crash loses nothing.

One line of magic, one line of JSON that says which picture it belongs to, then frames, appended as edits
happen: kind (1 byte), length and CRC-32 of the payload (4 bytes each, little-endian), payload. An edit holds
the touched tiles as they are after it, so replaying any run of frames, also twice, ends in the same pixels.
A frame cut off by a crash ends the replay, and is cut away before the next one is appended.
"""

import json
import os
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import tile_rect
from unet_studio.core.mask import Mask, Tiles
from unet_studio.core.storage import atomic_write

MAGIC = b"unet-studio journal 1\n"
_FRAME = struct.Struct("<cII")  # kind, length, CRC-32
_TILE = struct.Struct("<II")  # tile row, tile column
EDIT, APPROVED = b"E", b"A"


@dataclass(frozen=True)
class Entry:
    """One journalled change: an edit with its tiles after it, or an approval without any."""

    kind: bytes
    tiles: Tiles


@dataclass(frozen=True)
class Picture:
    """Which picture a journal belongs to: its (H, W) and the hash of its pixels."""

    shape: tuple[int, int]
    image_hash: str

    def line(self) -> bytes:
        """The header line."""
        return (json.dumps({"shape": self.shape, "image-hash": self.image_hash}) + "\n").encode()


def pack(entry: Entry) -> bytes:
    """One frame."""
    raw = b"".join(_TILE.pack(*key) + pixels.tobytes() for key, pixels in sorted(entry.tiles.items()))
    payload = zlib.compress(raw, 1)
    return _FRAME.pack(entry.kind, len(payload), zlib.crc32(payload)) + payload


def append(path: Path, picture: Picture, entry: Entry) -> None:
    """Add one entry to a journal; starts the file where there is none. One that fails leaves no trace."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as stream:
        start = stream.tell()
        rest = memoryview((b"" if start else MAGIC + picture.line()) + pack(entry))
        try:
            while rest:
                rest = rest[stream.write(rest) :]
            os.fsync(stream.fileno())
        except OSError:
            with suppress(OSError):
                stream.truncate(start)  # half an entry would hide all that come after it
            raise


def replay(path: Path, picture: Picture, mask: Mask, repair: bool = True) -> bytes | None:
    """Bring mask up to date with its journal. Returns the kind of the last entry, or None without any.

    repair: cut a half-written end away, so that later entries can be found. Raises StudioError where the
    journal belongs to another picture.
    """
    entries, end, size = _read(path, picture)
    for entry in entries:
        mask.restore_tiles(entry.tiles)
    if repair and end < size:
        os.truncate(path, end)
    return entries[-1].kind if entries else None


def exchange(path: Path, now: NDArray[np.uint8]) -> bool:
    """Make now[v] of every pixel value v in a journal. now: uint8 (256,). Returns whether it changed."""
    entries, _, _ = _read(path)
    changed = [
        Entry(entry.kind, {key: now[pixels] for key, pixels in entry.tiles.items()}) for entry in entries
    ]
    same = all(
        np.array_equal(pixels, new.tiles[key])
        for old, new in zip(entries, changed, strict=True)
        for key, pixels in old.tiles.items()
    )
    if same:
        return False
    with path.open("rb") as stream:
        head = stream.readline() + stream.readline()
    with atomic_write(path) as stream:
        stream.write(head + b"".join(map(pack, changed)))
    return True


def _read(path: Path, picture: Picture | None = None) -> tuple[list[Entry], int, int]:
    """The whole entries, oldest first; where they end; the size of the file; both in bytes.

    picture: the one that the journal must belong to; None for whichever it is.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return [], 0, 0
    header = data.find(b"\n", len(MAGIC)) + 1
    if not data.startswith(MAGIC) or not header:
        return [], 0, len(data)
    if picture is not None and data[len(MAGIC) : header] != picture.line():
        raise StudioError(
            f"The unsaved edits in {path} belong to another version of this picture.",
            "Restore the picture as it was, or move that file away to go on without those edits.",
        )
    entries = []
    shape = tuple(json.loads(data[len(MAGIC) : header])["shape"]) if picture is None else picture.shape
    while header + _FRAME.size <= len(data):
        kind, length, check = _FRAME.unpack_from(data, header)
        payload = data[header + _FRAME.size : header + _FRAME.size + length]
        if len(payload) < length or zlib.crc32(payload) != check:
            break
        entries.append(Entry(kind, _unpack(zlib.decompress(payload), shape)))
        header += _FRAME.size + length
    return entries, header, len(data)


def _unpack(raw: bytes, shape: tuple[int, int]) -> Tiles:
    tiles: Tiles = {}
    start = 0
    while start < len(raw):
        row, column = _TILE.unpack_from(raw, start)
        rect = tile_rect(row, column, shape)
        start += _TILE.size
        size = rect.height * rect.width
        tiles[row, column] = np.frombuffer(raw, np.uint8, size, start).reshape(rect.height, rect.width)
        start += size
    return tiles
