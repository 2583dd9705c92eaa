"""A project: a folder of images that is never modified, and one sub-folder of plain files, the truth.

Nothing is created before the first change; every write is atomic; indexes and caches may be deleted.
"""

import os
import shutil
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core import journal
from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.files import ImageWalk, stored_names
from unet_studio.core.image_table import ImageTable
from unet_studio.core.image_table import Status as Status
from unet_studio.core.imported import imported_models
from unet_studio.core.lock import Lock
from unet_studio.core.model_card import ModelEntry, list_models
from unet_studio.core.pixel_size import PixelSize
from unet_studio.core.prediction import Prediction, Thresholds
from unet_studio.core.prediction_files import read_prediction, write_prediction
from unet_studio.core.resources import resources
from unet_studio.core.split import Split as Split
from unet_studio.core.split import SplitFile
from unet_studio.core.storage import (
    atomic_write,
    json_bytes,
    read_index_png,
    read_json,
    write_index_png,
    write_json,
)

PROJECT_FOLDER = "unet-studio"
PROJECT_FILE = "project.json"
SCHEMA = 1
FIRST_LOOK = 40  # images whose state is looked up by themselves while the folder is being listed

Layer = tuple[NDArray[np.uint8], dict[str, str]]  # uint8 (H, W), and the facts stored with it


