"""Networks folded for prediction: the same logits as the ones they were made from."""

import pytest
import torch
from torch import nn

from unet_studio.core.model_card import Architecture
from unet_studio.model import ARCHITECTURES, Network, build_network
from unet_studio.model.architectures import encoder_of
from unet_studio.model.encoders import ENCODERS
from unet_studio.model.folding import FoldedBlock, fold

SMALL = {"decoder": (16, 8, 8, 4, 4)}
VARIANTS = {
    "lite0": Architecture("unet-efficientnet-lite0", 3, 2),
    "lite0 bilinear": Architecture("unet-efficientnet-lite0", 3, 2, {"upsampling": "bilinear"}),
    "lite0 group norm": Architecture("unet-efficientnet-lite0", 3, 2, {"normalisation": "group"}),
    "lite0 without norm": Architecture("unet-efficientnet-lite0", 3, 2, {"normalisation": "none"}),
    "lite0 transposed": Architecture("unet-efficientnet-lite0", 3, 2, {"upsampling": "transposed"}),
    "vgg16": Architecture("unet-vgg16", 3, 2, SMALL),
    "vgg16 bilinear, norm": Architecture("unet-vgg16-bn", 1, 2, {**SMALL, "upsampling": "bilinear"}),
    "resnet18": Architecture("unet-resnet18", 3, 2, SMALL),
    "resnet34 transposed": Architecture("unet-resnet34", 1, 2, {**SMALL, "upsampling": "transposed"}),
    "resnet50": Architecture("unet-resnet50", 3, 2, SMALL),
    "efficientnet-b0": Architecture("unet-efficientnet-b0", 3, 2, SMALL),
    "efficientnet-b1 bilinear": Architecture(
        "unet-efficientnet-b1", 3, 2, {**SMALL, "upsampling": "bilinear"}
    ),
    "plain": Architecture("unet", 1, 3, {"depth": 2, "channels": 8}),
    "plain, one norm, dropout": Architecture(
        "unet", 1, 3, {"depth": 2, "channels": 8, "normalisations": 1, "dropout": 0.5, "activation": "gelu"}
    ),
    "plain without norm": Architecture("unet", 3, 1, {"depth": 2, "channels": 8, "normalisation": "none"}),
    "plain nearest, narrow": Architecture(
        "unet",
        3,
        1,
        {"depth": 2, "channels": 8, "upsampling": "nearest", "decoder": (6, 4), "decoder_inner": (5, 3)},
    ),
}


def lived_in(architecture: Architecture) -> Network:
    """A network whose normalisations hold statistics, scales and shifts of their own."""
    torch.manual_seed(0)
    network = build_network(architecture)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.5, 0.5)
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.5, 0.5)
            layer.running_var.uniform_(0.5, 2.0)
    return network


def test_every_kind_of_network_is_tried() -> None:
    tried = {architecture.name for architecture in VARIANTS.values()}
    assert tried <= set(ARCHITECTURES)
    kinds = {ENCODERS[encoder].build for name in ARCHITECTURES if (encoder := encoder_of(name))}
    found = {ENCODERS[encoder].build for name in tried if (encoder := encoder_of(name))}
    assert {kind.func for kind in kinds} == {kind.func for kind in found}


@pytest.mark.parametrize("size", [(64, 96), (33, 47), (1, 1)])
@pytest.mark.parametrize("architecture", VARIANTS.values(), ids=VARIANTS)
def test_the_logits_are_the_same(architecture: Architecture, size: tuple[int, int]) -> None:
    network = lived_in(architecture).train()
    folded = fold(network)
    x = torch.randn(2, architecture.in_channels, *size)
    with torch.inference_mode():
        meant = network.eval()(x)
        found = folded(x)
    assert found.shape == meant.shape
    assert (found - meant).abs().max() <= 1e-4 * meant.abs().max()


def test_nothing_is_left_to_normalise() -> None:
    folded = fold(lived_in(VARIANTS["lite0"]))
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    assert sum(isinstance(layer, FoldedBlock) for layer in folded.modules()) == 5


def test_the_network_itself_stays_as_it_was() -> None:
    network = lived_in(VARIANTS["lite0"]).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    fold(network)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
