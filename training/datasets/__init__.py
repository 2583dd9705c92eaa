"""Data sets in the layouts that their makers publish them in, for `unet-studio train --dataset NAME DIR`.

Each reader looks at names of files alone; pixels are read when a run freezes its samples. The names of the
table are those of core.training_config.DATA_SETS, which the command offers. See docs/datasets.md.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from training.candidates import Source
from training.datasets.ade20k import read_ade20k
from training.datasets.apolloscape import read_apolloscape
from training.datasets.bdd100k import read_bdd100k
from training.datasets.camvid import read_camvid
from training.datasets.carla import read_carla
from training.datasets.cityscapes import read_cityscapes
from training.datasets.coco_stuff import read_coco_stuff
from training.datasets.human_segmentation import read_human_segmentation
from training.datasets.mapillary_vistas import read_mapillary_vistas
from training.datasets.oxford_pets import CATS, DOGS, read_pets
from training.datasets.voc2012 import read_voc2012
from unet_studio.core.training_config import TrainingConfig

Reader = Callable[[Path, TrainingConfig], Source]

DATASETS: Mapping[str, Reader] = {
    "ade20k": lambda root, _: read_ade20k(root),
    "apolloscape": lambda root, _: read_apolloscape(root),
    "bdd100k": lambda root, _: read_bdd100k(root),
    "camvid": lambda root, _: read_camvid(root),
    "carla": lambda root, _: read_carla(root),
    "cityscapes": lambda root, _: read_cityscapes(root),
    "coco-stuff": lambda root, _: read_coco_stuff(root),
    "human-segmentation": lambda root, _: read_human_segmentation(root),
    "mapillary-vistas": lambda root, _: read_mapillary_vistas(root),
    "oxford-pets": lambda root, config: read_pets(root, config.border),
    "oxford-pets-cats": lambda root, config: read_pets(root, config.border, CATS),
    "oxford-pets-dogs": lambda root, config: read_pets(root, config.border, DOGS),
    "voc2012": lambda root, _: read_voc2012(root),
}
