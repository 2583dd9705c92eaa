"""What each format is for, in a sentence."""

from unet_studio.formats.table import Format

# Name of a format -> who reads it and how masks lie in it.
PURPOSES = {
    "index-png": "One PNG an image whose pixel values are the class indices; most training code reads that.",
    "index-tiff": "One TIFF an image whose pixel values are the class indices, for ImageJ and its kin.",
    "color-png": "One PNG an image with a colour for each class, and the table that says which is which.",
    "cityscapes": "Label and instance pictures in the folders of Cityscapes, for its tools and loaders.",
    "voc": "The folders of the PASCAL VOC challenge, with class and object pictures and lists of images.",
    "nnunet": "A data set that nnU-Net v2 trains on as it is; unlabelled pixels are its “ignore” label.",
    "coco": "One JSON file with every object, which detection and instance segmentation tools read.",
    "labelme": "One JSON file of masks an image, to go on in labelme.",
    "labelme-polygons": "One JSON file of polygons an image, for versions of labelme that know no masks.",
    "label-studio": "One JSON file of brush strokes, to go on in Label Studio.",
    "cvat": "One XML file of masks, to go on in CVAT.",
    "yolo": "Outlines in text files, with the images beside them, to train YOLO segmentation models.",
    "cellpose": "One picture of numbered objects an image, to look at or train on in Cellpose.",
    "rootpainter": "Red and green annotations, to go on in RootPainter.",
}


def purpose(entry: Format) -> str:
    """What a format is for; "" where nobody wrote it down."""
    return PURPOSES.get(entry.name, "")
