"""What one chooses before a training: start, recipe, time and three settings; all others under Advanced."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QSpinBox, QVBoxLayout, QWidget

from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import ModelEntry
from unet_studio.core.model_file import SUFFIX, packed_card
from unet_studio.core.training_choices import DEFAULTS, RECIPE, base_of
from unet_studio.core.training_config import (
    DEFAULT_RECIPE,
    TrainingConfig,
    recipe_description,
    recipe_names,
)
from unet_studio.jobs.training_plan import ClassFit
from unet_studio.session import Session
from unet_studio.ui import words
from unet_studio.ui.section import ElidedLabel
from unet_studio.ui.widgets import button, form, label, row

AUTOMATIC = "Automatic"
BASE = "base"  # as make_run knows it: what every round restarts from
FILE = "\0file"  # the entry of a list that asks for a file
GENERAL = (DEFAULT_RECIPE, "from-scratch", "overfit")  # recipes for images of one's own, listed first
MODEL_FILES = f"Models and weights (*{SUFFIX} *.safetensors *.pt *.pth);;All files (*)"
RECIPE_FILES = "Recipes (*.toml)"
STROKES = (
    "The prediction around the strokes counts as right, as you left it: what is wrong there is learnt too. "
    "They only train; what validates must be finished."
)
# The fields of this form.
HERE = ("init", RECIPE, "minutes", "augmentation", "learning_rate", "steps", "painted", "pinned")


class TrainingForm(QWidget):
    """Shows and changes the session's choices for trainings.

    advancedAsked(): all settings are asked for. fileAsked(title, filter, handler): a file is to be chosen.
    """

    advancedAsked = Signal()
    fileAsked = Signal(str, str, object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.start_from, self.recipe, self.pictures = QComboBox(), QComboBox(), QComboBox()
        self.watched = QComboBox()
        self.minutes, self.rate, self.steps = QDoubleSpinBox(), QDoubleSpinBox(), QSpinBox()
        self.painted = QCheckBox()
        self.cost = label(STROKES, "muted")
        self.fit = label("", "muted")
        self.advanced = button(
            "Advanced…", "Every setting of a training, with its limits", self.advancedAsked.emit, "tune"
        )
        self.changed = ElidedLabel("", "muted", Qt.TextElideMode.ElideRight)
        self.reset = button("Reset", "Take back all changed settings", self._reset, "restore", "link")
        self._offered: tuple[Any, ...] = ()
        self._watchable: tuple[str, ...] | None = None
        self._packed: tuple[str, ModelEntry | None] = ("", None)  # a file to start from, and what it holds
        self._fill_lists()
        self._describe()
        self._build()
        self._connect()

    # -- building -----------------------------------------------------------------------------------------

    def _fill_lists(self) -> None:
        for choice in (self.start_from, self.recipe, self.pictures, self.watched):
            choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            choice.setMinimumContentsLength(8)
        self.pictures.addItem(AUTOMATIC, None)
        for name in TrainingConfig.__dataclass_fields__["augmentation"].metadata["choices"]:
            self.pictures.addItem("No variation" if name == "none" else name.capitalize(), name)
        others = [name for name in recipe_names() if name not in GENERAL]
        for name in (*GENERAL, *others):
            self.recipe.addItem(name.replace("-", " ").capitalize(), None if name == DEFAULT_RECIPE else name)
            place = self.recipe.count() - 1
            self.recipe.setItemData(place, recipe_description(name), Qt.ItemDataRole.ToolTipRole)
        self.recipe.insertSeparator(len(GENERAL))
        self.recipe.addItem("A file…", FILE)

    def _describe(self) -> None:
        """Limits, names and tips of the fields."""
        self.minutes.setRange(0, 24 * 60)
        self.minutes.setDecimals(0)
        self.minutes.setSuffix(" min")
        self.minutes.setSpecialValueText("No limit")
        self.rate.setDecimals(5)
        self.rate.setRange(0.0, 1.0)
        self.rate.setSingleStep(0.0005)
        self.steps.setRange(0, 1_000_000)
        self.steps.setGroupSeparatorShown(True)
        self.steps.setSpecialValueText(AUTOMATIC)
        told = {
            self.start_from: (
                "Start from",
                "Every training starts anew from the same base, on all approved images: that is steadier "
                "than training on top of the last version",
            ),
            self.recipe: ("Recipe", "A set of settings that belong together; yours change it"),
            self.minutes: (
                "Time limit in minutes",
                "The training ends after so many minutes; the learning rate falls in time for it",
            ),
            self.pictures: ("Kind of pictures", "How the images are varied while the model learns"),
            self.watched: (
                "Image to watch",
                "What the model says of this image is kept after every validation, as a strip of pictures. "
                "One that it does not learn from tells most",
            ),
            self.rate: ("Learning rate", "How far each step goes; ten times less where the loss jumps about"),
            self.steps: (
                "Length in steps",
                "Steps at most; automatic looks at the images and the time limit",
            ),
        }
        for field, (name, tip) in told.items():
            field.setAccessibleName(name)
            field.setToolTip(tip)
            if isinstance(field, QDoubleSpinBox | QSpinBox):
                field.setKeyboardTracking(False)
                field.lineEdit().setTextMargins(6, 0, 0, 0)  # the style sheet's padding does not reach it
        self.painted.setToolTip(STROKES)

    def _build(self) -> None:
        fields = form(
            ("Start from", self.start_from),
            ("Recipe", self.recipe),
            ("Time limit", self.minutes),
            ("Pictures", self.pictures),
            ("Watch", self.watched),
            ("Learning rate", self.rate),
            ("Length", self.steps),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.painted)
        layout.addWidget(self.cost)
        layout.addLayout(fields)
        layout.addWidget(self.fit)
        last = row(self.advanced, self.changed, self.reset)
        last.setStretch(1, 1)
        layout.addLayout(last)

    def _connect(self) -> None:
        self.start_from.activated.connect(lambda _: self._listed(self.start_from, "init"))
        self.recipe.activated.connect(lambda _: self._listed(self.recipe, RECIPE))
        self.pictures.activated.connect(lambda _: self._choose("augmentation", self.pictures.currentData()))
        self.watched.activated.connect(lambda _: self._choose("pinned", self.watched.currentData()))
        self._session.documentChanged.connect(self._offer_images)
        self.minutes.valueChanged.connect(lambda value: self._choose("minutes", value))
        self.rate.valueChanged.connect(lambda value: self._choose("learning_rate", value))
        self.steps.valueChanged.connect(lambda value: self._choose("steps", value))
        self.painted.toggled.connect(lambda on: self._choose("painted", on))

    # -- choosing -----------------------------------------------------------------------------------------

    def _choose(self, key: str, value: Any) -> None:
        """Store a value, or nothing where it is what a training would have anyway."""
        usual = DEFAULTS.get(key, getattr(self.base, key, None))
        if key == "init":
            usual = self._usual_start
        same = value is None or (key not in ("augmentation", "pinned") and value == usual)
        self._session.trainer.choose({key: None if same else value})

    def _listed(self, choice: QComboBox, key: str) -> None:
        if choice.currentData() != FILE:
            self._choose(key, choice.currentData())
            return
        title, kinds = ("Start From a File", MODEL_FILES) if key == "init" else ("Recipe", RECIPE_FILES)
        handler: Callable[[str], object] = lambda path: self._choose(key, path)  # noqa: E731 - handed on
        self.fileAsked.emit(title, kinds, handler)
        self.refresh()  # the list shows what holds until a file was chosen

    def _reset(self) -> None:
        self._session.trainer.choose(dict.fromkeys(self._session.trainer.choices))

    @property
    def base(self) -> TrainingConfig:
        """The settings of the recipe, which the choices change."""
        return base_of(self._session.trainer.choices) or TrainingConfig()

    # -- showing ------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what is chosen."""
        chosen, base = self._session.trainer.settings(), self.base
        plan = self._session.trainer.plan()
        self._offer_starts(plan.base)
        self._offer_images()
        _show(self.start_from, self._start)
        for choice, key in (
            (self.recipe, RECIPE),
            (self.pictures, "augmentation"),
        ):
            _show(choice, chosen.get(key))
        for field, key in ((self.minutes, "minutes"), (self.rate, "learning_rate"), (self.steps, "steps")):
            if not field.hasFocus() or field.value() != chosen.get(key, getattr(base, key)):
                with QSignalBlocker(field):
                    field.setValue(chosen.get(key, getattr(base, key)))
        painted = bool(chosen.get("painted", False))
        with QSignalBlocker(self.painted):
            self.painted.setChecked(painted)
        self.painted.setText(f"Loose strokes of {words.count(plan.painted, 'unfinished image')} too")
        self.painted.setVisible(plan.painted > 0 or painted)
        self.cost.setVisible(painted)
        self._show_fit()
        self._show_changed()

    def _offer_starts(self, base: str) -> None:
        """What a training can start from: the base, ImageNet, a version, a file."""
        predictor = self._session.predictor
        entries = [entry for entry in predictor.models() if entry.card is not None]
        offered = (predictor.predicts, base, *((one.name, one.shown) for one in entries))
        if offered == self._offered:
            return
        self._offered = offered
        with QSignalBlocker(self.start_from):
            self.start_from.clear()
            if predictor.predicts:
                self.start_from.addItem(f"Base: {base}", BASE)
                self.start_from.addItem("ImageNet encoder", "imagenet")
            else:
                self.start_from.addItem("ImageNet encoder", BASE)
            self.start_from.addItem("Nothing (random weights)", "random")
            for entry in entries:
                self.start_from.addItem(entry.shown, entry.name)
            self.start_from.addItem("A file…", FILE)

    @Slot()
    def _offer_images(self) -> None:
        """Which image can be watched: the one on screen then, none, always the one on screen now."""
        trainer = self._session.trainer
        chosen, now = str(trainer.choices.get("pinned") or ""), trainer.on_screen()
        watchable = tuple(dict.fromkeys(path for path in (now, chosen) if path))
        if watchable != self._watchable:
            self._watchable = watchable
            with QSignalBlocker(self.watched):
                self.watched.clear()
                self.watched.addItem("Image on screen", None)
                self.watched.addItem("No image", "")
                for path in watchable:
                    self.watched.addItem(f"Always {Path(path).name}", path)
        _show(self.watched, self._session.trainer.choices.get("pinned"))

    @property
    def _usual_start(self) -> str:
        """What a training with this recipe starts from unless a person says otherwise."""
        return "random" if self.base.init == "random" else BASE

    @property
    def _start(self) -> str:
        """What a training would start from: BASE, "imagenet", "random", a model's name, or a file."""
        start = str(self._session.trainer.choices.get("init") or self._usual_start)
        return BASE if start == "imagenet" and not self._session.predictor.predicts else start

    @property
    def start_entry(self) -> ModelEntry | None:
        """The model that a training would start from, as far as it has a card."""
        start = self._start
        if start.endswith(SUFFIX):
            return self._packed_entry(start)
        name = self._session.trainer.plan().base if start == BASE else start
        return next((one for one in self._session.predictor.models() if one.name == name and one.card), None)

    def _packed_entry(self, path: str) -> ModelEntry | None:
        """What a file holds, read once; None where it is no model: the start will say so."""
        if self._packed[0] != path:
            entry = None
            with suppress(StudioError):
                entry = ModelEntry(Path(path).name.removesuffix(SUFFIX), Path(path), packed_card(Path(path)))
            self._packed = (path, entry)
        return self._packed[1]

    @property
    def class_fit(self) -> ClassFit | None:
        """How the classes of that model meet the project's; None where it has none."""
        entry = self.start_entry
        if entry is None or entry.card is None:
            return None
        return ClassFit.of(entry.card.classes, self._session.classes)

    def _show_fit(self) -> None:
        fit, entry = self.class_fit, self.start_entry
        text = ""
        if fit is not None and fit.differs and entry is not None:
            text = words.class_fit_text(entry.shown, fit)
        self.fit.setText(text)
        self.fit.setVisible(bool(text))

    def _show_changed(self) -> None:
        choices = self._session.trainer.choices
        hidden = [key for key in choices if key not in HERE]
        self.changed.setText(f"{words.count(len(hidden), 'setting')} changed" if hidden else "")
        self.changed.setToolTip("\n".join(f"{key} = {choices[key]}" for key in hidden))
        self.reset.setVisible(bool(choices))


def _show(choice: QComboBox, value: Any) -> None:
    """Choose the entry of a value, the first of None; it is added where it is a file that was chosen."""
    with QSignalBlocker(choice):
        place = 0 if value is None else choice.findData(value)
        if place < 0:
            choice.insertItem(choice.count() - 1, Path(str(value)).name, value)
            place = choice.count() - 2
        choice.setCurrentIndex(place)
