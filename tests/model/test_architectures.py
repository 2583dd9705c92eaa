"""The table of networks: every entry keeps the promises that training and prediction rely on."""

import pytest
import torch

from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import Architecture
from unet_studio.model import ARCHITECTURES, DEFAULT_ARCHITECTURE, Network, build_network, load_imagenet

SMALL = {"unet": {"depth": 3, "channels": 4}}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_keeps_the_promises(name):
    network = build_network(Architecture(name, 2, 3, SMALL.get(name, {}))).eval()
    assert isinstance(network, Network)
    assert network.head.out_channels == 3
    assert {"head.weight", "head.bias"} <= set(network.state_dict())
    with torch.no_grad():
        assert network(torch.rand(1, 2, 33, 18)).shape == (1, 3, 33, 18)
        deepest = torch.rand(1, 2, network.stride, network.stride)
        assert network(deepest).shape[-1] == network.stride
    parameters = [*network.encoder_parameters(), *network.decoder_parameters()]
    assert len({id(p) for p in parameters}) == len(parameters) == len(list(network.parameters()))
    assert not network.statistics_frozen


def test_the_default_is_in_the_table():
    assert DEFAULT_ARCHITECTURE in ARCHITECTURES


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (Architecture("segformer", 3, 1), "segformer"),
        (Architecture("unet", 0, 1), "one input and one output"),
        (Architecture("unet", 3, 0), "one input and one output"),
        (Architecture("unet", 3, 1, {"deepness": 3}), "deepness"),
        (Architecture("unet-efficientnet-lite0", 3, 1, {"depth": 3}), "depth"),
    ],
)
def test_what_cannot_be_built_is_explained(architecture, message):
    with pytest.raises(StudioError, match=message) as caught:
        build_network(architecture)
    assert caught.value.remedy


def test_imagenet_weights_need_an_encoder():
    network = build_network(Architecture("unet", 3, 1, SMALL["unet"]))
    with pytest.raises(StudioError, match="ImageNet"):
        load_imagenet(network)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_imagenet_weights_fill_the_encoder(channels):
    network = build_network(Architecture(DEFAULT_ARCHITECTURE, channels, 1))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    load_imagenet(network)
    changed = {key for key, value in network.state_dict().items() if not torch.equal(value, before[key])}
    assert changed
    assert all(key.startswith("encoder.") for key in changed)
    assert {key for key in before if key.startswith("encoder.") and key.endswith("conv.weight")} <= changed
