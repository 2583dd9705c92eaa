"""Numbers in sentences."""


def count(number: int, noun: str) -> str:
    """ "1 image", "3 images"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
