"""Bands of interpolated logits against interpolation of the whole."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from unet_studio.model import resample as module
from unet_studio.model.resample import Linear, crop, resample


def bands(logits: torch.Tensor, cuts: list[int]) -> list[torch.Tensor]:
    edges = [0, *sorted(cuts), logits.shape[1]]
    return [logits[:, a:b] for a, b in pairwise(edges) if b > a]


@given(
    st.integers(1, 40),
    st.integers(1, 20),
    st.integers(1, 90),
    st.integers(1, 50),
    st.lists(st.integers(0, 40), max_size=4),
    st.sampled_from([64, 1000, 2**25]),
)
def test_bands_equal_the_whole(height, width, new_height, new_width, cuts, band_bytes):
    logits = torch.randn(3, height, width, generator=torch.Generator().manual_seed(height))
    expected = functional.interpolate(
        logits[None].double(), (new_height, new_width), mode="bilinear", align_corners=False
    )[0]
    before, module.BAND_BYTES = module.BAND_BYTES, band_bytes
    try:
        parts = list(
            resample(
                bands(logits, [min(cut, height) for cut in cuts]),
                0,
                Linear.between(height, new_height),
                Linear.between(width, new_width),
            )
        )
    finally:
        module.BAND_BYTES = before
    assert [top for top, _ in parts] == [sum(p.shape[1] for _, p in parts[:i]) for i in range(len(parts))]
    result = torch.cat([part for _, part in parts], dim=1)
    torch.testing.assert_close(result.double(), expected, atol=1e-4, rtol=1e-4)


def test_a_window_of_columns_equals_its_part_of_the_whole():
    logits = torch.randn(2, 6, 30)
    rows, columns = Linear.between(6, 13), Linear.between(30, 77)
    whole = torch.cat([part for _, part in resample([logits], 0, rows, columns)], dim=1)
    chosen = columns[slice(20, 50)]
    low, high = chosen.needs
    window = torch.cat([part for _, part in resample([logits[:, :, low:high]], low, rows, chosen)], dim=1)
    torch.testing.assert_close(window, whole[:, :, 20:50], rtol=0, atol=0)


@pytest.mark.parametrize("band_bytes", [1, 400, 2**25])
def test_cropping_leaves_padding_rows_out(monkeypatch, band_bytes):
    monkeypatch.setattr(module, "BAND_BYTES", band_bytes)
    logits = torch.randn(2, 16, 5)
    parts = list(crop(bands(logits, [4, 11]), 13))
    assert torch.equal(torch.cat([part for _, part in parts], dim=1), logits[:, :13])
    for top, part in parts:
        assert torch.equal(part, logits[:, top : top + part.shape[1]])
