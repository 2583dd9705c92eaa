"""Prediction of whole images: seams, sizes, bands, memory, cancelling, and how a result says it was made."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.model.small import INDICES, counting, make, picture
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.model_card import Architecture, Preprocessing
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
from unet_studio.model.plan import Plan

SEAMLESS = PredictSettings(tile=256, overlap=0.5)  # a halo of 32 px, wider than the network sees
SMALL_TILES = PredictSettings(tile=32)


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


def seen(model: Model, image: np.ndarray, settings: PredictSettings) -> torch.Tensor:
    """The logits (K, H, W) that prediction decides on."""
    bands: list[torch.Tensor] = []
    model.predict(image, settings=settings, watch=lambda _top, _columns, logits: bands.append(logits.clone()))
    return torch.cat(bands, dim=1)


@pytest.mark.parametrize("outputs", [1, 3])
def test_seams_are_invisible(outputs):
    model = make(outputs)
    image = picture(500, 610)
    logits = seen(model, image, SEAMLESS)
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
        "threads": torch.get_num_threads(),
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


def test_exact_on_a_graphics_card_allows_no_shortcut():
    chosen = Plan("exact", torch.device("cuda"), 512, 0.25, 8, False)
    before = torch.backends.cudnn.allow_tf32
    with chosen.precision():
        assert not torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.deterministic
    assert torch.backends.cudnn.allow_tf32 == before


def test_a_graphics_card_takes_several_tiles_at_once():
    assert plan.BATCHES["cuda"] > 1


ODD_SHAPES = [(1, 1), (1, 700), (700, 1), (3, 5000), (2, 2)]
SCALINGS = {
    "dtype": Preprocessing(5),
    "percentile": Preprocessing(5, "percentile", low=(0.0,) * 5, high=(0.7,) * 5, mean=(0.5,) * 5),
    "resized": Preprocessing(5, resize="long_side", size=(96,)),
}


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", ODD_SHAPES)
def test_odd_images_of_any_depth_are_predicted(shape, dtype, scaling):
    model = make(2, 5, SCALINGS[scaling])
    model = Model(replace(model.card, tile=512), model.network)
    top = 1.0 if dtype is np.float32 else np.iinfo(dtype).max
    image = (np.random.default_rng(0).random((*shape, 5)) * top).astype(dtype)
    found = model.predict(image)
    assert found.labels.shape == found.confidence.shape == shape
    assert set(np.unique(found.labels)) <= set(INDICES[:2])
    assert (found.confidence >= 127).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, 0.25])
@pytest.mark.parametrize("scaling", ["dtype", "percentile"])
def test_an_image_without_content_is_predicted_alike_everywhere_inside(value, scaling):
    """All of it is no number, endless or constant: no pixel of the answer is no number either."""
    model = make(2, 5, SCALINGS[scaling])
    found = model.predict(np.full((200, 90, 5), value, dtype=np.float32), settings=PredictSettings(tile=1024))
    inside = found.confidence[48:-48, 40:-38].astype(int)
    stride = model.network.stride  # with which a transposed convolution's pattern repeats
    assert inside.size
    assert np.abs(inside[stride:] - inside[:-stride]).max() <= 1
    assert np.abs(inside[:, stride:] - inside[:, :-stride]).max() <= 1
    assert (found.confidence >= 127).all()


def test_a_prepared_image_gives_the_same():
    """What needs no network may be done before, in another thread."""
    model = make(2, 3, Preprocessing(3, resize="factor", size=(0.5,)))
    image = picture(90, 110, 3)
    expected, prepared = model.predict(image), model.prepare(image)
    assert prepared.pixels.shape == (45, 55, 3)
    found = model.predict(prepared)
    assert np.array_equal(found.labels, expected.labels)
    assert np.array_equal(found.confidence, expected.confidence)
    with pytest.raises(StudioError, match="channels"):
        model.prepare(np.zeros((4, 4, 5), dtype=np.uint8))
