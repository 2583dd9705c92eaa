"""Cityscapes: streets of 50 cities seen from a car, 19 classes that are trained on.

Specification: README.md of cityscapesScripts; numbers, names and train ids: helpers/labels.py there, see
unet_studio.formats.known_palettes. leftImg8bit/PART/CITY/X_leftImg8bit.png with
gtFine/PART/CITY/X_gtFine_labelIds.png. An id becomes its train id; those that the evaluation leaves out
(train id 255) are unknown. Where somebody has made the pictures of train ids, _gtFine_labelTrainIds.png
(preparation/createTrainIdLabelImgs.py), and not those of ids, they are read.
"""

from pathlib import Path

from training.candidates import Candidate, NumberMask, Source
from training.datasets.layout import Layout, test_note
from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.files import find_images
from unet_studio.core.split import Split
from unet_studio.core.words import left_out
from unet_studio.formats.cityscapes import GROUND_TRUTH, IMAGES, TAG
from unet_studio.formats.color_tables import as_hex
from unet_studio.formats.found_values import Meaning
from unet_studio.formats.known_palettes import CITYSCAPES, IGNORED_ID

PARTS: dict[str, Split] = {"train": "train", "val": "val"}
TRAINED = tuple(label for label in CITYSCAPES if label.train != IGNORED_ID)
MEANINGS = {
    "labelIds": Meaning.of({UNLABELLED: UNLABELLED, **{label.number: label.train for label in CITYSCAPES}}),
    "labelTrainIds": Meaning.of({IGNORED_ID: UNLABELLED, **{label.train: label.train for label in TRAINED}}),
}
LAYOUT = Layout(
    "Cityscapes",
    (f"{IMAGES}/train", f"{GROUND_TRUTH}/train"),
    f"Unpack {IMAGES}_trainvaltest.zip and {GROUND_TRUTH}_trainvaltest.zip into one folder, and name that.",
)


def read_cityscapes(folder: Path) -> Source:
    """The official training and validation parts; the index of a class is its train id, 0 to 18."""
    root = LAYOUT.root(folder)
    candidates: list[Candidate] = []
    without: list[str] = []
    for place, part in PARTS.items():
        images = root / IMAGES / place
        for name in find_images(images) if images.is_dir() else []:
            beginning = root / GROUND_TRUTH / place / name.rpartition(".")[0].removesuffix(TAG)
            masks = {kind: Path(f"{beginning}_{GROUND_TRUTH}_{kind}.png") for kind in MEANINGS}
            kind = next((kind for kind, path in masks.items() if path.is_file()), None)
            if kind is None:
                without.append(f"{place}/{name}")
                continue
            mask = NumberMask(masks[kind], MEANINGS[kind])
            candidates.append(Candidate.of_numbers(f"{place}/{name}", images / name, mask, part))
    notes = [left_out(without, "with no mask")] if without else []
    notes += test_note(root / IMAGES / "test")
    return Source(train_classes(), tuple(candidates), tuple(notes))


def train_classes() -> ClassTable:
    """The 19 classes by their train ids, in Cityscapes' colours."""
    return ClassTable(tuple(PixelClass(label.train, label.name, as_hex(label.color)) for label in TRAINED))
