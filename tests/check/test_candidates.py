"""Networks that are one of several, which is decided where the script runs: each candidate is followed."""

from pathlib import Path

import pytest

from alexlab.check import check_script

HEAD = """\
import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision import datasets, models, transforms as T

class Right(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.drop = nn.Linear(784, 10), nn.Dropout()
    def forward(self, x):
        return self.fc(self.drop(x.flatten(1)))

class Wrong(Right):
    def forward(self, x):
        return F.softmax(super().forward(x), 1)

args = argparse.ArgumentParser().parse_args()
train = torch.utils.data.DataLoader(datasets.MNIST("d", train=True, transform=T.ToTensor()), 64, shuffle=True)
test = torch.utils.data.DataLoader(datasets.MNIST("d", train=False, transform=T.ToTensor()), 64)
"""
FIT = """
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(3):
    net.train()
    for x, y in train:
        opt.zero_grad()
        F.cross_entropy(net(x), y).backward()
        opt.step()
    {eval}
    right = 0
    with torch.no_grad():
        for x, y in test:
            out = net(x)
            {judge}
"""
SOFTMAX, NO_EVAL = "softmax-before-cross-entropy", "no-eval"


def rules_of(
    make: str, eval: str = "net.eval()", judge: str = "right += (out.argmax(1) == y).sum().item()"
) -> set[str]:
    Path("program.py").write_text(HEAD + make + FIT.format(eval=eval, judge=judge), encoding="utf-8")
    return {finding.rule for finding in check_script(Path("program.py")).findings}


MADE = {
    "if": "if args.m == 'a':\n    net = {0}()\nelse:\n    net = Right()",
    "elif": "if args.m == 'a':\n    net = Right()\nelif args.m == 'b':\n    net = models.resnet18(num_classes=10)\nelse:\n    net = {0}()",
    "conditional expression": "net = Right() if args.small else {0}()",
    "classes": "Net = Right if args.small else {0}\nnet = Net()",
    "dictionary": "net = {{'a': {0}, 'b': Right}}[args.m]()",
    "dictionary's get": "kinds = {{'a': Right(), 'b': {0}()}}\nnet = kinds.get(args.m)",
    "function": "def make(m):\n    if m == 'a':\n        return {0}()\n    elif m == 'b':\n        return Right()\nnet = make(args.m)",
    "data parallel": "net = {0}()\nif torch.cuda.device_count() > 1:\n    net = nn.DataParallel(net)",
    "data parallel of one of two": "net = {0}() if args.small else Right()\nnet = nn.DataParallel(net)",
}


@pytest.mark.parametrize("how", MADE)
def test_each_candidate_is_followed(how: str) -> None:
    assert rules_of(MADE[how].format("Wrong")) == {SOFTMAX}
    assert rules_of(MADE[how].format("Right")) == set()


@pytest.mark.parametrize("how", MADE)
def test_each_candidate_is_put_into_a_mode(how: str) -> None:
    assert rules_of(MADE[how].format("Right"), eval="pass") == {NO_EVAL}


def test_what_may_be_no_network_is_not_followed() -> None:
    make = "from elsewhere import Net\nif args.m:\n    net = Wrong()\nelse:\n    net = Net()"
    assert SOFTMAX not in rules_of(make)


@pytest.mark.parametrize("held", ["named_children()", "_modules.items()"])
def test_a_loop_over_children(held: str) -> None:
    network = (
        "class Chain(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.flat, self.fc{0} = nn.Flatten(), nn.Linear(784, 10){1}\n    def forward(self, x):\n"
        f"        for name, layer in self.{held}:\n            x = layer(x)\n        return x\nnet = Chain()"
    )
    assert rules_of(network.format(", self.end", ", nn.Softmax(1)")) == {SOFTMAX}
    assert rules_of(network.format("", "")) == set()


@pytest.mark.parametrize("judge", ["out.data.numpy().argmax(axis=1)", "np.argmax(out.cpu().numpy(), 1)"])
def test_a_prediction_by_numpy(judge: str) -> None:
    judge = f"right += ({judge} == y.numpy()).sum()"
    assert rules_of("net = Right()", "pass", judge) == {NO_EVAL}
    assert rules_of("net = Right()", "net.eval()", judge) == set()
