"""Which images a folder holds, in the order people expect."""

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from unet_studio.core.image_io import IMAGE_SUFFIXES

_NUMBER = re.compile(r"(\d+)")


def natural_key(text: str) -> tuple[object, ...]:
    """Sorts a2 before a10, without regard to case; texts that differ at all never tie."""
    parts = _NUMBER.split(text.casefold())
    key = [(int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)]
    return (tuple(key), text)


def find_images(root: Path, skip: Collection[Path] = ()) -> list[str]:
    """The image files under root as POSIX paths relative to it, in natural order.

    Hidden files and folders, the folders in skip, and folders that can't be read are passed over; links to
    folders are not followed.
    """
    left_out = {os.path.abspath(path) for path in skip}  # noqa: PTH100 - resolving links would miss them
    return sorted(_walk(os.path.abspath(root), "", left_out), key=natural_key)  # noqa: PTH100


def _walk(folder: str, prefix: str, left_out: set[str]) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.path not in left_out:
                yield from _walk(entry.path, f"{prefix}{entry.name}/", left_out)
        elif os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES:  # noqa: PTH122 - 20,000 times
            yield prefix + entry.name
