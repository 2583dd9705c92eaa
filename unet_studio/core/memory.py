"""How much memory is free for this program, and amounts of memory in words."""

from collections.abc import Iterator
from pathlib import Path

_UNLIMITED = 1 << 60  # version 1 of control groups writes a number like this where there is no limit
# Limit, use and the part of the use that the kernel gives back when asked, of both versions.
_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def free_memory(root: Path = Path("/")) -> int:
    """Bytes that can be had without swapping: what the machine has free, or less where a container limits it.

    root: where proc and sys are (kernel documentation, "Control Group v2" and "Memory Resource Controller").
    """
    import psutil

    return min([int(psutil.virtual_memory().available), *_limits(root)])


def amount(count: int) -> str:
    """A number of bytes in words."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _limits(root: Path) -> Iterator[int]:
    """The room that each control group around this process leaves."""
    for folder in _groups(root):
        for limit_name, use_name, spare_name in _FILES:
            try:
                limit = int((folder / limit_name).read_text())
                used = int((folder / use_name).read_text())
                facts = (folder / "memory.stat").read_text().split()
            except (OSError, ValueError):  # "max": no limit; or no such group on this machine
                continue
            spare = dict(zip(facts[::2], facts[1::2], strict=False)).get(spare_name, "0")
            if limit < _UNLIMITED:
                yield max(limit - used + int(spare), 0)


def _groups(root: Path) -> Iterator[Path]:
    """The folders of the groups of this process, the innermost first."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        top = root / "sys/fs/cgroup" / controllers
        group = top / path.strip("/")
        while group != top and top in group.parents:
            yield group
            group = group.parent
        yield top
