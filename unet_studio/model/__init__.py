"""U-Nets, checkpoints, preprocessing, tiled prediction and devices.

Names are fetched on first use, so that importing a part without torch (preprocess) doesn't load torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unet_studio.model.architectures import (
        ARCHITECTURES,
        DEFAULT_ARCHITECTURE,
        build_network,
        freeze_encoder_statistics,
    )
    from unet_studio.model.checkpoint import adapt_head, load_model, save_model
    from unet_studio.model.devices import choose_device, describe_devices
    from unet_studio.model.encoder_weights import imagenet_weights
    from unet_studio.model.foreign import load_foreign, load_imagenet
    from unet_studio.model.network import Network
    from unet_studio.model.predict import Model, PredictSettings
    from unet_studio.model.preprocess import fit_percentiles, resize_mask, resized_shape, to_array
    from unet_studio.model.weights_file import read_state

__all__ = [
    "ARCHITECTURES",
    "DEFAULT_ARCHITECTURE",
    "Model",
    "Network",
    "PredictSettings",
    "adapt_head",
    "build_network",
    "choose_device",
    "describe_devices",
    "fit_percentiles",
    "freeze_encoder_statistics",
    "imagenet_weights",
    "load_foreign",
    "load_imagenet",
    "load_model",
    "read_state",
    "resize_mask",
    "resized_shape",
    "save_model",
    "to_array",
]

_HOMES = {
    "architectures": (
        "ARCHITECTURES",
        "DEFAULT_ARCHITECTURE",
        "build_network",
        "freeze_encoder_statistics",
    ),
    "checkpoint": ("adapt_head", "load_model", "save_model"),
    "devices": ("choose_device", "describe_devices"),
    "encoder_weights": ("imagenet_weights",),
    "foreign": ("load_foreign", "load_imagenet"),
    "network": ("Network",),
    "predict": ("Model", "PredictSettings"),
    "preprocess": ("fit_percentiles", "resize_mask", "resized_shape", "to_array"),
    "weights_file": ("read_state",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import the module that holds the name, and hand the name over."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    """The names on offer, fetched or not."""
    return sorted(__all__)
