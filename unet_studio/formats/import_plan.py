"""What an import would do, found out from headers alone: nothing is drawn, nothing is written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import read_info
from unet_studio.core.project import Project, Status
from unet_studio.formats.import_classes import FoundClass, found_classes, is_fresh
from unet_studio.formats.import_options import Advance, ImportOptions
from unet_studio.formats.matching import match_certain, match_renamed
from unet_studio.formats.sample import Incoming, Shape
from unet_studio.formats.table import format_named

Fate = Literal["import", "turn", "scale", "keep", "blank", "refuse", "skip"]
COMING: tuple[Fate, ...] = ("import", "turn", "scale")  # the fates of images whose mask comes in


@dataclass(frozen=True)
class ImageRow:
    """An image that masks of the source may belong to. key: its mask there, "" where it could not be told.

    candidates: the masks that it may be, where several images or masks fit. state: how far the image is here.
    theirs, ours: (H, W) in px of mask and image, None where it is not known. orientation: of the picture, as
    EXIF says, 1..8. blank: the source lists the image without a word on its pixels.

    fate: what would become of it, see ImportOptions: "import"; "turn" by the picture's orientation; "scale";
    "keep" what a person painted here; "blank"; "refuse"; "skip", not among the chosen images. remark: why, as
    a sentence; "" where nothing is to be said.
    """

    name: str
    key: str
    state: Status
    theirs: Shape | None = None
    ours: Shape | None = None
    orientation: int = 1
    blank: bool = False
    candidates: tuple[str, ...] = ()
    problem: str = ""
    fate: Fate = "import"
    remark: str = ""


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do. rows: in the order of the project's images. missing: images without a mask.

    unused: masks without an image. notes: what a person should know. has_regions: overlaps and touching
    objects can be counted, and the order of overlaps chosen. takes_over: the project, which is new, takes
    over the source's classes. incoming: the opened source.
    """

    format: str
    source: Path
    options: ImportOptions
    classes: tuple[FoundClass, ...]
    rows: tuple[ImageRow, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    notes: tuple[str, ...]
    has_regions: bool
    takes_over: bool
    incoming: Incoming = field(repr=False, compare=False)

    @property
    def coming(self) -> tuple[ImageRow, ...]:
        """The rows whose mask would come in."""
        return tuple(row for row in self.rows if row.fate in COMING)

    def counts(self) -> dict[Fate, int]:
        """How many images have which fate."""
        return dict(Counter(row.fate for row in self.rows))

    def under(self, options: ImportOptions) -> "ImportPlan":
        """The same plan with other options; quick, for no file is read again.

        Not for other pairs: those need plan_import.
        """
        return replace(self, options=options, rows=tuple(_decided(row, options) for row in self.rows))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "format": self.format,
            "source": str(self.source),
            "options": self.options.to_json(),
            "classes": [
                {"there": one.name, "color": one.color, "here": one.here, "likeness": one.likeness}
                for one in self.classes
            ],
            "takes_over_classes": self.takes_over,
            "counts": self.counts(),
            "images": [
                {
                    "image": row.name,
                    "mask": row.key,
                    "fate": row.fate,
                    "remark": row.remark,
                    "state": row.state.value,
                    "candidates": list(row.candidates),
                    "mask_size": _size_json(row.theirs),
                    "image_size": _size_json(row.ours),
                    "orientation": row.orientation,
                }
                for row in self.rows
            ],
            "missing": list(self.missing),
            "unused": list(self.unused),
            "notes": list(self.notes),
            "has_regions": self.has_regions,
        }


