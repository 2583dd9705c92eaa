"""A model as an ONNX file for other programs, compared with the original before it is handed over.

ONNX: onnx.ai, operator set 17. The file's input "image" is float32 (N, C, H, W), any N, H and W: pixel values
divided by 255 (8-bit images) or 65535 (16-bit), or as they are where the model scales by percentiles; means,
deviations and percentiles are applied inside. Its output "probabilities" is float32 (N, K, H, W), K the
classes of the card in their order, background and object for a model of one output. Resizing before the
network, where the card asks for it, is left to the program that uses the file; its metadata say so:
"name", "classes" (JSON: index, name, color, in the order of K), "background" (JSON: its index or null),
"input" and "output" (in words), "resize" (JSON: what, then the numbers of Preprocessing.size), "tile" (px).
"""

import json
import tempfile
import warnings
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unet_studio import __version__
from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import ModelCard
from unet_studio.core.storage import atomic_write
from unet_studio.model.network import Network
from unet_studio.model.predict import Model
from unet_studio.model.preprocess import FULL_SCALE, resize, to_channels

if TYPE_CHECKING:
    from collections.abc import Iterator

OPSET = 17
INPUT, OUTPUT = "image", "probabilities"
LARGEST_DIFFERENCE = 1e-3  # of a probability
LEAST_AGREEMENT = 0.9999  # of pixels with the same class
LARGEST_SIDE = 1024  # px of a sample that is compared: what differs would do so in any part of it


@dataclass(frozen=True)
class Verification:
    """What the comparison found. images: how many were compared. difference: the largest one of a
    probability. agreement: the part of all pixels that have the same class.
    """

    images: int
    difference: float
    agreement: float


