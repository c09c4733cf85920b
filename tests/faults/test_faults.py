"""What else goes wrong in a training: each ends in one clear error, or in a noted fallback, and no good file is harmed."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import portalocker
import pytest
import torch

from alexlab.errors import UserError
from alexlab.runs import lock, saving
from alexlab.runs.checkpoint import checkpoints
from alexlab.runs.run import Run
from alexlab.training import train as training
from alexlab.training.callbacks import Silent
from alexlab.writing import CHECKSUMS, check_digest, noted_digests, write_file
from tests.conftest import write_photographs
from tests.faults.campaign import TINY, differences

HOW: dict[str, Any] = {
    "network": "tiny.py:net",
    "dataset": "digits",
    "epochs": 3,
    "batch": 100,
    "augment": ["shift"],
    "device": "cpu",
}
TRIALS = 6
LONG_TRIALS = 200


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch, own_folder: None) -> None:
    """A checkpoint after every update."""
    monkeypatch.setattr(saving, "SHARE", 1e12)
    torch.set_num_threads(1)
    Path("tiny.py").write_text(TINY)


def train(out: str, **more: Any) -> Run:
    return training.train(recipe="quick", out=out, checkpoint_every=1e-9, **{**HOW, **more})


class At(Silent):
    """A callback that does something after an update, and keeps what is noted."""

    def __init__(self, step: int = 0, act: Callable[[], object] = lambda: None) -> None:
        object.__setattr__(self, "step", step)
        object.__setattr__(self, "act", act)
        object.__setattr__(self, "notes", [])

    def stepped(self, facts: dict[str, Any]) -> None:
        if facts["step"] == self.step:  # type: ignore[attr-defined]
            self.act()  # type: ignore[attr-defined]

    def noted(self, text: str) -> None:
        self.notes.append(text)  # type: ignore[attr-defined]


def resumed(run: str, **more: Any) -> list[str]:
    """Go on to the end; what was noted on the way."""
    callback = At()
    training.resume(run, device="cpu", callback=callback, checkpoint_every=1e-9, **more)
    notes: list[str] = callback.notes  # type: ignore[attr-defined]
    return notes


@pytest.fixture
def whole() -> Path:
    return train("whole").folder


def damage(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    if chance.random() < 0.5:
        path.write_bytes(data[: chance.randrange(len(data))])
    else:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)


def damaged_checkpoints(trials: int, whole: Path) -> None:
    chance = random.Random(trials)
    train("part", steps=20)
    assert len(checkpoints(Path("part"))) == 2
    for trial in range(trials):
        copy = Path(f"copy{trial}")
        shutil.copytree("part", copy)
        newest, before = checkpoints(copy)
        kept = before.read_bytes()
        damage(newest, chance)
        (note,) = resumed(str(copy), steps=21) if trial else resumed(str(copy))
        assert newest.name in note and f"from the checkpoint before, {before.name}" in note
        assert trial == 0 or not before.exists() or before.read_bytes() == kept
        if trial == 0:
            assert not differences(whole, copy)
        shutil.rmtree(copy)


def test_a_damaged_checkpoint_falls_back_to_the_one_before(whole: Path) -> None:
    damaged_checkpoints(TRIALS, whole)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_damaged_checkpoint_falls_back_to_the_one_before_long(whole: Path) -> None:
    damaged_checkpoints(LONG_TRIALS, whole)


def test_no_good_checkpoint_is_one_error() -> None:
    train("part", steps=5)
    for path in checkpoints(Path("part")):
        damage(path, random.Random(0))
    with pytest.raises(UserError, match=r"no checkpoint is good.*alexlab train --recipe part/recipe.toml"):
        resumed("part")


def test_damaged_weights_are_not_used(whole: Path) -> None:
    data = bytearray((whole / "best.safetensors").read_bytes())
    data[-2] ^= 1  # a last bit of a weight: finite, and of the right shape
    (whole / "best.safetensors").write_bytes(data)
    with pytest.raises(UserError, match="best.safetensors: damaged or changed"):
        Run(whole).evaluate(device="cpu")


@pytest.mark.parametrize("cut", ["middle", "end", "gone", "junk"])
def test_a_damaged_metrics_file_comes_back_whole(whole: Path, cut: str) -> None:
    train("part", steps=20)
    metrics = Path("part/metrics.jsonl")
    data = metrics.read_bytes()
    if cut == "gone":
        metrics.unlink()
    else:
        metrics.write_bytes({"middle": data[: len(data) // 2], "end": data[:-9], "junk": b"\xff\xfe{" + data}[cut])
    assert Run("part").metrics() is not None
    assert not resumed("part") and not differences(whole, Path("part"))


def test_two_processes_in_one_run_folder() -> None:
    train("part", steps=3)
    code = (
        "import sys; from pathlib import Path; from alexlab.runs.lock import held\n"
        "with held(Path('part')): print(1, flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None and other.stdout.readline()
        files = {path: path.read_bytes() for path in Path("part").rglob("*") if path.is_file()}
        with pytest.raises(UserError, match=f"part: process {other.pid} is training in it"):
            resumed("part")
        with pytest.raises(UserError, match=f"process {other.pid} is training in it"):
            train("part", carry_on=True)
        assert (
            lock.is_held(Path("part"))
            and {path: path.read_bytes() for path in Path("part").rglob("*") if path.is_file()} == files
        )
    finally:
        other.kill()
        other.communicate()
    assert not lock.is_held(Path("part"))
    resumed("part", steps=4)


def test_a_new_run_is_locked_while_it_trains() -> None:
    seen: list[bool] = []
    train("part", steps=3, callback=At(2, lambda: seen.append(lock.is_held(Path("part")))))
    assert seen == [True]


def test_the_clock_set_back(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [4e9]

    def back() -> float:
        now[0] -= 86_400
        return now[0]

    monkeypatch.setattr(time, "time", back)
    assert not differences(whole, train("back").folder)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of two megabytes."""
    place = Path("disk").resolve()
    place.mkdir()
    mounted = shutil.which("mount") and os.geteuid() == 0
    if (
        not mounted
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True).returncode
    ):
        pytest.skip("a small disk needs the right to mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk(whole: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="MB free; the run's weights and checkpoints need"):
        train(str(small_disk / "refused"))
    assert not list(small_disk.iterdir())
    monkeypatch.setattr("alexlab.runs.folder.check_room", lambda folder, needed: None)

    def fill() -> None:
        with (small_disk / "other").open("wb", buffering=0) as file:
            try:
                while file.write(bytes(1024)):
                    pass
            except OSError:
                pass

    run = small_disk / "run"
    with pytest.raises(UserError, match="no room on the disk"):
        train(str(run), callback=At(17, fill))
    for path in checkpoints(run):
        check_digest(path)
    (small_disk / "other").unlink()
    assert not resumed(str(run)) and not differences(whole, run)


@pytest.fixture
def immutable() -> Iterator[Callable[[Path, bool], None]]:
    """Makes a folder one in which nothing can be made or renamed, for root too."""
    changed: list[Path] = []

    def set_to(folder: Path, fixed: bool) -> None:
        changed.append(folder)
        done = subprocess.run(["chattr", "+i" if fixed else "-i", folder], capture_output=True)
        if done.returncode and fixed:
            pytest.skip(f"a folder cannot be made immutable here: {done.stderr.decode().strip()}")

    if not shutil.which("chattr"):
        pytest.skip("chattr is not there")
    yield set_to
    for folder in changed:
        subprocess.run(["chattr", "-i", folder], capture_output=True)


def test_a_folder_that_cannot_be_written_to(whole: Path, immutable: Callable[[Path, bool], None]) -> None:
    Path("fixed").mkdir()
    immutable(Path("fixed"), True)
    with pytest.raises(UserError, match=r"fixed/run: cannot make the run's folder"):
        train("fixed/run")
    with pytest.raises(UserError, match=r"part.*: cannot be written"):
        train("part", callback=At(17, lambda: immutable(Path("part"), True)))
    for path in checkpoints(Path("part")):
        check_digest(path)
    immutable(Path("part"), False)
    assert not resumed("part") and not differences(whole, Path("part"))


def test_a_data_file_that_goes_or_changes_midway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the cache of decoded images, which would go on showing what it was."""
    monkeypatch.setenv("ALEXLAB_CACHE", "0")
    photos = write_photographs(Path("photos"), each=12)
    how = {"dataset": "folder:photos", "input": [3, 12, 12], "batch": 4, "memory": 0, "augment": ["mirror"]}
    whole = train("whole", **how).folder
    file = photos / "red" / "4.png"
    data, times = file.read_bytes(), (file.stat().st_atime_ns, file.stat().st_mtime_ns)

    def change() -> None:
        file.write_bytes((photos / "blue" / "4.png").read_bytes())
        os.utime(file, ns=(0, 10**18))

    for act, says in (
        (file.unlink, r"red/4.png: cannot be read \(No such file"),
        (change, "red/4.png: has changed since"),
    ):
        with pytest.raises(UserError, match=says):
            train(act.__name__, callback=At(6, act), **how)
        assert json.loads(Path(act.__name__, "result.json").read_text())["state"] == "failed"
        file.write_bytes(data)
        os.utime(file, ns=times)
        resumed(act.__name__, memory=0)
        assert not differences(whole, Path(act.__name__))
    train("part", steps=6, **how)
    file.write_bytes(data + b"more")
    with pytest.raises(UserError, match=r"other content|images are not those"):
        resumed("part", memory=0)


def test_memory_that_gives_out() -> None:
    """The limit is what the process has after importing, and 600 MB; the batches want more."""
    code = (
        "import resource, sys, torch; from alexlab import cli, api; from alexlab.training import train; import alexlab.cli.train\n"
        "torch.set_num_threads(1)\n"
        "size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize() + 600_000_000\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size, size))\n"
        "sys.argv = 'alexlab train lenet-relu digits --set input=400 --set batch=1350 --device cpu --out run'.split()\n"
        "cli.main()\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert found.returncode == 2, found.stderr[-2000:]
    assert (
        "error: memory gave out" in found.stderr and "--set batch=N" in found.stderr and "Traceback" not in found.stderr
    )
    assert json.loads(Path("run/result.json").read_text())["state"] == "failed"


def test_a_damaged_run_is_told_from_a_good_one(whole: Path) -> None:
    noted = noted_digests(whole)
    assert {"best.safetensors", "last.safetensors", "metrics.jsonl", "recipe.toml", "split.json", "run.json"} <= set(
        noted
    )
    assert all(len(digests) == 1 for digests in noted.values())
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--quiet", CHECKSUMS], cwd=whole, check=True)


def test_a_write_that_fails_leaves_what_was_there() -> None:
    write_file(Path("file"), b"before")
    Path("file.part").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        write_file(Path("file"), b"after")
    assert Path("file").read_bytes() == b"before"


def test_a_file_system_without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(portalocker.portalocker, "LOCKER", refuse)
    assert train("run", steps=2).result["steps"] == 2
