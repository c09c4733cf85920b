"""Networks that are written in all the ways that people write them."""

import torch
import torch.nn.functional as F
from torch import nn


class Tower(nn.Module):
    """One half of a small AlexNet."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 5, stride=2)
        self.conv2 = nn.Conv2d(8, 6, 3, padding=1)
        self.fc3 = nn.Linear(12 * 6 * 6, 10)

    def first(self, x: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(F.relu(self.conv1(x)), 3, 2)

    def second(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.conv2(x))


class TwoTowers(nn.Module):
    """Two towers that exchange at conv2 and at the fully connected layer, like the AlexNet of 2012."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = Tower(), Tower()
        self.out = nn.Linear(20, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.cat([self.a.first(x), self.b.first(x)], 1)
        x = torch.cat([self.a.second(x), self.b.second(x)], 1)
        x = x.view(x.size(0), -1)
        logits: torch.Tensor = self.out(torch.cat([self.a.fc3(x), self.b.fc3(x)], dim=1))
        return logits


class Functional(nn.Module):
    """Weights of its own, functional calls, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.zeros(4, 1, 3, 3))
        self.mask = nn.Buffer(torch.ones(4, 1, 3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.conv2d(x, self.kernel * self.mask, stride=2)
        return torch.flatten(F.relu(x), 1)


class Twice(nn.Module):
    """One layer that is called twice, and one that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.never = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.fc(torch.relu(self.fc(x)))
        return logits


class Tied(nn.Module):
    """Two layers with one weight and a bias each."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(8, 8), nn.Linear(8, 8)
        self.two.weight = self.one.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.two(self.one(x))
        return logits


class Skip(nn.Module):
    """A residual block, with a squeeze-and-excite weight."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.squeeze = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.two(F.relu(self.one(x)))
        y += x
        return y * torch.sigmoid(self.squeeze(y.mean([2, 3])))[:, :, None, None]


class TwoInputs(nn.Module):
    """A picture and a vector beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 8, 3), nn.Linear(18, 2)

    def forward(self, image: torch.Tensor, facts: torch.Tensor) -> dict[str, object]:
        seen = self.conv(image).amax((2, 3))
        joined = self.fc(torch.cat([seen, facts], 1))
        return {"logits": joined, "parts": (seen, facts)}


class Decides(nn.Module):
    """Looks at values: data-dependent control flow."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return F.relu(x) if x.sum() > 0 else torch.tanh(x)


class Norm(nn.Module):
    """A layer that alexlab does not know."""

    def __init__(self, size: int = 5) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        squares = F.avg_pool3d(x.pow(2).unsqueeze(1), (self.size, 1, 1), stride=1, padding=(self.size // 2, 0, 0))
        return x / (2 + 1e-4 * squares.squeeze(1)) ** 0.75

    def extra_repr(self) -> str:
        return f"size={self.size}"


class Odd(nn.Module):
    """A layer of which nothing is known: it sorts."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sort(x, dim=1).values


class HalfFlat(nn.Module):
    """The classic mistake: the number in `view` is wrong, and images are mixed up."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 16, 5), nn.Linear(400, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.fc(self.conv(x).view(-1, 400))
        return logits
