"""Write a project's masks for other programs, read them back, and print how well they came back."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from unet_studio.commands.options import add_format, add_json, add_project_dir, opened, read_map
from unet_studio.commands.terminal import Terminal
from unet_studio.core.errors import StudioError
from unet_studio.core.words import count

if TYPE_CHECKING:
    from unet_studio.core.statistics import ClassStatistics
    from unet_studio.formats.exporting import ExportOptions, ExportPlan, ExportReport

_STOPPED = "Stopped. The destination is as it was."
_ASKED = 5  # image files that are asked for the size of a pixel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the folder of images, or the project")
    add_format(parser, written=True)
    parser.add_argument("destination", metavar="DEST", type=Path, help="a folder, or a file for coco")
    _add_choices(parser)
    _add_classes(parser)
    _add_extras(parser)
    parser.add_argument("--resume", action="store_true", help="go on with an export that was broken off")
    parser.add_argument("--preview", action="store_true", help="say what would be written, and write nothing")
    parser.add_argument(
        "--overwrite", action="store_true", help="also files of an earlier export that were changed since"
    )
    add_project_dir(parser)
    add_json(parser)


def _add_choices(parser: argparse.ArgumentParser) -> None:
    images = parser.add_mutually_exclusive_group()
    images.add_argument("--which", choices=("approved", "all"), default="approved", help="default: approved")
    images.add_argument("--select", metavar="NAME", nargs="+", help="these images alone, by path in FOLDER")
    images.add_argument("--list", metavar="FILE", type=Path, help="those that a text file names, one a line")
    parser.add_argument(
        "--layer",
        choices=("mask", "annotation", "prediction"),
        default="mask",
        help="mask (default): what was painted, over the prediction",
    )
    parser.add_argument("--model", metavar="NAME", help="whose stored predictions; else the project's model")
    parser.add_argument(
        "--split-folders", action="store_true", help="a complete export in each of train, val, test and none"
    )


def _add_classes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--map",
        metavar="HERE=THERE",
        action="append",
        default=[],
        help="a class is called so there; two of one name become one; HERE= leaves its pixels unlabelled",
    )
    parser.add_argument(
        "--order", metavar="THERE", nargs="+", default=[], help="number the classes there 0, 1, ... like this"
    )


def _add_extras(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--overlay", action="store_true", help="also pictures of the masks over the images")
    parser.add_argument("--side-by-side", action="store_true", help="also image, mask and overlay in one")
    parser.add_argument(
        "--picture-side", metavar="PX", type=int, default=2048, help="their longest side; default: 2048"
    )
    parser.add_argument("--legend", action="store_true", help="name the classes' colours below them")
    parser.add_argument("--statistics", action="store_true", help="also tables of objects and areas, as CSV")
    parser.add_argument(
        "--pixel-size", metavar="SIZE", help='for areas in other units, "0.65 µm"; else the project\'s'
    )
    parser.add_argument(
        "--images",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="copy the images along; default: where the format asks for them",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from unet_studio.formats.export_log import can_go_on
    from unet_studio.formats.exporting import export_masks, plan_export
    from unet_studio.formats.table import format_named

    terminal = Terminal(arguments.json)
    options = _options(arguments)
    what = (arguments.format, arguments.destination, options)
    with opened(arguments.folder, arguments.project) as project:
        if arguments.preview:
            with terminal.progress("Counting", "images") as meter:
                plan = plan_export(project, *what, meter.advance, count=True)
            return _show_plan(terminal, plan)
        whole = not can_go_on(format_named(arguments.format), options)
        if options.resume and whole:
            terminal.note("unet-studio: such an export can't be gone on with; it begins anew.")
        stopped = _STOPPED if whole else f"{_STOPPED} --resume goes on."
        with terminal.progress("Exporting", "steps", stopped) as meter:
            report = export_masks(project, *what, meter.advance)
        if options.statistics and options.pixel_size is None and project.pixel_size is None:
            _suggest_pixel_size(terminal, [project.image_path(name) for name in report.images[:_ASKED]])
    return _show_report(terminal, report)


def _suggest_pixel_size(terminal: Terminal, paths: list[Path]) -> None:
    """Say what the image files state of their pixels' size, which many programs only guess."""
    from unet_studio.core.pixel_size_tags import first_suggestion

    size = first_suggestion(iter(paths))
    if size is not None:
        terminal.note(
            f"The image files state {size} a pixel; --pixel-size '{size}' gives areas in {size.unit}²."
        )


