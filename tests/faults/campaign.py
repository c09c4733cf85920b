"""Real trainings that are killed: python -m tests.faults.campaign --kills 100 --seed 0

Each trial is a process that trains a small recipe, and is killed with SIGKILL at a moment that the seed chooses: after a random
time; in the n-th write to a file (half of it written), before or after the n-th fsync or rename, in the n-th evaluation, or in the n-th
write of the cache of decoded images. It is started again by the same command (--continue), perhaps killed again, until it
ends. Then every file that does not speak of time must hold the bytes that an uninterrupted run wrote.

The processes are forked from one that has imported everything (tests/forking.py): a trial takes a second instead of ten.
Checkpoints are due after every update, so that most of the time something is being written.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from alexlab.runs import lock, saving
from alexlab.training import train as training
from tests.conftest import write_photographs
from tests.forking import begun

TINY = """from torch import nn
def net(classes, input):
    side = (input[1] - 2) // 2
    return nn.Sequential(nn.Conv2d(input[0], 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.3),
        nn.Linear(4 * side * side, classes))
"""
TRAINED: dict[str, dict[str, Any]] = {
    # dropout, running statistics, augmentation, AdamW, cosine
    "quick": {"network": "tiny.py:net", "dataset": "digits", "epochs": 3, "batch": 64, "augment": ["shift"]},
    # momentum, a rate that follows the watched figures, early stopping
    "plateau": {
        "network": "tiny.py:net", "dataset": "digits", "epochs": 12, "batch": 128, "optimiser": "sgd", "momentum": 0.9, "rate": 0.3,
        "schedule": "plateau", "patience": 1, "warmup": 0.0,
    },
    # weights that become infinite twice: rollbacks
    "rollback": {
        "network": "tiny.py:net", "dataset": "digits", "epochs": 3, "batch": 64, "optimiser": "sgd", "momentum": 0.9, "rate": 1e3,
        "clip": 0.0, "schedule": "constant", "warmup": 0.0, "on_nan": "rollback", "initialisation": "he",
    },
    # files decoded for each batch, crops, the update of 2012 and the colours measured on the training set
    "2012": {
        "network": "tiny.py:net", "dataset": "folder:photos", "epochs": 3, "batch": 4, "input": [3, 12, 12], "store": [3, 16, 16],
        "augment": ["crop", "mirror", "colour"], "optimiser": "sgd-2012", "momentum": 0.9, "rate": 0.01, "mean": "image", "std": [],
        "clip": 0.0, "schedule": "constant", "memory": 0,
    },
}  # fmt: skip
COMPARED = (
    "last.safetensors",
    "best.safetensors",
    "metrics.jsonl",
    "evaluation.json",
    "predictions.csv",
    "recipe.toml",
)
MOMENTS = ("time", "write", "fsync", "rename", "after rename", "evaluation", "cache write")
MOST_KILLS = 3  # of one run


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Dying:
    """A callback that is killed in the n-th look at an evaluation."""

    def __init__(self, after: int | None) -> None:
        self.after = after

    def preparing(self, what: str, done: int, total: int) -> None:
        if self.after is not None and ("evaluating" in what or "final test" in what):
            self.after -= 1
            if self.after <= 0:
                die()

    def started(self, facts: dict[str, Any]) -> None: ...
    def stepped(self, facts: dict[str, Any]) -> None: ...
    def recorded(self, facts: dict[str, Any]) -> None: ...
    def noted(self, text: str) -> None: ...


def counting(real: Callable[..., Any], n: int, late: bool = False) -> Callable[..., Any]:
    """`real`, killed before its n-th call, or right after it."""
    calls = 0

    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == n and not late:
            die()
        found = real(*arguments, **named)
        if calls == n:
            die()
        return found

    return call


class HalfWritten:
    """A file that writes half, and is killed."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def __enter__(self) -> "HalfWritten":
        return self

    def __exit__(self, *error: object) -> None: ...

    def write(self, data: bytes) -> None:
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        die()


