"""Networks that exist: what is found, what must stay silent, and that nothing of the caller's is changed."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import alexlab
from alexlab.check import check_network
from alexlab.networks.building import build
from alexlab.networks.catalogue import NETWORKS, Network
from alexlab.shape import Shape
from tests.typed import as_a, gradient

IMAGE = (1, 28, 28)
RIGHT_BY_DESIGN = {"alexnet-227": {"second-head"}}
"""The tutorial's extra head is what the tutorial prints; the rule is right about it."""

Part = Callable[[torch.Tensor], torch.Tensor]


def rules_of(network: nn.Module, input: Shape = IMAGE, **more: Any) -> list[str]:
    return [finding.rule for finding in check_network(network, input, **more).findings]


@pytest.mark.parametrize("entry", NETWORKS, ids=lambda entry: entry.name)
def test_silent_on_the_catalogue(entry: Network) -> None:
    with torch.device("meta") if entry.parameters > 10**7 else torch.device("cpu"):
        network = build(entry.name)
    checked = check_network(network, entry.input, entry.classes, "cross_entropy", seconds=0)
    assert {f.rule for f in checked.findings if f.severity != "note"} == RIGHT_BY_DESIGN.get(entry.name, set())
    assert all("batch" in each or "on the CPU" in each for each in checked.unseen)


def chain(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Flatten(), *layers)


class Functional(nn.Module):
    """784-64-10, with what comes last given as a function."""

    def __init__(self, last: Part = lambda x: x, middle: Part = F.relu) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(784, 64), nn.Linear(64, 10)
        self.last, self.middle = last, middle

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.b(self.middle(self.a(x.flatten(1)))))


class Outer(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        named: dict[str, torch.Tensor] = {"logits": self.inner(images)}
        return named["logits"].unsqueeze(-1).squeeze(-1)


def made(*middle: nn.Module, last: nn.Module | None = None, out: int = 10) -> nn.Module:
    return chain(nn.Linear(784, 64), *middle, nn.Linear(64, out), *([last] if last else []))


@pytest.mark.parametrize("outer", [False, True])
@pytest.mark.parametrize(
    "rule, network, loss",
    [
        ("softmax-before-cross-entropy", lambda: made(nn.ReLU(), last=nn.Softmax(1)), "cross_entropy"),
        ("softmax-before-cross-entropy", lambda: Functional(lambda x: F.softmax(x, 1)), "cross_entropy"),
        ("softmax-before-cross-entropy", lambda: Functional(lambda x: x.softmax(dim=-1).view(-1, 10)), "cross_entropy"),
        ("softmax-before-cross-entropy", lambda: made(nn.ReLU(), last=nn.Softmax(1)), None),
        ("nll-without-log-softmax", lambda: made(nn.ReLU()), "nll_loss"),
        ("activation-on-logits", lambda: made(nn.ReLU(), last=nn.ReLU()), None),
        ("activation-on-logits", lambda: Functional(torch.tanh), "cross_entropy"),
        ("dropout-on-logits", lambda: made(nn.ReLU(), last=nn.Dropout()), None),
        ("dropout-always-on", lambda: Functional(middle=lambda x: F.dropout(F.relu(x))), None),
        ("nothing-between", lambda: made(), None),
        ("nothing-between", lambda: made(nn.Dropout(), nn.Identity()), None),
        ("second-head", lambda: made(nn.ReLU(), out=1000, last=nn.Linear(1000, 10)), None),
        ("class-count", lambda: made(nn.ReLU(), out=12), None),
        ("in-features", lambda: chain(nn.Linear(400, 10)), None),
        ("input-shape", lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(2704, 10)), None),
        (
            "input-shape",
            lambda: nn.Sequential(nn.Conv2d(1, 4, 11, 4), nn.MaxPool2d(7), nn.Flatten(), nn.Linear(4, 10)),
            None,
        ),
        ("flatten-takes-batch", lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(0), nn.Linear(2704, 10)), None),
        ("constant-weights", lambda: _filled(made(nn.ReLU()), 0.01), None),
        ("dead-start", lambda: _biased(made(nn.ReLU()), -1e4), None),
    ],
)
def test_mistakes(rule: str, network: Callable[[], nn.Module], loss: str | None, outer: bool) -> None:
    built = network()
    found = check_network(Outer(built) if outer else built, IMAGE, 10, loss).findings
    assert rule in {finding.rule for finding in found}


