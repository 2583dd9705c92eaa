"""The bar of tools: every tool within reach at every height; the bar of options: what each tool uses."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QToolButton

from tests.ui.conftest import paint_all
from unet_studio.session import Session
from unet_studio.tools import TOOLS, PaintRule, Setting
from unet_studio.ui.main_window import MainWindow
from unet_studio.ui.option_bar import OptionBar
from unet_studio.ui.setting_control import SettingControl, accepted

SETTINGS = (
    Setting("tolerance", "Tolerance", 20, "How alike.", low=0, high=255),
    Setting("edge", "Edge", 0.5, "How sharp.", "float", 0.0, 1.0),
    Setting("near", "Contiguous", True, "Only what hangs together.", "bool"),
    Setting("look", "Sample", "image", "Where colours come from.", "choice", choices=("image", "mask")),
)


class Trial(TOOLS["rectangle"]):
    """A tool with a setting of each kind."""

    name = "trial"
    title = "Trial"
    settings = SETTINGS
    sized = True


@pytest.fixture
def trial(monkeypatch, session):
    """A tool with settings in the tree of the session that was made already."""
    session.editor.tools["trial"] = Trial()
    return session.editor.tools["trial"]


@pytest.fixture
def bar(qtbot, session, preferences, trial):
    made = OptionBar(session, preferences)
    qtbot.addWidget(made)
    made.resize(1500, 44)
    made.show()
    return made


def places(box):
    """Where every button is, from the corner of the box."""
    return {
        button.defaultAction().objectName(): button.geometry()
        for button in box.findChildren(QToolButton, options=Qt.FindChildOption.FindDirectChildrenOnly)
    }


# -- the tools ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1600, 1000), (900, 600), (700, 420)])
def test_every_tool_is_in_sight_at_every_height(opened, size, qtbot):
    opened.resize(*size)
    box = opened.tool_bar.box
    qtbot.waitUntil(lambda: opened.height() == size[1])
    qtbot.waitUntil(lambda: all(box.rect().contains(place) for place in places(box).values()))
    found = places(box)
    assert set(found) == {f"action_tool_{name}" for name in TOOLS}
    for name, place in found.items():
        assert opened.rect().contains(place.translated(box.mapTo(opened, box.rect().topLeft()))), name
        others = [other for key, other in found.items() if key != name]
        assert not any(place.intersects(other) for other in others), name
    assert opened.tool_bar.opacity_slider.isVisible() == (box.columns < 4)


def test_there_are_as_few_columns_as_the_height_allows(opened):
    box = opened.tool_bar.box
    columns = []
    for height in range(1200, 120, -10):
        box.resize(box.width(), height)
        columns.append(box.columns)
    assert columns == sorted(columns)
    assert columns[0] == 1
    assert columns[-1] > 2
    assert len({place.left() for place in places(box).values()}) == box.columns


def test_the_bar_shows_and_chooses_the_tool(opened):
    editor = opened.session.editor
    for name in TOOLS:
        editor.set_tool(name)
        pressed = [button for button in opened.tool_bar.box.findChildren(QToolButton) if button.isChecked()]
        assert [button.accessibleName() for button in pressed] == [TOOLS[name].title]
    first = opened.tool_bar.box.findChildren(QToolButton)[0]
    first.click()
    assert editor.tool == first.defaultAction().objectName().removeprefix("action_tool_")


# -- the options -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_shows_the_options_that_it_uses_and_no_others(name, bar, session):
    session.editor.set_tool(name)
    QApplication.processEvents()
    tool = TOOLS[name]
    assert bar.size_slider.isVisible() == bar.size_field.isVisible() == tool.sized
    assert bar.pressure_button.isVisible() == tool.pressured
    assert bar.rule_field.isVisible() == tool.paints
    assert bar.hint.text() == tool.hint
    shown = [control.setting for control in bar.findChildren(SettingControl) if control.isVisible()]
    assert shown[tool.sized :] == list(tool.settings)


def test_the_picture_does_not_jump_from_tool_to_tool(opened):
    heights = set()
    for name in TOOLS:
        opened.session.editor.set_tool(name)
        QApplication.processEvents()
        heights.add((opened.option_bar.height(), opened.canvas.geometry().getRect()))
    assert len(heights) == 1


def test_what_has_no_room_is_behind_a_button(opened, qtbot):
    opened.resize(700, 500)
    more = opened.option_bar.findChild(QToolButton, "qt_toolbar_ext_button")
    qtbot.waitUntil(more.isVisible)
    assert not more.icon().isNull()


def test_the_size_is_a_number_and_a_slider(bar, session):
    editor = session.editor
    spin = next(child for child in bar.size_field.children() if hasattr(child, "setValue"))
    for radius in (1, 2, 17, 1000):
        editor.set_brush_radius(radius)
        assert spin.value() == editor.brush_radius == radius
    spin.setValue(250)
    assert editor.brush_radius == 250
    bar.size_slider.setValue(0)
    assert spin.value() == editor.brush_radius == 1
    spin.setValue(5000)
    assert editor.brush_radius == 1000


def test_enter_gives_the_keyboard_back_to_the_canvas(opened, qtbot):
    spin = next(child for child in opened.option_bar.size_field.children() if hasattr(child, "setValue"))
    spin.setFocus()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is spin)
    spin.selectAll()
    qtbot.keyClicks(spin, "33")
    qtbot.keyClick(spin, Qt.Key.Key_Return)
    assert opened.session.editor.brush_radius == 33
    assert QApplication.focusWidget() is opened.canvas
    assert not opened.session.document.approved


def test_every_kind_of_setting_has_a_control_that_goes_both_ways(bar, session, trial):
    session.editor.set_tool("trial")
    QApplication.processEvents()
    controls = [control for control in bar.findChildren(SettingControl) if control.setting in SETTINGS]
    assert [control.setting for control in controls] == list(SETTINGS)
    assert all(control.isVisible() for control in controls)
    for control, value in zip(controls, (33, 0.25, False, "mask"), strict=True):
        control.changed.emit(value)
        assert trial.values[control.setting.name] == value
    number, fraction, switch, choice = (
        control.layout().itemAt(control.layout().count() - 1).widget() for control in controls
    )
    shown = number.value(), fraction.value(), switch.isChecked(), choice.currentText()
    assert shown == (33, 0.25, False, "mask")
    number.setValue(44)
    fraction.setValue(0.75)
    switch.click()
    choice.setCurrentText("image")
    assert trial.values == {"tolerance": 44, "edge": 0.75, "near": True, "look": "image"}


def test_a_setting_that_the_tool_changes_itself_is_shown(bar, session, trial):
    session.editor.set_tool("trial")
    control = next(found for found in bar.findChildren(SettingControl) if found.setting is SETTINGS[0])
    session.editor.set_setting("trial", "tolerance", 99)
    assert control.layout().itemAt(1).widget().value() == 99


def test_where_to_paint_is_chosen_and_shown(opened):
    bar, editor = opened.option_bar, opened.session.editor
    opened.session.class_editor.add("other")
    offered = [bar.rule_field.itemText(place) for place in range(bar.rule_field.count())]
    assert offered == ["Everything", "Only unlabelled", "Only background", "Only object", "Only other"]
    for place, rule in ((1, PaintRule("unlabelled")), (4, PaintRule("class", 2)), (0, PaintRule())):
        bar.rule_field.setCurrentIndex(place)
        bar.rule_field.activated.emit(place)
        assert editor.rule == rule
        assert bar.rule_field.property("role") == ("active" if place else "")
    editor.set_rule(PaintRule("class", 1, frozenset({2})))
    assert bar.rule_field.currentText() == "Only object"
    bar.rule_field.activated.emit(1)
    assert editor.rule.locked == {2}  # the locks are the class panel's


def test_painting_in_vain_says_why(opened, qtbot):
    session = opened.session
    paint_all(session, 1)
    session.editor.set_rule(PaintRule("unlabelled", locked=frozenset({1})))
    with qtbot.waitSignal(session.message) as said:
        paint_all(session, 0)
    assert said.args == [
        "Nothing was painted: only pixels that nobody painted may be painted over and locked: object."
    ]
    session.editor.set_rule(PaintRule())
    with qtbot.assertNotEmitted(session.message):
        paint_all(session, 1)


def test_rules_about_classes_do_not_outlive_the_class_or_the_project(opened, folder, tmp_path):
    session = opened.session
    session.editor.set_rule(PaintRule("class", 1, frozenset({1})))
    session.open_folder(folder, tmp_path / "elsewhere")
    assert session.editor.rule.free


# -- what comes back with the next start ---------------------------------------------------------------------


def test_options_come_back_with_the_next_start(qtbot, bar, session, preferences, trial):
    session.editor.set_brush_radius(77)
    session.editor.set_pressure_sizes(True)
    session.editor.set_setting("trial", "tolerance", 5)
    session.editor.set_setting("trial", "look", "mask")
    session.editor.set_rule(PaintRule("unlabelled", locked=frozenset({1})))
    session.editor.set_tool("polygon")
    session.editor.set_tool("brush")
    other = Session()
    other.editor.tools["trial"] = Trial()
    again = OptionBar(other, preferences)
    qtbot.addWidget(again)
    assert other.editor.brush_radius == 77
    assert other.editor.pressure_sizes
    assert again.pressure_button.isChecked()
    assert other.editor.tools["trial"].values == {**trial.values, "tolerance": 5, "look": "mask"}
    assert other.editor.rule == PaintRule("unlabelled")
    other.shut_down()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "3", "{", '{"radius": "x", "trial.look": "moon", "trial.gone": 1, "gone.x": 2, "x": []}'],
)
def test_broken_preferences_mean_the_defaults(text, qtbot, session, preferences, trial):
    preferences._settings.setValue("tools", text)
    qtbot.addWidget(OptionBar(session, preferences))
    assert session.editor.brush_radius == 12
    assert trial.values == {setting.name: setting.default for setting in SETTINGS}


@pytest.mark.parametrize(
    ("number", "good", "bad"),
    [
        (0, (0, 255), (-1, 256, 2.5, True, "3", None)),
        (1, (0.5, 1), (1.5, True, "x")),
        (2, (True, False), (1, None)),
        (3, ("image",), ("x", 1, [])),
    ],
)
def test_only_values_that_a_setting_may_have_are_taken_over(number, good, bad):
    assert all(accepted(SETTINGS[number], value) for value in good)
    assert not any(accepted(SETTINGS[number], value) for value in bad)


def test_a_window_starts_with_what_was_chosen(qtbot, preferences):
    preferences.tools = {"radius": 123}
    session = Session()
    window = MainWindow(session, preferences)
    qtbot.addWidget(window)
    assert session.editor.brush_radius == 123
    session.shut_down()
