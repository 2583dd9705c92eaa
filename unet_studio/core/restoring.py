"""Takes a large change back: every image, class and part of the split is again what its snapshot kept.

It may be killed at any moment and begun anew: what is right already is left alone. What it replaces goes into
the snapshot's after/ folder, so nothing is ever deleted.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.core.document_files import MODEL
from unet_studio.core.errors import StudioError
from unet_studio.core.files import stored_names
from unet_studio.core.project import Project, ProjectFile, Status, stored_layer
from unet_studio.core.snapshots import WORK, Snapshot, digest, give_room, last_undoable, link, mark
from unet_studio.core.split import PARTS, Split
from unet_studio.core.storage import read_json

Report = Callable[[int, int], None]  # images done, of how many; may raise Cancelled


@dataclass(frozen=True)
class Undone:
    """What taking a change back did. images: restored. kept: changed by a person since, and left alone.

    classes_kept: classes that the change brought stay, because they are in use.
    """

    images: tuple[str, ...]
    kept: tuple[str, ...]
    classes_kept: tuple[str, ...]


class ChangedSinceError(StudioError):
    """Images were changed after the change that is to be taken back. names: which ones."""

    def __init__(self, title: str, names: tuple[str, ...]) -> None:
        some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        super().__init__(
            f"{len(names)} images were changed since {title}: {some}.",
            "Keep them as they are and take the others back, or lose what was done to them.",
        )
        self.names = names


def undo(
    project: Project,
    snapshot: Snapshot,
    changed: str = "refuse",
    report: Report = lambda _done, _total: None,
    keep: bool = True,
) -> Undone:
    """Take a change back. It must be the last one that was not taken back.

    changed: what becomes of images that somebody changed since: "refuse" raises ChangedSinceError before
    anything is touched, "keep" leaves them, "restore" takes them back as well. keep: what is replaced goes to
    the snapshot; without, the disk gets its room back. Raises StudioError where files
    can't be restored; then begin anew. No document of the project may be in memory.
    """
    project.prepare()
    last = last_undoable(project)
    if last is None or last.folder != snapshot.folder:
        raise StudioError("Only the last change can be taken back.", "Take the later ones back first.")
    snapshot = last  # as it is on disk now
    since = changed_since(project, snapshot)
    if since and changed == "refuse":
        raise ChangedSinceError(snapshot.title, tuple(since))
    kept = set(since) if changed == "keep" else set()
    work = _Undo(project, snapshot, kept, keep)
    try:
        return work.run(report)
    except OSError as error:
        raise StudioError(
            f"{snapshot.title} can't be taken back now ({error.strerror}).",
            f"Make room in {project.folder}, or check that it can be written to, then try again.",
        ) from error


def changed_since(project: Project, snapshot: Snapshot) -> list[str]:
    """The images that somebody changed after the change had been at them, or before it came to them.

    Also those whose corrections rest on a prediction that the change brought.
    """
    log = snapshot.log()
    return [
        name
        for name in snapshot.names()
        if _changed_since(project, snapshot, name, log)
        or (name in log and _rests_on(project, snapshot, name))
    ]


def _changed_since(
    project: Project, snapshot: Snapshot, name: str, log: Mapping[str, dict[str, str] | None]
) -> bool:
    now = snapshot.left(project, name)
    left = log.get(name)
    restored = [_is_restored(project, snapshot, layer, name, now) for layer in snapshot.layers]
    if now == left or all(restored):
        return False
    if snapshot.state == "undoing" and left is not None:  # some layers may be the ones, some the others
        layers = zip(snapshot.layers, restored, strict=True)
        return not all(done or now.get(layer) == left.get(layer) for layer, done in layers)
    if name in log and left is None:
        # The change was killed while it was at this image. It writes no journal, so one that is there now,
        # and was not, is a person's.
        return "journal" in now and not snapshot.was("journal", name).is_file()
    return True


def _rests_on(project: Project, snapshot: Snapshot, name: str) -> bool:
    """Whether a person corrected or approved a prediction that the change brought."""
    models = [Path(layer).name for layer in snapshot.layers if layer.startswith("predictions/")]
    if not models or project.status(name) is Status.UNLABELLED:
        return False
    began = (snapshot.folder / "images.json").stat().st_mtime
    edits = project.journal_path(name)
    if edits.is_file() and edits.stat().st_mtime >= began:
        return True
    return any(
        _model_under(path) in models for path in (project.annotation_path(name), project.approved_path(name))
    )


def _model_under(path: Path) -> str | None:
    """Whose prediction lies under a stored mask, as its header says."""
    try:
        with Image.open(path) as image:
            found = image.info.get(MODEL)
    except (OSError, ValueError, SyntaxError):
        return None
    return str(found) if found else None


def _is_restored(project: Project, snapshot: Snapshot, layer: str, name: str, now: Mapping[str, str]) -> bool:
    """Whether a layer of an image is as it was before the change. now: see Snapshot.left."""
    was = snapshot.was(layer, name)
    if not was.is_file() or layer not in now:
        return was.is_file() == (layer in now)
    return was.samefile(snapshot.now(project, layer, name)) or digest(was) == now[layer]


@dataclass
class _Undo:
    """One change being taken back. kept: the images that stay as they are. keep: see undo."""

    project: Project
    snapshot: Snapshot
    kept: set[str]
    keep: bool

    def run(self, report: Report) -> Undone:
        """Restore images first, then split and classes: masks never hold classes that are not there."""
        touched = self.snapshot.log()
        give_room(self.snapshot)
        if self.snapshot.state != "undoing":
            mark(self.snapshot, "undoing")
        names = [name for name in self.snapshot.names() if name in touched and name not in self.kept]
        for done, name in enumerate(names):
            report(done, len(names))
            self._restore(name)
        report(len(names), len(names))
        self._restore_split(names)
        for file in self.snapshot.files:
            self._restore_other(file)
        classes_kept = self._restore_file(set(names))
        mark(self.snapshot, "undone")
        return Undone(tuple(names), tuple(sorted(self.kept)), classes_kept)

    def _restore(self, name: str) -> None:
        """Put the layers of one image back. The journal comes last: it counts on what it was made for."""
        with self.project.layer_lock, self.project.journal_lock:
            for layer in self.snapshot.layers:
                was = self.snapshot.was(layer, name)
                here = self.snapshot.now(self.project, layer, name)
                if here.is_file() and not (was.is_file() and was.samefile(here)):
                    self._put_away(f"{layer}/{name}{self.snapshot.layers[layer]}", here)
                if was.is_file():
                    _put_back(was, here)
                else:
                    here.unlink(missing_ok=True)
        self.project.look_again(name)

    def _restore_other(self, file: str) -> None:
        was, here = self.snapshot.folder / "before" / file, self.project.folder / file
        if was.is_file():
            _put_back(was, here)
        elif here.is_file() and not self.kept:
            self._put_away(file, here)
            here.unlink()
            with suppress(OSError):  # it may hold more
                here.parent.rmdir()

    def _put_away(self, file: str, here: Path) -> None:
        """Keep what is to be replaced."""
        if not self.keep:
            return
        away = self.snapshot.folder / "after" / file
        away.unlink(missing_ok=True)
        link(here, away)

    def _restore_split(self, names: list[str]) -> None:
        """Give the images the part that they had; a person's choices for others stay."""
        before = self._split_before()
        now = dict(self.project.split)
        for name in names:
            now.pop(name, None)
            if name in before:
                now[name] = before[name]
        ordered = {name: now.pop(name) for name in before if name in now} | now
        if ordered != dict(self.project.split):
            self.project.restore_split(ordered)

    def _split_before(self) -> dict[str, Split]:
        path = self.snapshot.folder / "before" / "split.json"
        if not path.is_file():
            return {}
        value = read_json(path)
        return {str(name): part for part in PARTS for name in value.get(part, [])}

    def _restore_file(self, restored: set[str]) -> tuple[str, ...]:
        """Put classes and model in use back, where nobody changed them since and nothing needs them.

        Returns the names of the classes that stay although the change brought them.
        """
        now, before, after = self.project.content, self.snapshot.before(), self.snapshot.leaves()
        if after is None:
            return ()
        was = before or self.project.default_content()
        wanted = replace(now, model=was.model) if now.model == after.model else now
        kept: tuple[str, ...] = ()
        if after.classes != was.classes:
            brought = {entry.index for entry in after.classes.classes if entry not in was.classes.classes}
            if now.classes == after.classes and not self._needed(brought, restored):
                wanted = replace(wanted, classes=was.classes)
            else:
                kept = tuple(after.classes.get(index).name for index in sorted(brought))
        wanted = replace(wanted, rewriting=_to_rewrite(was.classes, wanted))
        if wanted != was:
            if wanted != now:
                self.project.restore_content(wanted)
        elif before is not None:
            self.project.restore_content(was, (self.snapshot.folder / "before" / "project.json").read_bytes())
        elif not self._anything_left():
            self.project.forget_file()
        elif wanted != now:
            self.project.restore_content(wanted)
        return kept

    def _needed(self, indices: set[int], restored: set[str]) -> bool:
        """Whether anything that was made since may hold pixels of these classes."""
        began = (self.snapshot.folder / "images.json").stat().st_mtime
        if any(_newer(folder, began) for folder in (self.project.models_folder, self.project.runs_folder)):
            return True
        for layer, suffix in WORK.items():
            for names in stored_names(self.project.folder / layer, suffix):
                for name in names:
                    path = self.project.folder / layer / f"{name}{suffix}"
                    if name in restored or path.stat().st_mtime < began:
                        continue
                    if layer == "journal" or _holds(path, indices):
                        return True
        return False

    def _anything_left(self) -> bool:
        """Whether the project, which was not on disk before the change, holds anything by now."""
        folders = ("annotations", "approved", "journal", "predictions", "models", "runs", "set-aside")
        return any(names for kind in folders for _, _, names in os.walk(self.project.folder / kind)) or bool(
            self.project.split
        )


