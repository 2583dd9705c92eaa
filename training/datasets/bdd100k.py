"""BDD100K, semantic segmentation: 8,000 streets seen from cars, in the 19 classes of Cityscapes.

Specification: doc/source/download.rst and format.rst of bdd100k/bdd100k. images/10k/PART/X.jpg with
labels/sem_seg/masks/PART/X.png; a pixel is 0 to 18, which are Cityscapes' train ids, and 255 is unknown. The
release before (2018) had seg/images/PART/X.jpg and seg/labels/PART/X_train_id.png.
"""

from pathlib import Path

from training.candidates import Source
from training.datasets.cityscapes import MEANINGS, train_classes
from training.datasets.layout import Layout, Portion, collect, test_note
from unet_studio.core.split import Split

PARTS: dict[str, Split] = {"train": "train", "val": "val"}
FOLDERS = (("images/10k", "labels/sem_seg/masks"), ("seg/images", "seg/labels"))
LAYOUT = Layout(
    "BDD100K (semantic segmentation)",
    ("|".join(images for images, _ in FOLDERS), "|".join(masks for _, masks in FOLDERS)),
    'Unpack "10K Images" and "Semantic Segmentation" into one folder, and name the folder bdd100k in it.',
)


def read_bdd100k(folder: Path) -> Source:
    """The official training and validation parts."""
    root = LAYOUT.root(folder)
    images, masks = next((pair for pair in FOLDERS if (root / pair[0]).is_dir()), FOLDERS[0])
    portions = [
        Portion(root / images / place, root / masks / place, part, place) for place, part in PARTS.items()
    ]
    candidates, notes = collect(
        portions, MEANINGS["labelTrainIds"], lambda name: [f"{name.stem}.png", f"{name.stem}_train_id.png"]
    )
    notes += test_note(root / images / "test")
    return Source(train_classes(), tuple(candidates), tuple(notes))
