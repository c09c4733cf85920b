"""`alexlab train --parallel towers` and `hybrid`: the run of one process, and runs that change the strategy in their midst."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from alexlab.errors import UserError
from alexlab.networks.catalogue import NETWORKS
from alexlab.parallel.strategies.fitting import check_fits, hidden_units

Alexlab = Callable[..., subprocess.CompletedProcess[str]]

TOGETHER = (
    "--epochs",
    "1",
    "--set",
    "batch=512",
    "--set",
    "input=67",
    "--set",
    "optimiser=sgd",
    "--set",
    "rate=0.01",
)  # 3 updates


def run(alexlab: Alexlab, *arguments: str) -> None:
    done = alexlab("train", *arguments)
    assert done.returncode == 0, done.stderr


def is_the_same_run(one: str, other: str) -> None:
    """Weights as float32 rounds other orders of sums, and the figures that follow from them."""
    expected, found = (load_file(Path(name) / "last.safetensors") for name in (one, other))
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=2e-5, msg=name)


@pytest.mark.parametrize(
    ("network", "strategy"),
    [("alexnet-2012", "towers"), pytest.param("alexnet-torchvision", "hybrid", marks=pytest.mark.long)],
)
def test_a_run_goes_on_by_another_strategy(alexlab: Alexlab, network: str, strategy: str) -> None:
    divided = ("--parallel", strategy, "--processes", "2")
    run(alexlab, network, "digits", *TOGETHER, "--out", "one")
    run(alexlab, network, "digits", *TOGETHER, "--out", "first", "--steps", "2", *divided)
    run(alexlab, "--resume", "first")
    is_the_same_run("one", "first")
    run(alexlab, network, "digits", *TOGETHER, "--out", "then", "--steps", "1")
    run(alexlab, "--resume", "then", *divided)
    is_the_same_run("one", "then")


@pytest.mark.parametrize(
    ("strategy", "network", "processes", "said"),
    [
        ("towers", "lenet-relu", 2, "networks that have: alexnet-paper, alexnet-2012"),
        ("towers", "alexnet-2012", 3, "expected 2 (--processes 2"),
        ("towers", "own.py:Network", 2, "own.py:Network is not of the catalogue"),
        (
            "hybrid",
            "alexnet-paper",
            2,
            "networks that have: lenet5, lenet-relu, lenet-sigmoid-max, alexnet-textbook, alexnet-227",
        ),
        ("hybrid", "mlp", 2, "mlp has not convolutions and after them"),
        ("hybrid", "lenet-relu", 8, "cannot divide lenet-relu's 84 hidden units"),
        ("hybrid", "alexnet-textbook", 1, "1 process cannot divide"),
        ("hybrid", "alexnet-227", 16, "cannot divide alexnet-227's 1,000 hidden units"),
        ("towers", "alexnet-2021", 2, "did you mean 'alexnet-2012'"),
    ],
)
def test_a_strategy_that_does_not_fit(strategy: str, network: str, processes: int, said: str) -> None:
    with pytest.raises(UserError) as error:
        check_fits(strategy, network, processes)  # type: ignore[arg-type]
    assert said in str(error.value)


def test_what_fits() -> None:
    for network in ("alexnet-paper", "alexnet-2012"):
        check_fits("towers", network, 2)
    fits = {network.name for network in NETWORKS if hidden_units(network.name)}
    assert {network.name for network in NETWORKS} - fits == {"mlp", "lenet-1998", "alexnet-paper", "alexnet-2012"}
    for name in fits:
        check_fits("hybrid", name, 2)


def test_the_command_line_says_it(alexlab: Alexlab) -> None:
    done = alexlab("train", "lenet-relu", "digits", "--parallel", "towers", "--out", "run")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "lenet-relu has not two towers" in done.stderr
    assert not Path("run").exists()
