"""Sets with a split of their own, trained once a seed and scored on their test images."""

from dataclasses import dataclass
from functools import partial

from tests.benchmarks.recipes.book import Book
from tests.benchmarks.recipes.sets import ImageSet
from tests.benchmarks.recipes.studio import Studio
from tests.benchmarks.recipes.tables import Table, interval, mean, shown


@dataclass(frozen=True)
class Trial:
    """What is trained on: a folder of the data, a recipe ("" for the default) and settings over it."""

    folder: str
    recipe: str = ""
    sets: tuple[str, ...] = ()


def run(book: Book, trial: Trial) -> Table:
    """Train with every seed; test IoU and Dice, and their mean with a 95 % interval by Student's t."""
    images = ImageSet.open(book.options.data / trial.folder)
    rows, scores, pooled = [], [], []
    for seed in book.options.seeds:
        act = partial(train_and_test, images=images, recipe=trial.recipe, sets=trial.sets, seed=seed)
        found = book.part(f"seed{seed}", act, {"recipe": trial.recipe, "recipe_sets": list(trial.sets)})
        if found:
            scores.append(found["iou"])
            pooled.append(found["iou_pooled"])
            told = [shown(found[key]) for key in ("iou", "iou_pooled", "dice", "pixel_accuracy")]
            costs = [str(found["step"]), shown(found["seconds"] / 60, 1), shown(found["cpu"] / 60, 1)]
            rows.append([f"seed {seed}", *told, *costs])
    if len(scores) > 1:
        rows.append(["mean", shown(mean(scores)), shown(mean(pooled)), *["-"] * 5])
        bounds = ["{} to {}".format(*map(shown, interval(values))) for values in (scores, pooled)]
        rows.append(["95 % interval", *bounds, *["-"] * 5])
    head = ["", "test IoU, mean over images", "pooled", "Dice", "pixel accuracy", "steps", "minutes"]
    count = len(images.names("test"))
    note = f"{count} test images of {trial.folder}; IoU and Dice are of the classes but the background."
    return Table([*head, "CPU minutes"], rows, (note, _per_class(book)))


def train_and_test(
    studio: Studio, images: ImageSet, recipe: str, sets: tuple[str, ...], seed: int
) -> dict[str, object]:
    """One training, scored on the test images."""
    made = studio.train(images.source, recipe=recipe, sets=sets, seed=seed)
    return {**made, **studio.score(made["model"], images, "test")}


def _per_class(book: Book) -> str:
    """Pooled IoU by class, its mean over the seeds."""
    results = list(book.results.values())
    names = list(results[0]["classes"]) if results else []
    means = []
    for name in names:
        values = [one["classes"][name]["iou"] for one in results]
        means.append(f"{name} {shown(mean([value for value in values if value is not None]), 3)}")
    return f"Pooled IoU by class: {', '.join(means)}."
