"""Properties that every loss of the table must have, and values against independent formulas."""

import math
from functools import partial
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from tests.training.samples import make_run, write_folders
from training.losses import IGNORE, LOSSES, SMOOTHED, LossOptions, choose_loss, class_weights, make_loss
from unet_studio.core.classes import ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.core.training_config import TrainingConfig

SURE = 40.0  # a logit whose probability is 1 in float32
FAR = 80.0  # the largest logit that must do no harm, in any format
OPTIONS = {
    "plain": LossOptions(),
    "weighted": LossOptions(weights=(0.2, 3.0, 1.0, 0.0, 10.0)),
    "steep": LossOptions(focal_gamma=5.0, tversky_alpha=0.1, tversky_beta=1.5),
    "flat": LossOptions(focal_gamma=0.5, tversky_alpha=0.5, tversky_beta=0.5),
}

losses = pytest.mark.parametrize("name", list(LOSSES))
KINDS: list[tuple[int, int | None]] = [
    (1, 0),
    (2, 0),
    (2, None),
    (5, 0),
    (5, None),
]  # output channels, and which is background
kinds = st.sampled_from(KINDS)
every_option = st.sampled_from(list(OPTIONS))
smoothed = pytest.mark.parametrize("name", [name for name in LOSSES if set(LOSSES[name]) <= set(SMOOTHED)])
examples = settings(max_examples=25, deadline=None)
smoothings = st.sampled_from([0.01, 0.05, 0.2, 0.5])
seeds = st.integers(0, 10_000)
shares = st.sampled_from([0.02, 0.1, 0.5, 0.97, 1.0])


def loss_of(name: str, option: str, channels: int, **more):
    told = OPTIONS[option]
    weights = told.weights[: max(2, channels)]
    return make_loss(name, LossOptions(**{**vars(told), "weights": weights, **more}))


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def truth(seed: int, channels: int) -> torch.Tensor:
    """int64 (2, 8, 8): every class occurs."""
    count = max(2, channels)
    target = torch.randint(0, count, (2, 8, 8), generator=random(seed))
    target[0, 0, :count] = torch.arange(count)
    return target


def hide(target: torch.Tensor, seed: int, share: float) -> torch.Tensor:
    """The target with about `share` of its pixels known, the first one always."""
    hidden = torch.rand(target.shape, generator=random(seed + 1)) > share
    hidden[0, 0, 0] = False
    return torch.where(hidden, IGNORE, target)


def perfect(target: torch.Tensor, channels: int, sure: float = SURE) -> torch.Tensor:
    if channels == 1:
        return (sure * (2.0 * target[:, None] - 1)).float()
    one_hot = functional.one_hot(target, channels).permute(0, 3, 1, 2)
    return sure * (2.0 * one_hot - 1)


def guess(seed: int, channels: int, dtype=torch.float64) -> torch.Tensor:
    return 3 * torch.randn(2, channels, 8, 8, generator=random(seed + 2), dtype=dtype)


# What holds for every entry of the table


@losses
@examples
@given(kind=kinds, option=every_option, seed=seeds, share=shares)
def test_a_perfect_prediction_scores_the_minimum_whatever_share_is_known(name, kind, option, seed, share):
    channels, background = kind
    loss, whole = loss_of(name, option, channels), truth(seed, channels)
    target = hide(whole, seed, share)
    least = loss(perfect(whole, channels), target, background).item()
    assert least == pytest.approx(0.0, abs=2e-6)
    assert loss(guess(seed, channels), target, background).item() >= -1e-12


@losses
@examples
@given(
    kind=kinds,
    option=every_option,
    seed=seeds,
    share=shares,
    noise=st.sampled_from([-7.0, FAR, math.inf, math.nan]),
)
def test_what_lies_on_unknown_pixels_changes_neither_value_nor_gradient(
    name, kind, option, seed, share, noise
):
    channels, background = kind
    loss = loss_of(name, option, channels)
    target = hide(truth(seed, channels), seed, share)
    hidden = target == IGNORE
    one = guess(seed, channels).requires_grad_()
    other = torch.where(hidden[:, None], noise, one.detach()).requires_grad_()
    values = [loss(logits, target, background) for logits in (one, other)]
    assert values[0].item() == values[1].item()
    for value in values:
        value.backward()
    assert torch.equal(one.grad, other.grad)
    assert (other.grad.movedim(1, -1)[hidden] == 0).all()


