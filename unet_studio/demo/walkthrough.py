"""The whole program without a window: predict, correct, approve, fine-tune, compare, export.

A simulated person works on a fresh copy of the sample project; the training is the real, detached process.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.document_files import IMAGE_HASH, load_document, save_document
from unet_studio.core.errors import StudioError
from unet_studio.core.events import FINAL, Discarded, Event, Failed, Progress
from unet_studio.core.image_io import pixel_hash, read_image
from unet_studio.core.metrics import foreground_dice
from unet_studio.core.model_card import ModelEntry, class_mapping
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project
from unet_studio.core.resources import resources
from unet_studio.core.run_folder import RunFolder, start
from unet_studio.core.training_config import TrainingConfig, TrainingSource, inherited, recipe
from unet_studio.core.versions import find_model, next_version, publish
from unet_studio.demo.annotator import Habits, correct
from unet_studio.demo.pictures import Panel, write_comparison
from unet_studio.demo.sample import (
    CLASSES,
    MODEL_NAME,
    SAMPLE_SEEDS,
    UNSEEN_SEEDS,
    install_sample,
    sample_truth,
    write_unseen,
)
from unet_studio.formats.exporting import export_masks
from unet_studio.model import Model, load_model

POLL_SECONDS = 0.3
GRACE_SECONDS = 20.0  # for the training to end by itself when the walk is interrupted

# The stages and the share of the whole time that each takes, roughly.
SHARES = {"Predicting": 0.08, "Correcting": 0.06, "Fine-tuning": 0.68, "Comparing": 0.16, "Exporting": 0.02}

Item = TypeVar("Item")
Say = Callable[[str], None]
Advance = Callable[[str, float], None]


@dataclass(frozen=True)
class WalkSettings:
    """How far to go. images: how many of the sample images are corrected. unseen: seeds of the pictures that
    the models are compared on. steps: of the training; minutes: its limit. pictures: comparisons drawn.
    """

    images: int = len(SAMPLE_SEEDS)
    unseen: Sequence[int] = UNSEEN_SEEDS
    steps: int = 90
    minutes: float = 2.5
    seed: int = 0
    pictures: int = 4
    habits: Habits = field(default_factory=Habits)


@dataclass(frozen=True)
class WalkthroughReport:
    """What came of it. Every Dice is of the class cell, the mean over images.

    dice_before, dice_after: of the bundled and the fine-tuned model on `images` unseen pictures. gain: their
    difference; standard_error: of its mean, paired by image. improved: whether gain is larger than that.
    sample_before, sample_corrected: of the sample's masks before and after the strokes. strokes: all of them;
    most_strokes: on one image. pictures: before beside after. masks: the exported folder. model: the version.
    """

    dice_before: float
    dice_after: float
    gain: float
    standard_error: float
    images: int
    improved: bool
    sample_before: float
    sample_corrected: float
    corrected_images: int
    strokes: int
    most_strokes: int
    seconds: float
    training_seconds: float
    pictures: tuple[Path, ...]
    masks: Path
    project: Path
    model: str


def run_headless(
    out: Path, say: Say, progress: Advance, settings: WalkSettings | None = None
) -> WalkthroughReport:
    """Walk through everything in the folder out, a new project each time.

    say: gets lines of text. progress: gets the stage's name and the fraction of all that is done, 0..1; what
    it raises ends the walk, and the training with it. Raises StudioError where a stage fails.
    """
    settings = settings or WalkSettings()
    out = out.expanduser().absolute()
    folder = install_sample(_unused(out / "sample project"), list(SAMPLE_SEEDS)[: settings.images])
    project = Project.open(folder)
    try:
        return _Walk(project, out, settings, say, _Stages(progress)).all()
    finally:
        project.close()


@dataclass
class _Stages:
    """Turns a stage's own fraction into the fraction of the whole walk."""

    progress: Advance

    def advance(self, stage: str, fraction: float) -> None:
        """A stage is so far done, 0..1."""
        before = 0.0
        for name, share in SHARES.items():
            if name == stage:
                self.progress(stage, min(1.0, before + share * fraction))
                return
            before += share


