"""Folders that the benchmarks open: large images with both layers, JPEGs to walk through, many files."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.core.document_files import IMAGE_HASH, MODEL
from unet_studio.core.image_io import pixel_hash
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project

PREDICTED, PAINTED = 1, 2  # class of the prediction; class of the annotation, and of every dab
NAME = "large.tif"


def picture(side):
    """Noise of 90..210 around grey, uint8 (side, side, 3), no block of it like another."""
    noise = np.random.default_rng(0).integers(0, 64, (1024, 1024, 3), dtype=np.uint8)
    image = np.empty((side, side, 3), dtype=np.uint8)
    for number, top in enumerate(range(0, side, 1024)):
        for other, left in enumerate(range(0, side, 1024)):
            block = image[top : top + 1024, left : left + 1024]
            block[:] = noise[: block.shape[0], : block.shape[1]] + np.uint8(
                90 + (7 * number + 13 * other) % 56
            )
    return image


def checks(side, rows=97, columns=83):
    """A chequerboard of 0 and 1, uint8 (side, side), whose fields meet no tile."""
    return ((np.arange(side) // rows)[:, None] + np.arange(side) // columns).astype(np.uint8) & 1


def make_large(folder, side):
    """An uncompressed TIFF of side x side RGB, a prediction of every pixel, and painted pixels over it."""
    import tifffile

    folder.mkdir(parents=True)
    image = picture(side)
    tifffile.imwrite(folder / NAME, image, photometric="rgb")
    digest = pixel_hash(image)
    del image
    project = Project.open(folder)
    project.set_classes(ClassTable.binary().add("second"))
    labels = checks(side)
    confidence = 128 + labels * np.uint8(90)
    project.write_prediction(NAME, Prediction(labels, confidence, "model", {IMAGE_HASH: digest}))
    painted = np.full((side, side), 255, dtype=np.uint8)
    painted[side // 3 : side // 3 + 300, 100 : side - 100] = PAINTED
    painted[100 : side - 100 : 500, side // 3 : side // 3 + 200] = 0
    project.write_annotation(NAME, painted, {IMAGE_HASH: digest, MODEL: "model"})
    project.close()
    return folder


def make_jpegs(folder, count=24):
    """Pictures of 1600 x 1200 px, each of a brightness of its own."""
    folder.mkdir(parents=True)
    noise = picture(1600)[:1200]
    for number in range(count):
        Image.fromarray(noise // 2 + np.uint8(5 * number)).save(folder / f"{number:02}.jpg", quality=90)
    return folder


def make_many(folder, count):
    """That many names of one small PNG: links to it, a fresh file for every ten thousand."""
    folder.mkdir(parents=True)
    shown = np.zeros((96, 128, 3), dtype=np.uint8)
    shown[..., 1] = np.arange(128)
    first: Path | None = None
    for number in range(count):
        path = folder / f"image_{number:06}.png"
        if first is None or number % 10_000 == 0:  # file systems bound the links to a file
            first = path
            Image.fromarray(shown).save(path)
        else:
            os.link(first, path)
    return folder
