"""What every network of the program is: an encoder, a decoder and a head that ends in logits."""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from unet_studio.core.errors import StudioError

HEAD = "head"  # the attribute, in every network, of the last convolution: (K, C, kh, kw) weight and (K,) bias
GROUPS = 8  # of group normalisation, where the channels can be divided by it


class Network(nn.Module):
    """Image to logits: float32 (N, C, H, W) -> (N, K, H, W), for any H and W from 1 on.

    stride: pixels an image is divided by at the deepest level; tiles start at its multiples.
    statistics_frozen: whether the encoder's batch-norm layers stay in eval mode (freeze_encoder_statistics).
    """

    stride: int
    head: nn.Conv2d
    statistics_frozen: bool = False

    def encoder_modules(self) -> list[nn.Module]:
        """The modules that a pretrained encoder fills, or that play its part."""
        raise NotImplementedError

    def encoder_parameters(self) -> Iterator[nn.Parameter]:
        """The parameters of the encoder, each once."""
        for module in self.encoder_modules():
            yield from module.parameters()

    def decoder_parameters(self) -> Iterator[nn.Parameter]:
        """All other parameters: the decoder's and the head's."""
        encoder = {id(parameter) for parameter in self.encoder_parameters()}
        yield from (parameter for parameter in self.parameters() if id(parameter) not in encoder)

    def train(self, mode: bool = True) -> "Network":
        """Switch between training and evaluation; frozen statistics stay frozen."""
        super().train(mode)
        if self.statistics_frozen:
            for module in self.encoder_modules():
                for layer in module.modules():
                    if isinstance(layer, _BatchNorm):
                        layer.eval()
        return self


def normalisation(kind: str, channels: int) -> list[nn.Module]:
    """The normalisation layer, as a list of one or (kind "none") no module."""
    return NORMALISATIONS[kind](channels)


def _groups(channels: int) -> int:
    """The largest number of groups up to GROUPS that divides the channels."""
    return next(count for count in range(GROUPS, 0, -1) if channels % count == 0)


NORMALISATIONS: dict[str, Callable[[int], list[nn.Module]]] = {
    "none": lambda _: [],
    "batch": lambda channels: [nn.BatchNorm2d(channels)],
    "group": lambda channels: [nn.GroupNorm(_groups(channels), channels)],
}

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "gelu": lambda: nn.GELU(approximate="tanh"),
}


def initialise(module: nn.Module) -> None:
    """Draw the convolutions' weights from a normal distribution of variance 2/N (U-Net paper, section 3)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def crop_to(x: Tensor, size: torch.Size) -> Tensor:
    """The top left part of (N, C, H, W) that has the height and width of size."""
    return x[..., : size[-2], : size[-1]]


class Enlarge(nn.Module):
    """Twice the size: pixels repeated (nearest) or interpolated (bilinear)."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode
        self._corners = {"align_corners": False} if mode == "bilinear" else {}

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 2H, 2W)."""
        return functional.interpolate(x, scale_factor=2, mode=self.mode, **self._corners)


ENLARGEMENTS = ("nearest", "bilinear")  # modes of Enlarge


def doubling(channels: int, outputs: int) -> nn.Module:
    """A transposed 2x2 convolution with stride 2: twice the size, no window overlapping another."""
    return nn.ConvTranspose2d(channels, outputs, kernel_size=2, stride=2)


def check_choice(option: str, value: object, choices: Iterable[object]) -> None:
    """Raise StudioError where the value of an option isn't among its choices."""
    allowed = list(choices)
    if value not in allowed:
        raise StudioError(
            f"A network's {option} can't be {value!r}.",
            f"Use one of {', '.join(str(choice) for choice in allowed)}.",
        )


def check_range(option: str, value: float, low: float, high: float) -> None:
    """Raise StudioError where the value of an option is outside low..high."""
    if not isinstance(value, (int, float)) or not low <= value <= high:
        raise StudioError(f"A network's {option} can't be {value!r}.", f"Use a value from {low} to {high}.")
