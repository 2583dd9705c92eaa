"""Images a second of the engine beside a bare PyTorch loop of the same network, batch and threads."""

import json
import sys
from dataclasses import replace
from functools import partial
from statistics import median

from tests.benchmarks.recipes.book import Book
from tests.benchmarks.recipes.sets import ImageSet, draw
from tests.benchmarks.recipes.studio import STARTING, Studio
from tests.benchmarks.recipes.tables import Table, shown
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingSource, recipe

RECIPES = ("fine-tune", "persons-plain")
IMAGES = 24
GOAL = 0.95
UNENDING = ("steps=1000000", "evaluate_every=1000000", "patience=0")
TRIAL = "tests.benchmarks.recipes.throughput_trial"


def run(book: Book) -> Table:
    """Both recipes, the ways in turns within one process."""
    images = ImageSet.open(book.options.data / "human_seg")
    chosen = {"train": draw(images.names("train"), IMAGES, 0)}
    few = images.with_split(book.folder / "split.json", chosen)
    rows = []
    for name in RECIPES:
        found = book.part(name, partial(_trial, images=few, name=name, size=book.options.size))
        if found:
            rows += _rows(name, found)
    head = ["recipe", "what", "images/s", "images per processor second", "engine beside it, clock"]
    head += ["processor", "batch", "px", "threads"]
    note = (
        f"{IMAGES} images of human_seg, in memory after the first pass. Medians over turns of three steps; "
        "the engine beside a loop: the median of the ratios of turns that follow each other. The bare loop "
        "computes forward, loss, backward and the optimiser's step on batches that are tensors already; it "
        "neither cuts nor varies images, clips no gradient, averages no weights and tells nobody. The engine "
        f"is in channels last. Goal: {GOAL}."
    )
    return Table(head, rows, (note,))


def _rows(name: str, found: dict) -> list[list[str]]:
    images, turns = found["batch"] * found["steps"], found["turns"]
    rows = []
    for way, times in turns.items():
        rates = [shown(images / median(one[key] for one in times), 2) for key in ("clock", "cpu")]
        beside = [shown(ratio(times, turns["engine"], key), 3) for key in ("clock", "cpu")]
        facts = [str(found[key]) for key in ("batch", "patch", "threads")]
        rows.append([name, way, *rates, *(beside if way != "engine" else ["-", "-"]), *facts])
    if "busy" in found:
        rows.append([name, f"a kernel runs {100 * found['busy']:.0f} % of the time", *["-"] * 7])
    return rows


def ratio(bare: list[dict[str, float]], engine: list[dict[str, float]], key: str) -> float:
    """How fast the engine is beside a bare loop: above 1 faster."""
    return median(theirs[key] / ours[key] for theirs, ours in zip(bare, engine, strict=True))


def _trial(studio: Studio, images: ImageSet, name: str, size: int) -> dict[str, object]:
    """Set up two equal runs, and have them measured in a process of its own."""
    source = TrainingSource.of_folders(images.images, images.masks, images.classes, images.split)
    scale = [f"size={size},{size}"] if name == "persons-plain" else []
    sets = [f"threads={studio.threads}", *scale, *studio.sets, *UNENDING]
    config = replace(recipe(name), source=source).with_set(sets)
    runs = [studio.folder / word for word in ("engine", "bare")]
    for run_folder in runs:
        RunFolder.create(run_folder, config)
    words = [sys.executable, "-m", TRIAL, *runs, f"{60 * studio.minutes:g}"]
    done = studio.run(words, 240 * studio.minutes + STARTING)
    value: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    return value
