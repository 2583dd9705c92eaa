"""The Python types of Qt's classes, made in the window's thread before other threads ask for them all.

PySide6 makes the type of a class when it is first asked for, and not safely: where two threads make some at
once, the process dies of a segmentation fault. (Seen with 6.11.3, in half of all trials where qtawesome, by
way of qtpy, and pyqtgraph were imported in two threads: both ask for every class that there is.) Types that
are there already are only looked up.
"""

import importlib
import time
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QApplication

from unet_studio.ui.of_application import of_application

MODULES = ("PySide6.QtCore", "PySide6.QtGui", "PySide6.QtWidgets")
SLICE = 0.008  # s before the window gets its turn; all of them take 0.15 to 0.3 s


class QtTypes(QObject):
    """Makes the types, a slice in a turn of the event loop, and then makes the calls that waited for them."""

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._left: Iterator[None] = _make()
        self._made = False
        self._waiting: list[Callable[[], None]] = []

    def then(self, call: Callable[[], None]) -> None:
        """Make a call once all types are there: now, or in a later turn of the event loop."""
        if self._made:
            call()
            return
        self._waiting.append(call)
        if len(self._waiting) == 1:
            self._make_some()

    @Slot()
    def _make_some(self) -> None:
        end = time.monotonic() + SLICE
        for _ in self._left:
            if time.monotonic() > end:
                QTimer.singleShot(0, self._make_some)
                return
        self._made = True
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()


def _make() -> Iterator[None]:
    """Ask for one class after the other."""
    for name in MODULES:
        module = importlib.import_module(name)
        for attribute in dir(module):
            getattr(module, attribute, None)
            yield


def qt_types() -> QtTypes:
    """Those of the running application, begun on the first call of then()."""
    return of_application(QtTypes)