@dataclass(frozen=True)
class ProjectFile:
    """What project.json says. image_root: relative to its folder where possible. model: the one in use.

    rewriting: retired classes whose pixels may still be in masks on disk. They read as what they became; a
    rewrite that was interrupted goes on when the project is opened again. pixel_size: of its images; None
    where nobody said.
    """

    name: str
    image_root: str
    classes: ClassTable
    thresholds: Mapping[int, float]
    model: str | None = None
    rewriting: tuple[int, ...] = ()
    pixel_size: PixelSize | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        rewriting = {"rewriting": [*self.rewriting]} if self.rewriting else {}
        pixel_size = {"pixel_size": self.pixel_size.to_json()} if self.pixel_size else {}
        return {
            "schema": SCHEMA,
            "name": self.name,
            "image_root": self.image_root,
            "model": self.model,
            **self.classes.to_json(),
            "thresholds": {str(index): value for index, value in self.thresholds.items()},
            **rewriting,
            **pixel_size,
        }

    @classmethod
    def read(cls, path: Path) -> "ProjectFile":
        """Read project.json. Raises StudioError where it is broken or newer than this program."""
        value = read_json(path)
        try:
            if value["schema"] > SCHEMA:
                raise StudioError(f"{path} was written by a newer U-Net Studio.", "Update U-Net Studio.")
            thresholds = {int(key): float(item) for key, item in value.get("thresholds", {}).items()}
            size = value.get("pixel_size")
            return cls(
                str(value["name"]),
                str(value["image_root"]),
                ClassTable.from_json(value),
                thresholds,
                value.get("model"),
                tuple(int(index) for index in value.get("rewriting", ())),
                None if size is None else PixelSize.from_json(size),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StudioError(
                f"{path} is not a valid project ({error!r}).", "Restore it from a backup."
            ) from error


class Project:
    """An open project. Create it with Project.open; close() gives the lock back.

    layer_lock: held while a layer's file is replaced; journal_lock: while a journal is. Threads that read a
    file, change what they read and write it back hold it all the while.
    """

    def __init__(self, folder: Path, image_root: Path, content: ProjectFile, read_only: str | None) -> None:
        self.folder = folder
        self.image_root = image_root
        self._content = content
        self._thresholds: Mapping[int, float] | None = None  # that hold and are not stored (yet)
        self._model: tuple[str | None] | None = None  # that is in use and not stored (yet)
        self.read_only = read_only
        self.lock = Lock(folder / "lock")
        self.table = ImageTable()
        self.listed = False
        self.layer_lock = threading.RLock()
        self.journal_lock = threading.RLock()
        self._split = SplitFile(folder / "split.json")
        self._preparing = threading.Lock()  # window, writer and prediction thread may all come first
        self._changing = threading.Lock()
        self._trying = threading.Lock()
        self._walk: ImageWalk | None = None

    @classmethod
    def open(
        cls,
        folder: Path | str,
        project_dir: Path | str | None = None,
        writable: bool = True,
        patience: float | None = None,
    ) -> "Project":
        """Open a folder of images, or a project folder, without creating anything.

        project_dir: where the project lives, if not in FOLDER/unet-studio. Where writable and the project is
        on disk already, the lock is taken; where that fails, read_only says why. patience: seconds after
        which a large folder is left half listed, see refresh.
        """
        chosen = Path(folder).expanduser().absolute()
        if not chosen.is_dir():
            raise StudioError(f"There is no folder {chosen}.", "Choose a folder of images.")
        if project_dir is None and (chosen / PROJECT_FILE).is_file():
            home = chosen
        else:
            home = Path(project_dir).expanduser().absolute() if project_dir else chosen / PROJECT_FOLDER
        content = cls._content_of(home, chosen)
        root = (home / content.image_root).resolve() if home == chosen else chosen
        if not root.is_dir():
            raise StudioError(
                f"The images of this project are not in {root}.",
                "Put them back, or open the folder where they are now with --project.",
            )
        project = cls(home, root, content, None if writable else "It was opened for reading only.")
        project.refresh(patience)
        if writable:
            project._make_writable()
        return project

    @staticmethod
    def _content_of(home: Path, root: Path) -> ProjectFile:
        if (home / PROJECT_FILE).is_file():
            return ProjectFile.read(home / PROJECT_FILE)
        return _new_file(root, home)

    def _make_writable(self) -> None:
        """Take the lock of a project that is on disk; say why where it can't be written."""
        existing = self.folder
        while not existing.exists():
            existing = existing.parent
        if not os.access(existing, os.W_OK):
            self.read_only = f"{existing} can't be written to."
        elif self.exists:
            try:
                self.lock.acquire()
            except StudioError as error:
                self.read_only = error.message

    @property
    def exists(self) -> bool:
        """Whether the project is on disk already."""
        return (self.folder / PROJECT_FILE).is_file()

    @property
    def name(self) -> str:
        """What people call it."""
        return self._content.name

    @property
    def classes(self) -> ClassTable:
        """Its classes."""
        return self._content.classes

    @property
    def thresholds(self) -> Thresholds:
        """The least confidence at which a predicted class is shown."""
        indices, background = self.classes.indices, self.classes.background
        binary = None
        if len(indices) == 2 and background is not None:
            binary = (background, self.classes.foreground[0])
        values = self._content.thresholds if self._thresholds is None else self._thresholds
        return Thresholds(values, binary)

    @property
    def model(self) -> str | None:
        """The name of the model in use, if any."""
        return self._content.model if self._model is None else self._model[0]

    @property
    def pixel_size(self) -> PixelSize | None:
        """How long a pixel of its images is; None where nobody said."""
        return self._content.pixel_size

    @property
    def split(self) -> Mapping[str, Split]:
        """Which part each finished image belongs to; permanent unless a person changes it."""
        return self._split.parts

    @property
    def images(self) -> list[str]:
        """The images in natural order: all of them once the project is listed."""
        return self.table.names

    @property
    def rewriting(self) -> tuple[int, ...]:
        """Retired classes whose pixels may still be in masks on disk; they read as what they became."""
        return self._content.rewriting

    @property
    def models_folder(self) -> Path:
        """Where this project's model versions live."""
        return self.folder / "models"

    @property
    def runs_folder(self) -> Path:
        """Where this project's trainings live."""
        return self.folder / "runs"

    @property
    def index_file(self) -> Path | None:
        """The thumbnails' index; None while the project is not on disk or may not be written."""
        return self.folder / "index.sqlite" if self.exists and self.read_only is None else None

    def refresh(self, patience: float | None = None) -> bool:
        """Look at the disk again: which images there are, and how far each is. Returns whether that is done.

        patience: seconds after which it is left to a later call without patience, from a thread. A project
        that was never listed then has the first images that were found, in their final order.
        """
        begun = time.monotonic()
        walk = self._walk
        if walk is None:
            walk = self._walk = ImageWalk(self.image_root, [self.folder])
            self.table.expect()
        found = walk.run(patience)
        rest = None if patience is None else max(0.0, patience - (time.monotonic() - begun))
        states = self._stored_states(rest) if found else None
        if states is None:
            if not self.listed:
                first = walk.names[:]
                looked = first[:FIRST_LOOK] if self.exists else []
                self.table.replace(first, {name: self._state(name) for name in looked})
                self.table.expect()
            return False
        self._walk = None
        self.table.replace(walk.names, states)
        self.listed = True
        return True

    def _stored_states(self, patience: float | None) -> dict[str, Status] | None:
        """How far each image is as the files tell; None where that takes longer than patience, in seconds."""
        end = None if patience is None else time.monotonic() + patience
        states: dict[str, Status] = {}
        for kind, suffix, status in (
            ("annotations", ".png", Status.PAINTED),
            ("journal", ".journal", Status.PAINTED),
            ("approved", ".png", Status.APPROVED),
        ):
            for names in stored_names(self.folder / kind, suffix):
                states.update(dict.fromkeys(names, status))
                if end is not None and time.monotonic() > end and len(states) > FIRST_LOOK:
                    return None
        return states

    def image_path(self, name: str) -> Path:
        """The file of an image."""
        return self.image_root / name

    def status(self, name: str) -> Status:
        """How far an image is."""
        return self.table.status(name)

    def counts(self) -> dict[Status, int]:
        """How many images are how far."""
        return self.table.counts()

    def with_status(self, *wanted: Status) -> list[str]:
        """The images that are so far."""
        return self.table.with_status(*wanted)

    def models(self) -> list[ModelEntry]:
        """The models one can choose: this project's own, then those that ship with the program."""
        return list_models(self.models_folder, resources() / "models")

    def shown_models(self) -> list[ModelEntry]:
        """Whose predictions one can look at: the models, then masks that were imported as predictions."""
        models = self.models()
        names = {entry.name for entry in models}
        return [*models, *(entry for entry in imported_models(self.folder) if entry.name not in names)]

    # -- writing ------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make sure that the project is on disk and that this process is its writer.

        Raises StudioError where it may not be written.
        """
        with self._preparing:
            if self.read_only is not None:
                raise StudioError(
                    f"This project can't be changed: {self.read_only}", "Choose another place for it."
                )
            if not self.lock.held:
                try:
                    self.lock.acquire()
                except StudioError as error:
                    self.read_only = error.message
                    raise
            if not self.exists:
                write_json(self.folder / PROJECT_FILE, self._content.to_json())

    def close(self) -> None:
        """Give the lock back; a thread that is late can't take it again."""
        with self._preparing:
            self.read_only = self.read_only or "It was closed."
            if self._walk is not None:
                self._walk.stopped = True
            self.lock.release()

    def _change(self, **fields: Any) -> None:
        self.prepare()
        with self._changing:  # the window and a rewrite that ends may both come
            changed = replace(self._content, **fields)
            write_json(self.folder / PROJECT_FILE, changed.to_json())
            self._content = changed

    def set_classes(self, table: ClassTable) -> None:
        """Store other classes. Indices in use stay: a class is retired, never removed."""
        gone = {entry.index for entry in self.classes.classes} - {entry.index for entry in table.classes}
        if gone and self.table.any_work:
            raise StudioError(f"Class indices {sorted(gone)} can't vanish.", "Retire the classes instead.")
        self._change(classes=table)

    def retire_class(self, index: int, becomes: int) -> None:
        """Delete a class, or merge it into another: from now on its pixels read as class `becomes`, or 255.

        One write of project.json does it, so it is done as a whole or not at all. The masks on disk follow
        in core.class_change.rewrite_masks, which may be interrupted at any moment.
        """
        table = self.classes.retire(index, becomes)
        self._change(classes=table, rewriting=(*self.rewriting, index))

    def finish_rewriting(self, indices: Iterable[int]) -> None:
        """No mask on disk holds these retired classes any more."""
        done = set(indices)
        self._change(rewriting=tuple(index for index in self.rewriting if index not in done))

    def try_thresholds(self, values: Mapping[int, float]) -> None:
        """Let other thresholds hold, class index -> 0..1, in memory alone; waits for no disk."""
        with self._trying:
            self._thresholds = dict(values)

    def set_thresholds(self, values: Mapping[int, float]) -> None:
        """Store other thresholds, class index -> 0..1; ones that are tried meanwhile go on holding."""
        stored = dict(values)
        self._change(thresholds=stored)
        with self._trying:
            if self._thresholds == stored:
                self._thresholds = None

    def try_model(self, name: str | None) -> None:
        """Let another model be in use, in memory alone; waits for no disk."""
        with self._trying:
            self._model = (name,)

    def set_model(self, name: str | None) -> None:
        """Store which model is in use; in memory alone while the project is not on disk or is read-only.

        One that is tried meanwhile stays in use.
        """
        if self.exists and self.read_only is None:
            self._change(model=name)
        else:
            self._content = replace(self._content, model=name)
        with self._trying:
            if self._model == (name,):
                self._model = None

    @property
    def trying(self) -> bool:
        """Whether thresholds or a model hold that are not stored."""
        return self._thresholds is not None or self._model is not None

    def keep_what_is_tried(self) -> None:
        """Store the thresholds and the model that are tried."""
        with self._trying:
            thresholds, model = self._thresholds, self._model
        if thresholds is not None:
            self.set_thresholds(thresholds)
        if model is not None:
            self.set_model(model[0])

    def set_name(self, name: str) -> None:
        """Store another name."""
        self._change(name=name)

    @property
    def content(self) -> ProjectFile:
        """What project.json says, or would say where it is not on disk yet."""
        return self._content

    def default_content(self) -> ProjectFile:
        """What project.json says of a project that nobody has changed yet."""
        return _new_file(self.image_root, self.folder)

    def restore_content(self, content: ProjectFile, stored: bytes | None = None) -> None:
        """Take back what project.json said at another time. stored: its very bytes, where they are known."""
        self.prepare()
        with self._changing, atomic_write(self.folder / PROJECT_FILE) as stream:
            stream.write(json_bytes(content.to_json()) if stored is None else stored)
            self._content, self._thresholds, self._model = content, None, None

    def forget_file(self) -> None:
        """Be a project that is not on disk again; its folder stays."""
        with self._preparing, self._changing:
            (self.folder / PROJECT_FILE).unlink(missing_ok=True)
            self._content, self._thresholds, self._model = self.default_content(), None, None

    def set_pixel_size(self, size: PixelSize | None) -> None:
        """Store how long a pixel of its images is; None: nobody knows."""
        self._change(pixel_size=size)

    # -- layers -------------------------------------------------------------------------------------------

    def annotation_path(self, name: str) -> Path:
        """Where the painted pixels of an image are stored; the image's suffix stays, a.jpg.png."""
        return self.folder / "annotations" / f"{name}.png"

    def approved_path(self, name: str) -> Path:
        """Where the finished mask of an image is stored; its presence is the approval."""
        return self.folder / "approved" / f"{name}.png"

    def journal_path(self, name: str) -> Path:
        """Where the unsaved edits of an image are stored."""
        return self.folder / "journal" / f"{name}.journal"

    def prediction_path(self, model: str, name: str) -> Path:
        """Where what a model says of an image is stored."""
        return self.folder / "predictions" / model / f"{name}.png"

    def read_annotation(self, name: str) -> Layer | None:
        """The painted pixels, uint8 (H, W), with their facts; None where nobody painted."""
        return self.read_layers(name)[0] if self.rewriting else self._read_layer(self.annotation_path(name))

    def read_approved(self, name: str) -> Layer | None:
        """The finished mask, uint8 (H, W), with its facts; None where the image is not approved."""
        return self.read_layers(name)[1] if self.rewriting else self._read_layer(self.approved_path(name))

    def _read_layer(self, path: Path) -> Layer | None:
        """A stored layer; pixels of retired classes are what they became."""
        found, now = stored_layer(path), self.classes.successors()
        return found if found is None or now is None else (now[found[0]], found[1])

    def read_layers(self, name: str) -> tuple[Layer | None, Layer | None]:
        """Painted pixels and finished mask, None where there are none, as settled() leaves them."""
        stored = stored_layer(self.annotation_path(name)), stored_layer(self.approved_path(name))
        return settled(*stored, self.classes.successors())

    def predicted_by(self, name: str) -> list[str]:
        """The models of which a prediction of an image is stored, the newest prediction first."""
        found = []
        with suppress(FileNotFoundError):
            for home in (self.folder / "predictions").iterdir():
                with suppress(OSError):  # there is none, or it is gone again
                    found.append((self.prediction_path(home.name, name).stat().st_mtime, home.name))
        return [home for _, home in sorted(found, reverse=True)]

    def image_is_newer(self, model: str, name: str) -> bool:
        """Whether an image was written after what a model says of it was stored: it may show something else.

        A file that is put in its place with an older time is found out when the image is opened.
        """
        try:
            return self.image_path(name).stat().st_mtime > self.prediction_path(model, name).stat().st_mtime
        except OSError:
            return False

    def read_prediction(self, model: str, name: str) -> Prediction | None:
        """What a model says of an image, if it is stored and whole; a broken file counts as none."""
        found = read_prediction(self.prediction_path(model, name))
        now = self.classes.successors()
        return found if found is None or now is None else replace(found, labels=now[found.labels])

    def truth(self, name: str) -> NDArray[np.uint8] | None:
        """What may be learnt from: the finished mask, else the painted pixels (255 elsewhere), else None."""
        found = self.read_approved(name) or self.read_annotation(name)
        return found[0] if found else None

    def write_layers(
        self,
        name: str,
        annotation: NDArray[np.uint8],
        finished: NDArray[np.uint8] | None,
        facts: Mapping[str, str],
    ) -> None:
        """Store painted pixels and, of an approved image, the finished mask; uint8 (H, W) both."""
        with self.layer_lock:
            self._write_annotation(name, annotation, facts)
            if finished is not None:
                self.write_approved(name, finished, facts)
            else:
                self.remove_approved(name)

    def write_annotation(self, name: str, labels: NDArray[np.uint8], facts: Mapping[str, str]) -> None:
        """Store painted pixels, uint8 (H, W); where none are left, the file goes."""
        self._write_annotation(name, labels, facts)
        self._refresh_status(name)

    def _write_annotation(self, name: str, labels: NDArray[np.uint8], facts: Mapping[str, str]) -> None:
        self.prepare()
        with self.layer_lock:
            if (labels == UNLABELLED).all():
                self.annotation_path(name).unlink(missing_ok=True)
            else:
                write_index_png(self.annotation_path(name), labels, self.classes.palette(), facts)

    def write_approved(self, name: str, labels: NDArray[np.uint8], facts: Mapping[str, str]) -> None:
        """Store the finished mask, uint8 (H, W), and give the image its place in the split."""
        self.prepare()
        self.assign_split(name)
        with self.layer_lock:
            write_index_png(self.approved_path(name), labels, self.classes.palette(), facts)
        self.table.set_status(name, Status.APPROVED)

    def remove_approved(self, name: str) -> None:
        """Take the approval back."""
        self.prepare()
        with self.layer_lock:
            self.approved_path(name).unlink(missing_ok=True)
        self._refresh_status(name)

    def write_prediction(self, name: str, prediction: Prediction) -> None:
        """Store what a model says of an image."""
        self.prepare()
        write_prediction(self.prediction_path(prediction.model, name), prediction)

    def append_journal(self, name: str, picture: journal.Picture, entry: journal.Entry) -> None:
        """Store an edit before the next save."""
        self.prepare()
        with self.journal_lock:
            journal.append(self.journal_path(name), picture, entry)

    def drop_journal(self, name: str) -> None:
        """Forget the unsaved edits: they are saved."""
        with self.journal_lock:
            self.journal_path(name).unlink(missing_ok=True)
        self._refresh_status(name)

    def set_aside(self, name: str) -> list[Path]:
        """Move everything a person did on an image out of the way, so that it can be begun anew.

        Returns where it went; nothing is deleted.
        """
        self.prepare()
        moved = []
        with self.layer_lock, self.journal_lock:
            for path in (self.annotation_path(name), self.approved_path(name), self.journal_path(name)):
                if path.is_file():
                    target = self.folder / "set-aside" / path.relative_to(self.folder)
                    target = _unused(target)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.move(path, target)
                    moved.append(target)
        self._refresh_status(name)
        return moved

    def look_again(self, name: str) -> None:
        """See how far an image is from its files, which another program may have changed."""
        self._refresh_status(name)

    def _refresh_status(self, name: str) -> None:
        self.table.set_status(name, self._state(name))

    def _state(self, name: str) -> Status:
        """How far an image is as its files tell."""
        if self.approved_path(name).is_file():
            return Status.APPROVED
        painted = self.annotation_path(name).is_file() or self.journal_path(name).is_file()
        return Status.PAINTED if painted else Status.UNLABELLED

    def mark(self, name: str, status: Status) -> None:
        """Note a status ahead of the file that will hold it, for the window."""
        self.table.set_status(name, status)

    # -- classes, split, runs -----------------------------------------------------------------------------

    def drop_predictions(self, model: str | None = None) -> None:
        """Delete stored predictions, of one model or of all: they can be made again."""
        shutil.rmtree(self.folder / "predictions" / (model or ""), ignore_errors=True)

    def assign_split(self, name: str) -> Split:
        """The part an image belongs to; a new one gets its place: train, val, then five train to one val."""
        self.prepare()
        return self._split.assign(name)

    def split_in_batches(self) -> AbstractContextManager[None]:
        """While many images are approved in a row, let their parts of the split be written in batches."""
        return self._split.in_batches()

    def restore_split(self, parts: Mapping[str, Split]) -> None:
        """Take back the split of another time, as a whole; an empty one is no file."""
        self.prepare()
        self._split.restore(parts)

    def set_split(self, names: str | Iterable[str], part: Split | None) -> None:
        """Put images into a part of the split; None: finished ones to where their turn is, others nowhere."""
        self.prepare()
        chosen = [names] if isinstance(names, str) else list(names)
        self._split.set(chosen, part, [name for name in chosen if self.status(name) is Status.APPROVED])

    def new_run(self, name: str) -> Path:
        """A folder for a training that does not exist yet."""
        self.prepare()
        return _unused(self.runs_folder / name)

    def runs(self) -> list[Path]:
        """The trainings, oldest first."""
        if not self.runs_folder.is_dir():
            return []
        found = [path for path in self.runs_folder.iterdir() if (path / "config.json").is_file()]
        return sorted(found, key=lambda path: (path / "config.json").stat().st_mtime)


def stored_layer(path: Path) -> Layer | None:
    """A layer as its file says, whatever was done to the classes since; None where there is no file."""
    return read_index_png(path) if path.is_file() else None


def settled(
    annotation: Layer | None, finished: Layer | None, now: NDArray[np.uint8] | None
) -> tuple[Layer | None, Layer | None]:
    """Painted pixels and finished mask of an image after classes were deleted. now: ClassTable.successors.

    A finished mask that loses pixels is finished no more: what else it says counts as painted then, so that
    nothing that a person approved is lost.
    """
    if now is None:
        return annotation, finished
    if annotation is not None:
        annotation = now[annotation[0]], annotation[1]
    if finished is None:
        return annotation, None
    labels = now[finished[0]]
    if ((labels == UNLABELLED) & (finished[0] != UNLABELLED)).any():
        return (labels, finished[1]), None
    return annotation, (labels, finished[1])


def _new_file(root: Path, home: Path) -> ProjectFile:
    """project.json of a project that nobody has changed yet."""
    return ProjectFile(root.name, _relative(root, home), ClassTable.binary(), {})


def _relative(root: Path, home: Path) -> str:
    """root as seen from home where both are on one drive, else absolute."""
    try:
        return Path(os.path.relpath(root, home)).as_posix()
    except ValueError:
        return str(root)


def _unused(path: Path) -> Path:
    """path, or path with the first number that makes it unused."""
    candidates: Iterable[Path] = (path.with_name(f"{path.name}-{number}") for number in range(2, 10**6))
    return path if not path.exists() else next(item for item in candidates if not item.exists())
