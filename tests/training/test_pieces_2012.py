"""Pieces of 2012's training, each by hand: where the noise ends, what a view and a mean are, that each image has its own noise."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from alexlab.data.input.colour import PixelStatistics
from alexlab.data.input.transform import Transform
from alexlab.networks.building import build
from alexlab.recipes.schema import Recipe
from alexlab.runs import published
from alexlab.training.batches import transform_in


def statistics(mean_image_CHW: torch.Tensor) -> PixelStatistics:
    deviations, colours = torch.tensor([40.0, 8.0, 3.0]).double(), torch.eye(3).double()
    return PixelStatistics(9, mean_image_CHW.double(), deviations, colours)


def test_the_colour_noise_ends_with_epoch_66_as_it_ran() -> None:
    transform = Transform((3, 8, 8), "crop", (3, 8, 8), augment=("crop", "colour", "mirror"))
    cases: list[tuple[Literal["as-it-ran", "constant"], int, tuple[str, ...]]] = [
        ("as-it-ran", 66, ("crop", "colour", "mirror")),
        ("as-it-ran", 67, ("crop", "mirror")),
        ("as-it-ran", 90, ("crop", "mirror")),
        ("constant", 90, ("crop", "colour", "mirror")),
    ]
    for schedule, epoch, words in cases:
        recipe = Recipe(schedule=schedule, optimiser="sgd-2012")
        assert transform_in(epoch, recipe, transform).augment == words


def test_views_are_of_the_image_minus_the_mean_image() -> None:
    """The mean image is subtracted first, so that each view loses its own part of it."""
    random = np.random.default_rng(0)
    image, mean = random.integers(0, 256, (3, 6, 6)), random.uniform(0, 255, (3, 6, 6))
    ready = Transform(
        (3, 6, 6), "crop", (3, 4, 4), "centre", pixels="0-255", statistics=statistics(torch.from_numpy(mean)),
        subtract_mean_image=True,
    )  # fmt: skip
    views = ready.views(torch.from_numpy(image.astype(np.uint8))[None], 10)[0]
    centred = image - mean
    corners = {(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)}
    expected = [centred[:, top : top + 4, left : left + 4] for top, left in corners]
    expected += [part[:, :, ::-1] for part in expected]
    for part in expected:
        assert any(np.allclose(view, part, atol=1e-3) for view in views.numpy())
    assert len(views) == 10


@pytest.mark.parametrize("word", ["colour", "colour-as-written"])
def test_each_image_has_noise_of_its_own(word: str) -> None:
    ready = Transform(
        (3, 4, 4), "crop", (3, 4, 4), pixels="0-255", statistics=statistics(torch.zeros(3, 4, 4)), augment=(word,)
    )
    grey = torch.full((3, 3, 4, 4), 100, dtype=torch.uint8)
    seen = ready(grey, torch.Generator().manual_seed(1))
    assert all(each.flatten(1).std(dim=1).max() < 1e-3 for each in seen)  # one shift for the whole image,
    assert len({tuple(each[:, 0, 0].tolist()) for each in seen}) == 3  # and another for each


def test_caffes_mean_colour_is_taken_from_red_green_and_blue(tmp_path: Path) -> None:
    torch.save(build("alexnet-caffe").state_dict(), tmp_path / "caffe.pth")
    run = published.run_from_weights(tmp_path / "caffe.pth", tmp_path / "run")
    picture = np.empty((3, 256, 256), dtype=np.uint8)
    picture[:] = np.array([123, 117, 104])[:, None, None]  # about the mean: red, green, blue
    seen = run.transform(torch.from_numpy(picture)[None])
    assert seen.shape == (1, 3, 227, 227)
    assert seen[0, :, 0, 0].tolist() == pytest.approx([123 - 122.679, 117 - 116.669, 104 - 104.007], abs=2e-3)