def _to_rewrite(before: ClassTable, now: ProjectFile) -> tuple[int, ...]:
    """The retired classes whose pixels may be on disk again, because they were retired since."""
    then = {entry.index for entry in before.classes if entry.becomes is not None}
    since = (entry.index for entry in now.classes.classes if entry.becomes is not None)
    return tuple(dict.fromkeys((*now.rewriting, *(index for index in since if index not in then))))


def _newer(folder: Path, moment: float) -> bool:
    """Whether a folder holds anything of after a moment, in Unix seconds."""
    if not folder.is_dir():
        return False
    return any(path.stat().st_mtime >= moment for path in folder.iterdir())


def _holds(path: Path, indices: set[int]) -> bool:
    """Whether a mask on disk holds pixels of these classes, or can't be read."""
    try:
        found = stored_layer(path)
    except StudioError:
        return True
    return found is not None and bool(np.isin(found[0], list(indices)).any())


def _put_back(was: Path, here: Path) -> None:
    """Let here be what was kept. Journals grow in place, so they are never linked to what is kept."""
    if here.is_file() and here.samefile(was):
        return  # a replace of one hard link by another would do nothing
    here.parent.mkdir(parents=True, exist_ok=True)
    fresh = here.with_name(f".{here.name}.tmp")
    with suppress(FileNotFoundError):
        fresh.unlink()
    if here.suffix == ".journal":
        fresh.write_bytes(was.read_bytes())
    else:
        link(was, fresh)
    os.replace(fresh, here)  # noqa: PTH105 - the one call documented as atomic
