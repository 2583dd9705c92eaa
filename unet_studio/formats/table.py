"""The table of formats: one line each, from which the commands, the dialogs and the tests are made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from unet_studio.core.errors import StudioError
from unet_studio.formats.archives import is_archive, read_archive
from unet_studio.formats.cellpose import read_cellpose, write_cellpose
from unet_studio.formats.cityscapes import image_place, read_cityscapes, write_cityscapes
from unet_studio.formats.coco import read_coco, write_coco
from unet_studio.formats.color_masks import read_color_masks, write_color_png
from unet_studio.formats.cvat import read_cvat, write_cvat
from unet_studio.formats.image_copies import beside, into, parallel
from unet_studio.formats.index_masks import read_index_masks
from unet_studio.formats.index_png import write_index_png_folder
from unet_studio.formats.index_tiff import write_index_tiff
from unet_studio.formats.isat import read_isat
from unet_studio.formats.label_studio import read_label_studio, write_label_studio
from unet_studio.formats.labelme import read_labelme, write_labelme, write_labelme_polygons
from unet_studio.formats.nnunet import read_nnunet, write_nnunet
from unet_studio.formats.rootpainter import place_of_image, read_rootpainter, write_rootpainter
from unet_studio.formats.sample import Incoming, Outgoing, Reader, Writer, one_file
from unet_studio.formats.supervisely import read_supervisely
from unet_studio.formats.via import read_via
from unet_studio.formats.voc import write_voc
from unet_studio.formats.voc_reader import read_voc
from unet_studio.formats.xanylabeling import read_xanylabeling
from unet_studio.formats.yolo import read_yolo, write_yolo


@dataclass(frozen=True)
class Format:
    """How masks go out and come in. title: what people read.

    loses: what does not survive, as a sentence; "" where every pixel does.

    file_name: of the one file that it is, in a destination that is a folder; "" where it is a folder.
    writer: None for a format that is only read. own_split: whether it has a place of its own for training,
    validation and testing, so that it needs no folder for each.

    image_file: the image's name and the file of its labels -> where a copy of the image belongs; without a
    suffix where the copy may get another one. writes_images: the writer writes images itself where it gets
    Outgoing.picture, which it does unless a person says no. bridges_holes: holes are said by an outline that
    runs to them and back.
    """

    name: str
    title: str
    reader: Reader
    writer: Writer | None
    loses: str = ""
    file_name: str = ""
    own_split: bool = False
    image_file: Callable[[str, str], str] | None = None
    writes_images: bool = False
    bridges_holes: bool = False

    @property
    def lossless(self) -> bool:
        """Whether every pixel survives."""
        return not self.loses

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of the one file that it is, for file dialogs; () where it is a folder."""
        return (Path(self.file_name).suffix,) if self.file_name else ()

    def target(self, destination: Path) -> Path:
        """The file or folder that is written for a destination."""
        return one_file(destination, self.file_name) if self.file_name else destination

    def read(self, source: Path) -> Incoming:
        """Open a foreign set of masks: a file, a folder, or an archive of either.

        Raises StudioError for whatever is wrong with it.
        """
        try:
            return read_archive(source, self.reader) if is_archive(source) else self.reader(source)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StudioError(f"{source} can't be read ({reason}).", "Look at its files.") from error

    def write(self, destination: Path, outgoing: Outgoing) -> Mapping[str, str]:
        """Write a set of masks; returns the file, relative to the destination, of each image.

        Raises StudioError for a format that is only read.
        """
        if self.writer is None:
            raise StudioError(
                f"{self.title} is read here, but not written.", f"Export as one of {', '.join(WRITTEN)}."
            )
        return self.writer(destination, outgoing)


FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        Format("index-png", "Index masks (folder of PNG)", read_index_masks, write_index_png_folder),
        Format("index-tiff", "Index masks (folder of TIFF)", read_index_masks, write_index_tiff),
        Format("color-png", "Colour masks (folder of PNG)", read_color_masks, write_color_png),
        Format(
            "cityscapes",
            "Cityscapes (folder)",
            read_cityscapes,
            write_cityscapes,
            own_split=True,
            image_file=image_place,
        ),
        Format(
            "coco",
            "COCO instances (JSON)",
            read_coco,
            write_coco,
            file_name="annotations.json",
            image_file=into("images"),
        ),
        Format(
            "voc",
            "Pascal VOC (folder)",
            read_voc,
            write_voc,
            own_split=True,
            image_file=parallel("SegmentationClass", "JPEGImages"),
        ),
        Format(
            "nnunet", "nnU-Net v2 (folder)", read_nnunet, write_nnunet, own_split=True, writes_images=True
        ),
        Format("labelme", "labelme (folder of JSON)", read_labelme, write_labelme, image_file=beside),
        Format(
            "labelme-polygons", "labelme with polygons (folder of JSON)", read_labelme, write_labelme_polygons
        ),
        Format("xanylabeling", "X-AnyLabeling (folder of JSON)", read_xanylabeling, None),
        Format("isat", "ISAT (folder of JSON)", read_isat, None),
        Format(
            "label-studio",
            "Label Studio (JSON, brush)",
            read_label_studio,
            write_label_studio,
            file_name="annotations.json",
        ),
        Format(
            "cvat",
            "CVAT for images 1.1 (XML)",
            read_cvat,
            write_cvat,
            file_name="annotations.xml",
            image_file=into("images"),
        ),
        Format(
            "yolo",
            "YOLO segmentation (folder)",
            read_yolo,
            write_yolo,
            loses="Pixels that nobody labelled become background.",
            own_split=True,
            image_file=parallel("labels", "images"),
            bridges_holes=True,
        ),
        Format(
            "cellpose",
            "Cellpose (folder of object numbers)",
            read_cellpose,
            write_cellpose,
            loses="Pixels that nobody labelled become background.",
            image_file=beside,
        ),
        Format(
            "rootpainter",
            "RootPainter (project folder)",
            read_rootpainter,
            write_rootpainter,
            own_split=True,
            image_file=place_of_image,
        ),
        Format("via", "VGG Image Annotator (JSON or CSV)", read_via, None, file_name="via.json"),
        Format("supervisely", "Supervisely (project folder)", read_supervisely, None),
    )
}


WRITTEN: dict[str, Format] = {name: entry for name, entry in FORMATS.items() if entry.writer is not None}


def format_named(name: str) -> Format:
    """The format of that name. Raises StudioError that lists them."""
    if name not in FORMATS:
        raise StudioError(f"There is no format {name!r}.", f"The formats are {', '.join(FORMATS)}.")
    return FORMATS[name]
