"""What a person chose for the trainings of a project: training.json, with changed values alone.

It holds values of TrainingConfig, and "recipe": the name or file of the recipe that they change. What stands
in it and is no setting any more is passed over, so that an older or newer program's file opens.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unet_studio.core.errors import StudioError
from unet_studio.core.storage import read_json, write_json
from unet_studio.core.training_config import DEFAULT_RECIPE, TrainingConfig, recipe

CHOICES_FILE = "training.json"
RECIPE = "recipe"
OWN = ("source", "name", "rival")  # settings that the program gives each run itself
DEFAULTS: Mapping[str, Any] = {"minutes": 5.0}  # what the window begins with instead of a recipe's values


def read_choices(folder: Path) -> dict[str, Any]:
    """The choices stored in a project's folder; none where there is no file, or a broken one."""
    path = folder / CHOICES_FILE
    if not path.is_file():
        return {}
    try:
        value = read_json(path)
    except StudioError:
        return {}
    return usable(value) if isinstance(value, dict) else {}


def write_choices(folder: Path, choices: Mapping[str, Any]) -> None:
    """Store the choices; none at all is no file."""
    path = folder / CHOICES_FILE
    if choices:
        write_json(path, dict(choices))
    else:
        path.unlink(missing_ok=True)


def usable(value: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the choices that are settings of today, each by itself and then all together."""
    kept: dict[str, Any] = {}
    named = value.get(RECIPE)
    base = base_of({RECIPE: named})
    if isinstance(named, str) and base is not None:
        kept[RECIPE] = named
    base = base or recipe()
    # Twice, since some settings are allowed only beside others (resize beside size).
    for key, item in [*value.items(), *value.items()]:
        if key in (RECIPE, *OWN):
            continue
        try:
            TrainingConfig.from_json({**_settings(kept), key: item}, base)
        except StudioError:
            continue
        kept[key] = item
    return kept


def base_of(choices: Mapping[str, Any]) -> TrainingConfig | None:
    """The settings of the recipe that was chosen, the default one without a choice; None: it is gone."""
    try:
        return recipe(str(choices.get(RECIPE) or DEFAULT_RECIPE))
    except (StudioError, OSError):
        return None


def _settings(choices: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in choices.items() if key != RECIPE}
