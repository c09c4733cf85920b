"""`alexlab plan`: its arithmetic against counts, and what it says."""

import json
from math import inf, nan

import pytest
from click.testing import CliRunner

from alexlab.cli.plan import plan as command
from alexlab.describe.describing import describe
from alexlab.errors import UserError
from alexlab.networks.catalogue import find
from alexlab.plan.model import Device, Link, times
from alexlab.plan.planning import CORE, plan
from alexlab.plan.units import bits_per_second, seconds
from alexlab.plan.work import Exchange, Share, share

# Counted at the communication calls, 32 images, two and four processes (benchmarks/links.json).
COUNTED = [
    ("alexnet-paper", "data", 2, 243_860_896, 6),
    ("alexnet-paper", "towers", 2, 7_369_728, 7),
    ("alexnet-caffe", "hybrid", 2, 11_168_256, 8),
    ("alexnet-paper", "data", 4, 365_791_344, 6),
    ("alexnet-caffe", "hybrid", 4, 16_752_384, 8),
]


@pytest.mark.parametrize(("network", "strategy", "devices", "sent", "calls"), COUNTED)
def test_bytes_are_those_that_were_counted(network: str, strategy: str, devices: int, sent: int, calls: int) -> None:
    found = share(describe(network), strategy, devices, 32)  # type: ignore[arg-type]
    assert found.sent(devices) == pytest.approx(sent, abs=10)
    assert len(found.gradients) + len(found.blocking) == calls


def test_shares_make_the_whole() -> None:
    description = describe("alexnet-paper")
    whole = share(description, "data", 1, 64)
    assert whole.weights == find("alexnet-paper").parameters
    assert whole.multiply_adds == 64 * description.totals.multiply_adds
    for strategy, weights in (("data", 1), ("towers", 2)):
        part = share(description, strategy, 2, 64)  # type: ignore[arg-type]
        assert part.multiply_adds == whole.multiply_adds / 2
        assert part.weights == whole.weights / weights


def test_gradients_travel_beside_the_backward_pass() -> None:
    device, link = Device("", 1.0, 0.0, 0.0, 0.0), Link(8.0, 0.0)  # a byte a second
    small, large = Share(10, 0, (Exchange("all-reduce", 15),)), Share(10, 0, (Exchange("all-reduce", 25),))
    assert times(small, 2, device, link).step == 30  # hidden behind 20 seconds of backward pass
    assert times(large, 2, device, link).step == 35
    waited = Share(10, 0, (), (Exchange("all-gather", 15),))
    assert times(waited, 2, device, link).step == 45


def test_more_is_not_less() -> None:
    slow, fast = plan("alexnet-torchvision", 64, Link(1e9, 1e-3)), plan("alexnet-torchvision", 64, Link(1e11, 1e-5))
    for a, b in zip(slow.rows, fast.rows, strict=True):
        assert all(a.ways[strategy].seconds >= b.ways[strategy].seconds for strategy in a.ways)
    alone = plan("alexnet-torchvision", 1, Link(1e18, 0.0)).rows
    assert len(alone) == 1 and alone[0].ways["data"].sent == 0


def test_a_device_by_its_speed() -> None:
    found = plan("alexnet-torchvision", 1, Link(1e9, 1e-3), images_per_second=1000)
    assert found.rows[0].images_per_second == pytest.approx(1000)
    assert found.device.seconds_a_byte == CORE.seconds_a_byte


def test_the_command() -> None:
    asked = ["alexnet-2012", "--devices", "2", "--bandwidth", "1Gbit/s", "--batch", "32"]
    text = CliRunner().invoke(command, asked).output
    assert "towers" in text and "hybrid" not in text
    found = json.loads(CliRunner().invoke(command, [*asked, "--json"]).output)
    assert [row["devices"] for row in found["rows"]] == [1, 2]
    assert found["rows"][1]["best"] == "towers"  # 244 MB of gradients take two seconds


def test_a_network_without_convolutions_is_data_parallel() -> None:
    found = plan("mlp", 2, Link(1e9, 1e-4))
    assert set(found.rows[1].ways) == {"data"}


@pytest.mark.parametrize(("text", "bits"), [("10Gbit/s", 1e10), ("2.5gbit", 2.5e9), ("100 Mbit/s", 1e8)])
def test_bandwidth(text: str, bits: float) -> None:
    assert bits_per_second(text) == bits


@pytest.mark.parametrize("text", ["10", "10GB/s", "0Gbit/s", "1.2.3Gbit/s", "-1Gbit/s", ""])
def test_no_bandwidth(text: str) -> None:
    with pytest.raises(UserError, match="expected bits a second"):
        bits_per_second(text)


def test_latency() -> None:
    assert seconds("0.1ms") == pytest.approx(1e-4) and seconds("20us") == pytest.approx(2e-5) and seconds("0s") == 0
    with pytest.raises(UserError, match="expected a time one way, such as"):
        seconds("5 minutes")


@pytest.mark.parametrize(
    ("devices", "batch", "said"), [(0, None, "1 to 1,024"), (2000, None, "1 to 1,024"), (8, 4, "one or more for each")]
)
def test_too_many(devices: int, batch: int | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        plan("alexnet-torchvision", devices, Link(1e9, 1e-4), batch)


@pytest.mark.parametrize(
    "wrong", [("bandwidth", inf), ("bandwidth", nan), ("latency", nan), ("images a second", nan), ("batch", 10**400)]
)
def test_numbers_that_no_machine_has(wrong: tuple[str, float]) -> None:
    what, value = wrong
    link = Link(value if what == "bandwidth" else 1e9, value if what == "latency" else 1e-4)
    rest = {"images a second": {"images_per_second": value}, "batch": {"batch": value}}.get(what, {})
    with pytest.raises(UserError, match=what):
        plan("lenet5", 2, link, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        ("--images-per-second", "nan"),
        ("--images-per-second", "inf"),
        ("--images-per-second", "1e-320"),
        ("--bandwidth", "9" * 400 + "Gbit/s"),
        ("--bandwidth", "nanGbit/s"),
        ("--latency", "9" * 400 + "s"),
        ("--batch", "9" * 400),
    ],
)
def test_a_plan_prints_no_nan(wrong: tuple[str, str]) -> None:
    done = CliRunner().invoke(command, ["lenet5", "--devices", "2", "--bandwidth", "1Gbit/s", "--json", *wrong])
    assert done.exit_code != 0 and isinstance(done.exception, UserError | SystemExit)
    assert "NaN" not in done.stdout and "Infinity" not in done.stdout
