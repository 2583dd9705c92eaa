"""Which mask an image gets where several fit or none does: what a person chose, and the menu for it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

if TYPE_CHECKING:
    from unet_studio.formats.import_plan import ImportPlan

MOST = 100  # masks in a menu: of more, nobody finds one by reading


class Pairing(QObject):
    """changed(image): a person chose a mask for it, or none after all."""

    changed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.pairs: dict[str, str] = {}
        self._fitting: dict[str, tuple[str, ...]] = {}  # of images that a plan could not tell
        self._unused: tuple[str, ...] = ()

    def forget(self) -> None:
        """Another source: what was chosen is over."""
        self.pairs, self._fitting, self._unused = {}, {}, ()

    def take(self, plan: "ImportPlan") -> None:
        """Offer what a plan leaves open: masks that fit several images, and masks without an image."""
        self._fitting.update((row.name, row.candidates) for row in plan.rows if row.candidates)
        self._unused = plan.unused

    def choices(self, image: str, alone: bool) -> Sequence[str]:
        """The masks to choose from for an image; none where it is certain. alone: it has no mask so far."""
        own = self.pairs.get(image)
        fitting = self._fitting.get(image, ())
        if not fitting and (alone or own is not None):
            fitting = (*([own] if own is not None else []), *self._unused)
        return fitting if len(fitting) <= MOST else ()

    def choose(self, image: str, mask: str | None) -> None:
        """Let this mask belong to the image; None: let the names tell, as for all others."""
        if mask is None:
            self.pairs.pop(image, None)
        else:
            self.pairs[image] = mask
        self.changed.emit(image)

    def menu(self, image: str, alone: bool, parent: QWidget) -> QMenu:
        """The masks to choose from; it deletes itself once it is closed."""
        menu = QMenu(parent)
        menu.aboutToHide.connect(menu.deleteLater)
        group, own = QActionGroup(menu), self.pairs.get(image)
        for mask in self.choices(image, alone):
            action = menu.addAction(mask.replace("&", "&&"))
            self._prepare(action, group, mask == own)
            action.triggered.connect(lambda _checked=False, mask=mask: self.choose(image, mask))
        menu.addSeparator()
        none = menu.addAction("None of them")
        self._prepare(none, group, own is None)
        none.triggered.connect(lambda _checked=False: self.choose(image, None))
        return menu

    @staticmethod
    def _prepare(action: QAction, group: QActionGroup, checked: bool) -> None:
        action.setCheckable(True)
        action.setChecked(checked)
        action.setActionGroup(group)
