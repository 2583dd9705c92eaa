"""The plain U-Net: the write-ups' parameter counts, every option's effect, every size."""

import itertools

import pytest
import torch
from torch import nn

from unet_studio.core.errors import StudioError
from unet_studio.model.unet import UPSAMPLINGS, UNet, UNetOptions, block


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def kinds(module: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in module.modules() if not list(layer.children())]


@pytest.mark.parametrize(
    ("options", "outputs", "parameters"),
    [
        # A write-up's own small network: depth 3, 16 channels, no normalisation, one logit.
        (UNetOptions(depth=3, channels=16, normalisation="none"), 1, 482_033),
        # Another's for 150 classes: GELU, one batch normalisation a block.
        (UNetOptions(activation="gelu", normalisations=1), 150, 31_041_430),
        # One for dogs: a narrow bottleneck, and decoder blocks that shrink within, one of them oddly.
        (
            UNetOptions(bottleneck=512, decoder=(256, 128, 64, 64), decoder_inner=(512, 256, 198, 64)),
            1,
            18_858_317,
        ),
    ],
)
def test_parameter_counts_of_write_ups_are_met(options, outputs, parameters):
    assert count(UNet(3, outputs, options)) == parameters


def test_bottleneck_sets_the_deepest_width():
    assert UNetOptions(depth=4, channels=64).widths == [64, 128, 256, 512, 1024]
    narrow = UNet(3, 1, UNetOptions(depth=2, channels=4, bottleneck=6))
    assert [level[0].out_channels for level in narrow.down] == [4, 8, 6]
    assert narrow(torch.rand(1, 3, 8, 8)).shape == (1, 1, 8, 8)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (UNetOptions(), ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d", "ReLU"]),
        (UNetOptions(normalisation="none"), ["Conv2d", "ReLU", "Conv2d", "ReLU"]),
        (UNetOptions(normalisation="group", convolutions=1), ["Conv2d", "GroupNorm", "ReLU"]),
        (
            UNetOptions(activation="gelu", normalisations=1),
            ["Conv2d", "BatchNorm2d", "GELU", "Conv2d", "GELU"],
        ),
        (UNetOptions(convolutions=1, dropout=0.1), ["Conv2d", "BatchNorm2d", "ReLU", "Dropout2d"]),
    ],
)
def test_block_has_the_layers_asked_for(options, expected):
    made = block(3, 8, options)
    assert kinds(made) == expected
    biased = options.normalisation == "none"
    assert all((layer.bias is not None) == biased for layer in made if isinstance(layer, nn.Conv2d))


def test_gelu_is_the_tanh_approximation():
    gelu = next(layer for layer in block(1, 1, UNetOptions(activation="gelu")) if isinstance(layer, nn.GELU))
    assert gelu.approximate == "tanh"


@pytest.mark.parametrize("channels", [1, 6, 8, 12, 20])
def test_group_normalisation_takes_any_number_of_channels(channels):
    norm = next(
        layer
        for layer in block(1, channels, UNetOptions(normalisation="group"))
        if isinstance(layer, nn.GroupNorm)
    )
    assert channels % norm.num_groups == 0
    assert norm.num_groups == max(n for n in range(1, 9) if channels % n == 0)


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (7, 16), (17, 33), (16, 16)])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_logits_have_the_size_of_any_image(upsampling, size, channels):
    network = UNet(channels, 2, UNetOptions(depth=3, channels=4, upsampling=upsampling)).eval()
    assert network(torch.rand(2, channels, *size)).shape == (2, 2, *size)


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_moving_the_image_by_a_stride_moves_the_logits(upsampling):
    """What tiles rely on: away from the border, a pixel's logits don't depend on where the image starts."""
    torch.manual_seed(0)
    network = UNet(1, 1, UNetOptions(depth=2, channels=4, upsampling=upsampling)).eval()
    image = torch.rand(1, 1, 112, 112)
    shift = network.stride
    with torch.no_grad():
        whole, part = network(image), network(image[..., shift:, shift:])
    margin = 40
    difference = (
        whole[..., shift + margin : -margin, shift + margin : -margin]
        - part[..., margin:-margin, margin:-margin]
    )
    assert difference.numel() > 100
    assert difference.abs().max() < 1e-5


def test_bilinear_reduction_may_come_first():
    """Convolving before interpolating saves work and changes nothing."""
    from unet_studio.model.unet import ReducedUp

    up, x = ReducedUp("bilinear", 6, 3), torch.rand(1, 6, 5, 7)
    other = up.reduce(nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
    torch.testing.assert_close(up(x), other)


def test_widths_of_the_decoder_are_free():
    network = UNet(3, 2, UNetOptions(depth=2, channels=4, decoder=(5, 7), decoder_inner=(3, 9)))
    assert [[level[0].out_channels, level[3].out_channels] for level in network.merge] == [[3, 5], [9, 7]]
    assert network.head.in_channels == 7
    assert network(torch.rand(1, 3, 9, 10)).shape == (1, 2, 9, 10)
    with pytest.raises(StudioError, match="decoder_inner"):
        UNetOptions(depth=2, convolutions=1, decoder_inner=(3, 9))


def test_encoder_and_decoder_share_no_parameter_and_miss_none():
    network = UNet(3, 2, UNetOptions(depth=2, channels=4))
    encoder, decoder = list(network.encoder_parameters()), list(network.decoder_parameters())
    assert {id(p) for p in encoder}.isdisjoint({id(p) for p in decoder})
    assert len(encoder) + len(decoder) == len(list(network.parameters()))
    assert {id(p) for p in network.head.parameters()} <= {id(p) for p in decoder}
    assert {id(p) for p in network.down.parameters()} == {id(p) for p in encoder}


@pytest.mark.parametrize(
    ("normalisation", "convolutions", "upsampling"),
    list(itertools.product(("none", "batch", "group"), (1, 2), UPSAMPLINGS)),
)
def test_every_parameter_learns(normalisation, convolutions, upsampling):
    options = UNetOptions(2, 4, None, normalisation, 2, convolutions, "gelu", upsampling)
    network = UNet(3, 2, options)
    network(torch.rand(2, 3, 16, 16)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_dropout_works_in_training_alone():
    network = UNet(1, 1, UNetOptions(depth=1, channels=8, normalisation="none", dropout=0.5))
    x = torch.rand(1, 1, 8, 8)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_weights_start_with_the_papers_variance():
    torch.manual_seed(0)
    layer = UNet(3, 1, UNetOptions(depth=1, normalisation="none")).down[0][2]
    assert isinstance(layer, nn.Conv2d)
    assert layer.weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.03)
    assert layer.bias is not None
    assert not layer.bias.any()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("depth", 0),
        ("depth", "four"),
        ("channels", 0),
        ("bottleneck", 0),
        ("normalisation", "layer"),
        ("normalisations", 3),
        ("convolutions", 0),
        ("activation", "tanh"),
        ("upsampling", "cubic"),
        ("dropout", 1.0),
        ("decoder", (8, 8)),
        ("decoder", (8, 8, 8, 0)),
        ("decoder_inner", (8,)),
    ],
)
def test_a_value_out_of_range_is_named(option, value):
    with pytest.raises(StudioError, match=option) as caught:
        UNetOptions(**{option: value})
    assert caught.value.remedy
