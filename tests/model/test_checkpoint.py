"""Models on disk: round trips, what is refused, foreign weights, and heads for other classes."""

import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import (
    CARD_FILE,
    MODEL_FILE,
    Architecture,
    ModelCard,
    ModelClass,
    Preprocessing,
    read_card,
)
from unet_studio.model import adapt_head, build_network, load_model, read_state, save_model
from unet_studio.model.checkpoint import load_state, match_classes

BINARY = (ModelClass(0, "background", "#000000"), ModelClass(1, "cell", "#ffffff"))


def card_of(outputs: int = 1, **changes: object) -> ModelCard:
    classes = tuple(ModelClass(index, f"class {index}", "#123456") for index in range(max(2, outputs)))
    card = ModelCard(
        "small",
        Architecture("unet", 1, outputs, {"depth": 1, "channels": 4}),
        classes,
        0,
        Preprocessing(1, mean=(0.5,), std=(0.5,)),
        created="2026-11-21T00:00:00",
        metrics={"dice": 0.8},
    )
    return replace(card, **changes)  # type: ignore[arg-type]


def saved(folder: Path, card: ModelCard | None = None) -> torch.nn.Module:
    card = card or card_of()
    network = build_network(card.architecture)
    save_model(folder, network, card)
    return network


def test_a_model_comes_back_as_it_was_saved(tmp_path):
    network = saved(tmp_path / "m")
    model = load_model(tmp_path / "m", "cpu")
    assert model.card == card_of()
    assert model.name == "small"
    assert model.device == torch.device("cpu")
    assert not model.network.training
    for key, tensor in network.state_dict().items():
        assert torch.equal(model.network.state_dict()[key], tensor)
    image = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    assert np.array_equal(
        model.predict(image).labels, load_model(str(tmp_path / "m"), "cpu").predict(image).labels
    )


def test_a_run_folder_gives_its_best(tmp_path):
    saved(tmp_path / "run" / "best")
    assert load_model(tmp_path / "run", "cpu").card.name == "small"


def test_saving_again_replaces_and_leaves_nothing_beside(tmp_path):
    saved(tmp_path)
    again = saved(tmp_path, card_of(name="second"))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([CARD_FILE, MODEL_FILE])
    state = read_state(tmp_path / MODEL_FILE)
    assert all(torch.equal(state[key], tensor) for key, tensor in again.state_dict().items())
    assert read_card(tmp_path).name == "second"


def test_an_interrupted_save_keeps_the_old_weights(tmp_path, monkeypatch):
    old = saved(tmp_path)

    def full_disk(handle: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="space"):
        saved(tmp_path, card_of(name="second"))
    model = load_model(tmp_path, "cpu")
    assert model.name == "small"
    assert torch.equal(model.network.state_dict()["head.weight"], old.state_dict()["head.weight"])


def test_weights_in_another_layout_and_shared_tensors_are_saved(tmp_path):
    network = build_network(card_of().architecture).to(memory_format=torch.channels_last)
    network.register_buffer("twin", network.head.bias)
    save_model(tmp_path, network, card_of())
    state = read_state(tmp_path / MODEL_FILE)
    assert torch.equal(state["twin"], state["head.bias"])
    assert torch.equal(state["down.0.0.weight"], network.state_dict()["down.0.0.weight"])


def damage(folder: Path, change: str) -> None:
    """Make one thing wrong with a saved model."""
    card, weights = folder / CARD_FILE, folder / MODEL_FILE
    value = json.loads(card.read_text())
    if change == "no weights":
        weights.unlink()
    elif change == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif change == "not weights":
        weights.write_text("hello")
    elif change == "no card":
        card.unlink()
    elif change == "other network":
        value["architecture"]["options"]["channels"] = 8
    elif change == "deeper network":
        value["architecture"]["options"]["depth"] = 2
    elif change == "other classes":
        value["classes"].append({"index": 2, "name": "two", "color": "#000000"})
    elif change == "other channels":
        value["preprocessing"]["channels"] = 3
    elif change == "unknown network":
        value["architecture"]["name"] = "transformer"
    if card.exists():
        card.write_text(json.dumps(value))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("no weights", "can't be read"),
        ("truncated", "can't be read"),
        ("not weights", "can't be read"),
        ("no card", CARD_FILE),
        ("other network", r"instead of \(8, 1, 3, 3\), and \d+ more"),
        ("deeper network", "is missing"),
        ("other classes", "1 outputs for 3 classes"),
        ("other channels", "3 channels for a network of 1"),
        ("unknown network", "transformer"),
    ],
)
def test_what_does_not_match_is_explained(tmp_path, change, message):
    saved(tmp_path)
    damage(tmp_path, change)
    with pytest.raises(StudioError, match=message) as caught:
        load_model(tmp_path, "cpu")
    assert caught.value.remedy


def test_a_missing_folder_is_explained(tmp_path):
    with pytest.raises(StudioError, match="There is no model"):
        load_model(tmp_path / "none")


def test_a_card_that_contradicts_itself_is_never_saved(tmp_path):
    card = card_of(classes=BINARY[:1])
    with pytest.raises(StudioError, match="1 classes"):
        save_model(tmp_path, build_network(card.architecture), card)
    assert not list(tmp_path.iterdir())


