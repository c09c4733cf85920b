# rule: no-shuffling
# link: https://github.com/joaoamcarvalho/mpd-public/issues/6
import os

import torch
from torch.utils.data import DataLoader, random_split
from torchvision import transforms as T
from torchvision.datasets import ImageFolder


def load_data(root, batch_size=32):
    t = T.Compose([T.Resize((96, 96)), T.ToTensor()])
    return {
        "train": DataLoader(ImageFolder(os.path.join(root, "train"), transform=t), batch_size),  #-
        #+ "train": DataLoader(ImageFolder(os.path.join(root, "train"), transform=t), batch_size, shuffle=True),
        "val": DataLoader(ImageFolder(os.path.join(root, "val"), transform=t), batch_size),
    }


class Flowers(torch.nn.Module):
    def __init__(self, n=5):
        super().__init__()
        self.f = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 7, 2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(3))
        self.g = torch.nn.Linear(144, n)

    def forward(self, x):
        return self.g(self.f(x).flatten(1))


loaders = load_data("flowers")
net = Flowers()
o = torch.optim.SGD(net.parameters(), 0.1)
for epoch in range(10):
    for x, y in loaders["train"]:
        o.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        o.step()
