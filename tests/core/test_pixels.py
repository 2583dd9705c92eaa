"""The hash of an image, its working type, and the turning of arrays."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unet_studio.core.pixels import as_stored, oriented, pixel_hash, working, working_type


@given(arrays.arrays(np.uint16, arrays.array_shapes(min_dims=2, max_dims=3, max_side=6)))
def test_the_hash_is_of_pixels_not_of_memory(image: np.ndarray) -> None:
    same = (image.astype(">u2"), np.asfortranarray(image), image[::-1][::-1], image.copy())
    assert {pixel_hash(other) for other in same} == {pixel_hash(image)}


def test_the_hash_tells_shape_type_and_every_pixel() -> None:
    image = np.zeros((4, 6), dtype=np.uint8)
    changed = image.copy()
    changed[3, 5] = 1
    others = (
        image.reshape(6, 4),
        image.reshape(4, 6, 1),
        changed,
        image.view(np.int8),
        image.astype(np.uint16),
    )
    assert len({pixel_hash(other) for other in (image, *others)}) == 6
    assert len(pixel_hash(image)) == 32
    known = hashlib.blake2b(b"(4, 6) |u1" + bytes(24), digest_size=16)  # stored in masks: must never change
    assert pixel_hash(image) == known.hexdigest()


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=3, max_side=5)), st.integers(1, 8))
def test_turning_and_turning_back(image: np.ndarray, orientation: int) -> None:
    turned = oriented(image, orientation)
    assert np.shares_memory(turned, image)
    np.testing.assert_array_equal(as_stored(turned, orientation), image)


def test_truth_values_become_black_and_white() -> None:
    result = working(np.array([[True, False]]))
    assert result.dtype == np.uint8
    assert result.tolist() == [[255, 0]]


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_signed_types_keep_order_and_number_of_values(dtype: str) -> None:
    limits = np.iinfo(dtype)
    values = np.arange(limits.min, limits.max + 1, dtype=dtype)
    result = working(values.astype(np.dtype(dtype).newbyteorder(">")))
    assert result.dtype.name == f"u{dtype}" == working_type(dtype)
    np.testing.assert_array_equal(result, np.arange(len(values)))
