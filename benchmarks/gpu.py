"""The tables of training.py on a GPU, and the time to the result there. Without a GPU it says so and measures nothing.

    ALEXLAB_DATA=... python benchmarks/gpu.py > benchmarks/gpu.md
    ALEXLAB_DATA=... python benchmarks/gpu.py --try                       every part for an update or two on the CPU: does it run?

Training at 224 of textbook-alexnet (Fashion-MNIST) and torchvision-alexnet (imagenette-sample), batch 128, bfloat16, data included, beside
a plain loop over images that lie on the GPU already: torchvision's own model where torchvision is installed, the same definition
otherwise; eager, channels last, and compiled with CUDA graphs. Then the recipes fast-alexnet and fast-alexnet8, start to end.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

import alexlab
from alexlab.training.train import train
from measuring import bandwidth, heading, in_turn, matrix_rate, now, ratios, spread, table
from training import ours

TRYING = "--try" in sys.argv[1:]
DEVICE = "cpu" if TRYING else "cuda"
BATCH = 2 if TRYING else 128
OPERATIONS = {
    "alexnet-textbook": 5.56e9,
    "alexnet-torchvision": 4.29e9,
}  # of training one image; `alexlab describe` counts them
RECIPES = {"alexnet-textbook": "textbook-alexnet", "alexnet-torchvision": "torchvision-alexnet"}
ROUNDS = 1 if TRYING else 3


def model(network: str, classes: int) -> nn.Module:
    if network == "alexnet-torchvision":
        try:
            from torchvision.models import alexnet

            theirs: nn.Module = alexnet(num_classes=classes)
            return theirs
        except ImportError:
            pass
    return alexlab.network(network, classes=classes)


def plain(network: str, channels: int, layout: torch.memory_format, compiled: bool) -> float:
    """Images per second of a plain bfloat16 loop over one batch that lies on the GPU: no data, no figures."""
    steps, skip = (2, 1) if TRYING else (60, 20)
    net = model(network, 10).to(DEVICE, memory_format=layout)  # type: ignore[call-overload]
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, fused=True)
    called = torch.compile(net, mode="reduce-overhead") if compiled and not TRYING else net
    images = torch.rand(BATCH, channels, 224, 224, device=DEVICE).to(memory_format=layout)
    labels = torch.randint(10, (BATCH,), device=DEVICE)
    began = 0.0
    for step in range(steps):
        if step == skip:
            began = now(DEVICE)
        with torch.autocast(DEVICE, dtype=torch.bfloat16, enabled=not TRYING):
            loss = nn.functional.cross_entropy(called(images), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return BATCH * (steps - skip) / (now(DEVICE) - began)


def speed(network: str, rate: float) -> None:
    channels = 1 if network == "alexnet-textbook" else 3
    data: dict[str, Any] = {} if channels == 1 else {"dataset": "folder:imagenette-sample"}
    contenders: dict[str, Callable[[], float]] = {
        "plain loop, no data": lambda: plain(network, channels, torch.contiguous_format, False),
        "plain loop, channels last": lambda: plain(network, channels, torch.channels_last, False),
        "plain loop, channels last, compiled": lambda: plain(network, channels, torch.channels_last, True),
        "alexlab, data included": lambda: ours(
            RECIPES[network], BATCH, *((2, 1) if TRYING else (240, 60)), precision="auto", **data
        ),
    }
    found = in_turn(contenders, ROUNDS)
    by_round = ratios(found, "plain loop, no data")
    rows = [
        [who, spread(values, 0), f"{by_round[who]:.2f}", f"{100 * max(values) * OPERATIONS[network] / rate:.0f} %"]
        for who, values in found.items()
    ]
    print(f"## {network} at 224, batch {BATCH}, bfloat16\n")
    print(table(("loop", "images/s", "ratio", "of the matrix rate"), rows), flush=True)


def to_the_result(recipe: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        tried: dict[str, Any] = {"epochs": 1e-4, "batch": BATCH} if TRYING else {}
        run = train(recipe=recipe, out=Path(folder) / "run", device=DEVICE, **tried)
        seconds = time.perf_counter() - began
        assert run.final
        training = json.loads((run.folder / "timing.jsonl").read_text().splitlines()[-1])
        print(
            f"{recipe}: test accuracy {run.final['top1']:.4f}, {seconds:.1f} s in all, {training['step']} updates.\n",
            flush=True,
        )


def main() -> None:
    print(heading("On a GPU", "python benchmarks/gpu.py"))
    if not torch.cuda.is_available() and not TRYING:
        print("No CUDA device here: nothing measured.")
        print("no CUDA device here: nothing measured", file=sys.stderr)
        return
    rate = matrix_rate(torch.float32 if TRYING else torch.bfloat16, DEVICE)
    print(f"bfloat16 products at {rate / 1e12:,.0f} TFLOP/s, memory {bandwidth(DEVICE) / 1e12:.2f} TB/s.\n")
    for network in OPERATIONS:
        speed(network, rate)
    for recipe in ("fast-alexnet", "fast-alexnet8"):
        to_the_result(recipe)


if __name__ == "__main__":
    main()
