"""ADE20K, scene parsing: scenes in and out of doors, 150 classes, "ADEChallengeData2016".

Specification: README.md of CSAILVision/sceneparsing. images/training/X.jpg with annotations/training/X.png,
and validation likewise; a pixel is 0 to 150, and 0 is "other objects", which the evaluation leaves out, so it
is unknown here. objectInfo150.txt, a table with a heading of Idx, Ratio, Train, Val (Stuff in some copies)
and Name, names the classes by several words; the first one is taken. The names below are those of that file.
"""

from pathlib import Path

from training.candidates import Source
from training.datasets.layout import Layout, Portion, collect, numbered_classes, test_note
from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.split import Split
from unet_studio.formats.color_tables import text_of
from unet_studio.formats.found_values import Meaning

CLASSES = 150
PARTS: dict[str, Split] = {"training": "train", "validation": "val"}
INFO = "objectInfo150.txt"
NAMES = (
    "wall", "building", "sky", "floor", "tree", "ceiling", "road", "bed", "windowpane", "grass",
    "cabinet", "sidewalk", "person", "earth", "door", "table", "mountain", "plant", "curtain", "chair",
    "car", "water", "painting", "sofa", "shelf", "house", "sea", "mirror", "rug", "field", "armchair",
    "seat", "fence", "desk", "rock", "wardrobe", "lamp", "bathtub", "railing", "cushion", "base", "box",
    "column", "signboard", "chest of drawers", "counter", "sand", "sink", "skyscraper", "fireplace",
    "refrigerator", "grandstand", "path", "stairs", "runway", "case", "pool table", "pillow",
    "screen door", "stairway", "river", "bridge", "bookcase", "blind", "coffee table", "toilet",
    "flower", "book", "hill", "bench", "countertop", "stove", "palm", "kitchen island", "computer",
    "swivel chair", "boat", "bar", "arcade machine", "hovel", "bus", "towel", "light", "truck", "tower",
    "chandelier", "awning", "streetlight", "booth", "television", "airplane", "dirt track", "apparel",
    "pole", "land", "bannister", "escalator", "ottoman", "bottle", "buffet", "poster", "stage", "van",
    "ship", "fountain", "conveyer belt", "canopy", "washer", "plaything", "swimming pool", "stool",
    "barrel", "basket", "waterfall", "tent", "bag", "minibike", "cradle", "oven", "ball", "food", "step",
    "tank", "trade name", "microwave", "pot", "animal", "bicycle", "lake", "dishwasher", "screen",
    "blanket", "sculpture", "hood", "sconce", "vase", "traffic light", "tray", "ashcan", "fan", "pier",
    "crt screen", "plate", "monitor", "bulletin board", "shower", "radiator", "glass", "clock", "flag",
)  # fmt: skip
LAYOUT = Layout(
    "ADE20K (scene parsing)",
    ("images/training", "annotations/training"),
    "Unpack ADEChallengeData2016.zip, and name the folder ADEChallengeData2016.",
)


def read_ade20k(folder: Path) -> Source:
    """The official training and validation parts; indices 1 to 150, no background."""
    root = LAYOUT.root(folder)
    meaning = Meaning.of({0: UNLABELLED, **{number: number for number in range(1, CLASSES + 1)}})
    portions = [
        Portion(root / "images" / place, root / "annotations" / place, part, place)
        for place, part in PARTS.items()
    ]
    candidates, notes = collect(portions, meaning)
    notes += test_note(root / "images" / "testing")
    return Source(_classes(root), tuple(candidates), tuple(notes))


def _classes(root: Path) -> ClassTable:
    """The classes by the list that comes with the data, else by the names known here."""
    rows = [line.split("\t") for line in text_of(root / INFO).splitlines()] if (root / INFO).is_file() else []
    rows = [row for row in rows if len(row) >= 5 and row[0].strip().isdecimal()]
    listed = {int(row[0]): row[-1].split(",")[0].strip() for row in rows}
    names = dict(enumerate(NAMES, 1))
    if set(listed) == set(names) and len(set(listed.values())) == CLASSES:
        names = listed
    return numbered_classes(sorted(names.items()))
