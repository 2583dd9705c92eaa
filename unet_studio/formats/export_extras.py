"""What an export writes beside the masks while it has an image at hand: pictures and statistics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unet_studio.core.classes import ClassTable
from unet_studio.core.overlays import Picture, overlay, side_by_side, with_legend, write_picture
from unet_studio.core.pixel_size import PixelSize
from unet_studio.core.pixels import Pixels
from unet_studio.core.statistics import (
    ClassStatistics,
    ImageStatistics,
    measure,
    summary,
    write_statistics,
    write_summary,
)
from unet_studio.formats.export_options import ExportOptions, PictureKind
from unet_studio.formats.matching import inside, mask_names
from unet_studio.formats.sample import Labels

# Kind of picture -> its folder. The files are JPEGs, which no reader of masks takes for one.
FOLDERS: Mapping[PictureKind, str] = {"overlay": "overlays", "side-by-side": "side-by-side"}
_MAKERS: Mapping[PictureKind, Callable[..., Picture]] = {"overlay": overlay, "side-by-side": side_by_side}
STATISTICS, SUMMARY = "statistics.csv", "statistics-summary.csv"


@dataclass
class Extras:
    """What lies beside the masks of one export. folder: where; beside(name): what a file there is called.

    names: of all images, from which the pictures' files get theirs. measured: what was counted so far.
    """

    folder: Path
    beside: Callable[[str], str]
    options: ExportOptions
    table: ClassTable
    names: list[str]
    pixel_size: PixelSize | None
    measured: dict[str, ImageStatistics] = field(default_factory=dict)
    pictures: int = 0
    _taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        named = mask_names(self.names) if self.options.pictures else {}
        self._stems = {name: path.removesuffix(".png") for name, path in named.items()}

    def take(self, name: str, labels: Labels, image: Pixels, status: str) -> None:
        """Make what is wanted of one image; a format may ask for it twice."""
        if name in self._taken:
            return
        self._taken.add(name)
        if self.options.statistics:
            self.measured[name] = measure(name, labels, self.table, status)
        for kind in sorted(self.options.pictures):
            picture = _MAKERS[kind](image, labels, self.table, self.options.style)
            if self.options.style.legend:
                picture = with_legend(picture, self.table)
            file = f"{self.beside(FOLDERS[kind])}/{self._stems[name]}.{kind}.jpg"
            write_picture(inside(self.folder, file), picture)
            self.pictures += 1

    def finish(self) -> tuple[tuple[ImageStatistics, ...], tuple[ClassStatistics, ...]]:
        """Write the tables; returns what they say of each image and of all together."""
        images = tuple(self.measured.values())
        if not images:
            return (), ()
        together = summary(images)
        write_statistics(self.folder / self.beside(STATISTICS), images, self.pixel_size)
        write_summary(self.folder / self.beside(SUMMARY), together, self.pixel_size)
        return images, together

    def written(self) -> dict[str, str]:
        """What was written, by what it is: file or folder, relative to the folder."""
        found: dict[str, str] = {kind: self.beside(FOLDERS[kind]) for kind in sorted(self.options.pictures)}
        if self.measured:
            found |= {"statistics": self.beside(STATISTICS), "summary": self.beside(SUMMARY)}
        return found
