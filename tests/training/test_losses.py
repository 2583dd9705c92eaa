"""Properties that every loss of the table must have."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.losses import IGNORE, LOSSES, choose_loss

SURE = 40.0  # a logit whose probability is 1 in float32
TOLERANCE = 1e-4


def truth(seed: int, channels: int) -> torch.Tensor:
    """int64 (2, 8, 8): every class occurs."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, max(2, channels), (2, 8, 8), generator=generator)
    target[0, 0, : max(2, channels)] = torch.arange(max(2, channels))
    return target


def perfect(target: torch.Tensor, channels: int) -> torch.Tensor:
    if channels == 1:
        return (SURE * (2.0 * target[:, None] - 1)).float()
    one_hot = torch.nn.functional.one_hot(target, channels).permute(0, 3, 1, 2)
    return SURE * (2.0 * one_hot - 1)


losses = pytest.mark.parametrize("name", list(LOSSES))
kinds = pytest.mark.parametrize(("channels", "background"), [(1, 0), (3, 0), (3, None)])


@losses
@kinds
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), share=st.sampled_from([0.02, 0.1, 0.5, 1.0]))
def test_a_perfect_prediction_scores_the_minimum_whatever_share_is_known(
    name, channels, background, seed, share
):
    target = truth(seed, channels)
    logits = perfect(target, channels)
    hidden = torch.rand(target.shape, generator=torch.Generator().manual_seed(seed)) > share
    target = torch.where(hidden, IGNORE, target)
    assert LOSSES[name](logits, target, background).item() == pytest.approx(0.0, abs=TOLERANCE)


@losses
@kinds
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_what_is_predicted_on_unknown_pixels_changes_nothing(name, channels, background, seed):
    generator = torch.Generator().manual_seed(seed)
    target = truth(seed, channels)
    hidden = torch.rand(target.shape, generator=generator) > 0.5
    target = torch.where(hidden, IGNORE, target)
    one = torch.randn(2, channels, 8, 8, generator=generator)
    other = torch.where(hidden[:, None], -7.0, one).requires_grad_()
    value = LOSSES[name](other, target, background)
    assert value.item() == pytest.approx(LOSSES[name](one, target, background).item(), rel=1e-5)
    value.backward()
    assert other.grad.movedim(1, -1)[hidden].abs().max().item() == 0


@losses
@kinds
def test_no_known_pixel_is_no_loss_with_a_gradient(name, channels, background):
    logits = torch.randn(2, channels, 8, 8, requires_grad=True)
    value = LOSSES[name](logits, torch.full((2, 8, 8), IGNORE), background)
    value.backward()
    assert value.item() == 0
    assert logits.grad.abs().max().item() == 0


@losses
@kinds
def test_a_wrong_prediction_costs_and_learning_lowers_it(name, channels, background):
    target = truth(3, channels)
    logits = torch.zeros(2, channels, 8, 8, requires_grad=True)
    before = LOSSES[name](logits, target, background)
    before.backward()
    after = LOSSES[name](logits - 5 * logits.grad, target, background)
    assert after.item() < before.item()
    wrong = perfect((target + 1) % max(2, channels), channels)
    assert LOSSES[name](wrong, target, background).item() > 0.5


def test_dice_pools_the_batch_and_leaves_absent_classes_out():
    target = torch.zeros(2, 4, 4, dtype=torch.long)
    target[0, 0, 0] = 1
    logits = perfect(target, 1)
    logits[0, 0, 0, 1] = SURE  # one pixel too many: 2*1 / (2 + 1)
    assert LOSSES["dice"](logits, target, 0).item() == pytest.approx(1 / 3, abs=1e-4)
    nothing = torch.zeros(2, 4, 4, dtype=torch.long)
    assert LOSSES["dice"](perfect(target, 1), nothing, 0).item() == 0
    three = perfect(target, 3)
    three[0, 2, 1, 1] = 2 * SURE  # a class that the truth doesn't show
    assert LOSSES["dice"](three, target, 0).item() == pytest.approx(0, abs=1e-4)


def test_one_logit_is_two_classes():
    target = truth(1, 1)
    logit = torch.randn(2, 1, 8, 8)
    assert LOSSES["ce"](logit, target, 0).item() == pytest.approx(LOSSES["bce"](logit, target, 0).item())


def test_automatic_follows_the_number_of_channels():
    assert choose_loss("auto", 1) is LOSSES["bce+dice"]
    assert choose_loss("auto", 4) is LOSSES["ce+dice"]
    assert choose_loss("dice", 4) is LOSSES["dice"]
