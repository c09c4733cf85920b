"""Programs in which something looks like a mistake and is none."""

from pathlib import Path

import pytest

from alexlab.check import check_script


def rules_of(text: str) -> list[str]:
    Path("program.py").write_text(text, encoding="utf-8")
    return [finding.rule for finding in check_script(Path("program.py")).findings]


RIGHT = {
    "attention keeps its softmax": """
import torch
from torch import nn
class A(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.out = nn.Linear(28, 28), nn.Linear(28, 28), nn.Linear(28, 10)
    def forward(self, x):
        x = x.squeeze(1)
        w = torch.softmax(self.q(x) @ self.k(x).transpose(1, 2), dim=-1)
        return self.out((w @ x).mean(1))
net, opt = A(), None
opt = torch.optim.Adam(net.parameters())
for _ in range(3):
    opt.zero_grad()
    nn.functional.cross_entropy(net(torch.rand(4, 1, 28, 28)), torch.tensor([1, 2, 3, 4])).backward()
    opt.step()
""",
    "softmax only to show": """
import torch
from torch import nn
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    out = net(torch.rand(4, 1, 28, 28))
    loss = nn.CrossEntropyLoss()(out, torch.tensor([1, 2, 3, 4]))
    opt.zero_grad(); loss.backward(); opt.step()
    print(torch.softmax(out, 1).max(1))
""",
    "two outputs, one for the loss": """
import torch
from torch import nn
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Linear(784, 10)
    def forward(self, x):
        z = self.f(x.flatten(1))
        return z, z.softmax(1)
net = Two()
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for x, y in [(torch.rand(4, 1, 28, 28), torch.tensor([1, 2, 3, 4]))]:
    z, p = net(x)
    loss = nn.functional.cross_entropy(z, y)
    opt.zero_grad(); loss.backward(); opt.step()
""",
    "gradients collected over batches": """
import torch
from torch import nn
from torchvision import datasets, transforms
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
data = torch.utils.data.DataLoader(datasets.MNIST('d', transform=transforms.ToTensor()), 32, shuffle=True)
for i, (x, y) in enumerate(data):
    (nn.functional.cross_entropy(net(x), y) / 4).backward()
    if (i + 1) % 4 == 0:
        opt.step()
        opt.zero_grad()
""",
    "a closure": """
import torch
from torch import nn
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
opt = torch.optim.LBFGS(net.parameters())
x, y = torch.rand(64, 1, 28, 28), torch.randint(10, (64,))
for _ in range(10):
    def closure():
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        return loss
    opt.step(closure)
""",
    "losses of several heads": """
import torch
from torch import nn
body, heads = nn.Linear(64, 32), nn.ModuleList([nn.Linear(32, 3), nn.Linear(32, 5)])
opt = torch.optim.Adam([*body.parameters(), *heads.parameters()])
for step in range(50):
    z = torch.relu(body(torch.rand(8, 64)))
    total = 0
    for head, n in zip(heads, (3, 5)):
        total += nn.functional.cross_entropy(head(z), torch.randint(n, (8,)))
    opt.zero_grad(); total.backward(); opt.step()
""",
    "losses stacked and used": """
import torch
from torch import nn
net = nn.Linear(64, 3)
opt = torch.optim.Adam(net.parameters())
for step in range(50):
    losses = []
    for part in range(4):
        losses.append(nn.functional.cross_entropy(net(torch.rand(8, 64)), torch.randint(3, (8,))))
    opt.zero_grad(); torch.stack(losses).mean().backward(); opt.step()
""",
    "a bottleneck": """
import torch
from torch import nn
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.Linear(8, 300), nn.ReLU(), nn.Linear(300, 10))
net(torch.rand(2, 1, 28, 28))
""",
    "depthwise, then pointwise": """
import torch
from torch import nn
net = nn.Sequential(nn.Conv2d(3, 3, 3, groups=3), nn.Conv2d(3, 16, 1), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 900, 10))
net(torch.rand(2, 3, 32, 32))
""",
    "squeezenet ends in ReLU and a mean": """
import torch
from torch import nn
net = nn.Sequential(nn.Conv2d(3, 10, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
opt = torch.optim.Adam(net.parameters())
for _ in range(3):
    loss = nn.functional.cross_entropy(net(torch.rand(4, 3, 32, 32)), torch.randint(10, (4,)))
    opt.zero_grad(); loss.backward(); opt.step()
""",
    "trained by somebody else": """
import torch
from torch import nn
from somewhere import Trainer, evaluate
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, 10))
trainer = Trainer(net, torch.optim.Adam(net.parameters()))
trainer.fit()
print(net(torch.rand(1, 1, 28, 28)).argmax())
""",
    "no layer that knows modes": """
import torch
from torch import nn
from torchvision import datasets, transforms
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
make = lambda t: torch.utils.data.DataLoader(datasets.MNIST('d', train=t, transform=transforms.ToTensor()), 32, shuffle=t)
for x, y in make(True):
    opt.zero_grad(); nn.functional.cross_entropy(net(x), y).backward(); opt.step()
with torch.no_grad():
    print(sum((net(x).argmax(1) == y).sum().item() for x, y in make(False)))
""",
    "two classes of ten": """
import torch
from torch import nn
from torchvision import datasets, transforms
data = datasets.MNIST('d', transform=transforms.ToTensor())
few = torch.utils.data.Subset(data, [i for i, t in enumerate(data.targets) if t < 2])
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 2))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for x, y in torch.utils.data.DataLoader(few, 32, shuffle=True):
    opt.zero_grad(); nn.functional.cross_entropy(net(x), y).backward(); opt.step()
""",
    "two optimisers": """
import torch
from torch import nn
g, d = nn.Sequential(nn.Linear(16, 784), nn.Tanh()), nn.Sequential(nn.Linear(784, 1))
og, od = torch.optim.Adam(g.parameters()), torch.optim.Adam(d.parameters())
bce = nn.BCEWithLogitsLoss()
for real in range(100):
    fake = g(torch.randn(8, 16))
    od.zero_grad()
    (bce(d(torch.rand(8, 784)), torch.ones(8, 1)) + bce(d(fake.detach()), torch.zeros(8, 1))).backward()
    od.step()
    og.zero_grad()
    bce(d(fake), torch.ones(8, 1)).backward()
    og.step()
""",
    "a forward pass that keeps its answer": """
import torch
from torch import nn
class Kept(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Linear(784, 10)
    def forward(self, x):
        flat = x.flatten(1)
        self.answer = self.f(flat)
net = Kept()
net(torch.rand(4, 1, 28, 28))
print(net.answer.argmax(1))
""",
    "an iterator of one's own": """
import torch
from torch import nn
class Ahead:
    def __init__(self, batches):
        self.batches = batches
    def __iter__(self):
        return self
    def next(self):
        return self.batches.pop()
batches = iter(Ahead([torch.rand(4, 784)]))
print(nn.Linear(784, 10)(batches.next()))
""",
    "a scheduler that a method of the trainer steps": """
import torch
from torch import nn
from torchvision import datasets, transforms
class Trainer:
    def __init__(self, net, batches):
        self.net, self.batches = net, batches
        self.opt = torch.optim.SGD(net.parameters(), lr=0.1)
        self.plan = {'rate': torch.optim.lr_scheduler.StepLR(self.opt, 3)}
    def epoch(self):
        for x, y in self.batches:
            self.opt.zero_grad(); nn.functional.cross_entropy(self.net(x), y).backward(); self.opt.step()
    def run(self):
        for epoch in range(9):
            self.epoch()
            for each in self.plan.values():
                each.step()
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
Trainer(net, torch.utils.data.DataLoader(datasets.MNIST('d', transform=transforms.ToTensor()), 64, shuffle=True)).run()
""",
    "schedulers one after the other": """
import torch
from torch import nn
from torchvision import datasets, transforms
from torch.optim import lr_scheduler as rates
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
both = rates.SequentialLR(opt, [rates.LinearLR(opt), rates.StepLR(opt, 3)], milestones=[2])
data = torch.utils.data.DataLoader(datasets.MNIST('d', transform=transforms.ToTensor()), 64, shuffle=True)
for epoch in range(9):
    for x, y in data:
        opt.zero_grad(); nn.functional.cross_entropy(net(x), y).backward(); opt.step()
    both.step()
""",
}


@pytest.mark.parametrize("name", RIGHT)
def test_silent_where_nothing_is_wrong(name: str) -> None:
    assert rules_of(RIGHT[name]) == []
