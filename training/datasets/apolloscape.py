"""ApolloScape, scene parsing: Chinese streets in 3384 x 2710 px, 22 classes that are trained on.

Specification: scene_parsing/README.md of ApolloScapeAuto/dataset-api, sections 3 and 6.
ColorImage/ROAD/RECORD/CAMERA/X.jpg with Label/ROAD/RECORD/CAMERA/X_bin.png, the two lying side by side, in
the root or in a folder for each road, as the archives have it. A number is a class id; classes here are the
train ids, in which a class and its group (161 car_groups) are one; train id 255 is unknown.
"""

from dataclasses import replace
from pathlib import Path, PurePosixPath

from training.candidates import Source
from training.datasets.layout import Layout, Portion, collect, numbered_classes
from unet_studio.core.classes import UNLABELLED
from unet_studio.formats.found_values import Meaning

NAMES = (
    "sky", "car", "motorbicycle", "bicycle", "person", "rider", "truck", "bus", "tricycle", "road",
    "sidewalk", "traffic_cone", "road_pile", "fence", "traffic_light", "pole", "traffic_sign", "wall",
    "dustbin", "billboard", "building", "vegetation",
)  # fmt: skip
# Class id -> train id. Ids 161 to 168 are groups of what 33 to 40 are.
IDS = {
    17: 0, **{33 + place: 1 + place for place in range(8)}, **{161 + place: 1 + place for place in range(8)},
    49: 9, 50: 10, 65: 11, 66: 12, 67: 13, 81: 14, 82: 15, 83: 16, 84: 17, 85: 18, 86: 19, 97: 20, 113: 21,
}  # fmt: skip
LEFT_OUT = (0, 1, 98, 99, 100, 255)  # others, rover, bridge, tunnel, overpass, unlabeled
IMAGES, LABELS = "ColorImage", "Label"
LAYOUT = Layout(
    "ApolloScape data set",
    (),
    "Name the folder that holds ColorImage and Label, or one of its road archives.",
)


def read_apolloscape(folder: Path) -> Source:
    """All records that are there; those of one record are frames of one drive and stay together."""
    root = LAYOUT.root(folder)
    root = root.parent if root.name in (IMAGES, LABELS) else root
    places = [path.parent for depth in ("", "*/") for path in sorted(root.glob(f"{depth}{IMAGES}"))]
    places = [place for place in places if (place / LABELS).is_dir()]
    if not places:
        raise LAYOUT.refusal(root, f"{IMAGES} beside {LABELS}")
    meaning = Meaning.of({**dict.fromkeys(LEFT_OUT, UNLABELLED), **IDS})
    portions = [
        Portion(place / IMAGES, place / LABELS, None, (place / IMAGES).relative_to(root).as_posix())
        for place in places
    ]
    found, notes = collect(portions, meaning, lambda name: [f"{name.with_suffix('')}_bin.png"])
    # .../RECORD/CAMERA/X.jpg: both cameras look at the same street.
    candidates = [replace(one, group=str(PurePosixPath(one.name).parent.parent)) for one in found]
    return Source(numbered_classes(enumerate(NAMES)), tuple(candidates), tuple(notes))
