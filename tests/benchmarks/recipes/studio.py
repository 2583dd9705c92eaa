"""The real commands, as processes: train, predict, evaluate."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.recipes.processes import STUDIO, Done, run
from tests.benchmarks.recipes.sets import ImageSet

STARTING = 1800.0  # seconds that reading the data and the last validation may take besides the minutes
PREDICTING = 3600.0


@dataclass
class Studio:
    """Runs the program's commands for one part of a figure. done: the commands that have ended.

    folder: where runs and predictions go. minutes: of every training, by clock. sets: more settings of it.
    """

    folder: Path
    threads: int
    minutes: float
    clock: str = "processor"
    sets: tuple[str, ...] = ()
    done: list[Done] = field(default_factory=list)

    def train(
        self,
        source: Sequence[str | Path],
        *,
        name: str = "run",
        recipe: str = "",
        sets: Sequence[str] = (),
        minutes: float | None = None,
        seed: int = 0,
    ) -> dict[str, Any]:
        """Train in folder/name. source: the words that say what on. Returns what the command's --json says,
        with "clock" and "cpu", seconds of the whole command, and the run's scores over time as "curve".
        """
        limit = self.minutes if minutes is None else minutes
        chosen = [
            f"minutes={limit:g}",
            f"clock={self.clock}",
            f"threads={self.threads}",
            f"seed={seed}",
            *sets,
            *self.sets,
        ]
        words = ["train", *source, "--out", self.folder / name]
        words += ["--recipe", recipe] if recipe else []
        words += [word for assignment in chosen for word in ("--set", assignment)]
        done = self.run([*STUDIO, *words, "--json"], 4 * 60 * limit + STARTING)
        value: dict[str, Any] = json.loads(done.stdout)
        value |= {"clock": round(done.clock, 1), "cpu": round(done.cpu, 1)}
        return value | {"curve": curve(self.folder / name)}

    def predict(self, model: str | Path, images: Path, name: str = "predicted") -> Path:
        """Predict a folder of images; returns the folder of the masks."""
        out = self.folder / name
        self.run([*STUDIO, "predict", images, "--model", model, "--out", out, "--json"], PREDICTING)
        return out

    def evaluate(self, predicted: Path, images: ImageSet, part: str) -> dict[str, Any]:
        """The scores of predicted masks on a part of a set: what evaluate --json says."""
        words: list[str | Path] = ["evaluate", "--pred", predicted, "--truth", images.masks]
        words += ["--classes", images.classes, "--split", images.split, "--subset", part, "--json"]
        done = self.run([*STUDIO, *words], PREDICTING)
        value: dict[str, Any] = json.loads(done.stdout)
        return value

    def score(
        self, model: str | Path, images: ImageSet, part: str, home: Path | None = None
    ) -> dict[str, Any]:
        """Predict a part of a set and evaluate that: the scores that the tables need.

        home: where copies of the images go; by default where those of all parts of the figure are.
        """
        predicted = self.predict(model, images.part_folder(part, home or self.folder.parent / "images"))
        return figures(self.evaluate(predicted, images, part))

    def run(self, command: Sequence[str | Path], limit: float) -> Done:
        """Run any command, noted among those that are done."""
        environment = {"OMP_NUM_THREADS": str(self.threads), "OMP_WAIT_POLICY": "PASSIVE"}
        done = run(command, self.folder / "log.txt", limit, environment)
        self.done.append(done)
        return done


def figures(found: dict[str, Any]) -> dict[str, Any]:
    """The scores of an evaluation that the tables need. iou: of the classes but the background."""
    mean, pooled = found["mean_over_images"], found["pooled"]
    return {
        "images": found["images"],
        "iou": mean["foreground_iou"],
        "iou_pooled": pooled["foreground_iou"],
        "dice": mean["foreground_dice"],
        "dice_pooled": pooled["foreground_dice"],
        "pixel_accuracy": pooled["pixel_accuracy"],
        "classes": {one["name"]: {"iou": one["iou"], "dice": one["dice"]} for one in pooled["classes"]},
    }


def curve(run_folder: Path) -> list[dict[str, Any]]:
    """The validations of a run, in order: step, seconds, loss, IoU, Dice and pixel accuracy."""
    kept = ("step", "seconds", "loss", "mean_iou", "mean_dice", "pixel_accuracy")
    found = []
    for line in (run_folder / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event.get("event") == "validated":
            found.append({key: event.get(key) for key in kept})
    return found
