"""The machine's limits: matrix products for each type, memory, and decoding JPEGs.

    ALEXLAB_DATA=... python benchmarks/limits.py > benchmarks/limits.md

ALEXLAB_DATA holds imagenette-sample.tar.gz, whose 224x224 photographs are decoded by libjpeg-turbo in one thread; without it that line is
left out.
"""

import os
import tarfile
import time
from pathlib import Path

import torch

from alexlab.data.input.decode import decode_rgb
from measuring import TRIES, bandwidth, heading, matrix_rate, table

DECODED = 500  # JPEGs in a try


def decode_rate(archive: Path) -> float:
    """The highest rate of decoding the first DECODED JPEGs of a tar, already in memory, in TRIES tries, in images/s."""
    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.name.endswith(".JPEG")][:DECODED]
        files = [tar.extractfile(member).read() for member in members]  # type: ignore[union-attr]
    best = 0.0
    for _ in range(TRIES):
        began = time.perf_counter()
        for data in files:
            decode_rgb(data, "")
        best = max(best, len(files) / (time.perf_counter() - began))
    return best


def main() -> None:
    print(heading("Limits of the machine", "python benchmarks/limits.py"))
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    rows = []
    for device in devices:
        for dtype in (torch.float32, torch.bfloat16):
            name = str(dtype).removeprefix("torch.")
            rate = matrix_rate(dtype, device) / 1e9
            rows.append([device, f"matrix products, {name}", f"{rate:,.{0 if rate > 10 else 2}f} GFLOP/s"])
        rows.append([device, "copying memory, read and written", f"{bandwidth(device) / 1e9:,.1f} GB/s"])
    archive = Path(os.environ.get("ALEXLAB_DATA", ".")) / "imagenette-sample.tar.gz"
    if archive.exists():
        rows.append(["cpu, 1 thread", "decoding JPEGs of 224x224", f"{decode_rate(archive):,.0f} images/s"])
    print(table(("device", "limit", "highest of five tries"), rows))


if __name__ == "__main__":
    main()
