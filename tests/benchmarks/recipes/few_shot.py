"""human_seg with 5, 10 and 20 training images: the default recipe beside the same network trained naively."""

from functools import partial

from tests.benchmarks.recipes.book import Book
from tests.benchmarks.recipes.by_split import train_and_test
from tests.benchmarks.recipes.sets import ImageSet, draw
from tests.benchmarks.recipes.tables import Table, deviation, mean, shown, spread

COUNTS = (5, 10, 20)
# Adam 1e-3 at a constant rate for all layers, batch-norm statistics moving, no augmentation, no average.
NAIVE = (
    "optimiser=adam",
    "learning_rate=1e-3",
    "encoder_lr_factor=1",
    "freeze_encoder_statistics=false",
    "weight_decay=0",
    "schedule=constant",
    "warmup_steps=0",
    "clip=0",
    "ema=0",
    "augmentation=none",
)
RECIPES = {"default": (), "naive": NAIVE}


def run(book: Book) -> Table:
    """Train both on the same images with the same seeds; test IoU and the paired differences."""
    images = ImageSet.open(book.options.data / "human_seg")
    found: dict[tuple[int, str], dict[int, float]] = {}
    for seed in book.options.seeds:
        for count in COUNTS:
            chosen = draw(images.names("train"), count, seed)
            parts = {"train": chosen, "test": images.names("test")}
            few = images.with_split(book.folder / "splits" / f"n{count}-seed{seed}.json", parts)
            for name, sets in RECIPES.items():
                act = partial(train_and_test, images=few, recipe="", sets=sets, seed=seed)
                result = book.part(f"n{count}-{name}-seed{seed}", act, {"recipe_sets": list(sets)})
                if result:
                    found.setdefault((count, name), {})[seed] = result["iou"]
    head = ["training images", "default recipe: test IoU, mean ± sd", "naive", "paired difference, mean ± sd"]
    rows = [_row(count, found) for count in COUNTS]
    note = (
        f"{len(images.names('test'))} test images of human_seg, IoU of the person, mean over images. The "
        "images are drawn by seed from its training part, the 5 among the 10 among the 20; there are no "
        f"validation images. Naive: {' '.join(NAIVE)}."
    )
    return Table([*head, "differences by seed"], rows, (note,))


def _row(count: int, found: dict[tuple[int, str], dict[int, float]]) -> list[str]:
    ours, theirs = (found.get((count, name), {}) for name in RECIPES)
    pairs = [ours[seed] - theirs[seed] for seed in sorted(set(ours) & set(theirs))]
    each = ", ".join(f"{value:+.4f}" for value in pairs)
    difference = f"{mean(pairs):+.4f} ± {shown(deviation(pairs))}" if pairs else "-"
    return [str(count), spread(list(ours.values())), spread(list(theirs.values())), difference, each]
