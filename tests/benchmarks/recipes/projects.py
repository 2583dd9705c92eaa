"""Projects made of sets, as a person has them: copies of images, named classes, predictions to correct."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.recipes.sets import ImageSet
from unet_studio.core.classes import read_classes_file
from unet_studio.core.document_files import IMAGE_HASH
from unet_studio.core.image_io import pixel_hash, read_image
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project


def make_project(folder: Path, images: ImageSet, names: Sequence[str]) -> Project:
    """Copy images of a set to a new folder, and make that a project with the set's classes; it is open."""
    folder.mkdir()
    for name in names:
        shutil.copy2(images.images / name, folder / name)
    project = Project.open(folder)
    project.set_classes(read_classes_file(images.classes)[0])
    return project


def store_prediction(project: Project, name: str, labels: NDArray[np.uint8], model: str) -> None:
    """Store what a model says of an image, class indices, uint8 (H, W), as if it were sure everywhere."""
    made = {IMAGE_HASH: pixel_hash(read_image(project.image_path(name)))}
    project.write_prediction(name, Prediction(labels, np.full_like(labels, 255), model, made))
