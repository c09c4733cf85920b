"""Where shapes do not fit: the two numbers, the value that mends it, the inputs that work."""

import pytest
import torch
from torch import nn

from alexlab.describe import Failure, describe
from alexlab.describe.terminal import description_text


class Chapter(nn.Module):
    """AlexNet with a wrong number after the flattening."""

    def __init__(self, features: int = 6400) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 256, 11, stride=4)
        self.pool = nn.MaxPool2d(9, stride=9)
        self.fc = nn.Linear(features, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.fc(torch.flatten(self.pool(self.conv(x)), 1))
        return logits


def failure(network: nn.Module, *shape: int) -> Failure:
    found = describe(network, shape).failure
    assert found is not None
    return found


def works(network: nn.Module, *shape: int) -> bool:
    try:
        network.eval()(torch.zeros(1, *shape))
    except RuntimeError:
        return False
    return True


def test_a_linear_layer_of_the_wrong_size() -> None:
    description = describe(Chapter(), (1, 227, 227))
    found = description.failure
    assert found is not None
    assert (found.layer, found.kind) == ("fc", "Linear")
    assert found.found == "256 x 6 x 6 = 9216 values an image"
    assert found.expected == "in_features = 6400"
    assert found.mend == "in_features should be 9216, for 256 x 6 x 6"
    assert [layer.name for layer in description.layers] == ["conv", "pool", "flatten"]
    mended = describe(Chapter(9216), (1, 227, 227))
    assert mended.failure is None


def test_the_sizes_that_work_do_and_their_neighbours_do_not() -> None:
    found = failure(Chapter(), 1, 227, 227)
    assert found.sizes == "with 1 channel: 187x187 to 222x222"
    assert [side for side in (186, 187, 222, 223) if works(Chapter(), 1, side, side)] == [187, 222]


def test_wrong_channels() -> None:
    found = failure(Chapter(9216), 3, 227, 227)
    assert (found.layer, found.found, found.expected) == ("conv", "3 channels (3 x 227 x 227)", "in_channels = 1")
    assert "in_channels should be 3" in found.mend
    assert found.sizes.startswith("with 1 channel: 223x223")


def test_wrong_rank() -> None:
    found = failure(Chapter(), 784)
    assert (found.found, found.expected) == ("784, 1 dimension an image", "3 dimensions an image: C x H x W")
    assert "such as 1x28x28" in found.mend


def test_too_small_an_image() -> None:
    found = failure(nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(3), nn.Conv2d(4, 4, 5)), 1, 9, 9)
    assert (found.layer, found.found) == ("2", "a height of 2")
    assert found.expected == "5 or more, the size of its window"
    assert found.sizes == "with 1 channel: 17x17 and larger"


def test_a_flattening_that_is_missing() -> None:
    found = failure(nn.Sequential(nn.Conv2d(1, 4, 5), nn.Linear(2304, 10)), 1, 28, 28)
    assert found.found == "4 x 24 x 24, not flattened"
    assert "flatten before it" in found.mend


def test_a_view_with_a_wrong_number() -> None:
    class View(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.view(-1, 500)

    found = failure(View(), 1, 28, 28)
    assert (found.layer, found.found, found.expected) == ("view", "1 x 28 x 28 = 784 values an image", "(-1, 500)")
    assert "784" in found.mend


def test_a_batch_norm_of_other_channels() -> None:
    found = failure(nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(6)), 1, 9, 9)
    assert (found.found, found.expected, found.mend) == (
        "8 channels",
        "num_features = 6",
        "num_features should be 8",
    )


def test_paths_of_different_size() -> None:
    class Join(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([self.a(x), self.b(x)], 1)

    found = failure(Join(), 1, 9, 9)
    assert (found.layer, found.found) == ("cat", "2 x 7 x 7 and 2 x 5 x 5")


def test_an_error_that_is_no_shape() -> None:
    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise KeyError("mean")

    found = failure(Broken(), 1, 9, 9)
    assert found.error == "KeyError: 'mean'"
    assert "KeyError" in description_text(describe(Broken(), (1, 9, 9)))


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_ends_with_the_layer_that_fails(width: int) -> None:
    text = description_text(describe(Chapter(), (1, 227, 227)), width)
    assert "does not fit" in text and "in_features should be 9216, for 256 x 6 x 6" in text
    assert max(map(len, text.splitlines())) <= width
