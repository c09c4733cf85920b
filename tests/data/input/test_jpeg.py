"""JPEGs that are decoded straight into memory have Pillow's pixels, bit for bit; what is not plain goes to Pillow."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alexlab.data.input.decode import MOST_PIXELS, ImageError, decode, decode_rgb
from alexlab.data.input.fitting import fit
from alexlab.data.input.jpeg import decode_jpeg

pytest.importorskip("simplejpeg")


def picture(width: int = 60, height: int = 44, mode: str = "RGB") -> Image.Image:
    """Something with edges and slopes, as photographs have."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([(x * 7) % 256, (y * 5 + x) % 256, ((x // 8 + y // 8) % 2) * 200], axis=2).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def jpeg(image: Image.Image, **how: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **how)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "how", [{}, {"quality": 20}, {"quality": 100}, {"subsampling": 0}, {"subsampling": 1}, {"progressive": True}]
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("width", [1, 15, 16, 61])
def test_pixels_are_pillows(how: dict[str, object], mode: str, width: int) -> None:
    data = jpeg(picture(width, mode=mode), **how)
    expected = np.asarray(decode(data, "x").convert("RGB"))
    into = np.zeros((44, width, 3), np.uint8)
    pixels = decode_jpeg(data, into, MOST_PIXELS)
    assert pixels is into and np.array_equal(into, expected)
    assert np.array_equal(decode_rgb(data, "x"), expected)


def test_what_is_not_plain_is_left_to_pillow() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = jpeg(picture(), exif=exif)
    xmp = jpeg(picture(), xmp=b"<x tiff:Orientation='6'/>")
    for data in (turned, xmp, jpeg(picture(mode="CMYK")), b"", b"\xff\xd8\xff", b"GIF89a", jpeg(picture())[:-40]):
        assert decode_jpeg(data, None, MOST_PIXELS) is None
    assert decode_jpeg(jpeg(picture()), None, 60 * 44 - 1) is None
    assert decode_rgb(turned, "x").shape == (60, 44, 3)
    assert decode_rgb(jpeg(picture(mode="CMYK")), "x").shape == (44, 60, 3)
    exif[0x0112] = 1
    assert decode_jpeg(jpeg(picture(), exif=exif), None, MOST_PIXELS) is not None


@pytest.mark.parametrize("cut", [3, 200, 700, -40])
def test_a_damaged_one_has_the_same_error_as_ever(cut: int) -> None:
    data = jpeg(picture(200, 200))[:cut]
    with pytest.raises(ImageError) as expected:
        decode(data, "photo.jpg")
    with pytest.raises(ImageError) as found:
        decode_rgb(data, "photo.jpg")
    assert str(found.value) == str(expected.value) and "photo.jpg: " in str(found.value)


@given(st.binary(max_size=300), st.integers(0, 500))
def test_junk_in_a_jpeg_is_read_as_pillow_reads_it_or_refused(junk: bytes, at: int) -> None:
    data = jpeg(picture())
    data = data[:at] + junk + data[at + len(junk) :]
    try:
        expected = np.asarray(decode(data, "x").convert("RGB"))
    except ImageError:
        with pytest.raises(ImageError):
            decode_rgb(data, "x")
        return
    assert np.array_equal(decode_rgb(data, "x"), expected)


sides = st.integers(1, 70)


@settings(deadline=None)
@given(sides, sides, sides, sides, st.sampled_from(["stretch", "crop"]), st.integers(0, 99))
def test_a_fit_is_pillows_within_one_level(h: int, w: int, new_h: int, new_w: int, how: str, seed: int) -> None:
    from PIL import ImageOps

    pixels = np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)
    image, size = Image.fromarray(pixels), (new_w, new_h)
    bilinear = Image.Resampling.BILINEAR
    pillow = image.resize(size, bilinear) if how == "stretch" else ImageOps.fit(image, size, bilinear)
    for given_as in (pixels, image):
        ours = np.empty((new_h, new_w, 3), np.uint8)
        fit(given_as, ours, how)
        assert np.abs(ours.astype(int) - np.asarray(pillow)).max() <= 1
