"""Train or fine-tune a model on a project, on a folder of images and one of masks, or on a data set as it is
published. The training is a process of its own; Ctrl-C stops it and keeps its best model, a second Ctrl-C
leaves it running."""

import argparse
import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from unet_studio.commands.options import add_json, opened
from unet_studio.commands.terminal import Meter, Terminal
from unet_studio.core.errors import StudioError
from unet_studio.core.words import count

if TYPE_CHECKING:
    from unet_studio.core.events import Event, Progress
    from unet_studio.core.model_card import ModelEntry
    from unet_studio.core.run_folder import RunFolder
    from unet_studio.core.training_config import TrainingSource

POLL_SECONDS = 0.3
INTERRUPTED = 130
STARTS = ("imagenet", "random")  # what --init takes beside models


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", metavar="FOLDER", nargs="?", type=Path, help="a project to learn from")
    parser.add_argument("--images", metavar="DIR", type=Path, help="a folder of images; needs --masks")
    parser.add_argument("--masks", metavar="DIR", type=Path, help="masks of the same stems")
    parser.add_argument(
        "--dataset",
        metavar=("NAME", "DIR"),
        nargs=2,
        help="a data set as it is published; see docs/datasets.md",
    )
    parser.add_argument("--classes", metavar="FILE", type=Path, help="a classes.json; else the masks' own")
    parser.add_argument("--split", metavar="FILE", type=Path, help="a split.json")
    parser.add_argument("--out", metavar="RUN", type=Path, help="the run's folder; else a new one")
    parser.add_argument("--recipe", metavar="NAME_OR_FILE", help="default: fine-tune")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="for example minutes=10, seed=1"
    )
    parser.add_argument(
        "--init", metavar="MODEL", help="a model or weights file to start from, imagenet or random"
    )
    parser.add_argument("--resume", action="store_true", help="go on with a run that ended early")
    parser.add_argument(
        "--preview",
        metavar="FILE.png",
        type=Path,
        help="train nothing: write a picture of samples as they would be varied",
    )
    parser.add_argument("--project", metavar="DIR", type=Path, help="where the project's own files are kept")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    terminal = Terminal(arguments.json)
    _check(arguments)
    if arguments.preview is not None:
        return _preview(terminal, arguments)
    run_folder, models = _resumed(arguments) if arguments.resume else _new_run(arguments)
    terminal.note(f"The run is in {run_folder.path}")
    _, offset = run_folder.events()
    with terminal.progress("Training", "steps") as meter:
        outcome = _Follower(terminal, meter, run_folder, offset).follow()
    if outcome.left:
        terminal.note(f"The training goes on in the background, process {run_folder.pid}.")
        terminal.result({"run": str(run_folder.path), "state": "running"})
        return INTERRUPTED
    return _conclude(terminal, run_folder, outcome, models)


def _check(arguments: argparse.Namespace) -> None:
    """Raise StudioError where the arguments contradict each other."""
    pair = arguments.images is not None, arguments.masks is not None
    ways = (arguments.folder is not None, any(pair), arguments.dataset is not None)
    if sum(ways) > 1:
        raise StudioError(
            "FOLDER, --images and --dataset are different ways to say what to learn from.",
            "Give FOLDER, or --images and --masks, or --dataset.",
        )
    if arguments.folder is not None and (arguments.classes or arguments.split):
        raise StudioError(
            "--classes and --split belong to --images and --masks; a project has its own.", "Leave them out."
        )
    if arguments.dataset is not None and arguments.classes:
        raise StudioError(
            "A known data set has its own classes.", "Choose among them with --set classes=NAME,NAME."
        )
    if pair[0] != pair[1]:
        raise StudioError("--images and --masks belong together.", "Give both.")
    if arguments.preview is not None and arguments.preview.suffix.lower() != ".png":
        raise StudioError(f"{arguments.preview} is no name of a PNG.", "Let it end in .png.")
    if arguments.preview is not None and (arguments.resume or arguments.out):
        raise StudioError("A preview trains nothing and leaves no run.", "Leave --resume and --out away.")
    if arguments.resume and (arguments.set or arguments.init or arguments.recipe):
        raise StudioError("The settings of a run are fixed.", "Resume without --set, --init and --recipe.")
    if arguments.resume and not any(ways) and arguments.out is None:
        raise StudioError(
            "It isn't said which run to go on with.", "Name its folder with --out, or a project."
        )
    if not any(ways) and not arguments.resume:
        raise StudioError(
            "It isn't said what to learn from.", "Give FOLDER, or --images and --masks, or --dataset."
        )


