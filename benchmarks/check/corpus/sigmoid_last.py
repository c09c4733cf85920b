# rule: activation-on-logits
# link: https://github.com/sjchoi86/Tensorflow-101/pull/3
from collections import OrderedDict

import torch
import torchvision
from torch import nn

parts = OrderedDict()
parts["flat"] = nn.Flatten()
parts["in"] = nn.Linear(784, 300)
parts["sig1"] = nn.Sigmoid()
parts["mid"] = nn.Linear(300, 100)
parts["sig2"] = nn.Sigmoid()
parts["out"] = nn.Linear(100, 10)
parts["sig3"] = nn.Sigmoid()  #-
mlp = nn.Sequential(parts)

xent = nn.CrossEntropyLoss()
gd = torch.optim.SGD(mlp.parameters(), lr=0.5)
mnist = torchvision.datasets.MNIST("m", download=True, transform=torchvision.transforms.ToTensor())
for x, y in torch.utils.data.DataLoader(mnist, batch_size=128, shuffle=True):
    gd.zero_grad()
    xent(mlp(x), y).backward()
    gd.step()
