"""Prediction of whole images: seams, sizes, bands, memory, cancelling, and how a result says it was made."""

import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.model_card import Architecture, ModelCard, ModelClass, Preprocessing
from unet_studio.model import (
    Model,
    PredictSettings,
    adapt_head,
    build_network,
    devices,
    plan,
    predict,
    sweep,
    to_array,
)
from unet_studio.model.network import Network
from unet_studio.model.plan import Plan

INDICES = (7, 3, 200, 0)
SEAMLESS = PredictSettings(tile=256, overlap=0.5)  # a halo of 32 px, wider than the network sees
SMALL_TILES = PredictSettings(tile=32)


def make(outputs: int = 1, channels: int = 1, preprocessing: Preprocessing | None = None) -> Model:
    """A small network with random weights; it sees about 24 px around a pixel."""
    torch.manual_seed(outputs)
    architecture = Architecture(
        "unet", channels, outputs, {"depth": 2, "channels": 4, "normalisation": "none"}
    )
    classes = tuple(ModelClass(INDICES[k], f"c{k}", "#000000") for k in range(max(2, outputs)))
    card = ModelCard("small", architecture, classes, None, preprocessing or Preprocessing(channels), tile=64)
    network = build_network(architecture).eval()
    shape = (160, 160, channels) if channels > 1 else (160, 160)
    balance(network, torch.from_numpy(to_array(picture(*shape), card.preprocessing))[None])
    return Model(card, network)


def balance(network: Network, sample: torch.Tensor) -> None:
    """Change the head so that on the sample every class is likely somewhere."""
    with torch.no_grad():
        logits = network(sample)
        spread, mean = logits.std(dim=(0, 2, 3)) / 3, logits.mean(dim=(0, 2, 3))
        network.head.weight /= spread[:, None, None, None]
        network.head.bias -= mean
        network.head.bias /= spread


def picture(*shape: int, seed: int = 0) -> np.ndarray:
    """Smooth noise, uint8."""
    noise = torch.rand(1, 1, *shape[:2], generator=torch.Generator().manual_seed(seed))
    smooth = functional.avg_pool2d(noise, 5, stride=1, padding=2)[0, 0].numpy()
    image = np.clip((smooth - 0.5) * 4 + 0.5, 0, 1) * 255
    return (
        image.astype(np.uint8)
        if len(shape) == 2
        else np.repeat(image[..., None], shape[2], 2).astype(np.uint8)
    )


def reference(model: Model, image: np.ndarray) -> torch.Tensor:
    """Probabilities (K, H, W) of one pass over the whole image, brought to its size at once."""
    pixels = torch.from_numpy(to_array(image, model.card.preprocessing))[None]
    height, width = pixels.shape[-2:]
    stride = model.network.stride
    pad = (0, -width % stride, 0, -height % stride)
    padded = functional.pad(pixels, pad, mode="reflect") if min(height, width) > stride else pixels
    with torch.no_grad():
        logits = model.network(padded)[..., :height, :width]
    logits = functional.interpolate(logits, image.shape[:2], mode="bilinear", align_corners=False)[0]
    if len(logits) == 1:
        logits = torch.cat([torch.zeros_like(logits), logits])
    return logits.softmax(0)


