"""Describing AlexNet: alexlab against torchinfo, time and memory. Writes the table of benchmarks/describe.md.

    python benchmarks/describe.py [RUNS]

Each measurement is a process of its own. "first" is from the network's class to the text of the table, without
importing torch: by the clock, and in processor time, which a busy machine changes less. "again" is the fastest of five
further tables of the same network, in processor time. "memory" is the growth of the process's peak resident memory over
torch alone.
"""

import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

WAYS = {
    "alexlab": "alexlab, weights on the meta device",
    "alexlab-cpu": "alexlab, weights made on the CPU",
    "torchinfo": "torchinfo 1.8.0, weights made on the CPU",
    "torchinfo-meta": "torchinfo 1.8.0, all on the meta device",
}


def measure(way: str) -> dict[str, float]:
    """One measurement, in this process."""
    import torch
    from torch import nn

    torch.set_num_threads(2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, start_processor = time.perf_counter(), time.process_time()
    with torch.device("meta" if way in ("alexlab", "torchinfo-meta") else "cpu"):
        # fmt: off
        network = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(),
            nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.AdaptiveAvgPool2d(6), nn.Flatten(),
            nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(),
            nn.Linear(4096, 1000),
        )
        # fmt: on
    table = table_of(way, network)
    assert "61,100,840" in table()
    first, first_processor = time.perf_counter() - start, time.process_time() - start_processor
    again = []
    for _ in range(5):
        start = time.process_time()
        table()
        again.append(time.process_time() - start)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"first": first, "processor": first_processor, "again": min(again), "memory": grown / 1024}


def table_of(way: str, network: object) -> Callable[[], str]:
    """What makes the table as text."""
    if way.startswith("alexlab"):
        from alexlab.describe import describe

        return lambda: str(describe(network, (3, 224, 224)))  # type: ignore[arg-type]
    import torchinfo

    columns = ("input_size", "output_size", "num_params", "params_percent", "kernel_size", "mult_adds", "trainable")
    device = "meta" if way.endswith("meta") else "cpu"
    return lambda: str(
        torchinfo.summary(network, (1, 3, 224, 224), col_names=columns, verbose=0, device=device)  # type: ignore[arg-type]
    )


def main(runs: int) -> None:
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(runs):  # one after the other, so that a busy minute meets all of them
        for way in WAYS:
            done = subprocess.run(
                [sys.executable, __file__, "measure", way], capture_output=True, text=True, check=True
            )
            found[way].append(json.loads(done.stdout))
    print(
        "| way | first, s by the clock | first, s of processor | again, ms of processor | memory, MB |\n|---|---:|---:|---:|---:|"
    )
    for way, title in WAYS.items():
        cells = []
        for key, factor, digits in (("first", 1, 2), ("processor", 1, 2), ("again", 1000, 0), ("memory", 1, 0)):
            numbers = [run[key] * factor for run in found[way]]
            low, high = f"{min(numbers):.{digits}f}", f"{max(numbers):.{digits}f}"
            cells.append(f"{statistics.median(numbers):.{digits}f} ({low} to {high})")
        print(f"| {title} | {' | '.join(cells)} |")
    import torch

    versions = f"PyTorch {torch.__version__}, Python {platform.python_version()}"
    print(f"\nMedian of {runs} processes each (smallest to largest). {versions}.")


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(sys.argv[2])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
