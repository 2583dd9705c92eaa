"""Brings the masks on disk up to date with a class that was deleted or merged into another.

The change itself is one write of project.json (Project.retire_class): from then on every mask reads as it
shall be, wherever it is read. What is left is housekeeping, file by file, each write atomic: it may be killed
at any moment and goes on when the project is opened for writing again.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unet_studio.core import journal
from unet_studio.core.errors import StudioError
from unet_studio.core.files import stored_names
from unet_studio.core.project import Project, settled, stored_layer

Report = Callable[[int, int], None]  # images done, of how many; may raise Cancelled


def unwatched(_done: int, _total: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Rewritten:
    """What a rewrite did. images: whose files changed. unreadable: those with broken masks, left alone."""

    images: int
    unreadable: tuple[str, ...]


def rewrite_masks(project: Project, report: Report = unwatched) -> Rewritten:
    """Rewrite every stored mask that holds pixels of a deleted class; note in project.json that it is done.

    Masks of images that are not there at present are rewritten too. Raises Cancelled where report does.
    """
    indices, now = project.rewriting, project.classes.successors()
    if not indices or now is None:
        return Rewritten(0, ())
    names = _with_files(project)
    changed, unreadable = 0, []
    for done, name in enumerate(names):
        report(done, len(names))
        try:
            changed += _rewrite(project, name, now)
        except StudioError:
            unreadable.append(name)  # such an image is blocked when it is opened, with its remedy
    project.finish_rewriting(indices)
    report(len(names), len(names))
    return Rewritten(changed, tuple(unreadable))


def _with_files(project: Project) -> list[str]:
    """Every image that has painted pixels, a finished mask or a journal on disk."""
    found: set[str] = set()
    for kind, suffix in (("annotations", ".png"), ("approved", ".png"), ("journal", ".journal")):
        for names in stored_names(project.folder / kind, suffix):
            found.update(names)
    return sorted(found)


def _rewrite(project: Project, name: str, now: NDArray[np.uint8]) -> bool:
    """Bring the files of one image up to date. now: see ClassTable.successors."""
    with project.journal_lock:
        journalled = journal.exchange(project.journal_path(name), now)
    with project.layer_lock:
        stored = stored_layer(project.annotation_path(name)), stored_layer(project.approved_path(name))
        if all(layer is None or np.array_equal(layer[0], now[layer[0]]) for layer in stored):
            return journalled
        annotation, finished = settled(*stored, now)
        if annotation is not None:
            project.write_annotation(name, *annotation)  # first: it may hold what was approved
        if finished is not None:
            project.write_approved(name, *finished)
        else:
            project.remove_approved(name)
    return True
