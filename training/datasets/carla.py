"""CARLA, as in the Lyft-Udacity Perception Challenge: views of a simulated car, five sets of 1000.

Layout of the set on Kaggle ("Semantic Segmentation for Self Driving Cars"): dataA/dataA/CameraRGB/X.png and
dataA/dataA/CameraSeg/X.png, and so on to dataE; the challenge itself had Train/CameraRGB and
Train/CameraSeg. Every folder CameraRGB beside a CameraSeg counts, as deep as three levels.

The classes are the numbers in the red channel of CameraSeg. Names 0 to 12: the table on the challenge's page
(2018), which is that of CARLA 0.8; 13 to 22: CARLA 0.9.10 to 0.9.13, "Sensors reference", semantic
segmentation camera. (From 0.9.14 on CARLA numbers as Cityscapes does: such pictures mean something else.)
"""

from pathlib import Path

from training.candidates import Source
from training.datasets.layout import Layout, Portion, collect, numbered_classes
from unet_studio.formats.found_values import Meaning

RED = 0
VIEWS, LABELS = "CameraRGB", "CameraSeg"
NAMES = (
    "None", "Buildings", "Fences", "Other", "Pedestrians", "Poles", "RoadLines", "Roads", "Sidewalks",
    "Vegetation", "Vehicles", "Walls", "TrafficSigns", "Sky", "Ground", "Bridge", "RailTrack", "GuardRail",
    "TrafficLight", "Static", "Dynamic", "Water", "Terrain",
)  # fmt: skip
LAYOUT = Layout(
    "CARLA data set", (), "Name the folder that holds dataA to dataE, each with CameraRGB and CameraSeg."
)


def read_carla(folder: Path) -> Source:
    """All sets that are there. None (0) is the background, which classes that are not chosen become."""
    root = LAYOUT.root(folder)
    top = root.parent if root.name in (VIEWS, LABELS) else root
    sets = _sets(top)
    if not sets:
        raise LAYOUT.refusal(root, f"{VIEWS} beside {LABELS}")
    meaning = Meaning.of({number: number for number in range(len(NAMES))})
    portions = [
        Portion(place / VIEWS, place / LABELS, None, (place / VIEWS).relative_to(top).as_posix())
        for place in sets
    ]
    candidates, notes = collect(portions, meaning, lambda name: [str(name)], RED)
    return Source(numbered_classes(enumerate(NAMES), 0), tuple(candidates), tuple(notes))


def _sets(root: Path) -> list[Path]:
    """The folders with views and their labels."""
    depths = ("", "*/", "*/*/", "*/*/*/")
    views = (path for depth in depths for path in sorted(root.glob(f"{depth}{VIEWS}")))
    return [path.parent for path in views if (path.parent / LABELS).is_dir()]
