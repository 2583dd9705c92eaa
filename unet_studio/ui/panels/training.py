"""The training panel: what a training would learn from, its settings, its course, and what came of it."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from unet_studio.core.events import Event, Progress
from unet_studio.core.run_folder import RESUMABLE, UNDER_WAY
from unet_studio.core.training_choices import RECIPE
from unet_studio.jobs.training_plan import TrainingPlan
from unet_studio.session import Session
from unet_studio.ui import words
from unet_studio.ui.icons import icons
from unet_studio.ui.panels.class_bars import ClassBars
from unet_studio.ui.panels.curve import Curve
from unet_studio.ui.panels.filmstrip import FilmStrip
from unet_studio.ui.panels.training_form import TrainingForm
from unet_studio.ui.panels.training_guide import ColdStart
from unet_studio.ui.panels.training_result import TrainingResult
from unet_studio.ui.panels.training_split import SplitSection
from unet_studio.ui.panels.trust import TrustPlot
from unet_studio.ui.widgets import Note, ProgressBar, button, label, row, set_role

START_TIP = "Let the model learn from the approved images (Ctrl+T)"
ASKED = {"pause": "Pausing", "resume": "Going on", "stop": "Stopping", "discard": "Discarding"}


class TrainingPanel(QWidget):
    """Shows the session's plan and run.

    discardAsked(): a person wants to throw a run away. changesAsked(A, B): to see how two versions differ by
    image.
    """

    discardAsked = Signal()
    changesAsked = Signal(str, str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.guide = ColdStart(session)
        self.plan = label()
        self.bars = ClassBars()
        self.split = SplitSection()
        self.warnings = Note("info")
        self.unfinished = label("", "muted")
        self.finish_next = button(
            "Finish the Next", "Show the next image with loose strokes", self._finish_next, "", "link"
        )
        self.joining = label("", "good")
        self.form = TrainingForm(session)
        self.start = button("Fine-tune", START_TIP, self.begin, "school-outline", "primary")
        self.state = label("", "heading")
        self.progress = ProgressBar()
        self.doing = label("", "muted")
        self.result = TrainingResult(session)
        self.pause = button("Pause", "Let the training wait; it goes on where it was", self.toggle_pause)
        self.stop = button(
            "Stop and Keep Best", "End now and keep the best model so far", session.trainer.stop, "stop"
        )
        self.discard = button(
            "Discard", "End now and throw the model away", self.discardAsked.emit, "delete-outline"
        )
        self.curve = Curve()
        self.filmstrip = FilmStrip(session)
        self.trust = TrustPlot(session)
        self._agreed: set[tuple[object, ...]] = set()  # differences of classes that a person knows of
        self._left: set[Path] = set()  # trainings that a person left unfinished
        self._build()
        self._connect()
        self.refresh()

    @property
    def minutes(self) -> QWidget:
        """The field of the time limit."""
        return self.form.minutes

    def _connect(self) -> None:
        session = self._session
        for signal in (session.projectChanged, session.trainer.changed, session.classesChanged):
            signal.connect(self.refresh)
        for signal in (session.predictor.modelsChanged, session.predictor.modelChanged):
            signal.connect(self.refresh)
        session.statusChanged.connect(self.refresh)
        session.documentChanged.connect(self._show_unfinished)
        icons().changed.connect(self._show_pausing)
        self.form.advancedAsked.connect(self.show_advanced)
        self.form.fileAsked.connect(self._ask_file)
        self.result.changesAsked.connect(self.changesAsked)

    def _build(self) -> None:
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress of the training")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 2, 12, 12)
        layout.setSpacing(8)
        self.begun = QWidget()
        begun = row(self.unfinished, self.finish_next)
        begun.setStretch(0, 1)
        self.begun.setLayout(begun)
        self.course = _block(self.curve, self.filmstrip)
        self.next_round = _block(
            self.plan, self.warnings, self.start, self.bars, self.split, self.begun, self.form
        )
        run = (self.state, self.progress, self.doing, self._make_controls(), self.joining, self.result)
        for part in (*run, self.guide, self.course, self.next_round, self.trust):
            layout.addWidget(part)
        layout.addStretch(1)

    def _make_controls(self) -> QWidget:
        self.controls = QWidget()
        lower = row(self.pause, self.discard)
        for place in (0, 1):
            lower.setStretch(place, 1)
        controls = QVBoxLayout(self.controls)
        controls.setContentsMargins(0, 0, 0, 0)
        controls.setSpacing(6)
        controls.addWidget(self.stop)
        controls.addLayout(lower)
        return self.controls

    # -- what one can do ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start a training with what is chosen; asks first where another one could still go on."""
        trainer = self._session.trainer
        run, hindrance = trainer.run, trainer.plan().hindrance
        if hindrance:
            self._session.message.emit(hindrance)
            return
        left = run is not None and trainer.state in RESUMABLE and (run.last.is_file() or run.has_best)
        if run is None or not left or run.path in self._left:
            self._begin()
            return
        from unet_studio.ui.dialogs.messages import ask

        def leave() -> None:
            self._left.add(run.path)
            self._begin()

        said = (
            f"What {run.name} has learnt is not stored as a version yet. Go on with it, or keep its best "
            "model, before you start another one: after that, only the command line reaches it."
        )
        ask(self.window(), "Unfinished Training", f"Leave {run.name} as it is?", said, "Start Anew", leave)

    def _begin(self) -> None:
        """Start, but ask first where it starts from a model of other classes."""
        fit, entry = self.form.class_fit, self.form.start_entry
        about = (entry.name, fit) if entry is not None else ()
        if fit is None or entry is None or not fit.differs or about in self._agreed:
            self._session.trainer.start()
            return
        from unet_studio.ui.dialogs.messages import ask

        def agree() -> None:
            self._agreed.add(about)
            self._session.trainer.start()

        said = words.class_fit_text(entry.shown, fit)
        ask(self.window(), "Other Classes", f"Start from {entry.shown} all the same?", said, "Start", agree)

    def toggle_pause(self) -> None:
        """Pause, or go on."""
        self._session.trainer.pause(not self._session.trainer.pausing)

    @Slot()
    def show_advanced(self) -> None:
        """Show every setting; what was changed holds once the box is accepted."""
        from unet_studio.ui.dialogs.training_settings import ELSEWHERE, TrainingSettingsDialog

        trainer = self._session.trainer
        base = self.form.base
        given = {key: item for key, item in trainer.choices.items() if key not in (*ELSEWHERE, RECIPE)}
        dialog = TrainingSettingsDialog(base, given, self.window())
        dialog.accepted.connect(lambda: trainer.choose({**dict.fromkeys(given), **dialog.changes}))
        dialog.open()

    @Slot(str, str, object)
    def _ask_file(self, title: str, kinds: str, handler: Callable[[str], object]) -> None:
        from PySide6.QtWidgets import QFileDialog

        dialog = QFileDialog(self.window(), title, str(Path.home()), kinds)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(handler)
        dialog.open()

    def _finish_next(self) -> None:
        names = self._session.trainer.plan().unfinished
        current = self._session.current
        later = [name for name in names if name != current]
        if later:
            after = [name for name in later if current is None or name > current]
            self._session.open_image((after or later)[0])

    def _check_on_another(self) -> None:
        name = self._session.trainer.plan().movable
        if name:
            self._session.browser.set_split([name], "val")

    # -- what is shown ------------------------------------------------------------------------------------

    @Slot()
    def refresh(self, *_: object) -> None:
        """Show the plan and the run as they are now."""
        trainer = self._session.trainer
        state, events, plan = trainer.state, trainer.events, trainer.plan()
        self.guide.refresh()
        self._show_plan(plan, state)
        self.form.refresh()
        self._show_course(state, events)
        self._show_end(state, events)
        self._enable(plan)

    def _show_plan(self, plan: TrainingPlan, state: str) -> None:
        session = self._session
        told = words.plan_text(plan)
        another = state != "none" and plan.train + plan.val > 0
        self.plan.setText(f"Next round: {told[0].lower()}{told[1:]}" if another else told)
        self.bars.show_pixels(session.classes, plan.pixels)
        self.split.show_plan(plan)
        reasons = plan.problems if plan.images.get("val") or plan.images.get("test") else []
        action, handler = "", None
        if plan.movable and session.read_only is None:
            action, handler = f"Check on {plan.movable}", self._check_on_another
        sentences = (*reasons, plan.hindrance, *plan.warnings)
        self.warnings.say("\n".join(filter(None, sentences)), "info", action, handler)
        self._show_unfinished()
        said = words.joining_text(plan.joining, state in UNDER_WAY)
        self.joining.setText(said)
        self.joining.setVisible(bool(said))

    @Slot()
    def _show_unfinished(self) -> None:
        """Offer to finish what was begun, unless its strokes count anyway or a training runs."""
        trainer = self._session.trainer
        plan, painted = trainer.plan(), bool(trainer.choices.get("painted"))
        which = words.count(plan.painted, "image")
        self.unfinished.setText(
            f"{which} {'has' if plan.painted == 1 else 'have'} loose strokes: finishing "
            f"{'it' if plan.painted == 1 else 'them'} teaches more."
        )
        self.begun.setVisible(plan.painted > 0 and not painted and not trainer.under_way)
        self.finish_next.setVisible(any(name != self._session.current for name in plan.unfinished))

    def _show_course(self, state: str, events: list[Event]) -> None:
        trainer = self._session.trainer
        under_way = state in UNDER_WAY
        for widget in (self.progress, self.doing, self.controls, self.state):
            widget.setVisible(under_way)
        for widget in (self.form, self.start):
            widget.setVisible(not under_way)
        self._put_first(self.course if under_way else self.next_round)
        self.curve.setVisible(any(isinstance(event, Progress) for event in events))
        if self.curve.isVisibleTo(self):
            self.curve.show_events(events, self._session.classes)
        if not under_way:
            return
        name = trainer.run.name if trainer.run is not None else ""
        doing = ASKED.get(trainer.asked or "", "Paused" if state == "paused" else "Learning")
        self.state.setText("Starting" if state == "starting" else f"{doing}: {name}")
        last = next((event for event in reversed(events) if isinstance(event, Progress)), None)
        self.progress.setRange(0, 1000 if last and state != "starting" else 0)
        if last is not None:
            self.progress.setValue(round(1000 * words.done(last)))
        self.doing.setText("\n".join(self._doing(state, events)))
        self._show_pausing()

    @Slot()
    def _show_pausing(self) -> None:
        """What the button does: the one or the other."""
        pausing = self._session.trainer.pausing
        self.pause.setText(" Resume" if pausing else " Pause")
        self.pause.setIcon(icons().icon("play" if pausing else "pause"))

    def _put_first(self, block: QWidget) -> None:
        """While a training runs, its course comes first; else what the next one learns from."""
        layout = self.layout()
        other = self.next_round if block is self.course else self.course
        if isinstance(layout, QVBoxLayout) and layout.indexOf(block) > layout.indexOf(other):
            layout.removeWidget(block)
            layout.insertWidget(layout.indexOf(other), block)

    def _doing(self, state: str, events: list[Event]) -> list[str]:
        """How far it is, where it runs, and what it has to say."""
        trainer = self._session.trainer
        if state == "starting":
            return ["Saving, then starting the training process…"]
        device = words.running_on(events)
        held = words.device_memory(events)  # on a graphics card its own memory is what runs out
        size, whose = (held, "its memory") if held else (trainer.memory, "memory")
        memory = f", {words.memory_text(size)} of {whose}" if size else ""
        lines = [
            "It does so at its next step." if trainer.asked else words.progress_text(events, state),
            f"On {device}{memory}. Painting goes on meanwhile." if device else "",
            "It went on while the window was closed." if trainer.found in UNDER_WAY else "",
        ]
        return [line for line in lines if line] + words.notes(events)[-2:]

    def _show_end(self, state: str, events: list[Event]) -> None:
        end = self.result.show_run(state, events)
        if end is not None:
            self.state.setText(end.heading)
            self.state.show()

    def _enable(self, plan: TrainingPlan) -> None:
        session = self._session
        painted = bool(session.trainer.choices.get("painted"))
        enough = (plan.train > 0 or (painted and plan.painted > 0)) and not plan.hindrance
        writable = session.project is not None and session.read_only is None
        self.start.setEnabled(enough and writable)
        tip = START_TIP
        if not writable:
            tip = "This project can't be changed from here"
        elif plan.hindrance:
            tip = plan.hindrance
        elif not enough:
            tip = "Correct the mask of an image and approve it first (Enter)"
        self.start.setToolTip(tip)
        self.start.setText(" Fine-tune" if session.predictor.predicts else " Train")
        self.form.setEnabled(writable)
        asked = session.trainer.asked
        ending = asked in ("stop", "discard")
        for control, useless in (
            (self.pause, ending),
            (self.stop, ending),
            (self.discard, asked == "discard"),
        ):
            control.setEnabled(writable and session.trainer.state != "starting" and not useless)
        set_role(self.plan, "" if enough else "muted")


def _block(*parts: QWidget) -> QWidget:
    """Widgets below each other that keep together."""
    made = QWidget()
    layout = QVBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(8)
    for part in parts:
        layout.addWidget(part)
    return made
