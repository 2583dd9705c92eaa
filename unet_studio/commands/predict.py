"""Segment images with a model. Writes STEM.png (palette PNG, pixel value = class index) for each image,
keeping sub-folders, beside a classes.json. Images that are done are skipped, so that the same command goes on
where it was stopped. With --project, the project's classes and thresholds hold: the masks are what its window
shows; pixels below the threshold of their class are 255."""

import argparse
import errno
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from unet_studio.commands.options import add_json, opened
from unet_studio.commands.terminal import Meter, Terminal
from unet_studio.core.errors import Cancelled, StudioError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from unet_studio.commands.prediction_folder import Item, PredictionFolder, Source
    from unet_studio.commands.prediction_report import Report
    from unet_studio.core.classes import ClassTable
    from unet_studio.core.model_card import ModelCard, ModelEntry
    from unet_studio.core.prediction import Prediction, Thresholds
    from unet_studio.model import Model, PredictSettings
    from unet_studio.model.predict import Prepared

    # Before it was read, what was read, the same for the network, and what is to be said about it.
    _Read = tuple[Source, NDArray[Any], Prepared, list[str]]

DEVICES = "auto (default), cpu, cuda, cuda:N or mps"
SMALLEST_TILE = 64
STOPPED = "Stopped. The same command goes on."
INTERRUPTED = 130
# What the disk refuses of all masks alike; anything else is a matter of one image.
HOPELESS = {errno.ENOSPC, errno.EROFS, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)}
WRITERS = 4  # they mostly wait for the disk
MOST_WAITING = 1 << 28  # bytes of images and predictions that may wait to be written


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("inputs", metavar="IMAGE_OR_FOLDER", nargs="+", type=Path, help="what to segment")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where the masks go")
    parser.add_argument("--model", metavar="NAME_OR_PATH", help="a name, a model folder or a run folder")
    parser.add_argument(
        "--project", metavar="FOLDER", type=Path, help="use this project's models, classes and thresholds"
    )
    parser.add_argument("--device", default="auto", help=DEVICES)
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument(
        "--exact", dest="mode", action="store_const", const="exact", default="exact", help="float32 (default)"
    )
    modes.add_argument(
        "--fast", dest="mode", action="store_const", const="fast", help="16-bit where the device is fast so"
    )
    parser.add_argument(
        "--tta", action="store_true", help="average over four mirror images: a little better, 4 times slower"
    )
    parser.add_argument(
        "--tile", metavar="PX", type=_tile, default=0, help="side of a tile; by default the program chooses"
    )
    parser.add_argument("--force", action="store_true", help="also images that are done")
    parser.add_argument(
        "--overlay", action="store_true", help="also STEM.overlay.jpg, classes over the image"
    )
    parser.add_argument(
        "--confidence", action="store_true", help="also STEM.confidence.png, 255 where the model is sure"
    )
    add_json(parser)


def _tile(text: str) -> int:
    value = int(text)
    if value < SMALLEST_TILE:
        raise argparse.ArgumentTypeError(f"a tile has {SMALLEST_TILE} px or more")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from unet_studio.commands.prediction_folder import Item
    from unet_studio.commands.prediction_report import Report
    from unet_studio.formats.matching import mask_names

    terminal = Terminal(arguments.json)
    images = find_inputs(arguments.inputs, arguments.out)
    targets = mask_names(images)
    items = [Item(name, path, targets[name]) for name, path in images.items()]
    chosen = _choose(arguments)
    if arguments.model is None and arguments.project is None:
        terminal.note(f"unet-studio: no --model was named: {chosen.card.name} is used")
    folder = chosen.folder(arguments)
    folder.check_kind()
    _check_classes(arguments.out / "classes.json", chosen.table, arguments.force)
    report = Report(terminal)
    try:
        with terminal.progress("Looking", "images", STOPPED) as meter:
            todo = _not_done(items, folder, report, meter)
        if todo:
            folder.check_rights()
            _predict_all(arguments, chosen, folder, todo, report)
    except Cancelled:
        report.interrupted = True
    except StudioError:
        if report.images:
            report.show(str(arguments.out))
        raise
    report.show(str(arguments.out))
    terminal.result({**chosen.to_json(arguments), **report.to_json()})
    return INTERRUPTED if report.interrupted else 1 if report.errors else 0


def find_inputs(inputs: list[Path], out: Path) -> dict[str, Path]:
    """The images to segment: name in the destination -> file.

    The destination's own files are no input, nor are masks that a project keeps beside its images. Raises
    StudioError where there is nothing, or where two would have one name.
    """
    from unet_studio.core.files import find_images
    from unet_studio.core.project import PROJECT_FOLDER

    skip: list[str | PurePath] = [out.absolute(), PROJECT_FOLDER]
    found: dict[str, Path] = {}
    for entry in inputs:
        if entry.is_dir():
            named = {name: entry / name for name in find_images(entry, skip)}
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


