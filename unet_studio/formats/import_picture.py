"""A small picture of one image with the mask that an import would bring, to see whether it fits."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED, ClassTable, rgb
from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import read_thumbnail
from unet_studio.core.pixels import oriented
from unet_studio.core.project import Project
from unet_studio.core.render import overlay_picture
from unet_studio.formats.examination import drawn
from unet_studio.formats.import_plan import ImageRow, ImportPlan
from unet_studio.formats.importing import scaled
from unet_studio.formats.regions import Order
from unet_studio.formats.sample import Incoming, Labels

SIZE = 640  # px of the longer side
OPACITY = 0.55
UNNAMED = "#ff00ff"  # of pixel values without a class


@dataclass(frozen=True)
class ImportPicture:
    """plain, masked: uint8 (h, w, 3), the image without and with its mask. overlapping: px of the mask under
    regions of several classes. problem: why there is no mask; masked is plain then.
    """

    name: str
    plain: NDArray[np.uint8]
    masked: NDArray[np.uint8]
    overlapping: int = 0
    problem: str = ""


def import_picture(project: Project, plan: ImportPlan, name: str) -> ImportPicture:
    """The picture of one of the plan's images. Raises StudioError where the image itself can't be read."""
    row = next(row for row in plan.rows if row.name == name)
    plain = read_thumbnail(project.image_path(name), SIZE)
    if not row.key or row.blank:
        return ImportPicture(name, plain, plain, problem=row.remark)
    try:
        labels, overlapping = _draw(plan.incoming, row, plan.options.order)
    except StudioError as error:
        return ImportPicture(name, plain, plain, problem=str(error))
    if row.fate == "turn":
        labels = oriented(labels, row.orientation)
    palette, clear = _colors(plan, project.classes)
    fitted = clear[scaled(labels, (plain.shape[0], plain.shape[1]))]
    return ImportPicture(name, plain, overlay_picture(plain, fitted, palette, OPACITY), overlapping)


def _draw(incoming: Incoming, row: ImageRow, order: Order) -> tuple[Labels, int]:
    """The mask of a row in its own size, uint8 (H, W), and how many of its pixels overlap."""
    shape = row.theirs or row.ours
    if incoming.scene is None or incoming.legend is None:
        return incoming.read(row.key, shape), 0
    found = drawn(incoming.scene(row.key, shape), incoming.legend, order)
    return found.labels, found.shared


def _colors(plan: ImportPlan, table: ClassTable) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Colours by pixel value of the source, uint8 (256, 3), and a look-up table, uint8 (256,), that makes
    unlabelled of whatever stays clear: background, and what becomes unlabelled.
    """
    source = plan.incoming.classes or table
    here = table if not plan.takes_over else source
    proposed: Mapping[str, str | None] = {one.name: one.here for one in plan.classes}
    colors = {one.name: one.color for one in plan.classes}
    palette = np.empty((256, 3), dtype=np.uint8)
    palette[:] = rgb(UNNAMED)
    clear = np.arange(256, dtype=np.uint8)
    for entry in source.active:
        name = plan.options.renames.get(entry.name, proposed.get(entry.name, entry.name))
        target = here.named(name) if name else None
        palette[entry.index] = rgb(
            target.color if target is not None else colors.get(entry.name, entry.color)
        )
        if name == "" or (target is not None and target.index == here.background):
            clear[entry.index] = UNLABELLED
    return palette, clear
