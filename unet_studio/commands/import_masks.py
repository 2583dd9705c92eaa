"""Take masks made elsewhere into a project, matched to its images by relative path, then by stem."""

import argparse
from pathlib import Path

from unet_studio.commands.options import add_format, add_json, add_project_dir, opened, read_map
from unet_studio.commands.terminal import Terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_format(parser)
    parser.add_argument("source", metavar="SOURCE", type=Path, help="the folder or file of masks")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the folder of images, or the project")
    parser.add_argument("--approve", action="store_true", help="they are right and finished: approve them")
    parser.add_argument("--replace", action="store_true", help="also where a person has painted already")
    parser.add_argument("--add-classes", action="store_true", help="add the classes that the project lacks")
    parser.add_argument(
        "--map",
        metavar="THERE=HERE",
        action="append",
        default=[],
        help="a class there is this one here; THERE= leaves its pixels unlabelled",
    )
    add_project_dir(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from unet_studio.commands.proofs import show_problems, show_proof
    from unet_studio.formats.importing import ImportOptions, import_masks

    terminal = Terminal(arguments.json)
    options = ImportOptions(
        arguments.approve, arguments.replace, arguments.add_classes, read_map(arguments.map, "THERE=HERE")
    )
    with (
        opened(arguments.folder, arguments.project, writable=True) as project,
        terminal.progress("Importing") as meter,
    ):
        report = import_masks(project, arguments.format, arguments.source, options, meter.advance)
        classes = project.classes.describe()
    terminal.say(f"{len(report.imported)} masks imported; the classes are {classes}")
    counts = {
        "have unlabelled pixels and were not approved": report.unfinished,
        "were left as they are, somebody painted them (--replace)": report.kept,
        "are listed without a mask and were left as they are": report.blank,
        "have no mask in the source": report.missing,
    }
    for text, names in counts.items():
        if names:
            terminal.say(f"{len(names)} images {text}: {_some(names)}")
    if report.unused:
        terminal.say(f"{len(report.unused)} masks belong to no image: {_some(report.unused)}")
    for note in report.notes:
        terminal.say(note)
    show_proof(terminal, report.proof)
    terminal.result(report.to_json())
    return show_problems(terminal, report.problems)


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
