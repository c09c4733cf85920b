"""The ten views, by hand on an image whose pixels are their own numbers."""

import pytest
import torch

from alexlab.data.input.views import mean_probabilities, views
from alexlab.errors import UserError

# 0 1 2 3 / 4 5 6 7 / 8 9 10 11 / 12 13 14 15
NUMBERED = torch.arange(16, dtype=torch.uint8).view(1, 1, 4, 4)


def test_ten_views_by_hand() -> None:
    seen = views(NUMBERED, (2, 2), 10)
    assert seen.shape == (1, 10, 1, 2, 2) and seen.dtype == torch.uint8
    assert seen.flatten(2)[0].tolist() == [
        [0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15], [5, 6, 9, 10],
        [1, 0, 5, 4], [3, 2, 7, 6], [9, 8, 13, 12], [11, 10, 15, 14], [6, 5, 10, 9],
    ]  # fmt: skip


def test_one_and_five_are_part_of_ten() -> None:
    images = torch.randn(3, 3, 9, 12)
    ten = views(images, (4, 5), 10)
    assert torch.equal(views(images, (4, 5), 5), ten[:, :5])
    assert torch.equal(views(images, (4, 5), 1), ten[:, 4:5])
    assert torch.equal(views(images, (9, 12), 1)[:, 0], images)


def test_224_of_256_is_16_from_the_border() -> None:
    images = torch.zeros(1, 1, 256, 256)
    images[0, 0, 16, 16] = 1
    assert views(images, (224, 224), 1)[0, 0, 0, 0, 0] == 1


def test_the_mean_is_of_probabilities() -> None:
    """Logits (0, log 3) and (log 3, 0) are 1/4 and 3/4: together one half, whatever a third view's logits weigh."""
    three = torch.log(torch.tensor(3.0))
    logits = torch.tensor([[[0.0, three], [three, 0.0]], [[0.0, three], [100.0, 0.0]]])
    assert mean_probabilities(logits.log_softmax(dim=2)).flatten().tolist() == pytest.approx([0.5, 0.5, 0.625, 0.375])


def test_mistakes_are_told() -> None:
    with pytest.raises(UserError, match="found 3 views; expected 1, 5, 10"):
        views(NUMBERED, (2, 2), 3)
    with pytest.raises(UserError, match="a view of 5x2 does not fit into images of 4x4"):
        views(NUMBERED, (5, 2), 1)
