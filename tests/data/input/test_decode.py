"""Any image becomes upright 8-bit grey or RGB; what cannot is named."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from alexlab.data.input import decode as decoding
from alexlab.data.input.decode import ImageError, decode, fit


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
    assert upright.getpixel((1, 1))[0] > 200 and upright.getpixel((1, 6))[0] < 50


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
    assert decode(data(red.convert("P")), "x").getpixel((0, 0))[0] > 180
    assert decode(data(red.convert("CMYK"), "JPEG"), "x").mode == "RGB"
    assert decode(data(Image.new("1", (3, 3), 1)), "x").getpixel((0, 0)) == 255
    transparent = red.convert("P")
    assert decode(data(transparent, transparency=transparent.getpixel((0, 0))), "x").getpixel((1, 1)) == (255, 255, 255)


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
