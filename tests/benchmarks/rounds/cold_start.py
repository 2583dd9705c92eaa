"""A folder of images and no model: classes named, three images finished, Start; how good on the rest?"""

from functools import partial
from typing import Any

from tests.benchmarks.recipes.book import Book
from tests.benchmarks.recipes.projects import make_project
from tests.benchmarks.recipes.sets import ImageSet, draw
from tests.benchmarks.recipes.studio import Studio, figures
from tests.benchmarks.recipes.tables import Table, mean, shown, spread
from tests.benchmarks.rounds.fine_tuning import fine_tune
from tests.benchmarks.rounds.person import finish

SETS = ("facade_ccby", "human_seg")
APPROVED = 3
HEAD = ("set", "seed", "minutes to the first model", "CPU minutes", "steps", "images of the rest")
SCORES = ("IoU of the rest", "Dice", "IoU pooled", "IoU of the test part")


def run(book: Book) -> Table:
    """Every set with every seed, which draws the three images."""
    rows, notes = [], []
    for folder in SETS:
        images = ImageSet.open(book.options.data / folder)
        found = []
        for seed in book.options.seeds:
            result = book.part(f"{folder}-seed{seed}", partial(_trial, images=images, seed=seed))
            if result:
                found.append(result)
                rows.append([folder, str(seed), *_cells(result)])
        if len(found) > 1:
            scores = [spread([one[place][key] for one in found]) for place, key in PLACES]
            rows.append([folder, "mean ± sd", "-", "-", "-", "-", *scores])
        if found:
            notes.append(_per_class(folder, found))
    note = (
        f"{APPROVED} images, drawn from the training part by seed, are finished by their truth; the first "
        "trains, the second validates, the third trains. Settings as the window's: recipe fine-tune from "
        f"ImageNet, at most {book.options.minutes:g} min by the {book.options.clock} clock. Minutes are from "
        "the click to the version, with the start of the process; the rest are all other images of the set, "
        "near duplicates of the three included; the test part has none (its split keeps shots together). "
        "IoU and Dice: mean over images, of the classes but the background."
    )
    return Table([*HEAD, *SCORES], rows, (note, *notes))


PLACES = (("rest", "iou"), ("rest", "dice"), ("rest", "iou_pooled"), ("test", "iou"))


def _cells(result: dict[str, Any]) -> list[str]:
    costs = [shown(result[key] / 60, 2) for key in ("clock", "cpu")]
    scores = [shown(result[place][key]) for place, key in PLACES]
    return [*costs, str(result["step"]), str(result["rest"]["images"]), *scores]


def _per_class(folder: str, found: list[dict[str, Any]]) -> str:
    """Pooled IoU and Dice by class on the rest, their means over the seeds."""
    told = []
    for name in found[0]["rest"]["classes"]:
        scores = [one["rest"]["classes"][name] for one in found]
        means = [mean([score[key] for score in scores if score[key] is not None]) for key in ("iou", "dice")]
        told.append(f"{name} {shown(means[0], 3)} ({shown(means[1], 3)})")
    return f"{folder}, pooled IoU (Dice) by class on the rest: {', '.join(told)}."


def _trial(studio: Studio, images: ImageSet, seed: int) -> dict[str, Any]:
    chosen = draw(images.names("train"), APPROVED, seed)
    rest = [name for name in images.all_names() if name not in chosen]
    project = make_project(studio.folder / "project", images, images.all_names())
    try:
        finish(project, images, chosen, None)
        tuned = fine_tune(studio, project, rest[0], seed)
    finally:
        project.close()
    others = images.with_split(studio.folder / "rest.json", {"test": rest})
    masks = studio.predict(tuned.entry.folder, others.part_folder("test", studio.folder / "rest"))
    return {
        **tuned.facts,
        "approved": chosen,
        "gate": tuned.published.verdict.outcome,
        "rest": figures(studio.evaluate(masks, others, "test")),
        "test": figures(studio.evaluate(masks, images, "test")),
    }
