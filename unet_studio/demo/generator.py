"""Procedural pictures of cultured cells under a fluorescence microscope, each with its true mask.

A picture is made the way a microscope makes one: cells with fibres and a nucleus lie in a field (`cells.py`),
light falls on them unevenly, debris and haze lie over them, the lens blurs, the camera adds shot and read
noise, and each stain gets its colour. Nothing is random but through the seed: the same seed and settings give
the same picture, but for what platforms round differently.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from unet_studio.demo.cells import Habit, grow_cells

FloatImage = NDArray[np.float32]
Color = tuple[float, float, float]

BACKGROUND, CELL = 0, 1
SIZE = (480, 640)  # height and width of a picture, px


@dataclass(frozen=True)
class Settings:
    """What a picture shows. Ranges (low, high) are drawn from anew for every picture.

    density: share of the field that cells are tried for. radius: mean radius of a cell, px.
    brightness: of the cytoplasm, 1 fills the camera's range. faint: share of cells that took little stain;
    faint_light: how much of it, 1 is usual.
    illumination: 0 even light, 1 corners in the dark. haze: unfocused glow around cells.
    blur: of the lens, standard deviation in px. noise: shot noise, 0.02 little, 0.1 much.
    debris: particles a picture. stains: pairs of colours (red, green, blue), of cytoplasm and nucleus.
    """

    density: tuple[float, float] = (0.25, 0.6)
    radius: float = 36.0
    elongation: tuple[float, float] = (1.0, 2.0)
    brightness: tuple[float, float] = (0.85, 1.2)
    faint: float = 0.0
    faint_light: tuple[float, float] = (0.3, 0.5)
    illumination: tuple[float, float] = (0.1, 0.3)
    haze: tuple[float, float] = (0.05, 0.12)
    blur: tuple[float, float] = (0.5, 0.9)
    noise: tuple[float, float] = (0.02, 0.05)
    debris: tuple[int, int] = (0, 6)
    stains: tuple[tuple[Color, Color], ...] = (
        ((0.95, 0.22, 0.30), (0.25, 0.45, 1.0)),
        ((0.85, 0.70, 0.15), (0.25, 0.45, 1.0)),
        ((0.15, 0.75, 0.85), (0.55, 0.30, 1.0)),
    )


TRAINING = Settings()
SAMPLE = replace(
    TRAINING,
    density=(0.45, 0.8),
    elongation=(1.1, 2.4),
    brightness=(0.48, 0.86),
    faint=0.45,
    faint_light=(0.17, 0.42),
    illumination=(0.35, 0.68),
    haze=(0.1, 0.32),
    blur=(0.6, 1.3),
    noise=(0.04, 0.08),
    debris=(20, 46),
    stains=(((0.14, 0.95, 0.40), (0.26, 0.38, 1.0)),),
)
SETTINGS = {"training": TRAINING, "sample": SAMPLE}


def generate(
    seed: int, settings: Settings = SAMPLE, size: tuple[int, int] = SIZE
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One picture, uint8 (H, W, 3) RGB, and its truth, uint8 (H, W): 0 background, 1 cell. size: (H, W)."""
    rng = np.random.default_rng(seed)
    habit = Habit(settings.radius, settings.elongation, settings.faint, settings.faint_light)
    field = grow_cells(rng, size, rng.uniform(*settings.density), habit)
    actin = field.actin * rng.uniform(*settings.brightness)
    nuclei = field.nuclei * rng.uniform(0.7, 1.0)
    add_debris(rng, actin, nuclei, int(rng.integers(*settings.debris, endpoint=True)))
    actin, nuclei = (glow(layer, rng.uniform(*settings.haze)) for layer in (actin, nuclei))
    light = illuminate(rng, size, rng.uniform(*settings.illumination))
    sigma = rng.uniform(*settings.blur)
    amount = rng.uniform(*settings.noise)
    stain = settings.stains[int(rng.integers(len(settings.stains)))]
    layers = [expose(rng, blur(layer * light, sigma), amount) for layer in (actin, nuclei)]
    return develop(layers, stain), field.truth


