"""Inputs that nobody made on purpose, by the hundred thousand: python -m tests.faults.fuzz --inputs 1000000 --found FOLDER

Every reader of tests/faults/readers.py gets good files that were changed: bits, bytes, numbers, pieces cut out, repeated or taken from
another file. It may answer or raise UserError. Anything else, more than a second of processor time, or more memory than
the bound is a fault; its input is written to FOLDER.

With --engine atheris the changes are libFuzzer's, led by which branches of the reader an input reached.
"""

import argparse
import json
import os
import random
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

MOST_SECONDS = 1.0
MOST_MEMORY = 600_000_000  # above what the process had before
LENGTH = 20_000
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**40, 2**63 - 1, 2**64 - 1)
WORDS = (
    b"[",
    b"{",
    b"(",
    b"=",
    b"\x85",
    b"\x80",
    b"\0",
    b"..",
    b"/",
    b"\n",
    b",",
    b'"',
    b"9" * 30,
    b"[" * 300,
    b"}q\0",
    b"=1\n",
)


def changed(chance: random.Random, seeds: list[bytes]) -> bytes:
    """A good file with a few changes."""
    data = bytearray(chance.choice(seeds))
    for _ in range(1 + int(chance.expovariate(0.5))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(8):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(data):
                data[at] = chance.randrange(256)
            case 2:
                size, order = chance.choice((1, 2, 4, 8)), chance.choice(("big", "little"))
                value = chance.choice(NUMBERS) & (256**size - 1)
                data[at : at + size] = value.to_bytes(size, order)
            case 3:
                del data[at : at + 1 + int(chance.expovariate(1 / 20))]
            case 4:
                data[at:at] = data[at : at + 1 + int(chance.expovariate(1 / 20))] * chance.choice((1, 2, 50))
            case 5:
                other = chance.choice(seeds)
                start = chance.randrange(len(other) + 1)
                data[at:at] = other[start : start + chance.randrange(1, 60)]
            case 6:
                data[at:at] = chance.choice(WORDS)
            case _:
                del data[at:]
        if len(data) > LENGTH or not data:
            break
    return bytes(data[:LENGTH])


class Fault(Exception):
    """What a reader must not do."""


def memory() -> int:
    """The most that this process ever took, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def attempt(read: Any, data: bytes) -> bool:
    """Whether the reader took `data` for good. Raises Fault where it did anything but answer or refuse."""
    from alexlab.errors import UserError

    began = time.process_time()
    good = False
    try:
        read(data)
        good = True
    except UserError:
        pass
    except Exception as error:
        raise Fault(f"{type(error).__name__}: {error}"[:300]) from error
    if (took := time.process_time() - began) > MOST_SECONDS:
        raise Fault(f"took {took:.1f} s")
    return good


def own(name: str, inputs: int, seed: int, found: Path | None) -> dict[str, Any]:
    from tests.faults.readers import READERS, seeds

    chance, good, faults = random.Random(f"{seed} {name}"), 0, 0
    starts = seeds()[name]
    for data in starts:
        attempt(READERS[name], data)
    before, slowest = memory(), 0.0
    for _ in range(inputs):
        data = changed(chance, starts)
        last = Path("last-input")
        if name in ("pytorch", "image", "pixels", "safetensors", "cifar"):
            last.write_bytes(data)  # readers in C can end the process
        began = time.process_time()
        try:
            good += attempt(READERS[name], data)
            if memory() - before > MOST_MEMORY:
                before = memory()
                raise Fault("took more memory than the bound")
        except Fault as error:
            faults += 1
            keep(found, name, data, str(error))
        slowest = max(slowest, time.process_time() - began)
    return {
        "reader": name, "engine": "own", "inputs": inputs, "taken": good, "faults": faults, "slowest": round(slowest, 3),
        "memory": memory() - before,
    }  # fmt: skip


def keep(found: Path | None, name: str, data: bytes, why: str) -> None:
    print(f"{name}: {why}: {data[:60]!r}", file=sys.stderr, flush=True)
    if found:
        found.mkdir(parents=True, exist_ok=True)
        (found / f"{name}-{abs(hash(data)):x}").write_bytes(data)


def with_atheris(name: str, inputs: int, seed: int, found: Path | None) -> None:
    """Ends the process, as libFuzzer does."""
    import atheris

    with atheris.instrument_imports(include=["alexlab", "tarfile", "pickle", "pickletools", "tomllib", "PIL", "csv"]):
        from tests.faults.readers import READERS, seeds
    corpus = Path("corpus").resolve()
    corpus.mkdir()
    for i, data in enumerate(seeds()[name]):
        (corpus / str(i)).write_bytes(data)

    def once(data: bytes) -> None:
        try:
            attempt(READERS[name], data)
        except Fault as error:
            keep(found, name, data, str(error))

    options = [
        f"-runs={inputs}",
        f"-seed={seed + 1}",
        "-max_len=8192",
        "-timeout=5",
        "-rss_limit_mb=3000",
        "-verbosity=0",
    ]
    atheris.Setup(["fuzz", *options, str(corpus)], once)
    atheris.Fuzz()


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--inputs", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--readers", default="all")
    options.add_argument("--engine", choices=("own", "atheris"), default="own")
    options.add_argument("--found", type=Path)
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    names = chosen.readers.split(",")
    if chosen.engine == "own" and chosen.readers == "all":
        from tests.faults.readers import READERS

        names = list(READERS)
    found = chosen.found.resolve() if chosen.found else None
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        os.chdir(folder)
        for name in names:
            if chosen.engine == "atheris":
                with_atheris(name, chosen.inputs, chosen.seed, found)
            print(json.dumps(own(name, chosen.inputs, chosen.seed, found)), flush=True)
        os.chdir("/")


if __name__ == "__main__":
    main()
