"""Any image becomes upright 8-bit grey or RGB; what cannot is named."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin, features

from alexlab.data.input import decode as decoding
from alexlab.data.input.decode import ImageError, decode
from alexlab.data.input.fitting import fit


def data(image: Image.Image, format: str = "PNG", **how: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **how)
    return buffer.getvalue()


def test_grey_and_colour_come_back_as_they_are() -> None:
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    assert np.array_equal(np.asarray(decode(data(Image.fromarray(pixels)), "x")), pixels)
    assert np.array_equal(np.asarray(decode(data(Image.fromarray(pixels[..., 0])), "x")), pixels[..., 0])


def test_orientation_is_applied() -> None:
    image = Image.new("RGB", (8, 4))
    image.paste((255, 0, 0), (0, 0, 4, 4))  # left half red
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    upright = decode(data(image, "JPEG", exif=exif, quality=95), "x")
    assert upright.size == (4, 8)
    red_HW = np.asarray(upright)[..., 0]
    assert red_HW[1, 1] > 200 and red_HW[6, 1] < 50


def test_sixteen_bits_are_scaled() -> None:
    wide = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    assert np.asarray(decode(data(Image.fromarray(wide)), "x")).tolist() == [[0, 1, 128, 255]]


def test_transparency_lies_over_white() -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (10, 20, 30, 255))
    assert np.asarray(decode(data(image), "x")).tolist() == [[[255, 255, 255], [10, 20, 30]]]
    assert np.asarray(decode(data(image.convert("LA")), "x")).tolist() == [[255, 18]]


def test_palette_bilevel_and_cmyk() -> None:
    red = Image.new("RGB", (3, 3), (200, 0, 0))
    assert np.asarray(decode(data(red.convert("P")), "x"))[0, 0, 0] > 180
    assert decode(data(red.convert("CMYK"), "JPEG"), "x").mode == "RGB"
    assert decode(data(Image.new("1", (3, 3), 1)), "x").getpixel((0, 0)) == 255
    transparent = red.convert("P")
    assert decode(data(transparent, transparency=transparent.getpixel((0, 0))), "x").getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_a_transparent_colour_lies_over_white(mode: str) -> None:
    image = Image.new("L", (2, 1), 255).convert(mode)
    image.putpixel((1, 0), 0 if mode != "RGB" else (0, 0, 0))
    black = {"RGB": (0, 0, 0), "P": image.getpixel((1, 0))}.get(mode, 0)
    assert np.asarray(decode(data(image, transparency=black), "x")).min() == 255


def png(width: int, bits: int, colour: int, transparent: bytes, rows: bytes) -> bytes:
    """A PNG of one row of pixels, which Pillow does not write in 2, 4 or 16 bits."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, 1, bits, colour, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" + rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"tRNS", transparent) + body + chunk(b"IEND", b"")


def test_a_transparent_colour_of_any_depth() -> None:
    assert np.asarray(decode(png(2, 4, 0, b"\0\x05", b"\x53"), "x")).tolist() == [[255, 51]]
    assert np.asarray(decode(png(4, 2, 0, b"\0\x01", b"\x1b"), "x")).tolist() == [[0, 255, 170, 255]]
    assert np.asarray(decode(png(2, 16, 0, b"\x12\x34", b"\x12\x34\x12\x35"), "x")).tolist() == [[255, 18]]
    wide = struct.pack(">6H", 0x1234, 0, 0, 0x2234, 0, 0)
    assert decode(png(2, 16, 2, struct.pack(">3H", 0x1234, 0, 0), wide), "x").getpixel((0, 0)) == (255, 255, 255)
    assert decode(png(2, 16, 2, struct.pack(">3H", 0x1234, 0, 0), wide), "x").getpixel((1, 0)) == (0x22, 0, 0)


@pytest.mark.parametrize("packed", [True, False])
def test_a_large_text_is_no_damage(packed: bool) -> None:
    """A packed one is beyond what Pillow takes at once; many are, together."""
    info = PngImagePlugin.PngInfo()
    for number in range(1 if packed else 70):
        info.add_text(f"workflow {number}", "x" * 1_048_570 * (2 if packed else 1), zip=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.effect_noise((8, 4), 50)
    written = data(image, pnginfo=info, exif=exif)
    assert np.array_equal(np.asarray(decode(written, "x")), np.rot90(np.asarray(image), -1))
    with pytest.raises(ImageError, match="damaged or cut off"):
        decode(written[:-40], "x")


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (b"\0\0\0\x20ftypheic\0\0\0\0mif1heic", "it is HEIC; pillow-heif reads it"),
        (b"\0\0\0\x20ftypavif\0\0\0\0mif1", "it is AVIF; Pillow reads it from version 11.3 on"),
        (b"\0\0\0\x20ftypmif1\0\0\0\0avif", "it is AVIF"),
        (b"\0\0\0\x20ftypisom", "it is a video"),
        (b"\xff\x0a\0\0", "it is JPEG XL; convert it"),
        (b'<?xml version="1.0"?>\n<!-- drawn --> <svg>', "it is SVG; convert it"),
        (b"\n<!DOCTYPE html><html>404", "it is a web page; fetch the picture itself"),
        (b"%PDF-1.7", "it is a PDF document"),
        (b"version https://git-lfs.github.com/spec/v1", "run `git lfs pull`"),
        (b"\0" * 128 + b"DICM", "it is DICOM"),
        (b"no idea what", "it starts with b'no idea what'"),
    ],
)
def test_a_format_that_is_not_read_is_named(monkeypatch: pytest.MonkeyPatch, start: bytes, says: str) -> None:
    monkeypatch.setattr(decoding, "FORMATS", ("JPEG", "PNG"))
    monkeypatch.setattr(decoding, "_reads_heif", lambda: False)
    with pytest.raises(ImageError, match=f"photo.jpg: not an image that can be read.*{says}"):
        decode(start + bytes(64), "photo.jpg")


