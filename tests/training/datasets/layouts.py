"""Tiny data sets in the exact layouts of the real ones, with what a reader must find in them.

The numbers in the masks are written out here from the specifications that the readers cite, not taken from
the readers' tables.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

SHAPE = (12, 16)  # px, height and width of every image
VOID = 255


@dataclass
class Made:
    """What was written. truth: name -> class indices. parts: name -> part, None where it is drawn.

    classes: index -> name, some of them. count: of all classes.
    """

    count: int
    classes: dict[int, str]
    background: int | None = None
    truth: dict[str, np.ndarray] = field(default_factory=dict)
    parts: dict[str, str | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def picture(seed: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """An image, uint8 (H, W, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def stripes(*values: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """A mask of upright stripes of these values, uint8 (H, W)."""
    places = np.arange(shape[1]) * len(values) // shape[1]
    return np.broadcast_to(np.array(values, dtype=np.uint8)[places], shape).copy()


def save(path: Path, pixels: np.ndarray, palette: np.ndarray | None = None) -> None:
    """Write an image or a mask, its folders as well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if palette is not None:
        image.putpalette(palette.tobytes(), "RGB")
    image.save(path)


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def pets(root: Path) -> Made:
    made = Made(2, {0: "background", 1: "pet"}, 0)
    truth = stripes(1, VOID, 0)
    lines = ["#Image CLASS-ID SPECIES BREED ID", "#ID: 1:37 Class ids"]
    for number, (stem, species) in enumerate(
        {"Abyssinian_1": 1, "Bombay_2": 1, "beagle_3": 2, "pug_4": 2, "pug_5": 2, "Sphynx_6": 1}.items()
    ):
        save(root / "images" / f"{stem}.jpg", picture(number))
        save(root / "annotations/trimaps" / f"{stem}.png", stripes(1, 3, 2))
        write_text(root / "annotations/trimaps" / f"._{stem}.png", "no picture")
        lines.append(f"{stem} {number} {species} 1")
        name = f"{stem}.jpg"
        made.truth[name], made.parts[name] = truth, "test" if number in (1, 4) else None
    write_text(root / "images/Abyssinian_1.mat", "not an image")
    write_text(root / "annotations/list.txt", "\n".join(lines) + "\n")
    write_text(root / "annotations/test.txt", "Bombay_2 1 1 1\npug_5 4 2 1\n")
    write_text(root / "annotations/trainval.txt", "Abyssinian_1 0 1 1\nbeagle_3 2 2 1\npug_4 3 2 1\n")
    return made


def only(name: str, make: Callable[[Path], Made], species: str) -> Callable[[Path], Made]:
    """The pets of one species: cats' names begin with a capital letter."""

    def write(root: Path) -> Made:
        made = make(root)
        chosen = {key for key in made.truth if key[0].isupper() == (species == "cat")}
        made.truth = {key: value for key, value in made.truth.items() if key in chosen}
        made.parts = {key: value for key, value in made.parts.items() if key in chosen}
        made.classes = {0: "background", 1: name}
        return made

    return write


def carla(root: Path) -> Made:
    made = Made(23, {0: "None", 1: "Buildings", 7: "Roads", 12: "TrafficSigns", 22: "Terrain"}, 0)
    for number, letter in enumerate("ABC"):
        for frame in range(2):
            place = root / f"data{letter}/data{letter}"
            name = f"02_00_{frame:03d}.png"
            numbers = stripes(0, 7, 10, 12)
            labels = np.zeros((*SHAPE, 3), np.uint8)
            labels[..., 0] = numbers
            save(place / "CameraRGB" / name, picture(10 * number + frame))
            save(place / "CameraSeg" / name, labels)
            key = f"data{letter}/data{letter}/CameraRGB/{name}"
            made.truth[key], made.parts[key] = numbers, None
    return made


def ade20k(root: Path) -> Made:
    made = Made(150, {1: "wall", 2: "building", 13: "person", 65: "coffee table", 150: "flag"})
    for place, part, stem in (("training", "train", "ADE_train"), ("validation", "val", "ADE_val")):
        for number in (1, 2):
            name = f"{stem}_{number:08d}"
            save(root / "images" / place / f"{name}.jpg", picture(number + 7 * (part == "val")))
            save(root / "annotations" / place / f"{name}.png", stripes(0, 1, 13, 150))
            made.truth[f"{place}/{name}.jpg"] = stripes(VOID, 1, 13, 150)
            made.parts[f"{place}/{name}.jpg"] = part
    save(root / "images/testing/ADE_test_00000001.jpg", picture(99))
    made.notes = ["not public"]
    return made


def voc_colors() -> np.ndarray:
    """VOC's palette, uint8 (256, 3), as its VOClabelcolormap makes it."""
    colors = np.zeros((256, 3), np.uint8)
    for index in range(256):
        rest = index
        for bit in range(7, -1, -1):
            for channel in range(3):
                colors[index, channel] |= (rest >> channel & 1) << bit
            rest >>= 3
    return colors


def voc2012(root: Path) -> Made:
    made = Made(21, {0: "background", 1: "aeroplane", 15: "person", 20: "tvmonitor"}, 0)
    stems = {"train": ["2007_000032", "2007_000039"], "val": ["2007_000033"]}
    for part, names in stems.items():
        write_text(root / f"ImageSets/Segmentation/{part}.txt", "\n".join(names) + "\n")
        for stem in names:
            save(root / "JPEGImages" / f"{stem}.jpg", picture(int(stem[-2:])))
            save(root / "SegmentationClass" / f"{stem}.png", stripes(0, 1, 15, VOID), voc_colors())
            made.truth[f"{stem}.jpg"], made.parts[f"{stem}.jpg"] = stripes(0, 1, 15, VOID), part
    save(root / "JPEGImages/2008_000001.jpg", picture(5))  # of another task, without a mask
    write_text(root / "ImageSets/Segmentation/trainval.txt", "2007_000032\n2007_000033\n2007_000039\n")
    return made


def coco_stuff(root: Path) -> Made:
    made = Made(171, {0: "person", 1: "bicycle", 89: "toothbrush", 91: "banner", 181: "wood"})
    for place, part in (("train2017", "train"), ("val2017", "val")):
        for number in (9, 25):
            stem = f"{number:012d}"
            save(root / "images" / place / f"{stem}.jpg", picture(number + (part == "val")))
            save(root / "annotations" / place / f"{stem}.png", stripes(0, 91, 181, VOID))
            name = f"{place}/{stem}.jpg"
            made.truth[name], made.parts[name] = stripes(0, 91, 181, VOID), part
    return made


def camvid(root: Path) -> Made:
    made = Made(11, {0: "Sky", 1: "Building", 3: "Road", 10: "Bicyclist"})
    frames = {
        "train": ["0001TP_006690", "0006R0_f00930"],
        "val": ["0016E5_07959"],
        "test": ["Seq05VD_f00000"],
    }
    for seed, (part, stems) in enumerate(frames.items()):
        lines = []
        for number, stem in enumerate(stems):
            save(root / part / f"{stem}.png", picture(10 * seed + number))
            save(root / f"{part}annot" / f"{stem}.png", stripes(0, 3, 10, 11))
            lines.append(f"/SegNet/CamVid/{part}/{stem}.png /SegNet/CamVid/{part}annot/{stem}.png")
            made.truth[f"{part}/{stem}.png"] = stripes(0, 3, 10, VOID)
            made.parts[f"{part}/{stem}.png"] = part
        write_text(root / f"{part}.txt", "\n".join(lines) + "\n")
    return made


def cityscapes(root: Path) -> Made:
    made = Made(19, {0: "road", 1: "sidewalk", 11: "person", 18: "bicycle"})
    for part, city in (("train", "aachen"), ("train", "zurich"), ("val", "munster"), ("test", "berlin")):
        stem = f"{city}_000000_000019"
        save(root / "leftImg8bit" / part / city / f"{stem}_leftImg8bit.png", picture(len(city)))
        # ids: 7 road, 8 sidewalk, 24 person, 33 bicycle; 0 unlabeled, 4 static, 9 parking are left out
        ids = stripes(7, 8, 24, 33, 0, 4, 9, 26) if part != "test" else stripes(0, 1)
        save(root / "gtFine" / part / city / f"{stem}_gtFine_labelIds.png", ids)
        if part != "test":
            name = f"{part}/{city}/{stem}_leftImg8bit.png"
            made.truth[name] = stripes(0, 1, 11, 18, VOID, VOID, VOID, 13)
            made.parts[name] = part
    made.notes = ["not public"]
    return made


def bdd100k(root: Path) -> Made:
    made = Made(19, {0: "road", 10: "sky", 18: "bicycle"})
    for part in ("train", "val"):
        for number in range(2):
            stem = f"0004a4c0-{part}{number}"
            save(root / "images/10k" / part / f"{stem}.jpg", picture(number + 3 * (part == "val")))
            save(root / "labels/sem_seg/masks" / part / f"{stem}.png", stripes(0, 10, 18, VOID))
            name = f"{part}/{stem}.jpg"
            made.truth[name], made.parts[name] = stripes(0, 10, 18, VOID), part
    save(root / "images/10k/test/cabc30fc.jpg", picture(77))
    made.notes = ["not public"]
    return made


def mapillary_vistas(root: Path) -> Made:
    names = [("animal--bird", "Bird"), ("construction--flat--road", "Road"), ("nature--sky", "Sky")]
    labels = [
        {"name": name, "readable": readable, "color": [10 * number, 20, 30], "instances": False}
        for number, (name, readable) in enumerate([*names, ("unlabeled", "Unlabeled")])
    ]
    write_text(root / "config.json", json.dumps({"labels": labels, "version": "1.1"}))
    made = Made(3, {0: "Bird", 1: "Road", 2: "Sky"})
    for place, part in (("training", "train"), ("validation", "val")):
        for number in range(2):
            stem = f"_{number}dQ{part}"
            save(root / place / "images" / f"{stem}.jpg", picture(number + 5 * (part == "val")))
            save(root / place / "labels" / f"{stem}.png", stripes(0, 1, 2, 3), voc_colors())
            name = f"{place}/{stem}.jpg"
            made.truth[name], made.parts[name] = stripes(0, 1, 2, VOID), part
    return made


def apolloscape(root: Path) -> Made:
    made = Made(22, {0: "sky", 1: "car", 9: "road", 21: "vegetation"})
    for number in range(1, 4):
        for camera in ("5", "6"):
            inner = f"road01_ins/Record{number:03d}/Camera {camera}"
            stem = f"170908_0615{number}1408_Camera_{camera}"
            save(root / "ColorImage" / inner / f"{stem}.jpg", picture(10 * number + int(camera)))
            # ids: 17 sky, 33 car, 161 car_groups, 49 road, 113 vegetation; 0 others and 255 are left out
            save(root / "Label" / inner / f"{stem}_bin.png", stripes(17, 33, 161, 49, 113, 0, 255))
            name = f"ColorImage/{inner}/{stem}.jpg"
            made.truth[name], made.parts[name] = stripes(0, 1, 1, 9, 21, VOID, VOID), None
    return made


def human_segmentation(root: Path) -> Made:
    made = Made(2, {0: "background", 1: "person"}, 0)
    for number in range(1, 7):
        save(root / "Training_Images" / f"{number}.jpg", picture(number))
        small = (9, 12) if number > 3 else SHAPE
        save(root / "Ground_Truth" / f"{number}.png", stripes(0, 255, 0, shape=small))
        made.parts[f"{number}.jpg"] = None
        if number <= 3:
            made.truth[f"{number}.jpg"] = stripes(0, 1, 0)
    made.notes = ["3 masks had another size"]
    return made


MAKERS: dict[str, Callable[[Path], Made]] = {
    "ade20k": ade20k,
    "apolloscape": apolloscape,
    "bdd100k": bdd100k,
    "camvid": camvid,
    "carla": carla,
    "cityscapes": cityscapes,
    "coco-stuff": coco_stuff,
    "human-segmentation": human_segmentation,
    "mapillary-vistas": mapillary_vistas,
    "oxford-pets": pets,
    "oxford-pets-cats": only("cat", pets, "cat"),
    "oxford-pets-dogs": only("dog", pets, "dog"),
    "voc2012": voc2012,
}
