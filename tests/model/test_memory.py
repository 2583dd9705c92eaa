"""Memory: bounded for huge images, and what happens when it runs out."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.model.small import Counting, make, picture
from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import ModelCard
from unet_studio.model import Model, PredictSettings, predict, sweep
from unet_studio.model.network import Network
from unet_studio.model.plan import Plan
from unet_studio.model.streaming import Stream


class Hungry(Counting):
    """A network that runs out of memory above so many pixels a call."""

    def __init__(self, limit: int, error: Exception) -> None:
        super().__init__(nn.Conv2d(1, 1, 1))
        self.limit, self.error = limit, error

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[0] * x.shape[2] * x.shape[3] > self.limit:
            raise self.error
        return super().forward(x)


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes"),
    MemoryError(),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
def test_when_memory_runs_out_the_batch_then_the_tile_is_halved(error):
    model = Model(make().card, Hungry(128 * 128, error))
    image = picture(600, 600)
    settings = PredictSettings(tile=512, batch=4)
    calls: list[float] = []
    result = model.predict(image, calls.append, settings)
    assert result.made["notes"] == [
        "out of memory: batch 2",
        "out of memory: batch 1",
        "out of memory: tile 256",
        "out of memory: tile 128",
    ]
    assert (result.made["batch"], result.made["tile"]) == (1, 128)
    assert calls == sorted(calls)
    again = model.predict(image, settings=settings)
    assert again.made["notes"] == []
    assert (again.made["batch"], again.made["tile"]) == (1, 128)
    assert np.array_equal(again.confidence, result.confidence)


def test_when_memory_runs_out_bands_are_halved(monkeypatch):
    """And the next image begins with what fitted, as does one that is predicted in tiles."""
    plain = make()
    model = Model(replace(plain.card, tile=512), plain.network)
    image = picture(600, 700)
    expected = model.predict(image)
    push, limit = Stream.push, 2**16

    def hungry(self: Stream, rows: torch.Tensor, last: bool) -> Iterator[torch.Tensor]:
        if rows.shape[2] * rows.shape[3] > limit:
            raise OUT_OF_MEMORY[1]
        return push(self, rows, last)

    monkeypatch.setattr(Stream, "push", hungry)
    monkeypatch.setattr(sweep, "WHOLE", {"cpu": 0})
    found = model.predict(image)
    assert found.made["notes"] == [f"out of memory: bands of {size} px" for size in (2**17, 2**16)]
    assert np.array_equal(found.labels, expected.labels)
    again = model.predict(image)
    assert again.made["notes"] == []
    assert again.made["band"] == 2**16
    limit = 2**10
    with pytest.raises(StudioError, match="not enough memory"):
        model.predict(image)


def test_when_nothing_helps_it_says_so():
    model = Model(make().card, Hungry(100, OUT_OF_MEMORY[0]))
    with pytest.raises(StudioError, match="not enough memory"):
        model.predict(picture(300, 300), settings=PredictSettings(tile=256))


def test_other_errors_are_not_taken_for_missing_memory():
    model = Model(make().card, Hungry(100, RuntimeError("size mismatch")))
    with pytest.raises(RuntimeError, match="size mismatch"):
        model.predict(picture(300, 300))


def test_a_full_graphics_card_hands_over_to_the_processor(monkeypatch):
    """On a pretended card: it is tried with less and less, then the processor predicts, and the next image
    starts on the card again."""
    moves: list[str] = []
    tried: list[tuple[str, int, int]] = []
    real = sweep.Sweep

    def moved(network: Network, device: torch.device) -> Network:
        moves.append(device.type)
        return network

    def pretended(network: Network, card: ModelCard, pixels: np.ndarray, chosen: Plan) -> sweep.Sweep:
        tried.append((chosen.device.type, chosen.batch, chosen.tile))
        if chosen.device.type == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(network, card, pixels, chosen)

    emptied: list[bool] = []
    monkeypatch.setattr(predict, "_moved", moved)
    monkeypatch.setattr(predict, "Sweep", pretended)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
    plain = make()
    model = Model(plain.card, plain.network, torch.device("cuda"))
    image = picture(100, 100)
    result = model.predict(image, settings=PredictSettings(tile=256, batch=2))
    assert tried == [("cuda", 2, 256), ("cuda", 1, 256), ("cuda", 1, 128), ("cpu", 1, 128)]
    assert result.made["device"] == "cpu"
    assert result.made["notes"][-1] == "out of memory on cuda: on the processor"
    assert moves[-1] == "cpu"
    assert len(emptied) == 3
    expected = plain.predict(image, settings=PredictSettings(tile=128))
    assert np.array_equal(result.labels, expected.labels)
    tried.clear()
    model.predict(image)
    assert tried[0][0] == "cuda"
    assert "cuda" in moves[moves.index("cpu") :]


PEAK = """
import resource, sys
import numpy as np, torch
from torch import nn
from tests.model.small import Counting, make
from unet_studio.model import Model, PredictSettings
from dataclasses import replace
from unet_studio.core.model_card import ModelClass

torch.set_num_threads(1)
card = make(2).card
classes = tuple(ModelClass(k, str(k), "#000000") for k in range(48))
card = replace(card, classes=classes, architecture=replace(card.architecture, out_channels=48))
model = Model(card, Counting(nn.Conv2d(1, 48, 1)))
settings = PredictSettings(tile=256)
image = np.zeros((1000, 6000), dtype=np.uint8)
model.predict(image[:300, :300], settings=settings)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model.predict(image, settings=settings)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kB on Linux alone")
def test_memory_stays_bounded():
    """All logits of this image would take 1.2 GB; allowed are the result (12 MB), one buffer, and tiles."""
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 500


HUGE = """
import resource
import numpy as np, torch
from unet_studio.core.model_card import Architecture, ModelCard, ModelClass, Preprocessing
from unet_studio.model import Model, build_network

torch.set_num_threads(1)
architecture = Architecture("unet-efficientnet-lite0", 3, 1)
classes = (ModelClass(0, "a", "#000000"), ModelClass(1, "b", "#ffffff"))
model = Model(ModelCard("m", architecture, classes, 0, Preprocessing(3)), build_network(architecture))
image = np.full((704, 16384, 3), 90, dtype=np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fractions = []
found = model.predict(image, fractions.append)
assert fractions == sorted(fractions) and len(set(fractions)) > 50
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024 - found.nbytes // 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kB on Linux alone")
def test_the_default_network_takes_less_than_a_gigabyte_for_the_widest_images():
    """A part of an image of 16,384 x 16,384 px, as wide and higher than the network sees: more of it takes no
    more memory."""
    done = subprocess.run([sys.executable, "-c", HUGE], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1000
