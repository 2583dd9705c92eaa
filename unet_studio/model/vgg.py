"""Torchvision's VGG16 as an encoder.

Karen Simonyan, Andrew Zisserman: "Very Deep Convolutional Networks for Large-Scale Image Recognition",
ICLR 2015 (arXiv 1409.1556). Layers and key names are those of torchvision.models.vgg, without the classifier,
which has nine tenths of the weights. Poolings round up, so that no pixel of an odd size is left out. The
package is imported when an encoder is made, not before.
"""

from torch import Tensor, nn
from torch.nn import functional

from unet_studio.model.encoder import Encoder
from unet_studio.model.network import initialise


class VGGEncoder(Encoder):
    """Six feature maps: before each of the five poolings, and after the last. The first has the image's size.

    batch_norm: whether convolutions are normalised (torchvision's vgg16_bn).
    """

    first = "features.0.weight"

    def __init__(self, batch_norm: bool, in_channels: int = 3) -> None:
        super().__init__()
        from torchvision.models.vgg import cfgs, make_layers

        layers = list(make_layers(cfgs["D"], batch_norm=batch_norm))
        if in_channels != 3:
            layers[0] = nn.Conv2d(in_channels, layers[0].out_channels, 3, padding=1)
        self.features = nn.ModuleList(layers)
        initialise(self)
        widths = [layer.out_channels for layer in layers if isinstance(layer, nn.Conv2d)]
        self.channels = [widths[place] for place in (1, 3, 6, 9, 12, 12)]

    def forward(self, x: Tensor) -> list[Tensor]:
        """The six feature maps, shallow to deep."""
        features = []
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                features.append(x)
                x = functional.max_pool2d(x, 2, ceil_mode=True)
            else:
                x = layer(x)
        return [*features, x]
