"""Every action of the window in one table; menus, tool bar and list of shortcuts are built from it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from string import capwords

from PySide6.QtCore import QKeyCombination, QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolBar, QWidget

from unet_studio.core.errors import StudioError
from unet_studio.core.operations import OPERATIONS
from unet_studio.session import Session
from unet_studio.tools import Tool
from unet_studio.ui.canvas.layers import LAYERS
from unet_studio.ui.icons import icons

SHOW_KEYS = {
    "mask": "F6", "annotation": "Shift+F6", "prediction": "F7", "difference": "F8", "confidence": "F9",
}  # fmt: skip
BARE = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


@dataclass(frozen=True)
class ActionSpec:
    """One row of the table.

    handler: "owner.method", owner session, canvas, versus, view, window, commands, files, classes or
    training. argument: its own. enabled: key in ENABLED. group: of exclusive checkable actions, its name.
    toolbar: its place in the main tool bar, "" for none, "icon" or "text" (icon and text). line: a separator
    comes before it. listed: whether menus show it (the keys of classes are in the panel of classes).
    """

    id: str
    text: str
    icon: str
    menu: str
    handler: str
    shortcuts: tuple[str, ...] = ()
    enabled: str = "always"
    tip: str = ""
    argument: object = None
    checkable: bool = False
    group: str = ""
    toolbar: str = ""
    line: bool = False
    listed: bool = True
    repeat: bool = False


def _editable(session: Session) -> bool:
    return session.editable


def _read_only(session: Session) -> bool:
    return session.project is None or session.project.read_only is not None


ENABLED: Mapping[str, Callable[[Session], bool]] = {
    "always": lambda _session: True,
    "project": lambda session: session.project is not None,
    "writable": lambda session: not _read_only(session),
    "images": lambda session: bool(session.images),
    "document": lambda session: session.document is not None,
    "editable": _editable,
    "masked": lambda session: _editable(session) and (_painted(session) or _predicted(session)),
    "painted": lambda session: _editable(session) and _painted(session),
    "predicted": lambda session: _editable(session) and _predicted(session),
    "follower": lambda session: _editable(session) and session.browser.beside(-1) is not None,
    "undo": lambda session: session.editor.can_undo,
    "redo": lambda session: session.editor.can_redo,
    "approvable": lambda session: _editable(session) and not _approved(session),
    "approved": lambda session: _editable(session) and _approved(session),
    "importable": lambda session: not _read_only(session) and bool(session.images),
    "imported": lambda session: (
        not _read_only(session) and session.importer.last is not None and not session.importer.running
    ),
    "predictable": lambda session: session.document is not None and session.predictor.model is not None,
    "predictable_all": lambda session: bool(session.images) and session.predictor.model is not None,
    "comparable": lambda session: session.comparer.on or session.comparer.possible,
    "comparing": lambda session: session.comparer.on,
    "trainable": lambda session: (
        not _read_only(session) and session.trainer.state not in ("starting", "running", "paused")
    ),
    "training": lambda session: not _read_only(session) and session.trainer.state in ("running", "paused"),
}


def _painted(session: Session) -> bool:
    return session.document is not None and session.document.painted


def _predicted(session: Session) -> bool:
    return session.document is not None and session.document.under is not None


def _approved(session: Session) -> bool:
    return session.document is not None and session.document.approved


ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "open_folder", "&Open Folder…", "folder-open-outline", "&File", "commands.choose_folder",
        ("Ctrl+O",), tip="Open a folder of images", toolbar="icon",
    ),
    ActionSpec(
        "open_sample", "Open &Sample Project", "image-multiple-outline", "&File", "commands.open_sample",
        tip="Open a small project with a model that comes with the program",
    ),
    ActionSpec(
        "refresh", "Look at the Folder A&gain", "refresh", "&File", "session.refresh",
        ("F5",), "project", "Find images that came or went since the folder was opened", line=True,
    ),
    ActionSpec(
        "import", "&Import Masks…", "import", "&File", "commands.show_import",
        ("Ctrl+I",), "importable", "Bring in masks that were made elsewhere", line=True,
    ),
    ActionSpec(
        "export", "&Export Masks…", "export-variant", "&File", "commands.show_export",
        ("Ctrl+E",), "images", "Write masks for other programs",
    ),
    ActionSpec(
        "statistics", "S&tatistics…", "table-large", "&File", "commands.show_statistics",
        ("Ctrl+Shift+T",), "images", "Count objects and areas, by image and class",
    ),
    ActionSpec(
        "close_project", "&Close Project", "close", "&File", "commands.close_project",
        ("Ctrl+W",), "project", "Save and go back to the welcome page", line=True,
    ),
    ActionSpec(
        "quit", "&Quit", "exit-to-app", "&File", "window.close", ("Ctrl+Q",), tip="Save and close the window",
    ),
    ActionSpec(
        "undo", "&Undo", "undo", "&Edit", "session.editor.undo",
        ("Ctrl+Z",), "undo", "Take back the last change of this image", toolbar="icon", repeat=True,
    ),
    ActionSpec(
        "redo", "&Redo", "redo", "&Edit", "session.editor.redo",
        ("Ctrl+Shift+Z", "Ctrl+Y"), "redo", "Do again what was undone", toolbar="icon", repeat=True,
    ),
    ActionSpec(
        "undo_import", "Undo &Import", "undo-variant", "&Edit", "commands.undo_import",
        (), "imported", "Take the last import of masks back, in all images", line=True,
    ),
    *(
        ActionSpec(
            f"operation_{name}", text, OPERATIONS[name].icon, "&Mask", "commands.show_operation",
            keys, enabled, OPERATIONS[name].hint, name, line=line,
        )
        for name, text, keys, enabled, line in (
            ("fill_holes", "&Fill Holes…", ("Ctrl+Shift+F",), "masked", False),
            ("drop_specks", "&Drop Specks…", ("Ctrl+Shift+D",), "masked", False),
            ("keep_largest", "&Keep Largest…", (), "masked", False),
            ("smooth", "S&mooth…", ("Ctrl+Shift+M",), "masked", False),
            ("grow", "&Grow…", ("Ctrl+Shift+G",), "masked", True),
            ("shrink", "&Shrink…", ("Ctrl+Shift+S",), "masked", False),
            ("relabel", "&Relabel…", ("Ctrl+Shift+R",), "masked", True),
            ("copy", "Cop&y from Previous Image…", ("Ctrl+Shift+V",), "follower", False),
            ("accept", "Accept &Prediction…", (), "predicted", True),
        )
    ),
    ActionSpec(
        "accept_all", "&Accept All Predictions", "check-decagram-outline", "&Mask", "commands.accept_all",
        ("Ctrl+Shift+A",), "predicted", "Paint what the model says wherever nobody painted (can be undone)",
    ),
    ActionSpec(
        "fill_rest", "F&ill the Rest", "format-color-fill", "&Mask", "session.editor.fill_rest",
        ("Ctrl+B",), "editable", "Make background of every pixel that has no class yet (can be undone)",
    ),
    ActionSpec(
        "operation_clear", "&Clear to Prediction…", OPERATIONS["clear"].icon, "&Mask",
        "commands.show_operation", (), "painted", OPERATIONS["clear"].hint, "clear", line=True,
    ),
    ActionSpec(
        "forget_all", "F&orget All Corrections", "eraser-variant", "&Mask", "session.editor.clear_annotation",
        ("Ctrl+Backspace",), "painted",
        "Return every painted pixel of this image to what the model says (can be undone)",
    ),
    ActionSpec(
        "previous_image", "&Previous Image", "chevron-left", "&Image", "session.step_image",
        ("A", "PgUp"), "images", "Go to the image before", -1, toolbar="icon", repeat=True,
    ),
    ActionSpec(
        "next_image", "&Next Image", "chevron-right", "&Image", "session.step_image",
        ("D", "PgDown"), "images", "Go to the image after", 1, toolbar="icon", repeat=True,
    ),
    ActionSpec(
        "previous_unfinished", "Previous &Unfinished", "page-previous-outline", "&Image",
        "session.browser.step_unfinished", ("Shift+A",), "images",
        "Go back to the last image in the list that is not approved", -1, repeat=True,
    ),
    ActionSpec(
        "next_unfinished", "Ne&xt Unfinished", "page-next-outline", "&Image",
        "session.browser.step_unfinished", ("Shift+D",), "images",
        "Go on to the next image in the list that is not approved", 1, repeat=True,
    ),
    ActionSpec(
        "find_image", "Fin&d Image", "magnify", "&Image", "files.find_image",
        ("Ctrl+F",), "images", "Type a part of an image's name",
    ),
    ActionSpec(
        "approve", "&Approve", "check-bold", "&Image", "session.editor.approve",
        ("Return", "Enter"), "approvable", "Say that the whole mask of this image is right",
        toolbar="text", line=True,
    ),
    ActionSpec(
        "approve_next", "Approve and Go &On", "check-all", "&Image", "commands.approve_and_go_on",
        ("Ctrl+Return",), "approvable", "Approve, then go to the next image that is not finished",
    ),
    ActionSpec(
        "unapprove", "&Take Approval Back", "undo-variant", "&Image", "session.editor.unapprove",
        ("Shift+Return",), "approved", "Say that this mask is not finished after all",
    ),
    ActionSpec(
        "next_uncertain", "Next Uncertain &Region", "map-marker-question-outline", "&Image",
        "session.uncertain.step", ("N",), "document",
        "Go to where the model is least sure and nobody painted; after the last one, to the next image", 1,
        line=True,
    ),
    ActionSpec(
        "previous_uncertain", "Previous Uncertain Re&gion", "map-marker-left-outline", "&Image",
        "session.uncertain.step", ("Shift+N",), "document",
        "Go back to the uncertain region looked at before", -1,
    ),
    ActionSpec(
        "zoom_in", "Zoom &In", "magnify-plus-outline", "&View", "canvas.zoom_in",
        ("+", "=", "Ctrl++", "Ctrl+="), "document", "Show the image larger", repeat=True,
    ),
    ActionSpec(
        "zoom_out", "Zoom &Out", "magnify-minus-outline", "&View", "canvas.zoom_out",
        ("-", "Ctrl+-"), "document", "Show the image smaller", repeat=True,
    ),
    ActionSpec(
        "fit", "&Fit to Window", "fit-to-page-outline", "&View", "canvas.fit",
        ("F", "Ctrl+0"), "document", "Show the whole image", toolbar="icon",
    ),
    ActionSpec(
        "actual_size", "&Actual Size", "numeric-1-box-outline", "&View", "canvas.actual_size",
        ("Ctrl+1",), "document", "Show one image pixel as one screen pixel", toolbar="icon",
    ),
    ActionSpec(
        "hide_mask", "&Hide Mask", "eye-off-outline", "&View", "commands.hide_mask",
        ("Ctrl+H",), "document", "Show the image alone; hold H for a moment's look",
        checkable=True, toolbar="icon", line=True,
    ),
    *(
        ActionSpec(
            f"show_{name}", layer.title, layer.icon, "&View/&Over the Image", "view.show",
            (SHOW_KEYS[name],), "project", layer.tip, name, checkable=True, group="layer",
        )
        for name, layer in LAYERS.items()
    ),
    ActionSpec(
        "view_fill", "Fi&ll", "format-color-fill", "&View/&Over the Image", "view.toggle", ("F3",), "project",
        "Fill each class with its colour", "fill", checkable=True, line=True,
    ),
    ActionSpec(
        "view_outline", "&Outline", "vector-square", "&View/&Over the Image", "view.toggle", ("F4",),
        "project", "Draw the borders between classes", "outline", checkable=True,
    ),
    ActionSpec(
        "view_marks", "Mar&k Corrections", "texture", "&View/&Over the Image", "view.toggle", (), "project",
        "Hatch what you painted, and dot what has no class yet", "marks", checkable=True,
    ),
    ActionSpec(
        "view_overview", "Over&view Map", "map-outline", "&View", "view.toggle", (), "project",
        "Show where one is while a part of the image is out of view", "overview", checkable=True,
    ),
    ActionSpec(
        "view_lock", "Loc&k View Across Images", "lock-outline", "&View", "view.toggle", (), "project",
        "Keep zoom and place when going to another image", "lock", checkable=True,
    ),
    ActionSpec(
        "auto_contrast", "Auto &Contrast", "contrast-box", "&View", "session.displays.auto_contrast",
        ("Ctrl+Alt+A",), "document", "Choose black and white from this image; the file is not touched",
        line=True,
    ),
    ActionSpec(
        "reset_display", "&Reset Display", "image-outline", "&View", "session.displays.reset",
        ("Ctrl+Alt+R",), "document", "Show the image with its own brightness, contrast and channels",
    ),
    ActionSpec(
        "theme_system", "Follow the &System", "theme-light-dark", "&View/&Theme", "commands.choose_theme",
        argument="system", checkable=True, group="theme", tip="Light or dark, as the system is",
    ),
    ActionSpec(
        "theme_light", "&Light", "weather-sunny", "&View/&Theme", "commands.choose_theme",
        argument="light", checkable=True, group="theme", tip="Dark text on light panels",
    ),
    ActionSpec(
        "theme_dark", "&Dark", "weather-night", "&View/&Theme", "commands.choose_theme",
        argument="dark", checkable=True, group="theme", tip="Light text on dark panels",
    ),
    *(
        ActionSpec(
            f"panel_{name}", text, icon, "&View/&Panels", "commands.toggle_panel",
            argument=name, checkable=True, tip=f"Show or hide the panel {text.replace('&', '')}",
        )
        for name, text, icon in (
            ("files", "&Images", "image-multiple-outline"),
            ("classes", "&Classes", "palette-outline"),
            ("model", "&Model", "graph-outline"),
            ("training", "&Training", "school-outline"),
            ("display", "&Display", "contrast-box"),
            ("history", "&History", "history"),
        )
    ),
    ActionSpec(
        "reset_layout", "&Reset Panels", "view-dashboard-outline", "&View/&Panels", "commands.reset_layout",
        tip="Put every panel back in its place", line=True,
    ),
    ActionSpec(
        "full_screen", "F&ull Screen", "fullscreen", "&View", "commands.toggle_full_screen",
        ("F11",), tip="Use the whole screen", checkable=True, line=True,
    ),
    ActionSpec(
        "smaller", "&Smaller Brush", "circle-small", "&Tools", "commands.scale_brush",
        ("[",), "project", "Make the brush smaller", 0.8, line=True, repeat=True,
    ),
    ActionSpec(
        "larger", "&Larger Brush", "circle-medium", "&Tools", "commands.scale_brush",
        ("]",), "project", "Make the brush larger", 1.25, repeat=True,
    ),
    ActionSpec(
        "add_class", "&Add Class", "plus", "&Tools", "classes.add_class",
        enabled="writable", tip="Give the project one more class", line=True,
    ),
    ActionSpec(
        "find_class", "Find &Class", "magnify", "&Tools", "classes.find_class",
        ("/",), "project", "Type a part of a class's name; Enter paints with it",
    ),
    ActionSpec(
        "predict", "&Predict This Image", "auto-fix", "&Model", "session.predictor.predict_current",
        ("Ctrl+P",), "predictable", "Let the model look at this image again", toolbar="text",
    ),
    ActionSpec(
        "predict_chosen", "Predict &Selected Images", "select-multiple", "&Model", "commands.predict_chosen",
        ("Ctrl+Alt+P",), "predictable_all", "Let the model look at the images selected in the list again",
    ),
    ActionSpec(
        "predict_all", "Predict &All Images", "auto-mode", "&Model", "session.predictor.predict_all",
        ("Ctrl+Shift+P",), "predictable_all",
        "Let the model look at every image that has no prediction, in the background",
    ),
    ActionSpec(
        "predict_again", "Predict All Images A&gain", "auto-mode", "&Model", "session.predictor.predict_all",
        (), "predictable_all", "Predict also what has a prediction, but nothing painted or approved", True,
    ),
    ActionSpec(
        "cancel_prediction", "&Cancel Prediction", "close-circle-outline", "&Model",
        "session.predictor.cancel", ("Ctrl+.",), "project", "Stop predicting",
    ),
    ActionSpec(
        "auto_predict", "Predict as I &Browse", "auto-download", "&Model", "commands.set_auto_predict",
        enabled="project", tip="Predict every image that is opened and has no prediction",
        checkable=True, line=True,
    ),
    ActionSpec(
        "versions", "&Versions…", "source-branch", "&Model", "commands.show_versions",
        enabled="project", tip="Compare the models, go back to one, name, export or delete them",
        line=True,
    ),
    ActionSpec(
        "versus", "C&ompare Versions", "compare", "&Model", "versus.toggle",
        ("Shift+Q",), "comparable", "See what two model versions say of this image, A and B",
        checkable=True, line=True,
    ),
    ActionSpec(
        "versus_flip", "&Flip A and B", "rotate-3d-variant", "&Model", "versus.flip",
        ("Q",), "comparable", "Look at the other version; hold the key for a moment's look",
    ),
    ActionSpec(
        "versus_split", "A and B Side by Si&de", "arrow-split-vertical", "&Model", "versus.show",
        ("S",), "comparable", "A to the left of a line, B to the right; drag the line about", "split",
        checkable=True,
    ),
    ActionSpec(
        "versus_difference", "&Where They Differ", "set-none", "&Model", "versus.show",
        ("T",), "comparable", "Colour what the two say differently, and which is right where you painted",
        "difference", checkable=True,
    ),
    ActionSpec(
        "versus_swap", "E&xchange A and B", "swap-horizontal", "&Model", "session.comparer.swap",
        enabled="comparing", tip="Let both versions trade places",
    ),
    ActionSpec(
        "versus_table", "Change by &Image…", "table-arrow-down", "&Model", "commands.show_changes",
        (), "comparable", "How much better or worse B is than A on each validation image, worst first",
    ),
    ActionSpec(
        "versus_end", "Back to the &Mask", "close", "&Model", "session.comparer.end",
        (), "comparing", "Compare no longer; painting goes on (Esc)",
    ),
    ActionSpec(
        "train", "&Fine-tune", "school-outline", "T&raining", "training.begin",
        ("Ctrl+T",), "trainable", "Let the model learn from the approved images",
    ),
    ActionSpec(
        "pause_training", "&Pause or Resume", "pause", "T&raining", "training.toggle_pause",
        enabled="training", tip="Let the training wait, or go on", line=True,
    ),
    ActionSpec(
        "stop_training", "&Stop and Keep the Best", "stop", "T&raining", "session.trainer.stop",
        enabled="training", tip="End the training now and keep the best model so far",
    ),
    ActionSpec(
        "discard_training", "&Discard", "delete-outline", "T&raining", "commands.discard_training",
        enabled="training", tip="End the training now and throw its model away",
    ),
    ActionSpec(
        "shortcuts", "&Keyboard Shortcuts", "keyboard-outline", "&Help", "commands.show_shortcuts",
        ("?", "F1"), tip="List all keys",
    ),
    ActionSpec(
        "show_log", "Open &Log Folder", "text-box-outline", "&Help", "commands.show_log",
        tip="Show the file in which the program writes down its errors", line=True,
    ),
    ActionSpec(
        "about", "&About U-Net Studio", "information-outline", "&Help", "commands.show_about",
        tip="Version and licence",
    ),
)  # fmt: skip

MENUS = ("&File", "&Edit", "&Mask", "&Image", "&View", "&Tools", "&Model", "T&raining", "&Help")


def tool_actions(tools: Mapping[str, Tool]) -> list[ActionSpec]:
    """The rows of the tools, in the order of the tool bar."""
    return [
        ActionSpec(
            f"tool_{name}", capwords(tool.title), tool.icon, "&Tools", "session.editor.set_tool",
            (tool.shortcut,), "project", tool.hint, name, checkable=True, group="tools",
        )
        for name, tool in tools.items()
    ]  # fmt: skip


def all_actions(tools: Mapping[str, Tool]) -> list[ActionSpec]:
    """The whole table, with the tools at the head of their menu."""
    place = next(place for place, spec in enumerate(ACTIONS) if spec.menu == "&Tools")
    return [*ACTIONS[:place], *tool_actions(tools), *ACTIONS[place:], *class_actions()]


def class_actions() -> list[ActionSpec]:
    """The rows of the keys that choose a class."""
    return [
        ActionSpec(
            f"class_{key}", f"Class with the key {key}", "palette-outline", "&Tools", "classes.choose_by_key",
            (key,), "project", "Paint with the class that has this key", key, listed=False,
        )
        for key in "1234567890"
    ]  # fmt: skip


class Actions(QObject):
    """The QActions of a window, by id. keys: those that differ from the table's."""

    def __init__(
        self,
        window: QWidget,
        specs: Iterable[ActionSpec],
        owners: Mapping[str, object],
        on_error: Callable[[StudioError], None],
        keys: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(window)
        self.specs = {spec.id: spec for spec in specs}
        self._keys = {name: tuple(chosen) for name, chosen in (keys or {}).items()}
        self._owners = owners
        self._on_error = on_error
        self._groups: dict[str, QActionGroup] = {}
        self._rules: dict[str, bool] = {}  # what the rules of ENABLED said last
        self._actions = {spec.id: self._make(window, spec) for spec in self.specs.values()}

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def _make(self, window: QWidget, spec: ActionSpec) -> QAction:
        action = QAction(spec.text, window)
        action.setObjectName(f"action_{spec.id}")
        action.setShortcuts([QKeySequence(key) for key in self.shortcuts(spec.id)])
        action.setAutoRepeat(spec.repeat)
        action.setCheckable(spec.checkable)
        # A menu has one place for the icon and the tick, and Approve's icon is made for its coloured button.
        action.setIconVisibleInMenu(not spec.checkable and spec.id != "approve")
        action.setToolTip(tooltip(spec, self.shortcuts(spec.id)))
        action.setStatusTip(spec.tip)
        icons().bind(action.setIcon, spec.icon, "on_accent" if spec.id == "approve" else "text")
        if spec.group:
            self._group(spec.group).addAction(action)
        handler = attrgetter(spec.handler.partition(".")[2])(self._owners[spec.handler.partition(".")[0]])
        call = handler if spec.argument is None else partial(handler, spec.argument)
        action.triggered.connect(partial(self._run, call))
        window.addAction(action)
        return action

    def shortcuts(self, name: str) -> tuple[str, ...]:
        """The keys of an action."""
        return self._keys.get(name, self.specs[name].shortcuts)

    def set_shortcuts(self, name: str, keys: Sequence[str]) -> None:
        """Give an action these keys, at once."""
        self._keys[name] = tuple(keys)
        self._actions[name].setShortcuts([QKeySequence(key) for key in keys])
        self._actions[name].setToolTip(tooltip(self.specs[name], keys))

    def _group(self, name: str) -> QActionGroup:
        if name not in self._groups:
            self._groups[name] = QActionGroup(self)
        return self._groups[name]

    def _run(self, call: Callable[[], object], _checked: bool = False) -> None:
        try:
            call()
        except StudioError as error:
            self._on_error(error)

    def refresh(self, session: Session) -> None:
        """Enable what can be done now."""
        before, self._rules = self._rules, {key: bool(rule(session)) for key, rule in ENABLED.items()}
        changed = {key for key, result in self._rules.items() if before.get(key) is not result}
        for spec in self.specs.values() if changed else ():
            if spec.enabled in changed:
                self._actions[spec.id].setEnabled(self._rules[spec.enabled])

    def set_typing(self, typing: bool) -> None:
        """While a person types, keys without Ctrl or Alt belong to the text field and not to actions."""
        contexts = Qt.ShortcutContext.WindowShortcut, Qt.ShortcutContext.WidgetShortcut
        for action in self._actions.values():
            bare = typing and any(is_bare(sequence) for sequence in action.shortcuts())
            if action.shortcutContext() != contexts[bare]:
                action.setShortcutContext(contexts[bare])

    def fill_menus(self, bar: QMenuBar) -> dict[str, QMenu]:
        """Build the menus; returns them by their path, such as "&View/&Theme"."""
        menus = {name: bar.addMenu(name) for name in MENUS}
        for spec in self.specs.values():
            if not spec.listed:
                continue
            if spec.menu not in menus:
                parent, _, name = spec.menu.rpartition("/")
                menus[spec.menu] = menus[parent].addMenu(name)
            if spec.line:
                menus[spec.menu].addSeparator()
            menus[spec.menu].addAction(self._actions[spec.id])
        return menus

    def fill_toolbar(self, bar: QToolBar, kind: str) -> None:
        """Add the actions of a kind of place, "icon" or "text", in the order of the table."""
        menu = ""
        for spec in self.specs.values():
            if spec.toolbar != kind:
                continue
            if menu and spec.menu != menu:
                bar.addSeparator()
            menu = spec.menu
            bar.addAction(self._actions[spec.id])


def is_bare(sequence: QKeySequence) -> bool:
    """Whether a shortcut is a key alone, or with Shift, that a text field could want."""
    key: QKeyCombination = sequence[0]  # type: ignore[index]
    return sequence.count() == 1 and key.keyboardModifiers() in BARE


def plain(text: str) -> str:
    """An action's text without its mnemonic and dots."""
    return text.replace("&", "").rstrip("…")


def tooltip(spec: ActionSpec, keys: Sequence[str]) -> str:
    """What hovering says: the text, its keys, and the longer explanation."""
    native = QKeySequence.SequenceFormat.NativeText
    shown = " or ".join(QKeySequence(key).toString(native) for key in keys[:2])
    first = f"{plain(spec.text)} ({shown})" if shown else plain(spec.text)
    return f"{first}\n{spec.tip}" if spec.tip else first
