"""Simulated corrective strokes on 20 images, and the same images finished: what each teaches.

A weak model, trained on 5 other images, predicts them; the demo's simulated person corrects the predictions
with a few strokes. One training learns from the strokes and the predictions around them, as a person left
them, one from the painted pixels alone, and one from the same images with finished masks, all from ImageNet
and in the same minutes.
"""

import math
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from tests.benchmarks.recipes.book import Book
from tests.benchmarks.recipes.projects import make_project, store_prediction
from tests.benchmarks.recipes.sets import ImageSet, draw
from tests.benchmarks.recipes.studio import Studio, figures
from tests.benchmarks.recipes.tables import Table, deviation, mean, shown, spread
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.document import Document
from unet_studio.core.document_files import IMAGE_HASH, load_document, save_document
from unet_studio.core.image_io import pixel_hash, read_image
from unet_studio.core.metrics import mean_iou
from unet_studio.core.project import Project
from unet_studio.core.storage import read_index_png
from unet_studio.demo.annotator import Habits, correct

WEAK, CORRECTED = 5, 20  # images
WEAK_MINUTES = 1.0  # at most
VIEW = 640  # px: a person sees an image fit to the window, so that strokes are as long as it is large
GOAL = 0.85
ARMS = {"strokes": ("painted=true",), "alone": ("painted=true", "surroundings=false"), "finished": ()}


def run(book: Book) -> Table:
    """Both trainings with every seed: test IoU of each, their ratio, and the share of labelled pixels."""
    images = ImageSet.open(book.options.data / "human_seg")
    found = []
    for seed in book.options.seeds:
        result = book.part(f"seed{seed}", partial(_trial, images=images, seed=seed))
        if result:
            found.append((seed, result))
    rows = [[f"seed {seed}", *_cells(result)] for seed, result in found]
    if len(found) > 1:
        ratios = [_ratio(result) for _, result in found]
        each = [spread([result[arm]["iou"] for _, result in found]) for arm in ARMS]
        rows.append(
            ["mean ± sd", *each, f"{shown(mean(ratios), 3)} ± {shown(deviation(ratios), 3)}", *["-"] * 4]
        )
    head = [
        "",
        "test IoU from strokes",
        "from painted pixels alone",
        "from finished images",
        "ratio",
        "labelled pixels",
        "strokes an image",
    ]
    head += ["IoU of the weak model there", "after the strokes"]
    note = (
        f"{CORRECTED} training images of human_seg, at most {Habits().strokes} strokes each; a model trained "
        f"on {WEAK} others is corrected. IoU of the person, mean over {len(images.names('test'))} test "
        f"images. Ratio: strokes beside finished images. Goal: {GOAL} or more."
    )
    return Table(head, rows, (note,))


def _cells(result: dict) -> list[str]:
    arms = [result[arm]["iou"] for arm in ARMS]
    corrected = result["corrected"]
    share = f"{100 * corrected['labelled']:.1f} %"
    seen = [shown(corrected[key], 3) for key in ("iou_before", "iou_after")]
    return [*map(shown, arms), shown(_ratio(result), 3), share, shown(corrected["strokes"], 1), *seen]


def _ratio(result: dict) -> float:
    """What strokes teach beside finished images; NaN where these taught nothing."""
    strokes, finished = (result[arm]["iou"] for arm in ("strokes", "finished"))
    return strokes / finished if finished else math.nan


def _trial(studio: Studio, images: ImageSet, seed: int) -> dict[str, object]:
    order = draw(images.names("train"), WEAK + CORRECTED, seed)
    weak, names = order[:WEAK], order[WEAK:]
    few = images.with_split(studio.folder / "weak-split.json", {"train": weak, "test": names})
    made = studio.train(few.source, name="weak", minutes=min(WEAK_MINUTES, studio.minutes), seed=seed)
    predicted = studio.predict(
        made["model"], few.part_folder("test", studio.folder / "corrected"), "weak-masks"
    )
    strokes, finished = studio.folder / "strokes", studio.folder / "finished"
    corrected = paint(strokes, images, names, predicted, seed)
    shutil.copytree(strokes, finished)
    finish(finished, images, names)
    test = images.part_folder("test", studio.folder.parent / "images")
    result: dict[str, object] = {"corrected": corrected}
    for arm, sets in ARMS.items():
        folder = finished if arm == "finished" else strokes
        trained = studio.train([folder], name=f"run-{arm}", sets=list(sets), seed=seed)
        masks = studio.predict(trained["model"], test, f"masks-{arm}")
        result[arm] = {**trained, **figures(studio.evaluate(masks, images, "test"))}
    return result


def paint(folder: Path, images: ImageSet, names: list[str], predicted: Path, seed: int) -> dict[str, float]:
    """Make a project of the images, each corrected by a few strokes and not approved.

    Returns the mean share of labelled pixels, strokes an image, and IoU before and after the strokes.
    """
    project = make_project(folder, images, names)
    facts = []
    for place, name in enumerate(names):
        truth = read_index_png(images.mask_of(name))[0]
        labels = read_index_png(predicted / f"{Path(name).stem}.png")[0]
        store_prediction(project, name, labels, "weak")
        document = load_document(project, name, "weak")
        strokes = correct(document, truth, 1000 * seed + place, _habits(document))
        save_document(project, document)
        stored = project.read_annotation(name)
        known = 0.0 if stored is None else float((stored[0] != UNLABELLED).mean())
        table = project.classes
        scores = mean_iou(truth, labels, table), mean_iou(truth, document.mask(), table)
        facts.append((known, float(strokes), *scores))
    project.close()
    keys = ("labelled", "strokes", "iou_before", "iou_after")
    return dict(zip(keys, np.mean(facts, axis=0).tolist(), strict=True))


def _habits(document: Document) -> Habits:
    """Habits of the demo's person, in the px of an image that is seen at VIEW px."""
    usual, zoom = Habits(), max(document.shape) / VIEW
    return replace(
        usual,
        length=usual.length * zoom,
        smallest=round(usual.smallest * zoom**2),
        rim=max(1, round(usual.rim * zoom)),
        blur=usual.blur * zoom,
        tremor=usual.tremor * zoom,
        tips=(usual.tips[0] * zoom, usual.tips[1] * zoom),
    )


def finish(folder: Path, images: ImageSet, names: list[str]) -> None:
    """Approve every image of a project with its true mask, all of them for training."""
    project = Project.open(folder)
    for name in names:
        stored = project.read_annotation(name)
        facts = {IMAGE_HASH: pixel_hash(read_image(project.image_path(name)))}
        labels = read_index_png(images.mask_of(name))[0]
        project.write_approved(name, labels, facts if stored is None else stored[1])
    project.set_split(names, "train")
    project.close()
