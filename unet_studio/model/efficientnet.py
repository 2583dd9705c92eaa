"""Torchvision's EfficientNets as encoders.

Mingxing Tan, Quoc Le: "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019
(arXiv 1905.11946). Layers and key names are those of torchvision.models.efficientnet, without the last
convolution and the classifier. Blocks are never skipped at random in training: with the few images of a
fine-tuning, every step has to reach every weight. The package is imported when an encoder is made.

Each block weighs its channels by their means over all of its input (squeeze-and-excitation), so what such an
encoder says of a pixel depends on all others that it is given: an image and a part of it differ.
"""

from torch import Tensor, nn

from unet_studio.model.encoder import Encoder

TAKEN = (1, 2, 3, 5, 7)  # of torchvision's `features`: the last stage of each size


class EfficientNetEncoder(Encoder):
    """Five feature maps: the last stage of each size. name: of torchvision's builder: efficientnet_b0."""

    first = "features.0.0.weight"

    def __init__(self, name: str, in_channels: int = 3) -> None:
        super().__init__()
        from torchvision.models import get_model

        stages = list(get_model(name, weights=None, stochastic_depth_prob=0.0).features)[:-1]
        if in_channels != 3:
            width = stages[0][0].out_channels
            stages[0][0] = nn.Conv2d(in_channels, width, 3, stride=2, padding=1, bias=False)
            nn.init.kaiming_normal_(stages[0][0].weight, mode="fan_out")
        self.features = nn.ModuleList(stages)
        self.channels = [stages[place][-1].out_channels for place in TAKEN]

    def forward(self, x: Tensor) -> list[Tensor]:
        """The five feature maps, shallow to deep."""
        features = []
        for place, stage in enumerate(self.features):
            x = stage(x)
            if place in TAKEN:
                features.append(x)
        return features
