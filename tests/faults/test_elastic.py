"""torchrun's elastic jobs: machines that come, go and are cut off. Machines are network namespaces on a bridge of their own.

The faults and what became of them are in docs/scale-out.md; the long form makes more of each.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from alexlab import Run
from alexlab.runs.checkpoint import checkpoints, step_of
from tests.waiting import until

SLOW = """
import time
import torch
from torch import nn

class Slow(nn.Module):
    def forward(self, images):
        time.sleep(0.02)
        return images

def net(classes, input):
    return nn.Sequential(Slow(), nn.Flatten(), nn.Linear(input[1] * input[2], 32), nn.ReLU(), nn.Linear(32, classes))
"""
UPDATES = 32  # an epoch: 1,500 images in batches of 48
TRAINED = ("slow.py:net", "digits", "--set", "batch=48", "--set", "watch=test", "--out", "run")
SAVED = ("--checkpoint-every", "0.005", "--wait", "6")
# Without the last, PyTorch 2.13 tells a machine that joins later on no address to meet at: it waits for one until it gives up.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "eth0", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
MEETING = "last_call_timeout=1,timeout=120,read_timeout=120"


class Machines:
    """Namespaces that see each other, and a torchrun in each that is started."""

    def __init__(self, name: str, network: str) -> None:
        self.name, self.network = name, network
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        ip("link", "add", name, "type", "bridge")
        ip("link", "set", name, "up")
        for i in (1, 2, 3):
            machine, wire = f"{name}{i}", f"{name}-{i}"
            ip("netns", "add", machine)
            ip("link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", machine)
            ip("link", "set", wire, "master", name, "up")
            ip("-n", machine, "address", "add", f"{network}.{i}/24", "dev", "eth0")
            ip("-n", machine, "link", "set", "eth0", "up")
            ip("-n", machine, "link", "set", "lo", "up")

    def start(self, i: int, epochs: int) -> None:
        """torchrun on machine i; they meet on the first."""
        address = f"{self.network}.{i}"
        meet = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"{self.network}.1:29400", "--rdzv-id", "job"]
        meet += ["--rdzv-conf", f"{MEETING},is_host={int(i == 1)}", "--local-addr", address]
        job = ["--nnodes", "1:3", "--nproc-per-node", "1", "--max-restarts", "20", *meet, "-m", "alexlab", "train"]
        inside = ["ip", "netns", "exec", f"{self.name}{i}", sys.executable, "-m", "torch.distributed.run", *job]
        with Path(f"machine-{i}.log").open("ab") as log:
            self.running[i] = subprocess.Popen(
                [*inside, *TRAINED, *SAVED, "--epochs", str(epochs)],
                stdout=log,
                stderr=log,
                env={**os.environ, **ENVIRONMENT},
            )

    def cut(self, i: int) -> None:
        """No packet reaches machine i any more, and nobody tells the others."""
        ip("link", "set", f"{self.name}-{i}", "nomaster")

    def worker(self, i: int) -> int:
        """The process that trains on machine i."""
        torchrun = self.running[i].pid
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(torchrun)], capture_output=True, text=True
        ).stdout.split()
        assert found, f"nothing trains on machine {i}"
        return int(found[0])

    def end(self) -> None:
        for i in (1, 2, 3):
            listed = subprocess.run(["ip", "netns", "pids", f"{self.name}{i}"], capture_output=True, text=True).stdout
            for pid in listed.split():
                os.kill(int(pid), signal.SIGKILL)
            if i in self.running:
                self.running[i].wait()
            ip("netns", "delete", f"{self.name}{i}")
        ip("link", "delete", self.name)


def ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr}")


@pytest.fixture
def machines() -> Iterator[Machines]:
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("network namespaces need root and ip (iproute2)")
    number = os.getpid() % 200
    try:
        made = Machines(f"al{os.getpid() % 100_000}", f"10.{77 + number // 100}.{number}")
    except OSError as error:
        pytest.skip(f"no network namespaces here: {error}")
    Path("slow.py").write_text(SLOW)
    yield made
    made.end()


def logged() -> str:
    return "\n".join(path.read_text(errors="replace")[-3000:] for path in sorted(Path().glob("machine-*.log")))


def newest() -> int:
    """The update of the newest checkpoint."""
    found = checkpoints(Path("run"))
    return step_of(found[0]) if found else 0


def sittings() -> list[tuple[int, int]]:
    """Each time that the job went on: at which update, in how many processes, in order."""
    found = []
    for path in Path().glob("machine-*.log"):
        for line in path.read_text(errors="replace").splitlines():
            if said := re.search(r"goes on at update ([\d,]+) in (\d+) process", line):
                found.append((int(said[1].replace(",", "")), int(said[2])))
    return sorted(found)


def goes_on_after(fault: Callable[[], None], processes: int) -> None:
    """Make the fault; the job must go on in so many processes, at no earlier update than the newest checkpoint before the fault."""
    begun, before = len(sittings()), newest()
    fault()
    until(lambda: any(count == processes for _, count in sittings()[begun:]), said=logged)
    assert all(step >= before for step, _ in sittings()[begun:]), (before, sittings())
    resumed = sittings()[-1][0]
    until(lambda: newest() > resumed, said=logged)


def ends_well(machines: Machines, on: tuple[int, ...], epochs: int) -> None:
    """torchrun ends with 0 on these machines, and the run is whole: every epoch once, and a model that has learnt."""
    for i in on:
        assert machines.running[i].wait(timeout=200) == 0, logged()
    run = Run("run")
    assert run.result["state"] == "finished" and run.result["steps"] == UPDATES * epochs
    assert run.final and run.final["top1"] > 0.5
    lines = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == sorted(line["step"] for line in lines)
    assert [line["epoch"] for line in lines if line["kind"] == "epoch"] == list(range(1, epochs + 1))
    assert run.predict(np.zeros((8, 8), np.uint8))


@pytest.mark.timeout(600)
def test_a_machine_joins_a_worker_is_killed_a_machine_is_cut_off(machines: Machines) -> None:
    epochs = 60
    machines.start(1, epochs)
    until(lambda: newest() > 0, said=logged)
    goes_on_after(lambda: machines.start(2, epochs), processes=2)
    goes_on_after(lambda: os.kill(machines.worker(2), signal.SIGKILL), processes=2)
    goes_on_after(lambda: machines.cut(2), processes=1)
    ends_well(machines, (1,), epochs)
