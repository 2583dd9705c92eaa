"""The docks that hold the panels: their first places and sizes, on large and on small windows."""

from collections.abc import Mapping

from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from unet_studio.session import Session
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
TALL = 0.65  # of its column that the training panel gets when a training begins
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

    def make_room_for_training(self) -> None:
        """Show the training panel, and make it the tallest of its column.

        A panel that a person closed or pulled out stays so; one that is tall already is left alone.
        """
        window = self._window
        classes, model, training = (self._docks[name] for name in ("classes", "model", "training"))
        if not window.isVisible() or training.isHidden() or training.isFloating():
            return
        training.raise_()
        column = classes.height() + model.height() + training.height()
        if training.height() < TALL * column:
            rest = round((1 - TALL) * column / 2)
            heights = [rest, rest, column - 2 * rest]
            window.resizeDocks([classes, model, training], heights, Qt.Orientation.Vertical)

    def _show_tabs(self) -> None:
        """Qt leaves the tabs of docks that were just put together hidden until the layout is read anew."""
        if self._window.isVisible():
            self._window.restoreState(self._window.saveState())


class TrainingRoom(QObject):
    """Gives the training panel room where it has much to show: the guide to a first model, and a training."""

    def __init__(self, docks: Docks, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._docks, self._session = docks, session
        self._given = False
        session.trainer.changed.connect(self._look)
        session.predictor.modelChanged.connect(self._look)
        session.projectChanged.connect(self._forget)

    @Slot()
    def _forget(self) -> None:
        self._given = False

    @Slot()
    def _look(self) -> None:
        """Once each time that there is much to show: what a person makes of it then stays."""
        session = self._session
        much = session.trainer.under_way or not session.predictor.predicts
        wanted = session.project is not None and much
        if wanted and not self._given:
            # Not at once: the panels are being put in their places.
            QTimer.singleShot(0, self, self._docks.make_room_for_training)
        self._given = wanted


def _between(value: int, limits: tuple[int, int]) -> int:
    return min(max(value, limits[0]), limits[1])
