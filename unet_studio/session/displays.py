"""How the picture is shown: brightness, contrast, gamma and channels, an image each or one for all."""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.display import Display, Histogram
from unet_studio.core.errors import StudioError
from unet_studio.core.pyramid import Pyramid
from unet_studio.jobs.tasks import TaskThread

if TYPE_CHECKING:
    from unet_studio.session.session import Session

CLIP = 0.5  # per cent of the values beyond black, and white, that the automatic contrast leaves out


class Displays(QObject):
    """measured(): the histogram of the image on screen is there. The session says displayChanged.

    first: how the image on screen was shown at first. keep: whether what a person sets holds for every image
    of that type and number of channels, else for the image alone; all is forgotten with the project.
    """

    measured = Signal()

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self.first: Display | None = None
        self.histogram: Histogram | None = None
        self.keep = False
        self.clip = CLIP
        self._measuring = False
        self._chosen: dict[str, Display] = {}
        self._for_all: tuple[str, Display] | None = None  # dtype of the images it is for
        self._tasks = TaskThread("display")
        self._tasks.done.connect(self._task_done)
        self._tasks.failed.connect(self._task_failed)
        session.documentChanged.connect(self._document_changed)

    def stop(self) -> None:
        """End the thread."""
        self._tasks.stop()

    def forget(self) -> None:
        """The images are others now."""
        self._chosen.clear()
        self._for_all = None

    @property
    def current(self) -> Display | None:
        """How the image on screen is shown; None without one."""
        return self._session.pyramid.display if self._session.pyramid else None

    def applied(self, name: str, pyramid: Pyramid) -> Pyramid:
        """The levels of an image that comes on screen, shown as a person wants it."""
        self.first = pyramid.display
        chosen = self._chosen.get(name)
        if chosen is not None and not chosen.fits(pyramid.image):
            chosen = None  # the file holds another image now
        if self.keep and self._for_all is not None:
            dtype, display = self._for_all
            if dtype == pyramid.image.dtype.name and display.fits(pyramid.image):
                chosen = display
        return pyramid if chosen is None else pyramid.with_display(chosen)

    def chosen(self, display: Display) -> None:
        """A person changed how the image on screen is shown."""
        document = self._session.document
        if document is None:
            return
        self._chosen[document.name] = display
        self._for_all = (document.image.dtype.name, display)

    def set_keep(self, on: bool) -> None:
        """Show all images as this one from now on, or each in its own way."""
        self.keep = on
        document, current = self._session.document, self.current
        if on and document is not None and current is not None:
            self._for_all = (document.image.dtype.name, current)

    def reset(self) -> None:
        """Show the image as at first."""
        if self.first is not None:
            self._session.set_display(self.first)

    def auto_contrast(self, channels: Collection[int] | None = None) -> None:
        """Put black and white at percentiles of the image; see Display.stretched. Measured in a thread."""
        document, current = self._session.document, self.current
        if document is not None and current is not None:
            image, clip = document.image, self.clip
            self._tasks.submit("auto", lambda: (image, current.stretched(image, clip, channels)))

    def measure(self) -> None:
        """Make the histogram of the image on screen, unless it is there or being made."""
        document = self._session.document
        if document is not None and self.histogram is None and not self._measuring:
            self._measuring = True
            image = document.image
            self._tasks.submit("histogram", lambda: (image, Histogram.of(image)))

    @Slot()
    def _document_changed(self) -> None:
        self.histogram, self._measuring = None, False

    @Slot(object, object)
    def _task_done(self, key: Any, found: tuple[NDArray[Any], Any]) -> None:
        image, result = found
        document, current = self._session.document, self.current
        if document is None or current is None or document.image is not image:
            return
        if key == "histogram":
            self.histogram = result
            self.measured.emit()
        else:
            self._session.set_display(replace(current, windows=result.windows))

    @Slot(object, object)
    def _task_failed(self, _key: Any, error: StudioError) -> None:
        self._session.say_failed(error)
