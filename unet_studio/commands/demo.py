"""Try everything on the sample project: predict, correct, fine-tune, export. With --headless a simulated
person corrects, and the exit status is 0 only if the model improved."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from unet_studio.commands.options import add_json
from unet_studio.commands.terminal import Terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--headless", action="store_true", help="in the terminal, without a window")
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=Path("unet-studio-demo"),
        help="where pictures and masks go",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    if not arguments.headless:
        from unet_studio.commands.window import open_window

        return open_window(None, None, sample=True)
    from unet_studio.demo.walkthrough import run_headless

    terminal = Terminal(arguments.json)
    with terminal.progress("") as meter:
        report = run_headless(
            arguments.out, terminal.say, lambda what, fraction: meter.advance(fraction, 1.0, what)
        )
    terminal.result(_plain(asdict(report)))
    if not report.improved:
        terminal.note(
            f"unet-studio: The fine-tuned model is not surely better: Dice {report.dice_before:.4f} before, "
            f"{report.dice_after:.4f} after, paired standard error {report.standard_error:.4f}. "
            f"Look at the pictures in {arguments.out}."
        )
    return 0 if report.improved else 1


def _plain(value: Any) -> Any:
    """Paths as text, everything else as it is."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