@dataclass(frozen=True)
class _Chosen:
    """A model, and what becomes of its labels. lut: from its class indices, uint8 (256,); None keeps them."""

    entry: "ModelEntry"
    card: "ModelCard"
    table: "ClassTable"
    lut: "NDArray[np.uint8] | None" = None
    thresholds: "Thresholds | None" = None

    def folder(self, arguments: argparse.Namespace) -> "PredictionFolder":
        """Where the masks go, and what decides about their pixels."""
        from unet_studio.commands.prediction_folder import EXTRAS, PredictionFolder
        from unet_studio.core.image_io import file_hash
        from unet_studio.core.model_card import MODEL_FILE

        thresholds = sorted(self.thresholds.values.items()) if self.thresholds is not None else []
        rules = {
            "model": self.card.name,
            "weights": file_hash(self.entry.folder / MODEL_FILE),
            "mode": arguments.mode,
            "tile": str(arguments.tile),
            "tta": "yes" if arguments.tta else "no",
            "temperature": f"{self.card.temperature:.6g}",
            "classes": ", ".join(f"{entry.index} {entry.name}" for entry in self.table.active),
            "thresholds": ", ".join(f"{index} {value:g}" for index, value in thresholds),
        }
        former = {"tile": "0", "tta": "no", "temperature": "1", "thresholds": ""}
        extras = frozenset(name for name in EXTRAS if getattr(arguments, name))
        return PredictionFolder(arguments.out, self.table, rules, former, extras, arguments.force)

    def labels(self, found: "Prediction") -> "NDArray[np.uint8]":
        """What a mask holds, uint8 (H, W): class indices here, 255 below the threshold of their class."""
        labels = found.labels if self.lut is None else self.lut[found.labels]
        return labels if self.thresholds is None else self.thresholds.shown(labels, found.confidence)

    def to_json(self, arguments: argparse.Namespace) -> dict[str, Any]:
        """How it was asked to be done."""
        values = self.thresholds.values if self.thresholds is not None else {}
        return {
            "out": str(arguments.out),
            "model": self.card.name,
            "mode": arguments.mode,
            "device": arguments.device,
            "tta": arguments.tta,
            "tile": arguments.tile,
            "thresholds": {str(index): value for index, value in values.items()},
        }


def _choose(arguments: argparse.Namespace) -> _Chosen:
    """The model that is meant, with the classes and thresholds of the project, if any."""
    from unet_studio.core.imported import is_imported
    from unet_studio.core.model_card import class_mapping, list_models
    from unet_studio.core.resources import resources
    from unet_studio.core.versions import find_model

    bundled = resources() / "models"
    if arguments.project is None:
        names = [entry.name for entry in list_models(bundled)]
        entry = find_model(_one_model(arguments.model, names), [bundled])
        card = _card(entry)
        return _Chosen(entry, card, card.table())
    with opened(arguments.project) as project:
        chosen = project.model
        if chosen and is_imported(project.folder, chosen):
            chosen = None  # imported masks are shown under a name as well, but predict nothing
        names = [chosen] if chosen else [entry.name for entry in project.models()]
        entry = find_model(_one_model(arguments.model, names), [project.models_folder, bundled])
        card = _card(entry)
        lut = class_mapping(card, project.classes)
        return _Chosen(entry, card, project.classes, lut, project.thresholds)


def _one_model(given: str | None, names: list[str]) -> str:
    if given is not None:
        return given
    if len(names) == 1:
        return names[0]
    known = f"There are {', '.join(names)}." if names else "Make one with unet-studio train."
    raise StudioError("It isn't clear which model is meant.", f"Name it with --model. {known}")


def _card(entry: "ModelEntry") -> "ModelCard":
    if entry.card is None:
        raise StudioError(f"The model {entry.name} can't be used: {entry.problem}", "Choose another model.")
    return entry.card


def _check_classes(path: Path, table: "ClassTable", force: bool) -> None:
    """Raise StudioError where masks of other classes lie there."""
    from unet_studio.core.classes import read_classes_file

    if path.is_file() and not force:
        meant = [(entry.index, entry.name) for entry in read_classes_file(path)[0].active]
        if meant != [(entry.index, entry.name) for entry in table.active]:
            raise StudioError(
                f"{path} names other classes than this model.", "Choose another --out, or add --force."
            )


def _not_done(
    items: "Sequence[Item]", folder: "PredictionFolder", report: "Report", meter: Meter
) -> "list[Item]":
    """The images that have no mask yet, or one of other settings or pixels."""
    todo = []
    for number, item in enumerate(items):
        meter.advance(number, len(items))
        try:
            texts = folder.done(item)
        except StudioError as error:
            report.fail(item, error)
            continue
        if texts is None:
            todo.append(item)
        else:
            report.skip(item, texts)
    return todo


