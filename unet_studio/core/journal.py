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


class Packer:
    """Makes one frame of tiles that come in portions; of a tile that comes twice, the last one counts."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(1)
        self._parts: list[bytes] = []

    def add(self, tiles: Tiles) -> None:
        """Put some tiles in."""
        for key, pixels in tiles.items():
            self._parts.append(self._zlib.compress(_TILE.pack(*key)))
            self._parts.append(self._zlib.compress(np.ascontiguousarray(pixels).data))

    def frame(self, kind: bytes) -> bytes:
        """The frame; ends the packing."""
        payload = b"".join((*self._parts, self._zlib.flush()))
        return _FRAME.pack(kind, len(payload), zlib.crc32(payload)) + payload


def pack(entry: Entry) -> bytes:
    """One frame."""
    packer = Packer()
    packer.add(dict(sorted(entry.tiles.items())))
    return packer.frame(entry.kind)


def append(path: Path, picture: Picture, entry: Entry) -> None:
    """Add one entry to a journal and bring it to the disk; starts the file where there is none."""
    append_frame(path, picture, pack(entry))
    sync(path)


def append_frame(path: Path, picture: Picture, frame: bytes) -> int:
    """Add a frame to a journal, which outlives this process from then on. Returns the size of the file.

    Starts the file where there is none. One that fails leaves no trace.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as stream:
        start = stream.tell()
        rest = memoryview((b"" if start else MAGIC + picture.line()) + frame)
        try:
            while rest:
                rest = rest[stream.write(rest) :]
        except OSError:
            with suppress(OSError):
                stream.truncate(start)  # half an entry would hide all that come after it
            raise
        return stream.tell()


def sync(path: Path) -> None:
    """Wait until a journal outlives a loss of power too. Takes long where the disk is busy."""
    with suppress(FileNotFoundError), path.open("r+b") as stream:
        os.fsync(stream.fileno())


def keep_last(path: Path, count: int) -> int:
    """Forget all entries but so many of the last ones. Returns the size of the file, 0 without one."""
    data = _read(path)
    frames = _frames(data)
    if len(frames) <= count:
        return len(data)
    kept = data[: frames[0].start] + data[frames[-count].start : frames[-1].end]
    with atomic_write(path, sync=False) as stream:
        stream.write(kept)
    return len(kept)


def repair(path: Path) -> None:
    """Cut a half-written end away, so that entries after it can be found."""
    with suppress(FileNotFoundError):
        data = path.read_bytes()
        frames = _frames(data)
        end = frames[-1].end if frames else _head(data)
        if end < len(data):
            os.truncate(path, end)


def replay(path: Path, picture: Picture, mask: Mask, mend: bool = True) -> bytes | None:
    """Bring mask up to date with its journal. Returns the kind of the last entry, or None without any.

    mend: cut a half-written end away. Raises StudioError where the journal belongs to another picture.
    """
    data = _read(path, picture)
    frames = _frames(data)
    for frame in frames:
        mask.restore_tiles(_unpack(frame.payload(data), picture.shape))
    if mend:
        repair(path)
    return frames[-1].kind if frames else None


def exchange(path: Path, now: NDArray[np.uint8]) -> bool:
    """Make now[v] of every pixel value v in a journal. now: uint8 (256,). Returns whether it changed."""
    data = _read(path)
    head = data[: _head(data)]
    if not head:
        return False
    shape = tuple(json.loads(head[len(MAGIC) :])["shape"])
    changed, packed = False, [head]
    for frame in _frames(data):
        tiles = _unpack(frame.payload(data), shape)
        new = {key: now[pixels] for key, pixels in tiles.items()}
        changed |= any(not np.array_equal(pixels, new[key]) for key, pixels in tiles.items())
        packed.append(pack(Entry(frame.kind, new)))
    if changed:
        with atomic_write(path) as stream:
            stream.write(b"".join(packed))
    return changed


@dataclass(frozen=True)
class _Found:
    """A whole frame. start and end: where it lies in the file, in bytes."""

    kind: bytes
    start: int
    end: int

    def payload(self, data: bytes) -> bytes:
        """What it holds."""
        return zlib.decompress(memoryview(data)[self.start + _FRAME.size : self.end])


def _read(path: Path, picture: Picture | None = None) -> bytes:
    """A journal, which must belong to picture, or to whichever. Nothing where there is none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return b""
    head = _head(data)
    if picture is not None and head and data[len(MAGIC) : head] != picture.line():
        raise StudioError(
            f"The unsaved edits in {path} belong to another version of this picture.",
            "Restore the picture as it was, or move that file away to go on without those edits.",
        )
    return data


def _head(data: bytes) -> int:
    """Where the first frame begins; 0 where not even the first lines are whole."""
    return data.find(b"\n", len(MAGIC)) + 1 if data.startswith(MAGIC) else 0


def _frames(data: bytes) -> list[_Found]:
    """The whole frames of a journal, oldest first, up to the first that is not."""
    frames, start = [], _head(data)
    while start and start + _FRAME.size <= len(data):
        kind, length, check = _FRAME.unpack_from(data, start)
        end = start + _FRAME.size + length
        if end > len(data) or zlib.crc32(memoryview(data)[start + _FRAME.size : end]) != check:
            break
        frames.append(_Found(kind, start, end))
        start = end
    return frames


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
