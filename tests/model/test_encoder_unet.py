"""The U-Net on an encoder: sizes, options, and an encoder whose statistics stay frozen."""

import pytest
import torch
from torch import nn

from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import Architecture
from unet_studio.model import build_network, freeze_encoder_statistics, load_imagenet
from unet_studio.model.encoder_unet import EncoderUNet, EncoderUNetOptions

SMALL = {"decoder": (16, 8, 8, 4, 4)}


def network(outputs: int = 1, channels: int = 3, **options: object) -> EncoderUNet:
    made = build_network(Architecture("unet-efficientnet-lite0", channels, outputs, {**SMALL, **options}))
    assert isinstance(made, EncoderUNet)
    return made


def test_default_decoder_has_the_published_size():
    made = build_network(Architecture("unet-efficientnet-lite0", 3, 1))
    assert sum(parameter.numel() for parameter in made.parameters()) == 5_198_161


@pytest.mark.parametrize("upsampling", ["nearest", "bilinear", "transposed"])
@pytest.mark.parametrize("size", [(1, 1), (2, 31), (33, 64), (50, 7)])
@pytest.mark.parametrize("channels", [1, 4])
def test_logits_have_the_size_of_any_image(upsampling, size, channels):
    made = network(3, channels, upsampling=upsampling).eval()
    assert made(torch.rand(1, channels, *size)).shape == (1, 3, *size)


def test_every_parameter_learns():
    made = network(2)
    made(torch.rand(2, 3, 64, 64)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in made.parameters())


def test_encoder_is_the_pretrained_part():
    made = network()
    load_imagenet(made)
    encoder = {id(p) for p in made.encoder_parameters()}
    assert encoder == {id(p) for p in made.encoder.parameters()}
    assert encoder.isdisjoint({id(p) for p in made.decoder_parameters()})
    assert len(encoder) + len(list(made.decoder_parameters())) == len(list(made.parameters()))


def statistics(module: nn.Module) -> list[torch.Tensor]:
    return [
        layer.running_mean.clone()
        for layer in module.modules()
        if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None
    ]


def unchanged(before: list[torch.Tensor], after: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_frozen_statistics_survive_training_mode_and_can_be_let_go():
    made = network()
    freeze_encoder_statistics(made)
    made.eval()
    made.train()
    encoder, decoder = statistics(made.encoder), statistics(made.decoder)
    made(torch.rand(2, 3, 64, 64))
    assert unchanged(encoder, statistics(made.encoder))
    assert not unchanged(decoder, statistics(made.decoder))
    assert all(p.requires_grad for p in made.encoder_parameters())
    freeze_encoder_statistics(made, False)
    made(torch.rand(2, 3, 64, 64))
    assert not unchanged(encoder, statistics(made.encoder))


def test_freezing_leaves_evaluation_mode_alone():
    made = network().eval()
    freeze_encoder_statistics(made)
    assert not any(module.training for module in made.modules())


@pytest.mark.parametrize("kind", ["none", "batch", "group"])
def test_normalisation_of_the_decoder(kind):
    wanted = {"none": None, "batch": nn.BatchNorm2d, "group": nn.GroupNorm}[kind]
    layers = [type(layer) for layer in network(normalisation=kind).decoder.modules()]
    for other in (nn.BatchNorm2d, nn.GroupNorm):
        assert layers.count(other) == (10 if other is wanted else 0)


def test_dropout_works_in_training_alone():
    made = network(dropout=0.9, normalisation="none")
    freeze_encoder_statistics(made)
    made.train()
    x = torch.rand(1, 3, 32, 32)
    assert not torch.equal(made(x), made(x))
    made.eval()
    assert torch.equal(made(x), made(x))


def test_options_from_json_are_taken():
    assert EncoderUNetOptions(decoder=[1, 2, 3, 4, 5]).decoder == (1, 2, 3, 4, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{"decoder": (8, 8)}, {"decoder": (8, 8, 8, 8, 0)}, {"upsampling": "cubic"}, {"dropout": 2}],
)
def test_a_value_out_of_range_is_named(options):
    with pytest.raises(StudioError, match=next(iter(options))):
        EncoderUNetOptions(**options)
