"""Put two or more models side by side on the same images: pictures, scores where there are true masks, how
sure their difference is, and the curves of those that come from runs. Ctrl-C leaves nothing behind."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unet_studio.commands.options import add_json, add_subset, opened, read_subset
from unet_studio.commands.terminal import Meter, Terminal
from unet_studio.core.errors import StudioError

if TYPE_CHECKING:
    from unet_studio.core.classes import ClassTable
    from unet_studio.core.model_card import ModelEntry
    from unet_studio.core.pixels import Pixels
    from unet_studio.formats.sample import Incoming, Labels
    from unet_studio.model.comparison import Comparing, Comparison, Rival
    from unet_studio.model.comparison_tables import Curves

SUFFIXES = (".png", ".html", ".svg", ".pdf")
STOPPED = "Stopped. Nothing was written."
MOST_SHOWN = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "models", metavar="MODEL", nargs="+", action=_Several, help="names, model folders or run folders"
    )
    parser.add_argument("--images", metavar="DIR", type=Path, required=True, help="what to predict")
    parser.add_argument("--masks", metavar="DIR", type=Path, help="the true masks; without, pictures only")
    parser.add_argument("--out", metavar="FILE", type=_out, required=True, help=" ".join(SUFFIXES))
    parser.add_argument("--classes", metavar="FILE", type=Path, help="a classes.json; else the masks' own")
    add_subset(parser)
    parser.add_argument(
        "--count", metavar="N", type=_count, default=8, help="images to show (8); the scores are of all"
    )
    parser.add_argument(
        "--sort",
        choices=("difference", "name"),
        default="name",
        help="show those on which the models differ most, or evenly spread ones (default)",
    )
    parser.add_argument(
        "--paint",
        choices=("palette", "red", "errors"),
        default="palette",
        help="masks in the classes' colours (default), in red, or where they are wrong",
    )
    parser.add_argument("--alpha", metavar="A", type=_alpha, default=0.5, help="opacity of masks, 0 to 1")
    parser.add_argument("--side", metavar="PX", type=_side, default=256, help="longer side of a picture")
    parser.add_argument("--names", metavar="NAME", nargs="+", help="what the models are called, in order")
    parser.add_argument("--project", metavar="FOLDER", type=Path, help="look for names in its models as well")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--fast", action="store_true", help="16-bit where the device is fast so")
    add_json(parser)


class _Several(argparse.Action):
    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, _: Any = None
    ) -> None:
        if len(values) < 2:
            parser.error("name two models or more")
        setattr(namespace, self.dest, values)


def _out(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in SUFFIXES:
        raise argparse.ArgumentTypeError(f"the file ends in {', '.join(SUFFIXES)}")
    return path


def _count(text: str) -> int:
    return int(_between(int(text), 1, MOST_SHOWN))


def _side(text: str) -> int:
    return int(_between(int(text), 32, 2048))


def _alpha(text: str) -> float:
    return _between(float(text), 0.0, 1.0)


def _between(value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"choose {low} to {high}")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    terminal = Terminal(arguments.json)
    names = _images(arguments)
    truth = _truth(arguments, names)
    names = [name for name in names if name in truth.keys] if truth else names
    entries, failures = _find(arguments)
    with terminal.progress("Comparing", "images", STOPPED) as meter:
        rivals = _load(arguments, entries, failures)
        work = _begin(arguments, rivals, truth, names)
        work.failures += failures
        _compare(arguments, work, truth, names, meter)
        found = work.result()
    curves = _curves(found, rivals, entries)
    _write(arguments.out, found, curves)
    _tell(terminal, found, arguments.out)
    terminal.result({"out": str(arguments.out), **found.to_json()})
    return 1 if found.failures else 0


# What is compared on


def _images(arguments: argparse.Namespace) -> list[str]:
    """The images of the folder, or of the part of the split that was asked for."""
    from unet_studio.core.files import find_images
    from unet_studio.formats.matching import match

    folder: Path = arguments.images
    if not folder.is_dir():
        raise StudioError(f"There is no folder {folder}.", "Name the folder of images.")
    skipped = [path.absolute() for path in (arguments.masks,) if path is not None and path != folder]
    out = arguments.out.absolute()
    names = [name for name in find_images(folder, skipped) if (folder / name).absolute() != out]
    wanted = read_subset(arguments.split, arguments.subset)
    if wanted is not None:
        matches = match(wanted, names)
        if matches.unused:
            raise StudioError(
                f"{len(matches.unused)} images of the {arguments.subset} split are not in {folder}: "
                f"{', '.join(matches.unused[:5])}.",
                "Check that --split belongs to --images.",
            )
        names = [name for name in names if name in matches.pairs]
    if not names:
        raise StudioError(f"There are no images in {folder}.", "Choose another folder.")
    return names


@dataclass(frozen=True)
class _Truth:
    """The true masks. table: their classes, None where their numbers are those of the first model."""

    incoming: "Incoming"
    table: "ClassTable | None"
    keys: dict[str, str]
    notes: list[str]

    def read(self, name: str) -> "Labels":
        return self.incoming.read(self.keys[name], None)


def _truth(arguments: argparse.Namespace, names: list[str]) -> _Truth | None:
    """The true masks of these images, where there are any."""
    from unet_studio.core.words import count
    from unet_studio.formats.mask_folder import read_mask_folder
    from unet_studio.formats.matching import match

    if arguments.masks is None:
        return None
    incoming = read_mask_folder(arguments.masks, arguments.classes)
    matches = match(incoming.keys, names)
    if not matches.pairs:
        raise StudioError(
            f"No mask in {arguments.masks} belongs to an image in {arguments.images}.",
            "Masks carry the names of their images.",
        )
    notes = [] if incoming.numbered else list(incoming.notes)
    if matches.missing:
        notes.append(f"Without a mask and left out: {count(len(matches.missing), 'image')}.")
    table = None if incoming.numbered else incoming.classes
    return _Truth(incoming, table, dict(matches.pairs), notes)


# The models


def _find(arguments: argparse.Namespace) -> "tuple[dict[str, ModelEntry], list[tuple[str, str]]]":
    """The models by the names that they get, and what can't be found."""
    from unet_studio.core.resources import resources
    from unet_studio.core.versions import find_model

    if arguments.names is not None and len(arguments.names) != len(arguments.models):
        raise StudioError(
            f"There are {len(arguments.models)} models and {len(arguments.names)} names.",
            "Give as many --names as models, in the same order.",
        )
    roots = [resources() / "models"]
    if arguments.project is not None:
        with opened(arguments.project) as project:
            roots.insert(0, project.models_folder)
    found: dict[str, ModelEntry] = {}
    failures = []
    for number, text in enumerate(arguments.models):
        try:
            entry = find_model(text, roots)
        except StudioError as error:
            failures.append((text, error.message))
            continue
        own = arguments.names[number] if arguments.names else _name(entry, arguments.models)
        unique, again = own, 2
        while unique in found:
            unique, again = f"{own} ({again})", again + 1
        found[unique] = entry
    return found, failures


