"""Human-Segmentation: 290 photographs of people, white where a person is.

Layout: VikramShenoy97/Human-Segmentation-Dataset, Training_Images/N.jpg with Ground_Truth/N.png; copies
have images/ and masks/. A pixel is 0 or 255 (README.md there: made with remove.bg, whose free pictures are
small: 198 of 290 masks are smaller than their image, by one factor, and are scaled to it).
"""

from pathlib import Path

from training.candidates import Source
from training.datasets.layout import Layout, Portion, collect, numbered_classes
from unet_studio.formats.found_values import Meaning

WHITE = 255
FOLDERS = (("Training_Images", "Ground_Truth"), ("images", "masks"))
LAYOUT = Layout(
    "Human-Segmentation",
    ("|".join(images for images, _ in FOLDERS), "|".join(masks for _, masks in FOLDERS)),
    "Name the folder that holds Training_Images and Ground_Truth.",
)


def read_human_segmentation(folder: Path) -> Source:
    """All pairs; there is no official split."""
    root = LAYOUT.root(folder)
    images, masks = next((pair for pair in FOLDERS if (root / pair[0]).is_dir()), FOLDERS[0])
    candidates, notes = collect([Portion(root / images, root / masks)], Meaning.of({0: 0, WHITE: 1}))
    classes = numbered_classes([(0, "background"), (1, "person")], 0)
    return Source(classes, tuple(candidates), tuple(notes))
