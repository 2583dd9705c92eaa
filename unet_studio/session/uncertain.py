"""Going from one uncertain region of the image to the next, and then to the next uncertain image."""

from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.document import Document
from unet_studio.core.errors import StudioError
from unet_studio.core.prediction import Prediction
from unet_studio.core.uncertain import Region, Survey
from unet_studio.jobs.tasks import TaskThread

if TYPE_CHECKING:
    from unet_studio.session.session import Session

NONE_LEFT = "No uncertain region is left in this image. Once more: the next uncertain image."


class Uncertain(QObject):
    """found(Region, place, total): the person looks at this one now; place counts from 1.

    What was painted since is left out whenever the next region is looked for, which a thread does.
    """

    found = Signal(object, int, int)

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._tasks = TaskThread("uncertain regions")
        self._tasks.done.connect(self._surveyed)
        self._tasks.failed.connect(self._failed)
        self._forget()

    def _forget(self) -> None:
        self._document: Document | None = None
        self._under: Prediction | None = None
        self._survey: Survey | None = None
        self._seen: list[Region] = []
        self._place = -1  # in what was seen, of the one looked at now
        self._left: list[Region] = []  # not seen yet, as of that version of the document
        self._version = -1
        self._ended = False  # whether the person was told that none is left

    def close(self) -> None:
        """Let go of the project."""
        self._tasks.forget()
        self._forget()

    def stop(self) -> None:
        """End the thread."""
        self._tasks.stop()

    def step(self, by: int) -> None:
        """Look at the next uncertain region, or with by = -1 again at the one before."""
        session, document = self._session, self._session.document
        if document is None or document.editing:
            return
        self._follow(document)
        if by < 0:
            self._back()
        elif self._place + 1 < len(self._seen):
            self._look_at(self._place + 1)
        elif self._ended and self._version == document.version:
            self._ended = False
            session.browser.step_uncertain(1)
        elif self._survey is None:
            self._end("This image is approved." if document.approved else "This image has no prediction.")
        elif self._left and self._version == document.version:
            self._take()
        else:
            painted, visited = document.annotation.pixels, self._seen[:]
            self._tasks.submit("survey", partial(_look, self._survey, painted, visited, document.version))

    def _follow(self, document: Document) -> None:
        """Begin anew where another document, or another prediction, is on screen."""
        under = None if document.approved else document.under
        if document is self._document and under is self._under:
            return
        self._forget()
        self._document, self._under = document, under
        if under is not None:
            self._survey = Survey(under.confidence)

    def _back(self) -> None:
        if self._place > 0:
            self._look_at(self._place - 1)
        else:
            self._session.message.emit("There is no uncertain region before this one.")

    def _take(self) -> None:
        """Look at the most uncertain one that was not seen yet."""
        self._seen.append(self._left.pop(0))
        self._look_at(len(self._seen) - 1)

    def _look_at(self, place: int) -> None:
        self._place, self._ended = place, False
        total = len(self._seen) + len(self._left)
        self._session.message.emit(f"Uncertain region {place + 1} of {total}")
        self.found.emit(self._seen[place], place + 1, total)

    def _end(self, why: str = "") -> None:
        document = self._session.document
        self._ended, self._version = True, document.version if document else -1
        self._session.message.emit(f"{why} Once more: the next uncertain image." if why else NONE_LEFT)

    @Slot(object, object)
    def _surveyed(self, _key: Any, result: tuple[Survey, int, list[Region]]) -> None:
        survey, version, left = result
        if survey is not self._survey or self._document is not self._session.document:
            return
        self._left, self._version = left, version
        if left:
            self._take()
        else:
            self._end()

    @Slot(object, object)
    def _failed(self, _key: Any, error: StudioError) -> None:
        self._session.say_failed(error)


def _look(survey: Survey, painted: Any, visited: list[Region], version: int) -> Any:
    for region in visited:
        survey.visit(region)
    return survey, version, survey.regions(painted)