def _filled(network: nn.Module, value: float) -> nn.Module:
    for parameter in network.parameters():
        nn.init.constant_(parameter, value)
    return network


def _biased(network: nn.Module, value: float) -> nn.Module:
    nn.init.constant_(as_a(nn.Linear, as_a(nn.Sequential, network)[1]).bias, value)
    return network


@pytest.mark.parametrize(
    "network",
    [
        lambda: made(nn.ReLU()),
        lambda: made(nn.ReLU(), nn.Dropout()),
        lambda: chain(nn.Linear(784, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10)),
        lambda: Functional(),
        lambda: nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)),
        lambda: nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.GELU(), nn.Conv2d(8, 10, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        ),
        lambda: nn.Sequential(
            nn.Unflatten(2, (28, 1)), nn.Flatten(1), nn.Linear(784, 3), nn.Linear(3, 50), nn.ELU(), nn.Linear(50, 10)
        ),
        lambda: nn.Sequential(nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(784, 10))),
    ],
)
def test_silent(network: Callable[[], nn.Module]) -> None:
    assert rules_of(network(), classes=10, loss="cross_entropy") == []


def test_the_module_can_be_called() -> None:
    (finding,) = alexlab.check(made(), IMAGE)
    assert (finding.rule, finding.severity, finding.layer) == ("nothing-between", "warning", "2")
    assert alexlab.check(made(nn.ReLU())) == []  # a common shape is found


def test_places_are_the_network_s_own_lines() -> None:
    (finding,) = check_network(Functional(middle=lambda x: F.dropout(F.relu(x))), IMAGE).findings
    assert finding.place is not None and finding.place.file == __file__


def test_nothing_is_changed() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(),
        nn.Flatten(),
        nn.Linear(2704, 10),
        nn.Linear(10, 10),
    )
    calls: list[int] = []
    network[0].register_forward_hook(lambda *_: calls.append(1))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    network(torch.randn(4, *IMAGE)).sum().backward()
    optimizer.step()
    network[3].eval()
    calls.clear()
    torch.manual_seed(7)
    weights = copy.deepcopy(network.state_dict())
    gradients = [gradient(parameter).clone() for parameter in network.parameters()]
    objects = [id(parameter) for parameter in network.parameters()]
    momentum = copy.deepcopy(optimizer.state_dict())
    modes = [module.training for module in network.modules()]
    random = torch.get_rng_state()
    hooks = [len(module._forward_hooks) for module in network.modules()]

    assert rules_of(network) == ["nothing-between"]

    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    assert all(torch.equal(gradient(p), g) for p, g in zip(network.parameters(), gradients, strict=True))
    assert objects == [id(parameter) for parameter in network.parameters()]
    assert modes == [module.training for module in network.modules()]
    assert torch.equal(random, torch.get_rng_state())
    assert hooks == [len(module._forward_hooks) for module in network.modules()] and calls == []
    after = optimizer.state_dict()["state"]
    assert all(
        torch.equal(after[key]["momentum_buffer"], kept["momentum_buffer"]) for key, kept in momentum["state"].items()
    )


def test_a_network_that_fails_is_said_not_to_have_been_seen() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.f = nn.Linear(784, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise KeyError("no such thing")

    checked = check_network(Odd(), IMAGE)
    assert checked.findings == () and "KeyError" in checked.unseen[0]
    nowhere = check_network(nn.Sequential(nn.Conv2d(7, 8, 3), nn.Flatten(), nn.Linear(5, 5)))
    assert nowhere.findings == () and "--input" in nowhere.unseen[0]
