"""Leaving a project: waits for the last save without holding the window up, and asks where it fails."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QWidget

from unet_studio.session import Session, Unsaved
from unet_studio.ui.words import count

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMessageBox

LOOK_MS = 40  # between two looks at what is unsaved
PATIENCE_MS = 300  # so long nothing is said about a save that is under way


class Leaving(QObject):
    """Call ready before anything that closes the project."""

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._window = window
        self._go: Callable[[], object] | None = None
        self._sure = False  # a person said that unsaved work may stay behind
        self._began = 0
        self._clock = QElapsedTimer()
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)
        self.box: QMessageBox | None = None

    def ready(self, go: Callable[[], object]) -> bool:
        """Whether nothing unsaved would be left. If not, go is called once that is so, or a person agrees.

        What was asked for before, and still waits, is forgotten: it must not close what is opened now.
        """
        if self._sure:
            self._sure = False
            return True
        self._session.settle()
        if not self._session.unsaved().images:
            self._close_box()
            self._stay()
            return True
        self._go = go
        self._try()
        return False

    def _try(self) -> None:
        """Save all that is left, and look now and then how far that is."""
        self._began = self._session.save_now()
        self._clock.start()
        self._timer.start()

    @Slot()
    def _look(self) -> None:
        left = self._session.unsaved(self._began)
        if not left.images:
            self._leave()
        elif left.reason is not None:
            self._timer.stop()
            self._ask(left)
        elif self.box is None and self._clock.elapsed() > PATIENCE_MS:
            self._show(f"Saving {count(len(left.images), 'image')}…", "It takes a moment.", ("Cancel",))

    def _ask(self, left: Unsaved) -> None:
        """Say why not all can be saved, and what would become of it."""
        what = next(iter(left.images)) if len(left.images) == 1 else count(len(left.images), "image")
        reason = left.reason.message if left.reason else ""
        remedy = left.reason.remedy if left.reason else ""
        if left.unsafe:
            names = ", ".join(sorted(left.unsafe)[:3]) + (" and others" if len(left.unsafe) > 3 else "")
            fate = f"What you did on {names} since it was saved last would be lost."
        else:
            fate = "Nothing is lost all the same: your work is in journals and comes back with the project."
        text = f"{what} can't be saved: {reason}"
        self._show(text, f"{remedy} {fate}", ("Try Again", "Leave Anyway", "Cancel"))

    def _show(self, text: str, detail: str, answers: tuple[str, ...]) -> None:
        """Show a box with these buttons instead of the one that is there."""
        from PySide6.QtWidgets import QMessageBox  # takes 25 ms; nobody waits for it at start-up

        self._close_box()
        box = QMessageBox(self._window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Warning if len(answers) > 1 else QMessageBox.Icon.Information)
        box.setWindowTitle("Unsaved Work")
        box.setText(text)
        box.setInformativeText(detail)
        handlers = {"Try Again": self._try_again, "Leave Anyway": self._leave_anyway}
        roles = {
            "Try Again": QMessageBox.ButtonRole.AcceptRole,
            "Leave Anyway": QMessageBox.ButtonRole.DestructiveRole,
            "Cancel": QMessageBox.ButtonRole.RejectRole,
        }
        for answer in answers:
            made = box.addButton(answer, roles[answer])
            if answer in handlers:
                made.clicked.connect(handlers[answer])
            if answer == answers[0]:
                box.setDefaultButton(made)
            if answer == "Cancel":
                box.setEscapeButton(made)
        box.rejected.connect(self._stay)  # by Cancel, the Escape key, or the cross of the box
        self.box = box
        box.open()

    def _close_box(self) -> None:
        if self.box is not None:
            box, self.box = self.box, None
            box.rejected.disconnect(self._stay)
            box.close()

    @Slot()
    def _try_again(self) -> None:
        self.box = None
        self._try()

    @Slot()
    def _leave_anyway(self) -> None:
        self.box = None
        self._leave()

    @Slot()
    def _stay(self) -> None:
        """Go on working; what is unsaved is tried again as always."""
        self.box = None
        self._go = None
        self._timer.stop()

    def _leave(self) -> None:
        self._timer.stop()
        self._close_box()
        go, self._go = self._go, None
        if go is not None:
            self._sure = True
            try:
                go()
            finally:
                self._sure = False
