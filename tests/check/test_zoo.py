"""No false alarm on fifty of timm's networks and on torchvision's classifiers, where they are installed.

pip install --no-deps timm torchvision, and what timm imports: `benchmarks/check/zoo.py` says how.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "check"))
import zoo

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(1200)]

Make = Callable[[], nn.Module]
Networks = dict[str, tuple[Make, tuple[int, int, int]]]


@pytest.fixture(scope="module")
def networks() -> Networks:
    try:
        return {name: (make, shape) for name, make, shape in zoo.networks()}
    except ImportError as error:
        pytest.skip(f"timm and torchvision are not installed together ({error})")


@pytest.mark.parametrize("name", zoo.TIMM)
def test_silent_on_timm(name: str, networks: Networks) -> None:
    silent(*networks[f"timm {name}"])


def test_silent_on_torchvision(networks: Networks) -> None:
    for name, (make, shape) in networks.items():
        if name.startswith("torchvision ") and not name.endswith(("_128gf", "_h_14", "_l_16", "_l_32")):
            silent(make, shape)


@pytest.mark.parametrize("name", zoo.SMALL)
def test_silent_on_one_batch(name: str, networks: Networks) -> None:
    make, shape = networks[f"timm {name}"]
    silent(make, shape, "cpu", 10.0)


def silent(make: Make, shape: tuple[int, int, int], device: str = "meta", seconds: float = 0.0) -> None:
    checked = zoo.checked(make, shape, device, seconds)
    assert [(f.rule, f.layer) for f in checked.findings if f.severity != "note"] == []
    assert all("batch" in each or "on the CPU" in each for each in checked.unseen)
