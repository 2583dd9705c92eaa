"""Which finished images are for training, validation and testing: split.json."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from unet_studio.core.errors import StudioError
from unet_studio.core.storage import read_json, write_json

Split = Literal["train", "val", "test"]
PARTS: tuple[Split, ...] = ("train", "val", "test")
_GROUP = 6  # one of so many images validates
_BATCH = 500  # parts written at once where many are given


class SplitFile:
    """The split of a project. An image keeps its part until a person changes it. Safe in threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._parts = self._read()
        self._waiting: int | None = None  # parts given that are not on disk yet, in a batch

    @property
    def parts(self) -> Mapping[str, Split]:
        """The part of every image that has one."""
        return self._parts

    def assign(self, name: str) -> Split:
        """The part of an image; a new one gets its place: train, val, then five train to one val."""
        with self._lock:
            if name not in self._parts:
                self._give(name, _next_part(self._parts))
            return self._parts[name]

    @contextmanager
    def in_batches(self) -> Iterator[None]:
        """While many images get their part one by one, write some hundred of them at once."""
        with self._lock:
            self._waiting = 0
        try:
            yield
        finally:
            with self._lock:
                waiting, self._waiting = self._waiting, None
                if waiting:
                    self._write(self._parts)

    def _give(self, name: str, part: Split) -> None:
        if self._waiting is None:
            self._write({**self._parts, name: part})
            return
        self._parts[name] = part
        self._waiting += 1
        if self._waiting >= _BATCH:
            self._write(self._parts)
            self._waiting = 0

    def set(self, names: Iterable[str], part: Split | None, finished: Iterable[str] = ()) -> None:
        """Put images into a part, all in one write. None: to where their turn is, once they are finished.

        finished: those of them that get their turn at once.
        """
        chosen = list(names)
        with self._lock:
            parts = {name: where for name, where in self._parts.items() if name not in set(chosen)}
            if part is not None:
                parts.update(dict.fromkeys(chosen, part))
            for name in finished if part is None else ():
                parts[name] = _next_part(parts)
            self._write(parts)

    def restore(self, parts: Mapping[str, Split]) -> None:
        """Take back the split of another time; an empty one is no file."""
        with self._lock:
            if parts:
                self._write(dict(parts))
            else:
                self._path.unlink(missing_ok=True)
                self._parts = {}

    def _write(self, parts: dict[str, Split]) -> None:
        lists: dict[str, list[str]] = {part: [] for part in PARTS}
        for name, part in parts.items():
            lists[part].append(name)
        write_json(self._path, lists)
        self._parts = parts

    def _read(self) -> dict[str, Split]:
        if not self._path.is_file():
            return {}
        value = read_json(self._path)
        try:
            found: dict[str, Split] = {}
            for part in PARTS:
                found.update({str(name): part for name in value.get(part, [])})
            return found
        except (TypeError, AttributeError) as error:
            raise StudioError(f"{self._path} is not a valid split.", "Restore it from a backup.") from error


def _next_part(parts: Mapping[str, Split]) -> Split:
    place = len(parts) - list(parts.values()).count("test")  # fast: it is asked for each of many images
    validation = place == 1 or (place > 1 and (place - 2) % _GROUP == _GROUP - 1)
    return "val" if validation else "train"
