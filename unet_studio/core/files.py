"""The images of a folder, in the order that people expect, also where there are hundreds of thousands."""

import os
import re
import time
from collections.abc import Collection, Generator, Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePath

from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.image_io import IMAGE_SUFFIXES

NaturalKey = tuple[str, str]

_DIGITS = re.compile(r"([0-9]+)")
_SUFFIXES = tuple(IMAGE_SUFFIXES)
_TICK = 500  # entries of a folder read between two looks at the clock
_LEAST = 1000  # entries read before patience may end: small folders are always listed at once
_TOGETHER = 5000  # names whose keys are made in one go
_BREATH = 0.005  # seconds of work after which a thread lets others have the interpreter


def natural_key(text: str) -> NaturalKey:
    """Sort key that compares runs of digits as numbers and letters without regard to case.

    A total order: texts that are equal in that sense ("a1", "A01") are told apart as they are written.
    """
    return _keys([text])[0], text


def path_key(path: str) -> tuple[NaturalKey, ...]:
    """Sort key of a relative path with "/": folder by folder, so that what is in one stays together."""
    return tuple(natural_key(part) for part in path.split("/"))


def _keys(texts: Sequence[str]) -> list[str]:
    """Each text without case, every run of digits as a mark below all letters, its length, and its digits.

    Numbers are written without leading zeros, so a longer one is larger, whatever its length. One string
    compares several times faster than a tuple of parts, and many texts are taken apart at once, for 100,000
    files in one folder are sorted before the first is known.
    """
    found: list[str] = []
    for start in range(0, len(texts), _TOGETHER):
        some = texts[start : start + _TOGETHER]
        keys = _marked("\n".join(some)).split("\n")
        found += keys if len(keys) == len(some) else [_marked(text) for text in some]
    return found


def _marked(text: str) -> str:
    parts = _DIGITS.split(text.casefold())
    numbers = [digits.lstrip("0") for digits in parts[1::2]]
    parts[1::2] = [f"\0{chr(min(len(digits), 0x10FFFF))}{digits}" for digits in numbers]
    return "".join(parts)


def find_images(root: Path, skip: Collection[str | PurePath] = ()) -> list[str]:
    """The images below root as relative paths with "/", names as the disk has them, in natural order.

    See ImageWalk.
    """
    walk = ImageWalk(root, skip)
    walk.run()
    return walk.names


