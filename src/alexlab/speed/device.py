"""Which device computes, and what is said about it."""

import contextlib
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import torch

from alexlab.errors import UserError

DEVICES = ("auto", "cpu", "cuda", "mps")
LIBRARIES = ("torch", "numpy", "pillow", "safetensors")


def choose_device(wanted: str = "auto") -> torch.device:
    """Return the device called `wanted`, or the best there is. Raises UserError where this machine lacks it."""
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    kind = wanted.partition(":")[0]
    if wanted == "auto":
        return torch.device("cuda" if present["cuda"] else "mps" if present["mps"] else "cpu")
    if kind not in present:
        raise UserError(f"unknown device {wanted!r}; expected {', '.join(DEVICES)}.")
    if not present[kind]:
        has = ", ".join(name for name, here in present.items() if here)
        raise UserError(f"this machine has no {wanted} device for PyTorch {torch.__version__}; it has {has}.")
    return torch.device(wanted)


def choose_precision(wanted: str, multiplied: bool) -> tuple[str, str]:
    """Return the precision in which a recipe that says `wanted` computes, and what a user should know of that, or "".

    `multiplied`: whether `speed.bfloat16` says of every device that takes part that it multiplies bfloat16.
    """
    if wanted == "auto" and not multiplied:
        return "float32", "precision auto is float32: bfloat16 products are not known to be fast here."
    if wanted == "bfloat16" and not multiplied:
        return wanted, (
            "bfloat16 products are not known to be fast here; a processor that emulates them takes hundreds of times longer than for "
            "float32. A new run with precision=auto takes what is fast."
        )
    return ("bfloat16" if wanted == "auto" else wanted), ""


def describe_device(device: torch.device) -> str:
    """Return one line for people: "cpu, 2 threads" or "cuda, NVIDIA H200"."""
    if device.type == "cuda":
        return f"cuda, {torch.cuda.get_device_name(device)}"
    return f"{device.type}, {torch.get_num_threads()} threads" if device.type == "cpu" else device.type


def environment(device: torch.device) -> dict[str, Any]:
    """Return what a run was made with: versions, processor, threads, device, command."""
    return {
        "alexlab": version("alexlab"),
        "python": platform.python_version(),
        **{library: version(library) for library in LIBRARIES},
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": describe_device(device),
        "command": " ".join(sys.argv),
    }


def processor() -> str:
    """Return the model of the processor, as the system calls it."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:  # noqa: PTH123
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


@contextlib.contextmanager
def enough_memory() -> Iterator[None]:
    """Make memory that gives out a UserError, while the block runs."""
    try:
        yield
    except MemoryError as error:
        raise _no_memory(str(error)) from error
    except RuntimeError as error:  # PyTorch's allocators, and Python where no thread can be started
        said = str(error)
        if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in said or "start new thread" in said:
            lines = said.splitlines()  # TorchScript tells of itself first
            raise _no_memory(next((line for line in lines if "allocate memory" in line), lines[0])[:200]) from error
        raise


def _no_memory(said: str) -> UserError:
    return UserError(
        f"memory gave out{f' ({said})' if said else ''}. Take smaller batches (--set batch=N), keep fewer decoded images in memory "
        "(--memory GIB), or stop other programs; a run that had begun goes on with --resume."
    )


@contextlib.contextmanager
def exact() -> Iterator[None]:
    """Compute in float32 that is float32, with the same result each time, while the block runs; the caller's settings come back after."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fills = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]  # a property of the module
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Each new tensor, with nan: nothing here reads one unwritten, and it is a tenth of LeNet's update.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    try:
        with (
            torch.random.fork_rng(devices=devices),
            torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
        ):
            yield
    finally:
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.utils.deterministic.fill_uninitialized_memory = fills  # type: ignore[attr-defined]
