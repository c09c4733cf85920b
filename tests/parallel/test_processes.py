"""Several processes of a training, started as a user starts them: what they compute, and what they say when something is wrong."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from safetensors.torch import load_file

from alexlab.errors import UserError
from tests.waiting import until

# In float64 and without dropout, so that what is left of a difference is the order of sums. An own network lies where the test runs.
OWN = """
import torch
from torch import nn

class Double(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers).double()

    def forward(self, images):
        return self.layers(images.double())

def norm(classes, input):
    side = (input[1] - 2) // 2
    return Double(nn.Conv2d(input[0], 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * side * side, 16),
        nn.BatchNorm1d(16, momentum=None), nn.Tanh(), nn.Linear(16, classes))

class View(nn.Module):
    def forward(self, images):
        return images.view(len(images), -1)

def views(classes, input):
    return nn.Sequential(View(), nn.Linear(input[1] * input[2], classes))

def catalogue(classes, input):
    from alexlab.networks.building import build
    network = build("alexnet-textbook", classes, (1, 67, 67))
    for layer in network.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    return Double(nn.Upsample((67, 67)), network)

class Slow(nn.Module):
    def forward(self, images):
        import time
        time.sleep(0.05)
        return images

def slow(classes, input):
    return nn.Sequential(Slow(), nn.Flatten(), nn.Linear(input[1] * input[2], classes))
"""
TRAINED = ("digits", "--set", "batch=60", "--set", "optimiser=sgd", "--set", "momentum=0.9", "--set", "rate=0.05")
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "COLUMNS": "100"}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "alexlab", "train", *arguments]


def train(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **ENVIRONMENT, **environment}
    return subprocess.run(command(*arguments), capture_output=True, text=True, env=variables, timeout=240)


def trained(*arguments: str) -> Path:
    done = train(*arguments, "--out", folder := f"run-{uuid4().hex}")
    assert done.returncode == 0, done.stderr[-3000:]
    return Path(folder)


def figures(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def assert_equal(one: Path, other: Path, within: float = 1e-9) -> None:
    """Weights and figures are the same but for the order of sums."""
    ours, theirs = load_file(one / "last.safetensors"), load_file(other / "last.safetensors")
    assert list(ours) == list(theirs)
    assert max((ours[name].double() - theirs[name].double()).abs().max().item() for name in ours) <= within
    assert len(figures(one)) == len(figures(other))
    for line, same in zip(figures(one), figures(other), strict=True):
        assert line.pop("kind") == same.pop("kind") and line == pytest.approx(same, rel=0, abs=within)
    # what evaluation says of each image, too
    assert (one / "predictions.csv").read_text() == (other / "predictions.csv").read_text()


@pytest.fixture(autouse=True)
def own() -> None:
    Path("own.py").write_text(OWN)


def test_two_and_three_processes_give_the_run_of_one() -> None:
    # 1,350 images in batches of 60: the last has 30. Batch norm, augmentation, evaluation of 150 images; alone, in two and in three.
    how = ("own.py:norm", *TRAINED, "--epochs", "2", "--set", 'augment=["shift","turn"]')
    alone = trained(*how)
    assert figures(alone)[-1]["accuracy"] > 0.3  # it learns
    for count in ("2", "3"):
        assert_equal(alone, trained(*how, "--processes", count))


def test_fewer_images_in_the_last_batch_than_processes() -> None:
    how = (*TRAINED, "--set", "batch=1348", "--epochs", "1")  # of 1,350 images: 2 for 4 processes
    assert_equal(trained("own.py:norm", *how), trained("own.py:norm", *how, "--processes", "4"))


def test_a_network_that_takes_no_empty_batch_is_told_at_the_start() -> None:
    from alexlab.networks.building import build
    from alexlab.parallel.processes import Processes
    from alexlab.parallel.strategies.fitting import check_parts

    network = build("own.py:views", 10, (1, 8, 8))
    with pytest.raises(
        UserError, match="last batch has 2 of 1350 images for 4 processes, and the network does not take an empty batch"
    ):
        check_parts(network, (1, 8, 8), 1350, 1348, Processes(0, 4))
    check_parts(network, (1, 8, 8), 1352, 1348, Processes(0, 4))
    check_parts(build("own.py:norm", 10, (1, 8, 8)).eval(), (1, 8, 8), 1350, 1348, Processes(0, 4))


@pytest.mark.long
def test_a_network_of_the_catalogue() -> None:
    how = ("own.py:catalogue", *TRAINED, "--set", "rate=0.01", "--epochs", "1")
    assert_equal(trained(*how), trained(*how, "--processes", "2"))


def test_a_run_of_two_goes_on_in_three_and_in_one() -> None:
    how = ("own.py:norm", *TRAINED, "--epochs", "2", "--set", 'augment=["shift"]')
    alone = trained(*how)
    run = trained(*how, "--processes", "2", "--steps", "7")
    assert json.loads((run / "result.json").read_text())["state"] == "stopped"
    for processes, steps in ((("--processes", "3"), ("--steps", "19")), ((), ())):
        done = train("--resume", str(run), *processes, *steps)
        assert done.returncode == 0, done.stderr[-3000:]
    assert_equal(alone, run)


def test_a_rollback_is_made_by_all() -> None:
    how = ("own.py:norm", *TRAINED, "--epochs", "2", "--set", "rate=1e30", "--set", "on_nan=rollback")
    done = train(*how, "--processes", "2", "--out", "run")
    said = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert done.returncode == 2 and len(said) == 1 and "after 3 rollbacks" in said[0], done.stderr[-2000:]
    assert [line["kind"] for line in figures(Path("run"))].count("rollback") == 3


def test_dropout_differs_between_processes_and_its_mean_does_not() -> None:
    from alexlab.training.seeds import seed_for

    assert seed_for(0, "update", 3, 0) != seed_for(0, "update", 3, 1)
    how = ("lenet-relu", "digits", "--epochs", "3")
    alone, two = trained(*how), trained(*how, "--processes", "2")
    best = [figures(run)[-1]["validation_accuracy"] for run in (alone, two)]
    assert best[0] > 0.5 and abs(best[0] - best[1]) < 0.15


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_a_signal_stops_all_at_the_same_update_and_the_run_goes_on(number: signal.Signals) -> None:
    how = ("own.py:slow", *TRAINED, "--epochs", "400", "--processes", "2", "--out", "run")
    process = subprocess.Popen(
        command(*how), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **ENVIRONMENT}
    )
    begun(process, records=2)
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said[-3000:]
    assert "Traceback" not in said and "error" not in said
    result = json.loads(Path("run/result.json").read_text())
    assert result["state"] == "interrupted"
    assert Path(f"run/checkpoint-{result['steps']:08}.safetensors").exists()
    done = train("--resume", "run", "--steps", str(result["steps"] + 3))
    assert done.returncode == 0 and f"{result['steps'] + 3} updates" in done.stdout


def begun(process: subprocess.Popen[str], records: int) -> None:
    """Return once the training in run/ has recorded so many figures."""
    metrics = Path("run/metrics.jsonl")
    until(
        lambda: metrics.exists() and len(figures(Path("run"))) >= records,
        alive=lambda: process.poll() is None,
        said=process.communicate,
    )


# Mistakes: each is one message, exit code 2, and no folder


def started_by_hand(rank: int, port: int, *arguments: str, count: int = 2, **environment: str) -> subprocess.Popen[str]:
    """One process of several, started as Slurm's srun would: nobody supervises it."""
    where = {"RANK": str(rank), "WORLD_SIZE": str(count), "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    variables = {**os.environ, **ENVIRONMENT, **where, **environment}
    return subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables
    )


