"""What foreign files say beside their masks, kept in the project until they are written again.

`unet-studio/foreign/<family>/<image>.json`: plain JSON, what it holds is the format's own matter; it may be
deleted, and is small, for masks and pictures are no part of it. family: the formats that understand it.
"""

from collections.abc import Mapping
from typing import Any

from unet_studio.core.errors import StudioError
from unet_studio.core.project import Project
from unet_studio.core.storage import read_json, write_json
from unet_studio.formats.matching import inside
from unet_studio.formats.sample import Incoming

FOLDER = "foreign"
SUFFIX = ".json"


def remainder_layer(incoming: Incoming) -> Mapping[str, str]:
    """The folder of the project, and the suffix of the files in it, where a source's remainders are kept."""
    return {f"{FOLDER}/{incoming.family}": SUFFIX} if incoming.family else {}


def keep_remainder(project: Project, name: str, incoming: Incoming, key: str) -> None:
    """Keep what a source says of one image beside its mask. A format without such things changes nothing."""
    for layer, suffix in remainder_layer(incoming).items():
        path = inside(project.folder / layer, f"{name}{suffix}")
        try:
            value = incoming.remainder(key)
        except StudioError:  # the mask is in; a file that vanished since takes no more than this with it
            value = None
        if value is None:
            path.unlink(missing_ok=True)
        else:
            write_json(path, value)


def kept_remainder(project: Project, family: str, name: str) -> Mapping[str, Any] | None:
    """What was kept of one image for a family of formats; None where nothing was, or nothing usable."""
    try:
        path = inside(project.folder / FOLDER / family, f"{name}{SUFFIX}")
        value = read_json(path) if path.is_file() else None
    except StudioError:
        return None
    return value if isinstance(value, dict) else None
