"""torchvision's geometry: what `Resize(256)` and `CenterCrop(224)` make of a picture of Pillow's, to the last bit."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alexlab.data.input.decode import ImageError, Pixels
from alexlab.data.input.transform import Transform, batch_of
from alexlab.data.opening import open_dataset
from alexlab.errors import UserError
from alexlab.recipes import overridden, read_recipe
from alexlab.recipes.resolving import resolved, transform
from alexlab.weights.published import path_to_input
from tests.conftest import write_photographs

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def resize(picture: Image.Image, size: int) -> Image.Image:
    """`torchvision.transforms.Resize(size)`, of a picture of Pillow's."""
    w, h = picture.size
    short, long = (w, h) if w <= h else (h, w)
    new_short, new_long = size, int(size * long / short)
    new_w, new_h = (new_short, new_long) if w <= h else (new_long, new_short)
    return picture if (new_w, new_h) == (w, h) else picture.resize((new_w, new_h), Image.Resampling.BILINEAR)


def center_crop(picture: Image.Image, size: int) -> Image.Image:
    """`torchvision.transforms.CenterCrop(size)`, of a picture that is large enough."""
    crop_top, crop_left = round((picture.height - size) / 2.0), round((picture.width - size) / 2.0)
    return picture.crop((crop_left, crop_top, crop_left + size, crop_top + size))


def torchvisions(picture: Image.Image) -> torch.Tensor:
    """The input as `AlexNet_Weights.IMAGENET1K_V1.transforms()` makes it."""
    pixels_HWC = torch.from_numpy(np.asarray(center_crop(resize(picture, 256), 224)).copy())
    levels_CHW = pixels_HWC.permute(2, 0, 1).to(torch.float32).div(255)
    return (levels_CHW - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def noise(width: int, height: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(deadline=None, max_examples=60)
@given(st.integers(20, 700), st.integers(20, 700), st.integers(0, 99))
def test_published_weights_see_torchvisions_pixels(width: int, height: int, seed: int) -> None:
    pixels = noise(width, height, seed)
    values = path_to_input("alexnet-torchvision")
    assert (values["store"], values["fit"], values["view"]) == (256, "shorter-side", "centre")
    ready = Transform((3, 256, 256), values["fit"], (3, 224, 224), values["view"], values["mean"], values["std"])
    expected = torchvisions(Image.fromarray(pixels))
    for given_as in (pixels, Image.fromarray(pixels)):
        stored = ready.stored(given_as)
        cut = np.asarray(center_crop(resize(Image.fromarray(pixels), 256), 224))
        assert np.array_equal(stored[16:240, 16:240], cut)
        assert torch.equal(ready(batch_of(stored[None]))[0], expected)


@settings(deadline=None, max_examples=40)
@given(st.integers(5, 60), st.integers(5, 60), st.integers(4, 20), st.integers(0, 3))
def test_any_side_and_a_centre_of_it(width: int, height: int, side: int, fours: int) -> None:
    picture = Image.fromarray(noise(width, height))
    grey = picture.convert("L")
    cut = min(2 * fours, (side - 1) // 2 // 2 * 2)  # on each side: an even number, of which something is left
    for channels, shown in ((3, picture), (1, grey)):
        stored = Transform((channels, side, side), "shorter-side", (channels, side, side)).stored(picture)
        window = center_crop(resize(shown, side), side - 2 * cut)
        within = stored[cut : side - cut, cut : side - cut]
        assert np.array_equal(within, np.asarray(window).reshape(within.shape))


def test_torchvisions_recipe_has_it_and_other_crops_are_other_pixels(tmp_path: Path) -> None:
    dataset = open_dataset(f"folder:{write_photographs(tmp_path / 'photos', each=3)}")
    chosen = overridden(read_recipe("torchvision-alexnet"), {"dataset": dataset.name, "batch": 2})
    ready = transform(resolved(chosen, dataset))
    assert ready.fit == "shorter-side" and ready.store == (3, 256, 256)
    picture = noise(301, 400)
    former = Transform(ready.store, "crop", ready.input, ready.view, ready.mean, ready.std)
    assert not np.array_equal(former.stored(picture), ready.stored(picture))
    with pytest.raises(UserError, match=r"shorter-side.* makes squares"):
        resolved(overridden(chosen, {"store": [3, 256, 300]}), dataset)


def test_a_picture_that_would_be_too_large_is_refused() -> None:
    ready = Transform((3, 256, 256), "shorter-side", (3, 224, 224))
    with pytest.raises(ImageError, match="line.png: 60000x1; with a shorter side of 256 it would have"):
        ready.stored(noise(60_000, 1), "line.png")