@dataclass
class _Walk:
    """One walk: the project it works on, and what it has found so far."""

    project: Project
    out: Path
    settings: WalkSettings
    say: Say
    stages: _Stages

    def all(self) -> WalkthroughReport:
        """Every stage, in order."""
        began = time.monotonic()
        base = find_model(MODEL_NAME, [resources() / "models"])
        old = load_model(base.folder)
        before = self._predict(old)
        self.say(f"Sample project: {len(self.project.images)} images; bundled model: Dice {before:.4f}")
        strokes, corrected = self._correct(base.name)
        self.say(
            f"Corrected with {sum(strokes)} strokes, at most {max(strokes)} an image: Dice {corrected:.4f}"
        )
        entry, training_seconds = self._fine_tune(base)
        self.say(f"Fine-tuned in {training_seconds:.0f} s: model {entry.name}")
        pairs, pictures = self._compare(old, load_model(entry.folder))
        old_dice, new_dice, gain, error = paired_gain(pairs)
        self.say(
            f"{len(pairs)} unseen images: Dice {old_dice:.4f} before, {new_dice:.4f} after; "
            f"gain {gain:+.4f}, paired standard error {error:.4f}"
        )
        masks = self._export()
        self.say(f"Masks in {masks}, pictures in {self.out}")
        return WalkthroughReport(
            dice_before=old_dice,
            dice_after=new_dice,
            gain=gain,
            standard_error=error,
            images=len(pairs),
            improved=gain > error,
            sample_before=before,
            sample_corrected=corrected,
            corrected_images=len(strokes),
            strokes=sum(strokes),
            most_strokes=max(strokes),
            seconds=time.monotonic() - began,
            training_seconds=training_seconds,
            pictures=tuple(pictures),
            masks=masks,
            project=self.project.folder,
            model=entry.name,
        )

    def _predict(self, model: Model) -> float:
        """Predict every image and store it. Returns the mean Dice."""
        lut = class_mapping(model.card, self.project.classes)
        dice = []
        for name in self._each("Predicting", self.project.images):
            image = read_image(self.project.image_path(name))
            found = model.predict(image)
            made = {**found.made, IMAGE_HASH: pixel_hash(image)}
            labels = lut[found.labels]
            self.project.write_prediction(name, Prediction(labels, found.confidence, model.name, made))
            dice.append(foreground_dice(sample_truth(name), labels, CLASSES))
        return float(np.mean(dice))

    def _correct(self, model: str) -> tuple[list[int], float]:
        """Correct and approve every image. Returns the strokes of each, and the mean Dice of the masks."""
        strokes, dice = [], []
        for name in self._each("Correcting", self.project.images):
            document = load_document(self.project, name, model)
            truth = sample_truth(name)
            strokes.append(correct(document, truth, SAMPLE_SEEDS[name], self.settings.habits))
            dice.append(foreground_dice(truth, document.mask(), CLASSES))
            document.approve()
            save_document(self.project, document)
        return strokes, float(np.mean(dice))

    def _fine_tune(self, base: ModelEntry) -> tuple[ModelEntry, float]:
        """Train on the approved masks, starting from the bundled model. Returns the version and seconds."""
        began = time.monotonic()
        run = RunFolder.create(self.project.new_run("demo"), self._config(base))
        start(run)
        last = None
        try:
            for event in _follow(run):
                if isinstance(event, Progress):
                    self.stages.advance("Fine-tuning", event.step / max(1, event.steps))
                last = event
        except BaseException:
            _end(run)
            raise
        if isinstance(last, Failed):
            raise StudioError(last.message, last.remedy)
        if isinstance(last, Discarded):
            raise StudioError("The training was thrown away.", "Run the demo again.")
        version = next_version(self.project.models_folder)
        return publish(run, self.project.models_folder, version), time.monotonic() - began

    def _config(self, base: ModelEntry) -> TrainingConfig:
        """The settings that the window uses, but for the length."""
        settings = TrainingConfig.from_json(inherited(base.card.training if base.card else {}), recipe())
        return replace(
            settings,
            name="demo",
            init=str(base.folder),
            source=TrainingSource.of_project(self.project.image_root, self.project.folder),
            steps=self.settings.steps,
            minutes=self.settings.minutes,
            seed=self.settings.seed,
        )

    def _compare(self, old: Model, new: Model) -> tuple[NDArray[np.float64], list[Path]]:
        """Dice of both models, (images, 2), on pictures that neither has seen; and some of them drawn."""
        luts = [class_mapping(model.card, CLASSES) for model in (old, new)]
        dice: list[list[float]] = []
        pictures: list[Path] = []
        for seed in self._each("Comparing", list(self.settings.unseen)):
            path, truth = write_unseen(self.out / "unseen", seed)
            image = read_image(path)
            found = [lut[model.predict(image).labels] for model, lut in zip((old, new), luts, strict=True)]
            dice.append([foreground_dice(truth, labels, CLASSES) for labels in found])
            if len(pictures) < self.settings.pictures:
                pictures.append(self.out / f"comparison-{seed}.png")
                titles = [
                    f"{word}: Dice {dice[-1][place]:.3f}" for place, word in enumerate(("before", "after"))
                ]
                panels = [Panel(title, labels) for title, labels in zip(titles, found, strict=True)]
                write_comparison(pictures[-1], image, truth, panels, CLASSES)
        return np.array(dice), pictures

    def _export(self) -> Path:
        """Export the approved masks as index PNGs; the format proves that they read back unchanged."""
        report = export_masks(self.project, "index-png", self.out / "masks")
        self.stages.advance("Exporting", 1.0)
        return report.destination

    def _each(self, stage: str, items: Sequence[Item]) -> Iterator[Item]:
        """The items, with progress told before each and after the last."""
        for done, item in enumerate(items):
            self.stages.advance(stage, done / len(items))
            yield item
        self.stages.advance(stage, 1.0)


def paired_gain(dice: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Mean Dice of the old and of the new model, their difference, and its standard error paired by image.

    dice: (images, 2). The error is the standard deviation of the differences over the root of their number.
    """
    differences = dice[:, 1] - dice[:, 0]
    error = float(differences.std(ddof=1) / np.sqrt(len(differences))) if len(dice) > 1 else float("inf")
    old, new = (float(value) for value in dice.mean(axis=0))
    return old, new, float(differences.mean()), error


def _follow(run: RunFolder) -> Iterator[Event]:
    """The events of a run as they come, until its last. Raises StudioError where it dies without a word."""
    offset = 0
    while True:
        alive = run.alive()  # asked first: what it said before it ended is read below
        events, offset = run.events(offset)
        for event in events:
            yield event
            if isinstance(event, FINAL):
                return
        if not alive:
            raise StudioError("The training process ended without a word.", f"See {run.log}.")
        time.sleep(POLL_SECONDS)


def _end(run: RunFolder) -> None:
    """Ask a run to throw itself away, and give it a moment to."""
    run.request("discard")
    deadline = time.monotonic() + GRACE_SECONDS
    while run.alive() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _unused(path: Path) -> Path:
    """path, or path with the first number that makes it unused."""
    number, candidate = 2, path
    while candidate.exists():
        candidate, number = path.with_name(f"{path.name} {number}"), number + 1
    return candidate
