"""What training minimises, on known pixels alone: one table, from a setting's name to the terms of a sum.

A perfect prediction scores a loss's minimum whatever share of the pixels is known: 0, or with label smoothing
what is said there. What the network says of unknown pixels changes neither value nor gradient; no known pixel
at all gives 0, with a gradient of 0. Half-precision logits are widened first: sums over pixels overflow them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from training.distributed import total
from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.training_config import TrainingConfig

IGNORE = UNLABELLED
EMPTY = 1e-6  # keeps Dice of nothing against nothing from dividing by zero; far below one pixel
MOST_WEIGHT = 10.0  # of the rarest class, in units of the most frequent one's

# Of logits (N, K, H, W), K = 1 meaning two classes by sigmoid, a target (N, H, W) of output channels (0 or 1
# for K = 1) with IGNORE where nothing is known, and the background's channel if there is one: a scalar.
Loss = Callable[[Tensor, Tensor, int | None], Tensor]


@dataclass(frozen=True)
class LossOptions:
    """What the terms can be told. See the settings of the same names in TrainingConfig.

    weights: one a class, in the order of the outputs; none for all alike. Their scale has no meaning.
    """

    weights: tuple[float, ...] = ()
    label_smoothing: float = 0.0
    focal_gamma: float = 2.0
    tversky_alpha: float = 0.3
    tversky_beta: float = 0.7


@dataclass(frozen=True)
class Answers:
    """What is compared. logits: float32 or wider (N, K, H, W), 0 where unknown.

    truth: class number, int64 (N, H, W), 0 where unknown; known: bool (N, H, W).
    """

    logits: Tensor
    truth: Tensor
    known: Tensor
    background: int | None

    @classmethod
    def of(cls, logits: Tensor, target: Tensor, background: int | None) -> "Answers":
        """Logits and target as a Loss takes them; what lies on unknown pixels, NaN too, is gone for good."""
        known = target != IGNORE
        wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return cls(
            wide.masked_fill(~known[:, None], 0.0), target.masked_fill(~known, 0).long(), known, background
        )

    def members(self) -> Tensor:
        """Which known pixel is of which class: bool (N, K, H, W); for one logit, of class 1."""
        if self.logits.shape[1] == 1:
            return ((self.truth == 1) & self.known)[:, None]
        channels = torch.arange(self.logits.shape[1], device=self.truth.device).view(1, -1, 1, 1)
        return (self.truth[:, None] == channels) & self.known[:, None]

    def channels(self) -> Tensor:
        """The logits; one logit z as the two logits 0 and z, whose softmax is sigmoid(z)."""
        if self.logits.shape[1] > 1:
            return self.logits
        return torch.cat([torch.zeros_like(self.logits), self.logits], dim=1)


Term = Callable[[Answers, LossOptions], Tensor]


def bce(answers: Answers, options: LossOptions) -> Tensor:
    """Binary cross-entropy a pixel, in nats; with several channels, the mean of each against the others.

    Label smoothing e makes the targets e/2 and 1 - e/2: the minimum is the entropy of that, at the
    probability of that.
    """
    e = options.label_smoothing
    wanted = answers.members().to(answers.logits.dtype) * (1 - e) + e / 2
    each = functional.binary_cross_entropy_with_logits(answers.logits, wanted, reduction="none").mean(dim=1)
    return _mean(each, answers, options)


def ce(answers: Answers, options: LossOptions) -> Tensor:
    """Cross-entropy a pixel, in nats.

    Label smoothing e over K classes (C. Szegedy et al., "Rethinking the Inception architecture", CVPR 2016)
    wants 1 - e + e/K of the true class and e/K of the others: the minimum is the entropy of that, whatever
    the weights, at the probabilities of that.
    """
    each = functional.cross_entropy(
        answers.channels(), answers.truth, reduction="none", label_smoothing=options.label_smoothing
    )
    return _mean(each, answers, options)


def focal(answers: Answers, options: LossOptions) -> Tensor:
    """Cross-entropy times (1 - p) ** gamma, p the probability of the true class: what is known counts less.

    T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017; their alpha is a class weight here,
    and the sum is divided by that of the weights.
    """
    each = functional.cross_entropy(answers.channels(), answers.truth, reduction="none")
    # A floor, as the slope of x ** gamma at 0 is infinite for gamma below 1.
    missing = (-torch.expm1(-each)).clamp(min=EMPTY)
    return _mean(missing**options.focal_gamma * each, answers, options)


def dice(answers: Answers, options: LossOptions) -> Tensor:
    """One minus soft Dice, the pixels of the batch pooled, averaged over the classes present in its truth.

    The background (an output channel) is left out; a batch without any other class scores 0. Pooling keeps an
    image with three pixels of a class from weighing as much as one that is full of it (F. Milletari et al.,
    "V-Net", 3DV 2016, has the soft Dice; its squares are not used here).
    """
    common, said, true = _overlap(answers)
    each = 1 - (2 * common + EMPTY) / (said + true + EMPTY)
    return _mean_of_classes(each, true, answers, options)


def tversky(answers: Answers, options: LossOptions) -> Tensor:
    """One minus TP / (TP + alpha FP + beta FN), pooled and averaged as dice is; dice for alpha = beta = 1/2.

    S. S. M. Salehi et al., "Tversky loss function for image segmentation", MLMI 2017: beta above alpha finds
    more of small objects, at the price of false alarms.
    """
    common, said, true = _overlap(answers)
    errors = options.tversky_alpha * (said - common) + options.tversky_beta * (true - common)
    return _mean_of_classes(1 - (common + EMPTY) / (common + errors + EMPTY), true, answers, options)


LOSSES: dict[str, tuple[Term, ...]] = {
    "bce": (bce,),
    "ce": (ce,),
    "dice": (dice,),
    "focal": (focal,),
    "tversky": (tversky,),
    "bce+dice": (bce, dice),
    "ce+dice": (ce, dice),
    "focal+dice": (focal, dice),
}
SMOOTHED = (bce, ce)  # the terms that label smoothing changes; the others have no target but the truth


def make_loss(name: str, options: LossOptions | None = None) -> Loss:
    """The loss of an entry of LOSSES: the sum of its terms."""
    terms, told = LOSSES[name], options or LossOptions()

    def loss(logits: Tensor, target: Tensor, background: int | None) -> Tensor:
        answers = Answers.of(logits, target, background)
        return torch.stack([term(answers, told) for term in terms]).sum()

    return loss


def choose_loss(config: TrainingConfig, channels: int, weights: tuple[float, ...] = ()) -> Loss:
    """The loss of the settings for so many output channels; weights: see class_weights.

    "auto" takes bce+dice for one output channel and ce+dice for several. Raises StudioError where label
    smoothing is asked for of a loss that has no part of it.
    """
    automatic = "bce+dice" if channels == 1 else "ce+dice"
    name = automatic if config.loss == "auto" else config.loss
    if config.label_smoothing and not set(LOSSES[name]) & set(SMOOTHED):
        able = ", ".join(key for key, terms in LOSSES.items() if set(terms) & set(SMOOTHED))
        raise StudioError(
            f"The loss {name} has no labels that could be smoothed.",
            f"Set label_smoothing=0, or choose one of {able}.",
        )
    options = LossOptions(
        weights=weights,
        label_smoothing=config.label_smoothing,
        focal_gamma=config.focal_gamma,
        tversky_alpha=config.tversky_alpha,
        tversky_beta=config.tversky_beta,
    )
    return make_loss(name, options)


def class_weights(config: TrainingConfig, table: ClassTable, pixels: Mapping[int, int]) -> tuple[float, ...]:
    """How much a pixel of each class counts, in the order of the outputs; () for all alike.

    pixels: known training pixels by class index. class_weights=balanced gives the root of how many times
    rarer a class is than the most frequent one, at most MOST_WEIGHT: the root and the cap keep the pixels of
    a class that is hardly there from ruling the rest. auto gives that to three classes or more; of two, Dice
    keeps the rarer one. Raises StudioError where given weights don't fit.
    """
    if config.weights:
        _check_weights(config, table)
        return config.weights
    if config.class_weights == "none" or (config.class_weights == "auto" and len(table.indices) < 3):
        return ()
    counts = [pixels.get(index, 0) for index in table.indices]
    most = max(counts, default=0)
    return tuple(
        round(min(MOST_WEIGHT, (most / max(count, 1)) ** 0.5), 4) if count else MOST_WEIGHT
        for count in counts
    )


def _check_weights(config: TrainingConfig, table: ClassTable) -> None:
    names = ", ".join(entry.name for entry in table.active)
    remedy = f"Give one weight of 0 or more a class, in this order: {names}."
    if config.class_weights == "balanced":
        raise StudioError("weights and class_weights are both set.", "Set one of them.")
    if len(config.weights) != len(table.indices):
        raise StudioError(
            f"There are {len(config.weights)} weights for {len(table.indices)} classes.", remedy
        )
    if not all(0 <= weight < math.inf for weight in config.weights) or not sum(config.weights):
        raise StudioError(f"The class weights can't be {list(config.weights)}.", remedy)


def _mean(each: Tensor, answers: Answers, options: LossOptions) -> Tensor:
    """The mean of (N, H, W) over known pixels, each weighted as its true class is; 0 where there are none."""
    weight = answers.known.to(each.dtype)
    if options.weights:
        weight = weight * _as_tensor(options.weights, each.device).to(each.dtype)[answers.truth]
    weighted, weights = total(torch.stack([(each * weight).sum(), weight.sum()]))
    return _ratio(weighted, weights)


def _overlap(answers: Answers) -> tuple[Tensor, Tensor, Tensor]:
    """Of every class that counts, over the known pixels of the batch: what is common, said, and true.

    Each (classes,), in pixels: the probability of the class where it is true, its probability, and the truth.
    """
    one = answers.logits.shape[1] == 1
    share = torch.sigmoid(answers.logits) if one else torch.softmax(answers.logits, dim=1)
    # As numbers: a product with bool takes one and a half times as long.
    members, known = answers.members().to(share.dtype), answers.known[:, None].to(share.dtype)
    sums = [(share * members).sum(dim=(0, 2, 3)), (share * known).sum(dim=(0, 2, 3))]
    sums.append(members.sum(dim=(0, 2, 3)))
    counted = _counted(answers)
    common, said, true = total(torch.stack(sums)[:, counted])
    return common, said, true


def _counted(answers: Answers) -> list[int]:
    """The output channels that an overlap counts: all but the background's."""
    count = answers.logits.shape[1]
    return [0] if count == 1 else [channel for channel in range(count) if channel != answers.background]


def _mean_of_classes(each: Tensor, true: Tensor, answers: Answers, options: LossOptions) -> Tensor:
    """The weighted mean of (classes,) over those that the truth shows; 0 where it shows none."""
    weight = (true > 0).to(each.dtype)
    if options.weights and answers.logits.shape[1] > 1:
        weight = weight * _as_tensor(options.weights, each.device).to(each.dtype)[_counted(answers)]
    return _ratio((each * weight).sum(), weight.sum())


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, 0 where whole is 0; without waiting for the device."""
    return part / torch.where(whole > 0, whole, torch.ones_like(whole))


@lru_cache(maxsize=16)
def _as_tensor(weights: tuple[float, ...], device: torch.device) -> Tensor:
    """Weights on the device, copied there once and not every step."""
    return torch.tensor(weights, dtype=torch.float32, device=device)
