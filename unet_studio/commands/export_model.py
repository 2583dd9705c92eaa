"""Write a model as an ONNX file for other programs; it is compared with the original on images first."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unet_studio.commands.options import add_json, opened
from unet_studio.commands.terminal import Terminal
from unet_studio.core.errors import StudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLES = 4  # images that are compared by default


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a name, a model folder or a run folder")
    parser.add_argument("file", metavar="FILE.onnx", type=Path, help="the file to write")
    parser.add_argument("--project", metavar="FOLDER", type=Path, help="look for MODEL in this project too")
    parser.add_argument(
        "--images",
        metavar="IMAGE_OR_FOLDER",
        nargs="+",
        type=Path,
        help="compare on these; by default on images that come with the program",
    )
    parser.add_argument("--force", action="store_true", help="overwrite FILE.onnx")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from unet_studio.core.resources import resources
    from unet_studio.core.versions import find_model
    from unet_studio.model import load_model
    from unet_studio.model.onnx_export import OPSET, export_onnx

    terminal = Terminal(arguments.json)
    path: Path = arguments.file
    if path.suffix.lower() != ".onnx":
        raise StudioError(f"{path} does not end in .onnx.", "Name the file so, for programs to know it.")
    if path.exists() and not arguments.force:
        raise StudioError(f"{path} is there already.", "Choose another name, or add --force.")
    folders = [resources() / "models"]
    if arguments.project is not None:
        with opened(arguments.project) as project:
            folders.insert(0, project.models_folder)
    model = load_model(find_model(arguments.model, folders).folder, "cpu")
    samples = _samples(arguments.images, model.card.preprocessing.channels)
    found = export_onnx(model, path, samples)
    size = path.stat().st_size
    terminal.say(f"{model.name} written to {path}: ONNX {OPSET}, {size / 2**20:.1f} MiB")
    terminal.say(
        f"Compared with the original on {found.images} images: probabilities differ by "
        f"{found.difference:.1e} at most, {found.agreement:.4%} of the pixels have the same class"
    )
    terminal.result(
        {
            "model": model.name,
            "file": str(path),
            "bytes": size,
            "opset": OPSET,
            "images": found.images,
            "largest_difference": found.difference,
            "agreement": found.agreement,
        }
    )
    return 0


def _samples(given: list[Path] | None, channels: int) -> "Iterator[NDArray[Any]]":
    """The images to compare on: those named, else of the sample project, else noise of so many channels."""
    import numpy as np

    from unet_studio.commands.predict import find_inputs
    from unet_studio.core.image_io import read_image
    from unet_studio.core.resources import resources

    if given is None and channels not in (1, 3):
        noise = np.random.default_rng(0)
        yield from (noise.integers(0, 256, (256, 320, channels), dtype=np.uint8) for _ in range(SAMPLES))
        return
    paths = list(find_inputs(given or [resources() / "sample"], Path()).values())
    for path in paths if given else paths[:SAMPLES]:
        yield read_image(path)