def _name(entry: "ModelEntry", given: Sequence[str]) -> str:
    """What a model is called: as its card says, but the best of a run as its run where names are many."""
    runs = entry.folder.name == "best" and len(given) > 1
    return entry.folder.parent.name if runs else entry.name


def _load(
    arguments: argparse.Namespace, entries: "dict[str, ModelEntry]", failures: list[tuple[str, str]]
) -> "list[Rival]":
    """The models that can be opened; two or more."""
    from unet_studio.model import PredictSettings, load_model
    from unet_studio.model.comparison import Rival, labels_of

    settings = PredictSettings("fast" if arguments.fast else "exact")
    rivals = []
    for name, entry in entries.items():
        try:
            model = load_model(entry.folder, arguments.device)
        except StudioError as error:
            failures.append((name, error.message))
            continue
        rivals.append(Rival(name, model.card, partial(labels_of, model, settings)))
    if len(rivals) < 2:
        what, why = failures[0]
        raise StudioError(f"Less than two models can be used. {what}: {why}", "Choose other models.")
    return rivals


# The comparison


def _begin(
    arguments: argparse.Namespace, rivals: "list[Rival]", truth: _Truth | None, names: list[str]
) -> "Comparing":
    from unet_studio.core.overlays import PictureStyle
    from unet_studio.model.comparison import Comparing, common_table, evenly_spread

    notes = list(truth.notes) if truth is not None else []
    table = truth.table if truth is not None else None
    if table is None:
        table = rivals[0].card.table() if truth else common_table(rival.card for rival in rivals)
        if truth is not None:
            notes.append(f"The masks name no classes: their numbers are read as those of {rivals[0].name}.")
    offered = len(names)
    if truth is None and arguments.sort == "name":
        # Without scores, what is not shown need not be predicted.
        names[:] = [names[place] for place in evenly_spread(len(names), arguments.count)]
    return Comparing(
        list(rivals),
        table,
        len(names),
        arguments.count,
        arguments.sort,
        PictureStyle(side=arguments.side, opacity=arguments.alpha),
        arguments.paint,
        offered,
        notes,
    )


