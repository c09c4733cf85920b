"""The same network and the same training, written in the ways in which people write them.

A layer is (its constructor, its functional form or ""): `{x}` stands for its input. A training is made of pieces, each of
which a test may change or leave out.
"""

import re
from collections.abc import Callable

Layer = tuple[str, str]

FLATTEN: Layer = ("nn.Flatten()", "{x}.view({x}.size(0), -1)")
RELU: Layer = ("nn.ReLU()", "F.relu({x})")
LINEAR1: Layer = ("nn.Linear(784, 128)", "")
LINEAR2: Layer = ("nn.Linear(128, 10)", "")
PLAIN: list[Layer] = [FLATTEN, LINEAR1, RELU, LINEAR2]

HEAD = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision import datasets, transforms

"""
FIT = """
loader = torch.utils.data.DataLoader(datasets.MNIST("d", transform=transforms.ToTensor()), batch_size=64, shuffle=True)
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
for images, labels in loader:
    optimizer.zero_grad()
    loss = {loss}
    loss.backward()
    optimizer.step()
"""


def sequential(layers: list[Layer]) -> str:
    return "network = nn.Sequential(" + ", ".join(layer for layer, _ in layers) + ")\n"


def modular(layers: list[Layer]) -> str:
    made = "".join(f"        self.step{i} = {layer}\n" for i, (layer, _) in enumerate(layers))
    used = "".join(f"        x = self.step{i}(x)\n" for i in range(len(layers)))
    return (
        f"class Net(nn.Module):\n    def __init__(self):\n        super(Net, self).__init__()\n{made}"
        f"\n    def forward(self, x):\n{used}        return x\n\nnetwork = Net()\n"
    )


def functional(layers: list[Layer]) -> str:
    made = "".join(f"        self.w{i} = {layer}\n" for i, (layer, form) in enumerate(layers) if not form)
    value = "batch"
    for i, (_, form) in enumerate(layers):
        if form.count("{x}") > 1:
            value = f"(lambda t: {form.format(x='t')})({value})"
        else:
            value = form.format(x=value) if form else f"self.w{i}({value})"
    return (
        f"class Model(nn.Module):\n    def __init__(self):\n        super().__init__()\n{made}"
        f"\n    def forward(self, batch):\n        return {value}\n\nnetwork = Model()\n"
    )


def nested(layers: list[Layer]) -> str:
    """Half of the layers in a block of their own, with other names for PyTorch's modules."""
    half = len(layers) // 2
    parts = [[layer.replace("nn.", "bricks.") for layer, _ in part] for part in (layers[:half], layers[half:])]
    return (
        "from torch import nn as bricks\n\n"
        "class Front(bricks.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        self.inner = bricks.Sequential({', '.join(parts[0])})\n\n"
        "    def forward(self, pictures):\n        return self.inner(pictures)\n\n"
        "class Whole(bricks.Module):\n    def __init__(self, front):\n        super().__init__()\n"
        f"        self.front = front\n        self.back = bricks.ModuleList([{', '.join(parts[1])}])\n\n"
        "    def forward(self, pictures):\n        value = self.front(pictures)\n"
        "        for brick in self.back:\n            value = brick(value)\n        return value\n\n"
        "network = Whole(Front())\n"
    )


def based(layers: list[Layer]) -> str:
    """The forward in a base class, the layers in the class that derives from it."""
    made = ", ".join(layer for layer, _ in layers)
    return (
        "class Common(nn.Module):\n    def forward(self, x):\n        return self.run(x)\n\n"
        "    def run(self, x):\n        for part in self.parts:\n            x = part(x)\n        return x\n\n"
        "class Special(Common):\n    def __init__(self, *, scale=1):\n        super().__init__()\n"
        f"        self.parts = nn.Sequential({made})\n\nnetwork = Special(scale=2).to('cpu')\n"
    )


def collected(layers: list[Layer]) -> str:
    """A function that collects layers in a list."""
    made = "".join(f"    parts.append({layer})\n" for layer, _ in layers)
    return f"def build():\n    parts = []\n{made}    return nn.Sequential(*parts)\n\nnetwork = build()\n"


NETWORKS: dict[str, Callable[[list[Layer]], str]] = {
    "sequential": sequential,
    "modular": modular,
    "functional": functional,
    "nested": nested,
    "based": based,
    "collected": collected,
}

LOSSES = {
    "cross_entropy": ["nn.CrossEntropyLoss()(network(images), labels)", "F.cross_entropy(network(images), labels)"],
    "nll_loss": ["nn.NLLLoss()(network(images), labels)", "F.nll_loss(network(images), labels)"],
}


def program(guise: str, layers: list[Layer], loss: str = "cross_entropy") -> str:
    """A whole script: the network in one guise, and its training."""
    form = LOSSES[loss][list(NETWORKS).index(guise) % 2]
    return HEAD + NETWORKS[guise](layers) + FIT.format(loss=form)


