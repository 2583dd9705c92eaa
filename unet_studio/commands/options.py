"""Options that several commands share, and what they mean."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from unet_studio.core.errors import StudioError

if TYPE_CHECKING:
    from unet_studio.core.project import Project


def add_json(parser: argparse.ArgumentParser) -> None:
    """--json."""
    parser.add_argument("--json", action="store_true", help="print one JSON object, and lines on stderr")


def add_format(parser: argparse.ArgumentParser, *, written: bool = False, optional: str = "") -> None:
    """FORMAT, with the names of all there are. written: of those alone that can be written.

    optional: it may be left out; this is said of what else it may be.
    """
    from unet_studio.formats.table import FORMATS, WRITTEN

    known = "; ".join(f"{name}: {entry.title}" for name, entry in (WRITTEN if written else FORMATS).items())
    text = f"{known}; {optional}" if optional else known
    parser.add_argument(
        "format", metavar="FORMAT", nargs="?" if optional else None, help=text.replace("%", "%%")
    )


def add_project_dir(parser: argparse.ArgumentParser) -> None:
    """--project, for a project whose own files are not in FOLDER/unet-studio."""
    parser.add_argument("--project", metavar="DIR", type=Path, help="where the project's own files are kept")


def add_subset(parser: argparse.ArgumentParser) -> None:
    """--split and --subset, for a part of the images; see read_subset."""
    parser.add_argument("--split", metavar="FILE", type=Path, help="a split.json; needs --subset")
    parser.add_argument("--subset", choices=("train", "val", "test"), help="the part of the split to compare")


def read_subset(split: Path | None, subset: str | None) -> list[str] | None:
    """The names in a part of a split.json; None where no part is asked for.

    Raises StudioError where one option lacks the other, or the part has no images.
    """
    from unet_studio.core.split import read_split

    if split is None and subset is None:
        return None
    if split is None or subset is None:
        raise StudioError("--split and --subset belong together.", "Give both, for example --subset test.")
    names = [name for name, part in read_split(split).items() if part == subset]
    if not names:
        raise StudioError(f"{split} has no {subset} images.", "Choose another --subset.")
    return names


def read_map(assignments: list[str], example: str) -> dict[str, str]:
    """What an option was given, "NAME=OTHER" each. example: how it is written."""
    found = {}
    for assignment in assignments:
        name, equals, other = assignment.partition("=")
        if not equals or not name.strip():
            raise StudioError(f"{assignment!r} maps nothing.", f"Write {example}.")
        found[name.strip()] = other.strip()
    return found


@contextmanager
def opened(folder: Path, project_dir: Path | None = None, *, writable: bool = False) -> "Iterator[Project]":
    """A project, closed at the end. Raises StudioError where it can't be written but has to."""
    from unet_studio.core.project import Project

    project = Project.open(folder, project_dir, writable=writable)
    try:
        if writable and project.read_only is not None:
            raise StudioError(
                project.read_only,
                "Close the window that has it open, or see to the folder's permissions; or keep the project "
                "elsewhere with --project DIR.",
            )
        yield project
    finally:
        project.close()
