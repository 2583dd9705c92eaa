"""Connected pieces against a plain flood fill, in bands of any height."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unet_studio.core import components
from unet_studio.core.components import component_areas, hole_counts, touching_components
from unet_studio.formats.polygons import trace

SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))
CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))
MASKS = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: arrays.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, 255]))
)
BANDS = st.integers(1, 60)  # px


def neighbours(place: tuple[int, int], shape: tuple[int, ...], steps: tuple) -> Iterator[tuple[int, int]]:
    for down, right in steps:
        row, column = place[0] + down, place[1] + right
        if 0 <= row < shape[0] and 0 <= column < shape[1]:
            yield row, column


def flooded(labels: np.ndarray, connectivity: int) -> dict[int, list[set[tuple[int, int]]]]:
    """The pieces of each value but 255, as sets of places: the plain way."""
    steps = SIDES if connectivity == 4 else SIDES + CORNERS
    found, seen = defaultdict(list), set()
    for start in np.ndindex(labels.shape):
        if start in seen or labels[start] == 255:
            continue
        piece, waiting = {start}, [start]
        while waiting:
            place = waiting.pop()
            for other in neighbours(place, labels.shape, steps):
                if other not in piece and labels[other] == labels[start]:
                    piece.add(other)
                    waiting.append(other)
        seen |= piece
        found[int(labels[start])].append(piece)
    return dict(sorted(found.items()))


@settings(max_examples=120, deadline=None)
@given(labels=MASKS, band=BANDS, connectivity=st.sampled_from([4, 8]))
def test_areas(labels: np.ndarray, band: int, connectivity: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "BAND", band)
        found = component_areas(labels, connectivity)
    wanted = {v: sorted(len(piece) for piece in parts) for v, parts in flooded(labels, connectivity).items()}
    assert {value: areas.tolist() for value, areas in found.items()} == wanted


@settings(max_examples=120, deadline=None)
@given(labels=MASKS, band=BANDS, background=st.sampled_from([0, None]))
def test_touching(labels: np.ndarray, band: int, background: int | None) -> None:
    def touches(piece: set[tuple[int, int]], value: int) -> bool:
        return any(
            labels[other] not in (value, 255, background)
            for place in piece
            for other in neighbours(place, labels.shape, SIDES + CORNERS)
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "BAND", band)
        found = touching_components(labels, background)
    wanted = {
        value: (len(parts), 0 if value == background else sum(touches(piece, value) for piece in parts))
        for value, parts in flooded(labels, 8).items()
    }
    assert found == wanted


@settings(max_examples=120, deadline=None)
@given(labels=MASKS, band=BANDS)
def test_holes_are_those_that_polygons_have(labels: np.ndarray, band: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "BAND", band)
        found = hole_counts(labels)
    parts = {value: trace(labels == value) for value in flooded(labels, 4)}
    assert found == {
        value: (len(traced), sum(len(part.holes) for part in traced)) for value, traced in parts.items()
    }


def test_a_wide_mask_is_looked_at_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comb of one piece, whose teeth join in the last band alone."""
    labels = np.zeros((40, 41), np.uint8)
    labels[:, ::2] = 1
    labels[-1] = 1
    monkeypatch.setattr(components, "BAND", 41 * 7)
    assert component_areas(labels)[1].tolist() == [40 * 21 + 20]
    assert component_areas(labels)[0].tolist() == [39] * 20