def said_by(processes: list[subprocess.Popen[str]]) -> list[str]:
    """What they say, when all have ended with exit code 2; nothing is left of a run."""
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [2] * len(processes), said
    assert not any("Traceback" in each for each in said)
    assert not list(Path().glob("run*")) and not list(Path().glob(".starting-*"))
    return [line for each in said for line in each.splitlines() if line.startswith("error: ")]


@pytest.fixture
def port() -> int:
    """A port that was free a moment ago; the tests that use it stand on localhost alone."""
    with socket.socket() as found:
        found.bind(("localhost", 0))
        number: int = found.getsockname()[1]
        return number


def test_mistakes_are_said_once(tmp_path: Path) -> None:
    mistakes = {
        (
            "own.py:norm",
            *TRAINED,
            "--set",
            "batch=61",
        ): "a batch of 61 cannot be divided evenly by 2 processes; take --set batch=60 or",
        ("own.py:norm", "no-such-set"): "no-such-set",
    }
    for arguments, expected in mistakes.items():
        done = train(*arguments, "--processes", "2", "--out", "run")
        said = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        assert done.returncode == 2 and len(said) == 1 and expected in said[0], done.stderr[-3000:]
        assert "Traceback" not in done.stderr and not Path("run").exists()


def test_more_processes_than_images() -> None:
    from tests.conftest import write_photographs

    write_photographs(Path("photos"), each=2)
    done = train(
        "lenet5", "folder:photos", "--set", "batch=4", "--set", "watch=test", "--processes", "4", "--out", "run"
    )
    assert done.returncode == 2 and "4 processes, and only 2 training images" in done.stderr, done.stderr[-2000:]


def test_a_process_that_never_comes_is_named(port: int) -> None:
    how = ("own.py:norm", *TRAINED, "--out", "run", "--wait", "3")
    (said,) = said_by([started_by_hand(rank, port, *how, count=3) for rank in (0, 2)])
    assert "process 1 of 3 never came within 3 s" in said


def test_the_first_process_never_comes(port: int) -> None:
    (said,) = said_by([started_by_hand(1, port, *TRAINED, "--out", "run", "--wait", "3")])
    assert f"process 1 of 2 found nobody at localhost:{port} within 3 s: process 0 never came" in said


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        number = taken.getsockname()[1]
        (said,) = said_by([started_by_hand(0, number, *TRAINED, "--out", "run", "--wait", "3")])
    assert f"port {number} on localhost is taken by another program" in said


