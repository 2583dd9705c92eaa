"""How long a prediction of 512 x 512 takes, beside the bare network: run with --benchmark-only."""

import numpy as np
import pytest
import torch

from unet_studio.core.model_card import Architecture, ModelCard, ModelClass, Preprocessing
from unet_studio.model import DEFAULT_ARCHITECTURE, Model, PredictSettings, build_network, load_imagenet

CLASSES = (ModelClass(0, "background", "#000000"), ModelClass(1, "object", "#e69f00"))
HALF = (0.5, 0.5, 0.5)
IMAGE = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)


def default_model() -> Model:
    torch.manual_seed(0)
    architecture = Architecture(DEFAULT_ARCHITECTURE, 3, 1)
    network = build_network(architecture).eval()
    load_imagenet(network)
    return Model(ModelCard("m", architecture, CLASSES, 0, Preprocessing(3, mean=HALF, std=HALF)), network)


@pytest.mark.benchmark(group="predict 512 x 512")
def test_bare_network(benchmark):
    """The yardstick: the network alone, float32, in PyTorch's own memory layout."""
    network = default_model().network.to(memory_format=torch.contiguous_format)
    x = torch.randn(1, 3, 512, 512)
    with torch.inference_mode():
        logits = benchmark(network, x)
    assert logits.shape == (1, 1, 512, 512)


@pytest.mark.benchmark(group="predict 512 x 512")
@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_predict(benchmark, mode):
    """Image to labels and confidence: scaling, network, decision."""
    model = default_model()
    result = benchmark(model.predict, IMAGE, None, PredictSettings(mode=mode))
    assert result.labels.shape == IMAGE.shape[:2]
    assert result.made["mode"] == mode


@pytest.mark.benchmark(group="predict 1024 x 1536")
@pytest.mark.parametrize("overlap", [0.0, 0.25])
def test_predict_tiled(benchmark, overlap):
    """What the overlap of tiles costs."""
    model = default_model()
    image = np.tile(IMAGE, (2, 3, 1))
    settings = PredictSettings(overlap=overlap)
    result = benchmark.pedantic(model.predict, (image, None, settings), rounds=3)
    assert result.labels.shape == image.shape[:2]