class ImageWalk:
    """A walk through a folder of images that can be interrupted. names: what was found so far, in order.

    Images are told by suffix, paths are relative with "/". Hidden files and folders are left out, and the
    folders in skip: a bare name at any depth, a relative path from root, or an absolute path. Links to
    folders are followed, each folder once, so that cycles end; unreadable sub-folders are passed over.
    Folders are read in the order of their names, so what was found first also comes first in the end; only
    what lies behind links to folders is put in its place last. Raises StudioError where root itself can't
    be listed.
    """

    def __init__(self, root: Path, skip: Collection[str | PurePath] = ()) -> None:
        try:
            with os.scandir(root):
                pass
        except OSError as error:
            raise StudioError(
                f"The folder {root} can't be read ({error.strerror}).",
                "Choose a folder that exists and is yours.",
            ) from error
        self.names: list[str] = []
        self.stopped = False
        self._read_so_far = 0
        self._root = root
        self._skip = _Skip(root, skip)
        self._folders: list[str] = []  # real folders that were read
        self._links: list[str] = []
        self._steps = self._walk()

    def run(self, seconds: float | None = None) -> bool:
        """Go on, for about so long at most. Returns whether everything is found. In a thread, give no time.

        Raises Cancelled where stopped was set meanwhile.
        """
        begun = time.monotonic()
        end = begun + seconds if seconds is not None else None
        for entries in self._steps:
            self._read_so_far += entries
            now = time.monotonic()
            if self.stopped:
                raise Cancelled
            if end is not None and now > end and self._read_so_far > _LEAST:
                return False
            if end is None and now - begun > _BREATH:
                begun = now
                time.sleep(0)
        return True

    def _walk(self) -> Iterator[int]:
        """The walk in small steps, of so many entries; real folders first, so that a link never hides one."""
        yield from self._read("")
        if not self._links:
            return
        seen = {_identity(self._place(folder)) for folder in self._folders}
        real = len(self.names)
        while self._links:
            link = self._links.pop(0)
            found = _identity(self._place(link))
            if found is not None and found not in seen:
                self._folders.clear()
                yield from self._read(link, seen)
        if len(self.names) > real:
            self.names.sort(key=path_key)

    def _read(self, top: str, seen: set[tuple[int, int] | None] | None = None) -> Iterator[int]:
        """Everything below a folder; seen: folders that were read before, where links lead back to them."""
        first = yield from self._list(top, seen)
        levels = [first]  # the folders that lead to where the walk is, with what is left of each
        while levels:
            prefix, left, folders = levels[-1]
            if not folders:
                self.names += [prefix + name for name in left]
                levels.pop()
                continue
            for name in left:
                if name in folders:
                    inner = yield from self._list(prefix + name, seen)
                    levels.append(inner)
                    break
                self.names.append(prefix + name)
            else:
                levels.pop()

    def _list(
        self, path: str, seen: set[tuple[int, int] | None] | None
    ) -> Generator[int, None, tuple[str, Iterator[str], set[str]]]:
        """One folder: what its paths begin with, its images and real folders in order, and the latter alone.

        Links to folders are put by.
        """
        images: list[str] = []
        folders: set[str] = set()
        prefix = f"{path}/" if path else ""
        if seen is not None:
            identity = _identity(self._place(path))
            if identity in seen:
                return prefix, iter(()), folders
            seen.add(identity)
        self._folders.append(path)
        count = known = 0
        try:
            with os.scandir(self._place(path)) as entries:
                while some := list(islice(entries, _TICK)):
                    count = len(some)
                    found = [entry for entry in some if entry.name.lower().endswith(_SUFFIXES)]
                    images += [entry.name for entry in found if entry.name[0] != "." and _is_file(entry)]
                    if len(images) - known < count:
                        self._find_folders(prefix, some, folders)
                    known = len(images)
                    if count == _TICK:
                        yield _TICK
        except OSError:
            pass
        ordered = _sorted([*images, *folders])
        yield count % _TICK + 1
        return prefix, iter(ordered), folders

    def _find_folders(self, prefix: str, entries: Sequence[os.DirEntry[str]], found: set[str]) -> None:
        """The names of the real folders among some entries; links to folders are put by."""
        for entry in entries:
            name = entry.name
            if name[0] != "." and _is_folder(entry) and not self._skip(prefix + name, name):
                if entry.is_symlink():
                    self._links.append(prefix + name)
                else:
                    found.add(name)

    def _place(self, path: str) -> str:
        return os.path.join(self._root, path)  # noqa: PTH118 - much faster than Path on many files


def _sorted(names: list[str]) -> list[str]:
    """The names of one folder, each different, in natural order."""
    keys = _keys(names)
    if len(set(keys)) < len(keys):
        names.sort()  # those that are equal but for case stay in this order
        keys = _keys(names)
    return sorted(names, key=dict(zip(names, keys, strict=True)).__getitem__)


def _identity(place: str) -> tuple[int, int] | None:
    """What tells a folder from every other; None where it is gone."""
    try:
        status = os.stat(place)  # noqa: PTH116
    except OSError:
        return None
    return status.st_dev, status.st_ino


def stored_names(folder: Path, suffix: str) -> Iterator[list[str]]:
    """The images that a folder of layers holds files for, <image><suffix>, folder by folder."""
    top = len(os.fspath(folder)) + 1
    for place, _, names in os.walk(folder):
        prefix = f"{place[top:].replace(os.sep, '/')}/" if len(place) > top else ""
        cut = -len(suffix)
        yield [prefix + name[:cut] for name in names if name.endswith(suffix) and not name.startswith(".")]


class _Skip:
    """Which folders are left out."""

    def __init__(self, root: Path, entries: Collection[str | PurePath]) -> None:
        paths = [PurePath(entry) for entry in entries]
        self._names = {path.name for path in paths if len(path.parts) == 1 and not path.is_absolute()}
        absolute = Path(os.path.abspath(root))  # noqa: PTH100 - links are left as they are
        self._paths = {
            path.relative_to(absolute).as_posix() if path.is_absolute() else path.as_posix()
            for path in paths
            if not path.is_absolute() or path.is_relative_to(absolute)
        }

    def __call__(self, relative: str, name: str) -> bool:
        return name in self._names or relative in self._paths


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
