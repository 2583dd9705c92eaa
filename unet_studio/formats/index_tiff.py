"""Index masks: a folder of 8-bit TIFFs whose pixel value is the class index, beside a classes.json.

TIFF 6.0 (Adobe, 1992): grey (photometric 1, black is zero), deflate (compression 8, Adobe's technical notes
of 2002), one page. The tag 270, ImageDescription, says which image a mask belongs to.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from unet_studio.core.classes import UNLABELLED, write_classes_file
from unet_studio.core.storage import atomic_write, encodable
from unet_studio.formats.index_masks import CLASSES_FILE
from unet_studio.formats.mask_pictures import DESCRIPTION
from unet_studio.formats.matching import inside, mask_names
from unet_studio.formats.sample import Outgoing, check_labels

_STRIP = 1 << 18  # bytes of pixels packed at a time


def write_index_tiff(folder: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write `<stem>.tif` for every sample, sub-folders kept, and classes.json with ignore_index 255."""
    import tifffile

    files = {name: f"{path.removesuffix('.png')}.tif" for name, path in mask_names(outgoing.names).items()}
    write_classes_file(folder / CLASSES_FILE, outgoing.title, outgoing.classes, UNLABELLED)
    for sample in outgoing.samples():
        check_labels(sample, outgoing.classes)
        height, width = sample.labels.shape
        with atomic_write(inside(folder, files[sample.name])) as stream:
            tifffile.imwrite(
                stream,
                np.ascontiguousarray(sample.labels),
                photometric="minisblack",
                compression="zlib",
                rowsperstrip=min(height, max(1, _STRIP // width)),
                description=(DESCRIPTION + encodable(sample.name)).encode(),
                metadata=None,
                software="U-Net Studio",
            )
    return files