@losses
def test_no_known_pixel_is_no_loss_with_a_gradient_of_nothing(name):
    for (channels, background), option in product(KINDS, OPTIONS):
        logits = torch.randn(2, channels, 8, 8, requires_grad=True)
        value = loss_of(name, option, channels)(logits, torch.full((2, 8, 8), IGNORE), background)
        value.backward()
        assert value.item() == 0
        assert logits.grad.abs().max().item() == 0


@losses
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_logits_far_out_are_finite_in_every_format(name, dtype):
    for channels, option, sure in product((1, 5), OPTIONS, (FAR, -FAR)):
        # So many pixels that their number overflows float16.
        target = torch.randint(0, max(2, channels), (1, 257, 256), generator=random(5))
        logits = perfect(target, channels, sure).to(dtype).requires_grad_()
        value = loss_of(name, option, channels)(logits, target, 0)
        assert value.dtype == torch.float32
        value.backward()
        assert torch.isfinite(value)
        assert torch.isfinite(logits.grad).all()
        assert (value.item() < 1e-5) == (sure > 0)


@losses
@examples
@given(kind=kinds, option=every_option, seed=seeds, share=shares)
def test_the_gradient_pulls_towards_the_truth(name, kind, option, seed, share):
    channels, background = kind
    loss = loss_of(name, option, channels)
    target = hide(truth(seed, channels), seed, share)
    known = target != IGNORE
    logits = guess(seed, channels).requires_grad_()
    before = loss(logits, target, background)
    before.backward()
    slopes = logits.grad.movedim(1, -1)[known]
    right = target[known]
    if channels == 1:
        assert (slopes[:, 0] * (1 - 2.0 * right) >= 0).all()
    else:
        assert (slopes[torch.arange(len(right)), right] <= 1e-15).all()
    after = loss(logits - 1e-3 * logits.grad, target, background)
    assert after.item() <= before.item()


@losses
@examples
@given(
    kind=kinds,
    option=every_option,
    seed=seeds,
    share=shares,
    place=st.integers(0, 127),
    gain=st.floats(0.01, 20),
)
def test_a_pixel_that_gets_better_never_costs_more(name, kind, option, seed, share, place, gain):
    channels, background = kind
    loss = loss_of(name, option, channels)
    target = hide(truth(seed, channels), seed, share)
    known = (target != IGNORE).nonzero()
    image, row, column = known[place % len(known)].tolist()
    before = guess(seed, channels)
    after = before.clone()
    right = int(target[image, row, column])
    if channels == 1:
        after[image, 0, row, column] += gain * (2 * right - 1)
    else:
        after[image, right, row, column] += gain
    assert loss(after, target, background).item() <= loss(before, target, background).item() + 1e-12


@losses
@examples
@given(kind=kinds, option=every_option, seed=seeds, share=shares)
def test_the_way_from_all_wrong_to_all_right_goes_down(name, kind, option, seed, share):
    channels, background = kind
    loss, whole = loss_of(name, option, channels), truth(seed, channels)
    target = hide(whole, seed, share)
    way = [perfect(whole, channels, sure).double() for sure in (-FAR, -5, -1, 0, 0.5, 2, 10, FAR)]
    values = [loss(logits, target, background).item() for logits in way]
    assert values == sorted(values, reverse=True)


@losses
@examples
@given(kind=kinds, option=every_option, seed=seeds, share=shares, more=st.integers(1, 5))
def test_padding_does_not_change_the_value_of_a_batch(name, kind, option, seed, share, more):
    channels, background = kind
    loss = loss_of(name, option, channels)
    target, logits = hide(truth(seed, channels), seed, share), guess(seed, channels)
    value = loss(logits, target, background).item()
    wide = functional.pad(target, (more, 0, 0, 2 * more), value=IGNORE)
    assert loss(functional.pad(logits, (more, 0, 0, 2 * more), value=9.0), wide, background).item() == (
        pytest.approx(value, rel=1e-12)
    )
    longer = torch.cat([target, torch.full((more, 8, 8), IGNORE)])
    images = torch.cat([logits, torch.ones(more, channels, 8, 8, dtype=logits.dtype)])
    assert loss(images, longer, background).item() == pytest.approx(value, rel=1e-12)


