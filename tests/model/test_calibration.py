"""Temperature scaling: the fitted number, the error it lowers, and that no class changes."""

import numpy as np
import pytest
import torch

from tests.model.small import make, picture
from unet_studio.core.model_card import Preprocessing
from unet_studio.model import Model, PredictSettings
from unet_studio.model.calibration import Evidence, calibration_error, fit_temperature
from unet_studio.model.sweep import decide


def drawn(temperature: float, classes: int = 3, count: int = 40_000) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are `temperature` times too large, and classes drawn by what they should have been."""
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(count, classes, generator=generator) * 2
    truth = torch.multinomial(honest.softmax(dim=1), 1, generator=generator)[:, 0]
    return honest * temperature, truth


@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
def test_the_temperature_is_found(temperature: float) -> None:
    logits, truth = drawn(temperature)
    assert fit_temperature(logits, truth) == pytest.approx(temperature, rel=0.05)


def test_the_error_counts_how_far_confidence_is_off() -> None:
    """By hand: two bins. 0.9 sure and 3 of 4 right; 0.6 sure and 1 of 4 right: (0.15 * 4 + 0.35 * 4) / 8."""
    sure = torch.tensor([0.9] * 4 + [0.6] * 4)
    logits = torch.stack([torch.log(sure), torch.log(1 - sure)], dim=1)
    truth = torch.tensor([0, 0, 0, 1, 0, 1, 1, 1])
    assert calibration_error(logits, truth) == pytest.approx((0.15 * 4 + 0.35 * 4) / 8, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.3, 2.5])
def test_calibration_lowers_the_error(temperature: float) -> None:
    logits, truth = drawn(temperature)
    evidence = Evidence()
    for part in range(4):
        evidence.add(logits[part::4].T, truth[part::4])
    found = evidence.calibration()
    assert found is not None
    assert found.pixels == len(truth)
    assert found.before > 0.05
    assert found.after < 0.01


def test_one_channel_stands_for_two() -> None:
    logits, truth = drawn(2.0, classes=2)
    evidence = Evidence()
    evidence.add((logits[:, 1] - logits[:, 0])[None], truth)
    found = evidence.calibration()
    assert found is not None
    assert found.temperature == pytest.approx(2.0, rel=0.05)


def test_a_few_pixels_say_nothing() -> None:
    evidence = Evidence()
    evidence.add(torch.zeros(2, 10), torch.zeros(10))
    assert evidence.calibration() is None


@pytest.mark.parametrize("outputs", [1, 4])
def test_a_temperature_changes_confidence_and_no_class(outputs: int) -> None:
    from dataclasses import replace

    model, image = make(outputs, 3, Preprocessing(3)), picture(70, 90, 3)
    hot = Model(replace(model.card, temperature=4.0), model.network)
    plain, tempered = model.predict(image), hot.predict(image)
    assert np.array_equal(plain.labels, tempered.labels)
    assert tempered.confidence.mean() < plain.confidence.mean()
    logits = torch.tensor([[[8.0]], [[0.0]]])
    assert decide(logits, 4.0)[1].item() == round(255 * torch.sigmoid(torch.tensor(2.0)).item())


def test_every_pixel_is_shown_to_a_watch() -> None:
    """Once and in place: what it was shown makes the same labels."""
    model, image = make(3, 1, Preprocessing(1, resize="factor", size=(0.5,))), picture(150, 170)
    seen = np.full((150, 170), -1)

    def watch(top: int, columns: slice, logits: torch.Tensor) -> None:
        part = seen[top : top + logits.shape[1], columns]
        assert (part == -1).all()
        part[:] = logits.argmax(dim=0).numpy()

    found = model.predict(image, settings=PredictSettings(tile=64), watch=watch)
    indices = np.array([entry.index for entry in model.card.classes])
    assert np.array_equal(indices[seen], found.labels)
