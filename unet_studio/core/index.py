"""The index of thumbnails and sizes: an SQLite file that speeds things up and may be deleted at any time."""

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
Stamp = tuple[int, int]  # modification time in ns and size in bytes of the image's file

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS thumbnails (
        name TEXT PRIMARY KEY, modified INTEGER, size INTEGER, width INTEGER, height INTEGER, picture BLOB
    )
"""


class ThumbnailIndex:
    """Thumbnails by image name. Any number of threads may ask; a broken file is begun anew, never reported.

    path: the file; None keeps everything in memory. The rollback journal is used since WAL, SQLite's other
    way, fails on network shares.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def get(self, name: str, stamp: Stamp) -> bytes | None:
        """The thumbnail's file content, if it was made of the file as it is now."""

        def ask(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(
                "SELECT picture FROM thumbnails WHERE name = ? AND modified = ? AND size = ?", (name, *stamp)
            ).fetchone()
            return bytes(row[0]) if row else None

        return self._do(ask)

    def put(self, name: str, stamp: Stamp, picture: bytes, width: int, height: int) -> None:
        """Remember a thumbnail, and the size of its image in px."""

        def store(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute(
                    "INSERT OR REPLACE INTO thumbnails VALUES (?, ?, ?, ?, ?, ?)",
                    (name, *stamp, width, height, picture),
                )

        self._do(store)

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._mutex:
            self._disconnect()

    def _do(self, call: Callable[[sqlite3.Connection], T]) -> T | None:
        with self._mutex:
            for _ in range(2):
                try:
                    return call(self._connect())
                except (sqlite3.Error, OSError) as error:
                    log.info("the index %s is begun anew: %s", self._path, error)
                    self._disconnect()
                    if self._path is not None:
                        with suppress(OSError):
                            self._path.unlink()
            return None

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            # check_same_thread=False: the mutex above lets one thread in at a time.
            self._connection = sqlite3.connect(self._path or ":memory:", timeout=2, check_same_thread=False)
            self._connection.execute(_SCHEMA)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
