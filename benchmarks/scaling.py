"""How cost grows: time per image and peak memory of a training against batch size, image size and number of images.

    ALEXLAB_DATA=... python benchmarks/scaling.py [ROUNDS] > benchmarks/scaling.md        (and scaling.png beside it)

Batch and image size: alexnet-torchvision on a folder's photographs (imagenette-sample), in bfloat16 where the
processor multiplies it. Number of images: lenet-relu on tars of
32x32 JPEGs (CIFAR-10 (JPEG), its files written again and again under other names) with --memory 0, so that every size decodes; the
disk cache is off. Each point is a process; its peak is what Linux says of it (VmHWM). The exponent is the slope of a straight line through
the logarithms: 0 is flat, 1 is proportional.
"""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from alexlab.data.images import FileImages
from alexlab.data.opening import open_dataset
from alexlab.training.callbacks import Silent
from alexlab.training.train import train
from measuring import heading, spread, table

HERE = Path(__file__).resolve().parent
ROUNDS = 3  # or the first argument
BATCHES = (16, 32, 64, 128, 256)
SIDES = (64, 128, 192, 256)
IMAGES = (60_000, 250_000, 1_000_000)


@dataclass(frozen=True)
class Point:
    """One setting, measured in several processes."""

    at: int
    milliseconds: list[float]  # of training, per image
    megabytes: list[float]  # peak of the process
    opening: list[float]  # seconds until the first update ended


class Clock(Silent):
    """Notes when each update ended."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.ends: list[float] = []

    def stepped(self, facts: dict[str, Any]) -> None:
        self.ends.append(time.perf_counter())


def one(network: str, dataset: str, batch: int, steps: int, **values: Any) -> None:
    """Train for `steps` updates; print the ms an image of the second half of them, the peak memory in MB, and the seconds to the first."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        how = {"out": Path(folder) / "run", "device": "cpu", "augment": [], "watch": "validation", **values}
        train(network, dataset, steps=steps, callback=clock, batch=batch, **how)
    half = steps // 2
    each = np.diff(clock.ends[half - 1 :]) / batch
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(1000 * median(each), int(status["VmHWM"].split()[0]) * 1.024e-3, clock.ends[0] - clock.began)


