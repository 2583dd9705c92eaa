"""Oxford-IIIT Pet: photographs of cats and dogs of 37 breeds, with trimaps.

Specification: annotations/README of the data set (Parkhi, Vedaldi, Zisserman and Jawahar, "Cats and Dogs",
CVPR 2012). images/NAME.jpg; annotations/trimaps/NAME.png, in which 1 is the animal, 2 the background and 3
"not classified", the border; annotations/list.txt, "NAME CLASS-ID SPECIES BREED-ID" a line, species 1 for
cats and 2 for dogs, remarks begin with "#"; trainval.txt and test.txt, the same for a part each. Names of
cats begin with a capital letter, those of dogs with a small one, which counts where there is no list.txt.
The archive also holds files like "._NAME.png", leftovers of another system, which are passed over.
"""

from dataclasses import replace
from pathlib import Path, PurePosixPath

from training.candidates import Source
from training.datasets.layout import Layout, Portion, collect, lines, numbered_classes
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.split import Split
from unet_studio.formats.found_values import Meaning

CATS, DOGS = 1, 2
NAMES = {CATS: "cat", DOGS: "dog", None: "pet"}  # what the animal is called, by the species that is read
ANIMAL, GROUND, BORDER = 1, 2, 3
BORDERS = {"class": 1, "background": 0, "ignore": UNLABELLED}
LAYOUT = Layout(
    "Oxford-IIIT Pet",
    ("images", "annotations/trimaps"),
    "Unpack images.tar.gz and annotations.tar.gz into one folder, and name that.",
)


def read_pets(folder: Path, border: str, species: int | None = None) -> Source:
    """All pets, or one species. border: what value 3 becomes, see the setting border.

    The official test part is for testing; of trainval a sixth validates, as no validation part is official.
    """
    root = LAYOUT.root(folder)
    annotations = root / "annotations"
    kinds, parts = _species(annotations), _parts(annotations)
    meaning = Meaning.of({ANIMAL: 1, GROUND: 0, BORDER: BORDERS[border]})
    found, notes = collect([Portion(root / "images", annotations / "trimaps")], meaning)
    candidates = []
    for one in found:
        stem = PurePosixPath(one.name).stem
        if species in (None, kinds.get(stem, CATS if stem[0].isupper() else DOGS)):
            candidates.append(replace(one, part=parts.get(stem)))
    classes = numbered_classes([(0, "background"), (1, NAMES[species])], 0)
    if "test" in parts.values():
        notes.append("Of the official trainval a sixth is held out for validation; test stays as it is.")
    return Source(classes, tuple(candidates), tuple(notes))


def _species(annotations: Path) -> dict[str, int]:
    """The species of every name in list.txt; none where there is no such file."""
    path = annotations / "list.txt"
    fields = [line.split() for line in lines(path)] if path.is_file() else []
    return {entry[0]: int(entry[2]) for entry in fields if len(entry) >= 3 and entry[2].isdecimal()}


def _parts(annotations: Path) -> dict[str, Split]:
    """test for the names in test.txt; those of trainval.txt have no part of their own yet."""
    path = annotations / "test.txt"
    return dict.fromkeys((line.split()[0] for line in lines(path)), "test") if path.is_file() else {}