def _check_paths(arguments: argparse.Namespace) -> None:
    """Raise StudioError where what to learn from isn't there: no run is made of it."""
    dataset = Path(arguments.dataset[1]) if arguments.dataset is not None else None
    for option, folder in (
        ("--images", arguments.images),
        ("--masks", arguments.masks),
        ("--dataset", dataset),
    ):
        if folder is not None and not folder.is_dir():
            raise StudioError(f"There is no folder {folder.absolute()}.", f"Check the folder of {option}.")
    for option, file in (("--classes", arguments.classes), ("--split", arguments.split)):
        if file is not None and not file.is_file():
            raise StudioError(f"There is no file {file.absolute()}.", f"Check the file of {option}.")


def _resumed(arguments: argparse.Namespace) -> "tuple[RunFolder, Path | None]":
    """The run to go on with, and where its model goes."""
    from unet_studio.core.run_folder import RESUMABLE, RunFolder

    if arguments.out is not None:
        run_folder = RunFolder(arguments.out)
    elif arguments.folder is None:
        raise StudioError("It isn't said which run to go on with.", "Name its folder with --out.")
    else:
        with opened(arguments.folder, arguments.project) as project:
            ended = [RunFolder(path) for path in project.runs()]
        ended = [one for one in ended if one.state() in (*RESUMABLE, "stopped")]
        if not ended:
            raise StudioError("No run of this project ended early.", "Start a new one without --resume.")
        run_folder = ended[-1]
    source = run_folder.config().source
    if source.project is None:
        return run_folder, None
    project_dir = Path(source.project_dir) if source.project_dir else None
    with opened(Path(source.project), project_dir) as project:
        return run_folder, project.models_folder


def _new_run(arguments: argparse.Namespace) -> "tuple[RunFolder, Path | None]":
    """A new run's folder, and where its model goes: to a project's models, or nowhere but the run."""
    from unet_studio.core.resources import resources
    from unet_studio.core.run_folder import RunFolder
    from unet_studio.core.training_config import TrainingConfig, recipe

    bundled = resources() / "models"
    if arguments.folder is None:
        _check_paths(arguments)
        config = replace(recipe(), source=_source(arguments))
        config = TrainingConfig.from_json(_settings(arguments, [bundled]), config)
        path = arguments.out or _unused(Path("runs") / config.name)
        return RunFolder.create(path, config), None
    from unet_studio.jobs.training_plan import make_run

    with opened(arguments.folder, arguments.project, writable=arguments.preview is None) as project:
        used = next((entry for entry in project.models() if entry.name == project.model), None)
        settings = _settings(arguments, [project.models_folder, bundled])
        return make_run(project, used, settings, arguments.out), project.models_folder


def _preview(terminal: Terminal, arguments: argparse.Namespace) -> int:
    """Write a picture of what a training with these arguments would learn from; no run stays behind."""
    from unet_studio.core.run_folder import ask

    with TemporaryDirectory(prefix="unet-studio-") as folder:
        arguments.out = Path(folder) / "run"
        run_folder, _ = _new_run(arguments)
        found = ask("training.preview", str(run_folder.path), str(arguments.preview.absolute()))
    terminal.say(f"The samples are in {arguments.preview}")
    terminal.result({"preview": str(arguments.preview), **found})
    return 0


