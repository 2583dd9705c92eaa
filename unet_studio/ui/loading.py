"""Loads what a box needs in a thread before it opens: formats take half a second to import the first time."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from threading import Thread

from PySide6.QtCore import QObject, Qt, Signal, Slot


class Loading(QObject):
    """One thing at a time: what is asked for while modules load takes the place of what waits."""

    _loaded = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._then: Callable[[], object] | None = None
        self._thread: Thread | None = None
        self._loaded.connect(self._go, Qt.ConnectionType.QueuedConnection)

    def when_loaded(self, modules: Sequence[str], then: Callable[[], object]) -> None:
        """Call then once these modules are imported: at once where they are."""
        if all(name in sys.modules for name in modules) and self._thread is None:
            then()
            return
        self._then = then
        if self._thread is None:
            self._thread = Thread(target=self._load, args=(modules,), name="import a dialog", daemon=True)
            self._thread.start()

    def _load(self, modules: Sequence[str]) -> None:
        """In the thread."""
        try:
            for name in modules:
                import_module(name)
        finally:
            self._loaded.emit()

    @Slot()
    def _go(self) -> None:
        self._thread = None
        then, self._then = self._then, None
        if then is not None:
            then()
