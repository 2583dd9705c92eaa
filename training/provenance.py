"""Where the first weights of a training came from and under which licence, for the model's card."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from training.network import Origin, foreign_file
from unet_studio.core.model_card import Architecture
from unet_studio.core.training_config import TrainingConfig
from unet_studio.model.encoders import ENCODERS

# The LICENSE file that each of the packages of weights brings.
PACKAGED = "Apache-2.0"
# torchvision's README, "Pre-trained Model License".
TORCHVISION = "BSD-3-Clause code; the weights may have terms derived from the data that they were trained on"
UNKNOWN = "not known here: that of its source"


def first_weights(
    config: TrainingConfig, architecture: Architecture, origin: Origin | None
) -> dict[str, str]:
    """{"source", "licence"}: of the weights that training began with. A fine-tuning hands its model's on."""
    if origin is not None:
        made = origin.card.training.get("weights")
        before = made if isinstance(made, dict) else {}
        told = str(before.get("source", "")) or "no more is known of it"
        return {
            "source": f"the model {origin.card.name} ({told})",
            "licence": str(before.get("licence", UNKNOWN)),
        }
    file = foreign_file(config)
    if file is not None:
        return {"source": f"the file {file.name}", "licence": UNKNOWN}
    kind = ENCODERS.get(architecture.name.removeprefix("unet-"))
    if config.init != "imagenet" or kind is None:
        return {"source": f"random numbers, seed {config.seed}", "licence": "none needed"}
    if config.encoder_weights:
        return {
            "source": f"the encoder's from the file {Path(config.encoder_weights).name}",
            "licence": UNKNOWN,
        }
    if kind.package:
        return {
            "source": f"the encoder's from ImageNet, by the package {_package(kind.package)}",
            "licence": PACKAGED,
        }
    return {
        "source": f"the encoder's from ImageNet, torchvision's {kind.torchvision}",
        "licence": TORCHVISION,
    }


def _package(name: str) -> str:
    """A package as pip calls it, with its version where it is installed."""
    name = name.replace("_", "-")
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return name
