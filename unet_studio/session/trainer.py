"""What a training would learn from, the run that is under way or over, and the version it makes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.errors import StudioError
from unet_studio.core.events import Event, Finished, Stopped, scores_before_and_after
from unet_studio.core.model_card import ModelEntry
from unet_studio.core.project import Project
from unet_studio.core.run_folder import RunFolder
from unet_studio.jobs.tasks import TaskThread, as_studio_error
from unet_studio.jobs.training import TrainingFollower
from unet_studio.jobs.training_plan import TrainingPlan, make_plan, make_run, publish_run

if TYPE_CHECKING:
    from unet_studio.session.session import Session


class Trainer(QObject):
    """The session's training. changed: the plan, the run or its events are others."""

    changed = Signal()

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._plan: TrainingPlan | None = None
        self._counts = 0  # plans forgotten so far: what was counted before is out of date
        self._tasks = TaskThread("trainer")
        self._tasks.done.connect(self._done)
        self._tasks.failed.connect(self._failed)
        self._follower = TrainingFollower()
        self._follower.changed.connect(self.changed)
        self._follower.ended.connect(self._ended)

    def open(self, project: Project) -> None:
        """Find the training that was under way, or ended, while this project was closed."""
        runs = project.runs()
        if runs:
            self._follower.follow(RunFolder(runs[-1]))
            over = next(
                (event for event in reversed(self.events) if isinstance(event, Finished | Stopped)), None
            )
            if over is not None:
                self._publish(over)
        self.changed.emit()

    def close(self) -> None:
        """Look no longer; a training under way goes on."""
        self._follower.leave()
        self._plan = None
        self._counts += 1

    def stop_thread(self) -> None:
        """End the thread that counts and copies."""
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
    def state(self) -> str:
        """none, starting, running, paused, finished, failed, stopped, discarded or interrupted."""
        return self._follower.state

    def plan(self) -> TrainingPlan:
        """What a training would learn from now; counted in a thread, then changed comes again."""
        project = self._session.project
        if self._plan is None and project is not None:
            self._plan = TrainingPlan.of_counts(project)
            self._tasks.submit(("plan", self._counts), lambda: make_plan(project))
        return self._plan or TrainingPlan()

    def forget_plan(self) -> None:
        """What there is to learn from has changed."""
        self._plan = None
        self._counts += 1
        self.changed.emit()

    def start(self, settings: dict[str, Any] | None = None) -> None:
        """Start a training on what is finished. settings: see make_run; values of TrainingConfig override."""
        session = self._session
        project = session.project
        if project is None or self._follower.active or not session.saved_or_said():
            return
        self._begin(lambda: make_run(project, session.predictor.model, settings or {}))

    def resume(self) -> None:
        """Go on with a run whose process was killed."""
        run = self.run
        if run is not None and self.state == "interrupted":
            self._begin(lambda: run)

    def _begin(self, choose: Callable[[], RunFolder]) -> None:
        try:
            self._follower.begin(choose())
        except (StudioError, OSError) as error:
            self._session.say_failed(as_studio_error(error))

    def stop(self) -> None:
        """End the training at its next step and keep its best model."""
        self._follower.request("stop")

    def pause(self, pause: bool) -> None:
        """Let the training wait, or go on."""
        self._follower.request("pause" if pause else "resume")

    def discard(self) -> None:
        """End the training and throw it away."""
        self._follower.request("discard")

    @Slot(object)
    def _ended(self, event: Event) -> None:
        if isinstance(event, Finished | Stopped):
            self._publish(event)
        self.changed.emit()

    def _publish(self, event: Finished | Stopped) -> None:
        """Make the run's model a version of the project, unless that has been done."""
        run, project = self.run, self._session.project
        if event.model and run is not None and project is not None and project.read_only is None:
            self._tasks.submit(("publish", run.name), lambda: (project, publish_run(project, run)))

    def _published(self, entry: ModelEntry | None) -> None:
        """A new version is there: it predicts from now on, unless it is no better than what it came from."""
        session = self._session
        if entry is None or session.project is None:
            return
        session.predictor.refresh()
        before, after = scores_before_and_after(self.events)
        if before is not None and (after is None or after < before):
            found = (
                "was stopped before it could be measured"
                if after is None
                else f"scored lower than the model it came from (Dice {after:.3f} against {before:.3f})"
            )
            session.message.emit(
                f"{entry.name} is ready but {found}, so the other stays. Choose {entry.name} to try it."
            )
        else:
            session.message.emit(f"{entry.name} is ready and now predicts. Choose another model to go back.")
            session.predictor.set_model(entry.name)
        self.changed.emit()

    @Slot(object, object)
    def _done(self, key: tuple[str, object], result: Any) -> None:
        if key[0] == "publish":
            project, entry = result
            if project is self._session.project:
                self._published(entry)
        elif key[1] == self._counts:
            self._plan = result
            self.changed.emit()

    @Slot(object, object)
    def _failed(self, _key: object, error: StudioError) -> None:
        self._session.say_failed(error)
