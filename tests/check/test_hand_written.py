"""Rules whose guises are best written by hand: five each, and their mended forms."""

from pathlib import Path

import pytest

from alexlab.check import check_script

HEAD = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import ConcatDataset, DataLoader
from torchvision import datasets, models, transforms as T
from PIL import Image
import cv2
"""
NETWORK = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 5, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(8)
        {made}
        self.last = nn.Linear(288, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        {used}
        return self.last(x.flatten(1))

logits = Net()(torch.randn(4, 1, 28, 28))
"""
FIT = """
train = DataLoader(datasets.MNIST("d", train=True, transform=T.ToTensor()), 64, shuffle=True)
test = DataLoader(datasets.MNIST("d", train=False, transform=T.ToTensor()), {test})
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
{between}
opt = torch.optim.SGD({parameters}, lr=0.1)
{after}
for x, y in train:
    opt.zero_grad()
    F.cross_entropy(net(x), y).backward()
    opt.step()
net.eval()
total = 0.0
with torch.no_grad():
    for x, y in test:
        {count}
{shown}
"""
RIGHT = {
    "test": "64", "between": "pass", "parameters": "net.parameters()", "after": "pass",
    "count": "total += (net(x).argmax(1) == y).sum().item()", "shown": "print(total / len(test.dataset))",
}  # fmt: skip
PREPARE = "prepare = T.Compose([T.ToTensor(), T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])\n"
BCE = "net = nn.Sequential(nn.Flatten(), nn.Linear(784, 1){end})\n{loss}\n"
X, ONE = "net(torch.rand(4, 1, 28, 28))", "torch.ones(4, 1)"


# ruff: noqa: E501


def network(made: str = "pass", used: str = "pass") -> str:
    return NETWORK.format(made=made, used=used)


def fit(**changed: str) -> str:
    return FIT.format(**{**RIGHT, **changed})


def divided(split: str, transform: str = "T.Compose([T.RandomHorizontalFlip(), T.ToTensor()])") -> str:
    return (
        f"whole = datasets.FashionMNIST('d', train=True, transform={transform})\n{split}\n"
        "net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "for x, y in DataLoader(a, 64, shuffle=True):\n    opt.zero_grad()\n"
        "    F.cross_entropy(net(x), y).backward()\n    opt.step()\nnet.eval()\n"
        "with torch.no_grad():\n    right = sum((net(x).argmax(1) == y).sum().item() for x, y in DataLoader(b, 64))\n"
    )


PART = "class Part(nn.Module):\n    def forward(self, x):\n        x = x.relu(){end}\n\n"


def anew(optimiser: str, name: str = "opt = ") -> str:
    return (
        'train = DataLoader(datasets.MNIST("d", train=True, transform=T.ToTensor()), 64, shuffle=True)\n'
        "net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n"
        f"for epoch in range(9):\n    {name}{optimiser}\n    for x, y in train:\n        opt.zero_grad()\n"
        "        F.cross_entropy(net(x), y).backward()\n        opt.step()\n"
    )


def scheduled(scheduler: str, first: str = "pass", last: str = "pass") -> str:
    made = (
        f"opt = torch.optim.SGD(net.parameters(), lr=0.1)\nimport elsewhere\ns = torch.optim.lr_scheduler.{scheduler}\n"
    )
    text = anew(first, "").replace("for epoch", f"{made}for epoch", 1)
    return f"{text}    {last}\n"


def data(name: str, transform: str, part: str = "train=True") -> str:
    return f"d = datasets.{name}('d', {part}, transform={transform})\n"


