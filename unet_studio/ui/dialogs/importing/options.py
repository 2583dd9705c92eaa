"""How the masks come in: four questions with short answers, side by side."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from unet_studio.ui.widgets import label

if TYPE_CHECKING:
    from unet_studio.formats.import_plan import ImportPlan


@dataclass(frozen=True)
class Question:
    """title: over the list of answers. answers: value -> text, tooltip; the first one holds at first."""

    name: str
    title: str
    answers: dict[str, tuple[str, str]]


QUESTIONS = (
    Question(
        "layer",
        "Come in as",
        {
            "annotation": (
                "Painted pixels",
                "As if you had painted them: unfinished, to go on with",
            ),
            "finished": (
                "Finished masks",
                "Approved at once, for training to learn from; those with unlabelled pixels stay unfinished",
            ),
            "prediction": (
                "Predictions to correct",
                "As if a model had said it: shown as the mask, but nothing counts as painted",
            ),
        },
    ),
    Question(
        "replace",
        "Where you painted already",
        {
            "keep": ("Keep what is painted", "Images with painted or approved masks stay as they are"),
            "replace": ("Replace it", "The imported mask takes the place of what is painted there"),
        },
    ),
    Question(
        "other_size",
        "Masks of another size",
        {
            "refuse": ("Leave them out", "A mask comes in only where it has the size of its image"),
            "scale": ("Scale to the image", "Each pixel takes the class of the nearest one of the mask"),
        },
    ),
    Question(
        "turn",
        "Masks of turned photos",
        {
            "refuse": ("Leave as they are", "Masks are taken as drawn on the photo as it is seen"),
            "sized": ("Turn where size tells", "Turned where the size shows that the mask lies on its side"),
            "all": ("Turn all of them", "Every mask is turned as its photo says how it was held (EXIF)"),
        },
    ),
)
WIDTH = 250  # px that an answer takes at most
PAINTED, SIZE, TURN = "replace", "other_size", "turn"


class OptionsRow(QWidget):
    """changed(): another answer was chosen."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes: dict[str, QComboBox] = {}
        self._parts: dict[str, QWidget] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        for question in QUESTIONS:
            box = self.boxes[question.name] = self._box(question)
            part = self._parts[question.name] = QWidget(self)
            column = QVBoxLayout(part)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(4)
            column.addWidget(label(question.title, "muted", wrap=False))
            column.addWidget(box)
            part.setMaximumWidth(WIDTH)
            layout.addWidget(part, 1)
        layout.addStretch(0)
        self._explain()

    def _box(self, question: Question) -> QComboBox:
        """The list of answers to a question."""
        box = QComboBox()
        box.setObjectName(f"import_{question.name}")
        box.setAccessibleName(question.title)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(14)
        for value, (text, tip) in question.answers.items():
            box.addItem(text, value)
            box.setItemData(box.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        box.currentIndexChanged.connect(self._changed)
        return box

    def answer(self, name: str) -> str:
        """What is chosen for a question."""
        return str(self.boxes[name].currentData())

    def choose(self, name: str, value: str) -> None:
        """Choose an answer without announcing it."""
        with QSignalBlocker(self.boxes[name]):
            self.boxes[name].setCurrentIndex(self.boxes[name].findData(value))
        self._explain()

    def show_for(self, plan: "ImportPlan") -> None:
        """Ask only what matters for a plan."""
        painted = any(row.state.value != "unlabelled" for row in plan.rows)
        sized = any(row.theirs and row.ours and row.theirs != row.ours for row in plan.rows)
        turned = any(row.orientation != 1 for row in plan.rows)
        matters = {PAINTED: painted, SIZE: sized, TURN: turned}
        for question in QUESTIONS:
            self._parts[question.name].setVisible(matters.get(question.name, True))
        self.boxes[PAINTED].setEnabled(self.answer("layer") != "prediction")

    def _changed(self) -> None:
        self._explain()
        self.changed.emit()

    def _explain(self) -> None:
        """Hovering says what the chosen answer means."""
        for box in self.boxes.values():
            box.setToolTip(str(box.currentData(Qt.ItemDataRole.ToolTipRole)))
