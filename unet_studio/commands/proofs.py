"""How import and export show their proof and their problems."""

from typing import TYPE_CHECKING

from unet_studio.commands.terminal import Terminal

if TYPE_CHECKING:
    from unet_studio.formats.proof import Proof


def show_proof(terminal: Terminal, proof: "Proof") -> None:
    """The IoU of every class between what was written and what was read back."""
    if not proof.images:
        return
    rows = [[name, f"{value:.6f}"] for name, value in proof.iou.items()]
    terminal.say(f"Read back, {proof.images} images:")
    terminal.table(["", "IoU"], rows)


def show_problems(terminal: Terminal, problems: dict[str, str]) -> int:
    """One line for each image that failed, which names it; returns the exit status."""
    for name, text in problems.items():
        named = text if name in text else f"{name}: {text}"
        terminal.note(f"unet-studio: {' '.join(named.split())}")
    return 1 if problems else 0
