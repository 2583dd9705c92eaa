"""pyqtgraph, imported where that does not stop the window."""

import importlib
from threading import Thread
from typing import Any

from PySide6.QtCore import QObject, Signal


class GraphLoader(QObject):
    """Imports pyqtgraph (about 0.4 s) in a thread. loaded: it is there; connect queued."""

    loaded = Signal()

    def start(self) -> None:
        """Import, then emit loaded."""
        Thread(target=self._import, name="import pyqtgraph", daemon=True).start()

    def _import(self) -> None:
        graph()
        self.loaded.emit()


def graph() -> Any:
    """The module itself."""
    return importlib.import_module("pyqtgraph")
