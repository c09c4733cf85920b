# rule: nothing-between
# link: https://github.com/ialhashim/DenseDepth/issues/6
import torch
import torch.nn as nn


def stage(i, o):
    return nn.Sequential(
        nn.Conv2d(i, o, 3, padding=1),
        #+ nn.ReLU(),
        nn.Conv2d(o, o, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


class Tower(nn.Module):
    def __init__(self, n=10):
        super().__init__()
        self.stages = nn.ModuleList([stage(3, 16), stage(16, 32), stage(32, 64)])
        self.fc = nn.Linear(64 * 4 * 4, n)

    def forward(self, x):
        for s in self.stages:
            x = s(x)
        return self.fc(x.flatten(1))


def train(loader):
    tower = Tower()
    o = torch.optim.Adam(tower.parameters())
    for x, y in loader:
        o.zero_grad()
        l = nn.functional.cross_entropy(tower(x), y)
        l.backward()
        o.step()
    return tower
