"""The way from a folder without masks to a first model, in three steps that tick themselves off."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from unet_studio.core.project import Status
from unet_studio.core.run_folder import UNDER_WAY
from unet_studio.session import Session
from unet_studio.ui.widgets import button, label, set_role

ENOUGH = 3  # finished images for a first model
DONE = "\u2713"


class ColdStart(QFrame):
    """Shown while there is no model that could predict: name two classes, finish three images, train."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setProperty("role", "card")
        self.setAccessibleName("The way to a first model")
        self.next = button(
            "Next Image", "Show the next image that is not finished", self._next, "arrow-right", "link"
        )
        self.signs: list[QLabel] = []
        self.steps: list[QLabel] = []
        self.details: list[QLabel] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(6)
        layout.addWidget(label("A first model in three steps", "heading"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        for number, text in enumerate(("Name two classes", "Paint and approve three images", "Train")):
            sign, step, detail = label(str(number + 1), "muted", wrap=False), label(text), label("", "muted")
            sign.setAlignment(Qt.AlignmentFlag.AlignTop)
            grid.addWidget(sign, 2 * number, 0)
            grid.addWidget(step, 2 * number, 1)
            grid.addWidget(detail, 2 * number + 1, 1)
            for kept, made in zip((self.signs, self.steps, self.details), (sign, step, detail), strict=True):
                kept.append(made)
        layout.addLayout(grid)
        layout.addWidget(self.next, alignment=Qt.AlignmentFlag.AlignLeft)
        self.hide()

    @property
    def step(self) -> int:
        """The step that is due: 0 classes, 1 images, 2 training."""
        session = self._session
        if len(session.classes.active) < 2:
            return 0
        return 1 if self._finished < ENOUGH else 2

    @property
    def _finished(self) -> int:
        project = self._session.project
        return 0 if project is None else len(project.with_status(Status.APPROVED))

    def refresh(self) -> None:
        """Show what is done and what is due, or nothing where there is a model."""
        session = self._session
        needed = session.project is not None and session.read_only is None
        needed = needed and not session.predictor.predicts
        self.setVisible(needed and session.trainer.state not in UNDER_WAY and not session.trainer.left_model)
        if not needed:
            return
        names = ", ".join(entry.name for entry in session.classes.active)
        due, finished = self.step, self._finished
        minutes = float(session.trainer.settings().get("minutes") or 0)
        self.details[0].setText(
            f"{names}: rename them in Classes as you like." if due else "Add what you look for in Classes."
        )
        self.details[1].setText(
            f"{finished} of {ENOUGH} approved. Paint one class, fill the rest with the other (Mask menu), "
            "then press Enter."
            if finished < ENOUGH
            else f"{finished:,} approved."
        )
        time = f"At most {minutes:g} minute{'' if minutes == 1 else 's'}" if minutes else "No time limit"
        self.details[2].setText(f"{time}, then masks appear on the other images.")
        for place, sign in enumerate(self.signs):
            sign.setText(DONE if place < due else str(place + 1))
            set_role(sign, "good" if place < due else "value" if place == due else "muted")
            set_role(self.steps[place], "heading" if place == due else "muted")
            self.details[place].setVisible(place == due or (place == 0 and due == 1 and not finished))
        self.next.setVisible(due == 1 and finished > 0)

    def _next(self) -> None:
        self._session.browser.step_unfinished(1)
