"""Pascal VOC's classes and colours: "The PASCAL Visual Object Classes Challenge 2012 Development Kit"."""

import numpy as np
from numpy.typing import NDArray

NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)  # fmt: skip


def voc_palette() -> NDArray[np.uint8]:
    """VOC's colours by index, uint8 (256, 3): the bits of an index, dealt out to red, green and blue."""
    index = np.arange(256)
    palette = np.zeros((256, 3), dtype=np.uint8)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= ((index >> (3 * bit + channel) & 1) << (7 - bit)).astype(np.uint8)
    return palette
