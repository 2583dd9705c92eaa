"""What a training that is over left: a note with the next step, the change it made, its report and log."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from unet_studio.core.events import Event
from unet_studio.core.run_folder import UNDER_WAY, RunFolder
from unet_studio.session import Session
from unet_studio.ui.outside import open_outside
from unet_studio.ui.panels.training_end import Ending, ending
from unet_studio.ui.widgets import Note, button, row


class TrainingResult(QWidget):
    """Shows the end of the session's run; hidden while there is none.

    changesAsked(A, B): to see how two versions differ by image.
    """

    changesAsked = Signal(str, str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._pair = ("", "")  # the versions that it is about
        self.note = Note("good")
        self.keep = button(
            "Keep Best So Far",
            "End this training; its best model becomes a version, as with Stop and Keep Best",
            session.trainer.keep_best,
            "content-save-outline",
        )
        self.versus = button(
            "A/B",
            "See both versions on the image on screen, side by side",
            lambda: session.comparer.begin(*self._pair),
            "compare",
            "link",
        )
        self.by_image = button(
            "By Image",
            "List how much each validation image gained or lost",
            lambda: self.changesAsked.emit(*self._pair),
            "table-arrow-down",
            "link",
        )
        self.report = button(
            "Report", "Open the run's report", self._show_report, "file-chart-outline", "link"
        )
        self.log = button("Log", "Open what the training process printed", self._show_log, "text", "link")
        self.comparing, self.links = QWidget(), QWidget()
        self.comparing.setLayout(row(self.versus, self.by_image, None))
        self.links.setLayout(row(self.report, self.log, None))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for part in (self.note, self.keep, self.comparing, self.links):
            layout.addWidget(part)

    def show_run(self, state: str, events: Sequence[Event]) -> Ending | None:
        """Show how the session's run ended, or nothing where it has not; returns what is said of it.

        state and events: the run's, as the session's trainer has them.
        """
        trainer = self._session.trainer
        run = trainer.run
        end = None
        if run is not None and state not in UNDER_WAY:
            found = trainer.found not in ("", *UNDER_WAY)
            last_words = trainer.last_words() if state == "interrupted" else ""
            lead = self._lead(run.name, trainer.version)
            end = ending(state, run.name, events, trainer.verdict, lead, found, last_words)
        for part in (self.keep, self.comparing, self.links):
            part.hide()
        self.setVisible(end is not None)
        if run is not None and end is not None:
            self._show_end(run, state, end)
        return end

    def _show_end(self, run: RunFolder, state: str, end: Ending) -> None:
        trainer = self._session.trainer
        if end.resumable:
            writable = self._session.project is not None and self._session.read_only is None
            action = "Go On" if state == "interrupted" else "Try Again"
            offered = action if writable and not end.settings else ""
            self.note.say(end.text, end.kind, offered, trainer.resume, end.details)
            self.keep.setVisible(writable and trainer.has_best)
        elif trainer.unstored is not None:
            said = f"The model of {run.name} could not be stored: {trainer.unstored}"
            self.note.say(said, "danger", "Store It", trainer.store)
        else:
            self._show_model(trainer.version, end)
        self.report.setVisible(run.report.is_file())
        self.log.setVisible(run.log.is_file())
        self.links.setVisible(run.report.is_file() or run.log.is_file())

    def _lead(self, run: str, version: str) -> str:
        """A sentence on the version that the run of this name made, "" before."""
        session = self._session
        model = session.predictor.model
        if version in {entry.name for entry in session.predictor.models()}:
            used = " and in use" if model is not None and model.name == version else ""
            return f"{version} is ready{used}."
        stored = session.read_only or session.trainer.verdict is not None
        return "This training is over." if stored else f"The model of {run} is being stored…"

    def _show_model(self, name: str, end: Ending) -> None:
        """The note of a run that ended well, with the step to its version, called so, or back."""
        predictor = self._session.predictor
        known = {entry.name: entry for entry in predictor.models()}
        entry, verdict = known.get(name), self._session.trainer.verdict
        used = predictor.model is not None and predictor.model.name == name
        parent = verdict.rival if verdict is not None else ""
        if not parent and entry is not None and entry.card is not None:
            parent = entry.card.parent or entry.card.base or ""
        action, handler = "", None
        if used and parent in known:
            action, handler = f"Go Back to {parent}", lambda: predictor.set_model(parent)
        elif entry is not None and not used:
            action, handler = f"Use {name}", lambda: predictor.set_model(name)
        self.note.say(end.text, end.kind, action, handler, end.details)
        self._pair = (parent, name)
        self.comparing.setVisible(name in known and parent in known and parent != name)

    def _show_report(self) -> None:
        if self._session.trainer.run is not None:
            open_outside(self._session.trainer.run.report, self._session.say_failed)

    def _show_log(self) -> None:
        if self._session.trainer.run is not None:
            open_outside(self._session.trainer.run.log, self._session.say_failed)
