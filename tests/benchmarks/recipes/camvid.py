"""street_camvid: the recipe camvid beside a plain script on segmentation-models-pytorch, in the same minutes.

UNET_STUDIO_RIVAL_PYTHON names a Python that has segmentation-models-pytorch; the script (rival_smp.py) reads
the same images at the same size and writes its predictions as PNGs, and one evaluation scores both.
"""

import json
import os
from functools import partial

from tests.benchmarks.recipes.book import Book
from tests.benchmarks.recipes.by_split import train_and_test
from tests.benchmarks.recipes.processes import ROOT
from tests.benchmarks.recipes.sets import ImageSet
from tests.benchmarks.recipes.studio import STARTING, Studio, figures
from tests.benchmarks.recipes.tables import Table, mean, shown

RIVAL = "tests/benchmarks/recipes/rival_smp.py"
BATCH, CROP = 4, 256
WAYS = {"whole images": 0, f"crops of {CROP} px": CROP}  # px a window of the script
HEAD = ("", "seed", "mean IoU, pooled", "mean IoU, mean over images", "pixel accuracy", "steps", "minutes")


def run(book: Book) -> Table:
    """Train both with every seed; mean IoU of the classes on the test images, and every class's."""
    images = ImageSet.open(book.options.data / "street_camvid")
    rows, by_class = [], {}
    for seed in book.options.seeds:
        ours = partial(train_and_test, images=images, recipe="camvid", sets=(), seed=seed)
        parts = {f"recipe camvid-seed{seed}": (ours, {})}
        for way, crop in WAYS.items():
            theirs = partial(_rival, images=images, crop=crop, seed=seed)
            parts[f"SMP, {way}-seed{seed}"] = (theirs, {"batch": BATCH})
        for name, (act, settings) in parts.items():
            found = book.part(name.replace(", ", "-").replace(" ", "-"), act, settings)
            if found:
                rows.append([name.rpartition("-")[0], str(seed), *_cells(found)])
                by_class.setdefault(name.rpartition("-")[0], []).append(found["classes"])
    notes = [
        f"{len(images.names('test'))} test images of street_camvid, 11 classes, void left out. Both keep "
        "what is best on the validation images; SMP: Unet, the same encoder with the same weights, "
        f"cross-entropy, Adam 1e-3, {BATCH} images a step, no augmentation."
    ]
    notes += [f"Pooled IoU by class, {name}: {_classes(found)}." for name, found in by_class.items()]
    return Table([*HEAD, "CPU minutes"], rows, notes)


def _cells(found: dict) -> list[str]:
    scores = [shown(found[key]) for key in ("iou_pooled", "iou", "pixel_accuracy")]
    return [*scores, str(found["step"]), shown(found["seconds"] / 60, 1), shown(found["cpu"] / 60, 1)]


def _classes(found: list[dict]) -> str:
    shares = {name: [one[name]["iou"] or 0.0 for one in found] for name in found[0]}
    return ", ".join(f"{name} {shown(mean(values), 3)}" for name, values in shares.items())


def _rival(studio: Studio, images: ImageSet, crop: int, seed: int) -> dict[str, object]:
    python = os.environ.get("UNET_STUDIO_RIVAL_PYTHON")
    if not python:
        raise RuntimeError("UNET_STUDIO_RIVAL_PYTHON names no Python with segmentation-models-pytorch.")
    out = studio.folder / "predicted"
    words = [python, ROOT / RIVAL, "--images", images.images, "--masks", images.masks]
    words += ["--split", images.split, "--classes", images.classes, "--out", out, "--batch", BATCH]
    words += ["--minutes", studio.minutes, "--threads", studio.threads, "--seed", seed, "--crop", crop]
    words += ["--clock", studio.clock]
    done = studio.run([str(word) for word in words], 240 * studio.minutes + STARTING)
    facts = json.loads(done.stdout.strip().splitlines()[-1])
    scores = figures(studio.evaluate(out, images, "test"))
    return {**facts, "clock": done.clock, "cpu": done.cpu, **scores}
