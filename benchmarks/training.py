"""Training speed, data included, beside the loops that readers of the tutorials write: same network, batch and optimiser.

    make bench PARTS=training        (installs Keras beside, for this alone)
    python benchmarks/training.py [textbook-alexnet] [lenet-relu] [alexnet8] > benchmarks/training.md

textbook-alexnet: Fashion-MNIST at 224, batch 128. lenet-relu: MNIST, batch 64, the tutorial's recipe. alexnet8: CIFAR-10, batch 32,
Keras on tensorflow-cpu. Each run is a process of its own, as a user starts it. The first updates of each run are not counted:
they start workers and warm caches.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from alexlab.speed.bfloat16 import multiplies_bfloat16
from alexlab.training.callbacks import Silent
from alexlab.training.train import train
from measuring import heading, in_turn, matrix_rate, ratios, spread, table
from references.loops import textbook_alexnet, tutorial_lenet

HERE = Path(__file__).resolve().parent
KERAS = HERE.parent / ".bench" / "keras" / "bin" / "python"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Clock(Silent):
    """Notes when each update ended, and how many images it saw."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def stepped(self, facts: dict[str, Any]) -> None:
        self.ends.append(time.perf_counter())


def ours(recipe: str, batch: int, steps: int, skip: int, **values: Any) -> float:
    """Images per second of `alexlab train --recipe RECIPE` with this batch, of the updates after `skip`."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        how = {"out": Path(folder) / "run", "device": DEVICE, "callback": clock, "batch": batch, **values}
        train(recipe=recipe, steps=steps, **how)
    return batch * (steps - skip) / (clock.ends[-1] - clock.ends[skip - 1])


def keras(images: int) -> float:
    done = subprocess.run(
        [KERAS, HERE / "references" / "keras_alexnet8.py", str(images)], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[0])


CONTENDERS: dict[str, dict[str, Callable[[], float]]] = {
    "textbook-alexnet": {
        "the textbook's loop": lambda: textbook_alexnet(steps=6),
        "alexlab, float32": lambda: ours("textbook-alexnet", 128, 7, 1),
        "alexlab, `--set precision=bfloat16`": lambda: ours("textbook-alexnet", 128, 10, 2, precision="bfloat16"),
    },
    "lenet-relu": {
        "the tutorial's loop": lambda: tutorial_lenet(steps=450),
        "alexlab, float32": lambda: ours("tutorial-lenet-mnist", 64, 930, 100),
    },
    "alexnet8": {
        "Keras, tensorflow-cpu": lambda: keras(4000),
        "alexlab, float32": lambda: ours("tutorial-alexnet8", 32, 140, 15),
        "alexlab, `--set precision=bfloat16`": lambda: ours("tutorial-alexnet8", 32, 140, 15, precision="bfloat16"),
    },
}
"""Who takes part in each comparison; the first is the reference."""

OPERATIONS = {
    "textbook-alexnet": 5.56e9,
    "alexnet8": 0.703e9,
}  # of training one image, forward and backward; `alexlab describe` counts them
ROUNDS = 3


def alone(part: str, who: str) -> float:
    """The images per second of one contender, in a process of its own."""
    command = [sys.executable, __file__, "--only", part, who]
    as_the_command_line = (
        {"OMP_WAIT_POLICY": "PASSIVE"} if who.startswith("alexlab") else {}
    )  # see alexlab.speed.process
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **as_the_command_line}
    )
    return float(done.stdout.split()[-1])


def compare(part: str, rates: dict[str, float]) -> None:
    able = [who for who in CONTENDERS[part] if "bfloat16" not in who or multiplies_bfloat16(torch.device(DEVICE))]
    found = in_turn({who: partial(alone, part, who) for who in able}, ROUNDS)
    by_round = ratios(found, next(iter(found)))
    rows = []
    for who, values in found.items():
        limit = rates["bfloat16" if "bfloat16" in who else "float32"]
        share = f"{100 * median(values) * OPERATIONS[part] / limit:.0f} %" if part in OPERATIONS else "-"
        rows.append([who, spread(values), f"{by_round[who]:.2f}", share])
    print(
        f"## {part}\n{ROUNDS} rounds in turn; images/s, median (lowest to highest); ratio round by round, its median.\n"
    )
    print(table(("loop", "images/s", "ratio", "of the matrix rate"), rows), flush=True)


def main() -> None:
    if sys.argv[1:2] == ["--only"]:
        print(CONTENDERS[sys.argv[2]][sys.argv[3]]())
        return
    wanted = sys.argv[1:] or list(CONTENDERS)
    print(heading("Training speed", f"python benchmarks/training.py {' '.join(wanted)}".strip()))
    rates = {"float32": matrix_rate(torch.float32, DEVICE), "bfloat16": matrix_rate(torch.bfloat16, DEVICE)}
    print(", ".join(f"{name} products at {rate / 1e9:,.1f} GFLOP/s" for name, rate in rates.items()) + ".")
    if not multiplies_bfloat16(torch.device(DEVICE)):
        print("bfloat16 is left out: this processor does not multiply it.")
    print()
    for part in wanted:
        if part == "alexnet8" and not KERAS.exists():
            print(f"alexnet8: left out, {KERAS} is missing; `make bench` installs it.\n")
        else:
            compare(part, rates)


if __name__ == "__main__":
    main()
