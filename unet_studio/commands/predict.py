"""Segment images with a model. Writes STEM.png (palette PNG, pixel value = class index) for each image,
keeping sub-folders, beside a classes.json. Images that are done are skipped."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unet_studio.commands.options import add_json, opened
from unet_studio.commands.proofs import show_problems
from unet_studio.commands.terminal import Meter, Terminal
from unet_studio.core.errors import StudioError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from unet_studio.core.classes import ClassTable
    from unet_studio.core.model_card import ModelEntry
    from unet_studio.core.prediction import Prediction
    from unet_studio.model import Model, PredictSettings

DEVICES = "auto (default), cpu, cuda, cuda:N or mps"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("inputs", metavar="IMAGE_OR_FOLDER", nargs="+", type=Path, help="what to segment")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where the masks go")
    parser.add_argument("--model", metavar="NAME_OR_PATH", help="a name, a model folder or a run folder")
    parser.add_argument(
        "--project", metavar="FOLDER", type=Path, help="use this project's models and class indices"
    )
    parser.add_argument("--device", default="auto", help=DEVICES)
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument(
        "--exact", dest="mode", action="store_const", const="exact", default="exact", help="float32 (default)"
    )
    modes.add_argument(
        "--fast", dest="mode", action="store_const", const="fast", help="16-bit where the device is fast so"
    )
    parser.add_argument("--force", action="store_true", help="also images that are done")
    parser.add_argument(
        "--overlay", action="store_true", help="also STEM.overlay.jpg, classes over the image"
    )
    parser.add_argument(
        "--confidence", action="store_true", help="also STEM.confidence.png, 255 where the model is sure"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from unet_studio.formats.matching import mask_names

    terminal = Terminal(arguments.json)
    images = find_inputs(arguments.inputs, arguments.out)
    targets = mask_names(images)
    job = _open(arguments, *_choose(arguments))
    with terminal.progress("Predicting", "images") as meter:
        for done, (name, path) in enumerate(images.items()):
            report = partial(_report, meter, done, len(images), name)
            report(0.0)
            job.one(name, targets[name], path, report)
    say = f"{len(job.written)} masks written to {job.out}"
    terminal.say(f"{say}, {len(job.skipped)} were done already" if job.skipped else say)
    for note in sorted(job.notes):
        terminal.note(note)
    terminal.result(job.to_json())
    return show_problems(terminal, job.problems)


def _report(meter: Meter, done: int, total: int, name: str, fraction: float) -> None:
    meter.advance(done + fraction, total, name)


def find_inputs(inputs: list[Path], out: Path) -> dict[str, Path]:
    """The images to segment: name in the destination -> file. The destination's own files are no input.

    Raises StudioError where there is nothing, or where two would have one name.
    """
    from unet_studio.core.files import find_images

    found: dict[str, Path] = {}
    for entry in inputs:
        if entry.is_dir():
            named = {name: entry / name for name in find_images(entry, [out.absolute()])}
        elif entry.is_file():
            named = {entry.name: entry}
        else:
            raise StudioError(f"There is no {entry}.", "Name image files, or folders of images.")
        for name, path in named.items():
            if name in found and not found[name].samefile(path):
                raise StudioError(
                    f"{found[name]} and {path} would be written to one mask.",
                    "Predict them in two runs with different --out folders.",
                )
            found[name] = path
    if not found:
        raise StudioError(f"There are no images in {inputs[0]}.", "Name a folder that holds images.")
    return found


def _choose(arguments: argparse.Namespace) -> "tuple[ModelEntry, ClassTable, NDArray[np.uint8] | None]":
    """The model, the classes of the masks, and the look-up table to them from the model's class indices."""
    from unet_studio.core.imported import is_imported
    from unet_studio.core.model_card import class_mapping, list_models
    from unet_studio.core.resources import resources
    from unet_studio.core.versions import find_model

    bundled = resources() / "models"
    if arguments.project is None:
        names = [entry.name for entry in list_models(bundled)]
        entry = find_model(_one_model(arguments.model, names), [bundled])
        return entry, _card(entry).table(), None
    with opened(arguments.project) as project:
        chosen = project.model
        if chosen and is_imported(project.folder, chosen):
            chosen = None  # imported masks are shown under a name as well, but predict nothing
        names = [chosen] if chosen else [entry.name for entry in project.models()]
        entry = find_model(_one_model(arguments.model, names), [project.models_folder, bundled])
        return entry, project.classes, class_mapping(_card(entry), project.classes)


def _one_model(given: str | None, names: list[str]) -> str:
    if given is not None:
        return given
    if len(names) == 1:
        return names[0]
    known = f"There are {', '.join(names)}." if names else "Make one with unet-studio train."
    raise StudioError("It isn't clear which model is meant.", f"Name it with --model. {known}")


def _card(entry: "ModelEntry") -> Any:
    if entry.card is None:
        raise StudioError(f"The model {entry.name} can't be used: {entry.problem}", "Choose another model.")
    return entry.card