def glow(layer: FloatImage, amount: float) -> FloatImage:
    """The light of what lies out of focus: a wide blur of the layer (H, W) over itself, and a dark level."""
    height, width = layer.shape
    small: FloatImage = np.asarray(
        cv2.resize(layer, (width // 8, height // 8), interpolation=cv2.INTER_AREA), np.float32
    )
    wide = cv2.resize(blur(small, 5.0), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(layer + amount * wide + 0.02 + 0.12 * amount, dtype=np.float32)


def illuminate(rng: Generator, size: tuple[int, int], depth: float) -> FloatImage:
    """The light over the field, float32 (H, W): brightest off the centre, fading by depth to the corners."""
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    row, column = height * rng.uniform(0.3, 0.7), width * rng.uniform(0.3, 0.7)
    distance = ((rows - row) / height) ** 2 + ((columns - column) / width) ** 2
    return np.asarray(1.0 - depth * np.minimum(distance / 0.5, 1.0), dtype=np.float32)


def add_debris(rng: Generator, actin: FloatImage, nuclei: FloatImage, count: int) -> None:
    """Lay count particles that are no cells over the two layers (H, W), in place.

    Bright specks and their clumps, fragments of dead cells, fibres, and unfocused blobs.
    """
    kinds = (_speck, _speck, _clump, _clump, _fragment, _fragment, _fibre, _blob, _blob)
    for _ in range(count):
        kinds[int(rng.integers(len(kinds)))](rng, actin, nuclei)


def _speck(rng: Generator, actin: FloatImage, nuclei: FloatImage) -> None:
    """A bright grain of 1 to 3 px."""
    row, column = rng.uniform(0, actin.shape[0]), rng.uniform(0, actin.shape[1])
    size, light = rng.uniform(0.8, 2.2), rng.uniform(0.4, 1.2)
    _spot(actin, row, column, size, light)
    _spot(nuclei, row, column, size, light * rng.uniform(0.0, 0.6))


def _clump(rng: Generator, actin: FloatImage, nuclei: FloatImage) -> None:
    """Precipitated stain: a dozen grains around one place."""
    row, column = rng.uniform(0, actin.shape[0]), rng.uniform(0, actin.shape[1])
    for _ in range(int(rng.integers(6, 16))):
        dy, dx = rng.normal(0.0, 6.0, 2)
        _spot(actin, row + dy, column + dx, rng.uniform(0.8, 2.6), rng.uniform(0.2, 0.7))
    _spot(nuclei, row, column, 6.0, rng.uniform(0.0, 0.15))


def _fragment(rng: Generator, actin: FloatImage, nuclei: FloatImage) -> None:
    """What a dead cell leaves: a few round blebs, smaller than a cell, with condensed chromatin."""
    row, column = rng.uniform(0, actin.shape[0]), rng.uniform(0, actin.shape[1])
    for _ in range(int(rng.integers(2, 6))):
        dy, dx = rng.normal(0.0, 7.0, 2)
        size = rng.uniform(2.5, 5.0)
        _spot(actin, row + dy, column + dx, size, rng.uniform(0.3, 0.7))
        if rng.random() < 0.5:
            _spot(nuclei, row + dy, column + dx, size * 0.7, rng.uniform(0.4, 0.9))


def _fibre(rng: Generator, actin: FloatImage, nuclei: FloatImage) -> None:
    """A thread of lint, 60 to 200 px long, gently curved, in both layers."""
    points = np.cumsum(_walk(rng, int(rng.integers(10, 32))), axis=0)
    start = rng.uniform(0, 1, 2) * np.array(actin.shape[::-1])
    path = np.round((points + start) * 16).astype(np.int32)
    thread = np.zeros_like(actin)
    cv2.polylines(thread, [path], False, rng.uniform(0.3, 0.8), int(rng.integers(1, 3)), cv2.LINE_AA, 4)
    thread = blur(thread, rng.uniform(0.6, 2.0))
    actin += thread * rng.uniform(0.2, 0.8)
    nuclei += thread * rng.uniform(0.3, 0.9)


def _walk(rng: Generator, steps: int) -> NDArray[np.float64]:
    """Steps of 6 px, (steps, 2) as (x, y), whose heading drifts."""
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(np.cumsum(rng.normal(0.0, 0.03, steps)))
    return 6.0 * np.stack([np.cos(heading), np.sin(heading)], axis=1)


def _blob(rng: Generator, actin: FloatImage, nuclei: FloatImage) -> None:
    """Something far out of focus: a wide dim disc."""
    row, column = rng.uniform(0, actin.shape[0]), rng.uniform(0, actin.shape[1])
    size, light = rng.uniform(9.0, 22.0), rng.uniform(0.08, 0.25)
    _spot(actin, row, column, size, light)
    _spot(nuclei, row, column, size, light * rng.uniform(0.0, 0.8))


def _spot(layer: FloatImage, row: float, column: float, sigma: float, light: float) -> None:
    """Add a Gaussian spot to layer (H, W), in place. sigma: px."""
    reach = int(np.ceil(3 * sigma))
    top, left = max(0, int(row) - reach), max(0, int(column) - reach)
    bottom, right = min(layer.shape[0], int(row) + reach + 1), min(layer.shape[1], int(column) + reach + 1)
    if top >= bottom or left >= right:
        return
    dy = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(row)
    dx = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(column)
    layer[top:bottom, left:right] += np.float32(light) * np.exp(-(dy**2 + dx**2) / np.float32(2 * sigma**2))


def blur(layer: FloatImage, sigma: float) -> FloatImage:
    """A Gaussian blur of layer (H, W). sigma: px."""
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), sigma), dtype=np.float32)


def expose(rng: Generator, light: FloatImage, amount: float) -> FloatImage:
    """What the camera reads of the light (H, W): with shot noise, which grows with it, and read noise."""
    shot = np.sqrt(np.maximum(light, 0.0)) * amount * rng.standard_normal(light.shape, dtype=np.float32)
    read = 0.25 * amount * rng.standard_normal(light.shape, dtype=np.float32)
    return np.asarray(light + shot + read, dtype=np.float32)


def develop(layers: list[FloatImage], stains: tuple[Color, Color]) -> NDArray[np.uint8]:
    """The layers (H, W) in the colours of their stains, uint8 (H, W, 3), highlights rolled off softly."""
    (actin, cytoplasm), (nuclei, nucleus) = zip(layers, stains, strict=True)
    mixed = _colored(actin, cytoplasm) + _colored(nuclei, nucleus)
    toned = 1.15 * (1.0 - np.exp(-1.5 * mixed))
    return np.asarray(np.round(255.0 * np.clip(toned, 0.0, 1.0)), dtype=np.uint8)


def _colored(layer: FloatImage, color: Color) -> FloatImage:
    """A layer (H, W) in one colour, float32 (H, W, 3)."""
    return np.asarray(np.maximum(layer, 0.0)[..., None] * np.asarray(color, dtype=np.float32), np.float32)
