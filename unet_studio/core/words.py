"""Numbers in sentences."""

from collections.abc import Sequence


def count(number: int, noun: str) -> str:
    """ "1 image", "3 images"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def left_out(names: Sequence[str], reason: str) -> str:
    """ "1 image with no mask is left out, a.png." and "2 images with no mask are left out, a.png first." """
    verb, first = ("is", "") if len(names) == 1 else ("are", " first")
    return f"{count(len(names), 'image')} {reason} {verb} left out, {names[0]}{first}."
