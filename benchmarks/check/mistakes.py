"""The mistakes whose cost is measured: for each, a training with it and, where the usual one is not it, the mended one."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

OWN = ((0.2860,), (0.3530,))
MNIST = ((0.1307,), (0.3081,))

Module = Callable[..., torch.Tensor]


class Network(nn.Module):
    """One convolution, two linear layers; `end` and `middle` are where the mistakes go."""

    def __init__(
        self,
        middle: nn.Module | None = None,
        end: nn.Module | None = None,
        outputs: int = 10,
        always: bool = False,
        bias: bool = True,
        maps: nn.Module | None = None,
        kernel: tuple[int, int, int] = (5, 2, 0),
    ) -> None:
        super().__init__()
        size, stride, padding = kernel
        self.conv, self.norm = nn.Conv2d(1, 16, size, stride, padding, bias=bias), nn.BatchNorm2d(16)
        side = ((28 + 2 * padding - size) // stride + 1) // 2
        self.hidden, self.middle = nn.Linear(16 * side**2, 128), middle or nn.ReLU()
        self.drop: nn.Module = nn.Dropout(0.5)
        self.last, self.end, self.always = nn.Linear(128, outputs), end or nn.Identity(), always
        self.maps = maps or nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.maps(F.max_pool2d(F.relu(self.norm(self.conv(images))), 2))
        hidden = self.middle(self.hidden(maps.flatten(1)))
        dropped = F.dropout(hidden, 0.5) if self.always else self.drop(hidden)
        answer: torch.Tensor = self.end(self.last(dropped))
        return answer


def sgd(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)


@dataclass(frozen=True)
class Training:
    """What a training does; each field is where one mistake changes it."""

    network: Callable[[], nn.Module] = Network
    loss: Callable[..., torch.Tensor] = F.cross_entropy
    zero: bool = True
    order: str = "backward step"
    evaluation: bool = True
    resumed: bool = True
    shuffle: bool = True
    sorted: bool = False
    train_constants: tuple[tuple[float], tuple[float]] = OWN
    test_constants: tuple[tuple[float], tuple[float]] = OWN
    predict_over: int = 1
    optimizer: Callable[[nn.Module], torch.optim.Optimizer] = sgd
    decay_every: str = ""  # "batch" or "epoch": the rate is divided by ten
    batch: int = 64
    of_tests: Module = lambda images: images
    learn_tests: bool = False
    reload: bool = False
    mean_of_means: bool = False


def started(start: Callable[[nn.Module], object], make: Callable[[], nn.Module] = Network) -> Callable[[], nn.Module]:
    """A network with another start."""

    def made() -> nn.Module:
        network = make()
        with torch.no_grad():
            start(network)
        return network

    return made


def two_blocks(shared: bool, pool: int = 1) -> Callable[[], nn.Module]:
    """Two convolutions with batch norm, the same or one each; between them a pooling."""

    def made() -> nn.Module:
        norm = nn.BatchNorm2d(16)
        maps = nn.Sequential(
            nn.MaxPool2d(pool), nn.Conv2d(16, 16, 3, padding=1), norm if shared else nn.BatchNorm2d(16), nn.ReLU()
        )
        network = Network(maps=maps)
        if shared:
            network.norm = norm
        network.hidden = nn.Linear(16 * (6 // pool) ** 2, 128)
        return network

    return made


def deep(activation: type[nn.Module], start: Callable[[torch.Tensor], object] | None = None) -> Callable[[], nn.Module]:
    def made() -> nn.Module:
        layers: list[nn.Module] = [nn.Flatten(), nn.Linear(784, 64)]
        for _ in range(6):
            layers += [activation(), nn.Linear(64, 64)]
        network = nn.Sequential(*layers, activation(), nn.Linear(64, 10))
        if start is not None:
            for layer in network:
                if isinstance(layer, nn.Linear):
                    start(layer.weight)
        return network

    return made


class Noise(nn.Module):
    """ReLU, and noise on top: always, or in training only."""

    def __init__(self, always: bool) -> None:
        super().__init__()
        self.always = always

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        noisy = self.training or self.always
        return F.relu(hidden) + (torch.randn_like(hidden) if noisy else 0)


class Changed(nn.Module):
    def __init__(self, change: Module) -> None:
        super().__init__()
        self.change = change

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.change(values)


class Scaled(nn.Module):
    """ReLU, scaled by random numbers that are saved or not."""

    def __init__(self, saved: bool) -> None:
        super().__init__()
        self.scale = nn.Buffer(torch.rand(128) * 2, persistent=saved)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return F.relu(hidden) * self.scale


class Held(nn.Module):
    """ReLU, a linear layer and ReLU; the layer in a list of PyTorch's or of Python's."""

    def __init__(self, held: Callable[[list[nn.Module]], Any]) -> None:
        super().__init__()
        self.held = held([nn.Linear(128, 128)])

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return F.relu(self.held[0](F.relu(hidden)))


def ordered(*layers: nn.Module) -> Callable[[], nn.Module]:
    def made() -> nn.Module:
        network = Network(nn.Sequential(*copy.deepcopy(layers)))
        network.drop = nn.Identity()
        return network

    return made


def shifted(images: torch.Tensor) -> torch.Tensor:
    """Each image cropped at random from itself with 4 pixels of padding around."""
    padded = F.pad(images, (4, 4, 4, 4))
    rows, columns = torch.randint(9, (2, len(images)))
    return torch.stack(
        [image[:, r : r + 28, c : c + 28] for image, r, c in zip(padded, rows.tolist(), columns.tolist(), strict=True)]
    )


def binary(again: bool) -> Callable[..., torch.Tensor]:
    def loss(answer: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        rows = F.one_hot(target, 10).float()
        return F.binary_cross_entropy_with_logits(answer.sigmoid() if again else answer, rows)

    return loss


def decayed(every: bool) -> Callable[[nn.Module], torch.optim.Optimizer]:
    def made(network: nn.Module) -> torch.optim.Optimizer:
        weights = [p for p in network.parameters() if every or p.dim() > 1]
        others = [p for p in network.parameters() if not every and p.dim() <= 1]
        groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": 0.01}, {"params": others}]
        return torch.optim.SGD([group for group in groups if group["params"]], lr=0.1, momentum=0.9)

    return made


def adam(rate: float) -> Callable[[nn.Module], torch.optim.Optimizer]:
    return lambda network: torch.optim.Adam(network.parameters(), lr=rate)


NORM = nn.BatchNorm1d(128)
RIGHT = Training()
MISTAKES: dict[str, tuple[Training, Training]] = {
    "softmax-before-cross-entropy": (Training(lambda: Network(end=nn.Softmax(1))), RIGHT),
    "nll-without-log-softmax": (Training(loss=F.nll_loss), RIGHT),
    "activation-on-logits": (Training(lambda: Network(end=nn.ReLU())), RIGHT),
    "dropout-on-logits": (Training(lambda: Network(end=nn.Dropout(0.5))), RIGHT),
    "class-count": (Training(lambda: Network(outputs=1000)), RIGHT),
    "second-head": (Training(lambda: Network(end=nn.Linear(1000, 10), outputs=1000)), RIGHT),
    "nothing-between": (Training(lambda: Network(nn.Identity())), RIGHT),
    "dropout-always-on": (Training(lambda: Network(always=True)), RIGHT),
    "no-eval": (Training(evaluation=False), RIGHT),
    "train-not-resumed": (Training(resumed=False), RIGHT),
    "constant-weights": (Training(started(lambda n: [p.zero_() for p in n.parameters()])), RIGHT),
    "no-zero-grad": (Training(zero=False), RIGHT),
    "step-order": (Training(order="zero step"), RIGHT),
    "no-shuffling": (Training(shuffle=False, sorted=True), RIGHT),
    "other-normalisation": (Training(test_constants=((0.0,), (1.0,))), RIGHT),
    "other-normalisation-both": (Training(train_constants=MNIST, test_constants=MNIST), RIGHT),
    "class-dimension": (Training(loss=lambda answer, target: F.nll_loss(F.log_softmax(answer, 0), target)), RIGHT),
    "sigmoid-and-bce": (Training(loss=binary(True)), Training(loss=binary(False))),
    "dead-start": (Training(started(lambda n: n.get_parameter("hidden.bias").fill_(-1000.0))), RIGHT),
    "optimiser-of-another": (Training(optimizer=lambda network: sgd(Network())), RIGHT),
    "wrong-augmentation": (Training(of_tests=shifted), RIGHT),
    "unused-layer": (Training(lambda: Network(nn.Identity())), RIGHT),
    "reused-layer": (Training(two_blocks(True)), Training(two_blocks(False))),
    "unregistered-layer": (Training(lambda: Network(Held(list))), Training(lambda: Network(Held(nn.ModuleList)))),
    "bias-before-norm": (RIGHT, Training(lambda: Network(bias=False))),
    "norm-order": (
        Training(ordered(nn.ReLU(), nn.Dropout(0.5), NORM)),
        Training(ordered(NORM, nn.ReLU(), nn.Dropout(0.5))),
    ),
    "deep-sigmoid": (
        Training(deep(nn.Sigmoid), optimizer=adam(1e-3)),
        Training(deep(nn.ReLU), optimizer=adam(1e-3)),
    ),
    "pooled-away": (Training(two_blocks(False, 6)), Training(two_blocks(False, 1))),
    "even-kernel": (
        Training(lambda: Network(kernel=(4, 1, 2))),
        Training(lambda: Network(kernel=(5, 1, 2))),
    ),
    "schedule-per-batch": (Training(decay_every="batch"), Training(decay_every="epoch")),
    "learning-rate": (Training(optimizer=adam(0.1)), Training(optimizer=adam(0.001))),
    "decay-on-norms": (Training(optimizer=decayed(True)), Training(optimizer=decayed(False))),
    "mean-of-means": (Training(mean_of_means=True), RIGHT),
    "batch-of-one": (
        Training(batch=1, optimizer=adam(1e-4)),
        Training(batch=64, optimizer=adam(1e-3)),
    ),
    "test-data-in-training": (Training(learn_tests=True), RIGHT),
    "start-loss": (Training(started(lambda n: n.get_parameter("last.weight").mul_(200))), RIGHT),
    "signal-lost": (
        Training(deep(nn.ReLU, lambda w: nn.init.normal_(w, 0.0, 0.01)), optimizer=adam(1e-3)),
        Training(deep(nn.ReLU, nn.init.kaiming_normal_), optimizer=adam(1e-3)),
    ),
    "cannot-learn-a-batch": (Training(lambda: Network(end=Changed(lambda x: 1e-6 * torch.tanh(x)))), RIGHT),
    "never-changed": (Training(lambda: Network(maps=Changed(torch.Tensor.detach))), RIGHT),
    "random-evaluation": (Training(lambda: Network(Noise(True))), Training(lambda: Network(Noise(False)))),
    "images-mixed": (
        Training(
            lambda: Network(nn.Sequential(nn.BatchNorm1d(128, track_running_stats=False), nn.ReLU())),
            mean_of_means=True,
        ),
        Training(lambda: Network(nn.Sequential(nn.BatchNorm1d(128), nn.ReLU()))),
    ),
    "lost-on-saving": (
        Training(lambda: Network(Scaled(False)), reload=True),
        Training(lambda: Network(Scaled(True)), reload=True),
    ),
}
