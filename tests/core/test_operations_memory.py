"""Operations on a mask of 8192 x 8192 px: the memory they take on top, in a process of their own."""

import json
import subprocess
import sys

import pytest

WORK = """
import json, resource
import cv2
import numpy as np
from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document import Document
from unet_studio.core.mask import Mask
from unet_studio.core.operations import OPERATIONS
from unet_studio.core.prediction import Prediction
from unet_studio.core.rewriting import prepare

side = 8192
random = np.random.default_rng(0)
labels = np.empty((side, side), dtype=np.uint8)
coarse = random.choice(3, (side // 128, side // 128)).astype(np.uint8)
for top in range(0, side, 128):
    labels[top : top + 128] = np.repeat(coarse[top // 128], 128)
    labels[top : top + 128][random.random((128, side)) < 0.002] ^= 1
annotation = Mask.full((side, side), UNLABELLED)
prediction = Prediction(labels, np.full((side, side), 255, dtype=np.uint8), "model")
document = Document("a.png", labels, annotation, ClassTable.binary().add("wall"), prediction)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

before, found = peak(), {}
for name in ("accept", "smooth", "fill_holes", "drop_specks"):
    ready = prepare(document, OPERATIONS[name], None, {})
    found[name] = [peak() - before, ready.pixels, len(ready.plan.tiles) if ready.plan else 0]
    del ready
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is counted in other units elsewhere")
def test_operations_take_a_few_bytes_a_pixel():
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert all(pixels for _, pixels, _ in found.values())
    assert max(extra for extra, _, _ in found.values()) < 250  # MiB: under 1 GiB for 16384 x 16384 px
