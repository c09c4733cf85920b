"""No false alarm on fifty of timm's networks and on torchvision's classifiers, where they are installed.

pip install --no-deps timm torchvision, and what timm imports: `benchmarks/check/zoo.py` says how.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "check"))
import zoo

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def networks():
    try:
        return {name: (make, shape) for name, make, shape in zoo.networks()}
    except ImportError as error:
        pytest.skip(f"timm and torchvision are not installed together ({error})")


@pytest.mark.parametrize("name", zoo.TIMM)
def test_silent_on_timm(name, networks):
    silent(*networks[f"timm {name}"])


def test_silent_on_torchvision(networks):
    for name, (make, shape) in networks.items():
        if name.startswith("torchvision ") and not name.endswith(("_128gf", "_h_14", "_l_16", "_l_32")):
            silent(make, shape)


@pytest.mark.parametrize("name", zoo.SMALL)
def test_silent_on_one_batch(name, networks):
    make, shape = networks[f"timm {name}"]
    silent(make, shape, "cpu", 10.0)


def silent(make, shape, device="meta", seconds=0.0):
    checked = zoo.checked(make, shape, device, seconds)
    assert [(f.rule, f.layer) for f in checked.findings if f.severity != "note"] == []
    assert all("batch" in each or "on the CPU" in each for each in checked.unseen)
