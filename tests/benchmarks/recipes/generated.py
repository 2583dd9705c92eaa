"""Pictures that are drawn, where the real data sets can't be had: streets, pets, and fields of 150 classes.

They are substitutes: easier than photographs, and figures from them say that a recipe works from end to end,
not how good it would be on the data it is meant for.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
STREET = (192, 256)  # height, width of a street, px
NAMES = (  # of CARLA's 23 classes those from 0 to 12, see training/datasets/carla.py
    "None", "Buildings", "Fences", "Other", "Pedestrians", "Poles", "RoadLines", "Roads", "Sidewalks",
    "Vegetation", "Vehicles", "Walls", "TrafficSigns",
)  # fmt: skip
CHOSEN = len(NAMES)
NONE, BUILDING, FENCE, OTHER, PERSON, POLE, LINE, ROAD, PAVEMENT, TREE, CAR, WALL, SIGN = range(CHOSEN)
LIGHT, STATIC, WATER, TERRAIN = 18, 19, 21, 22  # of the others, which nobody asks for
CLASSES_OF_MANY = 150


def colors(count: int, seed: int) -> NDArray[np.float32]:
    """A color for each class, float32 (count, 3), in 40..215."""
    return np.random.default_rng(seed).uniform(40, 215, (count, 3)).astype(np.float32)


def paint(rng: Generator, labels: Pixels, palette: NDArray[np.float32], grain: float = 14.0) -> Pixels:
    """A picture of a mask: every class in its color, under a light that changes slowly, with grain."""
    height, width = labels.shape
    shade = cv2.resize(
        rng.normal(0, 18, (4, 5)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    tint = rng.normal(0, 8, 3).astype(np.float32)
    image = (
        palette[labels]
        + shade[..., None]
        + tint
        + rng.normal(0, grain, (height, width, 3)).astype(np.float32)
    )
    return np.clip(cv2.GaussianBlur(image, (0, 0), 0.7), 0, 255).astype(np.uint8)


def save(path: Path, pixels: Pixels) -> None:
    """Write a PNG or JPEG, its folders as well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_classes(path: Path, names: Sequence[str], ignore: int | None = None) -> None:
    """Write a classes.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shades = np.random.default_rng(1).integers(0, 256, (len(names), 3))
    entries = [
        {"index": index, "name": name, "color": "#{:02x}{:02x}{:02x}".format(*shades[index])}
        for index, name in enumerate(names)
    ]
    path.write_text(json.dumps({"name": path.parent.name, "classes": entries, "ignore_index": ignore}))


def street(rng: Generator) -> Pixels:
    """What a car sees, uint8 STREET, in CARLA's classes."""
    height, width = STREET
    labels = np.full(STREET, NONE, dtype=np.uint8)
    horizon = int(rng.integers(70, 95))
    middle = int(width / 2 + rng.integers(-30, 30))
    labels[horizon:] = TERRAIN

    def polygon(value: int, *points: tuple[float, float]) -> None:
        cv2.fillPoly(labels, [np.array(points, dtype=np.int32)], value)

    x = 0
    while x < width:
        wide, high = int(rng.integers(25, 60)), int(rng.integers(15, 60))
        value = BUILDING if rng.random() < 0.7 else TREE
        if value == BUILDING:
            polygon(value, (x, horizon), (x, horizon - high), (x + wide, horizon - high), (x + wide, horizon))
        else:
            cv2.ellipse(
                labels, (x + wide // 2, horizon - high // 2), (wide // 2, high // 2 + 4), 0, 0, 360, value, -1
            )
        x += wide + int(rng.integers(-5, 12))
    polygon(PAVEMENT, (middle, horizon), (-120, height), (width + 120, height), (middle, horizon))
    polygon(ROAD, (middle - 3, horizon), (-30, height), (width + 30, height), (middle + 3, horizon))
    for part in (0.1, 0.35, 0.7):
        top, bottom = (horizon + (height - horizon) * share for share in (part, part + 0.12 + 0.1 * part))
        polygon(LINE, (middle - 1, top), (middle - 3, bottom), (middle + 3, bottom), (middle + 1, top))
    _street_sides(rng, labels, horizon, polygon)
    _street_things(rng, labels, horizon)
    return labels


def _street_sides(rng: Generator, labels: Pixels, horizon: int, polygon) -> None:
    """A fence, a wall, or water along the road."""
    width = STREET[1]
    for side in (0, width):
        value = int(rng.choice([FENCE, WALL, WATER, PAVEMENT]))
        reach = side + (1 if side == 0 else -1) * width * 0.3
        high = int(rng.integers(10, 20))
        polygon(
            value,
            (side, horizon + 14),
            (side, horizon + 14 + high),
            (reach, horizon + 2),
            (reach, horizon - 4),
        )


def _street_things(rng: Generator, labels: Pixels, horizon: int) -> None:
    """Poles with signs or lights, cars, persons and what else stands about, the farther the smaller."""
    height, width = STREET
    for _ in range(3):
        x, foot = int(rng.integers(5, width - 5)), horizon + int(rng.integers(5, 40))
        top = foot - int(rng.integers(40, 70))
        cv2.line(labels, (x, top), (x, foot), POLE, 3)
        cv2.circle(labels, (x, top), int(rng.integers(4, 7)), int(rng.choice([SIGN, SIGN, LIGHT])), -1)
    for value, tall, wide, count in (
        (CAR, 0.5, 0.8, 3),
        (PERSON, 0.55, 0.15, 3),
        (OTHER, 0.25, 0.25, 2),
        (STATIC, 0.2, 0.2, 1),
    ):
        for _ in range(count):
            far = rng.uniform(0.12, 0.9)
            foot, x = int(horizon + far * (height - horizon)), int(rng.integers(0, width))
            up, half = max(3, int(tall * far * 90)), max(2, int(wide * far * 45))
            cv2.rectangle(labels, (x - half, foot - up), (x + half, foot), value, -1)


def make_carla(root: Path, count: int, seed: int = 0) -> Path:
    """So many streets as CARLA data, CameraRGB beside CameraSeg, in five sets; the truth of the chosen
    classes as index PNGs under truth/, beside its classes.json. Returns the data's folder.
    """
    data, palette = root / "carla", colors(23, 7)
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        labels = street(rng)
        letter, name = "ABCDE"[number % 5], f"02_00_{number:03d}.png"
        place = Path(f"data{letter}") / f"data{letter}"
        save(data / place / "CameraRGB" / name, paint(rng, labels, palette))
        red = np.zeros((*STREET, 3), dtype=np.uint8)
        red[..., 0] = labels
        save(data / place / "CameraSeg" / name, red)
        truth = np.where(labels < CHOSEN, labels, NONE).astype(np.uint8)
        save(root / "truth" / place / "CameraRGB" / name, truth)
    return data


def make_pets(root: Path, dogs: int, cats: int, seed: int = 0) -> Path:
    """Animals on meadows as Oxford-IIIT Pet, trimaps with a border of some px, and truth/ with the border as
    part of the dog. Returns the data's folder.
    """
    data, lines = root / "pets", []
    for number in range(dogs + cats):
        rng = np.random.default_rng([seed, number])
        dog = number < dogs
        stem = f"beagle_{number}" if dog else f"Bombay_{number}"
        animal, image = _animal(rng)
        save(data / "images" / f"{stem}.jpg", image)
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
        inner, outer = cv2.erode(animal, kernel), cv2.dilate(animal, kernel)
        trimap = np.where(inner > 0, 1, np.where(outer > 0, 3, 2)).astype(np.uint8)
        save(data / "annotations" / "trimaps" / f"{stem}.png", trimap)
        lines.append(f"{stem} {1 if dog else 2} {2 if dog else 1} 1")
        if dog:
            save(root / "truth" / f"{stem}.png", (trimap != 2).astype(np.uint8))
    (data / "annotations" / "list.txt").write_text("\n".join(lines) + "\n")
    return data


def _animal(rng: Generator) -> tuple[Pixels, Pixels]:
    """A mask, uint8 (H, W) of 0 and 1, and its picture: body, head, legs, tail of a fur, before a ground."""
    height, width = (int(side) for side in rng.integers(180, 320, 2))
    animal = np.zeros((height, width), dtype=np.uint8)
    x, y = (int(rng.uniform(0.35, 0.65) * side) for side in (width, height))
    size, turn = rng.uniform(0.15, 0.28) * min(height, width), rng.uniform(-30, 30)
    cv2.ellipse(animal, (x, y), (int(1.4 * size), int(0.8 * size)), turn, 0, 360, 1, -1)
    side = int(rng.choice([-1, 1]))
    cv2.circle(animal, (x + int(1.3 * side * size), y - int(0.7 * size)), int(0.6 * size), 1, -1)
    for foot in (-0.9, -0.4, 0.4, 0.9):
        cv2.line(
            animal,
            (x + int(foot * size), y),
            (x + int(1.1 * foot * size), y + int(1.5 * size)),
            1,
            max(3, int(0.25 * size)),
        )
    cv2.line(
        animal,
        (x - int(1.2 * side * size), y),
        (x - int(2 * side * size), y - int(0.8 * size)),
        1,
        max(2, int(0.15 * size)),
    )
    coats = rng.uniform(30, 225, (2, 3)).astype(np.float32)
    coats[0] = coats[0] * 0.5 + np.array([40, 70, 30])  # the ground is rather green, but not always
    spots = cv2.resize(
        rng.normal(0, 22, (9, 9)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    image = paint(rng, animal, coats, 18.0).astype(np.float32) + spots[..., None]
    return animal, np.clip(image, 0, 255).astype(np.uint8)


def make_many_classes(root: Path, count: int, side: int = 128, seed: int = 0) -> Path:
    """Images of some 30 fields each, of 150 classes that all occur, in the layout of UNET_STUDIO_DATA."""
    palette = colors(CLASSES_OF_MANY, 11)
    rows, columns = np.mgrid[:side, :side]
    names, left = [], np.random.default_rng(seed).permutation(CLASSES_OF_MANY)
    share = math.ceil(CLASSES_OF_MANY / count)
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        own = left[number * share : (number + 1) * share]
        values = np.concatenate([own, rng.integers(0, CLASSES_OF_MANY, max(10, 30 - len(own)))])
        places = rng.uniform(0, side, (len(values), 2))
        distance = (rows[..., None] - places[:, 0]) ** 2 + (columns[..., None] - places[:, 1]) ** 2
        labels = values[distance.argmin(axis=2)].astype(np.uint8)
        names.append(f"{number:03d}.png")
        save(root / "images" / names[-1], paint(rng, labels, palette, 8.0))
        save(root / "masks" / names[-1], labels)
    write_classes(root / "classes.json", [f"class {index}" for index in range(CLASSES_OF_MANY)])
    (root / "split.json").write_text(json.dumps({"train": names, "val": [], "test": []}))
    return root


def make_small_set(root: Path, counts: dict[str, int], classes: int, side: int, seed: int = 0) -> Path:
    """Discs of some classes on a ground, in the layout of UNET_STUDIO_DATA: to try this package with."""
    palette = colors(classes, seed + 3)
    split: dict[str, list[str]] = {part: [] for part in ("train", "val", "test")}
    for number in range(sum(counts.values())):
        rng = np.random.default_rng([seed, number])
        labels = np.zeros((side, side), dtype=np.uint8)
        for index in range(1, classes):
            center = tuple(int(place) for place in rng.integers(0, side, 2))
            cv2.circle(labels, center, side // 4, index, -1)
        name = f"{number:03d}.png"
        save(root / "images" / name, paint(rng, labels, palette, 6.0))
        save(root / "masks" / name, labels)
        part = next(part for part, most in counts.items() if len(split[part]) < most)
        split[part].append(name)
    write_classes(root / "classes.json", ["background", *(f"object {index}" for index in range(1, classes))])
    (root / "split.json").write_text(json.dumps(split))
    return root
