"""A graphics card (a pretended one) that fails while it predicts: the processor goes on, and says so once."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.model.small import make, picture
from unet_studio.core.model_card import ModelCard
from unet_studio.model import Model, predict, sweep
from unet_studio.model.network import Network
from unet_studio.model.plan import Plan

FAILURE = "CUDA error: device-side assert triggered"


class Card:
    """A card that predicts so many images and then fails for good. tried: the devices that were used."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lasts: int, message: str = FAILURE) -> None:
        self.lasts, self.message = lasts, message
        self.tried: list[str] = []
        self._real = sweep.Sweep
        monkeypatch.setattr(predict, "_moved", lambda network, _: network)
        monkeypatch.setattr(predict, "Sweep", self._sweep)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "empty_cache", self._empty)

    def _sweep(self, network: Network, card: ModelCard, pixels: np.ndarray, plan: Plan) -> sweep.Sweep:
        self.tried.append(plan.device.type)
        if plan.device.type == "cuda":
            if self.lasts <= 0:
                raise RuntimeError(self.message)
            self.lasts -= 1
        return self._real(network, card, pixels, replace(plan, device=torch.device("cpu")))

    def _empty(self) -> None:
        if self.lasts <= 0:
            raise RuntimeError(self.message)


@pytest.mark.parametrize("lasts", [0, 2])
def test_the_processor_does_the_rest_and_says_so_once(monkeypatch: pytest.MonkeyPatch, lasts: int) -> None:
    images = [picture(60, 70, seed=seed) for seed in range(5)]
    plain = make()
    expected = [plain.predict(image) for image in images]
    card = Card(monkeypatch, lasts)
    model = Model(make().card, make().network, torch.device("cuda"))
    found = [model.predict(image) for image in images]
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one.labels, other.labels)
    assert [bool(one.made["notes"]) for one in found] == [number == lasts for number in range(5)]
    assert found[lasts].made["notes"] == ["cuda failed: on the processor"]
    assert [one.made["device"] for one in found] == ["cuda"] * lasts + ["cpu"] * (5 - lasts)
    assert card.tried == ["cuda"] * (lasts + 1) + ["cpu"] * (5 - lasts)
    assert model.device.type == "cpu"


def test_weights_that_changed_since_are_not_taken_from_the_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that evaluates its network must not be told of the one it began with."""
    Card(monkeypatch, 0)
    model = Model(make().card, make().network, torch.device("cuda"))
    with torch.no_grad():
        model.network.head.weight += 1
    with pytest.raises(RuntimeError, match="device-side assert"):
        model.predict(picture(60, 70))


def test_a_mistake_of_the_program_is_no_lost_card(monkeypatch: pytest.MonkeyPatch) -> None:
    Card(monkeypatch, 0, "size mismatch")
    model = Model(make().card, make().network, torch.device("cuda"))
    with pytest.raises(RuntimeError, match="size mismatch"):
        model.predict(picture(60, 70))


def test_a_model_on_the_processor_holds_no_second_copy() -> None:
    assert make()._spare is None
