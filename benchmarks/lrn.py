"""LRN and the within-map normalisation against PyTorch's operations, forward and backward: prints benchmarks/lrn.md.

    python benchmarks/lrn.py 1 2 > benchmarks/lrn.md         (the numbers of threads; for two, on a quiet machine)

The two take turns, so that a busy machine slows both. Every figure is the median of ROUNDS rounds in milliseconds;
the spread is the interquartile range of the ratios, taken round by round.
"""

import sys
import time
from collections.abc import Callable
from datetime import date
from statistics import median, quantiles

import torch
import torch.nn.functional as F
from torch import nn

from alexlab.networks.layers.normalisation import LocalResponseNorm, WithinMapNorm

ROUNDS = 11
MACHINE = "2-core AMD EPYC"
SIZES = {"conv1, one tower": (48, 55, 55), "conv1, 96 maps": (96, 55, 55), "conv2, one tower": (128, 27, 27)}


def pytorch_lrn(x: torch.Tensor) -> torch.Tensor:
    # PyTorch's average pool takes no bfloat16 on a CPU, so there it gets float32, as a user would do.
    return F.local_response_norm(x.float(), size=5, alpha=1e-4, beta=0.75, k=2.0).to(x.dtype)


def pytorch_within(x: torch.Tensor) -> torch.Tensor:
    """The definition in PyTorch's operations: it has no layer for it."""
    return x / (1.0 + 0.001 / 25 * F.avg_pool2d(x * x, 5, stride=1, padding=2, divisor_override=1)).pow(0.75)


def once(layer: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, grad: torch.Tensor) -> tuple[float, float]:
    """Milliseconds of one forward and one backward pass."""
    x.grad = None
    start = time.perf_counter()
    y = layer(x)
    between = time.perf_counter()
    y.backward(grad)
    return 1000 * (between - start), 1000 * (time.perf_counter() - between)


def row(name: str, n: int, layout: torch.memory_format, dtype: torch.dtype, within: bool) -> str:
    x = (50 * torch.randn(n, *SIZES[name])).to(dtype).to(memory_format=layout).requires_grad_()
    grad = torch.randn_like(x)
    theirs = pytorch_within if within else pytorch_lrn
    lrn = LocalResponseNorm(size=5, alpha=1e-4, beta=0.75, k=2.0, alpha_divided=True)
    ours: nn.Module = WithinMapNorm() if within else lrn
    once(theirs, x, grad), once(ours, x, grad)
    rounds = [(once(theirs, x, grad), once(ours, x, grad)) for _ in range(ROUNDS)]
    cells = []
    for direction in (0, 1):
        their_ms, our_ms = (median(r[who][direction] for r in rounds) for who in (0, 1))
        low, _, high = quantiles([r[0][direction] / r[1][direction] for r in rounds], n=4)
        cells += [f"{their_ms:.1f}", f"{our_ms:.1f}", f"{their_ms / our_ms:.1f} ({low:.1f} to {high:.1f})"]
    described = f"{'within the map' if within else 'LRN'} | {name} | {n}"
    kind = f"{'channels-last' if layout is torch.channels_last else 'contiguous'}, {str(dtype).removeprefix('torch.')}"
    return f"| {described} | {kind} | {torch.get_num_threads()} | {' | '.join(cells)} |"


def main() -> None:
    print("# Response normalisation against PyTorch's operations\n")
    print(
        f"`python benchmarks/lrn.py {' '.join(sys.argv[1:])}`, {date.today()}, {MACHINE}, PyTorch {torch.__version__}."
    )
    print(
        f"Milliseconds, medians of {ROUNDS} rounds in which the two take turns; in brackets the ratio's interquartile"
    )
    print(
        "range. PyTorch's forward is `local_response_norm(x, 5, 1e-4, 0.75, 2.0)` or, within the map, an average pool,"
    )
    print("a power and a division; its backward is what autograd derives from it.\n")
    print("| what | where | batch | memory, dtype | threads | forward: PyTorch | ours | ratio ", end="")
    print("| backward: PyTorch | ours | ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    plain, last = torch.contiguous_format, torch.channels_last
    for threads in map(int, sys.argv[1:] or ["1"]):
        torch.set_num_threads(threads)
        for name in SIZES:
            print(row(name, 128, plain, torch.float32, within=False), flush=True)
        for name in ("conv1, one tower", "conv2, one tower"):
            print(row(name, 32, plain, torch.float32, within=False), flush=True)
            print(row(name, 32, last, torch.float32, within=False), flush=True)
            print(row(name, 32, plain, torch.bfloat16, within=False), flush=True)
        print(row("conv2, one tower", 128, plain, torch.float32, within=True), flush=True)
        print(row("conv2, one tower", 128, last, torch.float32, within=True), flush=True)


if __name__ == "__main__":
    main()
