"""Two model versions on the image on screen, A/B: which two, what each says, and which of them is looked at.

Nothing here changes the document, and it can't be changed while one compares: what is on screen is not the
mask that an edit or an approval would be about. What isn't stored is predicted in a thread of its own, so
that the model in use stays loaded in the other one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.document import Document
from unet_studio.core.document_files import IMAGE_HASH, fits
from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import ModelEntry, class_mapping
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project
from unet_studio.jobs.prediction import CURRENT, PredictionQueue, Request
from unet_studio.jobs.tasks import TaskThread
from unet_studio.session.prediction_shelf import Shelf

if TYPE_CHECKING:
    from unet_studio.session.session import Session

View = Literal["first", "second", "split", "difference"]
VIEWS: tuple[View, ...] = ("first", "second", "split", "difference")
OTHER: dict[View, View] = {"first": "second"}  # what flipping shows; from everything else the first one


@dataclass(frozen=True)
class Side:
    """One of the two. prediction: what it says of the image on screen, None while that isn't known.

    problem: why it will not be known, as a sentence.
    """

    entry: ModelEntry
    prediction: Prediction | None = None
    problem: str = ""

    @property
    def waiting(self) -> bool:
        """Whether it is being read or predicted."""
        return self.prediction is None and not self.problem


class Comparer(QObject):
    """changed(): on or off, the models, the view, or what a model says. splitMoved(before, now): columns.

    on: whether versions are compared. view: what is shown. place: of the split line, 0..1 of the width.
    """

    changed = Signal()
    splitMoved = Signal(int, int)

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self.on = False
        self.view: View = "split"
        self.place = 0.5
        self.sides: tuple[Side, ...] = ()
        self._before_flip: View | None = None
        self._shelf = Shelf()
        self._reader = TaskThread("stored predictions to compare")
        self._reader.done.connect(self._read)
        self._reader.failed.connect(self._not_read)
        self._queue = PredictionQueue()
        self._queue.set_up(self._threads, lambda _project, _need: 0, self._is_painted)
        self._queue.predicted.connect(self._answered)
        self._queue.failed.connect(self._failed)
        self._queue.lost.connect(self._lost)
        session.documentChanged.connect(self._image_changed)
        session.classesChanged.connect(self._classes_changed)
        session.predictor.modelsChanged.connect(self._models_changed)

    def close(self) -> None:
        """Let go of the project."""
        self.end()
        self._shelf.clear()

    def stop(self) -> None:
        """End the threads."""
        self._reader.stop()
        self._queue.stop()

    # -- which two ----------------------------------------------------------------------------------------

    @property
    def models(self) -> list[ModelEntry]:
        """The models that can be compared: those whose classes are the project's, and imported masks."""
        return [entry for entry in self._session.predictor.models() if entry.imported or self._speaks(entry)]

    def _speaks(self, entry: ModelEntry) -> bool:
        """Whether all classes of a model are classes of the project."""
        if entry.card is None:
            return False
        try:
            class_mapping(entry.card, self._session.classes)
        except StudioError:
            return False
        return True

    @property
    def possible(self) -> bool:
        """Whether there is an image, and as it seems two models to compare on it."""
        return self._session.document is not None and len(self._session.predictor.models()) > 1

    def begin(self, first: str | None = None, second: str | None = None, view: View | None = None) -> None:
        """Compare two models by name; by default those that default_pair chooses, or the two of before."""
        session = self._session
        named = {entry.name: entry for entry in self.models}
        known = [side.entry.name for side in self.sides if side.entry.name in named]
        usual = known if len(known) == 2 else default_pair(self.models, session.predictor.model)
        chosen = [first or usual[0], second or usual[1]] if usual else []
        if session.operator.running or not (chosen and all(name in named for name in chosen)):
            session.message.emit("There are no two models to compare yet.")
            return
        if not self.on:
            session.settle()  # a tool in the middle of its work ends it
        self.on = True
        self.view = view or self.view
        self._before_flip = None
        self.sides = tuple(Side(named[name]) for name in chosen)
        self._look()
        self.changed.emit()

    def choose(self, place: int, name: str) -> None:
        """Put another model on a side, 0 or 1; the one that is on the other side trades places."""
        names = [side.entry.name for side in self.sides]
        if len(names) == 2 and names[place] != name:
            if names[1 - place] == name:
                names[1 - place] = names[place]
            names[place] = name
            self.begin(names[0], names[1])

    def swap(self) -> None:
        """Let both sides trade places."""
        if self.on:
            self.choose(0, self.sides[1].entry.name)

    def end(self) -> None:
        """Show the mask again; the two models are remembered."""
        if not self.on:
            return
        self.on = False
        self._forget()
        self.sides = tuple(Side(side.entry) for side in self.sides)
        self.changed.emit()

    # -- what is shown ------------------------------------------------------------------------------------

    def set_view(self, view: View) -> None:
        """Look at one side, at both beside each other, or at where they differ."""
        self._before_flip = None
        self._show(view)

    def _show(self, view: View) -> None:
        if not self.on:
            self.begin(view=view)
        elif view != self.view:
            self.view = view
            self.changed.emit()

    def flip(self) -> None:
        """Look at the other side; flip_back() takes that back."""
        before = self.view if self.on else None
        self._show(OTHER.get(self.view, "first") if self.on else "first")
        self._before_flip = before

    def flip_back(self) -> None:
        """Look at what flip() left: the key was held, not pressed."""
        before, self._before_flip = self._before_flip, None
        if self.on and before is not None:
            self._show(before)

    @property
    def column(self) -> int:
        """The first column of the image that belongs to the right side."""
        document = self._session.document
        return round(self.place * document.shape[1]) if document is not None else 0

    def move_split(self, column: float) -> None:
        """Put the split line to the left of a column of the image."""
        document = self._session.document
        if document is None:
            return
        before, width = self.column, document.shape[1]
        self.place = min(max(column / width, 0.0), 1.0)
        if self.column != before:
            self.splitMoved.emit(before, self.column)

    # -- what they say ------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Find out what both say of the image on screen: in memory, then on disk, else by predicting."""
        self._forget()
        document, project = self._session.document, self._session.project
        self.sides = tuple(self._known(side.entry, document) for side in self.sides)
        for side in self.sides:
            if side.waiting and document is not None and project is not None:
                name, entry = document.name, side.entry
                stored = partial(project.read_prediction, entry.name, name)
                self._reader.submit((project, name, entry.name), stored)

    def _forget(self) -> None:
        """Nobody waits for what is under way any more."""
        self._reader.forget()
        self._queue.cancel()

    def _known(self, entry: ModelEntry, document: Document | None) -> Side:
        """What is in memory of a model's answer."""
        if document is None:
            return Side(entry)
        kept = self._shelf.get(entry.name, document.name)
        for found in (document.prediction, document.under, kept):
            if found is not None and found.model == entry.name and self._suits(found, document):
                return Side(entry, found)
        return Side(entry)

    def _suits(self, prediction: Prediction, document: Document) -> bool:
        """Whether it is of these pixels, of every pixel what the model says, and as careful as is wished."""
        whole = prediction.made.keys() > {IMAGE_HASH}  # unlike the pinned mask of an image read from disk
        return whole and fits(prediction, document) and self._session.predictor.wish.met_by(prediction.made)

    def _take(self, name: str, model: str, prediction: Prediction | None, problem: str = "") -> None:
        """One of the two is known."""
        document = self._session.document
        if not self.on or document is None or document.name != name:
            return
        self.sides = tuple(
            replace(side, prediction=prediction, problem=problem) if side.entry.name == model else side
            for side in self.sides
        )
        self.changed.emit()

    @Slot(object, object)
    def _read(self, key: tuple[Project, str, str], found: Prediction | None) -> None:
        """What is stored was read: it is shown, or else the image is predicted."""
        project, name, model = key
        document = self._session.document
        if project is not self._session.project or document is None or document.name != name:
            return
        side = next((side for side in self.sides if side.entry.name == model and side.waiting), None)
        if side is None or not self.on:
            return
        imported = side.entry.imported
        if found is not None and fits(found, document) and (imported or self._suits(found, document)):
            self._shelf.put(name, found)
            self._take(name, model, found)
        elif imported:
            self._take(name, model, None, "There is no imported mask of this image.")
        else:
            self._predict(project, document, side.entry)

    @Slot(object, object)
    def _not_read(self, key: tuple[Project, str, str], error: StudioError) -> None:
        if key[0] is self._session.project:
            self._take(key[1], key[2], None, error.message)

    def _predict(self, project: Project, document: Document, entry: ModelEntry) -> None:
        """Predict the image on screen; the answer never goes into the document."""
        assert entry.card is not None
        try:
            lut = class_mapping(entry.card, self._session.classes)
        except StudioError as error:
            self._take(document.name, entry.name, None, error.message)
            return
        self._queue.submit(
            Request(
                project,
                document.name,
                entry,
                lut,
                document.image,
                document.facts[IMAGE_HASH],
                CURRENT,
                store=project.read_only is None,
                wish=self._session.predictor.wish,
            )
        )

    @Slot(object, object)
    def _answered(self, request: Request, prediction: Prediction) -> None:
        if request.project is not self._session.project:
            return
        now = self._session.classes.successors()
        if now is not None:  # a class was deleted meanwhile
            prediction = replace(prediction, labels=np.asarray(now[prediction.labels]))
        self._shelf.put(request.name, prediction)
        if request.store and request.model.name == self._session.predictor.model_name:
            self._session.predictor.stored.emit(request.name)
        self._take(request.name, request.model.name, prediction)

    @Slot(object, object)
    def _failed(self, request: Request, error: StudioError) -> None:
        if request.project is self._session.project:
            self._take(request.name, request.model.name, None, str(error))

    @Slot(object, object)
    def _lost(self, requests: Sequence[Request], error: StudioError) -> None:
        for request in requests:
            self._failed(request, error)

    def _threads(self) -> int:
        """One CPU thread while a training runs beside, else all."""
        return 1 if self._session.trainer.state == "running" else 0

    def _is_painted(self, name: str) -> bool:
        """Whether an image in memory has painted pixels. Runs in other threads."""
        document = self._session.in_memory(name)
        return document is not None and (document.editing or document.painted)

    # -- what else changes --------------------------------------------------------------------------------

    @Slot()
    def _image_changed(self) -> None:
        """Another image: the same two models, there."""
        if self.on:
            self._look()
            self.changed.emit()

    @Slot()
    def _classes_changed(self) -> None:
        """Class indices mean something else: look at everything anew."""
        self._shelf.clear()
        self._image_changed()

    @Slot()
    def _models_changed(self) -> None:
        """A model may be gone, or have another title."""
        named = {entry.name: entry for entry in self._session.predictor.models()}
        if all(side.entry.name in named for side in self.sides):
            self.sides = tuple(replace(side, entry=named[side.entry.name]) for side in self.sides)
        else:
            self.end()
            self.sides = ()
        self.changed.emit()


