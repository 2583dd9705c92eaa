"""Torchvision's ResNets as encoders.

Kaiming He et al.: "Deep Residual Learning for Image Recognition", CVPR 2016 (arXiv 1512.03385). Layers and
key names are those of torchvision.models.resnet, without the classifier. The package is imported when an
encoder is made, not before.
"""

from torch import Tensor, nn
from torch.nn import functional

from unet_studio.model.encoder import Encoder

# The weights between an activation and the next sum, in torchvision's basic and bottleneck blocks.
PAIRS = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))


class ResNetEncoder(Encoder):
    """Five feature maps: after the first convolution, and after each of the four layers.

    name: of torchvision's builder, such as resnet18.
    """

    first = "conv1.weight"

    def __init__(self, name: str, in_channels: int = 3) -> None:
        super().__init__()
        from torchvision.models import get_model

        made = get_model(name, weights=None)
        self.conv1 = made.conv1
        if in_channels != 3:
            self.conv1 = nn.Conv2d(in_channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
            nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.bn1 = made.bn1
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            nn.ModuleList(layer) for layer in (made.layer1, made.layer2, made.layer3, made.layer4)
        )
        self.channels = [64, *(_width(layer[-1]) for layer in self.layers)]

    @property
    def layers(self) -> list[nn.ModuleList]:
        """The four layers, each a list of residual blocks."""
        return [self.layer1, self.layer2, self.layer3, self.layer4]

    def forward(self, x: Tensor) -> list[Tensor]:
        """The five feature maps, shallow to deep."""
        features = [functional.relu(self.bn1(self.conv1(x)))]
        x = functional.max_pool2d(features[0], 3, stride=2, padding=1)
        for layer in self.layers:
            for block in layer:
                x = block(x)
            features.append(x)
        return features


def _width(block: nn.Module) -> int:
    """Output channels of a residual block."""
    convolutions = [getattr(block, name) for name, _ in PAIRS if hasattr(block, name)]
    return int(convolutions[-1].out_channels)