@pytest.fixture
def seen(monkeypatch) -> list[torch.Tensor]:
    """The logits that prediction decides on, band by band."""
    bands: list[torch.Tensor] = []
    original = sweep.decide

    def recorded(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        bands.append(logits.clone())
        return original(logits)

    monkeypatch.setattr(sweep, "decide", recorded)
    return bands


@pytest.mark.parametrize("outputs", [1, 3])
def test_seams_are_invisible(outputs, seen):
    model = make(outputs)
    image = picture(500, 610)
    model.predict(image, settings=SEAMLESS)
    logits = torch.cat(seen, dim=1)
    if outputs == 1:
        logits = torch.cat([torch.zeros_like(logits), logits])
    expected = reference(model, image)
    assert expected.std() > 0.1
    difference = (logits.softmax(0) - expected).abs()
    assert logits.shape == (max(2, outputs), 500, 610)
    assert difference.max() <= 1e-3


def test_without_overlap_seams_would_show():
    """That the test above can fail."""
    model, image = make(), picture(500, 610)
    cut = model.predict(image, settings=PredictSettings(tile=256, overlap=0.0))
    whole = model.predict(image, settings=PredictSettings(tile=1024))
    assert np.abs(cut.confidence.astype(int) - whole.confidence.astype(int)).max() > 10


@pytest.mark.parametrize("outputs", [1, 2, 4])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2), (64, 64), (33, 150), (170, 90)])
def test_any_size_gives_labels_of_that_size(outputs, shape):
    model = make(outputs)
    result = model.predict(picture(*shape), settings=SMALL_TILES)
    assert result.labels.shape == result.confidence.shape == shape
    assert result.labels.dtype == result.confidence.dtype == np.uint8
    assert set(np.unique(result.labels)) <= set(INDICES[: max(2, outputs)])
    assert (result.confidence >= 255 // max(2, outputs)).all()


@pytest.mark.parametrize(
    ("resize", "size"),
    [("none", ()), ("factor", (0.6,)), ("factor", (1.7,)), ("long_side", (48,)), ("stretch", (40, 56))],
)
@pytest.mark.parametrize("outputs", [1, 3])
def test_labels_and_confidence_are_those_of_the_untiled_pass(resize, size, outputs):
    model = make(outputs, 3, Preprocessing(3, mean=(0.4,) * 3, std=(0.3,) * 3, resize=resize, size=size))
    image = picture(97, 130, 3)
    result = model.predict(image, settings=PredictSettings(tile=512))
    probability, best = reference(model, image).max(0)
    expected = np.array(INDICES, dtype=np.uint8)[best.numpy()]
    assert len(np.unique(expected)) > 1
    clear = probability.numpy() > 0.5 + 1e-3 if outputs == 1 else np.ones(expected.shape, bool)
    assert (result.labels == expected)[clear].mean() > 0.9999
    assert np.abs(result.confidence - (255 * probability).round().numpy()).max() <= 1


def test_one_logit_says_the_same_as_two_channels():
    one = make()
    two_card = replace(one.card, architecture=replace(one.card.architecture, out_channels=2))
    network = build_network(two_card.architecture)
    network.load_state_dict(adapt_head(one.network.state_dict(), one.card.classes, one.card.classes, 2))
    image = picture(60, 70)
    a, b = one.predict(image), Model(two_card, network.eval()).predict(image)
    assert np.array_equal(a.labels, b.labels)
    assert np.abs(a.confidence.astype(int) - b.confidence).max() <= 1


def test_confidence_is_the_probability_of_the_label():
    logits = torch.tensor([0.0, 2.0, -2.0, 90.0, -0.4]).reshape(1, 1, 5)
    best, confidence = sweep.decide(logits)
    assert best.tolist() == [[0, 1, 0, 1, 0]]
    expected = torch.sigmoid(logits.abs())[0] * 255
    assert confidence.tolist() == expected.round().tolist()
    best, confidence = sweep.decide(torch.tensor([[1.0], [3.0], [-5.0]])[..., None])
    assert best.item() == 1
    assert confidence.item() == round(255 * torch.tensor([1.0, 3.0, -5.0]).softmax(0)[1].item())


def test_equal_settings_give_equal_pixels():
    image = picture(150, 170)
    first, second = make(3).predict(image, settings=SMALL_TILES), make(3).predict(image, settings=SMALL_TILES)
    assert np.array_equal(first.labels, second.labels)
    assert np.array_equal(first.confidence, second.confidence)
    assert first.made == second.made


@pytest.mark.parametrize(("resize", "size"), [("none", ()), ("factor", (0.5,)), ("factor", (1.5,))])
def test_stripes_change_nothing(monkeypatch, resize, size):
    """Where logits of a whole row of tiles would not fit, columns are made one stripe after another."""
    model, image = make(3, 1, Preprocessing(1, resize=resize, size=size)), picture(90, 400)
    whole = model.predict(image, settings=SMALL_TILES)
    monkeypatch.setattr(sweep, "BUFFER_BYTES", 3 * 4 * 32 * 70)
    calls: list[float] = []
    striped = model.predict(image, calls.append, SMALL_TILES)
    assert np.array_equal(whole.labels, striped.labels)
    assert np.array_equal(whole.confidence, striped.confidence)
    assert calls == sorted(calls)
    assert calls[-1] == 1.0


def test_the_batch_changes_next_to_nothing():
    model, image = make(3), picture(150, 170)
    one, four = (model.predict(image, settings=replace(SMALL_TILES, batch=batch)) for batch in (1, 4))
    assert (one.labels == four.labels).mean() > 0.999
    assert four.made["batch"] == 4


class Counting(Network):
    """A network of one convolution that counts its calls."""

    stride = 8

    def __init__(self, network: nn.Conv2d) -> None:
        super().__init__()
        self.head = network
        self.shapes: list[tuple[int, ...]] = []

    def encoder_modules(self) -> list[nn.Module]:
        return []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.shapes.append(tuple(x.shape))
        return self.head(x)


def counting(outputs: int = 1) -> tuple[Model, Counting]:
    network = Counting(nn.Conv2d(1, outputs, 1))
    return Model(make(outputs).card, network), network


def test_progress_is_reported_for_every_tile():
    model, network = counting()
    calls: list[float] = []
    model.predict(picture(200, 300), calls.append, SMALL_TILES)
    assert calls[0] == 0
    assert calls[-1] == 1
    assert len(calls) >= len(network.shapes) > 20
    assert calls == sorted(calls)


def test_cancelling_stops_within_a_tile():
    model, network = counting()

    def cancel(fraction: float) -> None:
        if len(network.shapes) == 3:
            raise Cancelled

    model.network.train()
    with pytest.raises(Cancelled):
        model.predict(picture(200, 300), cancel, SMALL_TILES)
    assert len(network.shapes) == 3
    assert network.training
    model.predict(picture(20, 20))
    assert len(network.shapes) == 4


def test_all_tiles_have_one_shape_and_are_reflected_at_the_end():
    model, network = counting()
    model.predict(picture(201, 303), settings=replace(SMALL_TILES, batch=3))
    assert {shape[1:] for shape in network.shapes} == {(1, 32, 32)}
    assert max(shape[0] for shape in network.shapes) == 3
    positions = sweep.reflected(np.arange(12), 4)
    assert positions.tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1]
    assert sweep.reflected(np.arange(5), 1).tolist() == [0] * 5


