"""What training keeps and does, worked out, against autograd and FlopCounterMode."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from alexlab.describe import describe
from alexlab.describe.training import behaves_alike
from tests.describe.networks import Norm, Skip, TwoTowers


class Calls(nn.Module):
    """A convolution, a function, a convolution: what the function keeps shows."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.one, self.two = nn.Conv2d(2, 6, 3), nn.Conv2d(6, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.two(FUNCTIONS[self.name](self.one(x)))
        return maps


FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: F.softmax(x, 1),
    "log_softmax": lambda x: F.log_softmax(x, 1),
    "gelu": F.gelu,
    "silu": F.silu,
    "leaky_relu": F.leaky_relu,
    "in place": lambda x: F.relu(x, inplace=True),
    "rsqrt": lambda x: x.square().rsqrt(),
    "sqrt and exp": lambda x: x.exp().sqrt(),
    "pow": lambda x: x.pow(3),
    "max pool": lambda x: F.max_pool2d(x, 3, 2),
    "average pool": lambda x: F.avg_pool2d(x, 2),
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, 3),
    "local response norm": lambda x: F.local_response_norm(x, 5),
    "cat": lambda x: torch.cat([x[:, :2], x[:, 2:]], 1),
    "add": lambda x: x + x,
    "square": lambda x: x * x,
    "scale": lambda x: 2 * x / 3,
    "divide": lambda x: x / (1 + x * x),
    "gate": lambda x: x * torch.sigmoid(x.mean([2, 3]))[:, :, None, None],
    "dropout": lambda x: F.relu(F.dropout(x, 0.3)),
    "pad": lambda x: F.pad(x, (1, 1, 1, 1)),
    "sort": lambda x: torch.sort(x, dim=1).values,
    "amax": lambda x: x.amax((2, 3), keepdim=True),
}


def real(network: nn.Module, *shape: int) -> tuple[int, int]:
    """Bytes that autograd saves in a real training pass, and the multiply-adds of the step."""
    weights = {tensor.untyped_storage().data_ptr() for tensor in [*network.parameters(), *network.buffers()]}
    saved: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with FlopCounterMode(display=False) as counter:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            output = network.train()(torch.rand(3, *shape))
        output.sum().backward()
    kept = sum(t.untyped_storage().nbytes() for pointer, t in saved.items() if pointer not in weights)
    return kept, counter.get_total_flops() // 2


def described(network: nn.Module, *shape: int) -> tuple[int | None, int | None]:
    totals = describe(network, shape, batch=3).totals
    return totals.kept_bytes, totals.training_step_multiply_adds


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function(name: str) -> None:
    assert described(Calls(name), 2, 9, 9) == real(Calls(name), 2, 9, 9)


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (TwoTowers(), (3, 31, 31)),
        (Skip(), (4, 9, 9)),
        (nn.Sequential(nn.Conv2d(3, 6, 3), Norm(3), nn.Flatten(), nn.Linear(6 * 49, 4, bias=False)), (3, 9, 9)),
        (nn.Sequential(nn.Conv2d(3, 6, 3, padding="same", padding_mode="circular"), nn.BatchNorm2d(6)), (3, 8, 8)),
        (nn.Sequential(nn.Linear(4, 5), nn.Dropout(), nn.ReLU(), nn.Dropout(), nn.Linear(5, 2)), (7, 4)),
        (nn.Sequential(nn.ConvTranspose2d(3, 4, 3, stride=2), nn.ReLU(), nn.MaxPool2d(2)), (3, 5, 5)),
        (nn.Sequential(nn.Conv1d(3, 4, 2), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(16, 2)), (3, 9)),
    ],
)
def test_whole_networks(network: nn.Module, shape: tuple[int, ...]) -> None:
    assert described(network, *shape) == real(network, *shape)


def test_frozen_layers_keep_and_do_less() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 49, 8), nn.Linear(8, 2))
    whole = described(network, 3, 9, 9)
    network[0].requires_grad_(False)
    assert described(network, 3, 9, 9) == real(network, 3, 9, 9) < whole


def test_what_does_otherwise_in_training_is_run_in_training() -> None:
    class Own(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * torch.rand_like(x) if self.training else x

    network = nn.Sequential(nn.Conv2d(2, 4, 3), Own(), nn.Conv2d(4, 2, 3))
    assert not behaves_alike(network) and behaves_alike(network[0])
    assert described(network, 2, 9, 9) == real(network, 2, 9, 9)


def test_the_compiler_is_not_imported() -> None:
    """PyTorch's meta kernels import it, for seconds; a plain network is described without them."""
    script = """
import sys
import torch
from torch import nn
from alexlab.describe import describe
for device in ("cpu", "meta"):
    with torch.device(device):
        network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.LocalResponseNorm(3), nn.MaxPool2d(2), nn.BatchNorm2d(4),
                                nn.AdaptiveAvgPool2d(6), nn.Flatten(), nn.Dropout(), nn.Linear(144, 10))
    assert describe(network, (1, 28, 28), batch=2).failure is None
assert not {"torch._dynamo", "sympy"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
