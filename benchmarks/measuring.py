"""What the benchmarks share: the machine's limits, runs taken in turn, and tables.

These machines are shared and noisy. So everything that is compared runs in turn, in one session; the median of the rounds
counts, with the lowest and the highest; and a time means little without the limit that was measured beside it.
"""

import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from statistics import median

import torch

from alexlab.speed.bfloat16 import multiplies_bfloat16
from alexlab.speed.device import processor

SIDE = 3072  # of the matrices multiplied
EMULATED = 384  # of those whose type this processor does not multiply: some 300 times slower
COPIED = 1 << 28  # bytes
TRIES = 5


def heading(title: str, command: str) -> str:
    """The first lines of a benchmark's page: what, when, on what."""
    return (
        f"# {title}\n\n`{command}`, {datetime.now(UTC):%Y-%m-%d}, {machine()}, {torch.get_num_threads()} threads, "
        f"PyTorch {torch.__version__}, Python {platform.python_version()}; load before the start {os.getloadavg()[0]:.1f}.\n"
    )


def machine() -> str:
    """What computes: the GPU, or the processor's cores and the instructions that decide how fast."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    bfloat16 = "with" if multiplies_bfloat16(torch.device("cpu")) else "without"
    capability = torch.backends.cpu.get_cpu_capability().replace("AVX512", "AVX-512")
    return f"{os.cpu_count()} cores, {processor()} ({capability}, {bfloat16} bfloat16 products)"


def matrix_rate(dtype: torch.dtype, device: str = "cpu") -> float:
    """The highest rate of products of two square matrices in TRIES tries, in FLOP/s: two operations a multiplication."""
    emulated = dtype == torch.bfloat16 and not multiplies_bfloat16(torch.device(device))
    side = (EMULATED if emulated else SIDE) if device == "cpu" else 8192
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    repeats = 1 if device == "cpu" else 50
    best = 0.0
    for _ in range(TRIES):
        began = now(device)
        for _ in range(repeats):
            a @ b
        best = max(best, repeats * 2 * side**3 / (now(device) - began))
    return best


def bandwidth(device: str = "cpu") -> float:
    """The highest rate of copying memory, bytes read and bytes written together, a second."""
    source = torch.ones(COPIED // 4, device=device)
    target = torch.empty_like(source)
    best = 0.0
    for _ in range(TRIES):
        began = now(device)
        target.copy_(source)
        best = max(best, 2 * COPIED / (now(device) - began))
    return best


def now(device: str) -> float:
    """The clock, when all that was asked of `device` is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def in_turn(contenders: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Each contender's figure of each round; they take turns."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            found[name].append(measure())
    return found


def ratios(found: dict[str, list[float]], reference: str) -> dict[str, float]:
    """The median of the ratios to the reference, taken round by round."""
    return {
        name: median(mine / theirs for mine, theirs in zip(values, found[reference], strict=True))
        for name, values in found.items()
    }


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, lowest and highest."""
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
