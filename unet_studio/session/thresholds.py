"""How sure the model must be before a class of it is shown: changed live, stored a moment later."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from unet_studio.core.document import Document
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.prediction import Thresholds
from unet_studio.core.project import Project
from unet_studio.core.threshold_effect import Counts, becomes, count
from unet_studio.jobs.tasks import TaskThread

if TYPE_CHECKING:
    from unet_studio.session.session import Session

LEAST, MOST = 0.01, 0.99  # a threshold of 1 would hide what a person approved, which counts as certain
EVEN = 0.5  # where the foreground of two classes begins without a threshold
STORE_MS = 400  # of rest before the thresholds are written to project.json
WEIGH_MS = 250  # of rest before what they do to the image is counted anew


class ThresholdEditor(QObject):
    """The thresholds of the open project. They are a setting: no undo, but reset().

    An approved image keeps the mask that a person found right; of an image with painted pixels, the others
    follow. changed(): other thresholds hold. weighed(): turned tells something else.
    """

    changed = Signal()
    weighed = Signal()

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._counted: tuple[Document, Counts | None] | None = None
        self._watched = False
        self._store_soon = QTimer(self, singleShot=True, interval=STORE_MS)
        self._store_soon.timeout.connect(self._store)
        self._weigh_soon = QTimer(self, singleShot=True, interval=WEIGH_MS)
        self._weigh_soon.timeout.connect(self._weigh)
        self._tasks = TaskThread("thresholds")
        self._tasks.done.connect(self._done)
        self._tasks.failed.connect(self._failed)
        for signal in (session.documentChanged, session.historyChanged, session.predictor.predicted):
            signal.connect(self._recount)

    # -- the open project ---------------------------------------------------------------------------------

    def close(self) -> None:
        """The project is left; what is not stored yet, the session stores."""
        self._store_soon.stop()
        self._weigh_soon.stop()
        self._tasks.forget()
        self._counted = None

    def stop(self) -> None:
        """End the thread."""
        self._tasks.stop()

    # -- which ones hold ----------------------------------------------------------------------------------

    @property
    def now(self) -> Thresholds:
        """The thresholds that hold, apart from those of classes that are gone."""
        project = self._session.project
        return project.thresholds if project else Thresholds()

    @property
    def exact(self) -> int | None:
        """The foreground of a project of two classes: its threshold alone says where it begins; else None."""
        return self.now.binary[1] if self.now.binary else None

    def value(self, index: int) -> float:
        """The threshold of a class, 0..1: 0 for none, EVEN for a foreground that has none."""
        return self.now.values.get(index, EVEN if index == self.exact else 0.0)

    def set(self, index: int | None, value: float) -> None:
        """Show a class only where the model is this sure of it, 0..1. index: None for every class."""
        indices = self._session.classes.indices if index is None else [index]
        self.set_all({**self.now.values, **dict.fromkeys(indices, value)})

    def reset(self) -> None:
        """Show whatever the model says."""
        self.set_all({})

    def set_all(self, values: Mapping[int, float]) -> None:
        """Let these thresholds hold, class index -> 0..1: on screen at once, on disk after a moment."""
        session, project = self._session, self._session.project
        if project is None or session.importer.say_running() or session.operator.running:
            session.operator.say_running()
            self.changed.emit()
            return
        none = {index: EVEN if index == self.exact else 0.0 for index in values}
        kept = {index: round(value, 4) for index, value in values.items() if value != none[index]}
        kept = {index: min(max(value, LEAST), MOST) for index, value in sorted(kept.items())}
        if kept == self.now.values:
            return
        project.try_thresholds(kept)
        document = session.document
        if document is not None and document.set_thresholds(project.thresholds):
            session.maskChanged.emit(Rect.of(document.shape))
        self._store_soon.start()
        self.changed.emit()
        self.weighed.emit()

    @Slot()
    def _store(self) -> None:
        """Write them, in a thread; in a project that may not be written they hold until it is closed."""
        session, project = self._session, self._session.project
        if project is None or project.read_only is not None:
            return
        if session.importer.running:  # it alone writes to the project
            self._store_soon.start()
            return
        session.exporter.note_rules()
        self._tasks.submit("store", partial(_stored, project))

    # -- what they do to the image ------------------------------------------------------------------------

    def watch(self, on: bool) -> None:
        """Whether somebody wants to know what they do to the image on screen."""
        self._watched = on
        if on:
            self._weigh()

    @property
    def turned(self) -> dict[int, float] | None:
        """The share of the image on screen that is another class by them, 0..1, by what it is, 255 for none.

        None where that is not known yet, and where they change nothing: see Document.approved.
        """
        document = self._session.document
        if document is None or self._counted is None or self._counted[0] is not document:
            return None
        counts = self._counted[1]
        if counts is None or document.approved:
            return None
        pixels = document.shape[0] * document.shape[1]
        return {index: number / pixels for index, number in becomes(counts, self.now).items()}

    @Slot()
    def _recount(self, *_: object) -> None:
        if self._watched:
            self._weigh_soon.start()

    @Slot()
    def _weigh(self) -> None:
        document = self._session.document
        if document is not None and self._watched:
            self._tasks.submit("weigh", partial(_weighed, document))

    @Slot(object, object)
    def _done(self, key: Any, result: Any) -> None:
        if key == "weigh" and result[0] is self._session.document:
            self._counted = result
            self.weighed.emit()
        elif key == "store" and result[0] is self._session.project:
            self._session.browser.rules_changed()

    @Slot(object, object)
    def _failed(self, _key: Any, error: StudioError) -> None:
        self._session.say_failed(error)


def _stored(project: Project) -> tuple[Project, None]:
    project.set_thresholds(project.thresholds.values)
    return project, None


def _weighed(document: Document) -> tuple[Document, Counts | None]:
    return document, count(document)
