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
from unet_studio.core.project import Project
from unet_studio.formats.export_options import ExportOptions
from unet_studio.formats.exporting import export_masks
from unet_studio.formats.sample import Labels

READER = Path(__file__).with_name("datumaro_reader.py")
SHAPE = (48, 64)
# What a format is called there; where in the folder that it opens the masks go, and the images.
KNOWN = {
    "coco": ("coco_instances", "annotations/instances_default.json", "images/default"),
    "voc": ("voc_segmentation", "", ""),
    "cvat": ("cvat", "annotations.xml", "images"),
    "cityscapes": ("cityscapes", "", ""),
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


def project_of(folder: Path, masks: dict[str, Labels]) -> Project:
    """A project in which these masks are approved, the first image for training, the others to validate."""
    for name in masks:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*SHAPE, 3), 90, np.uint8)).save(path)
    project = Project.open(folder)
    project.prepare()
    project.set_classes(ClassTable.binary("cell").add("wall"))
    for name, labels in masks.items():
        project.write_approved(name, labels, {})
        project.set_split(name, "train" if name == next(iter(masks)) else "val")
    return project


@pytest.mark.slow
@pytest.mark.parametrize("name", KNOWN)
def test_every_pixel_arrives_there(name: str, python: str, tmp_path: Path) -> None:
    other = np.flip(hard_labels(), axis=1).copy()
    other[:4] = 0
    masks = {"a.png": hard_labels(), "b.png": other}
    kind, target, pictures = KNOWN[name]
    project = project_of(tmp_path / "images", masks)
    out = tmp_path / "out"
    report = export_masks(project, name, out / target, ExportOptions(with_images=not pictures))
    project.close()
    assert report.proof.exact
    if pictures:  # datumaro wants a set's images in folders that tell its parts, whatever the format says
        (out / pictures).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images").rename(out / pictures)
    found = _read(python, kind, out, tmp_path)
    for image, labels in masks.items():
        for index, title in ((1, "cell"), (2, "wall")):
            keys = [key for key in found if key.endswith(f"{Path(image).stem}|{title}")]
            assert len(keys) == 1, f"{image}, {title} is not among {sorted(found)}"
            assert np.array_equal(found[keys[0]], labels == index), f"{image}, {title}"


def _read(python: str, kind: str, folder: Path, place: Path) -> dict[str, np.ndarray]:
    out = place / "found.npz"
    done = subprocess.run(
        [python, READER, kind, folder, out], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(out) as arrays:
        return dict(arrays)
