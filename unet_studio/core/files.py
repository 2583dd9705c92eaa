"""The images of a folder, in the order that people expect."""

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePath

from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import IMAGE_SUFFIXES

NaturalKey = tuple[tuple[str | tuple[int, str], ...], str]

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(text: str) -> NaturalKey:
    """Sort key that compares runs of digits as numbers and letters without regard to case.

    A total order: texts that are equal in that sense ("a1", "A01") are told apart as they are written.
    Numbers are compared as digits without leading zeros, shorter first, so that any length will do.
    """
    parts: list[str | tuple[int, str]] = []
    for position, part in enumerate(_DIGITS.split(text)):
        if position % 2:
            digits = part.lstrip("0")
            parts.append((len(digits), digits))
        else:
            parts.append(part.casefold())
    return tuple(parts), text


def find_images(root: Path, skip: Collection[str | PurePath] = ()) -> list[str]:
    """The images below root as relative paths with "/", names as the disk has them, naturally sorted.

    Told by suffix. Hidden files and folders are left out, and the folders in skip: a bare name at any depth,
    a relative path from root, or an absolute path. Links to folders are followed, each folder once, so that
    cycles end; unreadable sub-folders are passed over. Raises StudioError where root itself can't be listed.
    """
    try:
        with os.scandir(root):
            pass
    except OSError as error:
        raise StudioError(
            f"The folder {root} can't be read ({error.strerror}).",
            "Choose a folder that exists and is yours.",
        ) from error
    return sorted(_walk(root, _Skip(root, skip)), key=natural_key)


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
        return name.startswith(".") or name in self._names or relative in self._paths


def _walk(root: Path, skip: _Skip) -> Iterator[str]:
    """Every image path, unsorted. Real folders come before links, so that a link never hides one."""
    seen: set[tuple[int, int]] = set()
    folders, links = [""], list[str]()
    while folders or links:
        relative = folders.pop() if folders else links.pop(0)
        try:
            place = os.path.join(root, relative)  # noqa: PTH118 - much faster than Path on many files
            status = os.stat(place)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(place) as entries:
                listed = list(entries)
        except OSError:
            continue
        prefix = f"{relative}/" if relative else ""
        for entry in listed:
            path = prefix + entry.name
            if os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES and _is_file(entry):  # noqa: PTH122
                if not entry.name.startswith("."):
                    yield path
            elif _is_folder(entry) and not skip(path, entry.name):
                (links if entry.is_symlink() else folders).append(path)


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