@losses
def test_gradients_are_those_of_the_value(name):
    for (channels, background), option in product(KINDS[::3], OPTIONS):
        loss = loss_of(name, option, channels)
        target = hide(truth(4, channels), 4, 0.5)[:1, :2, :3]
        logits = guess(4, channels)[:1, :, :2, :3].clone().requires_grad_()
        assert torch.autograd.gradcheck(partial(loss, target=target, background=background), logits)


@losses
def test_a_batch_of_8_bit_targets_is_as_good(name):
    for channels, background in KINDS:
        target, logits = hide(truth(1, channels), 1, 0.5), guess(1, channels)
        loss = make_loss(name)
        narrow = loss(logits, target.to(torch.uint8), background)
        assert narrow.item() == loss(logits, target, background).item()


# Label smoothing: another minimum


def entropy(*shares: float) -> float:
    return -sum(share * math.log(share) for share in shares)


@smoothed
@examples
@given(kind=kinds, smoothing=smoothings, seed=seeds, share=shares, weighted=st.booleans())
def test_smoothed_labels_have_their_minimum_at_their_own_probabilities(
    name, kind, smoothing, seed, share, weighted
):
    channels, background = kind
    option = "weighted" if weighted else "plain"
    loss, whole = loss_of(name, option, channels, label_smoothing=smoothing), truth(seed, channels)
    target = hide(whole, seed, share)
    if weighted and (target[target != IGNORE] == 3).all():
        return  # all that is known has no weight
    classes = max(2, channels) if name == "ce" else 2
    low, high = smoothing / classes, 1 - smoothing + smoothing / classes
    least = entropy(high, *[low] * (classes - 1))
    gap = math.log(high / low)  # between the logits of the true class and of the others
    best = perfect(whole, channels, 1.0).double() * (gap if channels == 1 or name == "bce" else gap / 2)
    best.requires_grad_()
    value = loss(best, target, background)
    value.backward()
    assert value.item() == pytest.approx(least, rel=1e-6)
    assert best.grad.abs().max().item() < 1e-7
    for other in (guess(seed, channels), perfect(whole, channels).double()):
        assert loss(other, target, background).item() > least


@pytest.mark.parametrize("name", ["bce+dice", "ce+dice"])
def test_a_smoothed_sum_is_not_below_the_sum_of_its_minima(name):
    for channels, background in KINDS:
        target = hide(truth(2, channels), 2, 0.5)
        alone = make_loss(name.partition("+")[0], LossOptions(label_smoothing=0.1))
        both = make_loss(name, LossOptions(label_smoothing=0.1))
        sure = perfect(truth(2, channels), channels).double()
        # The overlap of a sure, right answer is perfect; smoothing asks the cross-entropy alone to doubt it.
        assert both(sure, target, background).item() == pytest.approx(alone(sure, target, background).item())
        for answer in (guess(2, channels), perfect(truth(2, channels), channels, 2.0).double()):
            assert both(answer, target, background).item() > alone(answer, target, background).item()


def test_smoothing_what_has_no_labels_is_refused():
    for name in LOSSES:
        config = TrainingConfig(loss=name, label_smoothing=0.1)
        if set(LOSSES[name]) & set(SMOOTHED):
            choose_loss(config, 3)
        else:
            with pytest.raises(StudioError, match="no labels that could be smoothed"):
                choose_loss(config, 3)


# Values against other formulas


# Not both: torch weights every class of a smoothed label, ours the pixel; see the docstring of ce.
@pytest.mark.parametrize("share", [0.3, 1.0])
@pytest.mark.parametrize(("weights", "smoothing"), [((), 0.0), ((), 0.1), ((0.5, 2.0, 1.0, 0.0, 4.0), 0.0)])
def test_cross_entropy_is_that_of_torch(share, weights, smoothing):
    target, logits = hide(truth(7, 5), 7, share), guess(7, 5)
    ours = make_loss("ce", LossOptions(weights=weights, label_smoothing=smoothing))
    theirs = functional.cross_entropy(
        logits,
        target,
        weight=torch.tensor(weights, dtype=torch.float64) if weights else None,
        ignore_index=IGNORE,
        label_smoothing=smoothing,
    )
    assert ours(logits, target, None).item() == pytest.approx(theirs.item(), rel=1e-6)