def _options(arguments: argparse.Namespace) -> "ExportOptions":
    from unet_studio.core.overlays import PictureStyle
    from unet_studio.core.pixel_size import PixelSize
    from unet_studio.formats.exporting import ExportOptions

    names = arguments.select
    if arguments.list is not None:
        names = _listed(arguments.list)
    wanted = {"overlay": arguments.overlay, "side-by-side": arguments.side_by_side}
    return ExportOptions(
        which=arguments.which if names is None else "selection",
        names=tuple(names or ()),
        layer=arguments.layer,
        model=arguments.model,
        split_folders=arguments.split_folders,
        renames=read_map(arguments.map, "--map HERE=THERE"),
        order=tuple(arguments.order),
        pictures=frozenset(kind for kind, on in wanted.items() if on),  # type: ignore[misc]
        style=PictureStyle(side=arguments.picture_side, legend=arguments.legend),
        with_images=arguments.images,
        statistics=arguments.statistics,
        pixel_size=PixelSize.parse(arguments.pixel_size) if arguments.pixel_size else None,
        overwrite=arguments.overwrite,
        resume=arguments.resume,
        keep_aside=True,
    )


def _listed(path: Path) -> list[str]:
    """The names in a text file, one a line; as file names are, its bytes may be no valid Unicode."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise StudioError(f"{path} can't be read: {error.strerror}.", "Name a text file.") from error
    names = [line.strip() for line in text.splitlines() if line.strip()]
    if not names:
        raise StudioError(f"{path} names no images.", "Write the path of one image a line.")
    return names


def _show_plan(terminal: Terminal, plan: "ExportPlan") -> int:
    from unet_studio.commands.proofs import show_problems

    terminal.say(f"{count(len(plan.images), 'image')} would go to {plan.destination}; nothing was written")
    parts = ", ".join(f"{number} {part}" for part, number in plan.parts.items() if number)
    if parts:
        terminal.say(f"In the split: {parts}")
    rows = [
        [str(entry.index), entry.name, ", ".join(entry.sources), f"{entry.pixels:,}", f"{entry.objects:,}"]
        for entry in plan.classes
    ]
    terminal.table(["index", "class there", "made of", "px", "objects"], rows)
    for remark in plan.remarks:
        terminal.say(("Lost: " if remark.loss else "") + remark.text)
    terminal.result(plan.to_json())
    problems = dict(plan.problems)
    return show_problems(terminal, {"": plan.obstacle, **problems} if plan.obstacle else problems)


def _show_report(terminal: Terminal, report: "ExportReport") -> int:
    from unet_studio.commands.proofs import show_problems, show_proof

    terminal.say(f"{count(len(report.images), 'mask')} written to {report.destination}")
    if report.earlier:
        terminal.say(f"{report.earlier} of them had been written before")
    if report.copies:
        terminal.say(f"{count(report.copies, 'image')} copied along")
    for kind, path in report.extras.items():
        terminal.say(f"{kind}: {path}")
    if report.empty:
        terminal.say(f"{count(len(report.empty), 'image')} without anything to export")
    if report.summary:
        _show_statistics(terminal, report.summary)
    show_proof(terminal, report.proof)
    for meant, back, pixels in report.proof.losses:
        terminal.say(f"{pixels:,} px of {meant} came back as {back}")
    terminal.result(report.to_json())
    return show_problems(terminal, report.problems)


def _show_statistics(terminal: Terminal, found: "tuple[ClassStatistics, ...]") -> None:
    rows = [
        [entry.name, f"{entry.components:,}", f"{entry.pixels:,}", f"{100 * entry.of_labelled:.2f} %"]
        for entry in found
    ]
    terminal.table(["class", "objects", "area (px)", "of labelled"], rows)
