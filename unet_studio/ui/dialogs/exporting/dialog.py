"""The export assistant: a form beside what will come of it, then how far it is, then the proof.

It stays beside the window, which can be used all the while. Closed while it writes, it is opened again by
the same action and shows how far it is.
"""

import math
from functools import cached_property
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from unet_studio.core.errors import StudioError
from unet_studio.formats.export_plan import ExportPlan
from unet_studio.formats.table import FORMATS
from unet_studio.session import Session
from unet_studio.session.exporter import Exported, ExportWish
from unet_studio.ui.dialogs.exporting.choices import ANY_PROJECT, LAYERS, Choices
from unet_studio.ui.dialogs.exporting.foresight import Foresight
from unet_studio.ui.dialogs.exporting.outcome import Outcome
from unet_studio.ui.panels.files import FilesPanel
from unet_studio.ui.preferences import Preferences
from unet_studio.ui.section import ElidedLabel
from unet_studio.ui.widgets import ProgressBar, button, fit_to_screen, label, row, scrolling
from unet_studio.ui.words import count, duration

REST_MS = 200  # after the last change of the form before it is planned
SIZE = 880, 560  # px at first


class ExportDialog(QDialog):
    """files: the panel whose selection can be exported."""

    def __init__(
        self, session: Session, preferences: Preferences, files: FilesPanel, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("export_dialog")
        self.setWindowTitle("Export Masks")
        self._session, self._preferences, self._files = session, preferences, files
        self._plan: ExportPlan | None = None
        self._stale = False
        self.choices = Choices(session)
        self.foresight = Foresight()
        self.progress = ProgressBar()
        self.doing = label("", "heading")
        self.place = ElidedLabel("", "muted")
        self.far = label("", "muted", wrap=False)
        self.pages = QStackedWidget(self)
        self.start = button("Export", "Write the files", self.export, "export-variant", "primary")
        self.cancel = button("Stop", "Stop writing; the destination stays as it was", session.exporter.cancel)
        self.more = button("Export More…", "Go back to the form", self.show_form)
        self.close_button = button("Close", "Close this box", self.reject)
        self._timer = QTimer(self, singleShot=True, interval=REST_MS)
        self._timer.timeout.connect(self._look)
        self._build()
        self._connect()
        self.choices.restore(preferences.export(self._folder))
        self.choices.offer_images(files.chosen)
        fit_to_screen(self, *SIZE)
        if session.exporter.running is not None:
            self._show_running(session.exporter.running)
        else:
            self.show_form()

    @property
    def _folder(self) -> Path:
        project = self._session.project
        return project.folder if project is not None else Path()

    # -- building -----------------------------------------------------------------------------------------

    def _build(self) -> None:
        for widget, name in (
            (self.start, "export_start"),
            (self.cancel, "export_cancel"),
            (self.more, "export_more"),
            (self.close_button, "export_close"),
            (self.progress, "export_progress"),
        ):
            widget.setObjectName(name)
        for make in (self._form_page, self._running_page):
            self.pages.addWidget(make())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(12)
        layout.addWidget(self.pages, 1)
        line = QFrame()
        line.setProperty("role", "line")
        layout.addWidget(line)
        layout.addLayout(row(None, self.close_button, self.more, self.cancel, self.start, spacing=8))
        self.setMinimumSize(640, 380)

    @cached_property
    def outcome(self) -> Outcome:
        """The page of what came of it, made when it is needed: the form is there the sooner."""
        made, holder = Outcome(self._session), QWidget()
        inner = row(made)
        inner.setContentsMargins(0, 0, 8, 0)
        holder.setLayout(inner)
        self.pages.addWidget(scrolling(holder, self.pages))
        return made

    def _form_page(self) -> QWidget:
        page = QWidget(self.pages)
        layout = QHBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(scrolling(self.choices, page), 3)
        beside = QWidget()
        around = QVBoxLayout(beside)
        around.setContentsMargins(0, 0, 4, 0)
        around.addWidget(self.foresight)
        layout.addWidget(scrolling(beside, page), 2)
        return page

    def _running_page(self) -> QWidget:
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Export under way")
        page = QWidget(self.pages)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addStretch(1)
        for widget in (self.doing, self.place, self.progress, self.far):
            layout.addWidget(widget)
        layout.addWidget(
            label(
                "You can go on working. Stored layers are written as they are, never predicted again, then "
                "read back and compared. What you paint meanwhile may or may not be in it; you will be told.",
                "muted",
            )
        )
        layout.addStretch(2)
        return page

    def _connect(self) -> None:
        session, exporter = self._session, self._session.exporter
        self.choices.changed.connect(self._changed)
        self.foresight.again.clicked.connect(self._count)
        exporter.planned.connect(self._planned)
        exporter.planFailed.connect(self._plan_failed)
        exporter.planProgressed.connect(self._counting)
        exporter.progressed.connect(self._progressed)
        exporter.exported.connect(self._exported)
        exporter.failed.connect(self._failed)
        exporter.cancelled.connect(self.show_form)
        session.statusChanged.connect(self._masks_changed)
        session.savedChanged.connect(self._masks_changed)
        session.imagesChanged.connect(self._images_changed)
        session.projectChanged.connect(self.reject)
        self._files.chosenChanged.connect(self._selection_changed)

    # -- what would be written ----------------------------------------------------------------------------

    @Slot()
    def _changed(self) -> None:
        """Something else is to be written: look what that would be, once it stays so for a moment."""
        self._plan = None
        self._session.exporter.drop_plan()
        self._name_button()
        self._timer.start()

    @Slot()
    def _look(self) -> None:
        if self.pages.currentIndex() == 0 and self._session.project is not None:
            self._stale = False
            self._session.exporter.plan(self.choices.wish())

    @Slot()
    def _count(self) -> None:
        self._stale = False
        self.foresight.again.hide()
        self._session.exporter.plan(self.choices.wish(), count=True)

    @Slot(object, object)
    def _planned(self, wish: ExportWish, plan: ExportPlan) -> None:
        if wish != self.choices.wish():
            return
        self._plan = plan
        self.foresight.show_plan(plan)
        if not plan.images:
            self._explain_nothing(plan)
        elif not plan.counted:
            self.foresight.show_counting(0, len(plan.images))
            self._session.exporter.plan(wish, count=True)
        elif self._stale:
            self.foresight.say_old()
        self._name_button()

    def _explain_nothing(self, plan: ExportPlan) -> None:
        """Say why there is nothing to write, and what could be done about it."""
        options, note = self.choices.wish().options, self.foresight.obstacle
        if options.which == "approved":
            note.say(
                "No image is approved yet. Approve some (Enter), or export all images that have a mask.",
                "info",
                "Export All Images",
                self.choices.choose_all,
            )
        elif options.which == "selection":
            note.say(
                "Nothing is stored for the selected images. Select others in the panel of images.", "info"
            )
        else:
            what = LAYERS[options.layer][0].lower()
            note.say(f"There are no {what} yet. Paint, import or predict first.", "info")

    @Slot(object, object)
    def _plan_failed(self, wish: ExportWish, error: StudioError) -> None:
        if wish == self.choices.wish():
            self.foresight.refuse(error)
            self._plan = None
            self._name_button()

    @Slot(int, int)
    def _counting(self, done: int, total: int) -> None:
        self.foresight.show_counting(done, total)

    @Slot()
    def _masks_changed(self, *_: object) -> None:
        """What was counted may be out of date."""
        if (
            self.pages.currentIndex() == 0
            and self._plan is not None
            and self._plan.counted
            and not self._stale
        ):
            self._stale = True
            self.choices.offer_images()
            self.foresight.say_old()

    @Slot()
    def _images_changed(self) -> None:
        self.choices.offer_images()
        self._changed()

    @Slot()
    def _selection_changed(self) -> None:
        self.choices.offer_images(self._files.chosen)
        if self.choices.which.currentData() == "selection":
            self._changed()

    def _name_button(self) -> None:
        """The button says what happens."""
        plan, what = self._plan, LAYERS[self.choices.layer.currentData()][0]
        number = len(plan.images) if plan is not None else 0
        one = what.removesuffix("s") if number == 1 else what
        verb = "Replace With" if plan is not None and plan.replaces else "Export"
        self.start.setText(f" {verb} {number:,} {one}" if number else f" Export {what}")
        possible = (
            plan is not None and bool(plan.images) and not plan.obstacle and plan.destination is not None
        )
        self.start.setEnabled(possible)
        if self.choices.place is None:
            self.start.setToolTip("Choose where to write to first")
        else:
            self.start.setToolTip("Write the files" if possible else "See at the right what is in the way")

    # -- the export ---------------------------------------------------------------------------------------

    def export(self) -> None:
        """Write the files."""
        wish = self.choices.wish()
        if wish.destination is None:
            return
        self._preferences.store_export(self._folder, self.choices.stored(), ANY_PROJECT)
        self._timer.stop()
        self._show_running(wish)
        self._session.exporter.run(wish)

    def _show_running(self, wish: ExportWish) -> None:
        self._turn_to(1)
        number = len(self._plan.images) if self._plan is not None else 0
        masks = count(number, LAYERS[wish.options.layer][0].lower().removesuffix("s")) if number else "masks"
        self.doing.setText(f"Exporting {masks} as {FORMATS[wish.format_name].title}…")
        self.place.setText(str(wish.destination))
        self.progress.setRange(0, 0)
        self.far.setText("Getting ready…")

    @Slot(int, int, float)
    def _progressed(self, done: int, total: int, left: float) -> None:
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(done)
        rest = f" · about {duration(left)} left" if math.isfinite(left) else ""
        self.far.setText(f"{100 * done // max(1, total)} %{rest}")

    @Slot(object)
    def _exported(self, exported: Exported) -> None:
        self.outcome.show_exported(exported)
        self._turn_to(2)

    @Slot(object)
    def _failed(self, error: StudioError) -> None:
        self.outcome.fail(error)
        self._turn_to(2)

    @Slot()
    def show_form(self) -> None:
        """Show the form, and look what would be written now."""
        self._turn_to(0)
        self.foresight.wait()
        self.choices.offer_images(self._files.chosen)
        self._changed()

    def _turn_to(self, page: int) -> None:
        """0: the form, 1: how far it is, 2: what came of it."""
        self.pages.setCurrentIndex(page)
        for widget, places in ((self.start, (0,)), (self.cancel, (1,)), (self.more, (2,))):
            widget.setVisible(page in places)
        self.close_button.setText(("Cancel", "Hide", "Close")[page])
        self.close_button.setToolTip(
            (
                "Write nothing",
                "Close this box; the export goes on. Export Masks shows it again",
                "Close this box",
            )[page]
        )
        default = (self.start, self.cancel, self.close_button)[page]
        default.setDefault(True)
        if page:
            default.setFocus()

    def done(self, result: int) -> None:
        """Closed, however: nothing is planned any more; an export that runs goes on."""
        self._timer.stop()
        self._session.exporter.drop_plan()
        super().done(result)