def _predict_all(
    arguments: argparse.Namespace,
    chosen: _Chosen,
    folder: "PredictionFolder",
    todo: "Sequence[Item]",
    report: "Report",
) -> None:
    """Predict images one after the other; others are read ahead and written behind in threads meanwhile."""
    from unet_studio.core.classes import UNLABELLED, write_classes_file
    from unet_studio.model import PredictSettings, load_model

    model = load_model(chosen.entry.folder, arguments.device)
    settings = PredictSettings(arguments.mode, tile=arguments.tile, tta=arguments.tta)
    try:
        write_classes_file(arguments.out / "classes.json", chosen.card.name, chosen.table, UNLABELLED)
    except OSError as error:
        raise _refused("classes.json", arguments.out, error) from error
    begun = time.perf_counter()
    try:
        with (
            report.terminal.progress("Predicting", "images", STOPPED) as meter,
            closing(_Writer(chosen, folder, report)) as writer,
        ):
            _predict_each(model, settings, todo, writer, meter)
    finally:
        report.seconds = time.perf_counter() - begun


def _predict_each(
    model: "Model", settings: "PredictSettings", todo: "Sequence[Item]", writer: "_Writer", meter: Meter
) -> None:
    from unet_studio.formats.ahead import ahead

    reading = ahead(todo, partial(_read, model), _size)
    with closing(reading) as images:
        for done, (item, read) in enumerate(images):
            report = partial(_advance, meter, done, len(todo), item.name)
            report(0.0)
            if isinstance(read, StudioError):
                writer.report.fail(item, read)
                continue
            source, image, prepared, remarks = read
            try:
                found = model.predict(prepared, report, settings)
            except StudioError as error:
                writer.report.fail(item, error)
            except (RuntimeError, ValueError) as error:  # what PyTorch raises of an image it can't cope with
                writer.report.fail(item, _unexpected(item, error))
            else:
                notes = [*remarks, *found.made.get("notes", ())]
                writer.put(item, source, image, replace(found, made={**found.made, "notes": notes}))


def _refused(what: str, out: Path, error: OSError) -> StudioError:
    return StudioError(
        f"{what} can't be written to {out}: {error.strerror or error}.",
        "Make room, or mend the permissions; the same command goes on.",
    )


def _unexpected(item: "Item", error: Exception) -> StudioError:
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return StudioError(f"{item.path} can't be predicted: {reason}.", "Please report this with the image.")


def _read(model: "Model", item: "Item") -> "_Read":
    """The image and what of its prediction needs no network."""
    from unet_studio.commands.prediction_folder import source_of
    from unet_studio.core.image_io import read_image, read_info

    source, image = source_of(item.path), read_image(item.path)
    pages = read_info(item.path).pages
    remarks = [f"only the first of {pages} pages is predicted"] if pages > 1 else []
    return source, image, model.prepare(image), remarks


def _size(read: "_Read") -> int:
    return int(read[1].nbytes + read[2].pixels.nbytes)


def _advance(meter: Meter, done: int, total: int, name: str, fraction: float) -> None:
    meter.advance(done + fraction, total, name)


@dataclass
class _Writer:
    """Writes masks in threads, told of in order; what is waiting is written when it is closed."""

    chosen: _Chosen
    folder: "PredictionFolder"
    report: "Report"
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WRITERS, "masks"))
    waiting: "deque[tuple[Item, Prediction, int, Future[None]]]" = field(default_factory=deque)

    def put(self, item: "Item", source: "Source", image: "NDArray[Any]", found: "Prediction") -> None:
        """Write a mask soon. Raises StudioError where the disk takes no more."""
        future = self.pool.submit(self._write, item, source, image, found)
        self.waiting.append((item, found, image.nbytes + found.nbytes, future))
        while self.waiting and (self.waiting[0][3].done() or self._held() > MOST_WAITING):
            self._next()

    def close(self) -> None:
        """Wait until everything is written. Raises StudioError where the disk took no more."""
        hopeless = None
        try:
            while self.waiting:
                try:
                    self._next()
                except StudioError as error:
                    hopeless = hopeless or error
        finally:
            self.pool.shutdown(cancel_futures=True)
        if hopeless is not None:
            raise hopeless

    def _held(self) -> int:
        return sum(size for _, _, size, _ in self.waiting)

    def _next(self) -> None:
        item, found, _, future = self.waiting.popleft()
        try:
            future.result()
            self.report.write(item, found)
        except StudioError as error:
            self.report.fail(item, error)
        except OSError as error:
            told = _refused(f"The mask of {item.name}", self.folder.out, error)
            if error.errno in HOPELESS:
                raise told from error
            self.report.fail(item, told)

    def _write(self, item: "Item", source: "Source", image: "NDArray[Any]", found: "Prediction") -> None:
        self.folder.write(item, source, image, self.chosen.labels(found), found)
