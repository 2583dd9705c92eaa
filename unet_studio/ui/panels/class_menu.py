"""What one can do with a class: the menu of the right mouse button."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu

from unet_studio.core.classes import PixelClass

if TYPE_CHECKING:
    from unet_studio.ui.panels.classes import ClassesPanel

KEYS = "1234567890"


def class_menu(panel: "ClassesPanel", entry: PixelClass) -> QMenu:
    """The menu for a class. Keys are written beside what they do while the list has them."""
    menu = QMenu(panel)
    menu.setToolTipsVisible(True)
    ask: Callable[[str], Callable[[], object]] = lambda what: partial(panel.carry_out, what, entry.index)  # noqa: E731
    editor = panel.session.class_editor
    writable = panel.writable
    menu.addAction("&Rename\tF2", ask("rename")).setEnabled(writable)
    menu.addAction("&Colour…", ask("recolor")).setEnabled(writable)
    _add_keys(menu, panel, entry)
    menu.addSeparator()
    hidden = entry.index in editor.hidden
    locked = entry.index in panel.session.editor.rule.locked
    menu.addAction("S&how\tSpace" if hidden else "&Hide\tSpace", ask("hide"))
    menu.addAction("Show &Only This\tAlt+Space", ask("only"))
    menu.addAction("Show &All", partial(editor.set_hidden, ())).setEnabled(bool(editor.hidden))
    action = menu.addAction("Un&lock\tL" if locked else "&Lock\tL", ask("lock"))
    action.setToolTip("No tool changes pixels of a locked class")
    menu.addSeparator()
    menu.addAction("Move &Up\tAlt+Up", ask("up")).setEnabled(writable)
    menu.addAction("Move Dow&n\tAlt+Down", ask("down")).setEnabled(writable)
    menu.addSeparator()
    reason = panel.why_not_delete(entry.index)
    for words, what in (("&Merge into…", "merge"), ("&Delete…\tDel", "delete")):
        action = menu.addAction(words, ask(what))
        action.setEnabled(writable and not reason)
        action.setToolTip(reason)
    return menu


def _add_keys(menu: QMenu, panel: "ClassesPanel", entry: PixelClass) -> None:
    """Which key chooses the class."""
    keys = menu.addMenu("&Key")
    keys.setEnabled(panel.writable)
    group = QActionGroup(keys)
    taken = {other.key: other.name for other in panel.session.classes.active if other.key}
    for key in KEYS:
        whose = f"{key}   now {taken[key]}" if key in taken and entry.key != key else key
        action = keys.addAction(whose.replace("&", "&&"))
        action.triggered.connect(partial(_set_key, panel, entry.index, key))
        action.setCheckable(True)
        action.setChecked(entry.key == key)
        group.addAction(action)
    keys.addSeparator()
    action = keys.addAction("&Automatic, in the Order of the List")
    action.triggered.connect(partial(_set_key, panel, entry.index, None))
    action.setCheckable(True)
    action.setChecked(entry.key is None)
    group.addAction(action)


def _set_key(panel: "ClassesPanel", class_index: int, key: str | None, _checked: bool = False) -> None:
    panel.session.class_editor.set_key(class_index, key)
