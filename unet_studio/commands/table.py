"""The table of commands: one line each, from which the help and the tests are made."""

from typing import NamedTuple


class Command(NamedTuple):
    """module: of unet_studio.commands, with add_arguments(parser) and run(arguments) -> exit status."""

    module: str
    summary: str


COMMANDS: dict[str, Command] = {
    "demo": Command("demo", "try everything on the sample project; --headless without a window"),
    "predict": Command("predict", "segment images with a model"),
    "train": Command("train", "train or fine-tune a model"),
    "evaluate": Command("evaluate", "compare predicted masks with true ones"),
    "compare": Command("compare", "put models side by side on the same images"),
    "import": Command("import_masks", "take in masks made elsewhere"),
    "export": Command("export_masks", "write masks for other programs"),
    "export-model": Command("export_model", "write a model as ONNX for other programs"),
    "models": Command("models", "list the models and their scores"),
    "doctor": Command("doctor", "say what this machine can do, and what is wrong with it"),
}
