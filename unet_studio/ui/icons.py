"""Icons of the Material Design font through qtawesome, loaded in a thread once the window is on screen.

Importing qtawesome and its fonts takes 150 to 300 ms, more than all the rest of the window: until they are
there, buttons keep their place and their tooltip and show no icon.
"""

import importlib
from collections.abc import Callable
from threading import Thread
from typing import Any

from PySide6.QtCore import QObject, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from unet_studio.ui.of_application import of_application
from unet_studio.ui.qt_types import qt_types
from unet_studio.ui.theme import theme

SIZES = (16, 20, 24)  # px, rendered once each so that painting a button runs no Python
AT_ONCE = 8  # icons made before the window gets its turn

Bound = tuple[Callable[[QIcon], None], str, str]  # setter, name, role


class Icons(QObject):
    """The icons of the application: binds setters to names, and calls them again when the theme changes."""

    changed = Signal()  # the icons are there, or have other colours
    _imported = Signal()

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._awesome: Any = None
        self._loading = False
        self._bound: list[Bound] = []
        self._waiting: list[Bound] = []
        self._cache: dict[tuple[str, str, str], QIcon] = {}
        self._imported.connect(self._ready, Qt.ConnectionType.QueuedConnection)
        theme().changed.connect(self.refresh)

    def load(self) -> None:
        """Start loading; returns at once."""
        if not self._loading:
            self._loading = True
            qt_types().then(self._begin)

    def _begin(self) -> None:
        Thread(target=self._import, name="import qtawesome", daemon=True).start()

    def load_now(self) -> None:
        """Load in this call, for pictures of the window and tests."""
        self._loading = True
        self._awesome = importlib.import_module("qtawesome")
        self.refresh()

    def _import(self) -> None:
        importlib.import_module("qtawesome")
        self._imported.emit()

    @Slot()
    def _ready(self) -> None:
        """Make the first icons; the others follow in turns, so that the window never waits for all."""
        self._awesome = importlib.import_module("qtawesome")
        self._waiting = list(self._bound)
        self._make_some()

    @Slot()
    def _make_some(self) -> None:
        for entry in self._waiting[:AT_ONCE]:
            self._give(entry)
        del self._waiting[:AT_ONCE]
        if self._waiting:
            QTimer.singleShot(0, self._make_some)
        else:
            self.changed.emit()

    @Slot()
    def refresh(self) -> None:
        """Give every bound setter its icon; drop those whose widget is gone."""
        if self._awesome is None:
            return
        self._waiting.clear()
        self._bound = [entry for entry in self._bound if self._give(entry)]
        self.changed.emit()

    def _give(self, entry: Bound) -> bool:
        """Give a setter its icon; False where its widget is gone."""
        setter, name, role = entry
        try:
            setter(self.icon(name, role))
        except RuntimeError:  # the C++ part of the widget was deleted
            return False
        return True

    def bind(self, setter: Callable[[QIcon], None], name: str, role: str = "text") -> None:
        """Call setter with the icon as soon as it is there, and again with every theme.

        name: an icon of the "mdi6" set without its prefix. role: the token that colours it.
        """
        self._bound.append((setter, name, role))
        if self._awesome is not None:
            setter(self.icon(name, role))

    def icon(self, name: str, role: str = "text") -> QIcon:
        """The icon in the colours of the theme; an empty one until icons are loaded."""
        if self._awesome is None:
            return QIcon()
        tokens = theme().tokens
        key = (name, role, tokens.name)
        if key not in self._cache:
            self._cache[key] = self._render(name, getattr(tokens, role), tokens.faint)
        return self._cache[key]

    def _render(self, name: str, color: str, disabled: str) -> QIcon:
        made = self._awesome.icon(f"mdi6.{name.removeprefix('mdi6.')}", color=color, color_disabled=disabled)
        ratio = QApplication.primaryScreen().devicePixelRatio()
        result = QIcon()
        for size in SIZES:
            for mode in (QIcon.Mode.Normal, QIcon.Mode.Disabled):
                pixmap: QPixmap = made.pixmap(QSize(size, size), ratio, mode)
                result.addPixmap(pixmap, mode)
        return result


def icons() -> Icons:
    """The icons of the running application, made on the first call."""
    return of_application(Icons)


class IconLabel(QLabel):
    """A label that shows an icon, in the colours of the theme."""

    def __init__(
        self, name: str = "", role: str = "text", size: int = 20, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._name, self._role, self._size = name, role, size
        self.setFixedSize(size, size)
        icons().changed.connect(self._refresh)
        self._refresh()

    def show_icon(self, name: str, role: str = "text") -> None:
        """Show another icon."""
        self._name, self._role = name, role
        self._refresh()

    @Slot()
    def _refresh(self) -> None:
        made = icons().icon(self._name, self._role) if self._name else QIcon()
        self.setPixmap(made.pixmap(QSize(self._size, self._size)))
