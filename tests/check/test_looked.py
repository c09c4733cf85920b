"""What a report says it looked at, and what it says of a file in which there is nothing to look at."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alexlab.check import check_network, check_script
from alexlab.check.checking import NOTHING
from alexlab.check.rules import RULES
from alexlab.cli.check import check

TRAINING = """\
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
from elsewhere import Trainer

train_loader = DataLoader(datasets.MNIST("d", transform=transforms.ToTensor()), batch_size=64, shuffle=True)
test_loader = DataLoader(datasets.MNIST("d", train=False, transform=transforms.ToTensor()), batch_size=64)

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 10)

    def forward(self, x):
        return self.fc(x.flatten(1))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def forward(self, x):
        return self.block(x)

net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

def train():
    net.train()
    for epoch in range(3):
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(net(images), labels)
            loss.backward()
            optimizer.step()

def test():
    net.eval()
    right = 0
    with torch.no_grad():
        for images, labels in test_loader:
            right += (net(images).argmax(1) == labels).sum().item()
    return right

train()
test()
Trainer(net).fit()
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(check, list(arguments))


def line_of(text: str) -> int:
    return TRAINING[: TRAINING.index(text)].count("\n") + 1


def test_the_last_line_says_what_was_looked_at() -> None:
    Path("train.py").write_text(TRAINING)
    result = run("train.py")
    assert result.exit_code == 0
    words, scope = result.output.splitlines()
    assert words == "no mistakes found" and scope == (
        f"looked at: network Net (train.py:{line_of('class Net')}), training in train (train.py:{line_of('for images')}), "
        f"evaluation in test (train.py:{line_of('for images, labels in test')}), "
        f"loader train_loader (train.py:{line_of('train_loader')}), loader test_loader (train.py:{line_of('test_loader')}); "
        f"not followed: train.py:{line_of('Trainer(net)')}"
    )
    assert run("train.py", "--lang", "zh").output.splitlines()[-1].startswith("已检查：网络 Net (train.py:")


def test_a_notebook_s_parts_have_cells() -> None:
    cells = [{"cell_type": "code", "source": part} for part in TRAINING.split("\nnet = ")]
    cells[1]["source"] = "net = " + cells[1]["source"]
    Path("book.ipynb").write_text(json.dumps({"cells": cells}))
    assert "training in train (book.ipynb:cell 2:7)" in run("book.ipynb").output


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_no_example_is_taken_for_nothing(rule: object) -> None:
    for text in (rule.bad, rule.good):  # type: ignore[attr-defined]
        Path("program.py").write_text(text, encoding="utf-8")
        checked = check_script(Path("program.py"))
        assert checked.exit_code == int(checked.failed) and checked.parts


@pytest.mark.parametrize(
    ("content", "says", "sagt"),
    [
        ("", "program.py is empty", "是空的"),
        ('"""Only words."""\n# and more\n', "program.py is empty", "是空的"),
        ("print('hello')\n", "imports nothing of PyTorch", "没有导入"),
        ("import os\nimport keras\n", "this is Keras (program.py:2)", "这是 Keras（program.py:2）"),
        ("from tensorflow.keras import layers\n", "this is Keras", "这是 Keras"),
        ("from tensorflow import keras\nimport tensorflow as tf\n", "this is Keras", "这是 Keras"),
        ("import tensorflow as tf\n", "this is TensorFlow", "这是 TensorFlow"),
        ("import jax.numpy as jnp\n", "this is JAX", "这是 JAX"),
        ("def f():\n    from flax import linen\n", "this is JAX (Flax)", "这是 JAX"),
        ("import torch\nprint(torch.__version__)\n", "imports PyTorch (program.py:1), but no network", "没有找到被调用的网络"),
        ("from torch import nn\nnet = nn.Sequential(nn.Linear(2, 2))\n", "alexlab check program.py:NAME", "program.py:NAME"),
    ],
)  # fmt: skip
def test_where_there_is_nothing_it_is_said(content: str, says: str, sagt: str) -> None:
    Path("program.py").write_text(content, encoding="utf-8")
    result = run("program.py")
    assert result.exit_code == NOTHING and says in result.output and "no mistakes" not in result.output
    assert result.output.splitlines()[-1] == "looked at: nothing"
    assert sagt in run("program.py", "--lang", "zh").output
    (note,) = json.loads(run("program.py", "--json").output)
    assert note["rule"] is None and says in note["message"]
    (invocation,) = json.loads(run("program.py", "--sarif").output)["runs"][0]["invocations"]
    assert invocation["exitCode"] == NOTHING
    assert any(says in each["message"]["text"] for each in invocation["toolExecutionNotifications"])


def test_findings_without_a_network_are_no_silence() -> None:
    Path("data.py").write_text("import torch\n" + TRAINING.split("\n\n")[1].replace(", shuffle=True", ""))
    checked = check_script(Path("data.py"))
    assert {part.kind for part in checked.parts} <= {"loader"} and checked.exit_code == (
        0 if checked.findings else NOTHING
    )


def test_a_network_that_cannot_be_run_was_not_looked_at() -> None:
    from torch import nn

    fits = check_network(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), (1, 8, 8))
    assert [part.name for part in fits.parts] == ["Sequential 1x8x8"] and fits.exit_code == 0
    assert check_network(nn.Identity()).exit_code == NOTHING


def test_targets_are_named_as_they_were_asked_for() -> None:
    Path("net.py").write_text(
        "from torch import nn\ndef make():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    )
    assert run("net.py:make", "--input", "1x8x8").output.splitlines()[-1] == "looked at: network net.py:make 1x8x8"
    assert run("lenet5").output.splitlines()[-1] == "looked at: network lenet5 1x28x28"
