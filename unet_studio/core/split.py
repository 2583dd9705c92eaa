"""Which images are for training, validation and testing: split.json, and how a new split is made."""

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from unet_studio.core.errors import StudioError
from unet_studio.core.storage import read_json, write_json

Split = Literal["train", "val", "test"]
PARTS: tuple[Split, ...] = ("train", "val", "test")
_GROUP = 6  # one of so many images validates
_BATCH = 500  # parts written at once where many are given


def read_split(path: Path) -> dict[str, Split]:
    """The part of every name in a split.json. Raises StudioError where that is malformed."""
    value = read_json(path)
    if not isinstance(value, dict) or not all(isinstance(value.get(part, []), list) for part in PARTS):
        raise StudioError(f"{path} is not a valid split.", 'Write {"train": [names], "val": [], "test": []}.')
    parts: dict[str, Split] = {}
    for part in PARTS:
        for name in value.get(part, []):
            if parts.setdefault(str(name), part) != part:
                raise StudioError(f"{path} puts {name} into two parts.", "Leave it in one of them.")
    return parts


def write_split(path: Path, parts: Mapping[str, Split]) -> None:
    """Write a split.json, in the order of the names given."""
    lists: dict[str, list[str]] = {part: [] for part in PARTS}
    for name, part in parts.items():
        lists[part].append(name)
    write_json(path, lists)


def stable_part(key: str, seed: int = 0) -> Split:
    """train, or val for one key in six: by the key and the seed alone, whatever else there is."""
    return "val" if int.from_bytes(_drawn(key, seed)) % _GROUP == 0 else "train"


def divide(units: Mapping[str, int], shares: Sequence[float], seed: int = 0) -> dict[str, Split]:
    """A part for every unit, by shares of train, val and maybe test, in an order drawn by the seed.

    units: key -> how many images it stands for; they stay together. As exact as the units allow: single
    images come out to the image. The same for the same units, shares and seed, in whatever order they are
    given. Where there are enough units, no part with a share is empty.
    """
    order = sorted(units, key=lambda key: (_drawn(key, seed), key))
    total = sum(units.values())
    wanted = [part for part, share in zip(PARTS, shares, strict=False) if share > 0]
    ends = [sum(shares[: PARTS.index(part) + 1]) * total for part in wanted]
    parts: dict[str, Split] = {}
    before = 0
    for key in order:
        middle = before + units[key] / 2
        place = next((index for index, end in enumerate(ends) if middle < end), len(ends) - 1)
        parts[key] = wanted[place]
        before += units[key]
    for part in wanted:
        if part not in parts.values():
            _fill(parts, part, units)
    return parts


def _fill(parts: dict[str, Split], part: Split, units: Mapping[str, int]) -> None:
    """Give an empty part the smallest unit of the parts that have several, if there is one."""
    held = list(parts.values())
    spare = [key for key, where in parts.items() if held.count(where) > 1]
    if spare:
        parts[min(spare, key=lambda key: units[key])] = part


def _drawn(key: str, seed: int) -> bytes:
    """Four bytes that look random, from a key and a seed."""
    text = f"{seed}:{key}" if seed else key
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=4).digest()


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
        write_split(self._path, parts)
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
