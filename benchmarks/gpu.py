"""The tables of training.py on a GPU, and the time to the result there. Without a GPU it says so and measures nothing.

    ALEXLAB_DATA=... python benchmarks/gpu.py > benchmarks/gpu.md

Training at 224 of textbook-alexnet (Fashion-MNIST) and torchvision-alexnet (imagenette-sample), batch 128, bfloat16, data included, beside
a plain loop over images that lie on the GPU already: torchvision's own model where torchvision is installed, the same definition
otherwise; eager, channels last, and compiled with CUDA graphs. Then the recipes fast-alexnet and fast-alexnet8, start to end.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

import alexlab
from alexlab.training.train import train
from measuring import bandwidth, heading, in_turn, matrix_rate, ratios, spread, table
from training import ours

BATCH = 128
OPERATIONS = {
    "alexnet-textbook": 5.56e9,
    "alexnet-torchvision": 4.29e9,
}  # of training one image; `alexlab describe` counts them
RECIPES = {"alexnet-textbook": "textbook-alexnet", "alexnet-torchvision": "torchvision-alexnet"}
ROUNDS = 3


def model(network: str, classes: int) -> nn.Module:
    if network == "alexnet-torchvision":
        try:
            from torchvision.models import alexnet

            return alexnet(num_classes=classes)  # type: ignore[no-any-return]
        except ImportError:
            pass
    return alexlab.network(network, classes=classes)


def plain(
    network: str, channels: int, layout: torch.memory_format, compiled: bool, steps: int = 60, skip: int = 20
) -> float:
    """Images per second of a plain bfloat16 loop over one batch that lies on the GPU: no data, no figures."""
    net = model(network, 10).cuda().to(memory_format=layout)  # type: ignore[call-overload]
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, fused=True)
    called = torch.compile(net, mode="reduce-overhead") if compiled else net
    images = torch.rand(BATCH, channels, 224, 224, device="cuda").to(memory_format=layout)
    labels = torch.randint(10, (BATCH,), device="cuda")
    began = 0.0
    for step in range(steps):
        if step == skip:
            torch.cuda.synchronize()
            began = time.perf_counter()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = nn.functional.cross_entropy(called(images), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    torch.cuda.synchronize()
    return BATCH * (steps - skip) / (time.perf_counter() - began)


def speed(network: str, rate: float) -> None:
    channels = 1 if network == "alexnet-textbook" else 3
    data = {} if channels == 1 else {"dataset": "folder:imagenette-sample"}
    contenders: dict[str, Callable[[], float]] = {
        "plain loop, no data": lambda: plain(network, channels, torch.contiguous_format, False),
        "plain loop, channels last": lambda: plain(network, channels, torch.channels_last, False),
        "plain loop, channels last, compiled": lambda: plain(network, channels, torch.channels_last, True),
        "alexlab, data included": lambda: ours(
            RECIPES[network], BATCH, 240, 60, precision="bfloat16", batch=BATCH, **data
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
        run = train(recipe=recipe, out=Path(folder) / "run", device="cuda")
        seconds = time.perf_counter() - began
        assert run.final
        training = run.metrics("point")[-1]
        print(
            f"{recipe}: test accuracy {run.final['top1']:.4f}, {seconds:.1f} s in all, {training['step']} updates.\n",
            flush=True,
        )


def main() -> None:
    print(heading("On a GPU", "python benchmarks/gpu.py"))
    if not torch.cuda.is_available():
        print("No CUDA device here: nothing measured.")
        print("no CUDA device here: nothing measured", file=sys.stderr)
        return
    rate = matrix_rate(torch.bfloat16, "cuda")
    print(f"bfloat16 products at {rate / 1e12:,.0f} TFLOP/s, memory {bandwidth('cuda') / 1e12:.2f} TB/s.\n")
    for network in OPERATIONS:
        speed(network, rate)
    for recipe in ("fast-alexnet", "fast-alexnet8"):
        to_the_result(recipe)


if __name__ == "__main__":
    main()
