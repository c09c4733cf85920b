"""Weights as other programs save them: wrapped in a training's state, with the names of the modules that held the network."""

import argparse
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torch import nn

import alexlab
from alexlab.cli.weights import weights as weights_command
from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.weights.pretrained import load_pretrained, read_weights

LENET = build("lenet5").state_dict()
NAME = "lenet5"


def before(prefix: str, names: dict[str, torch.Tensor] = LENET) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in names.items()}


WRAPPED: dict[str, tuple[Any, str]] = {
    "DataParallel": (before("module."), "prefix 'module.' taken off"),
    "torch.compile": (before("_orig_mod."), "prefix '_orig_mod.' taken off"),
    "both": (before("module._orig_mod."), "prefix 'module.' and '_orig_mod.' taken off"),
    "backbone": (before("backbone."), "prefix 'backbone.' taken off"),
    "examples of PyTorch": (
        {"epoch": 3, "arch": "lenet", "state_dict": before("module."), "best_acc1": torch.tensor(3.0), "optimizer": {"state": {}}},
        "read from 'state_dict'; prefix 'module.' taken off",
    ),
    "a script's options": ({"args": argparse.Namespace(rate=0.1), "model": LENET, "ema": LENET}, "read from 'model'"),
    "model_state_dict": ({"model_state_dict": OrderedDict(LENET), "loss": 0.3}, "read from 'model_state_dict'"),
    "net": ({"net": LENET, "acc": 93.1, "epoch": 7}, "read from 'net'"),
    "an average alone": ({"ema": {"module": LENET}, "updates": 8}, "read from 'ema.module'"),
    "Lightning": (
        {
            "epoch": 1, "pytorch-lightning_version": "2.4.0", "hyper_parameters": {"rate": 0.1}, "callbacks": {},
            "state_dict": {**before("model.net."), "criterion.weight": torch.ones(10)},
        },
        "read from 'state_dict'; prefix 'model.' taken off; left out criterion.weight; prefix 'net.' taken off",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRAPPED)
@pytest.mark.parametrize("ending", [".pth", ".pth.tar", ".ckpt"])
def test_what_other_programs_save_is_read(kind: str, ending: str) -> None:
    content, says = WRAPPED[kind]
    path, notes = Path(f"theirs{ending}"), list[str]()
    torch.save(content, path)
    network = build(NAME)
    assert load_pretrained(network, path, NAME, notes.append)
    assert all(torch.equal(tensor, LENET[name]) for name, tensor in network.state_dict().items())
    assert notes == [f"{path}: {says}."]


def test_what_is_as_it_should_be_needs_no_words() -> None:
    save_file(LENET, "plain.safetensors")
    save_file(before("model."), "wrapped.safetensors")
    notes: list[str] = []
    assert load_pretrained(build(NAME), Path("plain.safetensors"), NAME, notes.append) and not notes
    assert load_pretrained(build(NAME), Path("wrapped.safetensors"), NAME, notes.append)
    assert notes == ["wrapped.safetensors: prefix 'model.' taken off."]


def test_a_part_of_the_network_was_run_in_parallel() -> None:
    names = build("alexnet-torchvision", 3).state_dict()
    torch.save(
        {"state_dict": {name.replace("features.", "features.module."): t for name, t in names.items()}}, "old.pth.tar"
    )
    notes: list[str] = []
    assert load_pretrained(build("alexnet-torchvision", 3), Path("old.pth.tar"), "alexnet-torchvision", notes.append)
    assert "prefix 'module.' taken off" in notes[0]


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


@pytest.mark.parametrize("prefix", ["", "module."])
def test_names_that_the_network_itself_begins_so_are_kept(prefix: str) -> None:
    network = Own()
    torch.save(before(prefix, network.state_dict()), "own.pth")
    notes: list[str] = []
    assert load_pretrained(Own(), Path("own.pth"), "own", notes.append) and len(notes) == bool(prefix)


def test_a_wrapped_file_of_another_network_is_named_all_the_same() -> None:
    torch.save({"state_dict": before("module.", build("mlp").state_dict())}, "mlp.ckpt")
    with pytest.raises(UserError, match="they are those of mlp. Use that network"):
        load_pretrained(build(NAME), Path("mlp.ckpt"), NAME)


class Runs:
    def __reduce__(self) -> Any:
        return exec, ("import pathlib; pathlib.Path('ran').touch()",)


@pytest.mark.parametrize("ending", [".pth.tar", ".ckpt", ".bin"])
def test_code_is_refused_wherever_it_lies(ending: str) -> None:
    path = Path(f"hostile{ending}")
    for content in (
        {"state_dict": before("module."), "callbacks": Runs()},
        {"args": argparse.Namespace(then=Runs()), "model": LENET},
    ):
        torch.save(content, path)
        with pytest.raises(UserError, match=r"refused, it wants to load \S*exec"):
            read_weights(path)
    path.write_bytes(pickle.dumps({"state_dict": Runs()}))
    with pytest.raises(UserError, match=rf"{path.name}: "):
        read_weights(path)
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    "content",
    [
        {"state_dict": {"state_dict": {"state_dict": {"state_dict": {"state_dict": LENET}}}}},
        {"state_dict": {}},
        {"state_dict": {"a": torch.zeros(1), "b": "text"}},
        {"model": "alexnet", "net": 3},
    ],
)
def test_wrappers_without_weights(content: Any) -> None:
    torch.save(content, "f.ckpt")
    with pytest.raises(UserError, match=r"f\.ckpt: found a dictionary of .*; expected a state_dict"):
        read_weights(Path("f.ckpt"))


def test_two_tensors_of_one_name_are_not_made_one() -> None:
    torch.save({**before("module."), **LENET}, "double.pth")
    with pytest.raises(UserError, match=r"module\.\S+ is not part of it"):
        load_pretrained(build(NAME), Path("double.pth"), NAME)


def test_a_training_says_so_and_starts_from_them() -> None:
    torch.save({"state_dict": before("module.", build("lenet-relu").state_dict())}, "theirs.ckpt")
    run = alexlab.train("lenet-relu", "digits", pretrained="theirs.ckpt", out="run", epochs=1, steps=1)
    assert any("read from 'state_dict'; prefix 'module.' taken off" in doubt for doubt in run.facts["doubts"])


def test_a_run_is_made_of_them() -> None:
    names = build("alexnet-torchvision", 3).state_dict()
    torch.save({"state_dict": before("module.", names)}, "theirs.pth.tar")
    Path("classes.txt").write_text("a\nb\nc\n")
    done = CliRunner().invoke(
        weights_command, ["open", "theirs.pth.tar", "--out", "run", "--classes", "classes.txt"], catch_exceptions=False
    )
    assert done.exit_code == 0 and "read from 'state_dict'; prefix 'module.' taken off" in done.output
    assert torch.equal(alexlab.Run("run").network().state_dict()["classifier.6.bias"], names["classifier.6.bias"])
