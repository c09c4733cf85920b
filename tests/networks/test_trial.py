"""A user's module of every bad kind is one error with the module's line, before anything is made; the process stays as it was."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import alexlab
from alexlab.describe.describing import describe
from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.networks.own import put_back, settings
from alexlab.networks.trial import try_network

HEAD = "import os, sys, torch\nfrom torch import nn\n"
NET = """
class Net(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.layer = nn.Linear(64, classes)
        {making}
    def forward(self, x):
        {forward}
        return self.layer(x.flatten(1))
"""


def module(before: str = "", making: str = "pass", forward: str = "pass", after: str = "") -> str:
    Path("net.py").write_text(HEAD + before + NET.format(making=making, forward=forward) + after)
    return "net.py:Net"


def trained(name: str, **values: Any) -> alexlab.Run:
    how: dict[str, Any] = {"input": [1, 8, 8], "epochs": 0.01, "batch": 8, "device": "cpu", "out": "run", **values}
    return alexlab.train(name, "digits", **how)


def optimiser(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(network.parameters(), lr=0.1)


@pytest.mark.parametrize(
    ("module_is", "says"),
    [
        ({"before": "raise GeneratorExit\n"}, r"importing net.py failed with GeneratorExit \(net.py, line 3\)"),
        ({"before": "raise BaseException('so')\n"}, r"failed with BaseException: so \(net.py, line 3\)"),
        ({"before": "sys.exit(3)\n"}, r"importing net.py ended the process \(exit code 3\) \(net.py, line 3\); is it"),
        ({"before": "x = (\n"}, r"failed with SyntaxError: .*\(net.py, line 3\)"),
        ({"making": "raise GeneratorExit"}, r"making the network failed with GeneratorExit \(net.py, line 8\)"),
        ({"making": "sys.exit()"}, r"making the network ended the process .* \(net.py, line 8\)"),
        ({"forward": "raise GeneratorExit"}, r"an input of 1x8x8 failed with GeneratorExit \(net.py, line 10\)"),
        ({"forward": "x = x[:, 0, :4]"}, r"an input of 1x8x8 failed with RuntimeError: .* \(net.py, line 11\)"),
        ({"forward": "os.chdir('/')"}, "its forward pass changes the working directory"),
        ({"forward": "torch.set_grad_enabled(False) if torch.is_grad_enabled() else 0"}, "a trial update failed with"),
        ({"forward": "torch.set_default_dtype(torch.float64)"}, "its forward pass changes PyTorch's default type"),
        ({"forward": "x = x.detach(); return self.layer(x.flatten(1)).detach()"}, "a trial update failed with Runtime"),
        (
            {"making": "self.double()"},
            "weights layer.weight are float64; images come as float32: make the network with `.float",
        ),
        ({"making": "self.requires_grad_(False)"}, "all of its 2 parameters are frozen"),
        ({"making": "del self.layer; self.layer = nn.Flatten()"}, "has no parameters, so there is nothing to train"),
        ({"forward": "return x.flatten(1)[:, :10].long()"}, "makes torch.int64 of shape .2, 10. of two images"),
        ({"forward": "return self.layer(x.flatten(1)).argmax(1)"}, "of two images; expected logits of shape"),
    ],
)
def test_what_stops_a_training_is_said_before_it(module_is: dict[str, str], says: str) -> None:
    before = settings()
    name = module(**module_is)
    with pytest.raises(UserError, match=says):
        trained(name)
    assert not Path("run").exists()
    assert settings() == before


def test_a_module_reads_a_command_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    name = module(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--width', type=int, default=64)\np.parse_args()\n"
    )
    arguments = ["alexlab", "train", name, "digits", "--epochs", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    assert build(name, 10, (1, 8, 8)).get_parameter("layer.bias").numel() == 10
    assert sys.argv is arguments
    name = module("import argparse\np = argparse.ArgumentParser()\np.add_argument('needed')\np.parse_args()\n")
    with pytest.raises(UserError, match=r"ended the process \(exit code 2\) \(net.py, line 6\); is it a script"):
        build(name, 10, (1, 8, 8))


@pytest.mark.parametrize(
    "change",
    [
        "os.chdir('/')",
        "torch.set_grad_enabled(False)",
        "torch.set_default_dtype(torch.float64)",
        "torch.set_default_device('meta')",
        "torch.set_num_threads(torch.get_num_threads() + 1)",
        "torch.use_deterministic_algorithms(True)",
        "sys.path.clear()",
    ],
)
def test_what_a_module_changes_is_put_back(change: str) -> None:
    path, before = list(sys.path), settings()
    here = os.getcwd()  # noqa: PTH109
    try:
        build(module(before=change + "\n", making=change), 10, (1, 8, 8))
        assert settings() == before and before["the working directory"] == here
        assert set(path) <= set(sys.path)
        try_network(build(module(before=change + "\n"), 10, (1, 8, 8)), "net.py:Net", 10, (1, 8, 8), optimiser)
    finally:
        sys.path[:] = path
        put_back(before)


def test_what_the_import_draws_changes_no_weight() -> None:
    torch.manual_seed(4)
    expected = build(module()).get_parameter("layer.weight")
    torch.manual_seed(4)
    found = build(module(before="torch.manual_seed(0)\ntorch.rand(3)\n")).get_parameter("layer.weight")
    assert torch.equal(found, expected)


@pytest.mark.parametrize("name", ["own", "alexnet8"])
def test_the_trial_leaves_weights_and_draws_as_they_were(name: str) -> None:
    input = (3, 32, 32)
    network = build("alexnet8")
    network.get_parameter("0.weight").requires_grad_(False)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    drawn = torch.get_rng_state()
    try_network(network, "net.py:Net" if name == "own" else name, 10, input, optimiser)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_lazy_layers_are_trained() -> None:
    name = module(making="self.layer = nn.LazyLinear(classes)")
    assert trained(name).result["state"] == "finished"


def test_an_interruption_stays_one() -> None:
    with pytest.raises(KeyboardInterrupt):
        build(module(before="raise KeyboardInterrupt\n"))


def test_the_line_is_that_of_a_neighbours_file() -> None:
    Path("beside.py").write_text("def start():\n    return 1 / 0\n")
    try:
        with pytest.raises(UserError, match=r"ZeroDivisionError: division by zero \(beside.py, line 2\)"):
            build(module(before="import beside; beside.start()\n"))
    finally:
        sys.modules.pop("beside", None)


@pytest.mark.parametrize("forward", ["raise GeneratorExit", "sys.exit(4)", "os.chdir('/')"])
def test_what_a_forward_pass_does_is_described_and_the_process_stays(forward: str) -> None:
    before = settings()
    module(making="pass", forward=forward)
    network = build("net.py:Net", 10, (1, 8, 8))
    failed = describe(network, (1, 8, 8)).failure
    assert settings() == before
    assert (failed is None) == ("chdir" in forward)
