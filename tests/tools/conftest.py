"""What tools are tried on: a document without painted pixels, class 0 predicted left and 1 right."""

import numpy as np
import pytest

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document import Document
from unet_studio.core.mask import Mask
from unet_studio.core.prediction import Prediction

SHAPE = (300, 400)


@pytest.fixture
def document():
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[:, 200:] = 1
    return Document(
        "picture.png",
        np.zeros((*SHAPE, 3), dtype=np.uint8),
        Mask.full(SHAPE, UNLABELLED),
        ClassTable.binary().add("other"),
        Prediction(labels, np.full(SHAPE, 255, dtype=np.uint8), "model"),
    )
