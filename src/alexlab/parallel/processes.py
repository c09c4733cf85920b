"""This process among those that train together: who they are, that all came and agree, and what they say to each other.

torchrun (or Slurm) starts the processes and tells each who it is; PyTorch carries what they exchange: NCCL where each has a GPU of its own,
Gloo elsewhere. A process that was started alone has no group, and nothing here costs it anything.
"""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import torch
import torch.distributed as dist

from alexlab.errors import UserError
from alexlab.showing import listed
from alexlab.speed.device import choose_device

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

WAIT = 300.0
"""Seconds that processes wait for each other: at the start, and in each exchange."""
PREPARING = 3600.0
"""Seconds that they wait at the least until all have found and read the dataset: fetching and decoding take their time."""
LAST_WORDS = 2.0  # seconds in which the one that says what went wrong is not yet killed by the others' end
HEARD = 10.0  # seconds in which the others have heard it, although the machine is busy
VERSIONS = ("alexlab", "torch")

Told = TypeVar("Told")


@dataclass(frozen=True)
class Processes:
    """The processes that train together, seen from one of them. By default there is one.

    Attributes:
        rank, count: which one this is, of how many.
        local_rank, local_count: the same among those on this machine.
        job: the name of the job that torchrun was given, which restarts keep; None without one.
        wait: seconds that they wait for each other.
        store: the store of keys and values that all of them see; None where there is one process.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1
    job: str | None = None
    wait: float = WAIT
    store: "Store | None" = None

    @property
    def is_first(self) -> bool:
        """Whether this one writes and speaks for all."""
        return self.rank == 0

    def part(self, images: int, rank: int | None = None) -> slice:
        """Which rows of a batch of `images` belong to this process (or to `rank`): consecutive, as many for each as can be."""
        rank = self.rank if rank is None else rank
        return slice(rank * images // self.count, (rank + 1) * images // self.count)

    def sums(self, *values: float) -> list[float]:
        """Return the sum of each value over all processes, in float64."""
        if self.count == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(tensor)
        found: list[float] = tensor.tolist()
        return found

    def from_first(self, value: Told) -> Told:
        """Return what the first process has as `value`, which must be something that pickle takes."""
        if self.count == 1:
            return value
        told = [value]
        dist.broadcast_object_list(told, src=0)
        return told[0]

    def check_same(self, what: str, value: str, mend: str) -> None:
        """Raise UserError unless every process has the same `value`; the error names those that differ and says `mend`.

        This is also where the fast wait for the slow, so the wait is `PREPARING` at least.
        """
        if self.store is None:
            return
        wait = max(PREPARING, self.wait)
        self.store.set(f"{what}/{self.rank}", json.dumps([socket.gethostname(), value]))
        if self.is_first:
            said = [json.loads(_heard(self.store, f"{what}/{rank}", rank, wait)) for rank in range(self.count)]
            other = [f"{rank} on {host}" for rank, (host, theirs) in enumerate(said) if theirs != value]
            told = f"{what}: process {', '.join(other)} has another than process 0 on {said[0][0]}. {mend}"
            self.store.set(f"{what}/verdict", told if other else "")
        if verdict := _heard(self.store, f"{what}/verdict", 0, wait + LAST_WORDS):
            if self.is_first:
                raise UserError(verdict)
            _end_quietly(self.store, 2)


class Ended(SystemExit):
    """The end of a process that is not the first, or that leaves it to another to say what went wrong."""


@contextmanager
def joined(device: str | torch.device, wait: float = WAIT) -> Iterator[Processes]:
    """While the block runs, this process is one of those that torchrun, or whoever sets its variables, started together.

    Args:
        device: what this process computes on; of several GPUs "cuda" becomes its own.
        wait: seconds that processes wait for each other.

    Raises:
        UserError: a process did not come, which is named; versions or devices differ; the port is taken; a fellow was lost. One
            process raises it; the others end with its exit code and say nothing (`Ended`).
    """
    alone = _alone(wait)
    if alone is not None:
        yield alone
        return
    rank, count = (_number(key) for key in ("RANK", "WORLD_SIZE"))
    limit = timedelta(seconds=wait)
    whole = _store(rank, count, limit)
    store, own_gpu = _all_here(whole, rank, count, str(device), wait)
    try:
        try:
            backend = "cpu:gloo,cuda:nccl" if own_gpu else "gloo"
            dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=limit)
            yield Processes(rank, count, *_local(rank, count), _job(), wait, store)
        except RuntimeError as error:
            if not _is_of_the_group(error):
                raise
            raise UserError(
                f"another process of this training has ended or cannot be reached any more ({_first_line(error)}). The same command "
                "with --continue goes on from the newest checkpoint."
            ) from error
    except (Exception, KeyboardInterrupt) as error:
        _leave_word(store, rank, count, error)
        raise
    finally:
        if dist.is_initialized():
            with suppress(RuntimeError):
                dist.destroy_process_group()


def _alone(wait: float) -> Processes | None:
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        return Processes(wait=wait)
    return Processes(job=_job(), wait=wait) if _number("WORLD_SIZE") == 1 else None


def _number(key: str) -> int:
    try:
        return int(os.environ[key])
    except (KeyError, ValueError):
        raise UserError(
            f"{key} is {os.environ.get(key, 'not set')!r}; expected a number, as torchrun sets it for each process."
        ) from None


def _local(rank: int, count: int) -> tuple[int, int]:
    """Rank and number of processes on this machine; where nobody says so, all are on it."""
    if "LOCAL_RANK" not in os.environ:
        return rank, count
    return _number("LOCAL_RANK"), int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def _job() -> str | None:
    name = os.environ.get("TORCHELASTIC_RUN_ID", "none")
    return None if name == "none" else name  # torchrun's word where it was given none


def _store(rank: int, count: int, limit: timedelta) -> "Store":
    """Open the store at MASTER_ADDR:MASTER_PORT: torchrun's, or else one that the first process opens."""
    address, port = os.environ.get("MASTER_ADDR"), _number("MASTER_PORT")
    if not address:
        raise UserError("MASTER_ADDR is not set; expected the name or address of the first process's machine.")
    opens = rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    try:
        return dist.TCPStore(address, port, count, opens, limit, wait_for_workers=False, multi_tenant=True)  # type: ignore[attr-defined]
    except dist.DistError as error:
        if "EADDRINUSE" in str(error):
            raise UserError(
                f"port {port} on {address} is taken by another program; choose another (MASTER_PORT, or torchrun --master-port)."
            ) from error
        waited = limit.total_seconds()
        raise UserError(
            f"process {rank} of {count} found nobody at {address}:{port} within {waited:g} s: process 0 never came, or cannot be "
            f"reached from {socket.gethostname()}. Check MASTER_ADDR, MASTER_PORT and the network between the machines."
        ) from error


