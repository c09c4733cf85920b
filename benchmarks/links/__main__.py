"""`python -m benchmarks.links` measures (as root) and writes links.json; `python -m benchmarks.links table` makes links.md of it."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import network as links
from .worker import Setting

FOUND = Path(__file__).parent.parent / "links.json"
NETWORKS = (("data", "alexnet-paper"), ("towers", "alexnet-paper"), ("hybrid", "alexnet-caffe"))
"""alexnet-caffe has the layers, parameters and multiplications of alexnet-paper, in one tower."""
ALONE = [Setting("alone", "alexnet-paper", batch) for batch in (16, 32, 64)]
DELAYED = [Setting(strategy, network, 32, 1, delay) for strategy, network in NETWORKS for delay in (0.0001, 0.001)]
DIRECT = [*ALONE, *(Setting(strategy, network, 32, gbit) for strategy, network in NETWORKS for gbit in (1, 10, None))]
OTHERS = [
    Setting("data", "alexnet-paper", 64, 1, steps=2),
    Setting("towers", "alexnet-paper", 64, 10, steps=2),
    Setting("hybrid", "alexnet-torchvision", 64, 1, steps=2),
]
FOUR = [
    Setting("alone", "alexnet-paper", 32, steps=2),
    Setting("data", "alexnet-paper", 32, 10, steps=2),
    *(Setting("hybrid", "alexnet-caffe", 32, gbit, steps=2) for gbit in (10, 1)),
]


def measure(settings: list[Setting], count: int) -> list[dict[str, Any]]:
    """Each setting, by `count` processes in namespaces of their own, which share the machine's cores evenly."""
    with TemporaryDirectory() as folder:
        plan, delay = Path(folder) / "settings.json", Path(folder) / "delay"
        plan.write_text(json.dumps([asdict(setting) for setting in settings]))
        with links.Links(count, delay, delayed=any(setting.delay for setting in settings)):
            workers = []
            for rank in range(count):
                environment = {
                    **os.environ, "RANK": str(rank), "WORLD_SIZE": str(count), "MASTER_ADDR": links.address(0),
                    "MASTER_PORT": "29500", "GLOO_SOCKET_IFNAME": links.DEVICE, "OMP_NUM_THREADS": "1",
                }  # fmt: skip
                core = str(rank % (os.cpu_count() or 1))
                command = [
                    "taskset",
                    "-c",
                    core,
                    sys.executable,
                    "-m",
                    "benchmarks.links.worker",
                    str(plan),
                    str(delay),
                ]
                inside = ["ip", "netns", "exec", links.name(rank), *command]
                workers.append(subprocess.Popen(inside, env=environment, stdout=subprocess.PIPE, text=True))
            said = workers[0].communicate()[0]
            if any(worker.wait() for worker in workers):
                raise SystemExit("a process ended with an error; see above.")
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def main() -> None:
    """Measure all, or what is named: direct, delayed, others, four."""
    which = sys.argv[1:] or ["direct", "delayed", "others", "four"]
    settings = {"direct": (DIRECT, 2), "delayed": (DELAYED, 2), "others": (OTHERS, 2), "four": (FOUR, 4)}
    found = json.loads(FOUND.read_text()) if FOUND.exists() else {}
    for name in which:
        found[name] = measure(*settings[name])
        FOUND.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
