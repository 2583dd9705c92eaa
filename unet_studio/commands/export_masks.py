"""Write a project's masks for other programs, read them back, and print how well they came back."""

import argparse
from pathlib import Path

from unet_studio.commands.options import add_format, add_json, add_project_dir, opened
from unet_studio.commands.terminal import Terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the folder of images, or the project")
    add_format(parser, written=True)
    parser.add_argument("destination", metavar="DEST", type=Path, help="a folder, or a file for coco")
    parser.add_argument("--which", choices=("approved", "all"), default="approved", help="default: approved")
    parser.add_argument(
        "--layer",
        choices=("mask", "annotation", "prediction"),
        default="mask",
        help="mask (default): what was painted, over the prediction",
    )
    parser.add_argument("--model", metavar="NAME", help="whose stored predictions; else the project's model")
    add_project_dir(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from unet_studio.commands.proofs import show_problems, show_proof
    from unet_studio.formats.exporting import ExportOptions, export_masks

    terminal = Terminal(arguments.json)
    with opened(arguments.folder, arguments.project) as project, terminal.progress("Exporting") as meter:
        report = export_masks(
            project,
            arguments.format,
            arguments.destination,
            ExportOptions(which=arguments.which, layer=arguments.layer, model=arguments.model),
            meter.advance,
        )
    terminal.say(f"{len(report.images)} masks written to {report.destination}")
    if report.empty:
        terminal.say(f"{len(report.empty)} images have nothing to export")
    show_proof(terminal, report.proof)
    terminal.result(report.to_json())
    return show_problems(terminal, report.problems)
