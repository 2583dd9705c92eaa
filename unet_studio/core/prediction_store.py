"""Keeps the predictions on disk within a limit: what can be made again goes, what somebody works on stays."""

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from unet_studio.core.document_files import MODEL
from unet_studio.core.imported import is_imported
from unet_studio.core.project import Project, Status
from unet_studio.core.storage import read_index_texts

GIGABYTE = 10**9
ROOM = 0.9  # of the limit is left after something had to go, so that it is not reached at once again


@dataclass(frozen=True)
class Stored:
    """One prediction on disk. size: in bytes. when: it was written, in Unix seconds."""

    model: str
    name: str
    path: Path
    size: int
    when: float


@dataclass(frozen=True)
class Tidied:
    """What keep_within did. removed: predictions; freed and left: bytes, left with those that stayed."""

    removed: int = 0
    freed: int = 0
    left: int = 0


def stored_predictions(project: Project) -> Iterator[Stored]:
    """Every prediction on disk that a model made; imported ones can't be made again and don't count."""
    root = project.folder / "predictions"
    if not root.is_dir():
        return
    for home in sorted(root.iterdir()):
        if home.is_dir() and not is_imported(project.folder, home.name):
            yield from _in_folder(home)


def _in_folder(home: Path) -> Iterator[Stored]:
    for folder, _, files in os.walk(home):
        for file in files:
            path = Path(folder, file)
            if file.startswith(".") or path.suffix != ".png":
                continue
            try:
                facts = path.stat()
            except OSError:  # it was replaced or removed meanwhile
                continue
            name = path.relative_to(home).as_posix().removesuffix(".png")
            yield Stored(home.name, name, path, facts.st_size, facts.st_mtime)


def keep_within(
    project: Project,
    limit: int,
    in_use: Collection[str],
    held: Callable[[str], bool] = lambda _name: False,
    need: int = 0,
) -> Tidied:
    """Remove predictions of models that are not in use, oldest first, until all take `limit` bytes at most.

    in_use: names of models whose predictions stay, whatever they take: exports and orders rest on them.
    held(name): whether an image is open, so that its prediction may be painted on. need: bytes that must come
    free even within the limit. What lies under painted or approved pixels stays.
    """
    found = list(stored_predictions(project))
    total = sum(one.size for one in found)
    excess = max(total - round(ROOM * limit) if total > limit else 0, need)
    removed = freed = 0
    spare = (one for one in found if one.model not in in_use)
    for one in sorted(spare, key=lambda one: one.when):
        if freed >= excess:
            break
        if held(one.name) or _corrected(project, one):
            continue
        try:
            one.path.unlink()
        except OSError:
            continue
        removed, freed = removed + 1, freed + one.size
    return Tidied(removed, freed, total - freed)


def _corrected(project: Project, one: Stored) -> bool:
    """Whether a prediction lies under painted or approved pixels, as far as their files tell."""
    if project.status(one.name) is Status.UNLABELLED:
        return False
    models = {_model_under(path) for path in _layers(project, one.name) if path.is_file()}
    return not models or "" in models or one.model in models


def _layers(project: Project, name: str) -> tuple[Path, Path]:
    return project.annotation_path(name), project.approved_path(name)


def _model_under(path: Path) -> str:
    """The model whose prediction a mask was corrected against; "" where the mask doesn't say."""
    try:
        return read_index_texts(path)[0].get(MODEL, "")
    except OSError:
        return ""
