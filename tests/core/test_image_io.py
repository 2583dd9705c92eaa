"""Every format and depth comes back pixel for pixel, turned as it is seen."""

import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps, PngImagePlugin

from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import (
    IMAGE_SUFFIXES,
    ImageInfo,
    file_hash,
    read_image,
    read_info,
    read_thumbnail,
)

H, W = 9, 13


def noise(*shape: int, dtype: str = "uint8", seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def check(path: Path, expected: np.ndarray, orientation: int = 1, pages: int = 1) -> None:
    image = read_image(path)
    assert image.dtype == expected.dtype
    assert image.dtype.isnative
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, expected)
    channels = 1 if expected.ndim == 2 else expected.shape[2]
    assert read_info(path) == ImageInfo(
        expected.shape[1], expected.shape[0], channels, expected.dtype.name, orientation, pages
    )


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".webp"])
def test_rgb_is_lossless_in_every_lossless_format(tmp_path: Path, suffix: str) -> None:
    pixels = noise(H, W, 3)
    path = tmp_path / f"a{suffix}"
    Image.fromarray(pixels).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    check(path, pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".gif", ".pgm"])
def test_grey_is_two_dimensional(tmp_path: Path, suffix: str) -> None:
    pixels = noise(H, W)
    path = tmp_path / f"a{suffix}"
    Image.fromarray(pixels).save(path)
    if suffix == ".gif":  # a palette of greys
        np.testing.assert_array_equal(read_image(path)[..., 0], pixels)
    else:
        check(path, pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_alpha_is_the_fourth_channel_even_where_all_is_opaque(tmp_path: Path, suffix: str) -> None:
    pixels = noise(H, W, 4)
    opaque = pixels.copy()
    opaque[..., 3] = 255
    for name, wanted in (("mixed", pixels), ("opaque", opaque)):
        path = tmp_path / f"{name}{suffix}"
        options: dict[str, Any] = {"lossless": True, "exact": True} if suffix == ".webp" else {}
        Image.fromarray(wanted).save(path, **options)
        if suffix == ".webp" and name == "opaque":
            wanted = wanted[..., :3]  # WebP itself leaves out an alpha that says nothing
        check(path, wanted)


def test_grey_with_alpha_has_two_channels(tmp_path: Path) -> None:
    pixels = noise(H, W, 2)
    Image.fromarray(pixels, mode="LA").save(tmp_path / "a.png")
    check(tmp_path / "a.png", pixels)


def test_jpeg_is_what_pillow_decodes_in_color_grey_and_ink(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 64 * 48 * 3).reshape(48, 64, 3).astype(np.uint8)
    for mode in ("RGB", "L", "CMYK"):
        path = tmp_path / f"{mode}.jpg"
        Image.fromarray(smooth).convert(mode).save(path, quality=95)
        with Image.open(path) as image:
            wanted = np.asarray(image if mode == "L" else image.convert("RGB"))
        check(path, wanted)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_becomes_its_colors(tmp_path: Path, bits: int) -> None:
    indices = noise(H, W) & np.uint8((1 << bits) - 1)
    palette = noise(256, 3, seed=5)
    image = Image.fromarray(indices)
    image.putpalette(palette.tobytes())
    image.save(tmp_path / "a.png", bits=bits)
    check(tmp_path / "a.png", palette[indices])


def test_transparent_palette_entries_become_alpha(tmp_path: Path) -> None:
    indices = noise(H, W) % 4
    palette = noise(256, 3, seed=5)
    alpha = np.array([0, 255, 128, 7], dtype=np.uint8)
    image = Image.fromarray(indices)
    image.putpalette(palette.tobytes())
    image.save(tmp_path / "a.png", transparency=alpha.tobytes(), bits=8)
    check(tmp_path / "a.png", np.dstack([palette[indices], alpha[indices]]))


def test_one_transparent_color_is_no_channel(tmp_path: Path) -> None:
    pixels = noise(H, W, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png", transparency=(1, 2, 3))
    check(tmp_path / "a.png", pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_one_bit_becomes_black_and_white(tmp_path: Path, suffix: str) -> None:
    bits = noise(H, W) > 100
    Image.fromarray(bits).save(tmp_path / f"a{suffix}")
    image = read_image(tmp_path / f"a{suffix}")
    image = image if image.ndim == 2 else image[..., 0]
    np.testing.assert_array_equal(image, bits.astype(np.uint8) * 255)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_of_16_bit_keeps_them_all(tmp_path: Path, channels: int) -> None:
    import cv2

    pixels = noise(H, W, channels, dtype="uint16")
    stored = pixels[..., [2, 1, 0, 3][:channels]] if channels > 1 else pixels
    encoded = cv2.imencode(".png", stored)[1]
    (tmp_path / "a.png").write_bytes(encoded.tobytes())
    check(tmp_path / "a.png", pixels if channels > 1 else pixels[..., 0])


def png(color_type: int, raw: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    """A 16-bit PNG of H x W, its rows without filter; extra chunks come before the pixels."""
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = len(raw) // H
    rows = b"".join(b"\0" + raw[row * size : (row + 1) * size] for row in range(H))
    head = struct.pack(">IIBBBBB", W, H, 16, color_type, 0, 0, 0)
    chunks = [(b"IHDR", head), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def test_png_of_16_bit_grey_with_alpha(tmp_path: Path) -> None:
    pixels = noise(H, W, 2, dtype="uint16")
    (tmp_path / "a.png").write_bytes(png(4, pixels.astype(">u2").tobytes()))
    check(tmp_path / "a.png", pixels)


def test_png_of_16_bit_with_one_transparent_color_has_three_channels(tmp_path: Path) -> None:
    pixels = noise(H, W, 3, dtype="uint16")
    key = pixels[0, 0].astype(">u2").tobytes()
    (tmp_path / "a.png").write_bytes(png(2, pixels.astype(">u2").tobytes(), (b"tRNS", key)))
    check(tmp_path / "a.png", pixels)


def test_a_cut_or_damaged_16_bit_png_is_refused_not_filled_up(tmp_path: Path) -> None:
    whole = png(2, noise(H, W, 3, dtype="uint16").astype(">u2").tobytes())
    for name, data in (("cut", whole[:-60]), ("damaged", whole[:300] + b"\xff\0\xff" + whole[303:])):
        path = tmp_path / f"{name}.png"
        path.write_bytes(data)
        with pytest.raises(StudioError, match=name):
            read_image(path)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzma"], ids=["plain", "deflate", "lzma"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_tiff_of_working_types(
    tmp_path: Path, dtype: str, channels: int, compression: str | None, byteorder: str
) -> None:
    pixels = noise(H, W, channels, dtype=dtype)
    pixels = pixels[..., 0] if channels == 1 else pixels
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        pixels,
        byteorder=byteorder,
        compression=compression,
        photometric="rgb" if channels in (3, 4) else "minisblack",
        planarconfig="contig" if channels > 1 else None,
    )
    check(path, pixels)


# Values that the rules of the module's docstring make of these, written out by hand.
CONVERSIONS = [
    (np.array([[True, False]]), np.array([[255, 0]], np.uint8)),
    (np.array([[-128, 0, 127]], np.int8), np.array([[0, 128, 255]], np.uint8)),
    (np.array([[-32768, 0, 32767]], np.int16), np.array([[0, 32768, 65535]], np.uint16)),
    (np.array([[0, 70000, 2**32 - 1]], np.uint32), np.array([[0, 70000, 4294967296]], np.float32)),
    (np.array([[-5, 0, 2**24]], np.int32), np.array([[-5, 0, 2**24]], np.float32)),
    (np.array([[0, 2**40]], np.uint64), np.array([[0, 2**40]], np.float32)),
    (np.array([[0.5, -2]], np.float16), np.array([[0.5, -2]], np.float32)),
    (np.array([[0.1, 1e300]], np.float64), np.array([[0.1, np.inf]], np.float32)),
]


@pytest.mark.parametrize(("stored", "wanted"), CONVERSIONS, ids=[str(pair[0].dtype) for pair in CONVERSIONS])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_other_types_are_converted_as_documented(
    tmp_path: Path, stored: np.ndarray, wanted: np.ndarray, compression: str | None
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored, photometric="minisblack", compression=compression)
    check(path, wanted)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_white_is_zero_is_turned_round(tmp_path: Path, dtype: str) -> None:
    pixels = noise(H, W, dtype=dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="miniswhite")
    check(tmp_path / "a.tif", np.iinfo(dtype).max - pixels)


def test_white_is_zero_of_16_bit_with_lzw(tmp_path: Path) -> None:
    pixels = noise(H, W, dtype="uint16")
    path = tmp_path / "a.tif"
    Image.fromarray(pixels).save(path, compression="tiff_lzw")
    check(path, pixels)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags[262].overwrite(0)
    check(path, 65535 - pixels)


def test_planes_one_after_the_other(tmp_path: Path) -> None:
    pixels = noise(H, W, 3, dtype="uint16")
    tifffile.imwrite(
        tmp_path / "a.tif", np.moveaxis(pixels, -1, 0), photometric="rgb", planarconfig="separate"
    )
    check(tmp_path / "a.tif", pixels)


@pytest.mark.parametrize("shape", [(3, 3), (3, 3, 3)])
def test_an_image_as_small_as_its_channels_is_not_turned(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = noise(*shape, dtype="uint16")
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb" if len(shape) == 3 else "minisblack")
    check(tmp_path / "a.tif", pixels)


def test_tiles(tmp_path: Path) -> None:
    pixels = noise(50, 70, 3)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", tile=(32, 32), compression="zlib")
    check(tmp_path / "a.tif", pixels)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg"])
def test_compressions_of_8_bit(tmp_path: Path, compression: str) -> None:
    pixels = np.full((H, W, 3), (200, 30, 90), dtype=np.uint8) if compression == "jpeg" else noise(H, W, 3)
    path = tmp_path / "a.tif"
    Image.fromarray(pixels).save(path, compression=compression)
    if compression == "jpeg":
        assert np.abs(read_image(path).astype(int) - pixels).max() < 6
    else:
        check(path, pixels)


def lzw_rgb(pixels: np.ndarray, orientation: int = 1) -> bytes:
    """A little-endian LZW TIFF of RGB as OpenCV writes it, with an orientation tag added to its only IFD."""
    import cv2

    data = bytearray(cv2.imencode(".tif", pixels[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 5])[1].tobytes())
    data += b"\0" * (len(data) % 2)
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = [bytes(data[start + 2 + 12 * i : start + 14 + 12 * i]) for i in range(count)]
    entries.append(struct.pack("<HHIHH", 274, 3, 1, orientation, 0))
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry))
    struct.pack_into("<I", data, 4, len(data))
    return bytes(data) + struct.pack("<H", count + 1) + b"".join(entries) + b"\0\0\0\0"


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_rgb_with_lzw_keeps_its_bits_and_is_turned(tmp_path: Path, dtype: str, orientation: int) -> None:
    pixels = noise(H, W, 3, dtype=dtype)
    path = tmp_path / "a.tif"
    path.write_bytes(lzw_rgb(pixels, orientation))
    check(path, turned(pixels, orientation), orientation)


def test_deep_rgb_with_lzw_and_broken_codes_is_refused(tmp_path: Path) -> None:
    data = bytearray(lzw_rgb(noise(200, 200, 3, dtype="uint16")))
    data[5000:5400] = b"\xff" * 400
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    with pytest.raises(StudioError):
        read_image(path)


def test_lab_becomes_rgb(tmp_path: Path) -> None:
    lab = np.zeros((2, 2, 3), dtype=np.uint8)
    lab[0] = (255, 0, 0)  # white: L 100, a and b 0 (signed bytes)
    lab[1] = (128, 0, 0)  # middle grey
    tifffile.imwrite(tmp_path / "a.tif", lab, photometric="cielab")
    image = read_image(tmp_path / "a.tif")
    assert image.shape == (2, 2, 3)
    assert image[0].min() >= 254
    assert np.abs(image[1].astype(int) - 119).max() <= 2  # L* 50 is sRGB 119


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_ink_becomes_light(tmp_path: Path, dtype: str) -> None:
    full = np.iinfo(dtype).max
    inks = np.array([[[0, 0, 0, 0], [full, 0, 0, 0], [0, 0, 0, full], [0, full, full, 0]]], dtype)
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated")
    wanted = np.array([[[full, full, full], [0, full, full], [0, 0, 0], [full, 0, 0]]], dtype)
    check(tmp_path / "a.tif", wanted)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_alpha_that_was_multiplied_in_is_divided_out(tmp_path: Path, dtype: str) -> None:
    full = 1 if dtype == "float32" else np.iinfo(dtype).max
    half = full / 2 if dtype == "float32" else full // 2
    pixels = np.array([[[half, 0, 0, half], [0, 0, 0, 0], [full, half, 0, full]]], dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["assocalpha"])
    wanted = np.array([[[full, 0, 0, half], [0, 0, 0, 0], [full, half, 0, full]]], dtype)
    check(tmp_path / "a.tif", wanted)


def test_pages_of_a_stack(tmp_path: Path) -> None:
    stack = noise(4, H, W, dtype="uint16")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, photometric="minisblack")
    check(path, stack[0], pages=4)
    for number in range(4):
        np.testing.assert_array_equal(read_image(path, number), stack[number])
    for number in (-1, 4):
        with pytest.raises(StudioError, match=r"a\.tif has no page"):
            read_image(path, number)


def test_pages_that_pillow_reads(tmp_path: Path) -> None:
    pages = noise(3, H, W, 3)
    first, *rest = [Image.fromarray(page) for page in pages]
    path = tmp_path / "a.tif"
    first.save(path, save_all=True, append_images=rest, compression="tiff_lzw")
    check(path, pages[0], pages=3)
    np.testing.assert_array_equal(read_image(path, 2), pages[2])


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_of_an_animation_the_first_frame(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (W, H), color) for color in ((255, 0, 0), (0, 255, 0))]
    path = tmp_path / f"a{suffix}"
    options: dict[str, Any] = {"lossless": True} if suffix == ".webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(read_image(path)[..., :3], np.asarray(frames[0]))
    assert read_info(path).pages == 1
    with pytest.raises(StudioError, match="no page 1"):
        read_image(path, 1)