def test_versions_that_differ(port: int) -> None:
    older = Path("older")
    older.mkdir()
    (older / "sitecustomize.py").write_text(
        "import importlib.metadata as m\nfound = m.version\nm.version = lambda name: '0.0.1' if name == 'alexlab' else found(name)\n"
    )
    how = ("own.py:norm", *TRAINED, "--out", "run", "--wait", "60")
    path = os.pathsep.join([str(older.resolve()), os.environ.get("PYTHONPATH", "")])
    (said,) = said_by([started_by_hand(0, port, *how), started_by_hand(1, port, *how, PYTHONPATH=path)])
    assert "the processes differ" in said and "alexlab 0.0.1" in said and "Install the same versions" in said


def test_datasets_and_recipes_that_differ(port: int) -> None:
    from tests.conftest import write_photographs

    for name in ("here", "there"):
        write_photographs(Path(name) / "photos")
    changed = Path("there/photos/red/1.png")
    shutil.copy("there/photos/blue/5.png", changed)
    how = ("lenet5", "folder:photos", "--set", "batch=4", "--set", "watch=test", "--wait", "60")
    both = [(rank, Path(name)) for rank, name in enumerate(("here", "there"))]
    processes = []
    for rank, place in both:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(place)
            processes.append(started_by_hand(rank, port, *how, "--out", "run"))
    (said,) = said_by(processes)
    assert "dataset: process 1 on" in said and "Every machine needs the same files" in said
    assert not list(Path("here").glob("run")) and not list(Path("there").glob("run"))
    processes = [started_by_hand(rank, port, "own.py:norm", *TRAINED, "--seed", str(rank)) for rank in (0, 1)]
    (said,) = said_by(processes)
    assert "recipe: process 1 on" in said and "Start all with the same command" in said


def test_a_process_that_is_lost_ends_the_others_with_one_message(port: int) -> None:
    how = ("own.py:slow", *TRAINED, "--epochs", "400", "--wait", "60", "--out", "run")
    first, second = (started_by_hand(rank, port, *how) for rank in (0, 1))
    begun(first, records=1)
    second.kill()
    second.communicate()
    said = first.communicate(timeout=120)[1]
    assert first.returncode == 2 and "Traceback" not in said
    assert "another process of this training has ended or cannot be reached" in said
    assert json.loads(Path("run/result.json").read_text())["state"] == "failed"


def test_a_dataset_that_one_process_cannot_read_is_one_message(port: int) -> None:
    from tests.conftest import write_photographs

    write_photographs(Path("photos"))
    how = ("lenet5", "--set", "batch=4", "--wait", "60", "--out", "run")
    (said,) = said_by(
        [
            started_by_hand(0, port, *how[:1], "folder:photos", *how[1:]),
            started_by_hand(1, port, *how[:1], "folder:gone", *how[1:]),
        ]
    )
    assert said.startswith("error: process 1 on ") and "gone" in said


def test_a_process_alone_takes_part_in_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch.distributed as dist

    from alexlab.parallel.processes import joined

    with joined("cpu") as processes:
        assert not dist.is_initialized()
        assert (processes.count, processes.is_first, processes.store) == (1, True, None)
        assert processes.sums(1.5, 2.0) == [1.5, 2.0] and processes.from_first("word") == "word"
        assert processes.part(7) == slice(0, 7)
        processes.check_same("recipe", "anything", "")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")  # torchrun with one process
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "job")
    with joined("cpu") as processes:
        assert processes.count == 1 and processes.job == "job"


def test_an_old_start_in_the_same_store_is_not_taken_for_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchrun keeps its store when it starts processes anew: keys of a start that went wrong are still there."""
    import torch.distributed as dist

    from alexlab.parallel.processes import _greet, _welcome

    store = dist.TCPStore("localhost", 0, 1, True, wait_for_workers=False)  # type: ignore[attr-defined]
    facts = {"host": "here", "versions": {}, "device": "cpu", "own_gpu": False, "wrong": ""}
    for missing in (True, False):
        names: list[str] = []

        def second(names: list[str] = names) -> None:
            client = dist.TCPStore("localhost", store.port, 1, False)  # type: ignore[attr-defined]
            names.append(_greet(client, 1, 2, 20))
            dist.PrefixStore(names[0], client).set("here/1", json.dumps(facts))  # type: ignore[attr-defined]

        if missing:  # it greets, and is gone before it says more
            store.set("hello/1", "old")
            monkeypatch.setenv("MASTER_ADDR", "localhost")
            _, verdict, _ = _welcome(store, 2, facts, 0.3)
            assert "process 1 of 2 never came" in verdict
        else:
            thread = threading.Thread(target=second)
            thread.start()
            _, verdict, _ = _welcome(store, 2, facts, 20)
            thread.join()
            assert verdict == "" and len(names) == 1
