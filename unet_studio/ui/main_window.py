"""The main window: puts canvas, panels, bars and dialogs together, and holds no state of its own."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QLineEdit,
    QMainWindow,
    QMenu,
    QPlainTextEdit,
    QSizePolicy,
    QStackedWidget,
    QTextEdit,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from unet_studio.core.errors import StudioError
from unet_studio.session import Session
from unet_studio.ui.actions import Actions, all_actions
from unet_studio.ui.banner import Banner
from unet_studio.ui.canvas.flash import Flash
from unet_studio.ui.canvas.versus import Versus
from unet_studio.ui.canvas.widget import Canvas
from unet_studio.ui.class_signs import ClassSigns
from unet_studio.ui.commands import Commands
from unet_studio.ui.dialogs.messages import show_error
from unet_studio.ui.docks import Docks, TrainingRoom
from unet_studio.ui.icons import icons
from unet_studio.ui.leaving import Leaving
from unet_studio.ui.notices import Notices
from unet_studio.ui.opening_strip import OpeningStrip
from unet_studio.ui.option_bar import OptionBar
from unet_studio.ui.panels.classes import ClassesPanel
from unet_studio.ui.panels.display import DisplayPanel
from unet_studio.ui.panels.files import FilesPanel
from unet_studio.ui.panels.history import HistoryPanel
from unet_studio.ui.panels.model import ModelPanel
from unet_studio.ui.panels.training import TrainingPanel
from unet_studio.ui.preferences import Preferences, Recent
from unet_studio.ui.status_bar import StatusBar
from unet_studio.ui.theme import theme
from unet_studio.ui.tool_bar import ToolBar
from unet_studio.ui.versus_bar import VersusBar
from unet_studio.ui.view_button import ViewButton
from unet_studio.ui.view_options import ViewOptions
from unet_studio.ui.welcome import Welcome
from unet_studio.ui.widgets import set_role
from unet_studio.ui.work_strip import WorkStrip

TITLE = "U-Net Studio"
LAYOUT_VERSION = 2
# Dropped on a project, these are masks to import.
MASK_FILES = frozenset({".json", ".csv", ".xml", ".npy", ".zip", ".tar", ".tgz"})
TYPING = (QLineEdit, QAbstractSpinBox, QTextEdit, QPlainTextEdit)


class MainWindow(QMainWindow):
    """painted(): it is on screen. logAsked(), sampleAsked(): what the application does for it."""

    painted = Signal()
    logAsked = Signal()
    sampleAsked = Signal()

    def __init__(self, session: Session, preferences: Preferences | None = None) -> None:
        super().__init__()
        self.session = session
        self.preferences = preferences or Preferences()
        self._painted = False
        self._workspace = False
        theme().choose(self.preferences.theme)
        self.setAcceptDrops(True)
        self.setMinimumSize(640, 420)
        self.setDockOptions(self.dockOptions() | QMainWindow.DockOption.GroupedDragging)
        self.canvas = Canvas(session, self)
        self.versus = Versus(session.comparer, self.canvas)
        self.view = ViewOptions(self.canvas, self.preferences, self)
        self.work = WorkStrip(session, self.canvas)
        self.opening = OpeningStrip(session, self.canvas)
        self.flash = Flash(session, self.canvas)
        self.banner = Banner()
        self.welcome = Welcome()
        self.panels: dict[str, QWidget] = {
            "files": FilesPanel(session),
            "classes": ClassesPanel(session),
            "model": ModelPanel(session, self.preferences),
            "training": TrainingPanel(session),
            "display": DisplayPanel(session),
            "history": HistoryPanel(session, self.preferences),
        }
        self.leaving = Leaving(session, self)
        self.commands = Commands(self)
        self.action_table = self._make_actions()
        self.menus = self.action_table.fill_menus(self.menuBar())
        self.recent_menu = QMenu("Open &Recent", self)
        self.menus["&File"].insertMenu(self.action_table["open_sample"], self.recent_menu)
        self._build_centre()
        self._build_bars()
        self.class_signs = ClassSigns(session, self.canvas, self.preferences, self)
        self.docks = Docks(self, self.panels, self.action_table)
        TrainingRoom(self.docks, session, self)
        self.notices = Notices(session, self.banner, self.canvas, self.open_folder, self)
        self._connect()
        self._restore_geometry()
        self._project_changed()

    # -- building -----------------------------------------------------------------------------------------

    def _make_actions(self) -> Actions:
        specs = all_actions(self.session.editor.tools)
        owners = {
            "session": self.session,
            "canvas": self.canvas,
            "versus": self.versus,
            "view": self.view,
            "window": self,
            "commands": self.commands,
            "files": self.panels["files"],
            "classes": self.panels["classes"],
            "training": self.panels["training"],
        }
        made = Actions(self, specs, owners, self.show_error, self.preferences.keys)
        made[f"theme_{theme().choice}"].setChecked(True)
        made["auto_predict"].setChecked(self.session.predictor.auto)
        self.view.check(made)
        return made

    def _build_centre(self) -> None:
        self.stack = QStackedWidget()
        self.stack.addWidget(self.welcome)
        self.stack.addWidget(self.canvas)
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        self.versus_bar = VersusBar(self.session, self.action_table)
        layout.addWidget(self.versus_bar)
        layout.addWidget(self.stack, 1)
        self.setCentralWidget(centre)

    def _build_bars(self) -> None:
        bar = self.main_bar = QToolBar("Main")
        bar.setObjectName("main")
        bar.setMovable(False)
        bar.setIconSize(QSize(20, 20))
        self.action_table.fill_toolbar(bar, "icon")
        self.view_button = ViewButton(self.view, self.action_table, self)
        bar.addWidget(self.view_button)
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(gap)
        for name in ("predict", "approve"):
            action = self.action_table[name]
            bar.addAction(action)
            widget = bar.widgetForAction(action)
            if isinstance(widget, QToolButton):
                widget.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
                set_role(widget, "primary" if name == "approve" else "framed")
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, bar)
        self.option_bar = OptionBar(self.session, self.preferences, self)
        self.addToolBarBreak(Qt.ToolBarArea.TopToolBarArea)
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, self.option_bar)
        self.tool_bar = ToolBar(self.session, self.action_table, self)
        self.addToolBar(Qt.ToolBarArea.LeftToolBarArea, self.tool_bar)
        self.status = StatusBar(self.session, self.canvas, self)
        self.setStatusBar(self.status)
        for toolbar in (bar, self.option_bar, self.tool_bar):
            toolbar.toggleViewAction().setEnabled(False)
            toolbar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        for widget in (bar, self.option_bar, self.tool_bar, self.status):
            widget.hide()  # until there is a project

    def _connect(self) -> None:
        session = self.session
        session.projectChanged.connect(self._project_changed)
        session.documentChanged.connect(self._document_changed)
        session.failed.connect(self._refresh_title)
        for signal in (
            session.historyChanged,
            session.predictor.modelChanged,
            session.trainer.changed,
            session.statusChanged,
            session.operator.changed,
            session.importer.changed,
            session.comparer.changed,
            session.predictor.modelsChanged,
            session.predictor.predicted,
        ):
            signal.connect(self._refresh_actions)
        self.welcome.openAsked.connect(self.commands.choose_folder)
        self.welcome.sampleAsked.connect(self.commands.open_sample)
        self.welcome.recentAsked.connect(self._open_recent)
        self.option_bar.left.connect(self._to_canvas)
        self.tool_bar.opacityChanged.connect(self.view.set_opacity)
        self.view.changed.connect(self._view_changed)
        self._view_changed()
        model, training = self.panels["model"], self.panels["training"]
        if isinstance(model, ModelPanel):
            model.chosenAsked.connect(self.commands.predict_chosen)
            model.versionsAsked.connect(self.commands.show_versions)
        if isinstance(training, TrainingPanel):
            training.discardAsked.connect(self.commands.discard_training)
            training.changesAsked.connect(self.commands.show_changes)
        for name in ("files", "classes"):
            self.panels[name].view.left.connect(self._to_canvas)  # type: ignore[attr-defined]
        self.panels["history"].left.connect(self._to_canvas)  # type: ignore[attr-defined]
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._focus_changed)
        self.menus["&File"].aboutToShow.connect(self._fill_recent)

    # -- what the session says ----------------------------------------------------------------------------

    @Slot()
    def _project_changed(self) -> None:
        project = self.session.project
        self._show_workspace(project is not None)
        self._refresh_title()
        self._refresh_actions()
        if project is None:
            self.welcome.show_recent(self.preferences.recent)
            return
        inside = project.folder.parent == project.image_root
        self.preferences.remember(project.image_root, None if inside else project.folder)

    def _show_workspace(self, on: bool) -> None:
        """Switch between the welcome page alone and the canvas with its panels."""
        self.stack.setCurrentWidget(self.canvas if on else self.welcome)
        if on == self._workspace:
            return
        if not on:
            self._store_layout()
        self._workspace = on
        for bar in (self.main_bar, self.option_bar, self.tool_bar, self.status):
            bar.setVisible(on)
        self.docks.show(on)
        state = self.preferences.layout("state") if on else None
        if state is not None:
            self.restoreState(state, LAYOUT_VERSION)

    @Slot()
    def _refresh_title(self, *_: object) -> None:
        project = self.session.project
        if project is None:
            self.setWindowTitle(TITLE)
            return
        marker = " (read-only)" if project.read_only else ""
        image = f"{self.session.current} – " if self.session.current else ""
        self.setWindowTitle(f"{image}{project.name}{marker} – {TITLE}")

    @Slot()
    def _document_changed(self) -> None:
        self._refresh_title()
        self._refresh_actions()

    @Slot()
    def _refresh_actions(self, *_: object) -> None:
        session = self.session
        self.action_table.refresh(session)
        for name, what in (("undo", session.editor.undo_name), ("redo", session.editor.redo_name)):
            verb = name.capitalize()
            self.action_table[name].setText(f"&{verb} {what}" if what else f"&{verb}")
        done = session.document is not None and session.document.approved
        self.action_table["approve"].setText("Approved" if done else "&Approve")
        self.action_table["auto_predict"].setChecked(session.predictor.auto)
        self.action_table["pause_training"].setText("&Resume" if session.trainer.pausing else "&Pause")

    @Slot()
    def _view_changed(self) -> None:
        self.view.check(self.action_table)
        self.tool_bar.set_opacity(self.view.opacity)

    @Slot()
    def _to_canvas(self, *_: object) -> None:
        """After a click in a list, keys belong to the canvas again."""
        self.canvas.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(QWidget, QWidget)
    def _focus_changed(self, before: QWidget | None, now: QWidget | None) -> None:
        if before is not None and now is not None and self._left_behind(before, now):
            self._to_canvas()  # not the next field, which would swallow keys that nobody meant for it
            return
        self.action_table.set_typing(isinstance(now, TYPING) or bool(now and now.property("typing")))

    def _left_behind(self, before: QWidget, now: QWidget) -> bool:
        """Whether the focus moved on by itself, because what had it was hidden or disabled."""
        inside = self._workspace and self.isAncestorOf(before) and self.isAncestorOf(now)
        usable = before.isVisibleTo(self) and before.isEnabled()
        return inside and not usable and now is not self.canvas and not now.isAncestorOf(before)

    # -- opening ------------------------------------------------------------------------------------------

    def show_error(self, error: StudioError, title: str = TITLE) -> None:
        """Say in a box what went wrong and what to do about it."""
        show_error(self, title, error)

    def open_folder(self, folder: str | Path, project_dir: str | Path | None = None) -> None:
        """Open a folder of images, once all work is saved; say what is in the way."""
        if not self.leaving.ready(lambda: self.open_folder(folder, project_dir)):
            return
        try:
            self.session.open_folder(folder, project_dir)
        except StudioError as error:
            self.show_error(error, "This Folder Can't Be Opened")
            self.preferences.forget(str(folder))
            self.welcome.show_recent(self.preferences.recent)

    def _open_recent(self, entry: Recent, _checked: bool = False) -> None:
        self.open_folder(entry.folder, entry.project_dir)

    @Slot()
    def _fill_recent(self) -> None:
        """List the folders opened before in the File menu."""
        self.recent_menu.clear()
        entries = self.preferences.recent
        self.recent_menu.setEnabled(bool(entries))
        for entry in entries:
            action = self.recent_menu.addAction(entry.folder.replace("&", "&&"))
            action.triggered.connect(partial(self._open_recent, entry))

    # -- the window itself --------------------------------------------------------------------------------

    def _restore_geometry(self) -> None:
        geometry = self.preferences.layout("geometry")
        if geometry is None or not self.restoreGeometry(geometry):
            screen = QGuiApplication.primaryScreen().availableSize()
            self.resize(min(1500, screen.width() * 9 // 10), min(950, screen.height() * 9 // 10))

    def _store_layout(self) -> None:
        if self._workspace:
            self.preferences.store_layout("state", QByteArray(self.saveState(LAYOUT_VERSION)))
        self.preferences.store_layout("geometry", QByteArray(self.saveGeometry()))

    def event(self, event: QEvent) -> bool:
        """Announce the first paint: what can wait begins then."""
        result = super().event(event)
        if event.type() == QEvent.Type.Paint and not self._painted:
            self._painted = True
            QTimer.singleShot(0, self._after_first_paint)
        return result

    def _after_first_paint(self) -> None:
        icons().load()
        self.welcome.show_picture()
        self.painted.emit()

    def showEvent(self, event: QShowEvent) -> None:
        """Sizes of panels hold once the window has one."""
        super().showEvent(event)
        if self._workspace and self.preferences.layout("state") is None:
            self.docks.arrange()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape, where nothing else wanted it, ends the comparison of versions."""
        if event.key() == Qt.Key.Key_Escape and self.session.comparer.on:
            self.session.comparer.end()
            return
        super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """The full-screen action follows the window."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange and hasattr(self, "action_table"):
            self.action_table["full_screen"].setChecked(self.isFullScreen())

    def closeEvent(self, event: QCloseEvent) -> None:
        """Save everything first; a training under way goes on without the window."""
        self._store_layout()
        if not self.leaving.ready(self.close):
            event.ignore()
            return
        self.session.shut_down()
        event.accept()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """A folder may be dropped anywhere."""
        if self._dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the folder, or the folder of the file, that was dropped; import from a file of masks."""
        path = self._dropped(event)
        if path is None:
            return
        event.acceptProposedAction()
        if path.suffix.lower() in MASK_FILES and self.action_table["import"].isEnabled() and path.is_file():
            self.commands.show_import(path)
        else:
            self.open_folder(path if path.is_dir() else path.parent)

    @staticmethod
    def _dropped(event: QDropEvent) -> Path | None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        return next(iter(paths), None)