def turned(stored: np.ndarray, orientation: int) -> np.ndarray:
    """EXIF 2.32, 4.6.4.A: where the stored first row and column are seen; with other words than the code."""
    return {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: np.fliplr(np.rot90(a, -1)),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.fliplr(np.rot90(a, 1)),
        8: lambda a: np.rot90(a, 1),
    }[orientation](stored)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", "_lzw.tif", "_deep.tif", "_deep.png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_by_every_reader(tmp_path: Path, orientation: int, suffix: str) -> None:
    import cv2

    stored = np.zeros((40, 64, 3), dtype=np.uint8)
    stored[:20, :32], stored[:20, 32:], stored[20:, :32] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    image = Image.fromarray(stored)
    exif = image.getexif()
    exif[274] = orientation
    path = tmp_path / f"a{suffix}"
    if suffix == "_deep.tif":
        tifffile.imwrite(
            path,
            stored.astype(np.uint16) * 257,
            photometric="rgb",
            extratags=[(274, 3, 1, orientation, True)],
        )
    elif suffix == "_deep.png":
        deep = bytearray(cv2.imencode(".png", stored[..., ::-1].astype(np.uint16) * 257)[1].tobytes())
        body = exif.tobytes().removeprefix(b"Exif\0\0")
        import zlib

        chunk = struct.pack(">I", len(body)) + b"eXIf" + body + struct.pack(">I", zlib.crc32(b"eXIf" + body))
        path.write_bytes(bytes(deep[:33]) + chunk + bytes(deep[33:]))
    else:
        options = {
            ".webp": {"lossless": True},
            "_lzw.tif": {"compression": "tiff_lzw"},
            ".jpg": {"quality": 95},
        }
        image.save(path, exif=exif, **options.get(suffix, {}))
    wanted = turned(stored, orientation)
    seen = read_image(path)
    shown = (seen // 257 if seen.dtype == np.uint16 else seen).astype(int)
    assert shown.shape == wanted.shape
    assert np.abs(shown - wanted)[5:-5, 5:-5].mean() < 6
    info = read_info(path)
    assert (info.height, info.width, info.orientation) == (*wanted.shape[:2], orientation)
    small = read_thumbnail(path, 16)
    assert small.shape == ((10, 16, 3) if orientation < 5 else (16, 10, 3))
    corners = np.s_[[1, 1, -2, -2], [1, -2, 1, -2]]
    np.testing.assert_allclose(small[corners], wanted[corners], atol=45)


def test_exif_behind_the_pixels_of_a_png(tmp_path: Path) -> None:
    pixels = noise(H, W)
    path = tmp_path / "a.png"
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[274] = 6
    image.save(path, exif=exif)
    data = path.read_bytes()
    start = data.index(b"eXIf") - 4
    size = struct.unpack(">I", data[start : start + 4])[0] + 12
    path.write_bytes(data[:start] + data[start + size : -12] + data[start : start + size] + data[-12:])
    check(path, turned(pixels, 6), 6)


def test_a_senseless_orientation_is_ignored(tmp_path: Path) -> None:
    pixels = noise(H, W)
    for value in (0, 9, 4711):
        image = Image.fromarray(pixels)
        exif = image.getexif()
        exif[274] = value
        image.save(tmp_path / "a.png", exif=exif)
        check(tmp_path / "a.png", pixels)
    image.save(tmp_path / "b.png", exif=b"Exif\0\0not a tiff header at all")
    check(tmp_path / "b.png", pixels)


NAMES = [
    "日本語の画像.png",
    "straße größe ñ.png",
    "emoji_😀.png",
    "spaces  and (brackets) [x] #1 %20 & 'quote'.png",
    "-leading-dash.png",
    "no suffix",
    "back\\slash.png",
    "new\nline.png",
    "x" * 250 + ".png",
    "not text \udcff.png",
]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names(tmp_path: Path, name: str) -> None:
    pixels = noise(H, W, 3)
    path = tmp_path / name
    try:
        with path.open("wb") as stream:
            Image.fromarray(pixels).save(stream, "PNG")
    except (OSError, ValueError):
        pytest.skip("this file system has no such names")
    check(path, pixels)
    deep = noise(H, W, 3, dtype="uint16")
    with path.open("wb") as stream:  # by tifffile, whatever the name says
        tifffile.imwrite(stream, deep, photometric="rgb")
    check(path, deep)


def test_content_counts_not_the_suffix(tmp_path: Path) -> None:
    pixels = noise(H, W, 3)
    for suffix, kind in ((".jpg", "PNG"), (".png", "TIFF"), (".tif", "BMP")):
        Image.fromarray(pixels).save(tmp_path / f"a{suffix}", kind)
        check(tmp_path / f"a{suffix}", pixels)


def test_large_images_are_read_in_bands_without_a_seam(tmp_path: Path) -> None:
    pixels = noise(1100, 4100)
    image = Image.fromarray(pixels)
    image.putpalette(noise(256, 3, seed=5).tobytes())
    exif = image.getexif()
    exif[274] = 8
    image.save(tmp_path / "a.png", exif=exif, compress_level=1)
    check(tmp_path / "a.png", turned(noise(256, 3, seed=5)[pixels], 8), 8)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (31, 17)])
