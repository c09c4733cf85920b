"""One process of the benchmark, in its namespace: each strategy under each link. Prints a line of JSON for each, from process 0."""

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from alexlab.networks.alexnet_2012 import TwoTowers
from alexlab.networks.building import build
from alexlab.networks.catalogue import find
from alexlab.parallel.strategies.hybrid import divide_hybrid
from alexlab.parallel.strategies.towers import divide_towers
from alexlab.parallel.traffic import counted
from alexlab.recipes.reading import overridden, read_recipe
from alexlab.training.optimisers import make_optimiser

from . import network as links

RECIPE = overridden(read_recipe("quick"), {"optimiser": "sgd", "momentum": 0.9, "rate": 0.001, "weight_decay": 0.0005})


@dataclass(frozen=True)
class Setting:
    """One row of the table. `gbit` is the links' rate, None without a limit; `delay` is in seconds, None for that of the machine."""

    strategy: str  # or "alone": each process by itself on its part of the images
    network: str
    batch: int  # images of an update, of all processes
    gbit: float | None = None
    delay: float | None = None
    steps: int = 3


def main() -> None:
    """Read the settings from the file that is named first; the delay of the links is kept in the second."""
    settings = [Setting(**each) for each in json.loads(Path(sys.argv[1]).read_text())]
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    before: Setting | None = None
    made: tuple[nn.Module, Any] | None = None
    for setting in settings:
        if before is None or made is None or _built(before) != _built(setting):
            made = None
            made = _make(setting)
            _step(setting, *made)  # DistributedDataParallel settles its buckets after the first one
        before = setting
        links.set_rate(setting.gbit and setting.gbit * 1e9)
        if dist.get_rank() == 0:
            links.set_delay(Path(sys.argv[2]), setting.delay or 0.0)
        dist.barrier()
        found = _measure(setting, *made)
        if dist.get_rank() == 0:
            print(json.dumps({**asdict(setting), "processes": dist.get_world_size(), **found}), flush=True)
    dist.destroy_process_group()


def _built(setting: Setting) -> tuple[str, str, int]:
    return setting.strategy, setting.network, setting.batch


def _make(setting: Setting) -> tuple[nn.Module, Any]:
    torch.manual_seed(0)
    network = build(setting.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if setting.strategy == "towers":
        assert isinstance(network, TwoTowers)
        network, _ = divide_towers(network)
    elif setting.strategy == "hybrid":
        divide_hybrid(network, setting.batch // dist.get_world_size())
    optimiser = make_optimiser(network, RECIPE)
    return DistributedDataParallel(network) if setting.strategy in ("data", "hybrid") else network, optimiser


def _measure(setting: Setting, network: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    trip = _round_trip()
    seconds, sent = [], []
    for _ in range(setting.steps):
        dist.barrier()
        began, before = time.perf_counter(), links.bytes_sent()
        with counted() as traffic:
            _step(setting, network, optimiser)
        if setting.strategy != "alone":
            dist.barrier()
        seconds.append(time.perf_counter() - began)
        sent.append(links.bytes_sent() - before)
    slowest = torch.tensor(seconds)
    dist.all_reduce(slowest, op=dist.ReduceOp.MAX)
    seconds = slowest.tolist()
    return {
        "seconds": median(seconds), "lowest": min(seconds), "highest": max(seconds), "round_trip": trip,
        "sent": traffic.sent, "calls": traffic.calls, "on_the_wire": median(sent),
    }  # fmt: skip


def _step(setting: Setting, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    own = setting.batch if setting.strategy == "towers" else setting.batch // dist.get_world_size()
    channels, side, _ = find(setting.network).input
    images = torch.ones(own, channels, side, side).contiguous(memory_format=torch.channels_last)
    loss = nn.functional.cross_entropy(network(images), torch.zeros(own, dtype=torch.int64))
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def _round_trip() -> float:
    """The median time, in seconds, of a number that goes to process 1 and back through Gloo."""
    number, taken = torch.zeros(1), []
    for _ in range(20):
        began = time.perf_counter()
        if dist.get_rank() == 0:
            dist.send(number, dst=1)
            dist.recv(number, src=1)
            taken.append(time.perf_counter() - began)
        elif dist.get_rank() == 1:
            dist.recv(number, src=0)
            dist.send(number, dst=0)
    return median(taken) if taken else 0.0


if __name__ == "__main__":
    main()
