"""Weak scaling: a second process on a second core, with as many images again.

    ALEXLAB_DATA=... python benchmarks/scaling_out.py > benchmarks/scaling_out.md
    ALEXLAB_DATA=... python benchmarks/scaling_out.py --recipe textbook-lenet --rounds 3

One process with a batch of 128, two with a batch of 256 between them, each with one thread on a core of its own, float32, Fashion-MNIST as
recipes read it: decoding, scaling to the network's input and normalising are included. Runs are taken in turn. What two processes cost is
then taken apart, in the same rounds:

- the machine: two runs of one process at the same time, which exchange nothing but the memory's bandwidth and the cache;
- the sum of the gradients alone: all-reduces of as many numbers, in DistributedDataParallel's buckets, with nothing else to do;
- what of it is left when it runs beside the backward pass: the difference of two processes to two runs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from alexlab.networks.building import build
from alexlab.recipes.reading import read_recipe
from measuring import heading, table

BATCH, WARM = 128, 1  # images of a process in an update; updates that are not timed
CORES = sorted(os.sched_getaffinity(0))[:2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}

TIMED = """
import json, sys, time
from alexlab.training.train import train
from alexlab.training.callbacks import Silent

class Timed(Silent):
    times = []  # when each update ended, in the first process
    def stepped(self, facts):
        self.times.append(time.perf_counter())

recipe, batch, updates, out = sys.argv[1:]
try:
    train(recipe=recipe, batch=int(batch), steps=int(updates), out=out, device="cpu", callback=Timed(), checkpoint_every=600.0)
finally:
    if Timed.times:
        print(json.dumps(Timed.times))
"""

SUMMED = """
import json, sys, time
import torch, torch.distributed as dist
from alexlab.parallel.processes import joined
numbers, bucket = int(sys.argv[1]), int(float(sys.argv[2]) * 2**20 / 4)
with joined("cpu") as processes:
    parts = torch.zeros(numbers).split(bucket)
    took = []
    for _ in range(4):
        dist.barrier()
        began = time.perf_counter()
        waiting = [dist.all_reduce(part, async_op=True) for part in parts]
        for each in waiting:
            each.wait()
        took.append(time.perf_counter() - began)
    if processes.is_first:
        print(json.dumps(took[1:]))
"""


def pinned(core: int, command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
    )


def in_two(script: Path, *arguments: str) -> list[subprocess.Popen[str]]:
    """Two processes of one job, each on a core of its own."""
    import socket

    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    made = []
    for rank, core in enumerate(CORES):
        where = [f"RANK={rank}", "WORLD_SIZE=2", "MASTER_ADDR=localhost", f"MASTER_PORT={port}"]
        made.append(pinned(core, ["env", *where, sys.executable, str(script), *arguments]))
    return made


def said(processes: list[subprocess.Popen[str]]) -> list[Any]:
    """What each printed, of those that did."""
    found = []
    for process in processes:
        out, error = process.communicate()
        if process.returncode:
            raise SystemExit(error[-3000:])
        found += [json.loads(line) for line in out.splitlines() if line.startswith("[")]
    return found


def rate(times: list[float], batch: int) -> float:
    """Images a second after the first updates."""
    return batch * (len(times) - 1 - WARM) / (times[-1] - times[WARM])


def one_round(recipe: str, updates: int, folder: Path, numbers: int, bucket: float) -> dict[str, float]:
    """Images a second: of one process, of two that train together, of two that do not know of each other; and the sum's time."""
    script, summed = folder / "timed.py", folder / "summed.py"
    script.write_text(TIMED)
    summed.write_text(SUMMED)

    def arguments(batch: int) -> list[str]:
        out = tempfile.mkdtemp(dir=folder)
        return [recipe, str(batch), str(updates), f"{out}/run"]

    (alone,) = said([pinned(CORES[0], [sys.executable, str(script), *arguments(BATCH)])])
    together = said(in_two(script, *arguments(2 * BATCH)))[0]
    apart = said([pinned(core, [sys.executable, str(script), *arguments(BATCH)]) for core in CORES])
    (sums,) = said(in_two(summed, str(numbers), str(bucket)))
    return {
        "one": rate(alone, BATCH),
        "two": rate(together, 2 * BATCH),
        "apart": sum(rate(times, BATCH) for times in apart),
        "sum": median(sums),
    }


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--recipe", default="textbook-alexnet")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--updates", type=int, default=12)
    options.add_argument("--bucket", type=float, default=25.0, help="MB, for the sum alone")
    chosen = options.parse_args()
    network = read_recipe(chosen.recipe).network
    numbers = sum(each.numel() for each in build(network, 10).parameters())
    with tempfile.TemporaryDirectory() as folder:
        rounds = [
            one_round(chosen.recipe, chosen.updates, Path(folder), numbers, chosen.bucket) for _ in range(chosen.rounds)
        ]
    print(heading("Weak scaling", " ".join(["python benchmarks/scaling_out.py", *sys.argv[1:]])))
    print(f"{network}, {numbers:,} weights, {chosen.rounds} rounds in turn; medians, lowest and highest.\n")
    print(table(("", "images/s", "beside one process"), rows(rounds)))
    together, apart = (2 * BATCH / median(each[key] for each in rounds) for key in ("two", "apart"))
    alone = median(each["sum"] for each in rounds)
    print(
        f"\nAn update of two processes takes {together:.3f} s; two runs that exchange nothing take {apart:.3f} s for as many images. The"
    )
    print(
        f"difference, {together - apart:+.3f} s, is what exchanging costs beside the backward pass, and the noise of the machine. Where"
    )
    print(f"nothing else is done, the sum of the gradients takes {alone:.3f} s.")


def rows(rounds: list[dict[str, float]]) -> list[tuple[str, str, str]]:
    found = []
    for key, name in (("one", "one process"), ("two", "two processes"), ("apart", "two runs that exchange nothing")):
        rates = [each[key] for each in rounds]
        ratios = [each[key] / each["one"] for each in rounds]
        found.append((name, shown(rates, 1), shown(ratios, 2)))
    return found


def shown(values: list[float], digits: int) -> str:
    low, middle, high = (f"{value:,.{digits}f}" for value in (min(values), median(values), max(values)))
    return f"{middle} ({low} to {high})"


if __name__ == "__main__":
    main()
