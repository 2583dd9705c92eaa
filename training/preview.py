"""A picture of what a training would show its network: python -m training.preview RUN FILE.png

RUN is a run folder with its settings; nothing is trained. One JSON object on standard output says how it
went: {"width": px, "height": px} or {"error": ..., "remedy": ...}. Exit status: 0 done, 1 failed, 2 wrong
usage.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from training.augment import AUGMENTATIONS
from training.data import Batches, Samples
from training.freeze import freeze
from training.frozen import FrozenData, FrozenSample
from training.network import find_origin
from training.plan import Plan, make_plan
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import Preprocessing
from unet_studio.core.overlays import PictureStyle, overlay
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.sheet import FAINT, Box, Sheet, Text, Tile, shortened, text_width
from unet_studio.core.sheet_picture import draw_sheet
from unet_studio.core.storage import atomic_write
from unet_studio.core.training_config import TrainingConfig
from unet_studio.model.devices import choose_device
from unet_studio.model.preprocess import scale

Picture = NDArray[np.uint8]  # (h, w, 3)
ROWS = 6  # samples, evenly spread over the training images
VARIANTS = 5  # of each
CELL = 220  # px, the longest side of a picture
GAP, MARGIN, LINE = 8, 16, 22  # px
STYLE = PictureStyle(side=4 * CELL, opacity=0.35)
HATCH = 12  # px from stripe to stripe over what is unknown, in the picture


def make_preview(config: TrainingConfig, run: RunFolder) -> Image.Image:
    """The picture, RGB: a row a sample, first as it is, then varied. Freezes a few samples into the run.

    Scale and patches are chosen as a training would, though from the samples shown alone. Raises StudioError
    as a training does where nothing can be learnt.
    """
    data = freeze(run, replace(config, overfit=ROWS), lambda: None)
    kind = choose_device(config.device).type
    origin = find_origin(config)
    given = origin.card.preprocessing if origin else None
    plan = make_plan(config, data, kind, given, config.init != "random")
    pages = [
        _row(replace(config, seed=config.seed + number), data, plan, sample)
        for number, sample in enumerate(data.part("train"))
    ]
    return draw_sheet(_sheet(config, data, plan, pages))


def _row(
    config: TrainingConfig, data: FrozenData, plan: Plan, frozen: FrozenSample
) -> tuple[str, list[Picture]]:
    """A sample's name, and its pictures: as it is, then varied."""
    samples = Samples(data, [frozen], plan.preprocessing)
    preset = AUGMENTATIONS[_preset(config)]
    batches = Batches(
        samples, plan.preprocessing, plan.patch, VARIANTS, preset, config.seed, torch.device("cpu")
    )
    images, targets = batches.draw(0)
    whole = samples[0]
    step = max(1, max(whole.target.shape) // (2 * CELL))
    seen = scale(whole.image[::step, ::step], plan.preprocessing)
    pairs = [(seen, whole.target[::step, ::step]), *zip(images.numpy(), targets.numpy(), strict=True)]
    return frozen.name, [_picture(image, target, plan.preprocessing, data) for image, target in pairs]


def _picture(
    image: NDArray[np.float32], target: NDArray[Any], preprocessing: Preprocessing, data: FrozenData
) -> Picture:
    """An input (C, h, w) as it looks, fit to a cell, its target's classes over it, the unknown hatched."""
    shown = _fitted(_visible(image, preprocessing))
    class_of = np.full(256, UNLABELLED, dtype=np.uint8)
    class_of[: len(data.classes.indices)] = data.classes.indices
    labels = np.asarray(
        Image.fromarray(class_of[target]).resize(shown.shape[1::-1], Image.Resampling.NEAREST)
    )
    return _hatched(overlay(shown, labels, data.classes, STYLE), labels == UNLABELLED)


def _visible(image: NDArray[np.float32], preprocessing: Preprocessing) -> Picture:
    """Scaled values back as grey or colour, uint8 (h, w, 3); of many channels, the first three."""
    mean = np.asarray(preprocessing.mean or (0.0,) * len(image), dtype=np.float32)
    std = np.asarray(preprocessing.std or (1.0,) * len(image), dtype=np.float32)
    values = (image * std[:, None, None] + mean[:, None, None]).clip(0, 1)
    colors = values[:3] if len(values) >= 3 else np.repeat(values[:1], 3, axis=0)
    return (255 * colors.transpose(1, 2, 0)).round().astype(np.uint8)


def _fitted(picture: Picture) -> Picture:
    """At most CELL px wide and high; small ones enlarged by a whole number, so that pixels stay squares."""
    height, width = picture.shape[:2]
    longest = max(height, width)
    if longest <= CELL:
        times = CELL // longest
        return picture.repeat(times, axis=0).repeat(times, axis=1)
    size = max(1, round(width * CELL / longest)), max(1, round(height * CELL / longest))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


def _hatched(picture: Picture, where: NDArray[np.bool_]) -> Picture:
    rows, columns = np.indices(where.shape)
    stripes = (rows + columns) % HATCH
    picture = picture.copy()
    picture[where] = picture[where] // 2 + 64
    picture[where & (stripes < 2)] = 255
    return picture


def _sheet(
    config: TrainingConfig, data: FrozenData, plan: Plan, pages: list[tuple[str, list[Picture]]]
) -> Sheet:
    width = 2 * MARGIN + (VARIANTS + 1) * (CELL + GAP) - GAP
    legend = _legend(data, width - 2 * MARGIN)
    sheet = Sheet(width, 0, "Samples as a training varies them")
    top = float(MARGIN)
    for text, size in ((_title(config), 17), (_facts(plan), 13)):
        sheet.items.append(Text(MARGIN, top + LINE / 2, shortened(text, size, width - 2 * MARGIN), size))
        top += LINE
    sheet.place(legend, MARGIN, top + GAP)
    top += legend.height + 2 * GAP
    word = "varied" if _preset(config) != "none" else "as learnt"
    for column, heading in enumerate(["as it is", *(f"{word}, {n}" for n in range(1, VARIANTS + 1))]):
        place = MARGIN + column * (CELL + GAP)
        sheet.items.append(Text(place, top + LINE / 2, heading, 13, FAINT))
    top += LINE
    for name, pictures in pages:
        sheet.items.append(Text(MARGIN, top + LINE / 2, shortened(name, 13, width - 2 * MARGIN)))
        top += LINE
        for column, picture in enumerate(pictures):
            sheet.items.append(Tile(MARGIN + column * (CELL + GAP), top, picture, name))
        top += max(picture.shape[0] for picture in pictures) + GAP
    sheet.height = top + MARGIN - GAP
    return sheet


def _preset(config: TrainingConfig) -> str:
    return "none" if config.overfit else config.augmentation


def _title(config: TrainingConfig) -> str:
    varied = "not varied: learnt by heart" if config.overfit else f"augmentation {config.augmentation}"
    return f"What the training would learn from: {varied}"


def _facts(plan: Plan) -> str:
    height, width = plan.patch
    size = " x ".join(f"{value:g}" for value in plan.preprocessing.size)
    scaled = f"scaled by {plan.preprocessing.resize} {size}" if size else "in the images' own scale"
    count = plan.preprocessing.channels
    return f"Patches of {width} x {height} px, {scaled}; {count} channel{'s' if count > 1 else ''}"


def _legend(data: FrozenData, width: float) -> Sheet:
    """The classes with their colours, and the unknown, in as many lines as they take."""
    entries = [(entry.name, entry.color) for entry in data.classes.active]
    entries.append(("unknown: hatched", "#ffffff"))
    legend = Sheet(width, LINE)
    left = top = 0.0
    for name, color in entries:
        label = shortened(name, 13, width / 2)
        wide = LINE + text_width(label, 13) + 2 * GAP
        if left and left + wide > width:
            left, top = 0.0, top + LINE
        legend.items.append(Box(left, top + 3, LINE - 6, LINE - 6, FAINT))
        legend.items.append(Box(left + 1, top + 4, LINE - 8, LINE - 8, color))
        legend.items.append(Text(left + LINE, top + LINE / 2, label))
        left += wide
    legend.height = top + LINE
    return legend


def main(arguments: list[str]) -> int:
    """Write the picture; returns the exit status."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m training.preview RUN FILE.png\n")
        return 2
    run, destination = RunFolder(Path(arguments[0])), Path(arguments[1])
    try:
        picture = make_preview(run.config(), run)
        with atomic_write(destination) as stream:
            picture.save(stream, "png")
    except StudioError as error:
        sys.stdout.write(json.dumps({"error": error.message, "remedy": error.remedy}) + "\n")
        return 1
    except OSError as error:
        problem = f"{destination} can't be written: {error.strerror or error}."
        told = {"error": problem, "remedy": "Name another file."}
        sys.stdout.write(json.dumps(told) + "\n")
        return 1
    sys.stdout.write(json.dumps({"width": picture.width, "height": picture.height}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
