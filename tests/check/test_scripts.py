"""Mistakes in hand-written guises, notebooks, comments that silence a rule, and files that cannot be read."""

import json
from pathlib import Path

import pytest

from alexlab.check import check_script
from alexlab.check.rules import RULES
from alexlab.errors import UserError


def rules_of(text: str, name: str = "program.py") -> list[str]:
    Path(name).write_text(text, encoding="utf-8")
    return [finding.rule for finding in check_script(Path(name)).findings]


NETWORK = """\
import torch
import torch.nn as nn
import torch.nn.functional as F

class Net(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.fc = nn.Linear(1568, 10)
        {init}

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        {forward}

logits = Net()(torch.randn(4, 1, 28, 28))
"""


@pytest.mark.parametrize(
    "init, forward",
    [
        ("pass", "return self.fc(F.dropout(x.flatten(1)))"),
        ("pass", "return self.fc(torch.dropout(x.flatten(1), 0.5, True))"),
        ("pass", "x = F.dropout2d(x, self.p)\n        return self.fc(x.view(x.size(0), -1))"),
        ("pass", "return self.fc(nn.Dropout(0.3)(x.flatten(1)))"),
        ("self.extra = [nn.Dropout()]", "return self.fc(self.extra[0](x.flatten(1)))"),
        ("self.drop = lambda t: F.dropout(t, p=0.2)", "return self.fc(self.drop(x.flatten(1)))"),
    ],
)
def test_dropout_that_stays_on(init: str, forward: str) -> None:
    text = NETWORK.format(init=init, forward=forward)
    if "torch.dropout" in forward:
        assert rules_of(text) == ["dropout-always-on"]  # a note: it is written out
        assert [f.severity for f in check_script(Path("program.py")).findings] == ["note"]
    else:
        assert rules_of(text) == ["dropout-always-on"]


@pytest.mark.parametrize(
    "init, forward",
    [
        ("pass", "return self.fc(F.dropout(x.flatten(1), self.p, self.training))"),
        ("pass", "return self.fc(F.dropout(x.flatten(1), training=self.training))"),
        ("pass", "return self.fc(F.dropout(x.flatten(1)) if self.training else x.flatten(1))"),
        ("pass", "if self.training:\n            x = F.dropout2d(x)\n        return self.fc(x.flatten(1))"),
        ("self.drop = nn.Dropout(0.5)", "return self.fc(self.drop(x.flatten(1)))"),
        ("self.drops = nn.ModuleList([nn.Dropout(0.5)])", "return self.fc(self.drops[0](x.flatten(1)))"),
        ("pass", "return self.fc(F.dropout(x.flatten(1), p=0.0))"),
    ],
)
def test_dropout_that_knows_the_mode(init: str, forward: str) -> None:
    assert rules_of(NETWORK.format(init=init, forward=forward)) == []


@pytest.mark.parametrize(
    "forward",
    [
        "return self.fc(x.view(-1, 392))",
        "return self.fc(x.reshape((-1, 392)))",
        "n = 8 * 7 * 7\n        return self.fc(x.view(-1, n))",
        "x = torch.reshape(x, (-1, 392))\n        return self.fc(x)",
        "return self.fc(F.relu(x).contiguous().view(-1, 3136))",
    ],
)
def test_view_of_another_size(forward: str) -> None:
    assert "view-mixes-images" in rules_of(NETWORK.format(init="pass", forward=forward))


@pytest.mark.parametrize(
    "forward",
    [
        "return self.fc(x.view(-1, 1568))",
        "return self.fc(x.view(len(x), -1))",
        "b, c, h, w = x.shape\n        return self.fc(x.view(b, c * h * w))",
        "return self.fc(x.flatten(start_dim=1))",
        "return self.fc(x.permute(0, 2, 3, 1).reshape(x.shape[0], -1))",
        "rows = x.reshape(-1, 14)\n        return self.fc(rows.view(x.size(0), -1))",
    ],
)
def test_view_of_images(forward: str) -> None:
    assert rules_of(NETWORK.format(init="pass", forward=forward)) == []


@pytest.mark.parametrize(
    "init",
    [
        "for m in self.modules():\n            if isinstance(m, (nn.Conv2d, nn.Linear)):\n                m.weight.data.fill_(0.)",
        "nn.init.ones_(self.conv.weight); nn.init.ones_(self.fc.weight)",
        "self.apply(lambda m: nn.init.constant_(m.weight, 0.1) if hasattr(m, 'weight') else None)",
        "for p in self.parameters():\n            nn.init.zeros_(p)",
        "with torch.no_grad():\n            self.conv.weight.zero_()\n            self.fc.weight.fill_(0.5)",
    ],
)
def test_constant_weights(init: str) -> None:
    assert rules_of(NETWORK.format(init=init, forward="return self.fc(x.flatten(1))")) == ["constant-weights"]


@pytest.mark.parametrize(
    "init",
    [
        "nn.init.zeros_(self.fc.weight)",  # the last layer alone may start at zero
        "nn.init.zeros_(self.fc.bias); nn.init.constant_(self.conv.bias, 1)",
        "for p in self.parameters():\n            nn.init.zeros_(p)\n        nn.init.xavier_uniform_(self.conv.weight)",
        "for m in self.children():\n            nn.init.kaiming_normal_(m.weight)",
    ],
)
def test_weights_that_differ(init: str) -> None:
    assert rules_of(NETWORK.format(init=init, forward="return self.fc(x.flatten(1))")) == []


DATA = """\
import torch
from torchvision import datasets, transforms as T
{text}
"""


