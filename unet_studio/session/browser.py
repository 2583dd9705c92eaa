"""Which images there are, which comes next, what part of the split each is in, and what is known of masks."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.catalogue import ImageOrder
from unet_studio.core.errors import StudioError
from unet_studio.core.image_table import Status
from unet_studio.core.mask_facts import MaskFacts
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project
from unet_studio.core.split import Split
from unet_studio.jobs.file_facts import FileFacts
from unet_studio.jobs.tasks import TaskThread

if TYPE_CHECKING:
    from unet_studio.session.session import Session

SURE = 0.001  # the share of uncertain pixels below which an image needs no look
LISTING_PATIENCE = 0.03  # seconds that opening a folder lists its images before a thread goes on


class Browser(QObject):
    """The session's images. Stepping follows the order that a person sees, filtered and sorted.

    splitChanged(): images are in other parts. fileChanged(name): an image's file may be another one.
    factsFound(list of MaskFacts), factsProgressed(done, total):
    what was found in masks, after want_facts(), and of predictions as they are stored. factsForgotten(): they
    are about another model now. datesFound(names, dates): after want_dates().
    """

    splitChanged = Signal()
    fileChanged = Signal(str)
    factsFound = Signal(object)
    factsProgressed = Signal(int, int)
    factsForgotten = Signal()
    datesFound = Signal(object, object)

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._order: ImageOrder | None = None
        self._facts: FileFacts | None = None
        self._recalled = False  # whether what the index knows was asked for
        self._model: str | None = None  # whose predictions the facts are about
        self._facts_wanted = False
        self._uncertain: dict[str, float] = {}  # the share of uncertain pixels, where it is known
        self._noted: set[str] = set()  # images whose prediction was looked at while it was in memory
        self._asked = False  # whether the rest of the folder is being listed
        self._stale: set[str] = set()  # images to look into once they are left
        self._tasks = TaskThread("browser")
        self._tasks.done.connect(self._done)
        self._tasks.failed.connect(self._failed)
        session.predictor.modelChanged.connect(self._model_changed)
        session.predictor.stored.connect(self.look_again)
        session.documentChanged.connect(self._look_at_stale)
        session.documentChanged.connect(self._recall)

    # -- the open project ---------------------------------------------------------------------------------

    def open(self, project: Project) -> None:
        """Begin with a project."""
        self._order, self._asked = None, False
        self._facts_wanted, self._recalled = False, False
        self._forget()
        self._facts = FileFacts(project)
        self._facts.found.connect(self._facts_found)
        self._facts.progressed.connect(self.factsProgressed)
        self._facts.dated.connect(self.datesFound)

    def close(self) -> None:
        """Let go of the project."""
        self._tasks.forget()
        if self._facts is not None:
            self._facts.stop()
        self._order = self._facts = None

    def stop(self) -> None:
        """End the thread."""
        self._tasks.stop()

    def list_rest(self) -> None:
        """List what opening left out, once the first image is on screen and the machine has time."""
        project = self._session.project
        if project is not None and not project.listed and not self._asked:
            self._asked = True
            self._tasks.submit("list", lambda: (project, project.refresh()))

    def refresh(self) -> None:
        """Look at the folder again."""
        project = self._session.project
        if project is None or self._asked:
            return
        if project.refresh(LISTING_PATIENCE):
            self._session.imagesChanged.emit()
        else:
            self._asked = True
            self._tasks.submit("list", lambda: (project, project.refresh()))

    # -- which comes next ---------------------------------------------------------------------------------

    def set_order(self, order: ImageOrder) -> None:
        """Step through the images as they are listed here."""
        self._order = order

    @property
    def order(self) -> ImageOrder:
        """The images as a person sees them listed."""
        names = self._session.images
        if self._order is None or self._order.names is not names:
            self._order = ImageOrder.all(names)
        return self._order

    def beside(self, by: int) -> str | None:
        """The image that comes `by` after the current one, if there is one."""
        return self.order.beside(self._session.current, by)

    def step(self, by: int) -> None:
        """Show the image that comes `by` after the current one."""
        name = self.beside(by)
        if name is not None:
            self._session.open_image(name)

    def step_unfinished(self, by: int) -> None:
        """Show the next image, or with by = -1 the one before, that is neither approved nor broken."""
        session = self._session
        order = self.order
        names = (order.name(row) for row in order.around(session.current, by))
        wanted = (
            name
            for name in names
            if session.status(name) is not Status.APPROVED and name not in session.broken
        )
        found = next(wanted, None)
        if found is not None:
            session.open_image(found)
        elif session.current is not None and session.status(session.current) is not Status.APPROVED:
            session.message.emit("No other image in the list is unfinished.")
        else:
            session.message.emit("Every image in the list is approved.")

    def step_uncertain(self, by: int) -> None:
        """Show the next image, or with by = -1 the one before, of which the model is not known to be sure.

        What is approved is certain; what nobody looked into may not be.
        """
        session, order = self._session, self.order
        for row in order.around(session.current, by):
            name = order.name(row)
            approved = session.status(name) is Status.APPROVED
            if not approved and name not in session.broken and self._uncertain.get(name, 1.0) >= SURE:
                session.open_image(name)
                return
        session.message.emit("No other image in the list is uncertain.")

    # -- the split ----------------------------------------------------------------------------------------

    def set_split(self, names: Collection[str], part: Split | None) -> None:
        """Put images into a part of the split, None for automatic; the file is written in a thread."""
        project, chosen = self._session.project, list(names)
        if project is not None and chosen:

            def write() -> tuple[Project, None]:
                project.set_split(chosen, part)
                return project, None

            self._tasks.submit(("split", tuple(chosen)), write)

    # -- what is known of masks ---------------------------------------------------------------------------

    def want_facts(self) -> None:
        """Look into every mask, in a thread; what is in the index already comes at once."""
        if self._facts is not None:
            self._facts_wanted, self._model = True, self._session.predictor.model_name
            self._facts.scan(self._model)

    def want_dates(self, names: Sequence[str]) -> None:
        """Look at the dates of image files, in a thread."""
        if self._facts is not None:
            self._facts.date(names)

    def note(self, name: str, prediction: Prediction) -> None:
        """A prediction was stored: what it says is kept in the index, while it is in memory."""
        shown = prediction.model == self._session.predictor.model_name
        if self._facts is not None and self._facts.note(name, prediction, shown) and shown:
            self._noted.add(name)

    @Slot(str)
    def look_again(self, name: str) -> None:
        """The stored mask or prediction of an image changed. The one on screen is looked at once left."""
        if name in self._noted:
            self._noted.discard(name)
            return
        self._stale.add(name)
        self._look_at_stale()

    def rules_changed(self) -> None:
        """Other thresholds hold: masks show other classes."""
        if self._facts_wanted:
            self.want_facts()

    @Slot()
    def _look_at_stale(self) -> None:
        if self._facts is None or not self._facts_wanted:
            self._stale.clear()
            return
        for name in self._stale - {self._session.current or ""}:
            self._facts.look_again(name, self._model)
        self._stale &= {self._session.current or ""}

    @Slot()
    def _model_changed(self) -> None:
        name = self._session.predictor.model_name
        if name != self._model:
            self._model = name
            self._forget()
            self._recalled = False
            self._recall()
            if self._facts_wanted:
                self.want_facts()

    @Slot()
    def _recall(self) -> None:
        """Ask, once the first image is on screen, for what the index knows."""
        if self._facts is not None and not self._recalled and self._session.document is not None:
            self._recalled, self._model = True, self._session.predictor.model_name
            self._facts.recall(self._model)

    def _forget(self) -> None:
        self._uncertain.clear()
        self._noted.clear()
        self.factsForgotten.emit()

    @Slot(object)
    def _facts_found(self, facts: list[MaskFacts]) -> None:
        for one in facts:
            if one.uncertain is not None:
                self._uncertain[one.name] = one.uncertain
        self.factsFound.emit(facts)

    # -- answers ------------------------------------------------------------------------------------------

    @Slot(object, object)
    def _done(self, key: Any, result: Any) -> None:
        session, project = self._session, result[0]
        if project is not session.project:
            return
        if key == "list":
            self._asked = False
            session.imagesChanged.emit()
            if session.current is None and session.images:
                session.open_image(session.images[0])
        else:
            self.splitChanged.emit()
            session.trainer.forget_plan()

    @Slot(object, object)
    def _failed(self, _key: Any, error: StudioError) -> None:
        self._asked = False
        self._session.say_failed(error)