def _source(arguments: argparse.Namespace) -> "TrainingSource":
    """The source that --images and --masks, or --dataset, name."""
    from unet_studio.core.training_config import TrainingSource

    if arguments.dataset is not None:
        name, folder = arguments.dataset
        return TrainingSource.of_data_set(name, Path(folder), arguments.split)
    masks = arguments.masks.absolute()
    classes = arguments.classes or _beside(masks, "classes.json")
    return TrainingSource.of_folders(arguments.images, masks, classes, arguments.split)


def _settings(arguments: argparse.Namespace, models: list[Path]) -> dict[str, Any]:
    """What the arguments set, as values of TrainingConfig; everything else keeps its default.

    A project's training starts from the base of its model unless the arguments or the recipe say otherwise.
    """
    from unet_studio.core.training_config import DEFAULT_RECIPE, TrainingConfig, recipe

    values = recipe(arguments.recipe or DEFAULT_RECIPE).with_set(arguments.set).to_json()
    named = {assignment.partition("=")[0].strip().replace("-", "_") for assignment in arguments.set}
    if arguments.recipe:
        named |= set(values) - {"source", "name", "init"}
        named |= {"init"} if values["init"] != TrainingConfig().init else set()
    settings = {key: values[key] for key in named}
    start = arguments.init or settings.get("init")
    if start is not None:
        settings["init"] = start if start in STARTS else _start(start, models)
    if settings.get("encoder_weights"):
        settings["encoder_weights"] = str(Path(settings["encoder_weights"]).expanduser().absolute())
    return settings


def _start(given: str, models: list[Path]) -> str:
    """The absolute path of a weights file, or of the folder of a model."""
    from unet_studio.core.versions import find_model

    path = Path(given).expanduser()
    return str((path if path.is_file() else find_model(given, models).folder).absolute())


def _beside(masks: Path, name: str) -> Path | None:
    """A file in the folder of masks, or beside that folder."""
    return next((path for path in (masks / name, masks.parent / name) if path.is_file()), None)


def _unused(path: Path) -> Path:
    number = 2
    candidate = path
    while candidate.exists():
        candidate, number = path.with_name(f"{path.name}-{number}"), number + 1
    return candidate


@dataclass(frozen=True)
class _Outcome:
    """How following ended. last: the run's final event. left: the person left the run to itself."""

    last: "Event | None"
    interrupted: bool = False
    left: bool = False


@dataclass
class _Follower:
    """Tells the events of a run as they come."""

    terminal: Terminal
    meter: Meter
    run_folder: "RunFolder"
    offset: int

    def follow(self) -> _Outcome:
        """Start the run and follow it to its end. The first Ctrl-C asks it to stop, the second leaves it."""
        from unet_studio.core.run_folder import start

        interrupted = started = False
        events = self._events()
        while True:
            try:
                if not started:
                    with _uninterrupted():
                        start(self.run_folder)
                        started = True
                last = next(events)
            except KeyboardInterrupt:
                if interrupted:
                    return _Outcome(None, interrupted, left=True)
                interrupted = True
                self.run_folder.request("stop")
                self.terminal.note(
                    "Stopping; the best model is kept. Press Ctrl-C again to leave it running."
                )
                events = self._events()
                continue
            if last is not None:
                return _Outcome(last, interrupted)

    def _events(self) -> "Iterator[Event | None]":
        """None while the run is under way, then its final event."""
        from unet_studio.core.events import FINAL

        while True:
            alive = self.run_folder.alive()  # asked first: what it said before it ended is read below
            events, offset = self.run_folder.events(self.offset)
            for event in events:
                self._tell(event)
                if isinstance(event, FINAL):
                    yield event
            self.offset = offset  # only now: after Ctrl-C none of these may be missed
            if not alive:
                raise StudioError(
                    "The training process ended without a word.",
                    f"{_last_line(self.run_folder.log)}See {self.run_folder.log}, then go on with --resume.",
                )
            yield None
            time.sleep(POLL_SECONDS)

    def _tell(self, event: "Event") -> None:
        from unet_studio.core import events

        if isinstance(event, events.Progress):
            self._advance("Training", "steps", event.step, _expected(event), f"loss {event.loss:.3f}")
        elif isinstance(event, events.Validated):
            best = ", the best so far" if event.best else ""
            scores = f"Dice {event.mean_dice:.4f}, IoU {event.mean_iou:.4f}"
            when = f"Step {event.step}" if event.step else "Before the first step"
            self.terminal.note(f"{when}: {scores}{best}")
        elif isinstance(event, events.Freezing):
            self._advance("Looking at", "images", event.done, event.total)
        elif isinstance(event, events.Froze):
            self.terminal.note(f"Learning from {count(event.train, 'image')}, validating on {event.val:,}")
        elif isinstance(event, events.Note):
            self.terminal.note(event.text)

    def _advance(self, what: str, unit: str, done: int, total: int, detail: str = "") -> None:
        self.meter.what, self.meter.unit = what, unit
        self.meter.advance(done, max(total, 1), detail)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold back a Ctrl-C until the block is done: half-way, nobody would know of the process to stop."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    held: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if held:
        raise KeyboardInterrupt


