"""Everything that can be set of a training: one frozen dataclass whose fields carry help, unit and choices.

Forms, the command line's --set and the recipes (core/recipes/*.toml) are all read off these fields.
"""

import difflib
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_origin

from unet_studio.core.errors import StudioError

DEFAULT_RECIPE = "fine-tune"
# What a fine-tuning takes over from the training of the model that it starts from: how patches were varied,
# as the images are of the same kind; and how the encoder learnt, as what protects a pretrained one keeps a
# plain U-Net from learning (a gain of 0.022 in Dice instead of 0.064 on the sample project).
INHERITED = ("augmentation", "encoder_lr_factor", "freeze_encoder_statistics")
# The data sets that `training` reads in their original layouts (see docs/datasets.md); its table has a reader
# for each name. They stand here because the command and the window never import `training`.
DATA_SETS = (
    "ade20k",
    "apolloscape",
    "bdd100k",
    "camvid",
    "carla",
    "cityscapes",
    "coco-stuff",
    "human-segmentation",
    "mapillary-vistas",
    "oxford-pets",
    "oxford-pets-cats",
    "oxford-pets-dogs",
    "voc2012",
)
# The settings in groups, for forms: each begins at the field of this name and ends where the next begins.
GROUPS = (
    ("Data", "name"),
    ("Start and network", "init"),
    ("Images and patches", "resize"),
    ("Length", "steps"),
    ("Loss", "loss"),
    ("Optimiser", "optimiser"),
    ("Machine", "seed"),
)
TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class TrainingSource:
    """Where the samples come from: a project, a folder of images beside one of masks, or a known data set.

    project_dir: where the project's own files are, if not inside it. dataset: one of DATA_SETS; root: its
    folder. classes: a classes.json; split: a split.json. All but dataset are absolute paths as text.
    """

    project: str | None = None
    project_dir: str | None = None
    images: str | None = None
    masks: str | None = None
    classes: str | None = None
    split: str | None = None
    dataset: str | None = None
    root: str | None = None

    def __post_init__(self) -> None:
        if self.dataset is not None and self.dataset not in DATA_SETS:
            near = difflib.get_close_matches(self.dataset.lower(), DATA_SETS, 1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise StudioError(
                f"There is no data set {self.dataset!r}.", f"{hint}It is one of {', '.join(DATA_SETS)}."
            )

    @classmethod
    def of_project(cls, folder: Path, project_dir: Path | None = None) -> "TrainingSource":
        """Learn from a project."""
        return cls(project=_absolute(folder), project_dir=_absolute(project_dir))

    @classmethod
    def of_folders(
        cls, images: Path, masks: Path, classes: Path | None = None, split: Path | None = None
    ) -> "TrainingSource":
        """Learn from images and the masks of the same stems."""
        return cls(
            images=_absolute(images),
            masks=_absolute(masks),
            classes=_absolute(classes),
            split=_absolute(split),
        )

    @classmethod
    def of_data_set(cls, name: str, root: Path, split: Path | None = None) -> "TrainingSource":
        """Learn from a data set in its original layout; see DATA_SETS."""
        return cls(dataset=name, root=_absolute(root), split=_absolute(split))

    def to_json(self) -> dict[str, str]:
        """Only what is given."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, value: Any) -> "TrainingSource":
        """The inverse of to_json."""
        if not isinstance(value, Mapping):
            raise StudioError(
                f'"source" is {value!r}.',
                'Write {"project": folder}, {"images", "masks"} or {"dataset", "root"}.',
            )
        known = [entry.name for entry in fields(cls)]
        for key in value:
            if key not in known:
                raise _unknown(f"source.{key}", [f"source.{name}" for name in known])
        return cls(**{key: None if item is None else str(item) for key, item in value.items()})


def _setting(
    default: Any,
    text: str,
    unit: str = "",
    *,
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
    advanced: bool = True,
) -> Any:
    metadata = {
        "help": text,
        "unit": unit,
        "choices": choices,
        "low": low,
        "high": high,
        "advanced": advanced,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of one run. See each field's metadata: help, unit, choices, low, high, advanced."""

    name: str = _setting("model", "Name of the model that the run makes.", advanced=False)
    source: TrainingSource = field(
        default_factory=TrainingSource, metadata={"help": "Where the samples come from.", "advanced": True}
    )
    painted: bool = _setting(
        False, "Also learn from the painted pixels of images that are not approved yet.", advanced=False
    )
    surroundings: bool = _setting(
        True,
        "Of such images, learn the prediction around the painted pixels too, as a person saw and left it: "
        "painted pixels alone show a model only its errors.",
    )
    classes: tuple[str, ...] = _setting(
        (), "Names of the classes to learn; empty for all. Others count as background, or not at all."
    )
    values: str = _setting(
        "",
        'What pixel values of masks mean, such as "1=pet,2=background,3=pet". "ignore" is no class; the '
        'value "*" stands for all others.',
    )
    border: str = _setting(
        "ignore",
        "What the border of objects in a trimap becomes: part of the object, unknown, or background.",
        choices=("ignore", "class", "background"),
    )
    shares: tuple[float, ...] = _setting(
        (),
        "Shares of a new split: train, val and maybe test, such as 0.6,0.2,0.2. Empty: the split that there "
        "is, else a sixth validates.",
    )
    split_seed: int = _setting(0, "Start of the random numbers of a new split; 0 is one like any other.")
    group_by: str = _setting(
        "",
        "A regular expression: images in whose names its first group finds the same text stay in one part of "
        "a new split.",
    )

    init: str = _setting(
        "imagenet",
        'What to start from: "imagenet" (pretrained encoder), "random", the folder of a model or run, or a '
        "weights file of another program.",
        advanced=False,
    )
    network: str = _setting(
        "unet-efficientnet-lite0",
        "Architecture; a model given as init brings its own. unet, or unet- and an encoder: "
        "efficientnet-lite0 to 2, resnet18, resnet34, resnet50, vgg16, vgg16-bn, efficientnet-b0 to b4.",
        advanced=False,
    )
    rival: str = _setting(
        "",
        "Folder of the model in use, which the new one has to match: it is scored on the same validation "
        "images. Empty for none.",
    )
    pinned: str = _setting(
        "",
        "File of an image: what the model says of it is kept at the start and after every validation. Empty "
        "for none.",
    )
    encoder_weights: str = _setting(
        "", "File of an encoder's ImageNet weights, where no package or cache has them; empty for none."
    )
    depth: int = _setting(4, "Plain U-Net: number of poolings.", low=1, high=7)
    channels: int = _setting(
        0, "Plain U-Net: channels of the first level; each level doubles them. 0: 64.", low=0, high=1024
    )
    bottleneck: int = _setting(
        0, "Plain U-Net: channels of the deepest level. 0 doubles once more.", low=0, high=16384
    )
    decoder: tuple[int, ...] = _setting(
        (), "Channels of the decoder's blocks, deep to shallow; empty for the network's own."
    )
    decoder_inner: tuple[int, ...] = _setting(
        (), "Plain U-Net: channels between the two convolutions of these blocks; empty for as many."
    )
    normalisation: str = _setting(
        "auto", "Kind of normalisation.", choices=("auto", "none", "batch", "group")
    )
    convolutions: int = _setting(2, "Plain U-Net: convolutions a block.", low=1, high=2)
    normalisations: int = _setting(
        2, "Plain U-Net: how many of a block's convolutions are normalised.", low=1, high=2
    )
    activation: str = _setting("relu", "Plain U-Net: activation.", choices=("relu", "gelu"))
    upsampling: str = _setting(
        "auto",
        "How the decoder grows. auto: transposed for the plain U-Net, nearest for the others.",
        choices=("auto", "transposed", "bilinear", "nearest"),
    )
    dropout: float = _setting(0.0, "Share of features dropped in training.", low=0.0, high=0.9)

    resize: str = _setting(
        "auto",
        "How images are scaled first. auto: large objects shrink to about 128 px, others stay.",
        choices=("auto", "none", "factor", "long_side", "stretch"),
    )
    size: tuple[float, ...] = _setting((), "The factor, the long side, or height and width.", "factor or px")
    scaling: str = _setting(
        "auto",
        "Pixel values. auto: by the statistics of ImageNet or of the images; unit: 0 to 1, nothing else.",
        choices=("auto", "unit"),
    )
    sampling: str = _setting(
        "auto",
        "What a patch is. whole: an image as it is scaled; auto: whole where images are stretched "
        "to one size.",
        choices=("auto", "patches", "whole"),
    )
    rare_classes: float = _setting(
        0.1,
        "Images of classes that fewer than this share of the images show are drawn more often; 0: never.",
        low=0.0,
        high=1.0,
    )
    patch: int = _setting(0, "Side of the training patches, 0 for automatic.", "px", low=0, high=2048)
    batch: int = _setting(
        0,
        "Patches computed at once, 0 for automatic: on a GPU what its memory holds. Several processes share "
        "them.",
        "patches",
        low=0,
        high=1024,
    )
    accumulate: int = _setting(
        1,
        "Batches that one step learns from, as from one large batch: for networks that need more memory.",
        "batches",
        low=1,
        high=1024,
    )
    augmentation: str = _setting(
        "photos",
        "How patches are varied.",
        choices=("none", "mirror", "flips", "photos", "microscopy", "aerial", "documents"),
        advanced=False,
    )

    overfit: int = _setting(
        0,
        "Sanity check: learn so many images by heart, unvaried, and be measured on them; 0: don't.",
        "images",
        low=0,
    )

    steps: int = _setting(0, "Length of the training, 0 for automatic.", "steps", low=0, advanced=False)
    epochs: float = _setting(
        0.0,
        "Length in passes over the training images, 0 for none; with steps, whichever ends first.",
        "passes",
        low=0.0,
    )
    minutes: float = _setting(
        0.0, "Time limit, 0 for none; the learning rate falls in time for it.", "min", low=0, advanced=False
    )
    clock: str = _setting(
        "wall",
        "What the time limit counts: the clock on the wall, or the processor time of the training itself, of "
        "all its threads together, which means the same work whatever else the machine does.",
        choices=("wall", "processor"),
    )
    evaluate_every: int = _setting(0, "Steps between validations, 0 for automatic.", "steps", low=0)
    patience: int = _setting(10, "Stop after so many validations without gain, 0 for never.", low=0)
    validation_images: int = _setting(
        100, "At most so many validation images are used, evenly spread; 0 for all.", "images", low=0
    )

    loss: str = _setting(
        "auto",
        "What is minimised. auto: bce+dice for two classes, ce+dice for more.",
        choices=(
            "auto",
            "bce",
            "ce",
            "dice",
            "focal",
            "tversky",
            "bce+dice",
            "ce+dice",
            "focal+dice",
        ),
    )
    class_weights: str = _setting(
        "auto",
        "How much a pixel of each class counts. balanced: rare classes more, by the root of their rarity, "
        "at most 10 times as much. auto: balanced for three classes or more, none for two.",
        choices=("none", "balanced", "auto"),
    )
    weights: tuple[float, ...] = _setting(
        (), "The weight of every class, the background's first; empty for what class_weights says."
    )
    label_smoothing: float = _setting(
        0.0, "Share of a label that goes to the other classes, in bce and ce alone.", low=0.0, high=0.5
    )
    focal_gamma: float = _setting(
        2.0, "Focal loss: how little pixels count that are right already.", low=0.0, high=10.0
    )
    tversky_alpha: float = _setting(0.3, "Tversky loss: price of false alarms.", low=0.01, high=10.0)
    tversky_beta: float = _setting(0.7, "Tversky loss: price of what is missed.", low=0.01, high=10.0)
    optimiser: str = _setting("adamw", "Optimiser.", choices=("adamw", "adam", "sgd", "rmsprop"))
    momentum: float = _setting(
        -1.0,
        "Share of the earlier gradients kept: of sgd (Nesterov's) and rmsprop; Adam's first beta. Below 0: "
        "as usual, 0.9, and none for rmsprop.",
        low=-1.0,
        high=0.9999,
    )
    learning_rate: float = _setting(1e-3, "Highest learning rate.", low=0.0)
    encoder_lr_factor: float = _setting(
        0.1, "Learning rate of a pretrained encoder, as a share of the others'; 0 freezes it.", low=0.0
    )
    freeze_encoder_statistics: bool = _setting(
        True, "Keep a pretrained encoder's batch-norm statistics: small batches would spoil them."
    )
    weight_decay: float = _setting(1e-2, "Weight decay.", low=0.0)
    schedule: str = _setting(
        "trapezoidal",
        "Course of the learning rate after warm-up. trapezoidal: whole, then down to 0 in the last fifth.",
        choices=("cosine", "poly", "trapezoidal", "constant"),
    )
    warmup_steps: int = _setting(
        20, "Steps in which the learning rate rises; a tenth of the training at most.", "steps", low=0
    )
    clip: float = _setting(1.0, "Largest gradient norm, 0 for any.", low=0.0)
    ema: float = _setting(
        0.98,
        "Decay of the moving average of the weights, which is the model; 0 for none.",
        low=0.0,
        high=0.99999,
    )

    seed: int = _setting(0, "Start of all random numbers; 0 is a seed like any other.", advanced=False)
    device: str = _setting("auto", "auto, cpu, cuda, cuda:N or mps.", advanced=False)
    threads: int = _setting(0, "CPU threads, 0 for all cores but one.", "threads", low=0)
    amp: str = _setting(
        "auto",
        "Mixed precision. auto: where the device is faster with it.",
        choices=("auto", "off", "bf16", "fp16"),
    )

    def __post_init__(self) -> None:
        for entry in fields(self):
            _check(entry, getattr(self, entry.name))
        _check_split(self)
        needed = {"factor": 1, "long_side": 1, "stretch": 2}.get(self.resize, 0)
        if needed and (len(self.size) != needed or min(self.size) <= 0):
            raise StudioError(
                f'resize "{self.resize}" needs {needed} positive number(s) in size, not {list(self.size)}.',
                "For example --set resize=long_side --set size=288.",
            )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        value = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {
            key: list(item) if isinstance(item, tuple) else item
            for key, item in {**value, "source": self.source.to_json()}.items()
        }

    @classmethod
    def from_json(cls, value: Any, base: "TrainingConfig | None" = None) -> "TrainingConfig":
        """The settings in value over those of base. An unknown key raises StudioError naming the nearest."""
        if not isinstance(value, Mapping):
            raise StudioError("The training settings are no table of keys and values.", "See the README.")
        known = {entry.name: entry for entry in fields(cls)}
        given: dict[str, Any] = {}
        for key, item in value.items():
            if key not in known:
                raise _unknown(key, known)
            given[key] = TrainingSource.from_json(item) if key == "source" else _convert(known[key], item)
        return replace(base or cls(), **given)

    def with_set(self, assignments: Iterable[str]) -> "TrainingConfig":
        """These settings with the "key=value" texts of --set applied."""
        known = {entry.name: entry for entry in fields(self) if entry.name != "source"}
        given: dict[str, Any] = {}
        for assignment in assignments:
            key, equals, text = assignment.partition("=")
            key = key.strip().replace("-", "_")
            if not equals:
                raise StudioError(f"{assignment!r} sets nothing.", "Write key=value, for example minutes=5.")
            if key not in known:
                raise _unknown(key, known)
            given[key] = _parse(known[key], text.strip())
        return replace(self, **given)


def groups() -> list[tuple[str, list["Field[Any]"]]]:
    """The settings in their order, in the groups of GROUPS."""
    begins = {name: title for title, name in GROUPS}
    found: list[tuple[str, list[Field[Any]]]] = []
    for entry in fields(TrainingConfig):
        if entry.name in begins:
            found.append((begins[entry.name], []))
        found[-1][1].append(entry)
    return found


def inherited(made: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a fine-tuning takes over from a model's card.training; none where it tells none."""
    config = made.get("config") or {}
    return {key: config[key] for key in INHERITED if key in config}


def recipe_names() -> list[str]:
    """The names of the recipes that come with the program."""
    return sorted(Path(entry.name).stem for entry in _recipes().iterdir() if entry.name.endswith(".toml"))


def recipe(name: str = DEFAULT_RECIPE) -> TrainingConfig:
    """The settings of a recipe: the name of one that comes with the program, or the path of a TOML file."""
    builtin = _builtin(name)
    if builtin is not None:
        return builtin
    path = Path(name)
    if path.suffix == ".toml" and path.is_file():
        return _parsed(name, path.read_text(encoding="utf-8"))
    near = difflib.get_close_matches(name, recipe_names(), 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise StudioError(
        f"There is no recipe {name!r}.",
        f"{hint}There are {', '.join(recipe_names())}, or give a .toml file.",
    )


@lru_cache
def _builtin(name: str) -> TrainingConfig | None:
    """The settings of a recipe that comes with the program, None where there is none of that name.

    Read once: the training panel asks several times a second while a training runs.
    """
    file = _recipes() / f"{name}.toml"
    return _parsed(name, file.read_text(encoding="utf-8")) if file.is_file() else None


def _parsed(name: str, text: str) -> TrainingConfig:
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudioError(f"The recipe {name} is no TOML: {error}.", "Correct that line.") from error
    value.pop("description", None)
    return TrainingConfig.from_json(value)


def recipe_description(name: str) -> str:
    """What a recipe that comes with the program is for, in a sentence."""
    value = tomllib.loads((_recipes() / f"{name}.toml").read_text(encoding="utf-8"))
    return str(value.get("description", ""))


def _recipes() -> Any:
    return files("unet_studio.core") / "recipes"


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.expanduser().absolute())


def _unknown(key: str, known: Iterable[str]) -> StudioError:
    near = difflib.get_close_matches(key, list(known), 1, 0.5)
    remedy = f"Did you mean {near[0]!r}?" if near else f"The settings are {', '.join(known)}."
    return StudioError(f"There is no training setting {key!r}.", remedy)


def _convert(entry: "Field[Any]", value: Any) -> Any:
    """A JSON or TOML value as the field's type; raises StudioError where it is another."""
    kind: Any = entry.type
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        items = value if isinstance(value, (list, tuple)) else [value]
        if all(_is(item, inner) for item in items):
            return tuple(inner(item) for item in items)
    elif _is(value, kind):
        return kind(value)
    raise StudioError(f"{entry.name} can't be {value!r}.", entry.metadata["help"])


def _is(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _parse(entry: "Field[Any]", text: str) -> Any:
    """The text of a --set as the field's type."""
    kind: Any = entry.type
    try:
        if get_origin(kind) is tuple:
            inner = get_args(kind)[0]
            return tuple(inner(part.strip()) for part in text.strip("[]()").split(",") if part.strip())
        if kind is bool:
            return TRUTHS[text.lower()]
        return kind(text)
    except (ValueError, KeyError) as error:
        raise StudioError(f"{entry.name} can't be {text!r}.", entry.metadata["help"]) from error


def _check_split(config: TrainingConfig) -> None:
    """Raise StudioError where the settings of a new split can't be meant."""
    shares = config.shares
    if shares and (
        len(shares) not in (2, 3) or min(shares) < 0 or not math.isclose(sum(shares), 1.0, abs_tol=0.01)
    ):
        raise StudioError(
            f"shares can't be {list(shares)}.", "Give two or three shares that add up to 1, such as 0.8,0.2."
        )
    if shares and min(shares[:2]) <= 0:
        raise StudioError(f"shares can't be {list(shares)}.", "Training and validation need a share each.")
    try:
        re.compile(config.group_by)
    except re.error as error:
        raise StudioError(
            f"group_by is no regular expression: {error}.", r"For example --set 'group_by=^(\w+?)_'."
        ) from error


def _check(entry: "Field[Any]", value: Any) -> None:
    choices, low, high = (entry.metadata.get(key) for key in ("choices", "low", "high"))
    if choices and value not in choices:
        near = difflib.get_close_matches(str(value), choices, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise StudioError(f"{entry.name} can't be {value!r}.", f"{hint}It is one of {', '.join(choices)}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise StudioError(f"{entry.name} can't be {value}.", "Give a finite number.")
    if (low is not None and value < low) or (high is not None and value > high):
        limits = f"at least {low}" if high is None else f"between {low} and {high}"
        raise StudioError(f"{entry.name} can't be {value}.", f"It is {limits}.")