def test_thumbnails_are_never_enlarged_and_never_empty(tmp_path: Path, size: tuple[int, int]) -> None:
    for suffix in (".png", ".jpg", ".tif"):
        Image.new("RGB", size, (10, 200, 30)).save(tmp_path / f"a{suffix}")
        small = read_thumbnail(tmp_path / f"a{suffix}", 50)
        assert small.dtype == np.uint8
        assert small.shape[1] == min(size[0], 50)
        assert small.shape[0] == min(size[1], 50)
        assert np.abs(small.astype(int) - (10, 200, 30)).max() < 8


def test_the_thumbnail_of_a_jpeg_looks_like_it(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:480, :640]
    picture = np.dstack([rows // 2, columns // 3, 255 - rows // 2]).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.jpg", quality=92)
    small = read_thumbnail(tmp_path / "a.jpg", 160)
    assert small.shape == (120, 160, 3)
    assert np.abs(small.astype(int) - picture[2::4, 2::4]).mean() < 3


def test_the_thumbnail_of_a_deep_image_uses_its_own_range(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(1000, 1500, 400), (300, 1)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", ramp)
    small = read_thumbnail(tmp_path / "a.tif", 100)
    assert small.shape == (75, 100, 3)
    assert small[:, 0].max() < 10
    assert small[:, -1].min() > 245


def test_several_threads_read_at_once(tmp_path: Path) -> None:
    pictures = {}
    for number in range(6):
        pixels = noise(200, 300, 3, dtype="uint16" if number % 2 else "uint8", seed=number)
        path = tmp_path / f"{number}.tif"
        if number % 3:
            tifffile.imwrite(path, pixels, photometric="rgb", compression="zlib")
        else:
            path.write_bytes(lzw_rgb(pixels))
        pictures[path] = pixels
    wrong: list[object] = []

    def work() -> None:
        for _ in range(5):
            for path, pixels in pictures.items():
                try:
                    if not np.array_equal(read_image(path), pixels):
                        wrong.append(path)
                except Exception as error:
                    wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_file_hash_is_of_the_bytes(tmp_path: Path) -> None:
    import hashlib

    data = noise(3 * 2**20 + 5).tobytes()
    (tmp_path / "a").write_bytes(data)
    assert file_hash(tmp_path / "a") == hashlib.blake2b(data, digest_size=16).hexdigest()
    with pytest.raises(StudioError, match="does not exist"):
        file_hash(tmp_path / "b")


def test_suffixes_are_lower_case_with_a_dot() -> None:
    assert {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"} <= IMAGE_SUFFIXES
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in IMAGE_SUFFIXES)


def test_our_turning_is_pillow_s_turning(tmp_path: Path) -> None:
    """The oracle of these tests against another program's."""
    stored = noise(H, W)
    for orientation in range(1, 9):
        image = Image.fromarray(stored)
        exif = image.getexif()
        exif[274] = orientation
        image.save(tmp_path / "a.png", exif=exif, pnginfo=PngImagePlugin.PngInfo())
        with Image.open(tmp_path / "a.png") as opened:
            np.testing.assert_array_equal(
                np.asarray(ImageOps.exif_transpose(opened)), turned(stored, orientation)
            )