@pytest.mark.parametrize("format", ["AVIF", "HEIF"])
def test_newer_formats_are_read_where_they_can_be(format: str) -> None:
    if format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    elif not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    found = decode(data(Image.new("RGB", (64, 48), (200, 10, 10)), format), "x")
    assert found.size == (64, 48) and np.abs(np.array(found.getpixel((9, 9))) - (200, 10, 10)).max() < 4


def test_of_several_pages_it_is_the_first() -> None:
    pages = [Image.new("L", (4, 4), value) for value in (10, 200)]
    assert decode(data(pages[0], "TIFF", save_all=True, append_images=pages[1:]), "x").getpixel((0, 0)) == 10


def test_levels_say_what_becomes_black_and_white() -> None:
    wide = data(Image.fromarray(np.array([[0, 100, 2148, 4196, 9000]], dtype=np.uint16)))
    assert np.asarray(decode(wide, "x", (100, 4196))).tolist() == [[0, 0, 128, 255, 255]]
    floats = data(Image.fromarray(np.array([[-1, 0, 1, np.nan]], dtype=np.float32)), "TIFF")
    assert np.asarray(decode(floats, "x", (-1, 1))).tolist() == [[0, 128, 255, 0]]
    whole = data(Image.fromarray(np.array([[0, 70_000]], dtype=np.int32)), "TIFF")
    with pytest.raises(ImageError, match="pixels of 32 bits, 0 to 70000 here"):
        decode(whole, "x")
    assert np.asarray(decode(whole, "x", (0, 70_000))).tolist() == [[0, 255]]
    eight = data(Image.new("L", (2, 2), 77))
    assert decode(eight, "x", (0, 4095)).getpixel((0, 0)) == 77


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (b"", "photo.jpg: the file is empty"),
        (b"I am text, not a picture", "photo.jpg: not an image"),
        (data(Image.effect_noise((64, 64), 50), "JPEG")[:600], "photo.jpg: the image is damaged or cut off"),
        (data(Image.effect_noise((64, 64), 50))[:900], "photo.jpg: the image is damaged or cut off"),
        (data(Image.new("F", (2, 2)), "TIFF"), "floating-point pixels"),
    ],
)
def test_what_is_no_image_is_named(broken: bytes, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        decode(broken, "photo.jpg")


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MOST_PIXELS", 99)
    with pytest.raises(ImageError, match="decompression bomb"):
        decode(data(Image.new("L", (10, 10))), "bomb.png")


def test_pillows_own_limit_is_a_bomb_too() -> None:
    """A 60 kB file of 10,000 x 10,000 pixels: Pillow warns, and warnings are errors here."""
    with pytest.raises(ImageError, match="decompression bomb"):
        decode(data(Image.new("1", (10_000, 10_000))), "bomb.png")


@given(st.binary(max_size=200))
def test_anything_at_all_is_read_or_refused(junk: bytes) -> None:
    with pytest.raises(ImageError):
        decode(junk, "junk")


@given(st.sampled_from(["stretch", "crop", "pad"]), st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]))
def test_every_fit_gives_the_shape_asked_for(how: str, height: int, width: int, channels: int) -> None:
    colours = np.random.default_rng(0).integers(1, 256, (9, 17, 3), dtype=np.uint8)
    pixels = np.zeros((height, width, channels), np.uint8)
    fit(Image.fromarray(colours), pixels, how)
    assert how == "pad" or pixels.min() > 0  # every one is written
    assert pixels.max() > 0


def test_what_each_fit_keeps() -> None:
    """A wide picture, dark left third, light middle, dark right third."""
    image = Image.new("L", (30, 10))
    image.paste(255, (10, 0, 20, 10))
    stretched, cropped, padded = made = [np.empty((10, 10), np.uint8) for _ in range(3)]
    for pixels, how in zip(made, ("stretch", "crop", "pad"), strict=True):
        fit(image, pixels[:, :, None], how)
    assert stretched[5, 0] < 30 and stretched[5, 5] > 225
    assert cropped.min() == 255
    assert padded[0].max() == 0 and padded[5, 5] > 225