def test_binary_cross_entropy_is_that_of_torch_on_the_known_pixels():
    target, logits = hide(truth(8, 1), 8, 0.4), guess(8, 1)
    known = target != IGNORE
    theirs = functional.binary_cross_entropy_with_logits(logits[:, 0][known], target[known].double())
    assert make_loss("bce")(logits, target, 0).item() == pytest.approx(theirs.item(), rel=1e-9)
    weight = torch.tensor([1.0, 5.0], dtype=torch.float64)[target[known]]
    weighted = functional.binary_cross_entropy_with_logits(
        logits[:, 0][known], target[known].double(), weight=weight, reduction="sum"
    )
    ours = make_loss("bce", LossOptions(weights=(1.0, 5.0)))(logits, target, 0)
    assert ours.item() == pytest.approx((weighted / weight.sum()).item(), rel=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 3.5])
def test_the_focal_loss_is_that_of_torchvision(gamma):
    target, logits = hide(truth(9, 1), 9, 0.4), guess(9, 1)
    known = target != IGNORE
    given_, right = logits[:, 0][known], target[known].double()
    theirs = sigmoid_focal_loss(given_, right, alpha=-1, gamma=gamma, reduction="mean")
    ours = make_loss("focal", LossOptions(focal_gamma=gamma))(logits, target, 0)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)
    alpha = 0.25  # of class 1; 1 - alpha of class 0
    total = sigmoid_focal_loss(given_, right, alpha=alpha, gamma=gamma, reduction="sum")
    weight = torch.where(right == 1, alpha, 1 - alpha).sum()
    ours = make_loss("focal", LossOptions(weights=(1 - alpha, alpha), focal_gamma=gamma))(logits, target, 0)
    assert ours.item() == pytest.approx((total / weight).item(), rel=1e-6)


def pixels(logits: torch.Tensor, target: torch.Tensor) -> list[tuple[list[float], int]]:
    """Probabilities and truth of every known pixel, by hand."""
    found = []
    for image, row, column in (target != IGNORE).nonzero().tolist():
        powers = [math.exp(value) for value in logits[image, :, row, column].tolist()]
        found.append(([power / sum(powers) for power in powers], int(target[image, row, column])))
    return found


@pytest.mark.parametrize("background", [0, None])
@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 0.7), (0.5, 0.5), (1.0, 1.0)])
@pytest.mark.parametrize("weights", [(), (1.0, 2.0, 3.0, 4.0, 5.0)])
def test_tversky_focal_and_dice_by_hand(background, alpha, beta, weights):
    target, logits = hide(truth(10, 5), 10, 0.3), guess(10, 5)
    target[target == 4] = IGNORE  # a class that the batch doesn't show
    told = pixels(logits, target)
    scores = {"tversky": [], "dice": []}
    for number in range(5):
        true = sum(right == number for _, right in told)
        if number == background or not true:
            continue
        hit = sum(chances[number] for chances, right in told if right == number)
        false = sum(chances[number] for chances, right in told if right != number)
        missed = sum(1 - chances[number] for chances, right in told if right == number)
        weight = weights[number] if weights else 1.0
        scores["tversky"].append((weight, 1 - hit / (hit + alpha * false + beta * missed)))
        scores["dice"].append((weight, 1 - 2 * hit / (2 * hit + false + missed)))
    options = LossOptions(weights=weights, tversky_alpha=alpha, tversky_beta=beta)
    for name, found in scores.items():
        by_hand = sum(weight * score for weight, score in found) / sum(weight for weight, _ in found)
        assert make_loss(name, options)(logits, target, background).item() == pytest.approx(by_hand, rel=1e-5)
    terms = [
        (weights[right] if weights else 1.0, (1 - chances[right]) ** 2 * -math.log(chances[right]))
        for chances, right in told
    ]
    by_hand = sum(weight * term for weight, term in terms) / sum(weight for weight, _ in terms)
    assert make_loss("focal", options)(logits, target, background).item() == pytest.approx(by_hand, rel=1e-5)