def _expected(event: "Progress") -> int:
    """How many steps the run will take: fewer than planned where its time limit comes first."""
    if event.seconds <= 0 or not math.isfinite(event.seconds_left):
        return max(event.steps, 1)
    by_time = event.step * (event.seconds + event.seconds_left) / event.seconds
    return max(1, event.step, min(event.steps, round(by_time)))


def _last_line(log: Path) -> str:
    """The last line that the process printed, as a sentence, if there is one."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    said = [line.strip() for line in lines if line.strip() and not line.startswith("{")]  # no events
    return f"It last said: {said[-1][:200]}. " if said else ""


def _conclude(terminal: Terminal, run_folder: "RunFolder", outcome: _Outcome, models: Path | None) -> int:
    """Say how the run ended, and make its model a version of the project."""
    from unet_studio.core import events
    from unet_studio.core.versions import publish_once
    from unet_studio.jobs.publishing import verdict_of

    last = outcome.last
    if isinstance(last, events.Failed):
        raise StudioError(last.message, last.remedy)
    if not isinstance(last, (events.Finished, events.Stopped)):
        raise StudioError("The run was discarded.", "Start another one.")
    has_model = run_folder.has_best
    entry = None
    if models is not None and has_model:
        gate = {"gate": verdict_of(run_folder).to_json()}
        entry = publish_once(run_folder, models, run_folder.config().name, gate)
    value = _result(run_folder, last, entry, has_model)
    if has_model:
        named = f"{entry.name}, in {entry.folder}" if entry else f"in {run_folder.best}"
        terminal.say(f"The model is {named}")
    else:
        terminal.say("The run ended before its first validation and has no model.")
    figures = {key: item for key, item in value["metrics"].items() if isinstance(item, float)}
    for key, item in figures.items():
        terminal.say(f"{key.replace('_', ' ')}: {item:.4f}")
    terminal.result(value)
    return INTERRUPTED if outcome.interrupted else 0


def _result(
    run_folder: "RunFolder", last: Any, entry: "ModelEntry | None", has_model: bool
) -> dict[str, Any]:
    return {
        "run": str(run_folder.path),
        "state": type(last).__name__.lower(),
        "reason": getattr(last, "reason", "stop"),
        "step": last.step,
        "seconds": last.seconds,
        "model": str(entry.folder if entry else run_folder.best) if has_model else None,
        "version": entry.name if entry else None,
        "metrics": _finite(last.metrics),
    }


def _finite(value: Any) -> Any:
    """JSON knows no NaN: null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return {str(key): _finite(item) for key, item in value.items()} if isinstance(value, dict) else value
