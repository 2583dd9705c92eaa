"""A network that reads an image in bands: the same logits as one pass, whatever the bands and the network."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.model.small import Counting, make, picture
from tests.model.test_folding import VARIANTS, lived_in
from unet_studio.core.errors import Cancelled
from unet_studio.core.model_card import Architecture, Preprocessing
from unet_studio.model import (
    Model,
    PredictSettings,
    build_network,
    load_imagenet,
    plan,
    predict,
    sweep,
    to_array,
)
from unet_studio.model.flows import streamable
from unet_studio.model.folding import fold
from unet_studio.model.network import Network
from unet_studio.model.rows import NotStreamable, Queue, Window
from unet_studio.model.streaming import Stream, reach

STREAMED = [name for name in VARIANTS if "group" not in name and "efficientnet-b" not in name]


def streamed(network: Network, x: torch.Tensor, heights: list[int]) -> torch.Tensor:
    """The logits of an image (1, C, H, W), read in bands of these heights, in turn."""
    stream, top, parts, turn = Stream(network), 0, list[torch.Tensor](), 0
    while top < x.shape[2]:
        bottom = top + heights[turn % len(heights)]
        parts += stream.push(x[:, :, top:bottom], bottom >= x.shape[2])
        top, turn = bottom, turn + 1
    return torch.cat(parts, dim=2)


@pytest.mark.parametrize("name", STREAMED)
@pytest.mark.parametrize("heights", [[1], [3, 1, 2], [100]])
def test_bands_give_what_one_pass_gives(name, heights):
    network = fold(lived_in(VARIANTS[name]))
    x = torch.randn(1, VARIANTS[name].in_channels, network.stride * 7, network.stride * 2)
    with torch.inference_mode():
        expected = network(x)
        found = streamed(network, x, [network.stride * height for height in heights])
    assert expected.std() > 1e-3
    torch.testing.assert_close(found, expected, atol=1e-4 * float(expected.abs().max()), rtol=0)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 9))
def test_any_bands_will_do(heights, count):
    network = fold(lived_in(VARIANTS["plain"]))
    x = torch.randn(1, 1, 4 * count, 8)
    with torch.inference_mode():
        expected = network(x)
        torch.testing.assert_close(
            streamed(network, x, [4 * h for h in heights]), expected, atol=1e-4, rtol=0
        )


@pytest.mark.parametrize(("kernel", "step"), [(1, 1), (3, 1), (5, 1), (2, 2), (3, 2), (5, 2)])
def test_a_window_keeps_what_the_next_rows_need(kernel, step):
    """Of rows that carry their numbers, every window is seen once and whole."""
    rows = torch.arange(24.0).reshape(1, 1, 24, 1)
    starts: list[float] = []

    def note(x: torch.Tensor) -> torch.Tensor:
        windows = x[0, 0, :, 0].unfold(0, kernel, step)
        assert (windows.diff(dim=1) == 1).all()
        starts.extend(windows[:, 0].tolist())
        return x

    window = Window(note, kernel, step)
    for top, bottom in ((0, 1), (1, 9), (9, 10), (10, 24)):
        window.push(rows[:, :, top:bottom], bottom == 24)
    assert starts == list(range(0, 24 - kernel + 1, step))


def test_a_queue_gives_rows_in_order():
    queue, rows = Queue(), torch.arange(10.0).reshape(1, 1, 10, 1)
    assert queue.take(3) is None
    queue.add(rows[:, :, :4])
    queue.add(None)
    queue.add(rows[:, :, 4:])
    assert queue.nbytes == 40
    taken = [queue.take(count) for count in (1, 5, 20)]
    assert torch.equal(torch.cat([part for part in taken if part is not None], dim=2), rows)
    assert [part.shape[2] for part in taken if part is not None] == [1, 5, 4]
    assert queue.count == 0


def test_what_needs_the_whole_image_is_not_streamed():
    grouped = lived_in(VARIANTS["lite0 group norm"])
    assert not streamable(grouped)
    with pytest.raises(NotStreamable):
        Stream(fold(grouped))
    gated = lived_in(VARIANTS["efficientnet-b0"])
    assert not streamable(gated)
    with pytest.raises(NotStreamable):
        Stream(fold(gated))
    other = Counting(nn.Conv2d(1, 1, 1))
    assert not streamable(other)
    with pytest.raises(NotStreamable):
        Stream(other)
    assert all(streamable(build_network(VARIANTS[name])) for name in STREAMED)


@pytest.mark.parametrize("name", ["lite0", "plain"])
def test_nothing_beyond_its_reach_changes_a_pixel(name):
    """The network's answer in the middle, with everything changed that lies further away than it sees."""
    network = fold(lived_in(VARIANTS[name]))
    far, held = reach(network, VARIANTS[name].in_channels, torch.device("cpu"))
    stride = network.stride
    size = 2 * (-(-far // stride) + 2) * stride
    x = torch.randn(1, VARIANTS[name].in_channels, stride, size)
    middle, changed = size // 2, x.clone()
    changed[..., : middle - far] = 9
    changed[..., middle + far + 1 :] = -9
    with torch.inference_mode():
        a, b = network(x)[..., middle], network(changed)[..., middle]
    assert torch.allclose(a, b, atol=1e-5)
    assert far < size
    assert held > 0


def seen(model: Model, image: np.ndarray, settings: PredictSettings | None = None) -> torch.Tensor:
    """Probabilities (H, W) that prediction decides on."""
    whole = torch.zeros(image.shape[:2])

    def watch(top: int, columns: slice, logits: torch.Tensor) -> None:
        whole[top : top + logits.shape[1], columns] = torch.sigmoid(logits[0])

    model.predict(image, settings=settings, watch=watch)
    return whole


@pytest.fixture
def small_bands(monkeypatch):
    """Bands of a stride's height, also for small images."""
    monkeypatch.setattr(sweep, "WHOLE", {"cpu": 64})
    monkeypatch.setattr(predict, "BANDS", {"cpu": 64})


def usual(model: Model) -> Model:
    """The same model, whose card names no tile of its own."""
    return Model(replace(model.card, tile=512), model.network)


def lite0() -> Model:
    """The default network with ImageNet weights and a random decoder; it sees hundreds of pixels."""
    torch.manual_seed(0)
    architecture = Architecture("unet-efficientnet-lite0", 3, 1)
    network = build_network(architecture).eval()
    load_imagenet(network)
    sample = torch.from_numpy(to_array(picture(320, 320, 3), Preprocessing(3)))[None]
    with torch.no_grad():
        logits = network(sample)
        network.head.weight *= 3 / logits.std()
        network.head.bias -= 3 * logits.mean() / logits.std()
    return Model(
        replace(make(1, 3).card, architecture=architecture, tile=512, preprocessing=Preprocessing(3)), network
    )


@pytest.mark.parametrize("network", ["small", "lite0"])
@pytest.mark.usefixtures("small_bands")
def test_a_prediction_has_no_seams(network):
    """Also of the default network, which sees further than any halo of tiles reaches."""
    model = usual(make(1, 3)) if network == "small" else lite0()
    image = picture(301, 203, 3)
    whole = seen(model, image, PredictSettings(tile=1024))
    assert whole.std() > 0.1
    assert (seen(model, image) - whole).abs().max() <= 1e-5


@pytest.mark.usefixtures("small_bands")
def test_a_very_wide_image_is_streamed_in_stripes_without_seams(monkeypatch):
    model, image = usual(make()), picture(45, 700)
    whole = seen(model, image, PredictSettings(tile=1024))
    monkeypatch.setattr(sweep, "NARROW", 64)
    monkeypatch.setattr(sweep, "HELD_BYTES", 100_000)
    widths = set[int]()
    push = Stream.push

    def noted(self, rows, last):
        widths.add(rows.shape[3])
        return push(self, rows, last)

    monkeypatch.setattr(Stream, "push", noted)
    calls: list[float] = []
    found = seen(model, image)
    assert 4 < max(widths) < 400
    assert (found - whole).abs().max() <= 1e-5
    model.predict(image, calls.append)
    assert calls == sorted(calls)
    assert calls[-1] == 1.0


@pytest.mark.usefixtures("small_bands")
def test_progress_moves_within_bands_and_can_end_it():
    model, image = lite0(), picture(200, 96, 3)
    calls: list[float] = []
    model.predict(image, calls.append)
    assert calls == sorted(calls)
    assert calls[0] == 0
    assert calls[-1] == 1
    assert len(set(calls)) > 7 * 4  # more than one for each of seven bands

    def cancel(fraction: float) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        model.predict(image, cancel)
    again: list[float] = []
    model.predict(image, again.append)
    assert again == calls


def test_progress_moves_within_one_pass_and_can_end_it():
    model, image = lite0(), picture(96, 96, 3)
    calls: list[float] = []
    model.predict(image, calls.append)
    assert len(set(calls)) > 15
    blocks = sum(len(part) for part in model.network.modules() if isinstance(part, nn.ModuleList))
    assert len(set(calls)) <= blocks + 2

    def cancel(fraction: float) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        model.predict(image, cancel)
    again: list[float] = []
    model.predict(image, again.append)
    assert again == calls


def test_what_was_done_is_told():
    model, image = usual(make()), picture(40, 40)
    assert model.predict(image).made["band"] == plan.BANDS["cpu"]
    assert "tile" not in model.predict(image).made
    assert model.predict(image, settings=PredictSettings(tile=32)).made["tile"] == 32
    averaged = model.predict(image, settings=PredictSettings(tta=True)).made
    assert averaged["tile"] == plan.LARGE_TILE
    assert "band" not in averaged
    assert make().predict(image).made["tile"] == 64  # which its card names