def test_tversky_of_halves_is_dice():
    halves = LossOptions(tversky_alpha=0.5, tversky_beta=0.5)
    for channels in (1, 5):
        target, logits = hide(truth(3, channels), 3, 0.5), guess(3, channels)
        values = [make_loss(name, halves)(logits, target, 0).item() for name in ("tversky", "dice")]
        assert values[0] == pytest.approx(values[1], rel=1e-6)


def test_beta_is_the_price_of_what_is_missed():
    target = torch.zeros(1, 4, 4, dtype=torch.long)
    target[0, 0, :2] = 1
    false_alarm, miss = (perfect(target, 1) for _ in range(2))
    false_alarm[0, 0, 3, 3] = SURE  # 1 - 2 / (2 + 0.3)
    miss[0, 0, 0, 0] = -SURE  # 1 - 1 / (1 + 0.7)
    loss = make_loss("tversky")
    assert loss(false_alarm, target, 0).item() == pytest.approx(0.3 / 2.3, rel=1e-5)
    assert loss(miss, target, 0).item() == pytest.approx(0.7 / 1.7, rel=1e-5)


def test_dice_pools_the_batch_and_leaves_absent_classes_out():
    target = torch.zeros(2, 4, 4, dtype=torch.long)
    target[0, 0, 0] = 1
    logits = perfect(target, 1)
    logits[0, 0, 0, 1] = SURE  # one pixel too many: 2*1 / (2 + 1)
    dice = make_loss("dice")
    assert dice(logits, target, 0).item() == pytest.approx(1 / 3, abs=1e-4)
    nothing = torch.zeros(2, 4, 4, dtype=torch.long)
    assert dice(perfect(target, 1), nothing, 0).item() == 0
    three = perfect(target, 3)
    three[0, 2, 1, 1] = 2 * SURE  # a class that the truth doesn't show
    assert dice(three, target, 0).item() == pytest.approx(0, abs=1e-4)


@losses
def test_a_sum_is_the_sum_of_its_terms(name):
    target, logits = hide(truth(6, 5), 6, 0.5), guess(6, 5)
    parts = sum(make_loss(part)(logits, target, 0).item() for part in name.split("+"))
    assert make_loss(name)(logits, target, 0).item() == pytest.approx(parts, rel=1e-9)


@pytest.mark.parametrize("name", ["ce", "focal"])
def test_one_logit_is_two_classes(name):
    target, logit = hide(truth(1, 1), 1, 0.6), guess(1, 1)
    two = torch.cat([torch.zeros_like(logit), logit], dim=1)
    one = make_loss(name)(logit, target, 0).item()
    assert one == pytest.approx(make_loss(name)(two, target, 0).item(), rel=1e-9)
    assert make_loss("ce")(logit, target, 0).item() == pytest.approx(
        make_loss("bce")(logit, target, 0).item()
    )


# The settings


def test_the_settings_name_every_loss_and_no_other():
    choices = TrainingConfig.__dataclass_fields__["loss"].metadata["choices"]
    assert set(choices) == {"auto", *LOSSES}


def test_the_settings_reach_the_loss():
    target, logits = hide(truth(1, 5), 1, 0.5), guess(1, 5)
    for channels, name in ((1, "bce+dice"), (5, "ce+dice")):
        auto = choose_loss(TrainingConfig(), channels)(logits[:, :channels], target.clamp(max=1), 0)
        assert auto.item() == make_loss(name)(logits[:, :channels], target.clamp(max=1), 0).item()
    for settings_, options in (
        ({"loss": "focal", "focal_gamma": 4.0}, LossOptions(focal_gamma=4.0)),
        ({"loss": "ce", "label_smoothing": 0.3}, LossOptions(label_smoothing=0.3)),
        (
            {"loss": "tversky", "tversky_alpha": 0.9, "tversky_beta": 0.2},
            LossOptions(tversky_alpha=0.9, tversky_beta=0.2),
        ),
    ):
        chosen = choose_loss(TrainingConfig(**settings_), 5)(logits, target, 0).item()
        assert chosen == make_loss(settings_["loss"], options)(logits, target, 0).item()
        assert chosen != make_loss(settings_["loss"])(logits, target, 0).item()
    weights = (1.0, 2.0, 3.0, 4.0, 5.0)
    weighted = choose_loss(TrainingConfig(loss="ce"), 5, weights)(logits, target, 0).item()
    assert weighted == make_loss("ce", LossOptions(weights=weights))(logits, target, 0).item()


