"""Errors as codes and colours."""

import numpy as np

from unet_studio.core.classes import rgb
from unet_studio.core.error_picture import ERRORS, EXTRA, MISSED, OTHER, RIGHT, error_codes, error_picture
from unet_studio.core.overlays import PictureStyle


def test_every_kind_of_error():
    truth = np.array([[0, 1, 1, 0, 2, 255, 1]], np.uint8)
    labels = np.array([[0, 1, 0, 1, 1, 1, 255]], np.uint8)
    codes = error_codes(truth, labels, 0)
    assert codes.dtype == np.uint8
    assert codes.tolist() == [[RIGHT, RIGHT, MISSED, EXTRA, OTHER, RIGHT, MISSED]]


def test_without_background_there_is_nothing_too_much():
    truth, labels = np.array([[0, 1, 1]], np.uint8), np.array([[1, 0, 255]], np.uint8)
    assert error_codes(truth, labels, None).tolist() == [[OTHER, OTHER, MISSED]]


def test_the_picture_shows_them_in_their_colours():
    image = np.full((20, 20, 3), 100, np.uint8)
    truth, labels = np.zeros((20, 20), np.uint8), np.zeros((20, 20), np.uint8)
    labels[5:15, 5:15] = 1
    picture = error_picture(image, truth, labels, 0, PictureStyle(opacity=1.0))
    assert tuple(picture[10, 10]) == rgb(ERRORS.get(EXTRA).color)
    assert tuple(picture[0, 0]) == (100, 100, 100)
