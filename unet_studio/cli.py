"""`unet-studio`: opens the window, or runs one of the commands that need none.

Nothing heavy is imported before the command is known: `--help` and a mistyped word answer at once.
Exit status: 0 done, 1 failed with one line of reason and remedy, 2 wrong usage, 130 interrupted.
"""

import argparse
import difflib
import importlib
import io
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from unet_studio import __version__
from unet_studio.commands.table import COMMANDS
from unet_studio.commands.window import open_window
from unet_studio.core.errors import Cancelled, StudioError

INTERRUPTED = 130  # 128 + SIGINT, as shells expect


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with these arguments (sys.argv's by default); returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    _write_any_name()
    try:
        status = _window(words) if not words or words[0] not in COMMANDS else _command(words[0], words[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, `head` for example, has had enough. Python would complain once more at exit.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _command(name: str, words: list[str]) -> int:
    module = importlib.import_module(f"unet_studio.commands.{COMMANDS[name].module}")
    parser = argparse.ArgumentParser(prog=f"unet-studio {name}", description=_sentence(module.__doc__))
    module.add_arguments(parser)
    arguments = parser.parse_args(words)
    as_json = bool(getattr(arguments, "json", False))
    try:
        return int(module.run(arguments))
    except StudioError as error:
        return _failed(error, as_json)
    except Cancelled:
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except OSError as error:
        return _failed(StudioError(f"{error}.", "Check the disk and its permissions."), as_json)


def _window(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="unet-studio",
        description="Segment a folder of images with a U-Net, repair the masks, fine-tune the U-Net.",
        epilog=_list_commands(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="a folder of images, or a project")
    parser.add_argument("--project", metavar="DIR", help="where the project's own files are kept")
    parser.add_argument("--version", action="version", version=f"unet-studio {__version__}")
    arguments = parser.parse_args(words)
    try:
        if arguments.folder is not None and not Path(arguments.folder).expanduser().is_dir():
            raise _no_folder(arguments.folder)
        return open_window(arguments.folder, arguments.project)
    except StudioError as error:
        return _failed(error, False)


def _no_folder(text: str) -> StudioError:
    near = difflib.get_close_matches(text, COMMANDS, 1)
    if Path(text).is_file():
        return StudioError(f"{text} is a file.", "Open the folder that it is in.")
    remedy = f"Did you mean unet-studio {near[0]}?" if near else "Name a folder of images, or see --help."
    return StudioError(f"There is no folder {text}.", remedy)


def _failed(error: StudioError, as_json: bool) -> int:
    """Say what went wrong in one line; with --json also as the one object on stdout."""
    if as_json:
        print(json.dumps({"error": error.message, "remedy": error.remedy}))
    print("unet-studio:", " ".join(str(error).split()), file=sys.stderr)
    return 1


def _list_commands() -> str:
    lines = [f"  {name:10} {command.summary}" for name, command in COMMANDS.items()]
    return "commands (unet-studio COMMAND --help tells more):\n" + "\n".join(lines)


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def _write_any_name() -> None:
    """File names that are no valid Unicode must not stop a line from being printed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