TABLE = ClassTable(
    tuple(PixelClass(index, name, "#ff0000") for index, name in ((0, "ground"), (3, "cell"), (7, "wall"))), 0
)


def test_balanced_weights_are_the_root_of_rarity_and_capped():
    config = TrainingConfig(class_weights="balanced")
    assert class_weights(config, TABLE, {0: 90_000, 3: 10_000, 7: 3}) == (1.0, 3.0, 10.0)
    assert class_weights(config, TABLE, {0: 90_000, 3: 10_000}) == (1.0, 3.0, 10.0)
    assert class_weights(config, TABLE, {0: 100, 3: 400, 7: 400}) == (2.0, 1.0, 1.0)
    none = TrainingConfig(class_weights="none")
    assert class_weights(none, TABLE, {0: 90_000, 3: 10_000, 7: 3}) == ()


def test_automatic_weights_are_balanced_for_three_classes_or_more():
    config = TrainingConfig(class_weights="auto")
    assert class_weights(config, TABLE, {0: 90_000, 3: 10_000, 7: 3}) == (1.0, 3.0, 10.0)
    assert class_weights(config, ClassTable.binary("cell"), {0: 90_000, 1: 10_000}) == ()
    given = TrainingConfig(class_weights="auto", weights=(1.0, 2.0, 4.0))
    assert class_weights(given, TABLE, {0: 90_000, 3: 10_000, 7: 3}) == (1.0, 2.0, 4.0)


def test_given_weights_are_taken_or_refused():
    assert class_weights(TrainingConfig(weights=(0.0, 1.0, 2.5)), TABLE, {}) == (0.0, 1.0, 2.5)
    assert TrainingConfig().with_set(["weights=0,1,2.5"]).weights == (0.0, 1.0, 2.5)
    for settings_, said in (
        ({"weights": (1.0, 2.0)}, "2 weights for 3 classes"),
        ({"weights": (1.0, -1.0, 2.0)}, "can't be"),
        ({"weights": (0.0, 0.0, 0.0)}, "can't be"),
        ({"weights": (1.0, math.nan, 2.0)}, "can't be"),
        ({"weights": (1.0, math.inf, 2.0)}, "can't be"),
        ({"weights": (1.0, 2.0, 3.0), "class_weights": "balanced"}, "both set"),
    ):
        with pytest.raises(StudioError, match=said) as caught:
            class_weights(TrainingConfig(**settings_), TABLE, {})
        assert "ground, cell, wall" in caught.value.remedy or "both" in said


@pytest.mark.parametrize(
    "settings_",
    [
        {"loss": "focal+dice", "class_weights": "balanced"},
        {"loss": "tversky"},
        {"loss": "bce", "weights": (1.0, 4.0), "label_smoothing": 0.1},
    ],
    ids=str,
)
def test_a_run_learns_by_them(tmp_path, settings_):
    from training.engine import train
    from unet_studio.core.events import Finished

    settings_ = {**settings_, "steps": 30, "evaluate_every": 30}
    run = make_run(tmp_path / "run", write_folders(tmp_path / "set"), **settings_)
    end = list(train(run))[-1]
    assert isinstance(end, Finished)
    assert end.metrics["mean_dice"] > 0.3


def test_a_run_whose_weights_do_not_fit_fails_with_the_remedy(tmp_path):
    from training.engine import train
    from unet_studio.core.events import Failed

    end = list(train(make_run(tmp_path / "run", write_folders(tmp_path / "set"), weights=(1.0, 2.0, 3.0))))[
        -1
    ]
    assert isinstance(end, Failed)
    assert "background, disc" in end.remedy
