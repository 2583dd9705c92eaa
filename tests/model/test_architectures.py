"""The table of networks: every entry keeps the promises that training and prediction rely on."""

import io
import subprocess
import sys

import pytest
import torch

from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import Architecture
from unet_studio.model import ARCHITECTURES, DEFAULT_ARCHITECTURE, Network, build_network
from unet_studio.model.architectures import encoder_of, input_statistics
from unet_studio.model.encoder_unet import EncoderUNet

DECODER = (16, 8, 8, 4, 4)
SMALL = {name: {"decoder": DECODER} for name in ARCHITECTURES} | {"unet": {"depth": 3, "channels": 4}}
# Of torchvision's own networks (their documentation, "num_params"), what lies in their last layers.
LAST_LAYERS = {
    "unet-vgg16": (138_357_544, 25_088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000),
    "unet-vgg16-bn": (138_365_992, 25_088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000),
    "unet-resnet18": (11_689_512, 512 * 1000 + 1000),
    "unet-resnet34": (21_797_672, 512 * 1000 + 1000),
    "unet-resnet50": (25_557_032, 2048 * 1000 + 1000),
    **{
        f"unet-efficientnet-b{size}": (total, deep * last + 2 * last + last * 1000 + 1000)
        for size, (total, deep, last) in enumerate(
            [
                (5_288_548, 320, 1280),
                (7_794_184, 320, 1280),
                (9_109_994, 352, 1408),
                (12_233_232, 384, 1536),
                (19_341_616, 448, 1792),
            ]
        )
    },
}


def built(name: str, channels: int = 2, outputs: int = 3) -> Network:
    torch.manual_seed(0)
    return build_network(Architecture(name, channels, outputs, SMALL[name]))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_keeps_the_promises(name):
    network = built(name).eval()
    assert isinstance(network, Network)
    assert network.head.out_channels == 3
    assert {"head.weight", "head.bias"} <= set(network.state_dict())
    with torch.inference_mode():
        for size in ((33, 18), (1, 1), (network.stride, network.stride)):
            assert network(torch.rand(1, 2, *size)).shape == (1, 3, *size)
    parameters = [*network.encoder_parameters(), *network.decoder_parameters()]
    assert len({id(p) for p in parameters}) == len(parameters) == len(list(network.parameters()))
    assert not network.statistics_frozen


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_parameter_of_every_network_learns(name):
    """Also of an odd, grey image: gradients from a single step, none missing and none zero throughout."""
    network = built(name, channels=1)
    network.eval()  # with two small images, batch statistics of the deepest level would be of 8 values
    network(torch.rand(2, 1, 65, 47)).square().sum().backward()
    missing = [key for key, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not missing


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_state_comes_back_through_a_file(name):
    network = built(name).eval()
    with torch.device("meta"):  # nothing but what the file holds can be in it afterwards
        other = build_network(Architecture(name, 2, 3, SMALL[name])).eval()
    stream = io.BytesIO()
    torch.save(network.state_dict(), stream)
    stream.seek(0)
    other.load_state_dict(torch.load(stream, weights_only=True), assign=True)
    x = torch.rand(1, 2, 40, 33)
    with torch.inference_mode():
        assert torch.equal(network(x), other(x))


@pytest.mark.parametrize("name", LAST_LAYERS)
def test_an_encoder_is_torchvisions_network_without_its_last_layers(name):
    total, last = LAST_LAYERS[name]
    with torch.device("meta"):
        network = built(name, channels=3)
    assert sum(p.numel() for p in network.encoder_parameters()) == total - last


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if encoder_of(name)])
def test_feature_maps_halve_rounding_up(name):
    network = built(name, channels=3).eval()
    assert isinstance(network, EncoderUNet)
    assert network.encoder.name == encoder_of(name)
    with torch.inference_mode():
        features = network.encoder(torch.rand(1, 3, 65, 33))
    sizes = [(65, 33), (33, 17), (17, 9), (9, 5), (5, 3), (3, 2)]
    assert [tuple(feature.shape[2:]) for feature in features] == sizes[-len(features) :]
    assert [feature.shape[1] for feature in features] == network.encoder.channels
    assert network.encoder.first in network.encoder.state_dict()


@pytest.mark.parametrize(
    ("name", "builder", "taken"),
    [
        ("unet-resnet18", "resnet18", ["relu", "layer1", "layer2", "layer3", "layer4"]),
        ("unet-resnet50", "resnet50", ["relu", "layer1", "layer2", "layer3", "layer4"]),
        ("unet-efficientnet-b0", "efficientnet_b0", [f"features.{n}" for n in (1, 2, 3, 5, 7)]),
    ],
)
def test_feature_maps_are_torchvisions(name, builder, taken):
    """With torchvision's own network, seen by its own feature extraction."""
    from torchvision.models import get_model
    from torchvision.models.feature_extraction import create_feature_extractor

    original = get_model(builder, weights=None).eval()
    network = built(name, channels=3).eval()
    own = network.encoder.state_dict()
    network.encoder.load_state_dict({key: original.state_dict()[key] for key in own})
    x = torch.randn(1, 3, 97, 64)
    with torch.inference_mode():
        expected = create_feature_extractor(original, taken)(x)
        found = network.encoder(x)
    for place, feature in zip(taken, found, strict=True):
        assert torch.equal(feature, expected[place])


def test_feature_maps_of_vgg_are_torchvisions():
    from torchvision.models.vgg import cfgs, make_layers

    original = make_layers(cfgs["D"]).eval()
    network = built("unet-vgg16", channels=3).eval()
    network.encoder.features.load_state_dict(original.state_dict())
    x = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        found = network.encoder(x)
        assert torch.equal(found[-1], original(x))
        for feature, end in zip(found, (4, 9, 16, 23, 30), strict=False):
            assert torch.equal(feature, original[:end](x))


def test_torchvision_is_imported_only_where_it_is_asked_for():
    code = (
        "import sys; from unet_studio.model import *; from unet_studio.core.model_card import Architecture; "
        "build_network(Architecture('unet-efficientnet-lite1', 3, 1)); "
        "build_network(Architecture('unet', 3, 1, {'depth': 1, 'channels': 2})); "
        "assert 'torchvision' not in sys.modules; "
        "build_network(Architecture('unet-resnet18', 3, 1)); assert 'torchvision' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_default_is_in_the_table():
    assert DEFAULT_ARCHITECTURE in ARCHITECTURES


def test_an_encoder_tells_what_its_input_is_scaled_by():
    assert input_statistics("unet", 3) is None
    assert input_statistics("unet-efficientnet-lite2", 2) == ((0.5, 0.5), (0.5, 0.5))
    assert input_statistics("unet-resnet18", 4) == (
        (0.485, 0.456, 0.406, 0.485),
        (0.229, 0.224, 0.225, 0.229),
    )
    (mean,), (deviation,) = input_statistics("unet-vgg16", 1)
    assert (mean, deviation) == (pytest.approx(0.449), pytest.approx(0.226))


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (Architecture("segformer", 3, 1), "segformer"),
        (Architecture("unet-resnet81", 3, 1), "Did you mean unet-resnet18"),
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
