"""20 images corrected in three rounds: what the person sees next, and what unseen images gain.

Before each round the model in use predicts the next images. They are repaired by their truth and approved; a
training follows as the window starts it, and the gate judges its version. The images of the test part are
never corrected. The sample project begins with its bundled model, the other sets with none.
"""

import json
import shutil
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.benchmarks.recipes.book import Book
from tests.benchmarks.recipes.projects import make_project
from tests.benchmarks.recipes.sets import ImageSet, draw
from tests.benchmarks.recipes.studio import Studio, figures
from tests.benchmarks.recipes.tables import Table, shown
from tests.benchmarks.rounds.fine_tuning import fine_tune, model_in_use
from tests.benchmarks.rounds.person import finish, take_in
from unet_studio.core.gate import TOLERANCE, Verdict
from unet_studio.core.project import Project
from unet_studio.core.storage import write_index_png
from unet_studio.demo.sample import (
    CLASSES,
    MODEL_NAME,
    SAMPLE_SEEDS,
    UNSEEN_SEEDS,
    sample_folder,
    write_truth,
    write_unseen,
)

SAMPLE = "sample"
SETS = (SAMPLE, "human_seg", "em_vnc", "facade_ccby")
ROUNDS = 3
CORRECTED = 20  # images, where a set has as many besides its test part
HEAD = ("set", "seed", "round", "finished: train + val", "Dice of the next images", "test Dice before")
HEAD += ("of the new version", "test IoU before", "of the new version", "gate", "used", "seconds")


@dataclass(frozen=True)
class Start:
    """What a person begins with. model: the one in use, None for none. corrected: images, all rounds."""

    images: ImageSet
    model: str | None
    corrected: int


def run(book: Book) -> Table:
    """Every set with every seed, which draws the order of the images."""
    rows, notes = [], []
    for folder in SETS:
        parts = {seed: f"{folder}-seed{seed}" for seed in book.options.seeds}
        if not any(book.options.only in name for name in parts.values()):
            continue  # nor need its images be there
        start = _start(book, folder)
        for seed, name in parts.items():
            act = partial(_trial, start=start, seed=seed)
            found = book.part(name, act, {"corrected": start.corrected})
            if found:
                rows += [[folder, str(seed), *_cells(entry)] for entry in found["rounds"]]
                notes.append(_note(folder, seed, start, found))
    about = (
        "Dice and IoU: mean over images, of the classes but the background, by `unet-studio evaluate`. Dice "
        "of the next images: of what the model in use says of them before they are corrected. Test images "
        "are never corrected. Settings as the window's: recipe fine-tune, at most "
        f"{book.options.minutes:g} min by the {book.options.clock} clock; seconds are from the click to the "
        "judged version. Where the gate is only indicative, the person uses the new version unless its Dice "
        f"on the validation images fell by {TOLERANCE} or more."
    )
    return Table([*HEAD, "CPU seconds"], rows, (about, *notes))


def _cells(entry: dict[str, Any]) -> list[str]:
    """A round's row, from its number on."""
    gate, before, tested = entry["gate"], entry["before"], entry["tested"]
    change = gate["change"]
    told = f" ({change['mean']:+.3f} on {change['images']})" if change["images"] else ""
    scores = [_score(scored, key) for key in ("dice", "iou") for scored in (before, tested)]
    next_images = _score(entry["upcoming"], "dice")
    finished = f"{entry['train']} + {entry['val']}"
    costs = [f"{entry[key]:.0f}" for key in ("clock", "cpu")]
    used = "yes" if entry["used"] else "no"
    return [str(entry["round"]), finished, next_images, *scores, gate["outcome"] + told, used, *costs]


def _score(scored: dict[str, Any] | None, key: str) -> str:
    return shown(None if scored is None else scored[key])


def _note(folder: str, seed: int, start: Start, found: dict[str, Any]) -> str:
    """How many images were corrected in each round, what came of it all, and how many test it."""
    rounds = found["rounds"]
    counts = ", ".join(str(len(entry["corrected"])) for entry in rounds)
    few = "" if start.corrected < len(_pool(start.images)) else ", all that there are besides the test part"
    begun = f"model {start.model}" if start.model else "no model"
    first, last = rounds[0]["before"], rounds[-1]["after"]
    unseen = len(start.images.names("test"))
    return (
        f"{folder}, seed {seed}: from {begun}; {counts} images corrected{few}; {unseen} test images, "
        f"Dice {_score(first, 'dice')} before, {_score(last, 'dice')} after all rounds."
    )


