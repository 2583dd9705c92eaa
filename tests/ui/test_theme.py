"""Light and dark: both complete, readable, and changed everywhere at once."""

from dataclasses import asdict

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication, QPushButton
from shiboken6 import delete

from unet_studio.core.classes import rgb
from unet_studio.core.resources import resources
from unet_studio.ui.icons import Icons, icons
from unet_studio.ui.preferences import Preferences
from unet_studio.ui.theme import TOKENS, style_sheet, theme


def luminance(color):
    parts = [value / 255 for value in rgb(color)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("text", "surface"), ("text", "field"), ("text", "window"), ("text", "selection"), ("text", "hover"),
        ("muted", "surface"), ("muted", "field"), ("muted", "window"), ("muted", "selection"),
        ("on_accent", "accent"), ("on_accent", "accent_hover"), ("accent", "surface"),
        ("good", "surface"), ("warning", "surface"), ("danger", "surface"),
        ("good", "selection"), ("warning", "selection"), ("danger", "selection"),
        ("text", "good_back"), ("text", "warning_back"), ("text", "danger_back"), ("text", "info_back"),
    ],
)  # fmt: skip
def test_text_is_readable(name, text, back):
    colors = asdict(TOKENS[name])
    assert contrast(colors[text], colors[back]) >= 4.5


@pytest.mark.parametrize("name", TOKENS)
def test_the_style_sheet_is_whole(name):
    text = style_sheet(TOKENS[name])
    assert "$" not in text
    assert text.count("{") == text.count("}")
    for picture in (f"chevron-down-{name}.svg", f"check-{name}.svg"):
        assert picture in text
        assert (resources() / "style" / picture).is_file()


def test_choosing_a_theme_changes_palette_sheet_icons_and_memory(window, preferences):
    icons().load_now()
    seen = []
    theme().changed.connect(lambda: seen.append(theme().tokens.name))
    before = QApplication.palette().color(QPalette.ColorRole.Window).name()
    window.action_table["theme_dark"].trigger()
    assert QApplication.palette().color(QPalette.ColorRole.Window).name() == TOKENS["dark"].surface != before
    assert TOKENS["dark"].surface in QApplication.instance().styleSheet()
    picture = window.action_table["open_folder"].icon().pixmap(24, 24).toImage()
    brightest = max(picture.pixelColor(x, y).lightness() for x in range(24) for y in range(24))
    assert brightest > 200
    assert preferences.theme == "dark"
    window.action_table["theme_light"].trigger()
    assert seen == ["dark", "light"]


def test_icons_come_from_a_thread_and_forget_dead_widgets(qapp, qtbot):
    made = Icons(qapp)
    kept, gone = QPushButton(), QPushButton()
    qtbot.addWidget(kept)
    for number in range(20):
        made.bind(kept.setIcon if number else gone.setIcon, "brush")
    assert kept.icon().isNull()
    delete(gone)
    with qtbot.waitSignal(made.changed, timeout=30_000):
        made.load()
    assert not kept.icon().isNull()
    made.refresh()
    assert len(made._bound) == 19
    delete(made)


def test_an_unknown_theme_is_the_systems(qapp):
    theme().choose("mauve")
    assert theme().choice == "system"
    theme().choose("light")


def test_preferences_survive_nonsense(tmp_path):
    settings = QSettings(str(tmp_path / "odd.ini"), QSettings.Format.IniFormat)
    settings.setValue("opacity", "much")
    settings.setValue("recent", '{"a": 1')
    settings.setValue("layout/state", "text")
    found = Preferences(settings)
    assert (found.opacity, found.recent, found.layout("state")) == (50, [], None)


def test_recent_folders_are_newest_first_and_bounded(preferences, tmp_path):
    for number in range(14):
        preferences.remember(tmp_path / str(number))
    preferences.remember(tmp_path / "7", tmp_path / "elsewhere")
    names = [entry.folder for entry in preferences.recent]
    assert names[:2] == [str(tmp_path / "7"), str(tmp_path / "13")]
    assert len(names) == len(set(names)) == 10
    assert preferences.recent[0].project_dir == str(tmp_path / "elsewhere")
    preferences.forget(str(tmp_path / "7"))
    assert preferences.recent[0].folder == str(tmp_path / "13")
