"""What one process does needs nothing that Windows or macOS lack, and locks keep processes out of each other's way."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from alexlab import system
from alexlab.errors import UserError
from alexlab.runs.lock import held, is_held
from tests.conftest import ROOT

# Libraries have their own ways on each system: they are there before anything is taken away.
LACKING = """
import asyncio, concurrent.futures, importlib, multiprocessing.spawn, os, pkgutil, shutil, subprocess, sys, tempfile
import jinja2, matplotlib.pyplot, numpy, PIL.Image, platformdirs, portalocker, psutil, rich.progress, torch, torch.distributed, urllib3

for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"):
    sys.modules[name] = None
for name in (
    "O_DIRECTORY", "O_NONBLOCK", "fchmod", "fork", "forkpty", "getloadavg", "getpgid", "getuid", "geteuid", "killpg", "mkfifo", "nice",
    "pread", "preadv", "pwrite", "pwritev", "sched_getaffinity", "setsid", "sysconf", "uname",
):
    delattr(os, name)
"""
ALL_MODULES = """
import alexlab
for found in pkgutil.walk_packages(alexlab.__path__, "alexlab."):
    importlib.import_module(found.name)
print(sum(name.startswith("alexlab.") for name in sys.modules))
"""
ONE_PROCESS = f"""
import pathlib
from alexlab.cli import alexlab
from alexlab.runs import doctor

def run(*arguments): alexlab(arguments, standalone_mode=False)
digit = r"{ROOT / "examples" / "digits" / "a-3.png"}"
run("train", "lenet-relu", "digits", "--epochs", "1", "--steps", "3", "--out", "run")
run("train", "--resume", "run", "--json")
run("pack", "digits", "packed")
run("evaluate", "run", "--on", "packed")
run("runs", ".")
for found in doctor.examine(runs=[pathlib.Path("run")]): print(found)
run("predict", "run", digit)  # ends the process
"""


def without(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LACKING + program],
        capture_output=True, text=True, env={**os.environ, "ALEXLAB_DATA": "", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_module_is_imported_where_only_windows_is() -> None:
    assert int(without(ALL_MODULES)) > 200


def test_a_run_where_only_windows_is() -> None:
    said = without(ONE_PROCESS)
    assert "every file as written" in said and "a-3.png" in said


@pytest.mark.parametrize("lacks", ["", "preadv", "pread pwrite preadv"])
def test_reading_and_writing_at_a_place(lacks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in lacks.split():
        monkeypatch.delattr(os, name)
    file = os.open("file", os.O_RDWR | os.O_CREAT)
    system.write_at(file, b"0123456789", 0)
    system.write_at(file, b"ab", 4)
    assert system.read_at(file, 3, 3) == b"3ab" and system.read_at(file, 9, 8) == b"89"
    into = bytearray(4)
    assert system.read_into(file, memoryview(into), 5) == 4 and into == b"b678"
    assert os.lseek(file, 0, os.SEEK_CUR) == 0  # who reads from there goes on undisturbed
    os.close(file)


HOLD = "import fcntl, sys; file = open('run/lock', 'a+'); fcntl.flock(file, fcntl.LOCK_EX); print(1, flush=True); sys.stdin.read()"
TRY = "import fcntl; fcntl.flock(open('run/lock', 'a+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"


@pytest.mark.skipif(sys.platform == "win32", reason="flock")
def test_the_lock_is_the_one_that_was_taken_by_flock_before() -> None:
    Path("run").mkdir()
    holder = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout and holder.stdout.readline()
    assert is_held(Path("run"))
    with pytest.raises(UserError, match="is training in it"), held(Path("run")):
        pass
    holder.communicate()
    assert not is_held(Path("run"))
    with held(Path("run")):
        tried = subprocess.run([sys.executable, "-c", TRY], capture_output=True, text=True)
        assert "BlockingIOError" in tried.stderr
    assert subprocess.run([sys.executable, "-c", TRY]).returncode == 0


def test_who_waits_gets_the_lock_when_it_is_let_go() -> None:
    program = "from alexlab import system; system.lock(open('lock', 'a'), wait=True); print('mine', flush=True)"
    with Path("lock").open("a") as file:
        system.lock(file)
        with pytest.raises(BlockingIOError), Path("lock").open("a") as other:
            system.lock(other)
        waiting = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(2)
    assert waiting.communicate()[0] == "mine\n"


def test_shared_locks_keep_out_the_exclusive_one_alone() -> None:
    with Path("file").open("a+") as one, Path("file").open("a+") as two, Path("file").open("a+") as three:
        system.lock(one, shared=True)
        system.lock(two, shared=True)
        with pytest.raises(BlockingIOError):
            system.lock(three)


def test_memory() -> None:
    free, whole = system.memory()
    assert 0 < free <= whole and system.mapped() > 0
