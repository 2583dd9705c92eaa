"""What a format keeps, found out by writing a few pixels and reading them back."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.formats.sample import Incoming, Outgoing, Sample, class_lut
from unet_studio.formats.table import Format, format_named

Pieces = Literal[0, 4, 8]


@dataclass(frozen=True)
class Traits:
    """keeps_unlabelled: whether pixels without a class come back without one. says_unlabelled: whether the
    files say so themselves; else it only follows from classes that have no background. pieces: what is one
    object there: a 4- or an 8-connected piece of a class; 0 where a class is stored as a whole.
    """

    keeps_unlabelled: bool = True
    says_unlabelled: bool = True
    pieces: Pieces = 0


@lru_cache(maxsize=64)
def traits(name: str, background: bool = True) -> Traits:
    """What a format that can be written keeps. background: whether one of the classes is the background.

    Without one, what is no object is unlabelled, which more formats can say.
    """
    entry, table = format_named(name), ClassTable.binary("object")
    if not background:
        table = ClassTable(table.classes[1:])
    labels = np.full((6, 6), 0 if background else UNLABELLED, dtype=np.uint8)
    labels[0, 0] = labels[1, 1] = labels[4, 4] = 1  # two that touch at a corner, and one alone
    labels[0, 5] = UNLABELLED
    with TemporaryDirectory() as folder:
        place = Path(folder) / "trial"
        try:
            entry.write(place, Outgoing("trial", table, ["a.png"], lambda: [Sample("a.png", labels)]))
            incoming = entry.read(place)
            back = incoming.read(incoming.keys[0], (6, 6))
            here = class_lut(incoming.classes, table)[back]
            kept, said = bool(here[0, 5] == UNLABELLED), bool(back[0, 5] == UNLABELLED)
            return Traits(kept, said, _pieces(incoming))
        except StudioError:
            return Traits()


def _pieces(incoming: Incoming) -> Pieces:
    """Which pieces of the trial's three squares are objects of their own."""
    if incoming.scene is None:
        return 0
    regions = incoming.scene(incoming.keys[0], (6, 6)).regions
    own = [(place if region.instance == "" else region.instance) for place, region in enumerate(regions)
           if region.name == "object"]  # fmt: skip
    counts: dict[int, Pieces] = {2: 8, 3: 4}
    return counts.get(len(set(own)), 0)


def refusal(entry: Format, title: str, table: ClassTable, names: list[str]) -> str:
    """Why a format can't hold these classes and names of images, a sentence with its remedy; "" if it can.

    One pixel of the first image is written to a temporary folder.
    """
    if not names:
        return ""
    pixel = np.full((1, 1), table.indices[0], dtype=np.uint8)
    with TemporaryDirectory() as folder:
        try:
            entry.write(
                Path(folder) / "trial", Outgoing(title, table, names, lambda: [Sample(names[0], pixel)])
            )
        except StudioError as error:
            return str(error)
    return ""