def _start(book: Book, folder: str) -> Start:
    """A set and what it begins with; that of the sample project is made first."""
    most = book.options.images or CORRECTED
    if folder == SAMPLE:
        images, model = make_sample_set(book.folder / "sample-set"), MODEL_NAME
    else:
        images, model = ImageSet.open(book.options.data / folder), None
    return Start(images, model, min(most, len(_pool(images))))


def make_sample_set(folder: Path) -> ImageSet:
    """The sample project's images and its unseen ones, which are the test part; made once."""
    images = ImageSet(folder / "images", folder / "masks", folder / "classes.json", folder / "split.json")
    if images.split.is_file():
        return images
    images.images.mkdir(parents=True, exist_ok=True)
    write_truth(images.masks)
    shutil.move(images.masks / "classes.json", images.classes)
    for name in SAMPLE_SEEDS:
        shutil.copy2(sample_folder() / name, images.images / name)
    unseen = []
    for seed in UNSEEN_SEEDS:
        path, truth = write_unseen(images.images, seed)
        write_index_png(images.mask_of(path.name), truth, CLASSES.palette())
        unseen.append(path.name)
    images.split.write_text(json.dumps({"train": list(SAMPLE_SEEDS), "val": [], "test": unseen}))
    return images


def _pool(images: ImageSet) -> list[str]:
    """The images that may be corrected: all but the test part."""
    return [*images.names("train"), *images.names("val")]


def _trial(studio: Studio, start: Start, seed: int) -> dict[str, Any]:
    order = draw(_pool(start.images), start.corrected, seed)
    project = make_project(studio.folder / "project", start.images, order)
    try:
        if start.model is not None:
            project.set_model(start.model)
        return {"order": order, "rounds": _Course(studio, start.images, project, seed).go(batches(order))}
    finally:
        project.close()


def batches(order: list[str]) -> list[list[str]]:
    """Images in ROUNDS parts in their order, the first ones larger by one where it does not come out even."""
    each, more = divmod(len(order), ROUNDS)
    ends = [number * each + min(number, more) for number in range(ROUNDS + 1)]
    return [order[begin:end] for begin, end in pairwise(ends)]


@dataclass
class _Course:
    """The rounds of one project. now: the test scores of the model in use, None without one."""

    studio: Studio
    images: ImageSet
    project: Project
    seed: int
    now: dict[str, Any] | None = None

    def go(self, parts: list[list[str]]) -> list[dict[str, Any]]:
        """All rounds, one figure each."""
        used = model_in_use(self.project)
        if used is not None:
            self.now = self._tested(used.folder, "masks-start")
        return [self._round(number, parts) for number in range(1, len(parts) + 1)]

    def _round(self, number: int, parts: list[list[str]]) -> dict[str, Any]:
        batch = parts[number - 1]
        upcoming = self._next_images(batch, number)
        corrected = finish(self.project, self.images, batch, self.project.model)
        on_screen = parts[number][0] if number < len(parts) else batch[-1]
        tuned = fine_tune(self.studio, self.project, on_screen, self.seed)
        tested = self._tested(tuned.entry.folder, f"masks-{number}")
        used = takes(tuned.published.verdict)
        before, self.now = self.now, tested if used else self.now
        if used:
            self.project.set_model(tuned.entry.name)
        return {
            "round": number,
            **tuned.facts,
            "upcoming": upcoming,
            "corrected": corrected,
            "before": before,
            "tested": tested,
            "after": self.now,
            "gate": tuned.published.verdict.to_json(),
            "version": tuned.entry.name,
            "used": used,
        }

    def _next_images(self, batch: list[str], number: int) -> dict[str, Any] | None:
        """What the model in use says of the next images is stored, and scored; None without a model."""
        used = model_in_use(self.project)
        if used is None:
            return None
        few = self.images.with_split(self.studio.folder / f"next-{number}.json", {"test": batch})
        home = few.part_folder("test", self.studio.folder / f"next-{number}")
        masks = self.studio.predict(used.folder, home, f"masks-next-{number}")
        take_in(self.project, batch, masks, used.name)
        return figures(self.studio.evaluate(masks, few, "test"))

    def _tested(self, model: Path, name: str) -> dict[str, Any]:
        """The scores of a model on the test part."""
        home = self.images.part_folder("test", self.studio.folder / "test-images")
        return figures(self.studio.evaluate(self.studio.predict(model, home, name), self.images, "test"))


def takes(verdict: Verdict) -> bool:
    """Whether a new version is used: as the gate says, and where a person decides, unless it got worse."""
    if verdict.outcome == "indicative":
        return not verdict.after - verdict.before <= -TOLERANCE
    return verdict.outcome == "promoted"
