"""How long segmentation-models-pytorch and MONAI take: `RIVAL_PYTHON rival_unet.py THREADS`.

Runs in an environment of its own (`pip install segmentation-models-pytorch monai torch`); it prints "ready",
then a line of JSON for every line that it reads, so that its rounds can take turns with those of others:
"unet SIDE" is one pass of smp.Unet with the encoder tu-tf_efficientnet_lite0, eager, float32, and
"windows SIDE TILE OVERLAP" the same network under MONAI's sliding_window_inference. Images are noise. Times
are on the clock and of all processors, in seconds.
"""

import json
import resource
import sys
import time

import segmentation_models_pytorch as smp
import torch
from monai.inferers import sliding_window_inference


def spent():
    """Seconds of all processors that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(threads):
    """Serve rounds until the input ends."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = smp.Unet("tu-tf_efficientnet_lite0", encoder_weights=None, classes=1).eval()
    print("ready", flush=True)
    for line in sys.stdin:
        kind, side, *others = line.split()
        image = torch.rand(1, 3, int(side), int(side))
        clock, cpu = time.perf_counter(), spent()
        with torch.inference_mode():
            if kind == "unet":
                logits = network(image)
            else:
                tile, overlap = int(others[0]), float(others[1])
                logits = sliding_window_inference(image, tile, 1, network, overlap=overlap, mode="gaussian")
            assert logits.shape == (1, 1, int(side), int(side))
        print(json.dumps({"clock": time.perf_counter() - clock, "cpu": spent() - cpu}), flush=True)


main(int(sys.argv[1]))
