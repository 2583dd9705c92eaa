"""Every setting of a training, made from what TrainingConfig's fields say of themselves."""

from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QGridLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from unet_studio.core.errors import StudioError
from unet_studio.core.training_choices import OWN
from unet_studio.core.training_config import TrainingConfig, groups
from unet_studio.ui.widgets import Note, button, fit_to_screen, label, row, scrolling, set_role

LARGEST = 2**31 - 1  # of a whole number without a limit
# Settings with a field in the panel, those that a window gives itself, and those of folders of masks alone.
ELSEWHERE = (
    *OWN, "init", "painted", "pinned", "minutes", "augmentation", "learning_rate", "steps",
    "values", "border", "shares", "split_seed", "group_by",
)  # fmt: skip
SIZE = 640, 720  # px
FIELD = 190  # px
PORTION = 5  # rows made at once
TURN_MS = 15  # between two portions, in which the window paints


class SettingRow:
    """One setting: its name, a field, a button that takes a change back, and what it is for below."""

    def __init__(self, entry: "Field[Any]", usual: Any, value: Any, changed: Any) -> None:
        self.name = entry.name
        self.usual = text_of(usual)
        self.title = label(title_of(entry.name), wrap=False)
        self.field = _make_field(entry, changed)
        self.reset = button("", f"Take back {title_of(entry.name)}", self.take_back, "restore", "link")
        self.help = label(help_of(entry), "muted")
        self.title.setBuddy(self.field)
        self.field.setAccessibleName(title_of(entry.name))
        self.field.setAccessibleDescription(self.help.text())
        self.field.setFixedWidth(FIELD)
        self.field.setObjectName(f"setting_{entry.name}")
        self.set_text(text_of(value))

    @property
    def widgets(self) -> tuple[QWidget, ...]:
        """All its widgets."""
        return self.title, self.field, self.reset, self.help

    @property
    def text(self) -> str:
        """What the field says, as --set takes it."""
        field = self.field
        if isinstance(field, QCheckBox):
            return text_of(field.isChecked())
        if isinstance(field, QComboBox):
            return field.currentText()
        if isinstance(field, QSpinBox):
            return str(field.value())
        return field.text().strip()

    def set_text(self, text: str) -> None:
        """Show a value."""
        field = self.field
        if isinstance(field, QCheckBox):
            field.setChecked(text == "true")
        elif isinstance(field, QComboBox):
            field.setCurrentText(text)
        elif isinstance(field, QSpinBox):
            field.setValue(int(text))
        else:
            field.setText(text)

    @property
    def changed(self) -> bool:
        """Whether it is another value than the recipe's."""
        return self.text != self.usual

    def take_back(self) -> None:
        """Show the recipe's value again."""
        self.set_text(self.usual)

    def show_state(self, wrong: bool) -> None:
        """Mark it where it was changed, or can't be."""
        set_role(self.title, "danger" if wrong else "heading" if self.changed else "")
        self.reset.setEnabled(self.changed)

    def matches(self, text: str) -> bool:
        """Whether a search finds it."""
        return text.casefold() in f"{self.name} {self.title.text()} {self.help.text()}".casefold()


