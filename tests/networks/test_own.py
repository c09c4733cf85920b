"""A user's own network is accepted wherever a network's name is."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import alexlab
from alexlab.check import check_network
from alexlab.describe.describing import describe, described
from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.networks.lazy import has_lazy
from alexlab.passes.target import find_target

SOURCE = """
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes=3):
        super().__init__()
        self.layer = nn.Linear(4, num_classes)
    def forward(self, x):
        return self.layer(x.flatten(1))

def make(in_channels, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * 4, classes))

def needy(depth, width):
    return None

def broken():
    raise ValueError("boom")

ready = nn.Linear(2, 2)
number = 3
def wrong():
    return 3
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    (tmp_path / "own_net.py").write_text(SOURCE)
    return str(tmp_path / "own_net.py")


def test_class_function_and_object(own: str) -> None:
    assert build(f"{own}:Net", classes=5).get_parameter("layer.bias").numel() == 5
    assert build(f"{own}:Net").get_parameter("layer.bias").numel() == 3
    assert build(f"{own}:make", classes=2, input=(3, 2, 2)).get_parameter("1.weight").shape == (2, 12)
    assert isinstance(build(f"{own}:ready"), nn.Linear)


def test_package_and_module(tmp_path: Path, own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "__init__.py").touch()
    (tmp_path / "own_package" / "nets.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    assert build("own_package.nets:Net", classes=4).get_parameter("layer.bias").numel() == 4
    assert "own_package" not in sys.modules


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("{own}:Nett", "did you mean 'Net'"),
        ("{own}:needy", "needs the arguments depth, width"),
        ("{own}:broken", "failed with ValueError: boom"),
        ("{own}:number", "found a int"),
        ("{own}:wrong", "made a int"),
        ("gone.py:Net", "gone.py: no such file"),
        ("gone_package.nets:Net", "No module named"),
    ],
)
def test_mistakes_are_named(own: str, name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        build(name.format(own=own), classes=2)


def test_a_file_that_does_not_import(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import nothing_of_that_name")
    with pytest.raises(UserError, match="importing .*bad.py failed with ModuleNotFoundError"):
        build(f"{tmp_path}/bad.py:Net")


LAZY = """
from torch import nn
def layers():
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(affine=False), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))
def plain():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, affine=False), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
def unfit():
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.Conv2d(5, 4, 3), nn.Flatten(), nn.LazyLinear(10))
"""


@pytest.fixture
def lazy(tmp_path: Path) -> str:
    (tmp_path / "lazy.py").write_text(LAZY)
    return str(tmp_path / "lazy.py")


@pytest.mark.parametrize("initialisation", ["network", "normal"])
def test_lazy_layers_have_weights_when_they_are_built(lazy: str, initialisation: str) -> None:
    torch.manual_seed(3)
    network = build(f"{lazy}:layers", 10, (1, 8, 8), initialisation)
    assert network.training and not has_lazy(network)
    assert {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()} == {
        key: tuple(tensor.shape) for key, tensor in build(f"{lazy}:plain").state_dict().items()
    }
    assert network.get_buffer("1.running_mean").eq(0).all()
    torch.manual_seed(3)
    again = build(f"{lazy}:layers", 10, (1, 8, 8), initialisation)
    assert all(map(torch.equal, network.state_dict().values(), again.state_dict().values()))
    assert (network.get_parameter("4.weight").std() < 0.02) == (initialisation == "normal")


def test_lazy_layers_are_trained_described_and_checked(lazy: str) -> None:
    run = alexlab.train(f"{lazy}:layers", "digits", input=[1, 8, 8], epochs=0.02, device="cpu", out="run")
    assert run.evaluate(device="cpu").images > 0
    expected = described(find_target(f"{lazy}:plain", [(1, 8, 8)])).totals
    assert described(find_target(f"{lazy}:layers", [(1, 8, 8)])).totals == expected
    network = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyInstanceNorm2d(), nn.Flatten(), nn.LazyLinear(10))
    assert describe(network, (1, 8, 8)).totals.parameters == 4 * 9 + 4 + 2 * 4 + 144 * 10 + 10
    two = nn.Sequential(nn.Flatten(), nn.LazyLinear(32), nn.LazyLinear(10))
    assert [each.rule for each in check_network(two, (1, 8, 8)).findings] == ["nothing-between"]
    assert has_lazy(network) and has_lazy(two)
    assert "say which it is for with --input" in check_network(two).unseen[0]


def test_lazy_layers_that_do_not_fit(lazy: str) -> None:
    with pytest.raises(UserError, match="a forward pass with an input of 1x8x8 failed with RuntimeError"):
        build(f"{lazy}:unfit", 10, (1, 8, 8))
    network = nn.Sequential(nn.LazyConv2d(4, 3), nn.Conv2d(5, 4, 3))
    with pytest.raises(UserError, match="its lazy layers cannot make their weights"):
        describe(network, (1, 8, 8))
    assert "could not be run on 1x8x8 images: RuntimeError" in check_network(network, (1, 8, 8)).unseen[0]
