"""A network for prediction alone: the same function with less to compute.

Two identities, exact but for rounding. Batch normalisation in evaluation mode is a scale and a shift of each
channel, so the convolution before it takes them over (Jacob et al., "Quantization and Training of Neural
Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018, section 3.2). And a 3x3 convolution of
an image that was enlarged to twice its size by repeating pixels sees each pixel up to four times: it equals a
transposed 4x4 convolution with stride 2 of the small image, at 16 instead of 36 multiplications for each
four pixels (the sub-pixel view of Shi et al., arXiv 1609.07009).
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from unet_studio.model.efficientnet_lite import Bottleneck, LiteEncoder
from unet_studio.model.encoder_unet import DecoderBlock, EncoderUNet
from unet_studio.model.network import Enlarge, Network
from unet_studio.model.resnet import PAIRS, ResNetEncoder
from unet_studio.model.vgg import VGGEncoder


def fold(network: Network) -> Network:
    """A copy in evaluation mode that computes the same logits faster. It can't be trained or saved.

    The network keeps its own weights and mode; later changes of them don't reach the copy.
    """
    folded = copy.deepcopy(network).eval().requires_grad_(False)
    for module in list(folded.modules()):
        if isinstance(module, nn.Sequential):
            _fold_sequence(module)
        elif isinstance(module, LiteEncoder):
            _fold_pair(module, "_conv_stem", "_bn0")
        elif isinstance(module, Bottleneck):
            for pair in (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")):
                _fold_pair(module, *pair)
        elif isinstance(module, ResNetEncoder):
            for block in (module, *(block for layer in module.layers for block in layer)):
                for pair in PAIRS:
                    _fold_pair(block, *pair)
        elif isinstance(module, VGGEncoder):
            _fold_sequence(module.features)
    if isinstance(folded, EncoderUNet):
        deep = folded.encoder.channels[-1]
        for place, layer in enumerate(folded.decoder):
            if isinstance(layer, DecoderBlock):
                if isinstance(layer.up, Enlarge) and layer.up.mode == "nearest":
                    folded.decoder[place] = FoldedBlock(layer, deep)
                deep = layer.outputs
    return folded


def _fold_pair(module: nn.Module, convolution: str, norm: str) -> None:
    """Let the convolution of a module take over the batch normalisation after it, both named."""
    first, second = getattr(module, convolution, None), getattr(module, norm, None)
    if isinstance(first, nn.Conv2d) and isinstance(second, _BatchNorm):
        setattr(module, convolution, fuse_conv_bn_eval(first, second))
        setattr(module, norm, nn.Identity())


def _fold_sequence(layers: nn.Sequential | nn.ModuleList) -> None:
    """Fold every convolution that a batch normalisation follows."""
    for place in range(len(layers) - 1):
        _fold_pair(layers, str(place), str(place + 1))


class FoldedBlock(nn.Module):
    """A DecoderBlock with nearest upsampling, its first convolution parted: what is below, and the skip."""

    def __init__(self, original: DecoderBlock, deep: int) -> None:
        super().__init__()
        self.original = original
        first, *others = original.layers
        if not isinstance(first, nn.Conv2d):
            raise TypeError("a decoder block begins with a convolution")
        self.others = nn.Sequential(*others)
        self.bias = first.bias
        weight = first.weight.detach()
        self.deep = nn.Parameter(_enlarging(weight[:, :deep]), requires_grad=False)
        skip = weight[:, deep:].contiguous() if weight.shape[1] > deep else None
        self.skip = None if skip is None else nn.Parameter(skip, requires_grad=False)

    def forward(self, x: Tensor, size: torch.Size, skip: Tensor | None) -> Tensor:
        """(N, C, h, w) and the skip (N, S, H, W), if there is one -> (N, C', H, W), where H, W end size."""
        if (2 * x.shape[-2], 2 * x.shape[-1]) != tuple(size[-2:]):
            # What was cut off would have been seen by the transposed convolution.
            return self.original(x, size, skip)  # type: ignore[no-any-return]
        x = functional.conv_transpose2d(x, self.deep, self.bias, stride=2, padding=1)
        if skip is not None and self.skip is not None:
            x = x.add_(functional.conv2d(skip, self.skip, padding=1))
        return self.others(x)  # type: ignore[no-any-return]


def _enlarging(weight: Tensor) -> Tensor:
    """The transposed convolution (C, C', 4, 4) that equals repeating pixels before one of (C', C, 3, 3)."""
    box = weight.new_zeros(*weight.shape[:2], 4, 4)
    for down in (0, 1):
        for across in (0, 1):
            box[..., down : down + 3, across : across + 3] += weight
    return box.flip(2, 3).transpose(0, 1).contiguous()
