"""What Python hands over is decoded as the file that it would be saved as, or refused by name."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alexlab.data.input.decode import decode
from alexlab.data.input.given import Given, picture_of
from alexlab.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)


def file(image: Image.Image, format: str = "PNG", **how: Any) -> bytes:
    data = io.BytesIO()
    image.save(data, format, **how)
    return data.getvalue()


def given(image: Given, levels: tuple[float, float] | None = None) -> Image.Image:
    found = picture_of(image, "image", levels)
    return decode(found, "image", levels) if isinstance(found, bytes) else found


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.mode == other.mode and np.array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1"])
def test_a_picture_is_read_as_its_png(mode: str) -> None:
    picture = Image.fromarray(PIXELS).convert(mode)
    assert same(given(picture), decode(file(picture), "x"))


def test_a_picture_of_other_modes_is_read_as_its_file() -> None:
    wide = Image.fromarray(np.arange(35, dtype=np.uint16).reshape(5, 7) * 1800)
    assert wide.mode == "I;16" and same(given(wide), decode(file(wide), "x"))
    whole = Image.fromarray(np.asarray(wide).astype(np.int32))
    assert whole.mode == "I" and same(given(whole), decode(file(whole, "TIFF"), "x"))
    printed = Image.fromarray(PIXELS[..., :3]).convert("CMYK")
    assert same(given(printed), decode(file(printed, "TIFF"), "x"))
    premultiplied = Image.fromarray(PIXELS).convert("RGBa")
    assert given(premultiplied).mode == "RGB"
    floating = Image.fromarray(np.linspace(-3, 3, 35, dtype=np.float32).reshape(5, 7))
    with pytest.raises(UserError, match="image: floating-point pixels have no agreed range"):
        given(floating)
    assert same(given(floating, (-3, 3)), decode(file(floating, "TIFF"), "x", (-3, 3)))
    assert np.ptp(np.asarray(given(floating, (-3, 3)))) == 255


def test_orientation_and_a_transparent_colour_of_an_opened_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = file(Image.fromarray(PIXELS[..., :3]), exif=exif)
    assert given(Image.open(io.BytesIO(data))).size == (5, 7) and same(
        given(Image.open(io.BytesIO(data))), decode(data, "x")
    )
    black = file(Image.new("RGB", (2, 2)), transparency=(0, 0, 0))
    assert given(Image.open(io.BytesIO(black))).getpixel((0, 0)) == (255, 255, 255)


def test_bytes_and_open_files() -> None:
    data = file(Image.fromarray(PIXELS))
    for image in (data, bytearray(data), memoryview(data), io.BytesIO(data)):
        assert same(given(image), decode(data, "x"))
    with pytest.raises(UserError, match="gives text; open it as bytes"):
        given(io.StringIO("text"))  # type: ignore[arg-type]


def test_arrays_and_tensors_of_every_understood_kind() -> None:
    rgba, rgb, grey = PIXELS, PIXELS[..., :3], PIXELS[..., 0]
    for pixels in (rgba, rgb, PIXELS[..., :2], grey):
        expected = decode(file(Image.fromarray(pixels)), "x")
        channels_first = np.moveaxis(pixels, 2, 0) if pixels.ndim == 3 else pixels[None]
        for array in (pixels, channels_first):
            for same_values in (array, array.astype(np.int64), array.astype(np.float64), array / 255):
                assert same(given(same_values), expected)
                assert same(given(torch.from_numpy(np.array(same_values))), expected)
    assert same(given(torch.from_numpy(rgb / 255).float().requires_grad_()), Image.fromarray(rgb))
    assert np.asarray(given(grey > 100)).tolist() == (255 * (grey > 100)).tolist()
    wide = np.array([[0, 257, 65535]], np.uint16)
    assert same(given(wide), decode(file(Image.fromarray(wide)), "x"))
    assert np.asarray(given(np.array([[0, 2048, 4095]], np.uint16), (0, 4095))).tolist() == [[0, 128, 255]]


def test_of_two_readings_channels_come_last_in_arrays_and_first_in_tensors() -> None:
    array = np.zeros((3, 6, 3), np.uint8)
    assert given(array).size == (6, 3) and given(torch.from_numpy(array)).size == (3, 6)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.full((3, 3), -0.5), "values from -0.5 to -0.5; understood are .*The run normalises by itself"),
        (np.full((3, 3), 300.0), "values from 300 to 300; understood are"),
        (np.full((3, 3), np.nan), "no finite numbers"),
        (np.full((3, 3), 1.2), "neither 0 to 1 nor likely 0 to 255"),
        (np.full((3, 3), 4000, np.int32), "an array of int32 and shape .* values from 4000 to 4000"),
        (torch.full((3, 3), -1.0), "a tensor of torch.float32 and shape"),
        (np.zeros((2, 3, 5, 5)), r"list\(images\)"),
        (np.zeros((5, 5, 7)), "is no picture; understood are"),
        (np.zeros((0, 5), np.uint8), "is no picture"),
        (np.zeros(5), "is no picture"),
        (np.full((3, 3), "a"), "holds no numbers"),
        (np.zeros((3, 3), complex), "holds no numbers"),
        (7, "image: found int; expected a path"),
    ],
)
def test_what_has_no_one_meaning_is_refused(image: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        given(image)
