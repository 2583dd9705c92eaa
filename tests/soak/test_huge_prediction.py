"""An image of 16,384 x 16,384 px on the processor: within bounded memory, progress moves, cancel works.

python -m pytest tests/soak/test_huge_prediction.py --soak -s
"""

import json
import subprocess
import sys

import pytest

SIDE = 16_384
MOST_MEMORY = 1000  # MB above the image and the layers that come of it
MOST_STEP = 0.01  # of the whole that one step of progress may cover
PREDICT = """
import json, sys, threading, time
import numpy as np
import psutil
from unet_studio.core.errors import Cancelled
from unet_studio.core.model_card import list_models
from unet_studio.core.resources import resources
from unet_studio.model import PredictSettings, load_model

side = int(sys.argv[1])
model = load_model(list_models(resources() / "models")[0].folder, "cpu")
model.predict(np.zeros((512, 512, 3), dtype=np.uint8))  # what the libraries set up once
random = np.random.default_rng(0)
image = np.empty((side, side, 3), dtype=np.uint8)
for top in range(0, side, 1024):
    image[top : top + 1024] = random.integers(0, 255, (1024, side, 3), dtype=np.uint8)
process = psutil.Process()
before = process.memory_info().rss
most, ended = 0, False

def watch():
    global most
    while not ended:
        most = max(most, process.memory_info().rss)
        time.sleep(0.05)

threading.Thread(target=watch, daemon=True).start()
steps, cpu = [0.0], time.process_time()

def cancel(fraction):
    if fraction > 0.02:
        raise Cancelled

began = time.perf_counter()

try:
    model.predict(image, cancel)
    cancelled = False
except Cancelled:
    cancelled = True
found = model.predict(image, steps.append)
ended = True
print(json.dumps({
    "cancelled": cancelled,
    "shape": found.labels.shape,
    "layers": (found.labels.nbytes + found.confidence.nbytes) / 2**20,
    "above": (most - before) / 2**20,
    "steps": len(steps),
    "largest_step": max(b - a for a, b in zip(steps, steps[1:])),
    "last": steps[-1],
    "seconds": time.perf_counter() - began,
    "cpu": time.process_time() - cpu,
    "notes": found.made["notes"],
}))
"""


def predict(side):
    done = subprocess.run([sys.executable, "-c", PREDICT, str(side)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def checked(found, side):
    print(f"\n{found}")
    assert found["cancelled"]
    assert found["shape"] == [side, side]
    assert found["notes"] == []  # nothing had to be halved
    assert found["last"] == 1.0
    return found


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_huge_image():
    found = checked(predict(SIDE), SIDE)
    assert found["above"] - found["layers"] <= MOST_MEMORY
    assert found["largest_step"] <= MOST_STEP


@pytest.mark.slow
def test_the_same_in_small():
    checked(predict(1024), 1024)