class TrainingSettingsDialog(QDialog):
    """base: the settings of the recipe; changes: those that differ, also once it was accepted."""

    def __init__(
        self, base: TrainingConfig, changes: Mapping[str, Any], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings of the Training")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._base = base
        self.changes = {key: value for key, value in changes.items() if key not in ELSEWHERE}
        self._given = dict(self.changes)
        self.rows: dict[str, SettingRow] = {}
        self._waiting = [
            (title if place == 0 else "", shown[place : place + PORTION])
            for title, entries in groups()
            for shown in [[entry for entry in entries if entry.name not in ELSEWHERE]]
            for place in range(0, len(shown), PORTION)
        ]
        self._headings: list[tuple[QWidget, list[SettingRow]]] = []
        self.search = QLineEdit()
        self.problem = Note("danger")
        self.count = label("", "muted", wrap=False)
        self.reset = button("Reset All", "Take back every change", self.take_back, "restore")
        self.cancel = button("Cancel", "Change nothing", self.reject)
        self.apply = button(
            "Apply", "Use these settings for the trainings to come", self.accept, "", "primary"
        )
        self._build()
        fit_to_screen(self, *SIZE)
        self._add_group()

    def _build(self) -> None:
        self.search.setPlaceholderText("Search settings")
        self.search.setAccessibleName("Search settings")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        content = QWidget()
        self._grid = QGridLayout(content)
        self._grid.setContentsMargins(4, 0, 12, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(0, 1)
        self._area = scrolling(content, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addWidget(label("What you change here holds for the trainings of this project.", "muted"))
        layout.addWidget(self.search)
        layout.addWidget(self._area, 1)
        layout.addWidget(self.problem)
        layout.addLayout(row(self.reset, self.count, None, self.cancel, self.apply))

    @Slot()
    def _add_group(self) -> None:
        """Make the rows of a group, or some of them; the next turn makes others, so that nothing waits."""
        title, entries = self._waiting.pop(0)
        if title:
            heading = label(title, "subtitle")
            self._grid.addWidget(heading, self._grid.rowCount(), 0, 1, 3)
            self._headings.append((heading, []))
        made = self._headings[-1][1]
        for entry in entries:
            usual = getattr(self._base, entry.name)
            line = SettingRow(entry, usual, self._given.get(entry.name, usual), self._check)
            place = self._grid.rowCount()
            for column, widget in enumerate((line.title, line.field, line.reset)):
                self._grid.addWidget(widget, place, column)
            self._grid.addWidget(line.help, place + 1, 0, 1, 3)
            self._grid.setRowMinimumHeight(place + 2, 8)
            made.append(line)
            self.rows[entry.name] = line
        self._check()
        if self._waiting:
            QTimer.singleShot(TURN_MS, self, self._add_group)
        else:
            self._grid.setRowStretch(self._grid.rowCount(), 1)
            self._filter(self.search.text())

    @property
    def complete(self) -> bool:
        """Whether all groups are there."""
        return not self._waiting

    @Slot()
    def _check(self, *_: object) -> None:
        """Find out what differs and whether a training could be started so."""
        changed = {name: line.text for name, line in self.rows.items() if line.changed}
        waiting = {key: item for key, item in self._given.items() if key not in self.rows}
        said = ""
        try:
            config = self._base.with_set(f"{name}={text}" for name, text in changed.items())
            found = {name: getattr(config, name) for name in changed}
            usual = {key: item for key, item in found.items() if item != getattr(self._base, key)}
            self.changes = {**waiting, **{key: _plain(item) for key, item in usual.items()}}
        except StudioError as error:
            said = str(error)
        self.problem.say(said)
        wrong = next((name for name in changed if said.startswith((f"{name} ", f'{name} "'))), "")
        for name, line in self.rows.items():
            line.show_state(name == wrong)
        self.apply.setEnabled(not said)
        self.reset.setEnabled(bool(changed or waiting))
        number = len(changed) + len(waiting)
        self.count.setText(f"{number} changed" if number else "As the recipe says")

    @Slot()
    def take_back(self) -> None:
        """Show the recipe's values everywhere."""
        self._given = {}
        for line in self.rows.values():
            line.take_back()
        self._check()

    @Slot(str)
    def _filter(self, text: str) -> None:
        for heading, lines in self._headings:
            fitting = [line for line in lines if line.matches(text)]
            heading.setVisible(bool(fitting))
            for line in lines:
                for widget in line.widgets:
                    widget.setVisible(line in fitting)


def _make_field(entry: "Field[Any]", changed: Any) -> QCheckBox | QComboBox | QSpinBox | QLineEdit:
    """A field for the type of a setting: switch, list, whole number, or text that is checked."""
    told = entry.metadata
    if entry.type is bool:
        switch = QCheckBox("On")
        switch.toggled.connect(changed)
        return switch
    if told["choices"]:
        choice = QComboBox()
        choice.addItems(list(told["choices"]))
        choice.currentTextChanged.connect(changed)
        return choice
    if entry.type is int:
        number = QSpinBox()
        number.setRange(
            int(-LARGEST if told["low"] is None else told["low"]),
            int(LARGEST if told["high"] is None else told["high"]),
        )
        number.setSuffix(f" {told['unit']}" if told["unit"] else "")
        number.lineEdit().setTextMargins(6, 0, 0, 0)  # the style sheet's padding does not reach it
        number.valueChanged.connect(changed)
        return number
    line = QLineEdit()
    line.textChanged.connect(changed)
    return line


def title_of(name: str) -> str:
    """A setting's name in words: "Learning rate"."""
    return name.replace("_", " ").capitalize()


def help_of(entry: "Field[Any]") -> str:
    """What a setting is for, with unit and limits."""
    told = entry.metadata
    low, high = told["low"], told["high"]
    limits = ""
    if low is not None and high is not None:
        limits = f" {low:g} to {high:g}."
    elif low is not None and low != 0:
        limits = f" At least {low:g}."
    unit = f" In {told['unit']}." if told["unit"] and entry.type is not int else ""
    return f"{told['help']}{unit}{limits}"


def text_of(value: Any) -> str:
    """A value as --set takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ", ".join(text_of(item) for item in value)
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def setting_names() -> list[str]:
    """The settings that this dialog shows."""
    return [entry.name for entry in fields(TrainingConfig) if entry.name not in ELSEWHERE]