def plan_import(
    project: Project,
    format_name: str,
    source: Path,
    options: ImportOptions | None = None,
    advance: Advance = lambda _done, _total: None,
    incoming: Incoming | None = None,
) -> ImportPlan:
    """Find out what an import would do. Only headers of masks and images are read.

    incoming: the source as an earlier plan has opened it, to save the time. Raises StudioError where the
    source can't be read at all. May run in a thread; advance(images done, images in all) may raise Cancelled.
    """
    options = options or ImportOptions()
    if incoming is None:
        incoming = format_named(format_name).read(source)
    matches = match_certain(incoming.keys, project.images, options.pairs)
    matches = match_renamed(matches, incoming.also)
    rows: list[ImageRow] = []
    names = [name for name in project.images if name in matches.pairs or name in matches.ambiguous]
    for done, name in enumerate(names):
        advance(done, len(names))
        found = _row(project, incoming, name, matches.pairs.get(name, ""), matches.ambiguous.get(name, ()))
        rows.append(_decided(found, options))
    advance(len(names), len(names))
    theirs = incoming.classes
    takes_over = theirs is not None and is_fresh(project)
    return ImportPlan(
        format_name,
        source,
        options,
        found_classes(
            theirs, theirs if theirs is not None and takes_over else project.classes, incoming.numbered
        ),
        tuple(rows),
        matches.missing,
        matches.unused,
        (*incoming.notes, *_remarks(rows)),
        incoming.scene is not None,
        takes_over,
        incoming,
    )


def _row(project: Project, incoming: Incoming, name: str, key: str, candidates: Sequence[str]) -> ImageRow:
    """The facts of one image and its mask, from their headers."""
    row = ImageRow(name, key, project.status(name), candidates=tuple(candidates))
    if not key:
        return row
    try:
        info = read_info(project.image_path(name))
        row = replace(row, ours=(info.height, info.width), orientation=info.orientation)
        return replace(row, theirs=incoming.size(key), blank=incoming.is_blank(key))
    except StudioError as error:
        return replace(row, problem=str(error))


def _decided(row: ImageRow, options: ImportOptions) -> ImageRow:
    """A row with the fate that it has under these options."""
    fate, remark = _fate(row, options)
    return replace(row, fate=fate, remark=remark)


def _fate(row: ImageRow, options: ImportOptions) -> tuple[Fate, str]:
    """What becomes of an image, and why."""
    if options.only is not None and row.name not in options.only:
        return "skip", ""
    if not row.key:
        some = ", ".join(row.candidates[:5])
        return "refuse", f"Which mask belongs to it can't be told; it may be {some}."
    if row.problem:
        return "refuse", row.problem
    if row.blank:
        return "blank", "The source lists it without a mask."
    if options.layer == "annotation" and row.state is not Status.UNLABELLED and not options.replace:
        return "keep", f"It is {row.state.value} here already."
    return fitted(row, options)


def fitted(row: ImageRow, options: ImportOptions) -> tuple[Fate, str]:
    """What has to be done to a mask so that it fits its image, and why."""
    if row.theirs is None or row.ours is None:
        return "import", ""
    stored = row.ours[::-1] if row.orientation >= 5 else row.ours
    if options.turn == "all" and row.orientation != 1 and row.theirs == stored:
        return "turn", "It is turned as the picture's EXIF orientation says."
    if row.theirs == row.ours:
        return "import", ""
    sizes = f"The mask is {in_px(row.theirs)}, but its image is {in_px(row.ours)}"
    if row.theirs == stored:
        if options.turn != "refuse":
            return "turn", f"{sizes}: it is turned as the picture's EXIF orientation says."
        if options.other_size == "refuse":
            return "refuse", f"{sizes}: it was drawn on the picture without its EXIF orientation."
    if options.other_size == "scale":
        return "scale", f"{sizes}: it is scaled by nearest neighbour."
    return "refuse", f"{sizes}."


def in_px(shape: Shape) -> str:
    """An (H, W) as people write it: width x height."""
    return f"{shape[1]} x {shape[0]} px"


def _remarks(rows: Sequence[ImageRow]) -> list[str]:
    """What the orientations of pictures leave open."""
    turned = sum(1 for row in rows if row.theirs and row.ours and _as_stored(row))
    open_ones = sum(1 for row in rows if row.orientation != 1 and row.theirs == row.ours and row.ours)
    if not turned or not open_ones:
        return []
    return [
        f"{turned} masks were drawn on pictures without their EXIF orientation. {open_ones} others fit "
        "pictures that are mirrored, turned by 180 degrees or square, where sizes tell nothing: look whether "
        "they must be turned as well."
    ]


def _as_stored(row: ImageRow) -> bool:
    """Whether the size of a mask tells that it was drawn on the picture without its orientation."""
    return row.orientation >= 5 and row.ours is not None and row.theirs == row.ours[::-1] != row.ours


def _size_json(shape: Shape | None) -> Mapping[str, int] | None:
    return None if shape is None else {"width": shape[1], "height": shape[0]}
