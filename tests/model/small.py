"""Small networks and pictures that the tests of prediction share."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from unet_studio.core.model_card import Architecture, ModelCard, ModelClass, Preprocessing
from unet_studio.model import Model, build_network, to_array
from unet_studio.model.network import Network

INDICES = (7, 3, 200, 0)


def make(outputs: int = 1, channels: int = 1, preprocessing: Preprocessing | None = None) -> Model:
    """A small network with random weights; it sees about 24 px around a pixel."""
    torch.manual_seed(outputs)
    architecture = Architecture(
        "unet", channels, outputs, {"depth": 2, "channels": 4, "normalisation": "none"}
    )
    classes = tuple(ModelClass(INDICES[k], f"c{k}", "#000000") for k in range(max(2, outputs)))
    card = ModelCard("small", architecture, classes, None, preprocessing or Preprocessing(channels), tile=64)
    network = build_network(architecture).eval()
    shape = (160, 160, channels) if channels > 1 else (160, 160)
    balance(network, torch.from_numpy(to_array(picture(*shape), card.preprocessing))[None])
    return Model(card, network)


def balance(network: Network, sample: torch.Tensor) -> None:
    """Change the head so that on the sample every class is likely somewhere."""
    with torch.no_grad():
        logits = network(sample)
        spread, mean = logits.std(dim=(0, 2, 3)) / 3, logits.mean(dim=(0, 2, 3))
        network.head.weight /= spread[:, None, None, None]
        network.head.bias -= mean
        network.head.bias /= spread


def picture(*shape: int, seed: int = 0) -> np.ndarray:
    """Smooth noise, uint8."""
    noise = torch.rand(1, 1, *shape[:2], generator=torch.Generator().manual_seed(seed))
    smooth = functional.avg_pool2d(noise, 5, stride=1, padding=2)[0, 0].numpy()
    image = np.clip((smooth - 0.5) * 4 + 0.5, 0, 1) * 255
    return (
        image.astype(np.uint8)
        if len(shape) == 2
        else np.repeat(image[..., None], shape[2], 2).astype(np.uint8)
    )


class Calls(list[tuple[int, ...]]):
    """The shapes that a network was called with; a model predicts with a copy, whose calls count too."""

    def __deepcopy__(self, memo: dict[int, object]) -> "Calls":
        return self


class Counting(Network):
    """A network of one convolution that counts its calls."""

    stride = 8

    def __init__(self, network: nn.Conv2d) -> None:
        super().__init__()
        self.head = network
        self.shapes = Calls()

    def encoder_modules(self) -> list[nn.Module]:
        return []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.shapes.append(tuple(x.shape))
        return self.head(x)


def counting(outputs: int = 1) -> tuple[Model, Counting]:
    network = Counting(nn.Conv2d(1, outputs, 1))
    return Model(make(outputs).card, network), network
