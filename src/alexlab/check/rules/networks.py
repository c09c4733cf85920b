"""The network that the examples of the rules about one batch share."""

CONVOLUTION = """\
import torch
from torch import nn
from torch.nn import functional as F


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, 5, stride=2)
        self.last = nn.Linear(8 * 6 * 6, 10){more}

    def forward(self, images):
        maps = F.max_pool2d(F.relu(self.first(images)), 2)
        return {forward}
"""
"""`more` ends `__init__`, `forward` is the answer."""
