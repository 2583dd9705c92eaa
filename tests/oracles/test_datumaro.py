"""datumaro reads our exports: every class of every image, pixel for pixel.

UNET_STUDIO_DATUMARO names a Python that has datumaro (`pip install datumaro` in an environment of its own).
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.formats.sample import Labels, Outgoing, Sample
from unet_studio.formats.table import FORMATS

READER = Path(__file__).with_name("datumaro_reader.py")
SHAPE = (48, 64)
TABLE = ClassTable.binary("cell").add("wall")
# What the format is called there, where in a data set datumaro looks for what we export, and for its images.
KNOWN = {
    "coco": ("coco_instances", "annotations/instances_default.json", "images/default"),
    "voc": ("voc_segmentation", "", "JPEGImages"),
    "cvat": ("cvat", "annotations.xml", "images"),
    "cityscapes": ("cityscapes", "", "leftImg8bit"),
}
# Where images do not lie under their own names, and what datumaro calls them then.
PLACES = {
    ("cityscapes", "a.png"): ("train/_/a_leftImg8bit.png", "_/a"),
    ("cityscapes", "sub/b.png"): ("val/sub/b_leftImg8bit.png", "sub/b"),
}


@pytest.fixture(scope="module")
def python() -> str:
    path = os.environ.get("UNET_STUDIO_DATUMARO")
    if not path:
        pytest.skip("UNET_STUDIO_DATUMARO is not set")
    return path


def hard_labels() -> Labels:
    """A ring with an island in its hole, a line and a point of one px, diagonal pixels, and noise."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    far = np.hypot(rows - 20, columns - 24)
    labels = np.zeros(SHAPE, np.uint8)
    labels[(far < 16) & (far > 8)] = 1
    labels[far < 4] = 2
    labels[40, 2:60] = 2
    labels[45, 50] = 1
    labels[[2, 3, 4], [50, 51, 52]] = 1
    noise = np.random.default_rng(0).random(SHAPE) < 0.5
    labels[:, 44:][noise[:, 44:]] = 2
    return labels


@pytest.mark.slow
@pytest.mark.parametrize("name", KNOWN)
def test_every_pixel_arrives_there(name: str, python: str, tmp_path: Path) -> None:
    other = np.flip(hard_labels(), axis=1).copy()
    other[:4] = 0
    samples = {"a.png": hard_labels(), "sub/b.png": other}
    split = {"a.png": "train", "sub/b.png": "val"}
    kind, target, pictures = KNOWN[name]
    for image in samples:
        path = tmp_path / "out" / pictures / PLACES.get((name, image), (image,))[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*SHAPE, 3), 90, np.uint8)).save(path)
    outgoing = Outgoing(
        "a set",
        TABLE,
        list(samples),
        lambda: (Sample(image, labels) for image, labels in samples.items()),
        split,
        lambda image: tmp_path / "out" / pictures / image,
    )
    FORMATS[name].write(tmp_path / "out" / target, outgoing)
    found = _read(python, kind, tmp_path / "out", tmp_path)
    for image, labels in samples.items():
        stem = PLACES.get((name, image), ("", image.removesuffix(".png")))[1]
        for index, title in ((1, "cell"), (2, "wall")):
            there = found.get(f"{stem}|{title}")
            assert there is not None, f"{stem}|{title} is not among {sorted(found)}"
            assert np.array_equal(there, labels == index), f"{image}, {title}"


def _read(python: str, kind: str, folder: Path, place: Path) -> dict[str, np.ndarray]:
    out = place / "found.npz"
    done = subprocess.run(
        [python, READER, kind, folder, out], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(out) as arrays:
        return dict(arrays)