PIECES: dict[str, str] = {
    "shuffle": ", shuffle=True",
    "train": "NET.train()",
    "zero": "OPT.zero_grad()",
    "first": "LOSS.backward()",
    "second": "OPT.step()",
    "kept": "LOSS.item()",
    "eval": "NET.eval()",
    "no_grad": "with torch.no_grad():",
}
DATA = """\
import torch
from torch import nn
from torchvision import datasets, transforms

def loader(train):
    data = datasets.MNIST("d", train=train, transform=transforms.ToTensor())
    if train:
        return torch.utils.data.DataLoader(data, batch_size=64{shuffle})
    return torch.utils.data.DataLoader(data, batch_size=64)

def make():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 10))

"""
_SCRIPT = """\
net, ce = make(), nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.1)
batches, test = loader(True), loader(False)
for epoch in range(5):
    {train}
    total = 0
    for x, y in batches:
        {zero}
        loss = ce(net(x), y)
        {first}
        {second}
        total += {kept}
    {eval}
    right = 0
    {no_grad}
        for x, y in test:
            right += (net(x).argmax(1) == y).sum().item()
"""
_FUNCTIONS = """\
def fit(model, stream, optim, criterion, device):
    {train}
    seen = 0
    for i, (img, lab) in enumerate(stream):
        img, lab = img.to(device), lab.to(device)
        {zero}
        out = model(img)
        cost = criterion(out, lab)
        {first}
        {second}
        seen = seen + {kept}
        if i % 100 == 0:
            print(i)
    return seen

def evaluate(model, stream):
    {eval}
    hits = 0
    {no_grad}
        for img, lab in stream:
            _, predicted = torch.max(model(img), 1)
            hits += predicted.eq(lab).sum().item()
    return hits

if __name__ == "__main__":
    model = make().to("cpu")
    optim = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(3):
        fit(model, loader(True), optim, nn.CrossEntropyLoss(), "cpu")
        print(evaluate(model, loader(False)))
"""
_CLASS = """\
class Trainer:
    def __init__(self):
        self.net = make()
        self.opt = torch.optim.SGD(self.net.parameters(), lr=0.1, momentum=0.9)
        self.train_data, self.test_data = loader(True), loader(False)

    def one(self, x, y):
        {zero}
        loss = nn.functional.cross_entropy(self.net(x), y)
        {first}
        {second}
        return {kept}

    def run(self, epochs):
        for _ in range(epochs):
            {train}
            total = 0.0
            for x, y in self.train_data:
                total += self.one(x, y)
            self.judge()

    def judge(self):
        {eval}
        found = 0
        {no_grad}
            for x, y in self.test_data:
                found += int((self.net(x).argmax(dim=1) == y).sum())
        return found

Trainer().run(4)
"""
_WHILE = """\
from tqdm import tqdm

def main():
    model = make()
    sgd = torch.optim.SGD(model.parameters(), lr=0.05)
    data, epoch, sums = loader(True), 0, 0.0
    while epoch < 10:
        {train}
        for batch in tqdm(data):
            {zero}
            logits = model(batch[0])
            err = nn.CrossEntropyLoss()(logits, batch[1])
            {first}
            {second}
            sums += {kept}
        {eval}
        good = 0
        {no_grad}
            for batch in tqdm(loader(False)):
                good += (model(batch[0]).max(1)[1] == batch[1]).sum().item()
        epoch += 1

main()
"""
_PHASES = """\
model = make()
optimizer = torch.optim.AdamW(model.parameters())
streams = dict(train=loader(True), test=loader(False))

def train_phase():
    {train}
    running = 0.0
    for inputs, targets in streams["train"]:
        predictions = model(inputs)
        loss = nn.functional.cross_entropy(predictions, targets)
        {zero}
        {first}
        {second}
        running = {kept} + running

def test_phase():
    {eval}
    {no_grad}
        return sum((model(inputs).argmax(1) == targets).sum().item() for inputs, targets in streams["test"])

for epoch in range(2):
    train_phase()
    print(test_phase())
"""
TRAININGS: dict[str, tuple[str, dict[str, str]]] = {
    "script": (_SCRIPT, {"NET": "net", "OPT": "opt", "LOSS": "loss"}),
    "functions": (_FUNCTIONS, {"NET": "model", "OPT": "optim", "LOSS": "cost"}),
    "class": (_CLASS, {"NET": "self.net", "OPT": "self.opt", "LOSS": "loss"}),
    "while": (_WHILE, {"NET": "model", "OPT": "sgd", "LOSS": "err"}),
    "phases": (_PHASES, {"NET": "model", "OPT": "optimizer", "LOSS": "loss"}),
}


def training(guise: str, **changed: str) -> str:
    """A whole script: the training in one guise, with pieces changed ("pass" leaves one out)."""
    text, names = TRAININGS[guise]
    pieces = {**PIECES, **changed}
    for place, name in names.items():
        pieces = {key: piece.replace(place, name) for key, piece in pieces.items()}
    return DATA.format(**pieces) + text.format(**pieces)


def scheduled(guise: str, scheduler: str, per_batch: bool) -> str:
    """A whole script with a learning rate scheduler, `scheduler` with {opt} for the optimiser, stepped per batch or epoch."""
    names = TRAININGS[guise][1]
    held = "self.scheduler" if names["OPT"].startswith("self.") else "scheduler"
    step = f"{held}.step()"
    pieces = {"second": f"OPT.step(); {step}"} if per_batch else {"eval": f"{step}; NET.eval()"}
    lines = []
    for line in training(guise, **pieces).splitlines():
        lines.append(line)
        made = re.match(r"( *)(\S+) = torch\.optim\.\w+\(", line)
        if made:
            lines.append(f"{made[1]}{held} = {scheduler.format(opt=made[2])}")
    return "\n".join(lines) + "\n"
