"""The sample project: its images and their truth, a user's copy of it, and the bundled model's training set.

    python -m unet_studio.demo.sample OUT                  make the images of resources/sample
    python -m unet_studio.demo.sample --truth OUT          make their true masks
    python -m unet_studio.demo.sample --training-set OUT   make what the bundled model was trained on

The three sets of pictures (sample, training, unseen) come from seeds of their own and never meet.
"""

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray
from PIL import Image

from unet_studio.core.classes import UNLABELLED, ClassTable, write_classes_file
from unet_studio.core.errors import StudioError
from unet_studio.core.project import PROJECT_FILE, PROJECT_FOLDER, Project
from unet_studio.core.resources import resources
from unet_studio.core.storage import atomic_write, write_index_png, write_json

CLASSES = ClassTable.binary("cell")
PROJECT_NAME = "Sample project"
MODEL_NAME = "sample-cells"
QUALITY = 90  # of the JPEGs

SAMPLE_SEEDS = {f"cells-{number:02d}.jpg": 100 + number for number in range(1, 15)}
TRAINING_SEEDS = range(1001, 1031)  # the last 6 validate
VALIDATION = 6
UNSEEN_SEEDS = range(2001, 2025)  # what the demo compares the models on


def sample_folder() -> Path:
    """Where the sample images lie that ship with the program."""
    return resources() / "sample"


def sample_truth(name: str) -> NDArray[np.uint8]:
    """The true mask, uint8 (H, W), of a sample image, made anew from its seed."""
    if name not in SAMPLE_SEEDS:
        raise StudioError(f"{name} is no sample image.", f"They are {', '.join(SAMPLE_SEEDS)}.")
    return _draw(SAMPLE_SEEDS[name])[1]


def default_place() -> Path:
    """The folder of the user's own copy of the sample project."""
    return platformdirs.user_data_path("unet-studio", appauthor=False) / "sample project"


def install_sample(destination: Path | None = None, names: Iterable[str] = SAMPLE_SEEDS) -> Path:
    """Copy the sample images to a folder and make it a project; returns the folder.

    A copy that is there already stays as it is, with all that a person did in it. names: the images wanted.
    """
    folder = destination or default_place()
    wanted = list(names)
    if _is_installed(folder, wanted):
        return folder
    for name in wanted:
        with (sample_folder() / name).open("rb") as source, atomic_write(folder / name) as target:
            shutil.copyfileobj(source, target)
    project = Project.open(folder)
    try:
        if not project.exists:
            project.set_classes(CLASSES)
            project.set_name(PROJECT_NAME)
            project.set_model(MODEL_NAME)
    finally:
        project.close()
    return folder


def _is_installed(folder: Path, names: Iterable[str]) -> bool:
    """Whether a project with any of these images is there; the project's file is the last to be written."""
    made = (folder / PROJECT_FOLDER / PROJECT_FILE).is_file()
    return made and any((folder / name).is_file() for name in names)


def write_sample(folder: Path) -> None:
    """Make the sample images."""
    for name, seed in SAMPLE_SEEDS.items():
        _write_jpeg(folder / name, _draw(seed)[0])


def write_truth(folder: Path) -> None:
    """Make the true masks of the sample images, with classes.json, for `unet-studio evaluate`."""
    for name in SAMPLE_SEEDS:
        write_index_png(folder / f"{Path(name).stem}.png", sample_truth(name), CLASSES.palette())
    write_classes_file(folder / "classes.json", "Cells", CLASSES, UNLABELLED)


def write_training_set(folder: Path) -> None:
    """Make images/, masks/, classes.json and split.json for `unet-studio train`."""
    names = []
    for seed in TRAINING_SEEDS:
        image, truth = _draw(seed, "training")
        names.append(f"cells-{seed}.jpg")
        _write_jpeg(folder / "images" / names[-1], image)
        write_index_png(folder / "masks" / f"cells-{seed}.png", truth, CLASSES.palette())
    write_classes_file(folder / "classes.json", "Cells", CLASSES, UNLABELLED)
    split = {"train": names[:-VALIDATION], "val": names[-VALIDATION:], "test": []}
    write_json(folder / "split.json", split)


def write_unseen(folder: Path, seed: int) -> tuple[Path, NDArray[np.uint8]]:
    """Make one picture like the sample's, of another seed. Returns its file and truth, uint8 (H, W)."""
    image, truth = _draw(seed)
    path = folder / f"cells-{seed}.jpg"
    _write_jpeg(path, image)
    return path, truth


def _draw(seed: int, settings: str = "sample") -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A picture of the generator and its truth."""
    # Imported here: the window installs the sample project as it opens, and has no need of OpenCV for that.
    from unet_studio.demo.generator import SETTINGS, generate

    return generate(seed, SETTINGS[settings])


def _write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an image, uint8 (H, W, 3), as a JPEG."""
    with atomic_write(path) as stream:
        Image.fromarray(image).save(stream, format="JPEG", quality=QUALITY, subsampling=0)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m unet_studio.demo.sample",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, help="folder to write to")
    kinds = parser.add_mutually_exclusive_group()
    for option, make in (("--truth", write_truth), ("--training-set", write_training_set)):
        kinds.add_argument(option, dest="make", action="store_const", const=make, default=write_sample)
    given = parser.parse_args(arguments)
    given.make(given.out)


if __name__ == "__main__":
    main()
