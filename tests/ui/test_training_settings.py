"""The box of all settings: made from the configuration; changes alone count, what is wrong is not let in."""

from dataclasses import fields

import pytest
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QSpinBox

from unet_studio.core.training_config import GROUPS, TrainingConfig, groups, recipe
from unet_studio.ui.dialogs.training_settings import (
    ELSEWHERE,
    TrainingSettingsDialog,
    help_of,
    setting_names,
    text_of,
)

FIELDS = {entry.name: entry for entry in fields(TrainingConfig)}


@pytest.fixture
def make(qtbot):
    """A box that is complete, by base and changes."""

    def made(base=None, changes=None):
        dialog = TrainingSettingsDialog(base or recipe(), changes or {})
        qtbot.addWidget(dialog)
        dialog.show()
        qtbot.waitUntil(lambda: dialog.complete, timeout=20_000)
        return dialog

    return made


def ok(dialog):
    return dialog.apply


def test_every_setting_belongs_to_a_group_and_none_to_two():
    found = [entry.name for _, entries in groups() for entry in entries]
    assert found == list(FIELDS)
    assert [title for title, _ in groups()] == [title for title, _ in GROUPS]


def test_every_setting_is_in_the_box_or_has_its_place_elsewhere(make):
    dialog = make()
    assert list(dialog.rows) == setting_names()
    assert {*dialog.rows, *ELSEWHERE} >= set(FIELDS)


@pytest.mark.parametrize("name", setting_names())
def test_a_setting_shows_its_help_and_takes_its_own_value(make_once, name):
    line, entry = make_once.rows[name], FIELDS[name]
    assert entry.metadata["help"] in line.help.text()
    assert not line.changed
    kind = (
        QCheckBox
        if entry.type is bool
        else QComboBox
        if entry.metadata["choices"]
        else QSpinBox
        if entry.type is int
        else QLineEdit
    )
    assert isinstance(line.field, kind)
    usual = getattr(recipe(), name)
    assert getattr(recipe().with_set([f"{name}={line.text}"]), name) == usual


@pytest.fixture(scope="module")
def make_once(qapp):
    dialog = TrainingSettingsDialog(recipe(), {})
    while not dialog.complete:
        qapp.processEvents()
    yield dialog
    dialog.deleteLater()


def test_units_and_limits_are_said():
    assert "0 to 0.9." in help_of(FIELDS["dropout"])
    assert "At least 1." in help_of(FIELDS["accumulate"]) or "1 to 1024." in help_of(FIELDS["accumulate"])
    assert "In factor or px." in help_of(FIELDS["size"])
    assert [text_of(one) for one in (1e-3, 0.02, True, (0.8, 0.2), 7)] == [
        "0.001",
        "0.02",
        "true",
        "0.8, 0.2",
        "7",
    ]


def test_only_what_was_changed_is_kept(make):
    dialog = make(changes={"clip": 2.0})
    assert dialog.changes == {"clip": 2.0}
    dialog.rows["loss"].field.setCurrentText("focal")
    dialog.rows["patch"].field.setValue(128)
    dialog.rows["weights"].field.setText("1, 2.5")
    assert dialog.changes == {"clip": 2.0, "loss": "focal", "patch": 128, "weights": [1.0, 2.5]}
    assert dialog.count.text() == "4 changed"
    dialog.rows["clip"].reset.click()
    dialog.rows["loss"].field.setCurrentText(recipe().loss)
    assert dialog.changes == {"patch": 128, "weights": [1.0, 2.5]}
    dialog.reset.click()
    assert dialog.changes == {}
    assert dialog.count.text() == "As the recipe says"
    assert not dialog.reset.isEnabled()


def test_a_value_beyond_its_limits_is_said_and_not_let_through(make):
    dialog = make()
    dialog.rows["dropout"].field.setText("2")
    assert "between 0.0 and 0.9" in dialog.problem.text.text()
    assert dialog.rows["dropout"].title.property("role") == "danger"
    assert not ok(dialog).isEnabled()
    dialog.rows["dropout"].field.setText("many")
    assert "dropout can't be 'many'" in dialog.problem.text.text()
    dialog.rows["dropout"].field.setText("0.2")
    assert not dialog.problem.isVisible()
    assert ok(dialog).isEnabled()
    assert dialog.changes == {"dropout": 0.2}


def test_settings_that_need_each_other_are_judged_together(make):
    dialog = make()
    dialog.rows["resize"].field.setCurrentText("long_side")
    assert "needs 1 positive number" in dialog.problem.text.text()
    dialog.rows["size"].field.setText("288")
    assert dialog.changes == {"resize": "long_side", "size": [288.0]}
    assert ok(dialog).isEnabled()


def test_a_search_hides_what_it_does_not_find(make):
    dialog = make()
    dialog.search.setText("tversky")
    shown = [name for name, line in dialog.rows.items() if line.field.isVisible()]
    assert {"tversky_alpha", "tversky_beta"} <= set(shown)
    assert "patch" not in shown
    dialog.search.clear()
    assert all(line.field.isVisible() for line in dialog.rows.values())