def _all_here(whole: "Store", rank: int, count: int, device: str, wait: float) -> tuple["Store", bool]:
    """Wait until all have come; a part of the store for this start alone, and whether each process has a GPU of its own.

    torchrun keeps its store when it starts the processes anew, and with it every old key. So the first process names this start, and
    tells the name to whoever greets it: a greeting from an earlier start is answered too, and nobody hears that.
    """
    mine = _about_me(rank, count, device)
    if rank == 0:
        store, verdict, own_gpu = _welcome(whole, count, mine, wait)
        if verdict:
            _wait_for_the_others(store, count)
            raise UserError(verdict)
        return store, own_gpu
    store = dist.PrefixStore(_greet(whole, rank, count, wait), whole)  # type: ignore[attr-defined]
    store.set(f"here/{rank}", json.dumps(mine))
    verdict, own_gpu = json.loads(_heard(store, "start", 0, wait + LAST_WORDS))
    if verdict:
        _end_quietly(store, 2)
    return store, own_gpu


def _about_me(rank: int, count: int, device: str) -> dict[str, Any]:
    """Return what the first process wants to know of each."""
    facts: dict[str, Any] = {"host": socket.gethostname(), "versions": {name: version(name) for name in VERSIONS}}
    try:
        kind = choose_device(device).type
    except UserError as error:
        return {**facts, "wrong": str(error), "device": "none", "own_gpu": False}
    local_rank, local_count = _local(rank, count)
    own_gpu = False
    if kind == "cuda":
        own_gpu = torch.cuda.device_count() >= local_count
        torch.cuda.set_device(local_rank % torch.cuda.device_count())
    return {**facts, "wrong": "", "device": kind, "own_gpu": own_gpu}


def _welcome(whole: "Store", count: int, mine: dict[str, Any], wait: float) -> tuple["Store", str, bool]:
    """Do the first process's half of the greeting. Returns the store of this start, what is wrong with those that came, and `own_gpu`."""
    name = token_hex(8)
    store = dist.PrefixStore(name, whole)  # type: ignore[attr-defined]
    present = {0: mine}
    end = time.monotonic() + wait
    while len(present) < count and time.monotonic() < end:
        for other in set(range(count)) - set(present):
            if whole.check([f"hello/{other}"]):
                whole.set(f"welcome/{other}", f"{whole.get(f'hello/{other}').decode()} {name}")
            if store.check([f"here/{other}"]):
                present[other] = json.loads(store.get(f"here/{other}"))
        time.sleep(0.02)
    verdict, own_gpu = _verdict(present, count, wait), all(facts["own_gpu"] for facts in present.values())
    store.set("start", json.dumps([verdict, own_gpu]))
    return store, verdict, own_gpu


