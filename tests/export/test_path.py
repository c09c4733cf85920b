"""The path to the input as layers of a network, held against the path that a run takes."""

import numpy as np
import pytest
import torch

from alexlab.data.input.colour import PixelStatistics
from alexlab.data.input.transform import Transform, batch_of
from alexlab.export.path import Path

SIZES = [(33, 57), (64, 64), (96, 144), (375, 251), (501, 333), (20, 11), (40, 300), (640, 37)]


def pictures() -> list[np.ndarray]:
    """Pictures of several sizes, tall ones and small ones too, in which neighbouring pixels are alike."""
    random = np.random.default_rng(0)
    found = []
    for height, width in SIZES:
        slow = np.add.outer(np.sin(np.arange(height) / 9), np.cos(np.arange(width) / 7))[..., None] * 50 + 128
        noise = random.integers(-20, 21, (height, width, 3))
        found.append((slow + np.array([20, 0, -20]) + noise).clip(0, 255).astype(np.uint8))
    return found


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad", "frame"])
@pytest.mark.parametrize("store", [(1, 28, 28), (3, 64, 64), (3, 48, 72), (1, 200, 180)])
def test_what_is_stored_is_the_same_bit_for_bit(store: tuple[int, int, int], fit: str) -> None:
    transform = Transform(store=store, fit=fit, input=store)
    path = Path(transform)
    for picture in pictures():
        stored_CHW = path.stored(torch.from_numpy(picture)[None])[0]
        assert np.array_equal(stored_CHW.permute(1, 2, 0).numpy(), transform.stored(picture)), picture.shape


@pytest.mark.parametrize("store", [(1, 28, 28), (3, 64, 64), (3, 97, 97), (3, 256, 256)])
def test_torchvisions_geometry_is_the_same_bit_for_bit(store: tuple[int, int, int]) -> None:
    transform = Transform(store=store, fit="shorter-side", input=store)
    path = Path(transform)
    for picture in pictures():
        stored_CHW = path.stored(torch.from_numpy(picture)[None])[0]
        assert np.array_equal(stored_CHW.permute(1, 2, 0).numpy(), transform.stored(picture)), picture.shape


def test_the_input_is_the_same_to_rounding() -> None:
    random = torch.Generator().manual_seed(0)
    mean_image = PixelStatistics(1, torch.rand(3, 40, 40, generator=random) * 255, torch.zeros(3), torch.eye(3))
    for transform in (
        Transform(store=(3, 40, 40), fit="crop", input=(3, 32, 32), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)),
        Transform(store=(3, 40, 40), fit="crop", input=(3, 48, 30), mean=(0.5,)),
        Transform(store=(3, 40, 40), fit="crop", input=(3, 33, 32), view="centre", pixels="0-255"),
        Transform((3, 40, 40), "crop", (3, 32, 32), "resize", statistics=mean_image, subtract_mean_image=True),
        Transform((3, 40, 40), "crop", (3, 32, 32), "centre", statistics=mean_image, subtract_mean_image=True),
    ):
        path = Path(transform)
        for picture in pictures():
            wanted = transform(batch_of(transform.stored(picture)[None]))
            assert torch.allclose(path(torch.from_numpy(picture)[None]), wanted, atol=2e-5 * float(wanted.abs().max()))


def test_a_batch_of_one_size_is_taken_at_once() -> None:
    path = Path(Transform(store=(3, 24, 24), fit="crop", input=(3, 24, 24)))
    two = torch.from_numpy(np.stack([pictures()[3], pictures()[3][::-1]]))
    assert torch.equal(path(two), torch.cat([path(two[:1]), path(two[1:])]))
