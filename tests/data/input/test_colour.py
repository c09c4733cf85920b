"""Mean image, principal colours and the noise along them, against small examples worked out by hand."""

from typing import Any

import numpy as np
import pytest
import torch

from alexlab.data.input import colour
from alexlab.data.input.colour import PixelStatistics, noise_as_it_ran, noise_as_written, pixel_statistics
from alexlab.errors import UserError


def uint8(values: list[Any]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.uint8)


def test_mean_image_and_colours_by_hand() -> None:
    """Two images of 1x2 pixels. Red and green move together by 10 around 100, blue moves by 2 around 50.

    Pixels (110, 110, 52), (90, 90, 48), (110, 110, 48), (90, 90, 52): the covariance is [[100, 100, 0], [100, 100, 0],
    [0, 0, 4]], so the variances are 200 along (1, 1, 0)/sqrt 2, 4 along blue and 0 along (1, -1, 0)/sqrt 2.
    """
    images = uint8([[[[110, 90]], [[110, 90]], [[52, 48]]], [[[110, 90]], [[110, 90]], [[48, 52]]]])
    found = pixel_statistics([images])
    assert found.images == 2
    assert found.mean_image_CHW.tolist() == [[[110, 90]], [[110, 90]], [[50, 50]]]
    assert found.deviations_C.tolist() == pytest.approx([200**0.5, 2, 0], abs=1e-6)
    root = 0.5**0.5
    assert found.colours_CC[:, 0].tolist() == pytest.approx([root, root, 0])
    assert found.colours_CC[:, 1].tolist() == pytest.approx([0, 0, 1])


def test_streamed_is_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colour, "IMAGES_AT_ONCE", 3)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (17, 3, 5, 4), dtype=np.uint8)
    images[:, 1] //= 2
    images[:, 2] = images[:, 0] // 3 + images[:, 1] // 2
    found = pixel_statistics(torch.from_numpy(part) for part in np.array_split(images, [4, 5, 11]))
    np.testing.assert_allclose(found.mean_image_CHW, images.mean(axis=0), rtol=1e-13)
    covariance = np.cov(images.transpose(1, 0, 2, 3).reshape(3, -1), bias=True)
    again = found.colours_CC @ torch.diag(found.deviations_C**2) @ found.colours_CC.T
    np.testing.assert_allclose(again, covariance, rtol=1e-9, atol=1e-9)
    assert found.deviations_C.tolist() == sorted(found.deviations_C.tolist(), reverse=True)


HAND = PixelStatistics(
    images=1,
    mean_image_CHW=torch.zeros(3, 1, 1),
    deviations_C=torch.tensor([51.0, 25.5, 0.0], dtype=torch.float64),
    colours_CC=torch.tensor([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64),
)


def test_noise_as_it_ran_by_hand() -> None:
    """Draws 2 and -1: 0.1 x 2 x 51 = 10.2 along (0.6, 0.8, 0), -2.55 along (-0.8, 0.6, 0): (8.16, 6.63, 0)."""
    images = torch.full((2, 3, 2, 2), 22.0)
    noisy = noise_as_it_ran(images, HAND, torch.tensor([[2.0, -1.0, 5.0], [0.0, 0.0, 0.0]]))
    for channel, shift in enumerate((8.16, 6.63, 0.0)):
        assert noisy[0, channel].flatten().tolist() == pytest.approx([(22 + shift) / 1.1] * 4)
    assert noisy[1].flatten().tolist() == pytest.approx([20.0] * 12), "without a shift, still divided by 1.1"
    assert torch.equal(noise_as_it_ran(images, HAND, torch.ones(2, 3), scale=0.0), images)


def test_noise_as_written_by_hand() -> None:
    """At 0 to 1 the deviations are 0.2 and 0.1, the eigenvalues 0.04 and 0.01.

    Draws 2 and -1: 0.1 x 2 x 0.04 = 0.008 and -0.001 along the colours, in pixels 2.04 and -0.255:
    (0.6 x 2.04 + 0.8 x 0.255, 0.8 x 2.04 - 0.6 x 0.255, 0) = (1.428, 1.479, 0).
    """
    noisy = noise_as_written(torch.full((1, 3, 1, 1), 22.0), HAND, torch.tensor([[2.0, -1.0, 5.0]]))
    assert noisy.flatten().tolist() == pytest.approx([23.428, 23.479, 22.0])


def test_no_images_and_images_of_two_sizes() -> None:
    with pytest.raises(UserError, match="no images"):
        pixel_statistics([])
    with pytest.raises(UserError, match=r"images of \(3, 2, 3\) among images of \(3, 2, 2\)"):
        pixel_statistics([torch.zeros(1, 3, 2, 2, dtype=torch.uint8), torch.zeros(1, 3, 2, 3, dtype=torch.uint8)])
