"""The report of a run: RUN/report.html, one file that opens from a disk, with nothing from elsewhere.

python -m training.report RUN    makes it again, from what the run has left in its folder
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from training.report_facts import gather
from training.report_page import make_page
from unet_studio.core.errors import StudioError
from unet_studio.core.events import Event
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.storage import atomic_write


def write_report(run: RunFolder, last: Event | None = None) -> Path:
    """Write RUN/report.html, atomically. last: how the run is about to end, where no event says so yet."""
    text = make_page(gather(run, last))
    with atomic_write(run.report) as stream:
        stream.write(text.encode())
    return run.report


def main(arguments: Sequence[str]) -> int:
    """Write the report of the run of that folder; returns the exit status."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m training.report RUN\n")
        return 2
    try:
        path = write_report(RunFolder(Path(arguments[0])))
    except StudioError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
