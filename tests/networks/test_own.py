"""A user's own network is accepted wherever a network's name is."""

import sys
from pathlib import Path

import pytest
from torch import nn

from alexlab.errors import UserError
from alexlab.networks.building import build

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
    assert build(f"{own}:Net", classes=5).layer.out_features == 5
    assert build(f"{own}:Net").layer.out_features == 3
    assert build(f"{own}:make", classes=2, input=(3, 2, 2))[1].in_features == 12
    assert isinstance(build(f"{own}:ready"), nn.Linear)


def test_package_and_module(tmp_path: Path, own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "__init__.py").touch()
    (tmp_path / "own_package" / "nets.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    assert build("own_package.nets:Net", classes=4).layer.out_features == 4
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
