"""Networks side by side."""

import json

import pytest
from torch import nn

from alexlab.describe import compare, describe
from alexlab.errors import UserError
from tests.describe.networks import TwoTowers


def rows(*names: str) -> dict[str, tuple[str, ...]]:
    return {row.label: row.cells for row in compare(*(describe(name) for name in names)).rows}


def test_lenet_and_alexnet_as_the_textbooks_tell_them_apart() -> None:
    found = rows("lenet5", "alexnet-textbook")
    assert found["input"] == ("1x28x28", "1x224x224")
    assert found["depth"] == (
        "5: 2 convolutions, 3 fully connected",
        "8: 5 convolutions, 3 fully connected",
    )
    assert found["activation"] == ("4 x Sigmoid", "7 x ReLU")
    assert found["pooling"] == ("2 x average pool 2x2, s 2", "3 x max pool 3x3, s 2")
    assert found["dropout"] == ("", "2 x dropout 0.5")
    assert found["conv 1"] == ("6 of 5x5, p 2 -> 6x28x28", "96 of 11x11, s 4, p 1 -> 96x54x54")
    assert found["conv 3"] == ("", "384 of 3x3, p 1 -> 384x12x12")
    assert found["fc 1"] == ("120", "4096")
    assert found["output"] == ("10", "10")


def test_what_torchvision_changes() -> None:
    """Filters and padding of conv1, filters of conv2 and conv4, dropout before the hidden layers, adaptive pooling."""
    comparison = compare(describe("alexnet-textbook"), describe("alexnet-torchvision"))
    differing = {row.label.strip() for row in comparison.rows if row.differs and row.section == "layer by layer"}
    assert {"conv 1", "conv 2", "conv 4"} <= differing
    (words,) = comparison.words
    assert "conv 1 64 of 11x11, s 4, p 2 instead of 96 of 11x11, s 4, p 1" in words
    assert "1.31 times the parameters" in words


def test_a_network_against_itself_differs_in_nothing() -> None:
    comparison = compare(describe("lenet5"), describe("lenet5"))
    assert not any(row.differs for row in comparison.rows)
    assert comparison.networks == ("lenet5", "lenet5 (2)")
    assert comparison.words == ("lenet5 (2) against lenet5: nothing that counts here.",)


def test_towers() -> None:
    comparison = compare(describe(TwoTowers(), (3, 31, 31)), describe("lenet5"))
    found = {row.label: row.cells[0] for row in comparison.rows}
    assert found["towers"] == "2"
    assert found["conv 1"] == "2 x (4 of 5x5, s 2 -> 4x14x14)"
    assert found["conv 2"] == "2 x (6 of 3x3, p 1 -> 6x6x6), each reads all"
    assert found["fc 1"] == "2 x (10), each reads all"


def test_three_at_once_and_as_data() -> None:
    comparison = compare(*(describe(name) for name in ("lenet5", "lenet-relu", "lenet-sigmoid-max")))
    data = json.loads(json.dumps(comparison.to_dict()))
    activation = next(row for row in data["rows"] if row["label"] == "activation")
    assert activation == {
        "section": "at a glance",
        "label": "activation",
        "differs": True,
        "values": {"lenet5": "4 x Sigmoid", "lenet-relu": "4 x ReLU", "lenet-sigmoid-max": "4 x Sigmoid"},
    }
    assert len(data["words"]) == 2


def test_too_few_and_one_that_does_not_fit() -> None:
    with pytest.raises(UserError, match="expected two or more"):
        compare(describe("lenet5"))
    broken = describe(nn.Sequential(nn.Linear(3, 3), nn.Linear(4, 4)), (3,))
    with pytest.raises(UserError, match="shapes do not fit at 1"):
        compare(describe("lenet5"), broken)
