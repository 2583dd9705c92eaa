"""The box that imports masks: shows first what would happen, then does it, and can take it back."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QDialog, QSplitter, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from unet_studio.core.errors import StudioError
from unet_studio.session import Session
from unet_studio.session.import_preview import FormatChoice, ImportWish, Pictured
from unet_studio.session.importer import Halted, Imported
from unet_studio.ui.dialogs.importing.classes import ClassesPage, Found
from unet_studio.ui.dialogs.importing.images import ImagesPage, Lines
from unet_studio.ui.dialogs.importing.options import OptionsRow
from unet_studio.ui.dialogs.importing.pages import ResultPage, WorkPage
from unet_studio.ui.dialogs.importing.picture import PicturePane
from unet_studio.ui.dialogs.importing.remarks import Remark, RemarksPage
from unet_studio.ui.dialogs.importing.source import DropPage, SourceBar, dropped_path
from unet_studio.ui.dialogs.importing.words import (
    button_text,
    examination_words,
    progress_words,
    result_words,
    similar_words,
    summary,
    undone_words,
)
from unet_studio.ui.dialogs.text_file import show_text_file
from unet_studio.ui.preferences import Preferences
from unet_studio.ui.widgets import Note, button, label, row

if TYPE_CHECKING:
    from unet_studio.formats.examination import Examination
    from unet_studio.formats.import_options import ImportOptions
    from unet_studio.formats.import_plan import ImportPlan

REST_MS = 150  # after the last change, before the plan is made anew
EXAMINE_MS = 400  # after the last plan, before its masks are drawn
SIZE = (1060, 740)


class ImportDialog(QDialog):
    """Stays open beside the window while one looks at images, and shows what came of the import."""

    def __init__(
        self,
        session: Session,
        preferences: Preferences,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("import")
        self.setWindowTitle("Import Masks")
        self.setAcceptDrops(True)
        self._session, self._importer, self._preview = session, session.importer, session.importer.preview
        self._preferences = preferences
        self._plan: ImportPlan | None = None
        self._found: Examination | None = None
        self._whole = False
        self._shown_classes: object = None
        self._examined: object = None  # of which masks, in which order, the examination is
        self._report: Path | None = None
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._look)
        self._examining = QTimer(self, singleShot=True, interval=EXAMINE_MS)
        self._examining.timeout.connect(self._preview.examine)
        self._make()
        self._lay_out()
        self._connect()
        self._preview.want_formats()
        self._show_page(self.drop)
        self._work_changed()

    def take(self, source: Path) -> None:
        """Import from there."""
        if not self._importer.running:
            self.source.take(source)

    def _make(self) -> None:
        self.source = SourceBar()
        self.drop = DropPage()
        self.looking = WorkPage()
        self.work = WorkPage(self._importer.cancel)
        self.outcome = ResultPage(self._undo, self._open_report)
        self.classes = ClassesPage()
        self.images = ImagesPage()
        self.remarks = RemarksPage("There is nothing to remark.")
        self.picture = PicturePane()
        self.options = OptionsRow()
        self.problem = Note("danger")
        self.problem.setObjectName("import_problem")
        self.summary = label("", "")
        self.summary.setObjectName("import_summary")
        self.start = button("Import", "Write the masks into the project", self.run, "import", "primary")
        self.start.setObjectName("import_start")
        self.close_button = button("Close", "Close this box", self.reject)
        self.again = button("Import More…", "Import other masks", self._again)
        self.again.hide()
        start = self._session.project.image_root.parent if self._session.project else Path.home()
        self.source.offer_recent(self._preferences.import_sources, start)

    def _lay_out(self) -> None:
        """From the box down to its parts: a part that moves with all it holds is styled anew each time."""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 14)
        layout.setSpacing(10)
        self.pages = QStackedWidget(self)
        layout.addWidget(self.source)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.problem)
        foot = row(self.summary, self.again, self.close_button, self.start, spacing=8)
        foot.setStretch(0, 1)
        layout.addLayout(foot)
        self.body = QWidget(self.pages)
        self._lay_out_body()
        for page in (self.drop, self.looking, self.body, self.work, self.outcome):
            self.pages.addWidget(page)
        self.setMinimumSize(720, 480)
        screen = self.screen().availableSize()
        self.resize(min(SIZE[0], screen.width() * 9 // 10), min(SIZE[1], screen.height() * 9 // 10))

    def _lay_out_body(self) -> None:
        """The lists at the left, the picture at the right, the questions below."""
        body = QVBoxLayout(self.body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(10)
        split = QSplitter(Qt.Orientation.Horizontal, self.body)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(12)
        body.addWidget(split, 1)
        body.addWidget(self.options)
        self.tabs = QTabWidget(split)
        self.tabs.setDocumentMode(True)
        self.tabs.setObjectName("import_tabs")
        self.tabs.addTab(self.classes, "Classes")
        self.tabs.addTab(self.images, "Images")
        self.tabs.addTab(self.remarks, "Remarks")
        split.addWidget(self.picture)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)

    def _connect(self) -> None:
        preview, importer = self._preview, self._importer
        preview.formatsFound.connect(self._formats_found)
        preview.recognised.connect(self.source.recognised)
        preview.planned.connect(self._planned)
        preview.planFailed.connect(self._plan_failed)
        preview.planProgressed.connect(self._plan_progressed)
        preview.pictured.connect(self._pictured)
        preview.examined.connect(self._show_examined)
        importer.progressed.connect(self._progressed)
        importer.imported.connect(self._imported)
        importer.halted.connect(self._halted)
        importer.failed.connect(self._failed)
        importer.undone.connect(self._undone)
        importer.undoRefused.connect(self._undo_refused)
        importer.changed.connect(self._work_changed)
        self.source.recognisable.connect(preview.recognise)
        self.source.changed.connect(self._source_changed)
        self.options.changed.connect(self._rest.start)
        self.classes.classes.changed.connect(self._rest.start)
        self.picture.orderChanged.connect(self._rest.start)
        self.picture.asked.connect(self._ask_picture)
        self.images.chosen.connect(self.picture.go_to)
        self.images.pairing.changed.connect(self.picture.prefer)
        self.images.pairing.changed.connect(self._rest.start)
        self._session.classesChanged.connect(self._classes_changed)
        self._session.projectChanged.connect(self._leave)

    # -- what is wanted -----------------------------------------------------------------------------------

    def wish(self) -> ImportWish | None:
        """What the box says now; None while source or format is missing."""
        source, name = self.source.source, self.source.format_name
        if source is None or not name:
            return None
        return ImportWish(name, source, self._options())

    def _options(self) -> "ImportOptions":
        from unet_studio.formats.import_options import ImportOptions
        from unet_studio.formats.regions import Order

        layer = self.options.answer("layer")
        values: dict[str, Any] = {
            "layer": "prediction" if layer == "prediction" else "annotation",
            "approve": layer == "finished",
            "replace": self.options.answer("replace") == "replace",
            "add_classes": True,
            "renames": self.classes.classes.renames,
            "order": Order(self.picture.order.currentData()),
            "other_size": self.options.answer("other_size"),
            "turn": self.options.answer("turn"),
            "pairs": dict(self.images.pairing.pairs),
        }
        return ImportOptions(**values)

    @Slot(object)
    def _formats_found(self, formats: tuple[FormatChoice, ...]) -> None:
        self.source.offer([(one.name, one.title) for one in formats])

    @Slot()
    def _source_changed(self) -> None:
        """Another source or format: what was known of the last one is over."""
        self._preview.drop()
        self._rest.stop()
        self._examining.stop()
        self._plan, self._found, self._examined, self._report = None, None, None, None
        self.classes.classes.show_classes((), self._session.classes, anew=True)
        self.images.pairing.forget()
        self.picture.clear()
        self.problem.say("")
        self.again.hide()
        wish = self.wish()
        if wish is None:
            self._show_page(self.drop)
            known = not self.source.absent and not self.source.waiting
            asked = known and self.source.source is not None
            self.summary.setText("Choose the format of these masks." if asked else "")
            self._enable_start()
            return
        self.looking.begin("Looking at the masks…", str(wish.source))
        self._show_page(self.looking)
        self._look()

    @Slot()
    def _look(self) -> None:
        """Find out what the import would do now."""
        wish = self.wish()
        if wish is not None and not self._importer.running:
            self._preview.plan_for(wish)

    @Slot()
    def _classes_changed(self) -> None:
        """The project has other classes: what is proposed may be another one."""
        if self._plan is not None and not self._importer.running and self.pages.currentWidget() is self.body:
            self._preview.drop()
            self._look()

    # -- what would happen --------------------------------------------------------------------------------

    @Slot(int, int)
    def _plan_progressed(self, done: int, total: int) -> None:
        self.looking.show_progress(done, total, f"{done:,} of {total:,} images")

    @Slot(object)
    def _planned(self, plan: "ImportPlan") -> None:
        first = self._plan is None
        self._plan = plan
        self.problem.say("")
        if first or plan.classes != self._shown_classes:
            self._show_classes(plan, first)
        self.images.pairing.take(plan)
        self.images.set_lines(Lines(plan))
        self.tabs.setTabText(1, f"Images ({len(plan.rows) + len(plan.missing) + len(plan.unused):,})")
        self.options.show_for(plan)
        self.picture.order_line.setVisible(plan.has_regions)
        names = [row.name for row in plan.rows if row.key]
        self.picture.set_names(names)
        self._examine_if_needed(plan)
        self._say()
        wish = self.wish()
        if wish is not None and wish.options != plan.options:  # its classes had to be known first
            self._rest.start()
        if self.pages.currentWidget() is self.looking:
            self._show_page(self.body)
            self.tabs.setCurrentIndex(0 if plan.classes else 1)

    def _show_classes(self, plan: "ImportPlan", anew: bool) -> None:
        self._shown_classes = plan.classes
        source = plan.incoming.classes
        table = source if plan.takes_over and source is not None else self._session.classes
        found = [Found(one.name, one.color, one.here, one.likeness == "similar") for one in plan.classes]
        self.classes.classes.show_classes(found, table, anew)
        self.tabs.setTabText(0, f"Classes ({len(found):,})")
        self.tabs.setTabVisible(0, bool(found))

    def _examine_if_needed(self, plan: "ImportPlan") -> None:
        """Draw the masks that would come in, unless these are drawn already."""
        wanted = (plan.options.order, tuple(row.name for row in plan.coming))
        if wanted != self._examined:
            self._examined, self._found, self._whole = wanted, None, False
            self._examining.start()

    @Slot(object, bool)
    def _show_examined(self, found: "Examination", whole: bool) -> None:
        self._found, self._whole = found, whole
        self.classes.classes.set_pixels(found.pixels, whole)
        self._say()

    def _say(self) -> None:
        """Put into words what is known."""
        plan = self._plan
        if plan is None:
            return
        remarks = [Remark("warning", text) for text in similar_words(plan)]
        if plan.takes_over and plan.classes:
            remarks.append(Remark("info", "The project is new: it takes over the classes of these masks."))
        new = self.classes.classes.new
        if new and not plan.takes_over:
            names = ", ".join(new[:5]) + ("…" if len(new) > 5 else "")
            remarks.append(Remark("info", f"Classes that are added to the project: {names}."))
        remarks += examination_words(self._found, self._whole, plan.has_regions)
        remarks += [Remark("info", note) for note in plan.notes]
        self.remarks.show_remarks(remarks)
        self.tabs.setTabText(2, f"Remarks ({len(remarks):,})" if remarks else "Remarks")
        self.summary.setText(summary(plan))
        self._enable_start()

    @Slot(object)
    def _plan_failed(self, error: StudioError) -> None:
        self._plan = None
        self._show_page(self.drop)
        self.problem.say(str(error), "danger")
        self.summary.setText("")
        self._enable_start()

    def _enable_start(self) -> None:
        plan, page = self._plan, self.pages.currentWidget()
        coming = len(plan.coming) if plan is not None else 0
        layer = "prediction" if self.options.answer("layer") == "prediction" else "annotation"
        self.start.setText(f" {button_text(coming, layer)}")
        free = self._session.read_only is None and not self._importer.running
        self.start.setEnabled(coming > 0 and free)
        self.start.setVisible(page is not self.work and page is not self.outcome)
        if self._session.read_only is not None:
            self.problem.say(f"{self._session.read_only} Nothing can be imported.", "warning")

    # -- the picture --------------------------------------------------------------------------------------

    @Slot(str)
    def _ask_picture(self, name: str) -> None:
        self._preview.picture(name)
        self.images.show_name(name)

    @Slot(object)
    def _pictured(self, found: Pictured) -> None:
        if found.name == self.picture.current:
            words = found.problem
            if not words and found.overlapping:
                words = f"{found.overlapping:,} px here lie under regions of several classes."
            self.picture.show_images(found.masked, found.plain, words)

    # -- the import ---------------------------------------------------------------------------------------

    def run(self) -> None:
        """Import."""
        wish = self.wish()
        if wish is None or self._plan is None or not self.start.isEnabled():
            return
        self._preferences.remember_import_source(str(wish.source))
        self._begin(wish)

    def _begin(self, wish: ImportWish) -> None:
        self._rest.stop()
        self._examining.stop()
        self.problem.say("")
        self.work.begin("Saving what you painted…")
        self.work.stop.show()
        self._importer.run(wish)

    @Slot()
    def _work_changed(self) -> None:
        """An import, or taking one back, begins or is over."""
        if self._importer.running:
            self._show_page(self.work)
        for widget in (self.source, self.close_button, self.again):
            widget.setEnabled(not self._importer.running)
        self._enable_start()
        last = self._importer.last
        self.outcome.undo.setEnabled(last is not None and not self._importer.running)

    @Slot(int, int, float)
    def _progressed(self, done: int, total: int, seconds_left: float) -> None:
        if not self.work.stop.isEnabled():
            return  # it says that it stops
        self.work.heading.setText(
            "Importing masks…" if self.work.stop.isVisible() else "Taking the import back…"
        )
        self.work.show_progress(done, total, progress_words(done, total, seconds_left))

    @Slot(object)
    def _imported(self, done: Imported) -> None:
        report = done.report
        self._show_result(*result_words(report), report.snapshot is not None, report.file)

    @Slot(object)
    def _halted(self, halted: Halted) -> None:
        if halted.snapshot is None:
            self._show_result("warning", "Cancelled: nothing was changed.", [], False, None)
            return
        text = f"Cancelled after {halted.done:,} of {halted.total:,} masks."
        hint = Remark("info", "These are in the project. Take them back, or go on with the rest.")
        report = halted.snapshot.folder / "report.txt"
        self._show_result("warning", text, [hint], True, report, lambda: self._go_on(halted.wish))

    def _go_on(self, wish: ImportWish) -> None:
        self._begin(replace(wish, options=replace(wish.options, resume=True)))

    def _show_result(
        self,
        kind: str,
        heading: str,
        remarks: list[Remark],
        undo: bool,
        report: Path | None,
        go_on: Callable[[], object] | None = None,
    ) -> None:
        self._report = report
        self.outcome.say(kind, heading, remarks)
        self.outcome.offer(undo, report is not None, go_on)
        self._show_page(self.outcome)
        self.summary.setText("")
        self.again.show()
        self._enable_start()
        self.close_button.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(object)
    def _failed(self, error: StudioError) -> None:
        """An import, or taking it back, could not be done."""
        if self.isVisible():
            self._show_page(self.body if self._plan is not None and self.body.isEnabled() else self.drop)
            self.problem.say(str(error), "danger")
            self._enable_start()

    @Slot(object)
    def _undone(self, undone: Any) -> None:
        self._show_result(*undone_words(undone), False, None)

    @Slot(object)
    def _undo_refused(self, _error: StudioError) -> None:
        """A person is asked what becomes of images that were changed since; the result stays meanwhile."""
        self._show_page(self.outcome)
        self._enable_start()

    def _undo(self) -> None:
        self.work.begin("Taking the import back…")
        self.work.stop.hide()
        self._importer.undo()

    def _open_report(self) -> None:
        if self._report is not None:
            show_text_file("Report of the Import", self._report, self._session, self)

    def _again(self) -> None:
        """Begin with another source."""
        self.source.take("")
        self._source_changed()
        self.source.path.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- the box itself -----------------------------------------------------------------------------------

    def _show_page(self, page: QWidget) -> None:
        self.pages.setCurrentWidget(page)

    @Slot()
    def _leave(self) -> None:
        """The project is another one."""
        super().reject()

    def reject(self) -> None:
        """Close the box; not while masks are being written, for somebody must see what came of it."""
        if not self._importer.running:
            self._preview.drop()
            super().reject()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Masks may be dropped anywhere in the box."""
        if dropped_path(event) is not None and not self._importer.running:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Import what was dropped."""
        path = dropped_path(event)
        if path is not None:
            event.acceptProposedAction()
            self.take(path)