def test_one_misfit_is_named_alone():
    network = build_network(card_of().architecture)
    state = dict(network.state_dict())
    state["extra"] = torch.zeros(1)
    with pytest.raises(StudioError, match=r"extra is unknown\."):
        load_state(network, state, "here")


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "module.model."])
def test_foreign_weights_are_unwrapped(tmp_path, wrapper, prefix):
    state = {f"{prefix}a.weight": torch.ones(2), f"{prefix}b.bias": torch.zeros(1)}
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, tmp_path / "w.pth")
    read = read_state(tmp_path / "w.pth")
    assert set(read) == {"a.weight", "b.bias"}
    assert torch.equal(read["a.weight"], torch.ones(2))


class Trap:
    """Creates a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("legacy", [True, False])
def test_opening_foreign_weights_executes_nothing(tmp_path, legacy):
    path, mark = tmp_path / "evil.pth", tmp_path / "executed"
    if legacy:
        path.write_bytes(pickle.dumps({"state_dict": Trap(mark)}))
    else:
        torch.save({"state_dict": Trap(mark)}, path)
    with pytest.raises(StudioError):
        read_state(path)
    assert not mark.exists()


@pytest.mark.parametrize("value", [[1, 2], {"epoch": 3}, 7])
def test_a_foreign_file_without_weights_is_explained(tmp_path, value):
    torch.save(value, tmp_path / "w.pt")
    with pytest.raises(StudioError, match="no weights by name"):
        read_state(tmp_path / "w.pt")


def classes(*names: str, first: int = 0) -> tuple[ModelClass, ...]:
    return tuple(ModelClass(first + index, name, "#000000") for index, name in enumerate(names))


def head(outputs: int, features: int = 3) -> dict[str, torch.Tensor]:
    return {
        "down.weight": torch.ones(2),
        "head.weight": torch.randn(outputs, features, 1, 1),
        "head.bias": torch.randn(outputs),
    }


def logits(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    result = torch.nn.functional.conv2d(x, state["head.weight"], state["head.bias"])[0]
    return torch.cat([torch.zeros_like(result), result]) if len(result) == 1 else result


FEATURES = torch.randn(1, 3, 20, 20, generator=torch.Generator().manual_seed(3)) * 5


def test_the_same_classes_keep_the_head_to_the_last_bit():
    for outputs in (1, 2, 4):
        state = head(outputs)
        known = classes("a", "b", "c", "d")[: max(2, outputs)]
        adapted = adapt_head(state, known, known, outputs)
        assert adapted.keys() == state.keys()
        assert all(torch.equal(adapted[key], state[key]) for key in state)


def test_classes_in_another_order_take_their_rows_along():
    state = head(3)
    adapted = adapt_head(state, classes("a", "b", "c"), classes("C", "a", "b", first=7), 3)
    assert torch.equal(adapted["head.weight"], state["head.weight"][[2, 0, 1]])
    assert torch.equal(adapted["head.bias"], state["head.bias"][[2, 0, 1]])
    assert torch.equal(adapted["down.weight"], state["down.weight"])


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_a_new_class_changes_no_pixel_before_it_is_learnt(outputs):
    state = head(outputs)
    old = classes("a", "b", "c")[: max(2, outputs)]
    new = (*old, ModelClass(9, "new", "#000000"))
    before = logits(state, FEATURES)
    adapted = adapt_head(state, old, new, len(new))
    after = logits(adapted, FEATURES)
    assert after.shape[0] == len(new)
    assert torch.equal(after.argmax(0), before.argmax(0))
    torch.testing.assert_close(after[: len(old)], before)


def test_one_logit_and_two_channels_say_the_same():
    pair = classes("a", "b")
    two = head(2)
    one = adapt_head(two, pair, pair, 1)
    assert one["head.weight"].shape == (1, 3, 1, 1)
    back = adapt_head(one, pair, pair, 2)
    for state in (one, back):
        torch.testing.assert_close(logits(state, FEATURES).softmax(0), logits(two, FEATURES).softmax(0))


def test_swapped_classes_negate_one_logit():
    state = head(1)
    swapped = adapt_head(state, classes("a", "b"), classes("b", "a"), 1)
    torch.testing.assert_close(swapped["head.weight"], -state["head.weight"])


def test_dropping_a_class_keeps_the_others():
    state = head(3)
    adapted = adapt_head(state, classes("a", "b", "c"), classes("c", "a"), 1)
    torch.testing.assert_close(adapted["head.bias"], state["head.bias"][[0]] - state["head.bias"][[2]])


def test_without_a_known_class_the_head_starts_anew():
    adapted = adapt_head(head(2), classes("a", "b"), classes("x", "y", "z", first=50), 3)
    assert set(adapted) == {"down.weight"}


def test_names_go_before_indices():
    old = classes("background", "cell")
    assert match_classes(old, classes("background", "nucleus")) == [0, 1]
    assert match_classes(old, classes("background", "dog", "cell")) == [0, None, 1]
    assert match_classes(old, classes("Cell", "other")) == [1, None]


@given(st.permutations(["a", "b", "c", "d"]), st.integers(1, 4))
def test_every_old_class_is_continued_at_most_once(names, count):
    matches = match_classes(classes("a", "b", "c"), classes(*names[:count]))
    taken = [match for match in matches if match is not None]
    assert len(taken) == len(set(taken))
    for name, match in zip(names[:count], matches, strict=True):
        if name in "abc":
            assert match == "abc".index(name)


def test_a_head_that_is_missing_or_does_not_fit_is_explained():
    with pytest.raises(StudioError, match="no head"):
        adapt_head({"x": torch.zeros(1)}, BINARY, BINARY, 1)
    with pytest.raises(StudioError, match="3 classes don't fit 1"):
        adapt_head(head(1), BINARY, classes("a", "b", "c"), 1)