def _compare(
    arguments: argparse.Namespace, work: "Comparing", truth: _Truth | None, names: list[str], meter: Meter
) -> None:
    from unet_studio.core.image_io import read_image
    from unet_studio.formats.ahead import ahead

    def read(name: str) -> "tuple[Pixels, Labels | None]":
        return read_image(arguments.images / name), truth.read(name) if truth is not None else None

    reading = ahead(names, read, _size)
    with closing(reading) as entries:
        for done, (name, found) in enumerate(entries):
            progress = _advancing(meter, done, len(names), name)
            progress(0.0)
            if isinstance(found, StudioError):
                work.fail(name, found.message)
            else:
                work.add(name, *found, progress)


def _size(read: "tuple[Pixels, Labels | None]") -> int:
    return int(read[0].nbytes)


def _advancing(meter: Meter, done: int, total: int, name: str) -> Callable[[float], None]:
    return lambda fraction: meter.advance(done + fraction, total, name)


# What came out


def _curves(found: "Comparison", rivals: "list[Rival]", entries: "dict[str, ModelEntry]") -> "Curves":
    """The curves of models that come from runs, by name."""
    from unet_studio.core.curves import run_curves
    from unet_studio.core.run_folder import RunFolder

    kept = {rival.name for rival in found.rivals}
    runs = {rival.name: _run_of(entries[rival.name]) for rival in rivals if rival.name in kept}
    return {name: run_curves(RunFolder(run).events()[0]) for name, run in runs.items() if run is not None}


def _run_of(entry: "ModelEntry") -> Path | None:
    """The run that made a model: the folder above its best, or the one that its card names in its project."""
    made = entry.card.training.get("run") if entry.card is not None else None
    places = [entry.folder.parent] if entry.folder.name == "best" else []
    if isinstance(made, str) and made == Path(made).name:
        places.append(entry.folder.parent.parent / "runs" / made)
    return next((place for place in places if (place / "events.jsonl").is_file()), None)


def _write(path: Path, found: "Comparison", curves: "Curves") -> None:
    from unet_studio.model.comparison_page import write_page
    from unet_studio.model.comparison_sheet import write_sheet

    (write_page if path.suffix.lower() == ".html" else write_sheet)(path, found, curves)


def _tell(terminal: Terminal, found: "Comparison", out: Path) -> None:
    from unet_studio.model.comparison_tables import SUMMARY, differences, summary_rows

    if found.has_truth:
        terminal.table(SUMMARY, summary_rows(found))
    for line in _lines(found, differences(found)):
        terminal.say(line)
    for note in found.notes:
        terminal.note(note)
    for what, why in found.failures:
        terminal.note(f"Left out: {what}: {why}")
    terminal.say(f"Written to {out}")


def _lines(found: "Comparison", told: Sequence[str]) -> Iterator[str]:
    yield from told
    yield found.choice
