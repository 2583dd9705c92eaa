"""The docks that hold the panels: their first places and sizes, on large and on small windows."""

from collections.abc import Mapping

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from unet_studio.ui.actions import Actions
from unet_studio.ui.widgets import scrolling

TITLES = {
    "files": "Images",
    "classes": "Classes",
    "model": "Model",
    "training": "Training",
    "display": "Display",
    "history": "History",
}
ASKED_FOR = ("history",)  # not shown until somebody asks for it
OWN_SCROLLING = ("files", "classes", "history")  # their lists scroll by themselves
LOW = 800  # px of window height below which model and training share a place
LEFT, RIGHT = (216, 290), (272, 340)  # px, least and most of a dock's first width


class Docks:
    """The docks of a window, by the name of their panel."""

    def __init__(self, window: QMainWindow, panels: Mapping[str, QWidget], actions: Actions) -> None:
        self._window = window
        self._docks: dict[str, QDockWidget] = {}
        window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
        window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        for name, panel in panels.items():
            dock = QDockWidget(TITLES[name], window)
            dock.setObjectName(f"dock_{name}")
            panel.setObjectName(name)
            dock.setWidget(panel if name in OWN_SCROLLING else scrolling(panel))
            dock.toggleViewAction().toggled.connect(actions[f"panel_{name}"].setChecked)
            if name != "files":
                dock.widget().setMinimumWidth(max(RIGHT[0] - 8, dock.widget().minimumSizeHint().width()))
            dock.hide()
            self._docks[name] = dock

    def __getitem__(self, name: str) -> QDockWidget:
        return self._docks[name]

    def show(self, on: bool) -> None:
        """Show all in their first places, or hide all."""
        if on:
            self.arrange()
        else:
            for dock in self._docks.values():
                dock.hide()

    def arrange(self) -> None:
        """Put every panel in its first place."""
        window = self._window
        files, classes, model, training, display, history = (self._docks[name] for name in TITLES)
        for dock in self._docks.values():
            dock.setFloating(False)
            window.removeDockWidget(dock)
        window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, files)
        for dock in (classes, model, training):
            window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
        if window.height() < LOW:
            window.tabifyDockWidget(model, training)
        window.tabifyDockWidget(model, display)
        window.tabifyDockWidget(training, history)  # the highest place
        for name, dock in self._docks.items():
            dock.setVisible(name not in ASKED_FOR)
        model.raise_()
        left, right = _between(window.width() // 6, LEFT), _between(window.width() // 5, RIGHT)
        window.resizeDocks([files, classes], [left, right], Qt.Orientation.Horizontal)
        heights = [window.height() * part // 10 for part in (2, 4, 4)]
        window.resizeDocks([classes, model, training], heights, Qt.Orientation.Vertical)
        QTimer.singleShot(0, window, self._show_tabs)

    def _show_tabs(self) -> None:
        """Qt leaves the tabs of docks that were just put together hidden until the layout is read anew."""
        if self._window.isVisible():
            self._window.restoreState(self._window.saveState())


def _between(value: int, limits: tuple[int, int]) -> int:
    return min(max(value, limits[0]), limits[1])