def arm(moment: str, n: int) -> Dying:
    """Set this process up to be killed."""
    if moment == "fsync":
        os.fsync = counting(os.fsync, n)
    elif moment == "rename":
        os.replace = counting(os.replace, n)
    elif moment == "after rename":
        os.replace = counting(os.replace, n, late=True)
    elif moment == "cache write":
        os.pwrite = counting(os.pwrite, n)
    elif moment == "write":
        opened, calls = Path.open, 0

        def open_(path: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
            nonlocal calls
            file = opened(path, mode, *arguments, **named)
            calls += mode == "wb"
            return HalfWritten(file) if calls == n and mode == "wb" else file

        Path.open = open_  # type: ignore[assignment,method-assign]
    return Dying(n if moment == "evaluation" else None)


def start(recipe: str, out: str, moment: str | None, n: int) -> BaseProcess:
    """A process that trains."""
    return begun(_train, recipe, out, moment, n)


def _train(recipe: str, out: str, moment: str | None, n: int) -> None:
    sys.stdout = sys.stderr = Path(f"{out}.txt").open("a")  # noqa: SIM115
    torch.set_num_threads(1)
    saving.SHARE = 1e12
    os.environ["XDG_CACHE_HOME"] = str(Path(f"{out}-cache").resolve())  # its own: one that is whole is not written to
    callback = arm(moment or "", n)
    how = {**TRAINED[recipe], "out": out, "device": "cpu", "checkpoint_every": 1e-9}
    training.train(recipe="quick", carry_on=True, callback=callback, **how)


def ended(process: BaseProcess, within: float | None = None) -> int:
    """0 where the process ended well, and -N where signal N ended it; after `within` seconds it is killed."""
    process.join(within)
    if process.exitcode is None:
        process.kill()
        process.join()
    assert process.exitcode is not None
    return process.exitcode


def trial(recipe: str, out: str, chance: random.Random, seconds: float) -> list[str]:
    """Train, killed up to MOST_KILLS times; the moments at which it was."""
    killed: list[str] = []
    while len(killed) < MOST_KILLS:
        moments = [m for m in MOMENTS if m != "cache write" or recipe == "2012"]
        moment = "cache write" if recipe == "2012" and not killed and chance.random() < 0.5 else chance.choice(moments)
        within = chance.uniform(0, 1.1 * seconds) if moment == "time" else None
        n = chance.randint(1, 8) if moment in ("evaluation", "cache write") else 1 + int(chance.expovariate(1 / 12))
        code = ended(start(recipe, out, moment, n), within)
        if code == 0:
            return killed
        if code != -signal.SIGKILL:
            raise AssertionError(f"{recipe} {moment} {n}: {Path(f'{out}.txt').read_text()[-3000:]}")
        killed.append(moment)
        if not lock_is_free(Path(out)):
            raise AssertionError(f"{out}: the lock of a dead process is held")
        if chance.random() < 0.4:
            break
    if ended(start(recipe, out, None, 0)):
        raise AssertionError(f"{recipe} after {killed}: {Path(f'{out}.txt').read_text()[-3000:]}")
    return killed


def lock_is_free(folder: Path) -> bool:
    return not folder.exists() or not lock.is_held(folder)


def differences(whole: Path, found: Path) -> list[str]:
    """Files that do not hold the same bytes, and files that only one has."""
    problems = [name for name in COMPARED if read(whole / name) != read(found / name)]
    names = [{path.name for path in folder.iterdir()} for folder in (whole, found)]
    return problems + sorted(names[0] ^ names[1])


def read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def campaign(kills: int, seed: int, recipes: list[str], out: Callable[[str], None]) -> dict[str, Any]:
    """Kill until `kills` are done; how many by recipe and by moment. Raises AssertionError where a run is not as it should be."""
    chance = random.Random(seed)
    Path("tiny.py").write_text(TINY)
    write_photographs(Path("photos"), each=12)
    took = {}
    for recipe in recipes:
        began = time.monotonic()  # noqa: TID251  # for random moments within that time
        if ended(start(recipe, f"whole-{recipe}", None, 0)):
            raise AssertionError(Path(f"whole-{recipe}.txt").read_text()[-3000:])
        took[recipe] = time.monotonic() - began  # noqa: TID251
    done: Counter[str] = Counter()
    moments: Counter[str] = Counter()
    runs = 0
    while sum(moments.values()) < kills:
        recipe = recipes[runs % len(recipes)]
        name = f"run-{runs}"
        killed = trial(recipe, name, chance, took[recipe])
        if different := differences(Path(f"whole-{recipe}"), Path(name)):
            raise AssertionError(f"{name}, {recipe} after {killed}: differs in {', '.join(different)}")
        runs += 1
        done[recipe] += len(killed)
        moments.update(killed)
        out(f"{name} {recipe}: {', '.join(killed) or 'ended before its kill'}")
    left = [path.name for path in Path().glob(".starting-*")]
    return {
        "kills": sum(moments.values()),
        "runs": runs,
        "recipes": dict(done),
        "moments": dict(moments),
        "left": len(left),
    }


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--recipes", default=",".join(TRAINED))
    options.add_argument("--quiet", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        say = (lambda text: None) if chosen.quiet else (lambda text: print(text, file=sys.stderr, flush=True))
        found = campaign(chosen.kills, chosen.seed, chosen.recipes.split(","), say)
        os.chdir("/")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
