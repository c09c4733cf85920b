"""The one door to what is faster: each use gets what it got, and nobody goes past it."""

import ast
from pathlib import Path

import pytest
import torch
from torch import nn

import alexlab
from alexlab.networks.building import build
from alexlab.speed import blocked, fourier
from alexlab.speed.door import answering, faster, is_made_of, layout, placed, threads_worth
from alexlab.speed.packing import Packed

CPU, META = torch.device("cpu"), torch.device("meta")
BEHIND = {"blocked", "fourier", "packing", "threads"}
ROOM = Path(alexlab.__file__).parent


def test_nobody_goes_past_the_door() -> None:
    passed = []
    for path in ROOM.rglob("*.py"):
        if path.is_relative_to(ROOM / "speed"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
            else:
                names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            passed += [f"{path}: {name}" for name in names if name in {f"alexlab.speed.{room}" for room in BEHIND}]
    assert not passed


@pytest.mark.parametrize(
    ("training", "shared", "is_blocked"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_each_use_gets_what_is_for_it(
    training: bool, shared: bool, is_blocked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    monkeypatch.setattr(fourier, "available", lambda: False)
    network = build("lenet-relu")
    found = faster(network, CPU, training, shared)
    assert any(isinstance(layer, blocked.Blocked) for layer in found.modules()) == is_blocked
    assert {id(p) for p in found.parameters()} == {id(p) for p in network.parameters()}
    monkeypatch.setattr(fourier, "available", lambda: True)
    deep = build("alexnet8")
    assert any(isinstance(layer, fourier.Fourier) for layer in faster(deep, CPU, training, shared).modules())
    assert faster(deep, META, training, shared) is deep  # which is for the CPU alone


def test_answers_are_those_of_the_network() -> None:
    network = build("lenet-relu").eval()
    images = torch.rand(3, 1, 28, 28)
    answers = answering(network, CPU)
    assert isinstance(answers, Packed) and is_made_of(answers, network)
    assert not is_made_of(answers, build("lenet-relu")) and not is_made_of(None, network)
    with torch.inference_mode():
        torch.testing.assert_close(answers(images), network(images))
    elsewhere = answering(network, META)
    assert elsewhere is network and is_made_of(elsewhere, network)


def test_channels_lie_last_but_in_a_users_own_network() -> None:
    assert layout("lenet5") is torch.channels_last and layout("net.py:Net") is torch.contiguous_format
    kernels = placed(nn.Conv2d(3, 4, 5), "lenet5", CPU).get_parameter("weight")
    assert kernels.is_contiguous(memory_format=torch.channels_last) and not kernels.is_contiguous()


def test_threads_follow_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    with threads_worth(build("lenet-relu"), torch.zeros(1, 1, 28, 28), batch=2):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