def alone(arguments: dict[str, Any]) -> tuple[float, float, float]:
    """What `one` prints in a process of its own."""
    command = [sys.executable, __file__, "--only", repr(arguments)]
    environment = {**os.environ, "ALEXLAB_CACHE": "0"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
    milliseconds, megabytes, opening = (float(word) for word in done.stdout.split())
    return milliseconds, megabytes, opening


def measured(settings: dict[int, dict[str, Any]], rounds: int) -> list[Point]:
    """All settings in turn, `rounds` times."""
    found: dict[int, list[tuple[float, float, float]]] = {at: [] for at in settings}
    for _ in range(rounds):
        for at, arguments in settings.items():
            found[at].append(alone(arguments))
    return [Point(at, *(list(column) for column in zip(*rows, strict=True))) for at, rows in found.items()]


def exponent(points: list[Point], what: str) -> float:
    """The slope of log(median) against log(setting), by least squares."""
    values = [median(getattr(point, what)) for point in points]
    slope, _ = np.polyfit(np.log([point.at for point in points]), np.log(values), 1)
    return float(slope)


def tar_of(images: int, into: Path) -> Path:
    """A tar of `images` small JPEGs in folders of classes: those of CIFAR-10 (JPEG), again and again."""
    train = open_dataset("cifar10").train
    assert isinstance(train.images, FileImages)
    files = train.images.files
    contents = [(Path(name).parent.name, files.read(name)) for name in train.images.names]
    path = into / f"{images}.tar"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for i in range(images):
            folder, content = contents[i % len(contents)]
            entry = tarfile.TarInfo(f"{folder}/{i:07}.jpg")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def told(title: str, points: list[Point], expected: str) -> None:
    print(f"## {title}\n\n{expected}\n")
    rows = [[f"{p.at:,}", spread(p.milliseconds, 3), spread(p.megabytes, 0), spread(p.opening)] for p in points]
    print(table((title, "ms an image", "peak memory, MB", "s to the first update"), rows))
    names = {"milliseconds": "time an image", "megabytes": "peak memory", "opening": "time to the first update"}
    print("Exponents: " + ", ".join(f"{name} {exponent(points, what):.2f}" for what, name in names.items()) + ".\n")
    sys.stdout.flush()


def drawn(parts: dict[str, list[Point]]) -> Figure:
    """Two rows: time an image and peak memory; a column for each part. Both axes logarithmic."""
    figure = Figure(figsize=(10, 5.4), layout="constrained")
    axes = figure.subplots(2, len(parts), squeeze=False)
    for column, (title, points) in enumerate(parts.items()):
        for row, (what, name) in enumerate((("milliseconds", "ms an image"), ("megabytes", "peak memory, MB"))):
            cell = axes[row][column]
            middle = [median(getattr(p, what)) for p in points]
            low = [m - min(getattr(p, what)) for m, p in zip(middle, points, strict=True)]
            high = [max(getattr(p, what)) - m for m, p in zip(middle, points, strict=True)]
            at = [p.at for p in points]
            cell.errorbar(at, middle, yerr=[low, high], marker="o", ms=4, lw=1.4, color="#2a6f97", capsize=2)
            cell.set_xscale("log")
            cell.set_yscale("log")
            cell.set_ylim(min(middle) / 3, max(middle) * 3)
            cell.set_xticks(at, [f"{a // 1000}k" if a >= 10_000 else str(a) for a in at], fontsize=8)
            cell.minorticks_off()
            cell.grid(color="#dddddd", lw=0.6)
            cell.set_title(f"exponent {exponent(points, what):.2f}", fontsize=9, loc="right")
            if column == 0:
                cell.set_ylabel(name)
            if row == 1:
                cell.set_xlabel(title)
    return figure


def main() -> None:
    if sys.argv[1:2] == ["--only"]:
        one(**eval(sys.argv[2]))  # what `alone` wrote
        return
    rounds = int(sys.argv[1]) if sys.argv[1:] else ROUNDS
    print(heading("How cost grows", " ".join(["python benchmarks/scaling.py", *sys.argv[1:]])))
    print(f"{rounds} rounds in turn; median (lowest to highest).\n")
    photographs = {"network": "alexnet-torchvision", "dataset": "folder:imagenette-sample", "precision": "auto"}
    parts = {}
    with tempfile.TemporaryDirectory() as temporary:
        by_batch = {b: {**photographs, "batch": b, "steps": max(6, min(40, 256 // b))} for b in BATCHES}
        parts["images in a batch"] = measured(by_batch, rounds)
        told(
            "images in a batch",
            parts["images in a batch"],
            "Time an image falls as more images share the reading and moving of the weights.",
        )
        by_side = {s: {**photographs, "batch": 64, "steps": 6, "input": s} for s in SIDES}
        parts["side of an image"] = measured(by_side, rounds)
        told(
            "side of an image",
            parts["side of an image"],
            "Convolutions cost as many pixels, exponent 2 in the side; the linear layers and the update cost the same at every side.",
        )
        small = {"network": "lenet-relu", "batch": 64, "steps": 600, "memory": 0}
        by_images = {n: {**small, "dataset": f"folder:{tar_of(n, Path(temporary))}"} for n in IMAGES}
        parts["images"] = measured(by_images, rounds)
        told("images", parts["images"], "Flat in time an image; memory holds the list of files, not their pixels.")
    drawn(parts).savefig(HERE / "scaling.png", dpi=110, facecolor="white")
    print("![time an image and peak memory against each](scaling.png)")


if __name__ == "__main__":
    main()
