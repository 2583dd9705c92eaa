"""Numbers in sentences: one and several."""

from unet_studio.core.words import count, left_out


def test_one_is_singular() -> None:
    assert [count(number, "image") for number in (0, 1, 2, 1000)] == [
        "0 images",
        "1 image",
        "2 images",
        "1,000 images",
    ]


def test_what_is_left_out_is_named() -> None:
    assert left_out(["a.png"], "with no mask") == "1 image with no mask is left out, a.png."
    assert left_out(["a.png", "b.png"], "with no mask") == "2 images with no mask are left out, a.png first."
