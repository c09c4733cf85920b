"""Fits the model of `alexlab plan` to a part of links.json, holds it against the rest, and writes links.md."""

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from math import inf
from pathlib import Path
from statistics import median
from typing import Any

from alexlab.describe.describing import describe
from alexlab.describe.description import Description
from alexlab.parallel.strategies import StrategyName
from alexlab.plan.model import Device, Link, times
from alexlab.plan.work import Share, share

FOUND = Path(__file__).parent.parent / "links.json"
PAGE = FOUND.with_suffix(".md")
Row = dict[str, Any]


def fitted(alone: list[Row], direct: list[Row]) -> Device:
    """The device that `alone` and `direct`, rows of two processes without a delay, show."""
    work = [_share(row) for row in alone]
    images = [row["batch"] / row["processes"] for row in alone]
    weights, per_image = work[0].weights, work[0].multiply_adds / images[0]
    mean_x, mean_y = sum(images) / len(images), sum(row["seconds"] for row in alone) / len(alone)
    slope = sum((x - mean_x) * (row["seconds"] - mean_y) for x, row in zip(images, alone, strict=True))
    slope /= sum((x - mean_x) ** 2 for x in images)
    device = Device("a core", 3 * per_image / slope, (mean_y - slope * mean_x) / weights, 0.0, 0.0)
    device = replace(device, seconds_a_round=median(row["round_trip"] for row in direct) / 2)

    def off(own: float) -> float:
        return sum(_error(row, replace(device, seconds_a_byte=own)) ** 2 for row in direct)

    return replace(device, seconds_a_byte=min((i * 1e-11 for i in range(500)), key=off))


def predicted(row: Row, device: Device) -> float:
    """Seconds of a step, by the model."""
    count = row["processes"]
    link = Link(row["gbit"] * 1e9 if row["gbit"] else inf, row["delay"] or 0.0)
    if count > 2:  # two processes share a core
        slower = device.faster(2 / count)
        device = replace(
            slower, seconds_a_byte=device.seconds_a_byte * count / 2, seconds_a_round=device.seconds_a_round
        )
    return times(_share(row), count, device, link).step


def _share(row: Row) -> Share:
    strategy: StrategyName = "data" if row["strategy"] == "alone" else row["strategy"]
    return share(_described(row["network"]), strategy, row["processes"], row["batch"])


@cache
def _described(network: str) -> Description:
    return describe(network)


def _error(row: Row, device: Device) -> float:
    seconds: float = row["seconds"]
    return predicted(row, device) / seconds - 1


def table(rows: Iterable[Row], device: Device) -> str:
    """Measured and predicted, a line a setting."""
    lines = [
        "| strategy | network | processes | batch | link, Gbit/s | delay, ms | round trip, ms | "
        "step, s (lowest to highest) | model, s | off |"
        " sent, MB | on the wire, MB |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        sent = sum(row["sent"].values()) / 1e6
        lines.append(
            f"| {row['strategy']} | {row['network']} | {row['processes']} | {row['batch']} | {row['gbit'] or 'no limit'} | "
            f"{_delay(row)} | {row['round_trip'] * 1e3:.2f} | "
            f"{row['seconds']:.2f} ({row['lowest']:.2f} to "
            f"{row['highest']:.2f}) | {predicted(row, device):.2f} | {_error(row, device):+.0%} | "
            f"{sent:.2f} | {row['on_the_wire'] / 1e6:.2f} |"
        )
    return "\n".join(lines) + "\n"


def _delay(row: Row) -> str:
    return f"{row['delay'] * 1e3:g}" if row["delay"] else "none"


def summary(rows: list[Row], device: Device) -> str:
    """Mean and largest error, in words."""
    errors = [abs(_error(row, device)) for row in rows]
    return f"Mean error {sum(errors) / len(errors):.0%}, largest {max(errors):.0%}, over {len(rows)} settings.\n"


def main() -> None:
    """Write the page."""
    found = json.loads(FOUND.read_text())
    alone = [row for row in found["direct"] if row["strategy"] == "alone"]
    direct = [row for row in found["direct"] if row["strategy"] != "alone"]
    new = [row for name in ("delayed", "others", "four") for row in found[name] if row["strategy"] != "alone"]
    device = fitted(alone, direct)
    head = (
        "# Links\n\n`python -m benchmarks.links` (as root) and then `python -m benchmarks.links.page`; 2 cores of an AMD EPYC, one thread "
        "and one core for each process, PyTorch 2.13.0 CPU, Gloo over TCP, 2026-11-22. The processes are in network namespaces of their "
        "own; the rate is `tc`'s token bucket filter, a delay the relay's of benchmarks/links/network.py. Median of three steps (two where "
        "the batch is 64 or the processes are four), float32, SGD with momentum. *Sent* is counted at the communication calls, *on the "
        "wire* by the kernel at process 0's interface, headers included: Gloo makes a reduce-scatter of an all-reduce, which sends twice "
        "as much.\n"
    )
    compute = "".join(
        f"| {row['batch'] // 2} | {row['seconds']:.2f} ({row['lowest']:.2f} to {row['highest']:.2f}) |\n"
        for row in alone
    )
    constants = (
        f"Fitted: {device.rate / 1e9:.1f} thousand million multiply-adds a second, {device.seconds_a_weight * 1e9:.2f} ns "
        f"a weight, {device.seconds_a_byte * 1e9:.2f} ns a byte sent; measured: {device.seconds_a_round * 1e6:.0f} us a round."
    )
    parts = [
        head,
        f"## Compute alone\n\n| images in each process | step, s (lowest to highest) |\n|---|---|\n{compute}",
        f"## What the model was fitted to\n\n{table(direct, device)}\n{summary(direct, device)}\n{constants}\n",
        "## Settings that it was not fitted to\n\nOther delays, batches, networks, and four processes, two on a core.\n",
        f"{table(new, device)}\n{summary(new, device)}",
    ]
    PAGE.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
