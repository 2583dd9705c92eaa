"""Pascal VOC 2012, segmentation: 20 classes and background; the border of objects is void.

Specification: "The PASCAL Visual Object Classes Challenge 2012 Development Kit", sections 2.3 and 8.
JPEGImages/X.jpg with SegmentationClass/X.png; ImageSets/Segmentation/train.txt and val.txt name the parts,
X a line. The masks are read by unet_studio.formats.voc_reader: 255 is void, which is unknown.
"""

from collections.abc import Callable
from pathlib import Path

from training.candidates import Candidate, Labels, Source
from training.datasets.layout import Layout, lines
from unet_studio.core.classes import ClassTable
from unet_studio.core.split import Split
from unet_studio.formats.sample import Incoming
from unet_studio.formats.voc import LISTS, MASKS
from unet_studio.formats.voc_reader import read_voc

IMAGES = "JPEGImages"
PARTS: tuple[Split, ...] = ("train", "val")
LAYOUT = Layout(
    "Pascal VOC 2012",
    (IMAGES, MASKS, LISTS),
    "Unpack VOCtrainval_11-May-2012.tar, and name the folder VOCdevkit/VOC2012.",
)


def read_voc2012(folder: Path) -> Source:
    """The official training and validation parts."""
    below = folder / "VOCdevkit"
    root = LAYOUT.root(below if below.is_dir() else folder)
    incoming = read_voc(root)
    known = set(incoming.keys)
    candidates, without = [], []
    for part in PARTS:
        path = root / LISTS / f"{part}.txt"
        for stem in lines(path) if path.is_file() else []:
            image = root / IMAGES / f"{stem}.jpg"
            if stem in known and image.is_file():
                candidates.append(Candidate(image.name, image, _reader(incoming, stem), part=part))
            else:
                without.append(stem)
    notes = list(incoming.notes)
    if without:
        notes.append(f"{len(without)} names of the lists have no image or no mask, {without[0]} first.")
    if (root / LISTS / "test.txt").is_file():
        notes.append("The masks of test are not public: it is left out.")
    return Source(incoming.classes or ClassTable(()), tuple(candidates), tuple(notes))


def _reader(incoming: Incoming, key: str) -> Callable[[], Labels]:
    return lambda: incoming.read(key, None)
