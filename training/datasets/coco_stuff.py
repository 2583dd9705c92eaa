"""COCO-Stuff: the photographs of COCO 2017 with 80 classes of things and 91 of stuff, as pictures of numbers.

Specification: README.md and labels.txt of nightrome/cocostuff (Caesar, Uijlings and Ferrari, CVPR 2018). Set
up as told there: images/train2017/X.jpg with annotations/train2017/X.png, out of stuffthingmaps_trainval2017;
val2017 likewise. The numbers are those of labels.txt less one, 0 to 181; 255 is "unlabeled". Eleven things
that the list names have no pixel in any image (section "Label Names & Indices"): they are no classes here.
"""

from pathlib import Path

from training.candidates import Source
from training.datasets.layout import Layout, Portion, collect, first_folder, numbered_classes
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.split import Split
from unet_studio.formats.found_values import Meaning

PARTS: dict[str, Split] = {"train2017": "train", "val2017": "val"}
MASKS = ("annotations", "stuffthingmaps", "stuffthingmaps_trainval2017")
NAMES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "street sign", "stop sign", "parking meter", "bench", "bird", "cat",
    "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "hat", "backpack",
    "umbrella", "shoe", "eye glasses", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket",
    "bottle", "plate", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "mirror", "dining table", "window", "desk", "toilet", "door", "tv", "laptop",
    "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator",
    "blender", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
    "hair brush", "banner", "blanket", "branch", "bridge", "building-other", "bush", "cabinet", "cage",
    "cardboard", "carpet", "ceiling-other", "ceiling-tile", "cloth", "clothes", "clouds", "counter",
    "cupboard", "curtain", "desk-stuff", "dirt", "door-stuff", "fence", "floor-marble", "floor-other",
    "floor-stone", "floor-tile", "floor-wood", "flower", "fog", "food-other", "fruit", "furniture-other",
    "grass", "gravel", "ground-other", "hill", "house", "leaves", "light", "mat", "metal",
    "mirror-stuff", "moss", "mountain", "mud", "napkin", "net", "paper", "pavement", "pillow",
    "plant-other", "plastic", "platform", "playingfield", "railing", "railroad", "river", "road", "rock",
    "roof", "rug", "salad", "sand", "sea", "shelf", "sky-other", "skyscraper", "snow", "solid-other",
    "stairs", "stone", "straw", "structural-other", "table", "tent", "textile-other", "towel", "tree",
    "vegetable", "wall-brick", "wall-concrete", "wall-other", "wall-panel", "wall-stone", "wall-tile",
    "wall-wood", "water-other", "waterdrops", "window-blind", "window-other", "wood",
)  # fmt: skip
NOWHERE = frozenset(
    {
        "blender", "desk", "door", "eye glasses", "hair brush", "hat", "mirror", "plate", "shoe",
        "street sign", "window",
    }
)  # fmt: skip
LAYOUT = Layout(
    "COCO-Stuff",
    ("images/train2017|images/val2017|train2017|val2017", "|".join(MASKS)),
    "Unpack the images to images/ and stuffthingmaps_trainval2017.zip to annotations/, and name the folder "
    "that holds both.",
)


def read_coco_stuff(folder: Path) -> Source:
    """The official training and validation parts, with 171 classes under their own numbers."""
    root = LAYOUT.root(folder)
    images = first_folder(root, "images") or root
    masks = first_folder(root, *MASKS) or root
    classes = [(number, name) for number, name in enumerate(NAMES) if name not in NOWHERE]
    meaning = Meaning.of({UNLABELLED: UNLABELLED, **{number: number for number, _ in classes}})
    portions = [Portion(images / place, masks / place, part, place) for place, part in PARTS.items()]
    candidates, notes = collect(portions, meaning)
    return Source(numbered_classes(classes), tuple(candidates), tuple(notes))