@pytest.mark.parametrize(
    "text",
    [
        "d = datasets.FashionMNIST('d', transform=T.Compose([T.ToTensor(), T.Normalize((0.1307,), (0.3081,))]))",
        "d = datasets.FashionMNIST('d', transform=T.Compose([T.ToTensor(), T.Normalize(0.1307, 0.3081)]))",
        "n = T.Normalize(mean=[0.4914, 0.4822, 0.4465], std=[0.2, 0.2, 0.2])\n"
        "d = datasets.SVHN('d', split='train', transform=T.Compose([T.ToTensor(), n]))",
        "def pre(m, s):\n    return T.Compose([T.ToTensor(), T.Normalize([m], [s])])\n"
        "d = datasets.KMNIST('d', train=True, transform=pre(0.1307, 0.3081))",
        "M = dict(mean=(0.2860,), std=(0.3530,))\nd = datasets.MNIST('d', transform=T.Compose([T.ToTensor(), T.Normalize(**M)]))",
        "a = datasets.MNIST('d', train=True, transform=T.Compose([T.ToTensor(), T.Normalize((0.1307,), (0.3081,))]))\n"
        "b = datasets.MNIST('d', train=False, transform=T.ToTensor())",
    ],
)
def test_other_normalisation(text: str) -> None:
    assert rules_of(DATA.format(text=text)) == ["other-normalisation"]


@pytest.mark.parametrize(
    "text",
    [
        "d = datasets.MNIST('d', transform=T.Compose([T.ToTensor(), T.Normalize((0.1307,), (0.3081,))]))",
        "d = datasets.CIFAR10('d', transform=T.Compose([T.ToTensor(), T.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]))",
        "d = datasets.CIFAR10('d', transform=T.Compose([T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]))",
        "d = datasets.FashionMNIST('d', transform=T.Compose([T.ToTensor(), T.Normalize((0.286,), (0.353,))]))",
        "d = datasets.CIFAR10('d', transform=T.Compose([T.ToTensor(), T.Normalize((0.491, 0.482, 0.447), (0.202, 0.199, 0.201))]))",
    ],
)
def test_own_normalisation(text: str) -> None:
    assert rules_of(DATA.format(text=text)) == []


def test_notebook_places_are_cells_and_lines() -> None:
    rule = next(rule for rule in RULES if rule.name == "no-zero-grad")
    lines = rule.bad.splitlines(keepends=True)
    half = next(i for i, line in enumerate(lines) if line.startswith("for epoch"))
    cells = [
        {"cell_type": "markdown", "source": ["# A title"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "!pip list\n", *lines[:half]]},
        {"cell_type": "code", "source": "".join(lines[half:])},
    ]
    Path("book.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}), encoding="utf-8")
    (finding,) = check_script(Path("book.ipynb")).findings
    step = next(i for i, line in enumerate(lines[half:], 1) if "optimizer.step()" in line)
    assert finding.rule == "no-zero-grad"
    assert finding.place is not None and (finding.place.cell, finding.place.line) == (
        2,
        step,
    )  # the second cell of code


def test_a_comment_with_a_reason_silences_a_rule() -> None:
    rule = next(rule for rule in RULES if rule.name == "no-shuffling")
    told = rule.bad.replace(
        "batch_size=64)\ntest", "batch_size=64)  # alexlab: ignore[no-shuffling] the order is wanted\ntest"
    )
    assert told != rule.bad and rules_of(told) == []
    above = rule.bad.replace("training =", "# alexlab: ignore[no-shuffling] the order is wanted\ntraining =")
    assert rules_of(above) == []
    bare = told.replace(" the order is wanted", "")
    assert rules_of(bare) == ["no-shuffling"]
    assert "without a reason" in check_script(Path("program.py")).unseen[0]
    assert rules_of(told.replace("[no-shuffling]", "[no-shufling]")) == ["no-shuffling"]
    assert "did you mean 'no-shuffling'?" in check_script(Path("program.py")).unseen[0]


def test_modules_beside_the_script_are_read() -> None:
    Path("model.py").write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.f = nn.Linear(784, 10)\n    def forward(self, x):\n        return self.f(x.flatten(1)).softmax(-1)\n"
    )
    text = "from model import Net\nfrom torch.nn import functional as F\nimport torch\n"
    assert rules_of(text + "F.cross_entropy(Net()(torch.rand(2, 1, 28, 28)), torch.tensor([1, 2]))\n", "train.py") == [
        "softmax-before-cross-entropy"
    ]
    assert [f.place.file for f in check_script(Path("train.py")).findings if f.place] == ["model.py"]


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("broken.py", "def f(:\n", "broken.py:1"),
        ("binary.py", "\x00\x01", "cannot read"),
        ("book.ipynb", "{}", "not a notebook"),
        ("missing.py", None, "no such file"),
    ],
)
def test_files_that_cannot_be_read(name: str, content: str | None, words: str) -> None:
    if content is not None:
        Path(name).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=words):
        check_script(Path(name))


@pytest.mark.parametrize(
    "text",
    [
        "while True:\n    pass\n",
        "def f(n):\n    return f(n + 1) + f(n)\nf(0)\n",
        "x = 10 ** 10 ** 10\ny = 'a' * 10 ** 12\nz = [0] * 10 ** 12\n",
        "x = [x for x in range(10 ** 9)]\n",
        "class A(A): pass\nimport nothing.at.all\nfrom . import b\nundefined()\n",
        "a = []\na.append(a)\nprint(a, *a, **{'k': a})\n",
        "match input():\n    case 'a': x = 1\n    case _: x = 2\nasync def f():\n    async for i in x: await i\n",
        "x: int\nlambda: (yield)\n[*a, *b] = c\n(d := 5)\nglobal q\n",
    ],
)
def test_odd_scripts_are_followed_to_an_end(text: str) -> None:
    assert rules_of(text) == []