def default_pair(models: Sequence[ModelEntry], in_use: ModelEntry | None) -> tuple[str, ...]:
    """The names of the older and the newer one that a person most likely wants to compare; () without two.

    The model in use and the newest candidate: a version that was to take its place and did not. Without one
    the model that it took the place of, or its parent, and the model in use; else the newest other one.
    """
    if len(models) < 2:
        return ()
    named = {entry.name: entry for entry in models}
    newest_first = sorted(models, key=_made, reverse=True)
    chosen = named.get(in_use.name) if in_use is not None else None
    if chosen is None:
        return newest_first[1].name, newest_first[0].name
    for entry in newest_first:
        if entry is not chosen and chosen.name in _before(entry) and _made(entry) >= _made(chosen):
            return chosen.name, entry.name
    older = next((name for name in _before(chosen) if name in named and name != chosen.name), None)
    return older or next(entry.name for entry in newest_first if entry is not chosen), chosen.name


def _before(entry: ModelEntry) -> list[str]:
    """The models that a version may be held against: the one then in use, and what it was made from."""
    if entry.card is None:
        return []
    config = entry.card.training.get("config")
    rival = config.get("rival") if isinstance(config, dict) else None
    found = [Path(rival).name] if isinstance(rival, str) and rival else []
    return [*found, *([entry.card.parent] if entry.card.parent else [])]


def _made(entry: ModelEntry) -> str:
    """When a model was made, as text that sorts."""
    return entry.card.created if entry.card is not None else ""
