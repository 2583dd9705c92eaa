"""pyqtgraph, imported where that does not stop the window."""

import importlib
from threading import Thread
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.ui.qt_types import qt_types


class GraphLoader(QObject):
    """Imports pyqtgraph (about 0.4 s) in a thread. loaded: it is there; connect queued."""

    loaded = Signal()

    def start(self) -> None:
        """Import, then emit loaded."""
        qt_types().then(self._begin)

    @Slot()
    def _begin(self) -> None:
        Thread(target=self._import, name="import pyqtgraph", daemon=True).start()

    def _import(self) -> None:
        graph()
        self.loaded.emit()


def graph() -> Any:
    """The module itself."""
    return importlib.import_module("pyqtgraph")