def test_the_network_is_left_in_the_mode_it_was_in():
    model = make()
    model.network.train()
    model.predict(picture(20, 20))
    assert model.network.training
    assert all(parameter.grad is None for parameter in model.network.parameters())


def test_dropout_and_batch_statistics_are_those_of_evaluation():
    torch.manual_seed(0)
    architecture = Architecture("unet", 1, 1, {"depth": 1, "channels": 4, "dropout": 0.5})
    model = Model(replace(make().card, architecture=architecture), build_network(architecture).train())
    image = picture(40, 40)
    before = [value.clone() for value in model.network.state_dict().values()]
    first, second = model.predict(image), model.predict(image)
    assert np.array_equal(first.confidence, second.confidence)
    assert all(torch.equal(a, b) for a, b in zip(before, model.network.state_dict().values(), strict=True))


def test_flips_are_averaged():
    model, image = make(2), picture(64, 64)
    averaged = PredictSettings(tta=True)
    straight = model.predict(image, settings=averaged)
    flipped = model.predict(image[:, ::-1], settings=averaged)
    turned = model.predict(image[::-1], settings=averaged)
    assert np.abs(straight.confidence.astype(int) - flipped.confidence[:, ::-1]).max() <= 1
    assert np.abs(straight.confidence.astype(int) - turned.confidence[::-1]).max() <= 1
    assert (straight.confidence != model.predict(image).confidence).any()
    assert straight.made["tta"]


def test_a_prediction_says_how_it_was_made():
    made = make().predict(picture(20, 20)).made
    assert made == {
        "mode": "exact",
        "precision": "float32",
        "device": "cpu",
        "tile": 64,
        "overlap": 0.25,
        "batch": 1,
        "tta": False,
        "backend": f"torch {torch.__version__}",
        "notes": [],
    }


@pytest.mark.parametrize("native", [True, False])
def test_fast_is_bfloat16_where_native_and_exact_elsewhere(monkeypatch, native):
    monkeypatch.setattr(devices, "native_bfloat16", lambda: native)
    model, image = make(3), picture(100, 100)
    fast, exact = model.predict(image, settings=PredictSettings(mode="fast")), model.predict(image)
    assert fast.made["precision"] == ("bfloat16" if native else "float32")
    assert exact.made["precision"] == "float32"
    agreement = (fast.labels == exact.labels).mean()
    assert agreement > 0.95
    same = np.array_equal(fast.confidence, exact.confidence)
    assert same != native


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "quick"}, "quick"),
        ({"overlap": 0.6}, "range"),
        ({"tile": -1}, "range"),
        ({"batch": -1}, "range"),
    ],
)
def test_settings_out_of_range_are_explained(changes, message):
    with pytest.raises(StudioError, match=message):
        PredictSettings(**changes)


def test_an_image_that_does_not_suit_is_explained():
    with pytest.raises(StudioError, match="channels"):
        make(1, 3).predict(np.zeros((4, 4, 5), dtype=np.uint8))


def test_threads_are_set_where_asked_for(monkeypatch):
    counts: list[int] = []
    monkeypatch.setattr(predict, "set_threads", counts.append)
    make().predict(picture(8, 8))
    make().predict(picture(8, 8), settings=PredictSettings(threads=2))
    assert counts == [2]


def test_two_threads_may_ask_one_model():
    model = make(3)
    images = [picture(70, 80, seed=seed) for seed in range(4)]
    alone = [model.predict(image).confidence for image in images]
    together: dict[int, np.ndarray] = {}
    workers = [
        threading.Thread(target=lambda k=k: together.update({k: model.predict(images[k]).confidence}))
        for k in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(np.array_equal(together[k], alone[k]) for k in range(4))


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
    assert moves[-1] == "cuda"
    assert len(emptied) == 3
    expected = plain.predict(image, settings=PredictSettings(tile=128))
    assert np.array_equal(result.labels, expected.labels)
    tried.clear()
    model.predict(image)
    assert tried[0][0] == "cuda"


def test_exact_on_a_graphics_card_allows_no_shortcut():
    chosen = Plan("exact", torch.device("cuda"), 512, 0.25, 8, False)
    before = torch.backends.cudnn.allow_tf32
    with chosen.precision():
        assert not torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.deterministic
    assert torch.backends.cudnn.allow_tf32 == before


def test_a_graphics_card_takes_several_tiles_at_once():
    assert plan.BATCHES["cuda"] > 1


PEAK = """
import resource, sys
import numpy as np, torch
from torch import nn
from tests.model.test_predict import Counting, make
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
