"""What a training would learn from, the run that is under way or over, and the version it makes."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.events import Event, Finished, Stopped
from unet_studio.core.gate import Verdict
from unet_studio.core.model_card import ModelEntry
from unet_studio.core.project import Project
from unet_studio.core.run_folder import RESUMABLE, UNDER_WAY, Request, RunFolder, start
from unet_studio.core.training_choices import DEFAULTS, read_choices, write_choices
from unet_studio.core.training_config import TrainingConfig
from unet_studio.jobs.publishing import Published, conclude, publish_earlier, publish_run
from unet_studio.jobs.tasks import TaskThread, as_studio_error
from unet_studio.jobs.training import RESTING_MS, RunLookout, TrainingFollower
from unet_studio.jobs.training_plan import PixelCounts, TrainingPlan, make_plan, make_run
from unet_studio.session.exporter import SAVING

if TYPE_CHECKING:
    from unet_studio.session.session import Session


LEARNT = ("painted", "surroundings")  # choices of what is learnt from
MOST_LOOKS = 90  # for a version that another program is to make, as long as this project may only be read
LOG_TAIL = 1 << 12  # bytes of a run's log that are looked at for what it said last


class Trainer(QObject):
    """The session's training. changed: the plan, the run, its events or what was chosen are others."""

    changed = Signal()

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._plan: TrainingPlan | None = None
        self._planned_for: ModelEntry | None = None  # the model in use when the plan was made
        self._starting = False  # whether a thread sets up a run
        self._choices: dict[str, Any] = {}
        self.found = ""  # the state in which the run on show was found on opening; "" where it began since
        self._counts = 0  # plans forgotten so far: what was counted before is out of date
        self._pixels = PixelCounts()
        self._verdict: Verdict | None = None
        self._unstored: StudioError | None = None
        self._version = ""
        self._looks = 0  # for a version that somebody else is to make
        self._tasks = TaskThread("trainer")
        self._counter = TaskThread("what there is to learn from")  # of its own: a start waits for no count
        for thread in (self._tasks, self._counter):
            thread.done.connect(self._done)
            thread.failed.connect(self._failed)
        self._follower = TrainingFollower()
        self._follower.changed.connect(self.changed)
        self._follower.ended.connect(self._ended)
        self._follower.resumed.connect(self._forget_end)
        self._lookout = RunLookout()
        self._lookout.appeared.connect(self._appeared)

    def open(self, project: Project) -> None:
        """Find the training that was under way, or ended, while this project was closed."""
        self._choices = read_choices(project.folder)
        runs = [RunFolder(path) for path in project.runs()]
        if runs:
            self._follower.follow(runs[-1])
            if runs[-1].unpublished:
                self.found = self._follower.state
            self.store()
        if len(runs) > 1 and project.read_only is None:
            self._tasks.submit(("earlier", project), lambda: (project, publish_earlier(project, runs[:-1])))
        self._lookout.watch(project.runs_folder, [run.name for run in runs])
        self.changed.emit()

    def close(self) -> None:
        """Look no longer; a training under way goes on."""
        self._follower.leave()
        self._lookout.leave()
        self._forget_end()
        self._choices = {}
        self._pixels = PixelCounts()
        self._starting = False
        self._plan = None
        self._counts += 1

    def stop_thread(self) -> None:
        """End the threads that count and copy."""
        self._counts += 1
        self._counter.stop()
        self._tasks.stop()

    @property
    def run(self) -> RunFolder | None:
        """The training that is shown, if any."""
        return self._follower.run

    @property
    def events(self) -> list[Event]:
        """What that training said so far."""
        return self._follower.events

    @property
    def verdict(self) -> Verdict | None:
        """What the gate says of that training's model; None before it is over, and until that was read."""
        return self._verdict

    @property
    def version(self) -> str:
        """The name of the version that its model became; "" before, and where it was deleted."""
        return self._version

    @property
    def unstored(self) -> StudioError | None:
        """Why that training's model could not become a version, as on a full disk; store() tries again."""
        return self._unstored

    @property
    def has_best(self) -> bool:
        """Whether that training left a best model, however it ended."""
        return self.run is not None and self.run.has_best

    @property
    def asked(self) -> Request | None:
        """What a training under way was asked to do, until it does."""
        return self._follower.asked

    @property
    def pausing(self) -> bool:
        """Whether a training waits, or is about to."""
        return self.asked == "pause" or (self.state == "paused" and self.asked != "resume")

    @property
    def state(self) -> str:
        """none, starting, new, running, paused, finished, failed, stopped, discarded, interrupted or gone."""
        return "starting" if self._starting else self._follower.state

    @property
    def under_way(self) -> bool:
        """Whether a training runs, waits, or is about to begin."""
        return self.state in UNDER_WAY

    @property
    def memory(self) -> int:
        """Bytes that the training process holds in the machine's memory; 0 where that can't be told."""
        return self._follower.memory

    # -- what is chosen -----------------------------------------------------------------------------------

    @property
    def choices(self) -> Mapping[str, Any]:
        """What a person changed: settings of TrainingConfig, and "recipe"; stored in the project."""
        return self._choices

    def settings(self) -> dict[str, Any]:
        """What a training would be started with: the choices over what the window begins with."""
        return {**DEFAULTS, **self._choices}

    def choose(self, changes: Mapping[str, Any]) -> None:
        """Change some of the choices, in the thread's turn on disk too; None takes one back."""
        project = self._session.project
        kept = {key: item for key, item in {**self._choices, **changes}.items() if item is not None}
        if project is None or kept == self._choices:
            return
        relearn = any(kept.get(key) != self._choices.get(key) for key in LEARNT)
        self._choices = kept
        if project.read_only is None:
            self._tasks.submit(("choices", project), lambda: write_choices(project.folder, dict(kept)))
        if relearn:
            self.forget_plan()
        else:
            self.changed.emit()

    # -- what there is to learn from ----------------------------------------------------------------------

    def plan(self) -> TrainingPlan:
        """What a training would learn from now; counted in a thread, then changed comes again."""
        project = self._session.project
        model = self._session.predictor.model
        if project is not None and (self._plan is None or self._planned_for is not model):
            models = self._session.predictor.models()
            self._plan, self._planned_for = TrainingPlan.of_counts(project, model, models), model
            self._counts += 1
            this, run, pixels = self._counts, self.run, self._pixels
            painted, seen = (bool(self._choices.get(key, getattr(TrainingConfig, key))) for key in LEARNT)

            def wanted(_: float) -> None:
                if this != self._counts:
                    raise Cancelled

            def count() -> tuple[int, TrainingPlan]:
                return this, make_plan(project, pixels, run, painted, model, seen, wanted)

            self._counter.submit(("plan", project), count)
        return self._plan or TrainingPlan()

    def forget_plan(self) -> None:
        """What there is to learn from has changed."""
        self._plan = None
        self._counts += 1
        self.changed.emit()

    # -- the run ------------------------------------------------------------------------------------------

    def start(self, settings: dict[str, Any] | None = None) -> None:
        """Start a training on what is finished. settings: see make_run; by default what was chosen."""
        session = self._session
        project, writer, model = session.project, session.writer, session.predictor.model
        if project is None or writer is None or self._follower.active:
            return

        chosen = {"pinned": self.on_screen(), **(self.settings() if settings is None else settings)}

        def set_up() -> RunFolder:
            writer.settle(SAVING)
            return make_run(project, model, chosen)

        self._begin(set_up)

    def on_screen(self) -> str:
        """The file of the image on screen, which a training watches unless another one is chosen."""
        session = self._session
        if session.project is None or session.document is None:
            return ""
        return str(session.project.image_path(session.document.name))

    def resume(self) -> None:
        """Go on with a run whose process was killed, or that failed, from its last saved state."""
        run = self.run
        if run is None or self.state not in RESUMABLE:
            return

        def go_on() -> RunFolder:
            state = run.state()
            if state in UNDER_WAY:
                raise StudioError(f"The training {run.name} goes on already.", "Wait until it is over.")
            if state not in RESUMABLE:
                raise StudioError(f"The training {run.name} is over.", "Start another one.")
            return run

        self._begin(go_on)

    def keep_best(self) -> None:
        """End a run that failed or was cut off, and let its best model become a version, as stop() does."""
        run, project = self.run, self._session.project
        if run is not None and project is not None and self.state in RESUMABLE:
            self._tasks.submit(("conclude", run.name), lambda: (project, run, conclude(run)))

    def last_words(self) -> str:
        """The last line of the run's log, such as the error that a process broke off with; "" without one."""
        if self.run is None:
            return ""
        try:
            with self.run.log.open("rb") as stream:
                stream.seek(max(0, self.run.log.stat().st_size - LOG_TAIL))
                lines = stream.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")

    def _begin(self, choose: Callable[[], RunFolder]) -> None:
        """Set up and start a process, in a thread: the window does not wait for the disk or the system."""
        project = self._session.project
        if self._starting or project is None:
            return

        def begin() -> tuple[Project, RunFolder]:
            run = choose()
            start(run)
            return project, run

        self._starting = True
        self._tasks.submit(("start", project), begin)
        self.changed.emit()

    def _begun(self, project: Project, run: RunFolder) -> None:
        """The process of a run was started; where the project was left meanwhile, it is found again there."""
        if project is self._session.project:
            self._starting = False
            self._show(run)

    @Slot(object)
    def _appeared(self, run: RunFolder) -> None:
        """A training has begun in this project. One that the window follows goes first."""
        if not self.under_way:
            self._show(run)

    def _show(self, run: RunFolder) -> None:
        self._forget_end()
        self._follower.follow(run)
        self.forget_plan()

    @Slot()
    def _forget_end(self) -> None:
        """Nothing is known of the end of the run on show: it has just begun, or goes on."""
        self._verdict, self._unstored, self.found = None, None, ""
        self._version, self._looks = "", 0

    def stop(self) -> None:
        """End the training at its next step and keep its best model."""
        self._ask("stop")

    def pause(self, pause: bool) -> None:
        """Let the training wait, or go on."""
        self._ask("pause" if pause else "resume")

    def discard(self) -> None:
        """End the training and throw it away."""
        self._ask("discard")

    def _ask(self, what: Request) -> None:
        if not self._follower.active:
            self._session.message.emit("This training is over already.")
            return
        try:
            self._follower.request(what)
        except OSError as error:
            self._session.say_failed(as_studio_error(error))

    @Slot(object)
    def _ended(self, event: Event) -> None:
        if isinstance(event, Finished | Stopped):
            self.store()
        self.changed.emit()

    @property
    def left_model(self) -> bool:
        """Whether the training that is shown ended with a model; one that was stopped at once has none."""
        ends = (event.model for event in reversed(self.events) if isinstance(event, Finished | Stopped))
        return self.state in ("finished", "stopped") and bool(next(ends, ""))

    @Slot()
    def store(self) -> None:
        """Make the run's model a version of the project, unless that has been done, and ask the gate."""
        if self.run is not None and self.left_model:
            self._unstored = None
            self._publish(self.run)
            self.changed.emit()

    def _publish(self, run: RunFolder) -> None:
        project = self._session.project
        if project is not None:
            self._tasks.submit(("publish", run.name), lambda: (project, publish_run(project, run)))

    def _published(self, found: Published) -> None:
        """The gate has spoken: a new version predicts from now on where it says so, else a person decides.

        It compared with the model that was in use when the training began: another choice since stays.
        """
        session = self._session
        if self.run is not None and found.run.path == self.run.path:
            self._verdict = found.verdict
            self._version = found.entry.name if found.entry is not None else ""
            if found.awaited and self._looks < MOST_LOOKS:
                self._looks += 1
                QTimer.singleShot(RESTING_MS, self, self.store)
        known = {entry.name for entry in session.predictor.models()}
        if found.entry is not None and found.entry.name not in known:
            session.predictor.refresh(found.models)
            promoted = found.verdict.outcome == "promoted"
            model = session.predictor.model
            compared = found.verdict.rival == (model.name if model is not None and model.card else "")
            news = _news(found.entry.name, found.verdict, promoted and compared, session.predictor.model_name)
            session.message.emit(news)
            if promoted and compared:
                session.predictor.set_model(found.entry.name)
        self.changed.emit()

    @Slot(object, object)
    def _done(self, key: tuple[str, object], result: Any) -> None:
        if key[0] == "publish":
            project, found = result
            if project is self._session.project:
                self._published(found)
        elif key[0] == "earlier":
            project, several = result
            for found in several if project is self._session.project else ():
                self._published(found)
        elif key[0] == "conclude":
            project, run, _ = result
            if project is self._session.project:
                self._concluded(run)
        elif key[0] == "start":
            self._begun(*result)
        elif key[0] == "plan" and result[0] == self._counts:
            self._plan = result[1]
            self.changed.emit()

    def _concluded(self, run: RunFolder) -> None:
        """A run was ended; another one may be on show by now."""
        if self.run is not None and self.run.path == run.path:
            self._follower.follow(run)
            self.store()
        else:
            self._publish(run)

    @Slot(object, object)
    def _failed(self, key: tuple[str, object], error: StudioError) -> None:
        left = key[0] == "start" and key[1] is not self._session.project
        if left:
            error = StudioError(
                "The training was not started: its folder was left too soon.",
                "Open it again, and start anew.",
            )
        elif key[0] == "start":
            self._starting = False
            self.changed.emit()
        elif key[0] == "publish" and self.run is not None and self.run.name == key[1]:
            self._unstored = error
            self.changed.emit()
        self._session.say_failed(error)


def _news(name: str, verdict: Verdict, used: bool, before: str | None) -> str:
    """What to say of a new version. used: whether it predicts now. before: the model in use until then."""
    said = " ".join([*verdict.reasons, *verdict.warnings])
    if used:
        back = f" Choose {before} to go back." if before else ""
        return f"{name} is ready and now predicts. {said}{back}"
    if verdict.outcome == "promoted":
        return f"{name} is ready. {said} The model chosen meanwhile stays; choose {name} to try it."
    stays = f"{before} stays until you choose" if before else "Choose"
    return f"{name} is ready. {said} {stays} {name} to try it."