# rule -> [(with the mistake, mended), ...]
GUISES = {
    "unused-layer": [
        (network("self.act = nn.ReLU()"), network("self.act = nn.ReLU()", "x = self.act(x)")),
        (network("self.fc = nn.Linear(288, 288)"), network("self.fc = nn.Linear(288, 288)", "x = F.relu(self.fc(x.flatten(1)))")),
        (
            network("self.parts = nn.ModuleList([nn.Linear(288, 288), nn.Tanh()])", "x = self.parts[0](x.flatten(1))"),
            network(
                "self.parts = nn.ModuleList([nn.Linear(288, 288), nn.Tanh()])",
                "x = x.flatten(1)\n        for part in self.parts:\n            x = part(x)",
            ),
        ),
        (network("self.bn2 = nn.BatchNorm2d(8)"), network("self.bn2 = nn.BatchNorm2d(8)", "x = getattr(self, 'bn2')(x)")),
        (
            network("setattr(self, 'gate', nn.Sigmoid())", "x = torch.sigmoid(x)"),
            network("setattr(self, 'gate', nn.Sigmoid())", "x = self.gate(x)"),
        ),
        (
            network("self.drop, self.relu = nn.Dropout(0.2), nn.ReLU()", "x = self.drop(x)"),
            network("self.drop, self.relu = nn.Dropout(0.2), nn.ReLU()", "x = self.drop(self.relu(x))"),
        ),
    ],
    "reused-layer": [
        (
            network("self.next = nn.Conv2d(8, 8, 3, padding=1, bias=False)", "x = self.norm(self.next(x))"),
            network("self.next = nn.Conv2d(8, 8, 3, padding=1, bias=False); self.norm2 = nn.BatchNorm2d(8)",
                    "x = self.norm2(self.next(x))"),
        ),
        (
            network("self.mid = nn.Linear(288, 288)", "x = F.relu(self.mid(x.flatten(1)))\n        x = F.relu(self.mid(x))"),
            network("self.mid = nn.Linear(288, 288)", "x = F.relu(self.mid(x.flatten(1)))"),
        ),
        (
            network("n = nn.BatchNorm2d(8)\n        self.a, self.b = n, n", "x = F.relu(self.a(x))\n        x = self.b(x)"),
            network("self.a, self.b = nn.BatchNorm2d(8), nn.BatchNorm2d(8)", "x = F.relu(self.a(x))\n        x = self.b(x)"),
        ),
        (
            network("self.same = nn.Conv2d(8, 8, 3, padding=1)",
                    "y = self.same(x).relu()\n        z = self.same(y)\n        x = x + z"),
            network("self.same, self.other = [nn.Conv2d(8, 8, 3, padding=1) for _ in range(2)]",
                    "y = self.same(x).relu()\n        z = self.other(y)\n        x = x + z"),
        ),
        (
            network("self.block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())",
                    "x = self.block(x)\n        x = self.block[1](self.block[0](x))"),
            network("self.block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())",
                    "for _ in range(3):\n            x = self.block(x)"),  # one line, again and again: meant
        ),
    ],
    "unregistered-layer": [
        (
            network("self.ls = [nn.Linear(288, 288)]", "x = self.ls[0](x.flatten(1)).relu()"),
            network("self.ls = nn.ModuleList([nn.Linear(288, 288)])", "x = self.ls[0](x.flatten(1)).relu()"),
        ),
        (
            network("self.by = {'a': nn.Conv2d(8, 8, 1)}", "x = self.by['a'](x).relu()"),
            network("self.by = nn.ModuleDict({'a': nn.Conv2d(8, 8, 1)})", "x = self.by['a'](x).relu()"),
        ),
        (
            network("self.pair = (nn.Linear(288, 288), nn.ReLU())", "x = self.pair[1](self.pair[0](x.flatten(1)))"),
            network("self.pair = nn.Sequential(nn.Linear(288, 288), nn.ReLU())", "x = self.pair(x.flatten(1))"),
        ),
        (
            network("self.ls = []\n        for _ in range(2):\n            self.ls.append(nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU()))",
                    "for l in self.ls:\n            x = l(x)"),
            network("self.ls = []\n        for i in range(2):\n            self.ls.append(nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU()))\n"
                    "            self.add_module(str(i), self.ls[-1])", "for l in self.ls:\n            x = l(x)"),
        ),
        (
            network("self.deep = [[nn.BatchNorm2d(8)]]", "x = self.deep[0][0](x)"),
            network("self.deep = [[nn.ReLU()]]", "x = self.deep[0][0](x)"),  # no weights: nothing is lost
        ),
    ],
    "mean-of-means": [
        (fit(count="total += (net(x).argmax(1) == y).float().mean().item()", shown="print(total / len(test))"), fit()),
        (fit(count="total += F.cross_entropy(net(x), y).item()", shown="total /= len(test)"),
         fit(count="total += F.cross_entropy(net(x), y, reduction='sum').item()", shown="total /= len(test.dataset)")),
        (fit(count="total = total + nn.CrossEntropyLoss()(net(x), y).item()", shown="print('loss', total / len(test))"),
         fit(test="100", count="total = total + nn.CrossEntropyLoss()(net(x), y).item()", shown="print('loss', total / len(test))")),
        (fit(count="l = F.cross_entropy(net(x), y)\n        total += l.item()", shown="n = len(test)\nmean = total / n"),
         fit(test="64, drop_last=True", count="l = F.cross_entropy(net(x), y)\n        total += l.item()",
             shown="n = len(test)\nmean = total / n")),
        (fit(test="batch_size=300", count="hits = net(x).argmax(1).eq(y)\n        total += torch.mean(hits.float()).item()",
             shown="print(f'{100 * (total / len(test))}')"), fit(test="batch_size=300")),
    ],
    "sum-of-means": [
        (fit(count="total += F.cross_entropy(net(x), y).item()", shown="total /= len(test.dataset)"),
         fit(count="total += F.cross_entropy(net(x), y, reduction='sum').item()", shown="total /= len(test.dataset)")),
        (fit(count="total = total + nn.CrossEntropyLoss()(net(x), y).item()", shown="print('loss', total / 10000)"),
         fit(count="total = total + nn.CrossEntropyLoss()(net(x), y).item() * len(x)", shown="print('loss', total / 10000)")),
        (fit(between="n = 0", count="total += F.cross_entropy(net(x), y)\n        n += y.size(0)", shown="print(total / n)"),
         fit(between="n = 0", count="total += F.cross_entropy(net(x), y) * y.size(0)\n        n += y.size(0)", shown="print(total / n)")),
        (fit(between="losses = []", count="losses.append(float(F.cross_entropy(net(x), y)))", shown="print(sum(losses) / len(test.dataset))"),
         fit(between="losses = []", count="losses.append(float(F.cross_entropy(net(x), y)))", shown="print(sum(losses) / len(losses))")),
        (fit(between="def judge(net, batches):\n    loss = 0\n    for x, y in batches:\n        loss += F.nll_loss(net(x), y).item()\n"
                     "    return loss / len(batches.dataset)"),
         fit(between="def judge(net, batches):\n    loss = 0\n    for x, y in batches:\n        loss += F.nll_loss(net(x), y, reduction='sum').item()\n"
                     "    return loss / len(batches.dataset)")),
        (fit(count="total += (net(x).argmax(1) == y).float().mean().item()", shown="print(total / len(test.dataset))"), fit()),
        (fit(between="sizes = {'test': len(test.dataset)}", count="total += F.cross_entropy(net(x), y).item() / sizes['test']"),
         fit(between="one = DataLoader(test.dataset)", count="pass", shown="torch.set_grad_enabled(False)\nfor x, y in one:\n    total += F.cross_entropy(net(x), y).item()\n"
             "print(total / len(one.dataset))")),
        (fit(count="total += F.cross_entropy(net(x), y).item()", shown="print(total / len(test.dataset))"),
         fit(count="pass", shown="torch.set_grad_enabled(False)\nfor i in range(len(test.dataset)):\n    x, y = test.dataset[i]\n    total += F.cross_entropy(net(x[None]), "
             "torch.tensor([y])).item()\nprint(total / len(test.dataset))")),
    ],
    "no-return": [
        (network().replace("return self.last(x.flatten(1))", "x = self.last(x.flatten(1))"), network()),
        (network("self.part = Part()", "x = self.part(x)").replace("class Net", PART.format(end="") + "class Net"),
         network("self.part = Part()", "x = self.part(x)").replace("class Net", PART.format(end="\n        return x") + "class Net")),
        (network().replace("return self.last(x.flatten(1))", "x = self.last(x.flatten(1))\n        return"), network()),
        (network().replace("return self.last(x.flatten(1))", "logits = self.last(x.flatten(1))\n        print(logits.shape)"),
         network().replace("return self.last(x.flatten(1))", "logits = self.last(x.flatten(1))\n        raise NotImplementedError")),
        (fit(between=PART.format(end="").strip() + "\nnet = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), Part(), nn.Linear(10, 10))"),
         fit(between=PART.format(end="\n        return x").strip() + "\nnet = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), Part(), nn.Linear(10, 10))")),
    ],
    "argmax-of-all": [
        (fit(count="total += (net(x).argmax() == y).sum().item()"), fit()),
        (fit(count="total += torch.argmax(net(x)).eq(y).sum().item()"), fit(count="total += torch.argmax(net(x), -1).eq(y).sum().item()")),
        (fit(count="p = torch.argmax(F.softmax(net(x), 1))\n        total += (p == y).float().sum().item()"),
         fit(count="p = torch.argmax(F.softmax(net(x), 1), dim=1)\n        total += (p == y).float().sum().item()")),
        (fit(count="total += (y == net(x).argmax()).sum()"), fit(test="1", count="total += (y == net(x).argmax()).sum()")),
        (fit(between="import numpy as np", count="total += (np.argmax(net(x).numpy()) == y.numpy()).sum()"),
         fit(between="import numpy as np", count="total += (np.argmax(net(x).numpy(), axis=1) == y.numpy()).sum()")),
    ],
    "old-api": [
        (fit(count="total += F.cross_entropy(net(x), y).data[0]", shown="pass"), fit(count="total += F.cross_entropy(net(x), y).item()", shown="pass")),
        (fit(shown="print(total)\nx, y = iter(test).next()"), fit(shown="print(total)\nx, y = next(iter(test))")),
        (fit(between="batches = iter(train)\nx, y = batches.next()"), fit(between="batches = iter(train)\nx, y = batches.__next__()")),
        (fit(between="from torch.autograd import Variable", count="total += (net(Variable(x, volatile=True)).argmax(1) == y).sum().item()"),
         fit(between="from torch.autograd import Variable", count="total += (net(Variable(x)).argmax(1) == y).sum().item()")),
        (fit(count="total += F.cross_entropy(net(x), y, size_average=False).item()"),
         fit(count="total += F.cross_entropy(net(x), y, reduction='sum').item()")),
        ("t = T.Compose([T.Scale(32), T.ToTensor()])", "t = T.Compose([T.Resize(32), T.ToTensor()])"),
        ("t = T.RandomSizedCrop(224)", "t = T.RandomResizedCrop(224)"),
        (fit(count="l = nn.CrossEntropyLoss()(net(x), y)\n        total += l[0]", shown="pass"),
         fit(count="l = nn.CrossEntropyLoss(reduction='none')(net(x), y)\n        total += l[0]", shown="pass")),
    ],
    "argument-of-bool": [
        (f"import argparse\n{parser}\np.add_argument('--x', {bad})\na = p.parse_args()",
         f"import argparse\n{parser}\np.add_argument('--x', {good})\na = p.parse_args()")
        for parser, bad, good in [
            ("p = argparse.ArgumentParser()", "type=bool", "action='store_true'"),
            ("p = argparse.ArgumentParser('a')", "default=True, type=bool", "default=True, type=int"),
            ("q = argparse.ArgumentParser()\np = q.add_argument_group('g')", "type=bool, help='h'", "type=str, help='h'"),
        ]
    ] + [
        ("from argparse import ArgumentParser\np = ArgumentParser()\np.add_argument('-b', type=bool)",
         "from argparse import ArgumentParser\np = ArgumentParser()\np.add_argument('-b', type=eval)"),
        ("import argparse\ndef options():\n    p = argparse.ArgumentParser()\n    p.add_argument('--b', type=bool)\n    return p.parse_args()",
         "import argparse\ndef options():\n    p = argparse.ArgumentParser()\n    p.add_argument('--b', type=float)\n    return p.parse_args()"),
    ],
    "schedule-unused": [
        (scheduled("StepLR(opt, 3)"), scheduled("StepLR(opt, 3)", last="s.step()")),
        (scheduled("CosineAnnealingLR(opt, T_max=9)"), scheduled("CosineAnnealingLR(opt, T_max=9)", last="torch.manual_seed(0); s.step()")),
        (scheduled("ExponentialLR(opt, 0.9)", first="s.step()"), scheduled("ExponentialLR(opt, 0.9)", last="s.step()")),
        (scheduled("MultiStepLR(opt, [3])", first="s.step()"), scheduled("MultiStepLR(opt, [3])", first="s.step(epoch)")),
        (scheduled("ReduceLROnPlateau(opt)"), scheduled("ReduceLROnPlateau(opt)", last="s.step(0.5)")),
        (scheduled("LambdaLR(opt, lambda e: 1 / (e + 1))"), scheduled("LambdaLR(opt, lambda e: 1 / (e + 1))", last="elsewhere.end(s)")),
    ],
    "optimiser-made-anew": [
        (anew("torch.optim.Adam(net.parameters())"), anew("torch.optim.SGD(net.parameters(), lr=0.1)")),
        (anew("torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)"),
         anew("torch.optim.SGD(net.parameters(), lr=0.1 / (epoch + 1), momentum=0.9)")),
        (anew("torch.optim.AdamW(net.parameters(), 1e-3)"), anew("net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n"
                                                               "    opt = torch.optim.AdamW(net.parameters(), 1e-3)", "")),
        (anew("torch.optim.RMSprop(net.parameters(), lr=0.01)"), anew("torch.optim.RMSprop(net.parameters(), lr=0.01)").replace(
            "for epoch in range(9):", "for rate in (0.01, 0.001):").replace("lr=0.01", "lr=rate")),
        (anew("make()").replace("for epoch", "def make():\n    return torch.optim.Adam(net.parameters())\nfor epoch"),
         anew("make()").replace("for epoch in range(9):\n    opt = make()", "opt = torch.optim.Adam(net.parameters())\nfor epoch in range(9):")),
    ],
    "images-not-tensors": [
        (fit().replace(", train=False, transform=T.ToTensor()", ", train=False"), fit()),
        (data("CIFAR10", "T.Compose([T.Normalize((0.5,), (0.5,)), T.ToTensor()])"),
         data("CIFAR10", "T.Compose([T.ToTensor(), T.Normalize((0.5,), (0.5,))])")),
        ("t = T.Compose([T.Resize(64), T.CenterCrop(56), T.Normalize([0.5] * 3, [0.5] * 3), T.ToTensor()])",
         "t = T.Compose([T.Lambda(lambda x: x), T.Normalize([0.5] * 3, [0.5] * 3), T.ToTensor()])"),
        ("l = DataLoader(datasets.ImageFolder('d'), 32, shuffle=True)", "l = DataLoader(datasets.ImageFolder('d'), 32, shuffle=True, collate_fn=list)"),
        ("l = DataLoader(datasets.ImageFolder('d', T.Resize((64, 64))), 32, shuffle=True)",
         "l = DataLoader(datasets.ImageFolder('d', T.Compose([T.Resize((64, 64)), T.ToTensor()])), 32, shuffle=True)"),
        ("d = datasets.ImageFolder('d')\na, b = torch.utils.data.random_split(d, [9, 1])\nl = DataLoader(a, 32, shuffle=True)",
         "d = datasets.ImageFolder('d')\nd.transform = T.ToTensor()\na, b = torch.utils.data.random_split(d, [9, 1])\nl = DataLoader(a, 32, shuffle=True)"),
    ],
    "shared-augmentation": [
        (divided("a, b = torch.utils.data.random_split(whole, [50000, 10000])"),
         divided("a, b = torch.utils.data.random_split(whole, [50000, 10000])", "T.ToTensor()")),
        (divided("a, b = torch.utils.data.Subset(whole, range(50000)), torch.utils.data.Subset(whole, range(50000, 60000))"),
         divided("a = torch.utils.data.Subset(whole, range(50000))\n"
                 "b = torch.utils.data.Subset(datasets.FashionMNIST('d', transform=T.ToTensor()), range(50000, 60000))")),
        (divided("a, b = torch.utils.data.random_split(whole, [0.9, 0.1])", "T.Compose([T.ColorJitter(0.2), T.ToTensor()])"),
         divided("a, b = torch.utils.data.random_split(whole, [0.9, 0.1])\nb.dataset.transform = T.ToTensor()")),
        (divided("n = int(0.8 * len(whole))\na, b = torch.utils.data.random_split(whole, [n, len(whole) - n])"),
         divided("n = int(0.8 * len(whole))\na, b = torch.utils.data.random_split(whole, [n, len(whole) - n])", "T.Compose([T.Resize(28), T.ToTensor()])")),
        (divided("a, b, c = torch.utils.data.random_split(whole, [40000, 10000, 10000])"),
         divided("a, b = whole, datasets.FashionMNIST('d', train=False, transform=T.ToTensor())")),
    ],
    "optimiser-of-another": [
        (fit(after="net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))"), fit()),
        (fit(after="net[1] = nn.Linear(784, 10)"), fit(between="net[1] = nn.Linear(784, 10)")),
        (fit(between="other = nn.Linear(784, 10)", parameters="other.parameters()"),
         fit(between="other = net", parameters="other.parameters()")),
        (fit(between="import copy\nold = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))", parameters="old.parameters()"),
         fit(parameters="list(net.parameters())")),
        (fit(after="net.add_module('2', nn.ReLU()); net.add_module('3', nn.Linear(10, 10))"),
         fit(after="net.add_module('2', nn.ReLU()); net.add_module('3', nn.Linear(10, 10))\n"
                   "opt.add_param_group({'params': net[3].parameters()})")),
    ],
    "test-data-in-training": [
        (fit().replace('train=True, transform=T.ToTensor()), 64, shuffle=True)', 'train=False, transform=T.ToTensor()), 64, shuffle=True)'), fit()),
        (fit().replace('"d", train=False, transform', '"d", train=True, transform'), fit()),
        (fit(between="d = ConcatDataset([train.dataset, test.dataset])\ntrain = DataLoader(d, 64, shuffle=True)"),
         fit(between="d = ConcatDataset([train.dataset, train.dataset])\ntrain = DataLoader(d, 64, shuffle=True)")),
        (fit(between="train = DataLoader(test.dataset, 32, shuffle=True)"),
         fit(between="train = DataLoader(train.dataset, 32, shuffle=True)")),
        (fit().replace('MNIST("d", train=True', 'MNIST("d", False'), fit().replace('MNIST("d", train=True', 'MNIST("d", True')),
    ],
    "bgr-images": [
        (PREPARE + "x = prepare(cv2.imread('a.png'))", PREPARE + "x = prepare(cv2.imread('a.png')[:, :, ::-1].copy())"),
        ("net = models.resnet18(pretrained=True)\nx = T.ToTensor()(cv2.imread('a.png'))",
         "net = models.resnet18()\nx = T.ToTensor()(cv2.imread('a.png'))"),
        (PREPARE + "def load(p):\n    im = cv2.resize(cv2.imread(p), (224, 224))\n    return prepare(Image.fromarray(im))",
         PREPARE + "def load(p):\n    im = cv2.cvtColor(cv2.imread(p), cv2.COLOR_BGR2RGB)\n    return prepare(Image.fromarray(im))"),
        (PREPARE + "class D(torch.utils.data.Dataset):\n    def __init__(self, t=prepare):\n        self.t = t\n"
         "    def __getitem__(self, i):\n        im = cv2.imread(str(i))\n        return prepare(im), 0",
         PREPARE + "class D(torch.utils.data.Dataset):\n    def __getitem__(self, i):\n        im = Image.open(str(i))\n"
         "        return prepare(im), 0"),
        ("train = datasets.ImageFolder('d', T.ToTensor())\nim = cv2.imread('a.png')\nx = T.ToTensor()(im)",
         "train = datasets.ImageFolder('d', T.ToTensor())\nim = cv2.imread('a.png', cv2.IMREAD_GRAYSCALE)\nx = T.ToTensor()(im)"),
    ],
    "distorting-resize": [
        (data("MNIST", "T.Compose([T.Resize((28, 56)), T.ToTensor()])"), data("MNIST", "T.Compose([T.Resize((56, 56)), T.ToTensor()])")),
        (data("CIFAR10", "T.Compose([T.Resize([224, 112]), T.ToTensor()])"), data("CIFAR10", "T.Compose([T.Resize(224), T.ToTensor()])")),
        (data("SVHN", "T.Compose([T.Resize(size=(64, 32)), T.ToTensor()])", "'train'"),
         data("SVHN", "T.Compose([T.Resize(size=(64, 64)), T.ToTensor()])", "'train'")),
        ("SIZE = 227, 224\nt = T.Compose([T.Resize(SIZE), T.ToTensor()])\n" + data("FashionMNIST", "t"),
         "SIZE = 227, 227\nt = T.Compose([T.Resize(SIZE), T.ToTensor()])\n" + data("FashionMNIST", "t")),
        ("def pre(h, w):\n    return T.Compose([T.Resize((h, w)), T.ToTensor()])\n" + data("KMNIST", "pre(32, 48)"),
         "def pre(h, w):\n    return T.Compose([T.Resize((h, w)), T.ToTensor()])\n" + data("ImageFolder", "pre(32, 48)", "*[]")),
    ],
    "wrong-augmentation": [
        (data("MNIST", "T.Compose([T.RandomHorizontalFlip(), T.ToTensor()])"),
         data("FashionMNIST", "T.Compose([T.RandomHorizontalFlip(), T.ToTensor()])")),
        (data("CIFAR10", "T.Compose([T.RandomCrop(32, padding=4), T.ToTensor()])", "train=False"),
         data("CIFAR10", "T.Compose([T.RandomCrop(32, padding=4), T.ToTensor()])")),
        ("aug = [T.RandomHorizontalFlip(p=0.5)]\n" + data("SVHN", "T.Compose([*aug, T.ToTensor()])", "split='train'"),
         "aug = [T.RandomHorizontalFlip(p=0.5)]\n" + data("SVHN", "T.Compose([T.ToTensor()])", "split='train'")),
        ("def make(t):\n    return datasets.CIFAR100('d', t, T.Compose([T.RandomRotation(9), T.ToTensor()]))\na, b = make(True), make(False)",
         "def make(t):\n    more = [T.RandomRotation(9)] if t else []\n    return datasets.CIFAR100('d', t, T.Compose(more + [T.ToTensor()]))\n"
         "a, b = make(True), make(False)"),
        ("from torchvision.transforms import v2\n" + data("KMNIST", "v2.Compose([v2.RandomHorizontalFlip(), v2.ToTensor()])"),
         "from torchvision.transforms import v2\n" + data("KMNIST", "v2.Compose([v2.ToTensor()])")),
    ],
    "sigmoid-and-bce": [
        (BCE.format(end=", nn.Sigmoid()", loss=f"nn.BCEWithLogitsLoss()({X}, {ONE})"), BCE.format(end="", loss=f"nn.BCEWithLogitsLoss()({X}, {ONE})")),
        (BCE.format(end="", loss=f"nn.BCELoss()({X}, {ONE})"), BCE.format(end=", nn.Sigmoid()", loss=f"nn.BCELoss()({X}, {ONE})")),
        (BCE.format(end="", loss=f"F.binary_cross_entropy_with_logits(torch.sigmoid({X}), {ONE})"),
         BCE.format(end="", loss=f"F.binary_cross_entropy(torch.sigmoid({X}), {ONE})")),
        (BCE.format(end=", nn.Sigmoid()", loss=f"p = {X}.squeeze(1)\nF.binary_cross_entropy_with_logits(p, torch.ones(4))"),
         BCE.format(end=", nn.Sigmoid()", loss=f"p = {X}.squeeze(1)\nF.binary_cross_entropy(p, torch.ones(4))")),
        (BCE.format(end="", loss=f"F.binary_cross_entropy({X}.view(-1), torch.ones(4))"),
         BCE.format(end="", loss=f"F.binary_cross_entropy({X}.sigmoid().view(-1), torch.ones(4))")),
    ],
}  # fmt: skip


def rules_of(text: str) -> list[str]:
    Path("program.py").write_text(HEAD + text + "\n", encoding="utf-8")
    return [finding.rule for finding in check_script(Path("program.py")).findings]


@pytest.mark.parametrize(
    "rule, index", [(rule, index) for rule, cases in GUISES.items() for index in range(len(cases))]
)
def test_guises(rule: str, index: int) -> None:
    mistaken, mended = GUISES[rule][index]
    assert rule in rules_of(mistaken)
    assert rules_of(mended) == []


def test_five_guises_each() -> None:
    assert all(len(cases) >= 5 for cases in GUISES.values())


def test_an_old_argument_makes_a_sum_of_a_loss() -> None:
    count = "total += F.cross_entropy(net(x), y, size_average=False).item()"
    assert rules_of(fit(count=count, shown="print(total / len(test.dataset))")) == ["old-api"]