def _greet(whole: "Store", rank: int, count: int, wait: float) -> str:
    """Do another process's half. Returns the name of this start."""
    greeting = token_hex(8)
    whole.set(f"hello/{rank}", greeting)
    end = time.monotonic() + wait
    while time.monotonic() < end:
        if whole.check([f"welcome/{rank}"]):
            answered, name = whole.get(f"welcome/{rank}").decode().split()
            if answered == greeting:
                return str(name)
        time.sleep(0.02)
    raise UserError(_missing([0], count, wait))


def _verdict(present: dict[int, dict[str, Any]], count: int, wait: float) -> str:
    """Say what is wrong with those that came; "" where nothing is."""
    if missing := [rank for rank in range(count) if rank not in present]:
        return _missing(missing, count, wait)
    for rank, facts in sorted(present.items()):
        if facts["wrong"]:
            return facts["wrong"] if rank == 0 else f"process {rank} on {facts['host']}: {facts['wrong']}"
    first = present[0]
    for what in ("versions", "device"):
        for rank, facts in sorted(present.items()):
            if facts[what] != first[what]:
                return (
                    f"the processes differ: 0 on {first['host']} has {_shown(first[what])}, {rank} on {facts['host']} has "
                    f"{_shown(facts[what])}. Install the same versions everywhere, or name the device with --device."
                )
    return ""


def _shown(value: object) -> str:
    return ", ".join(f"{name} {number}" for name, number in value.items()) if isinstance(value, dict) else str(value)


def _missing(ranks: list[int], count: int, wait: float) -> str:
    numbers = listed([str(rank) for rank in ranks], 8)
    return (
        f"process {numbers} of {count} never came within {wait:g} s. See what it printed on its machine, and that MASTER_ADDR "
        f"({os.environ['MASTER_ADDR']}) can be reached from there; --wait SECONDS waits longer."
    )


def _heard(store: "Store", key: str, rank: int, wait: float) -> str:
    """Return what process `rank` tells as `key`. Raises UserError where it does not within `wait` seconds."""
    end = time.monotonic() + wait
    while not store.check([key]):  # and not `wait`, which prints its own lines where it gives up
        if store.check(["said"]):  # one has ended with an error meanwhile
            _end_quietly(store, int(store.get("said").split()[1]))
        if time.monotonic() > end:
            what = key.partition("/")[0]
            raise UserError(f"process {rank} has said nothing of its {what} within {wait:.0f} s; see what it printed.")
        time.sleep(0.02)
    return str(store.get(key).decode())


def _is_of_the_group(error: RuntimeError) -> bool:
    return isinstance(error, dist.DistError) or "gloo" in str(error).lower()


def _first_line(error: BaseException) -> str:
    said = str(error).strip().splitlines()[0].rpartition("] [")[2].rpartition(".cc:")[2].partition("] ")[2] or str(
        error
    )
    return said.partition(". ")[0][:200]


def _leave_word(store: "Store", rank: int, count: int, error: BaseException) -> None:
    """Of all processes that end with an error the first to come here says it; the others end quietly, with its exit code."""
    code = 2 if isinstance(error, UserError) else 130 if isinstance(error, KeyboardInterrupt) else 1
    if rank:  # a mistake that all have found is said by the first
        time.sleep(LAST_WORDS / 4)
    try:
        said = store.compare_set("said", "", f"{rank} {code}").decode().split()
        if said[0] != str(rank) and rank:
            _end_quietly(store, int(said[1]))
        if rank == 0:
            _wait_for_the_others(store, count)
        else:
            store.add("left", 1)
    except RuntimeError:
        return  # the store has gone with the machine that held it
    if said[0] != str(rank):
        raise Ended(int(said[1])) from None
    if rank and isinstance(error, UserError):
        error.args = (f"process {rank} on {socket.gethostname()}: {error}",)


def _wait_for_the_others(store: "Store", count: int) -> None:
    """Where the first process holds the store itself, the others read in it what happened before it goes."""
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        return
    end = time.monotonic() + HEARD
    while store.add("left", 0) < count - 1 and time.monotonic() < end:
        time.sleep(0.02)


def _end_quietly(store: "Store", code: int) -> NoReturn:
    """End without a word, and not before another one had the time for its own: torchrun ends all once one has ended."""
    with suppress(RuntimeError):
        store.add("left", 1)
    time.sleep(LAST_WORDS)
    raise Ended(code)
