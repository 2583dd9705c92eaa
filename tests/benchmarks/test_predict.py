"""How long predictions take on the processor, beside other programs' same network: run with --benchmark-only.

Figures are of one thread, on the clock and of the processor; rounds of ours and of theirs take turns. For
theirs, UNET_STUDIO_RIVAL_PYTHON names a Python that has segmentation-models-pytorch and monai.
"""

import json
import os
import resource
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from unet_studio.core.model_card import Architecture, ModelCard, ModelClass, Preprocessing
from unet_studio.model import DEFAULT_ARCHITECTURE, Model, PredictSettings, build_network, load_imagenet

CLASSES = (ModelClass(0, "background", "#000000"), ModelClass(1, "object", "#e69f00"))
HALF = (0.5, 0.5, 0.5)
ROUNDS = {512: 9, 2048: 2}
TILE, OVERLAP = 512, 0.25  # of MONAI's windows, and of ours where they are to be the same
GOALS = {"exact": 1.2, "fast": 2.0}  # times as fast as the rival
AGREEMENT = {"exact": 0.9999, "fast": 0.995}  # of the labels with those of eager float32
RIVAL = Path(__file__).with_name("rival_unet.py")


def picture(side):
    """Smooth noise of several sizes, uint8 (side, side, 3)."""
    import cv2

    random, image = np.random.default_rng(0), np.zeros((side, side, 3), dtype=np.float32)
    for size in (side // 128, side // 32, side // 8):
        noise = random.random((size, size, 3), dtype=np.float32)
        image += cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC) / 3
    return np.clip(image * 255, 0, 255).astype(np.uint8)


def default_model():
    """The default network with ImageNet weights; both of its classes are found in pictures."""
    torch.manual_seed(0)
    architecture = Architecture(DEFAULT_ARCHITECTURE, 3, 1)
    network = build_network(architecture).eval()
    load_imagenet(network)
    with torch.no_grad():
        logits = network(scaled(picture(512)))
        network.head.weight *= 3 / logits.std()
        network.head.bias -= 3 * logits.mean() / logits.std()
    return Model(ModelCard("m", architecture, CLASSES, 0, Preprocessing(3, mean=HALF, std=HALF)), network)


def scaled(image):
    """A network's input, float32 (1, 3, H, W)."""
    return torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1)


def spent():
    """Seconds of all processors that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(act):
    """{"clock", "cpu"}: seconds that act() takes."""
    clock, cpu = time.perf_counter(), spent()
    act()
    return {"clock": time.perf_counter() - clock, "cpu": spent() - cpu}


@contextmanager
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def rival():
    """ask("unet 512") -> times of one round of theirs; see rival_unet.py."""
    python = os.environ.get("UNET_STUDIO_RIVAL_PYTHON")
    if not python:
        pytest.skip("UNET_STUDIO_RIVAL_PYTHON is not set")
    command = [python, str(RIVAL), "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().strip() == "ready"

        def ask(question):
            process.stdin.write(question + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()


def taking_turns(contenders, rounds):
    """name -> {"clock", "cpu"}: the least of so many rounds; each begins with a round that doesn't count."""
    found = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, act in contenders.items():
            times = act()
            if turn:
                found[name].append(times)
    return {
        name: {what: min(times[what] for times in rows) for what in ("clock", "cpu")}
        for name, rows in found.items()
    }


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("side", [512, 2048])
def test_beside_others(benchmark, figures, side):
    """Image to labels and confidence, beside the bare network of segmentation-models-pytorch and MONAI's."""
    model, image = default_model(), picture(side)
    ways = {
        "exact": PredictSettings("exact"),
        "fast": PredictSettings("fast"),
        "exact, in tiles": PredictSettings("exact", TILE, OVERLAP),
    }
    others = {"smp.Unet": f"unet {side}"}
    if side > TILE:
        others["MONAI"] = f"windows {side} {TILE} {OVERLAP}"
    with rival() as ask, one_thread():
        contenders = {
            **{
                name: lambda way=way: timed(lambda: model.predict(image, None, way))
                for name, way in ways.items()
            },
            **{name: lambda question=question: ask(question) for name, question in others.items()},
        }
        found = benchmark.pedantic(taking_turns, (contenders, ROUNDS[side]), rounds=1)
        made = {name: model.predict(image, None, way).made["precision"] for name, way in ways.items()}
    benchmark.extra_info.update(found)
    for name, way in ways.items():
        for other in others:
            ratio = {what: found[other][what] / found[name][what] for what in ("clock", "cpu")}
            figures.note(
                benchmark,
                f"{side} x {side} px, one thread, {name} ({made[name]}): "
                f"{1000 * found[name]['cpu']:.0f} ms of processor time, "
                f"{ratio['cpu']:.2f} x as fast as {other} ({1000 * found[other]['cpu']:.0f} ms), "
                f"{ratio['clock']:.2f} x on the clock; "
                f"goal >= {GOALS[way.mode]}",
                **{f"{name} beside {other}": ratio},
            )


@pytest.mark.parametrize("side", [512, 2048])
def test_labels_are_those_of_eager_float32(benchmark, figures, side):
    """Folded, streamed and in the mode's precision, beside the network as it was trained, in one pass."""
    model, image = default_model(), picture(side)
    network = default_model().network.to(memory_format=torch.contiguous_format)
    with torch.inference_mode():
        expected = (network(scaled(image))[0, 0] > 0).numpy()
    assert 0.1 < expected.mean() < 0.9
    found = benchmark.pedantic(
        lambda: {mode: model.predict(image, None, PredictSettings(mode)) for mode in AGREEMENT}, rounds=1
    )
    for mode, least in AGREEMENT.items():
        equal = float((found[mode].labels == expected).mean())
        figures.note(
            benchmark,
            f"{side} x {side} px, {mode} ({found[mode].made['precision']}): "
            f"{100 * equal:.4f} % of the labels equal those of eager float32; goal >= {100 * least:g} %",
            **{f"equal {mode}": equal},
        )
        assert equal >= least


@pytest.mark.benchmark(group="predict 1024 x 1536")
@pytest.mark.parametrize("tile", [0, 512], ids=["streamed", "tiles"])
def test_predict(benchmark, tile):
    """What the overlap of tiles costs."""
    model, image = default_model(), np.ascontiguousarray(picture(1536)[:1024])
    result = benchmark.pedantic(model.predict, (image, None, PredictSettings(tile=tile)), rounds=3)
    assert result.labels.shape == image.shape[:2]
