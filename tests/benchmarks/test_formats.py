"""Import and export of many images with five classes, beside plain loops of other libraries.

python -m pytest tests/benchmarks/test_formats.py --benchmark-only
UNET_STUDIO_FORMATS_IMAGES=10000 for the full length; 300 images by default.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

COUNT = int(os.environ.get("UNET_STUDIO_FORMATS_IMAGES", "300"))
SIDE = 256
ROOT = Path(__file__).parents[2]
CLASSES = ("background", "a", "b", "c", "d", "e")
HEAD = f"{'':<44}{'images':>8}{'images/s':>10}{'per cpu s':>11}{'peak MB':>9}"


def make_data(root):
    """JPEGs, and index masks of ellipses of five classes, one over the other, some with a hole."""
    rng = np.random.default_rng(0)
    images, masks = root / "images", root / "masks"
    images.mkdir(parents=True)
    masks.mkdir()
    noise = cv2.GaussianBlur(rng.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8), (0, 0), 3)
    for number in range(COUNT):
        image = np.roll(noise, 7 * number, axis=0)
        image[0, 0] = number % 256, number // 256, 0
        Image.fromarray(image).save(images / f"{number:05}.jpg", quality=90)
        Image.fromarray(mask_of(rng)).save(masks / f"{number:05}.png")
    entries = [
        {"index": index, "name": name, "color": f"#{40 * index:02x}{255 - 40 * index:02x}80"}
        for index, name in enumerate(CLASSES)
    ]
    (masks / "classes.json").write_text(json.dumps({"name": "x", "classes": entries, "ignore_index": 255}))


def mask_of(rng):
    """Three objects of each class, uint8 (SIDE, SIDE)."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    for index in [*range(1, len(CLASSES)), *range(1, len(CLASSES)), *range(1, len(CLASSES))]:
        center, axes = rng.integers(SIDE, size=2).tolist(), rng.integers(5, 36, size=2).tolist()
        cv2.ellipse(labels, center, axes, float(rng.integers(180)), 0, 360, index, -1)
        if rng.random() < 0.2:
            cv2.circle(labels, center, 3, 0, -1)
    return labels


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """images/, masks/, and what the steps make: project/, png/, coco/."""
    root = tmp_path_factory.mktemp("formats")
    make_data(root)
    return root


# In this order: each may read what one before it has written.
STEPS = {
    "import of index PNG": "import index-png {}/masks {}/images {}/project",
    "export as index PNG, with proof": "export {}/images {}/project index-png {}/png",
    "export as COCO, with proof": "export {}/images {}/project coco {}/coco",
    "import of COCO": "import coco {}/coco/annotations.json {}/images {}/of-coco",
    "PNG read by Pillow, masks alone": "read-png {}/masks",
    "PNG written by Pillow, masks alone": "write-png {}/masks {}/plain",
    "COCO read by pycocotools, masks alone": "pycocotools {}/coco/annotations.json",
    "COCO written by json, masks alone": "plain-coco {}/masks {}/plain.json",
}


@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", STEPS)
def test_many_images(benchmark, figures, data, name):
    benchmark.group = f"{COUNT} images of {SIDE} x {SIDE} px"
    words = [word.replace("{}", str(data)) for word in STEPS[name].split()]

    def run():
        command = [sys.executable, "-m", "tests.benchmarks.fresh_formats", *words]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
        return json.loads(done.stdout)

    found = benchmark.pedantic(run, rounds=1)
    assert found["images"] == COUNT
    rates = COUNT / found["seconds"], COUNT / found["cpu"]
    if HEAD not in figures.notes:
        figures.notes.append(HEAD)
    line = f"{name:<44}{COUNT:>8}{rates[0]:>10.1f}{rates[1]:>11.1f}{found['peak'] / 1e6:>9.0f}"
    figures.note(benchmark, line, **found)