def _open(
    arguments: argparse.Namespace,
    entry: "ModelEntry",
    table: "ClassTable",
    lut: "NDArray[np.uint8] | None",
) -> "_Job":
    from unet_studio.core.image_io import file_hash
    from unet_studio.core.model_card import MODEL_FILE
    from unet_studio.model import PredictSettings, load_model

    model = load_model(entry.folder, arguments.device)
    _write_classes(arguments.out / "classes.json", entry.name, table, arguments.force)
    weights = file_hash(entry.folder / MODEL_FILE)
    settings = PredictSettings(arguments.mode)
    extras = {name for name in EXTRAS if getattr(arguments, name)}
    return _Job(arguments.out, model, weights, settings, table, lut, arguments.force, extras)


def _write_classes(path: Path, name: str, table: "ClassTable", force: bool) -> None:
    """Say beside the masks what their values mean. Raises StudioError where other masks lie there."""
    from unet_studio.core.classes import UNLABELLED, read_classes_file, write_classes_file

    if path.is_file() and not force:
        meant = [(entry.index, entry.name) for entry in read_classes_file(path)[0].active]
        if meant != [(entry.index, entry.name) for entry in table.active]:
            raise StudioError(
                f"{path} names other classes than this model.", "Choose another --out, or add --force."
            )
        return
    write_classes_file(path, name, table, UNLABELLED)


@dataclass
class _Job:
    """All predictions of one call. weights: hash of the model's file; lut: None keeps the model's indices."""

    out: Path
    model: "Model"
    weights: str
    settings: "PredictSettings"
    table: "ClassTable"
    lut: "NDArray[np.uint8] | None"
    force: bool
    extras: set[str]
    written: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)

    def one(self, name: str, target: str, path: Path, progress: Callable[[float], None]) -> None:
        """Predict one image, or note why not; the others go on."""
        try:
            self._one(name, target, path, progress)
        except StudioError as error:
            self.problems[name] = str(error)

    def _one(self, name: str, target: str, path: Path, progress: Callable[[float], None]) -> None:
        from unet_studio.core.image_io import read_image
        from unet_studio.core.storage import encodable, write_index_png
        from unet_studio.formats.matching import inside

        mask = inside(self.out, target)
        facts = {
            "image": encodable(name),
            "image-file": _hash(path),
            "model": self.model.name,
            "weights": self.weights,
            "mode": self.settings.mode,
            "classes": ", ".join(f"{entry.index} {entry.name}" for entry in self.table.active),
        }
        extras = {kind: mask.with_name(mask.name[:-4] + EXTRAS[kind][0]) for kind in self.extras}
        if not self.force and self._done(mask, facts) and all(file.is_file() for file in extras.values()):
            self.skipped.append(name)
            return
        image = read_image(path)
        found = self.model.predict(image, progress, self.settings)
        labels = found.labels if self.lut is None else self.lut[found.labels]
        self.notes |= {f"{name}: {note}" for note in found.made.get("notes", [])}
        for kind, file in extras.items():
            EXTRAS[kind][1](file, image, labels, found, self.table)
        write_index_png(mask, labels, self.table.palette(), facts, COMPRESSION)
        self.written[name] = target

    def _done(self, mask: Path, facts: dict[str, str]) -> bool:
        """Whether the mask is there and was made so. Raises StudioError where it is another's file."""
        from unet_studio.core.storage import read_index_png

        if not mask.exists():
            return False
        try:
            _, texts = read_index_png(mask)
        except StudioError:
            texts = {}
        if texts.get("image") != facts["image"] or "weights" not in texts:
            raise StudioError(
                f"{mask} is there already and is no prediction of {facts['image']}.",
                "Choose another --out, or overwrite it with --force.",
            )
        return all(texts.get(key) == value for key, value in facts.items())

    def to_json(self) -> dict[str, Any]:
        """The call's JSON object."""
        return {
            "out": str(self.out),
            "model": self.model.name,
            "mode": self.settings.mode,
            "device": str(self.model.device),
            "written": self.written,
            "skipped": self.skipped,
            "problems": self.problems,
        }


def _hash(path: Path) -> str:
    from unet_studio.core.image_io import file_hash

    try:
        return file_hash(path)
    except OSError as error:  # of this image alone; where the destination fails, all end
        raise StudioError(f"{path} can't be read: {error.strerror}.", "Check its permissions.") from error


def _write_overlay(
    path: Path, image: Any, labels: "NDArray[np.uint8]", _found: "Prediction", table: "ClassTable"
) -> None:
    from unet_studio.core.overlays import PLAIN, overlay, write_picture

    write_picture(path, overlay(image, labels, table, PLAIN))


def _write_confidence(
    path: Path, _image: Any, _labels: "NDArray[np.uint8]", found: "Prediction", _table: "ClassTable"
) -> None:
    from PIL import Image

    from unet_studio.core.storage import atomic_write

    with atomic_write(path) as stream:
        Image.fromarray(found.confidence).save(stream, format="PNG")


# The pictures beside a mask: option -> what replaces .png, and who writes it.
EXTRAS: dict[str, tuple[str, Callable[..., None]]] = {
    "overlay": (".overlay.jpg", _write_overlay),
    "confidence": (".confidence.png", _write_confidence),
}
COMPRESSION = 6  # zlib level: masks are read often and written once
