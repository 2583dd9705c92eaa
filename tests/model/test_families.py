"""Prediction by networks of every family: in bands or in tiles, the answer of one pass."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.model.small import balance, make, picture
from tests.model.test_folding import SMALL, lived_in
from unet_studio.core.model_card import Architecture, Preprocessing
from unet_studio.model import Model, PredictSettings, plan, predict, sweep, to_array
from unet_studio.model.network import Network

TILED = "unet-efficientnet-b0"


def model(name: str) -> Model:
    """A network that finds both classes in pictures."""
    architecture = Architecture(name, 3, 1, {**SMALL, "upsampling": "bilinear"})
    network = lived_in(architecture).eval()
    sample = torch.from_numpy(to_array(picture(160, 160, 3), Preprocessing(3)))[None]
    balance(network, sample)
    card = replace(make(1, 3).card, architecture=architecture, tile=512, preprocessing=Preprocessing(3))
    return Model(card, network)


def seen(model: Model, image: np.ndarray, settings: PredictSettings | None = None) -> torch.Tensor:
    """Probabilities (H, W) that prediction decides on."""
    whole = torch.zeros(image.shape[:2])

    def watch(top: int, columns: slice, logits: torch.Tensor) -> None:
        whole[top : top + logits.shape[1], columns] = torch.sigmoid(logits[0])

    model.predict(image, settings=settings, watch=watch)
    return whole


@pytest.mark.parametrize("name", ["unet-vgg16", "unet-resnet18", "unet-resnet50", TILED])
def test_a_prediction_has_no_seams(name, monkeypatch):
    """VGG and ResNet in bands of one stride. EfficientNet in one tile, as any image up to LARGE_TILE."""
    monkeypatch.setattr(sweep, "WHOLE", {"cpu": 64})
    monkeypatch.setattr(predict, "BANDS", {"cpu": 64})
    made, image = model(name), picture(203, 171, 3)
    whole = seen(made, image, PredictSettings(tile=1024))
    assert whole.std() > 0.05
    assert (seen(made, image) - whole).abs().max() <= 1e-5
    facts = made.predict(image).made
    assert facts.get("band") == (None if name == TILED else 64)
    assert facts.get("tile") == (plan.LARGE_TILE if name == TILED else None)


@pytest.mark.parametrize("held", [True, False])
def test_a_tile_of_efficientnet_differs_at_its_border_alone(held):
    """Its gates, which see all of an input, held as the whole image sets them; then as the tile does.

    Of these random weights, gates stay near their middle. Trained ones can move further, and with them a
    tile's answer; that is why tiles are as large as they are.
    """
    from torchvision.ops.misc import SqueezeExcitation

    network: Network = model(TILED).network
    gates = [module for module in network.modules() if isinstance(module, SqueezeExcitation)]
    scales: dict[torch.nn.Module, torch.Tensor] = {}
    image = torch.from_numpy(to_array(picture(448, 448, 3), Preprocessing(3)))[None]

    def note(gate, given, _):
        scales[gate] = gate._scale(given[0])

    with torch.inference_mode():
        hooks = [gate.register_forward_hook(note) for gate in gates]
        whole = network(image)
        for hook in hooks:
            hook.remove()
        if held:
            for gate in gates:
                gate.register_forward_hook(lambda gate, given, _: scales[gate] * given[0])
        tile = network(image[..., 64:384, 64:384])
    difference = (tile - whole[..., 64:384, 64:384]).abs() / whole.std()
    assert difference[..., 128:-128, 128:-128].max() < 1e-3
    assert difference.max() > 0.01
