"""Which key does what: the table of actions, with what a person changed, and who has which key already."""

from dataclasses import dataclass

from PySide6.QtGui import QKeySequence

from unet_studio.ui.actions import Actions, plain
from unet_studio.ui.preferences import Preferences

# What is no action but a way to use the canvas; see unet_studio.ui.canvas.hand.
CANVAS = (
    ("Wheel", "Zoom to the pointer"),
    ("Shift+Wheel", "Move the image"),
    ("Ctrl+Wheel", "Size of the brush"),
    ("Space+Drag", "Move the image while a tool is active (or drag with the middle button)"),
    ("Right button, Alt", "Erase with the brush"),
    ("Shift+Click", "Straight line from the last stroke"),
    ("H, Tab (held)", "Look at the image without the mask"),
    ("Esc", "Take the stroke under way back"),
)
CLASSES = ("0 … 9", "Paint with the class that has this key")
# Keys that no action can have: what they do instead.
RESERVED = {
    "Space": "moves the image while it is held",
    "H": "hides the mask while it is held",
    "Tab": "hides the mask while it is held",
    "Shift+Tab": "goes to the field before",
    "Esc": "takes the stroke under way back",
    **dict.fromkeys("0123456789", "chooses a class"),
}


@dataclass(frozen=True)
class Binding:
    """The keys of one action. changed: whether they are others than those of the table."""

    id: str
    menu: str
    text: str
    keys: tuple[str, ...]
    changed: bool


def native(key: str) -> str:
    """A shortcut as this system writes it."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)


def portable(sequence: QKeySequence) -> str:
    """A shortcut as it is stored: the same on every system."""
    return sequence.toString(QKeySequence.SequenceFormat.PortableText)


class Keys:
    """Changes the keys of the actions of a window at once, and keeps them for the next start."""

    def __init__(self, actions: Actions, preferences: Preferences) -> None:
        self._actions = actions
        self._preferences = preferences

    def bindings(self) -> list[Binding]:
        """Every action that can have keys, in the order of the menus."""
        return [self.binding(spec.id) for spec in self._actions.specs.values() if spec.listed]

    def binding(self, name: str) -> Binding:
        """The keys of an action."""
        spec = self._actions.specs[name]
        keys = self._actions.shortcuts(name)
        menu = plain(spec.menu.partition("/")[0])
        return Binding(name, menu, plain(spec.text), keys, keys != spec.shortcuts)

    def reserved(self, key: str) -> str:
        """What a key that no action can have does, or ""."""
        return next((what for other, what in RESERVED.items() if _clash(key, other)), "")

    def owners(self, key: str, but: str = "") -> list[Binding]:
        """The actions, besides one, that have a key, or one that begins with it or that it begins with."""
        found = [binding for binding in self.bindings() if binding.id != but]
        return [binding for binding in found if any(_clash(key, other) for other in binding.keys)]

    def assign(self, name: str, keys: tuple[str, ...]) -> list[Binding]:
        """Give an action these keys and no others. Returns the actions that lost one to it."""
        chosen = dict(self._preferences.keys)
        robbed: dict[str, Binding] = {}
        for key in keys:
            robbed |= {binding.id: binding for binding in self.owners(key, name)}
        for binding in robbed.values():
            left = tuple(old for old in binding.keys if not any(_clash(old, key) for key in keys))
            self._set(chosen, binding.id, left)
        self._set(chosen, name, keys)
        self._preferences.keys = chosen
        return list(robbed.values())

    def reset(self, name: str) -> list[Binding]:
        """Give an action the keys of the table. Returns the actions that lost one to it."""
        return self.assign(name, self._actions.specs[name].shortcuts)

    def reset_all(self) -> None:
        """Give every action the keys of the table."""
        for name, spec in self._actions.specs.items():
            self._actions.set_shortcuts(name, spec.shortcuts)
        self._preferences.keys = {}

    def _set(self, chosen: dict[str, tuple[str, ...]], name: str, keys: tuple[str, ...]) -> None:
        self._actions.set_shortcuts(name, keys)
        if keys == self._actions.specs[name].shortcuts:
            chosen.pop(name, None)
        else:
            chosen[name] = keys


def _clash(one: str, other: str) -> bool:
    """Whether pressing one could mean the other: they are equal, or one begins with the other."""
    first, second = QKeySequence(one), QKeySequence(other)
    none = QKeySequence.SequenceMatch.NoMatch
    return first.matches(second) != none or second.matches(first) != none
