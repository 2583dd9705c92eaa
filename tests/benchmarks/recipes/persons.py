"""human_seg, one seeded 80/20 split: persons-plain and persons-pretrained beside the write-up's recipe."""

import random
from functools import partial

from tests.benchmarks.recipes.book import Book
from tests.benchmarks.recipes.sets import ImageSet
from tests.benchmarks.recipes.studio import Studio
from tests.benchmarks.recipes.tables import Table, shown

SPLIT_SEED, SHARE = 0, 0.8
BESIDE = {"persons-plain": 0.5244, "persons-pretrained": 0.8801}  # what the write-up reports, at 320 px
# The write-up's limits, 20 passes and 3 of them without gain, are lifted: its recipe may use all the minutes.
UNLIMITED = ("epochs=0", "steps=1000000", "evaluate_every=75", "patience=0")


def run(book: Book) -> Table:
    """Train both networks by both recipes on the same split, and score their validation images."""
    images = ImageSet.open(book.options.data / "human_seg")
    images = images.with_split(book.folder / "split.json", _split(images.all_names()))
    rows = []
    for recipe, reported in BESIDE.items():
        for seed in book.options.seeds:
            for name, sets in ((recipe, ()), (f"{recipe}-writeup", UNLIMITED)):
                act = partial(
                    _trial, images=images, recipe=name, sets=sets, seed=seed, size=book.options.size
                )
                found = book.part(f"{name}-{book.options.size}px-seed{seed}", act)
                if found:
                    told = (shown(found["iou"]), shown(found["iou_pooled"]), str(found["step"]))
                    costs = (shown(found["seconds"] / 60, 1), shown(found["cpu"] / 60, 1))
                    rows.append([name, str(book.options.size), str(seed), *told, *costs, shown(reported)])
    head = ["recipe", "px", "seed", "IoU of person, mean over images", "pooled", "steps", "minutes"]
    head += ["CPU minutes", "the write-up reports, at 320 px"]
    counts = {part: len(images.names(part)) for part in ("train", "val")}
    return Table(
        head,
        rows,
        (
            f"Split {images.split}: {counts['train']} training, {counts['val']} validation images, seed "
            f"{SPLIT_SEED}. As in the write-up, the model that is best on the validation images is scored on "
            "them; here at the images' own size, there at 320 px. The "
            "write-up's recipes train as long as ours, whatever their own limits.",
        ),
    )


def _split(names: list[str]) -> dict[str, list[str]]:
    order = sorted(names)
    random.Random(SPLIT_SEED).shuffle(order)
    count = round(SHARE * len(order))
    return {"train": order[:count], "val": order[count:]}


def _trial(
    studio: Studio, images: ImageSet, recipe: str, sets: tuple[str, ...], seed: int, size: int
) -> dict[str, object]:
    scale = [f"size={size},{size}"]
    made = studio.train(images.source, recipe=recipe, sets=[*sets, *scale], seed=seed)
    return {**made, **studio.score(made["model"], images, "val")}