class WithScaling(nn.Module):
    """A network between the scaling of its card and probabilities."""

    factor: Tensor
    offset: Tensor

    def __init__(self, network: Network, card: ModelCard) -> None:
        super().__init__()
        self.network, self.temperature = network, card.temperature
        scaling, count = card.preprocessing, card.preprocessing.channels
        low, high = (0.0,) * count, (1.0,) * count
        if scaling.scaling == "percentile":
            low, high = scaling.low, scaling.high
        span = [b - a if b > a else 1.0 for a, b in zip(low, high, strict=True)]
        mean, std = (
            scaling.mean or (0.0,) * count,
            [s if s > 0 else 1.0 for s in scaling.std or (1.0,) * count],
        )
        # As preprocess.scale does: ((x - low) / (high - low) - mean) / std.
        factor = [1 / (a * b) for a, b in zip(span, std, strict=True)]
        offset = [-(a + m * s) / (s * d) for a, m, s, d in zip(low, mean, span, std, strict=True)]
        self.register_buffer("factor", torch.tensor(factor).view(1, count, 1, 1))
        self.register_buffer("offset", torch.tensor(offset).view(1, count, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) as INPUT -> (N, K, H, W) as OUTPUT."""
        logits: Tensor = self.network(x * self.factor + self.offset) / self.temperature
        if logits.shape[1] > 1:
            return logits.softmax(dim=1)
        object_ = logits.sigmoid()
        return torch.cat([1 - object_, object_], dim=1)


def export_onnx(model: Model, path: Path, samples: Iterable[NDArray[Any]]) -> Verification:
    """Write a model as ONNX and compare it with the original on images, (H, W) or (H, W, C).

    The file appears only where they agree. Raises StudioError where they don't, where there is no sample, or
    where the packages onnx and onnxruntime are missing.
    """
    _require_packages()
    network = model.network.cpu()
    twin = WithScaling(network, model.card).eval()
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "model.onnx"
        _export(twin, model.card, draft)
        _describe(draft, model.card)
        verification = _verify(twin, draft, (_values(image, model.card) for image in samples))
        _judge(verification)
        with atomic_write(path) as stream:
            stream.write(draft.read_bytes())
    return verification


def _require_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise StudioError(
            f"Writing ONNX needs the package {error.name}.",
            'Install it with: pip install "unet-studio[onnx]"',
        ) from error


def _export(twin: nn.Module, card: ModelCard, path: Path) -> None:
    example = torch.zeros(1, card.preprocessing.channels, 64, 96)
    free = {0: "batch", 2: "height", 3: "width"}
    with _quiet(), torch.inference_mode():
        # The exporter by tracing writes a file for all sizes in seconds and needs no further package.
        torch.onnx.export(
            twin,
            (example,),
            str(path),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: free, OUTPUT: free},
            opset_version=OPSET,
            dynamo=False,
        )


@contextmanager
def _quiet() -> "Iterator[None]":
    """PyTorch announces another exporter, and warns of every shape it traces."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _describe(path: Path, card: ModelCard) -> None:
    """Put into the file's metadata what a program must know to use it."""
    import onnx

    value = onnx.load(str(path))
    value.producer_name, value.producer_version = "U-Net Studio", __version__
    scaled = card.preprocessing.scaling == "percentile"
    texts = {
        "name": card.name,
        "classes": json.dumps([asdict(entry) for entry in card.classes], ensure_ascii=False),
        "input": "pixel values as they are" if scaled else "pixel values / 255 (8-bit) or / 65535 (16-bit)",
        "output": "probabilities of the classes, in their order",
        "background": json.dumps(card.background),
        "resize": json.dumps([card.preprocessing.resize, *card.preprocessing.size]),
        "tile": str(card.tile),
    }
    for key, text in texts.items():
        value.metadata_props.add(key=key, value=text)
    onnx.checker.check_model(value)
    onnx.save(value, str(path))


def _values(image: NDArray[Any], card: ModelCard) -> NDArray[np.float32]:
    """An image as INPUT, float32 (1, C, h, w), not larger than LARGEST_SIDE."""
    pixels = resize(image[:LARGEST_SIDE, :LARGEST_SIDE], card.preprocessing)
    scale = 1.0 if card.preprocessing.scaling == "percentile" else FULL_SCALE[pixels.dtype.name]
    values = to_channels(pixels, card.preprocessing.channels).astype(np.float32) / np.float32(scale)
    return np.ascontiguousarray(np.nan_to_num(values).transpose(2, 0, 1)[np.newaxis])


def _verify(twin: nn.Module, path: Path, samples: Iterable[NDArray[np.float32]]) -> Verification:
    """samples: taken one at a time; there may be thousands of them."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    images = pixels = same = 0
    difference = 0.0
    for sample in samples:
        for given in (sample, _odd(sample)) if images == 0 else (sample,):
            with torch.inference_mode():
                meant = twin(torch.from_numpy(given)).numpy()
            (found,) = session.run([OUTPUT], {INPUT: given})
            # What is no number must not count as equal: max() would pass over it.
            difference = float(np.maximum(difference, np.abs(found - meant).max()))
            same += int(np.count_nonzero(found.argmax(axis=1) == meant.argmax(axis=1)))
            pixels += meant[:, 0].size
        images += 1
    if not images:
        raise StudioError("There is no image to compare the models on.", "Name some with --images.")
    return Verification(images, difference, same / pixels)


def _odd(sample: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sample with odd sides and twice: a size that was baked into the file by mistake would show."""
    height, width = (side - 1 + side % 2 for side in sample.shape[2:])
    return np.repeat(sample[:, :, :height, :width], 2, axis=0)


def _judge(found: Verification) -> None:
    if not (found.difference <= LARGEST_DIFFERENCE and found.agreement >= LEAST_AGREEMENT):
        raise StudioError(
            f"The ONNX model differs from the original: by {found.difference:.2g} in probability, and "
            f"{1 - found.agreement:.2%} of the pixels have another class. No file was written.",
            "Please report this with the model.",
        )
