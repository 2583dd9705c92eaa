"""What is known of many images in one SQLite file that may be deleted at any time: thumbnails, mask facts."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from unet_studio.core.mask_facts import MaskFacts

Stamp = tuple[int, int]  # modification time in ns, size in bytes: the state of the image file

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS thumbnails"
    " (name BLOB PRIMARY KEY, time INTEGER, bytes INTEGER, width INTEGER, height INTEGER, picture BLOB)",
    "CREATE TABLE IF NOT EXISTS masks"
    " (model TEXT, name BLOB, stamp TEXT, shown TEXT, truth TEXT, confidence REAL, uncertain REAL,"
    " PRIMARY KEY (model, name))",
)
_GET = "SELECT picture, width, height FROM thumbnails WHERE name = ? AND time = ? AND bytes = ?"
_PUT = "INSERT OR REPLACE INTO thumbnails VALUES (?, ?, ?, ?, ?, ?)"
_ALL_FACTS = "SELECT name, stamp, shown, truth, confidence, uncertain FROM masks WHERE model = ?"
_PUT_FACTS = "INSERT OR REPLACE INTO masks VALUES (?, ?, ?, ?, ?, ?, ?)"
_WAIT = 1.0  # seconds for another process to finish writing
# Primary result codes that say the file itself is fine: someone else is at it, or it may not be written.
_NOT_BROKEN = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_FULL,
    }
)


def _key(name: str) -> bytes:
    """A name as bytes: file names that are not text (lone surrogates) can't be stored as text."""
    return name.encode("utf-8", "surrogatepass")


class _Index:
    """One file of tables; never raises, for it is only a cache.

    path: the file, or None to keep everything in memory. Nothing is created before the first put, nor where
    the folder is missing or read-only; a broken file is replaced. Safe in threads: one connection, one lock.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._lock = Lock()

    def close(self) -> None:
        """Let go of the file; a later call opens it again."""
        with self._lock:
            self._disconnect()

    def _run(self, statement: str, values: Iterable[tuple[Any, ...]], create: bool) -> list[Any]:
        """One statement for each of the values, and all rows that it gives.

        A broken file is replaced and the statement tried once more.
        """
        rows = list(values)
        with self._lock:
            for _ in range(2):
                try:
                    if self._connection is None and not self._connect(create):
                        return []
                    assert self._connection is not None
                    with self._connection as connection:
                        if create:
                            connection.executemany(statement, rows)
                            return []
                        return connection.execute(statement, *rows).fetchall()
                except sqlite3.Error as error:
                    self._disconnect()
                    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary part of it
                    if code in _NOT_BROKEN:
                        return []
                    self._discard(code)
            return []

    def _connect(self, create: bool) -> bool:
        """Open the file, or memory where there is no folder for one; False where there is nothing to read."""
        on_disk = self._path is not None and self._path.parent.is_dir()
        if on_disk and not create and self._path is not None and not self._path.exists():
            return False
        if not on_disk and not create:
            return False
        place = str(self._path) if on_disk else ":memory:"
        connection = sqlite3.connect(place, timeout=_WAIT, check_same_thread=False)
        self._connection = connection
        connection.execute(
            "PRAGMA synchronous = OFF"
        )  # after a power cut it may be broken: then it is replaced
        for table in _SCHEMA:
            connection.execute(table)
        return True

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _discard(self, code: int) -> None:
        """Throw the broken file away; where that can't be done, or none can be made, go on in memory."""
        try:
            if code == sqlite3.SQLITE_CANTOPEN:
                self._path = None
            elif self._path is not None:
                self._path.unlink(missing_ok=True)
        except OSError:
            self._path = None


class ThumbnailIndex(_Index):
    """Thumbnails by image name, valid for one state of the image file."""

    def get(self, name: str, stamp: Stamp) -> bytes | None:
        """The PNG or JPEG stored for this state of the image; None where there is none."""
        row = self._row(name, stamp)
        return row[0] if row else None

    def size(self, name: str, stamp: Stamp) -> tuple[int, int] | None:
        """Width and height in px of the whole image, as stored with its thumbnail."""
        row = self._row(name, stamp)
        return (row[1], row[2]) if row else None

    def put(self, name: str, stamp: Stamp, picture: bytes, width: int, height: int) -> None:
        """Store a thumbnail, PNG or JPEG, with the size of the whole image; replaces an older one."""
        self._run(_PUT, [(_key(name), *stamp, width, height, picture)], create=True)

    def _row(self, name: str, stamp: Stamp) -> tuple[bytes, int, int] | None:
        rows = self._run(_GET, [(_key(name), *stamp)], create=False)
        if not rows or not isinstance(rows[0][0], bytes):
            return None
        return rows[0][0], int(rows[0][1]), int(rows[0][2])


class FactIndex(_Index):
    """What masks hold, by image name and model, None for none. Whether a row still holds, its stamp tells."""

    def all(self, model: str | None = None) -> dict[str, MaskFacts]:
        """Everything that is stored of the images with that model's predictions under what was painted."""
        found = {}
        for name, stamp, shown, truth, *sure in self._run(_ALL_FACTS, [(model or "",)], create=False):
            with suppress(ValueError, TypeError, AttributeError):  # a row that makes no sense is not there
                text = name.decode("utf-8", "surrogatepass")
                found[text] = MaskFacts(text, str(stamp), _counts(shown), _counts(truth), *map(_share, sure))
        return found

    def put(self, facts: Iterable[MaskFacts], model: str | None = None) -> None:
        """Store these, in one go; they replace what was known of their images with that model."""
        rows = [
            (
                model or "",
                _key(one.name),
                one.stamp,
                json.dumps(one.shown),
                json.dumps(one.truth),
                one.confidence,
                one.uncertain,
            )
            for one in facts
        ]
        self._run(_PUT_FACTS, rows, create=True)


def _share(value: object) -> float | None:
    """A number of 0..1, or None. Raises ValueError for anything else."""
    if value is not None and not (isinstance(value, float) and 0 <= value <= 1):
        raise ValueError(value)
    return value


def _counts(text: str) -> dict[int, int]:
    return {int(index): int(number) for index, number in json.loads(text).items()}
