"""Model cards come back as they were, broken ones are named, and classes are matched by name."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import (
    CARD_FILE,
    MODEL_FILE,
    Architecture,
    ModelCard,
    ModelClass,
    Preprocessing,
    class_mapping,
    list_models,
    read_card,
    write_card,
)
from unet_studio.core.storage import write_json


def card(name: str = "cells", **changes: Any) -> ModelCard:
    values: dict[str, Any] = {
        "name": name,
        "architecture": Architecture("unet", 3, 1, {"depth": 4, "normalisation": "batch"}),
        "classes": (ModelClass(0, "background", "#000000"), ModelClass(1, "cell", "#e69f00")),
        "background": 0,
        "preprocessing": Preprocessing(
            3, mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 1.0), resize="factor", size=(0.5,)
        ),
        "parent": "base",
        "created": "2026-01-02T03:04:05+00:00",
        "metrics": {"iou": 0.9, "per class": [0.1, None]},
        "training": {"images": ["größe.png"]},
    }
    return ModelCard(**{**values, **changes})


@given(
    st.builds(
        Preprocessing,
        st.integers(1, 9),
        st.sampled_from(["dtype", "percentile"]),
        *[st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3).map(tuple)] * 4,
        st.sampled_from(["none", "factor", "long_side", "stretch"]),
        st.lists(st.floats(0.1, 5000), max_size=2).map(tuple),
    ),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.booleans(), max_size=4),
    st.text(st.characters(codec="utf-8"), max_size=9),
)
def test_json_round_trip(preprocessing: Preprocessing, options: dict[str, Any], note: str) -> None:
    written = card(preprocessing=preprocessing, architecture=Architecture("unet", 1, 2, options), note=note)
    assert ModelCard.from_json(json.loads(json.dumps(written.to_json()))) == written


def test_written_and_read_again(tmp_path: Path) -> None:
    write_card(tmp_path / "model", card())
    assert read_card(tmp_path / "model") == card()
    with pytest.raises(StudioError, match="is not a model"):
        read_card(tmp_path)


BREAKERS: dict[str, Any] = {
    "no object": lambda value: [value],
    "nothing": lambda value: {},
    "newer": lambda value: {**value, "version": 99},
    "version is text": lambda value: {**value, "version": "1"},
    "no classes": lambda value: {key: item for key, item in value.items() if key != "classes"},
    "classes are numbers": lambda value: {**value, "classes": [0, 1]},
    "too few classes": lambda value: {**value, "classes": value["classes"][:1]},
    "index 300": lambda value: {
        **value,
        "classes": [value["classes"][0], {**value["classes"][1], "index": 300}],
    },
    "index twice": lambda value: {**value, "classes": [value["classes"][0]] * 2},
    "background is no class": lambda value: {**value, "background": 7},
    "unknown key": lambda value: {**value, "surprise": 1},
    "preprocessing is a list": lambda value: {**value, "preprocessing": []},
    "preprocessing unknown": lambda value: {**value, "preprocessing": {"channels": 1, "scaling": "magic"}},
    "resize unknown": lambda value: {**value, "preprocessing": {"channels": 1, "resize": "crop"}},
    "architecture lacks a name": lambda value: {**value, "architecture": {"in_channels": 1}},
    "outputs are text": lambda value: {
        **value,
        "architecture": {"name": "unet", "in_channels": 1, "out_channels": "many"},
    },
}


@pytest.mark.parametrize("breaker", BREAKERS.values(), ids=BREAKERS)
def test_broken_cards_are_refused_and_listed_with_their_problem(tmp_path: Path, breaker: Any) -> None:
    folder = tmp_path / "broken"
    write_json(folder / CARD_FILE, breaker(card().to_json()))
    (folder / MODEL_FILE).touch()
    with pytest.raises(StudioError) as caught:
        read_card(folder)
    assert caught.value.remedy
    (entry,) = list_models(tmp_path)
    assert entry.card is None
    assert entry.problem == str(caught.value)


def test_a_card_that_is_no_json(tmp_path: Path) -> None:
    (tmp_path / CARD_FILE).write_bytes(b"\xff{")
    with pytest.raises(StudioError, match=CARD_FILE):
        read_card(tmp_path)


def add_model(root: Path, name: str, weights: bool = True) -> None:
    write_card(root / name, card(name))
    if weights:
        (root / name / MODEL_FILE).touch()


def test_models_of_several_folders(tmp_path: Path) -> None:
    own, bundled = tmp_path / "own", tmp_path / "bundled"
    add_model(own, "a")
    add_model(own, "b", weights=False)
    add_model(bundled, "a")
    add_model(bundled, "c")
    (own / "no model").mkdir()
    (own / "file").touch()
    found = list_models(own, tmp_path / "absent", bundled)
    assert [(entry.name, entry.folder.parent.name, entry.problem) for entry in found] == [
        ("a", "own", ""),
        ("b", "own", "model.safetensors is missing."),
        ("c", "bundled", ""),
    ]
    assert [entry.card is None for entry in found] == [False, True, False]


def test_the_table_of_a_model() -> None:
    assert card().table() == ClassTable(
        (PixelClass(0, "background", "#000000"), PixelClass(1, "cell", "#e69f00")), 0
    )


def test_classes_are_matched_by_name_not_by_index() -> None:
    table = ClassTable(
        (
            PixelClass(9, "Cell", "#000000"),
            PixelClass(5, "BACKGROUND", "#000000"),
            PixelClass(1, "x", "#000000"),
        ),
        5,
    )
    lut = class_mapping(card(), table)
    assert lut.dtype == np.uint8
    assert lut.shape == (256,)
    assert (lut[0], lut[1]) == (5, 9)
    assert (lut[2:] == UNLABELLED).all()


def test_background_goes_to_background_whatever_its_name() -> None:
    table = ClassTable((PixelClass(3, "soil", "#000000"), PixelClass(4, "cell", "#000000")), 3)
    assert class_mapping(card(), table)[:2].tolist() == [3, 4]


def test_a_class_that_the_project_lacks_is_named() -> None:
    table = ClassTable.binary("nucleus").add("cell").retire(2)
    with pytest.raises(StudioError, match="cell") as caught:
        class_mapping(card(), table)
    assert "0 background, 1 nucleus" in caught.value.remedy
    with pytest.raises(StudioError, match="background, cell"):
        class_mapping(card(), ClassTable((PixelClass(0, "sky", "#000000"),)))
