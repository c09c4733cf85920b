"""What one batch shows: each mistake in five guises and their mended forms, the catalogue, and nothing changed."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import alexlab
from alexlab.check import check_network
from alexlab.check.rule import Rule
from alexlab.check.rules import RULES
from alexlab.networks.building import build
from alexlab.networks.catalogue import NETWORKS
from tests.typed import gradient

IMAGE = (1, 28, 28)
MEASURED = ["dead-start", "start-loss", "signal-lost", "cannot-learn-a-batch", "never-changed", "random-evaluation",
            "images-mixed", "lost-on-saving"]  # fmt: skip

Make = Callable[[], nn.Module]
Part = Callable[[Any, torch.Tensor], torch.Tensor]
Change = Callable[[Any], object]


def rules_of(make: Make, seconds: float = 20.0, fresh: bool = True) -> list[str]:
    torch.manual_seed(1)
    checked = check_network(make(), IMAGE, 10, "cross_entropy", seconds, fresh=fresh, again=make)
    return [finding.rule for finding in checked.findings if finding.severity != "note"]


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.name in MEASURED], ids=lambda rule: rule.name)
def test_own_examples(rule: Rule) -> None:
    for program, expected in ((rule.bad, [rule.name]), (rule.good, [])):
        names: dict[str, type[nn.Module]] = {}
        exec(program, names)
        assert rules_of(names["Network"]) == expected


class Net(nn.Module):
    """A convolution and two linear layers, with what happens at three places given as functions."""

    def __init__(
        self,
        of_maps: Part = lambda net, x: x,
        of_rows: Part = lambda net, x: x,
        of_logits: Part = lambda net, x: x,
        more: Change | None = None,
    ) -> None:
        super().__init__()
        self.conv, self.hidden, self.last = nn.Conv2d(1, 8, 5, 2), nn.Linear(288, 32), nn.Linear(32, 10)
        self.functions = (of_maps, of_rows, of_logits)
        if more is not None:
            more(self)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        of_maps, of_rows, of_logits = self.functions
        maps = of_maps(self, F.max_pool2d(F.relu(self.conv(images)), 2))
        return of_logits(self, self.last(of_rows(self, F.relu(self.hidden(maps.flatten(1))))))


def weights(scale: float | None = None, only: list[str] | None = None, bias: float | None = None) -> Change:
    """A start with weights times `scale`, of all layers or of some."""

    def start(net: Any) -> None:
        with torch.no_grad():
            for name in only or ("conv", "hidden", "last"):
                layer = net.get_submodule(name)
                layer.weight.mul_(scale if scale is not None else 1)
                if bias is not None:
                    layer.bias.fill_(bias)

    return start


def deep(
    depth: int, activation: nn.Module, start: Callable[[torch.Tensor], object] = lambda weight: None, norm: bool = False
) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten(), nn.Linear(784, 64)]
    for _ in range(depth):
        layers += [*([nn.BatchNorm1d(64)] if norm else []), activation, nn.Linear(64, 64)]
    network = nn.Sequential(*layers, activation, nn.Linear(64, 10))
    for layer in network:
        if isinstance(layer, nn.Linear):
            start(layer.weight)
    return network


def plain(name: str, value: Callable[[], object]) -> Change:
    return lambda net: setattr(net, name, value())


def buffer(name: str, value: Callable[[], object]) -> Change:
    return lambda net: net.register_buffer(name, value())


class Counting(Net):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.calls: int = getattr(self, "calls", 0) + 1
        return super().forward(images) * (1 + 0.1 * self.calls)


def half_mean(net: Any, x: torch.Tensor) -> torch.Tensor:
    return x - 0.5 * x.mean(0)


# rule -> [(with the mistake, mended), ...]
GUISES: dict[str, list[tuple[Make, Make]]] = {
    "dead-start": [
        (lambda: Net(more=weights(bias=-1e4)), Net),
        (lambda: Net(of_maps=lambda n, x: F.relu(-x)), lambda: Net(of_maps=lambda n, x: F.relu(x))),
        (lambda: Net(of_rows=lambda n, x: F.relu(x - 1e6)), lambda: Net(of_rows=lambda n, x: F.relu(x - 0.01))),
        (lambda: Net(of_logits=lambda n, x: 0 * x), lambda: Net(of_logits=lambda n, x: 2 * x)),
        (lambda: Net(of_rows=lambda n, x: x.clamp(1e4, 2e4)), lambda: Net(of_rows=lambda n, x: x.clamp(0, 2e4))),
        (lambda: nn.Sequential(Net(), nn.Linear(10, 10), nn.Threshold(1e4, 0.0)), lambda: nn.Sequential(Net())),
    ],
    "start-loss": [
        (lambda: Net(more=weights(50)), lambda: Net(more=weights(1))),
        (lambda: Net(more=weights(400, only=["last"])), lambda: Net(more=weights(2, only=["last"]))),
        (lambda: Net(of_logits=lambda n, x: 500 * x), lambda: Net(of_logits=lambda n, x: 5 * x)),
        (lambda: Net(of_maps=lambda n, x: 255 * x), lambda: Net(of_maps=lambda n, x: x / 2)),
        (
            lambda: Net(of_logits=lambda n, x: x + 30 * F.one_hot(torch.tensor(9), 10)),
            lambda: Net(of_logits=lambda n, x: x + 0.1),
        ),
        (
            lambda: deep(2, nn.ReLU(), lambda w: nn.init.normal_(w)),
            lambda: deep(2, nn.ReLU(), lambda w: nn.init.kaiming_normal_(w)),
        ),
    ],
    "signal-lost": [
        (
            lambda: deep(7, nn.ReLU(), lambda w: nn.init.normal_(w, 0, 0.02)),
            lambda: deep(7, nn.ReLU(), lambda w: nn.init.kaiming_normal_(w)),
        ),
        (lambda: deep(14, nn.Sigmoid()), lambda: deep(3, nn.Sigmoid())),
        (
            lambda: deep(7, nn.ReLU(), lambda w: nn.init.normal_(w, 0, 2)),
            lambda: deep(7, nn.ReLU(), lambda w: nn.init.kaiming_normal_(w), norm=True),
        ),
        (
            lambda: deep(7, nn.Tanh(), lambda w: nn.init.normal_(w, 0, 0.01)),
            lambda: deep(7, nn.Tanh(), lambda w: nn.init.xavier_uniform_(w)),
        ),
        (lambda: Net(of_maps=lambda n, x: 1e12 * x), lambda: Net(of_maps=lambda n, x: 10 * x)),
        (lambda: Net(of_maps=lambda n, x: x / x.new_zeros(())), lambda: Net(of_maps=lambda n, x: x / x.new_ones(()))),
    ],
    "cannot-learn-a-batch": [
        (lambda: Net(of_logits=lambda n, x: 1e-6 * torch.tanh(x)), lambda: Net(of_logits=lambda n, x: 3 * torch.tanh(x))),
        (lambda: Net(of_logits=lambda n, x: 1e-5 * torch.sigmoid(x)), Net),
        (lambda: Net(of_logits=lambda n, x: 1e-3 * x.softmax(1)), lambda: Net(of_logits=lambda n, x: 3 * x)),
        (lambda: Net(of_logits=lambda n, x: x[:, :1].expand(-1, 10) + 1e-6 * x), lambda: Net()),
        (lambda: Net(of_logits=lambda n, x: F.normalize(x) * 1e-4), lambda: Net(of_logits=lambda n, x: F.normalize(x) * 9)),
    ],
    "never-changed": [
        (lambda: Net(of_maps=lambda n, x: x.detach()), Net),
        (lambda: Net(of_rows=lambda n, x: x.data), lambda: Net(of_rows=lambda n, x: x.clone())),
        (lambda: Net(of_maps=lambda n, x: torch.round(20 * x)), lambda: Net(of_maps=lambda n, x: 20 * x)),
        (lambda: Net(of_rows=lambda n, x: (x > 0.1).float()), lambda: Net(of_rows=lambda n, x: (x > 0.1) * x)),
        (
            lambda: Net(of_rows=lambda n, x: torch.from_numpy(x.detach().numpy())),
            lambda: Net(more=lambda n: n.conv.requires_grad_(False)),
        ),
    ],
    "random-evaluation": [
        (lambda: Net(of_rows=lambda n, x: x + torch.randn_like(x)), Net),
        (
            lambda: Net(of_rows=lambda n, x: x * (torch.rand(x.shape) > 0.5)),
            lambda: Net(of_rows=lambda n, x: x * (torch.rand(x.shape) > 0.5) if n.training else x),
        ),
        (lambda: Net(of_rows=lambda n, x: x[:, torch.randperm(32)]), lambda: Net(of_rows=lambda n, x: x[:, range(32)])),
        (lambda: Net(of_maps=lambda n, x: x * torch.bernoulli(torch.full_like(x, 0.5))), Net),
        (Counting, Net),
    ],
    "images-mixed": [
        (lambda: Net(of_rows=half_mean), lambda: Net(of_rows=lambda n, x: x - 0.5 * x.mean(1, keepdim=True))),
        (lambda: Net(of_rows=lambda n, x: x.reshape(32, -1).t()), lambda: Net(of_rows=lambda n, x: x.reshape(-1, 32))),
        (
            lambda: Net(more=lambda n: setattr(n, "norm", nn.BatchNorm1d(32, track_running_stats=False)),
                        of_rows=lambda n, x: n.norm(x)),
            lambda: Net(more=lambda n: setattr(n, "norm", nn.BatchNorm1d(32)), of_rows=lambda n, x: n.norm(x)),
        ),
        (
            lambda: Net(of_maps=lambda n, x: F.batch_norm(x, None, None, training=True)),
            lambda: Net(of_maps=lambda n, x: F.layer_norm(x, x.shape[1:])),
        ),
        (lambda: Net(of_rows=lambda n, x: x * x.softmax(0)), lambda: Net(of_rows=lambda n, x: x * x.softmax(1))),
        (lambda: Net(of_rows=lambda n, x: x / x.norm()), lambda: Net(of_rows=lambda n, x: x / (1 + x.amax(1, True)))),
    ],
    "lost-on-saving": [
        (
            lambda: Net(more=plain("scale", lambda: torch.rand(32)), of_rows=lambda n, x: x * n.scale),
            lambda: Net(more=buffer("scale", lambda: torch.rand(32)), of_rows=lambda n, x: x * n.scale),
        ),
        (
            lambda: Net(more=plain("pair", lambda: [torch.rand(32)]), of_rows=lambda n, x: x * n.pair[0]),
            lambda: Net(more=buffer("pair", lambda: torch.rand(1, 32)), of_rows=lambda n, x: x * n.pair[0]),
        ),
        (
            lambda: Net(
                more=lambda n: n.register_buffer("scale", torch.rand(32), persistent=False),
                of_rows=lambda n, x: x * n.scale,
            ),
            lambda: Net(more=plain("scale", lambda: torch.full((32,), 0.5)), of_rows=lambda n, x: x * n.scale),
        ),
        (
            lambda: Net(more=plain("extra", lambda: {"by": torch.randn(32, 32)}), of_rows=lambda n, x: x + x @ n.extra["by"]),
            lambda: Net(
                more=plain("extra", lambda: nn.ModuleList([nn.Linear(32, 32)])), of_rows=lambda n, x: x + n.extra[0](x)
            ),
        ),
        (
            lambda: Net(more=plain("order", lambda: torch.randperm(32)), of_rows=lambda n, x: x[:, n.order]),
            lambda: Net(more=buffer("order", lambda: torch.randperm(32)), of_rows=lambda n, x: x[:, n.order]),
        ),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "rule, index", [(rule, index) for rule, cases in GUISES.items() for index in range(len(cases))]
)
def test_guises(rule: str, index: int) -> None:
    mistaken, mended = GUISES[rule][index]
    assert rule in rules_of(mistaken)
    assert rules_of(mended) == []


def test_every_rule_has_five_guises() -> None:
    assert set(GUISES) == set(MEASURED) and all(len(cases) >= 5 for cases in GUISES.values())


@pytest.mark.parametrize("name", ["mlp", "lenet5", "lenet-relu", "lenet-sigmoid-max", "alexnet8"])
def test_silent_on_the_small_networks_of_the_catalogue(name: str) -> None:
    entry = next(each for each in NETWORKS if each.name == name)
    torch.manual_seed(0)
    checked = check_network(build(name), entry.input, 10, "cross_entropy", 60, fresh=True, again=lambda: build(name))
    assert all(finding.severity == "note" for finding in checked.findings) and checked.unseen == ()


def test_a_start_that_may_be_trained_is_not_judged() -> None:
    assert "start-loss" in rules_of(lambda: Net(more=weights(50)))
    assert "start-loss" not in rules_of(lambda: Net(more=weights(50)), fresh=False)


def test_what_takes_too_long_is_said_not_to_have_been_seen() -> None:
    checked = check_network(Net(), IMAGE, 10, seconds=0.0)
    assert checked.findings == () and "--run" in checked.unseen[0]


def test_a_symptom_is_not_said_where_its_cause_is() -> None:
    found = rules_of(lambda: Net(of_rows=lambda n, x: F.dropout(x)))
    assert found == ["dropout-always-on"]


def test_nothing_is_changed() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.Linear(2704, 10)
    )
    network[1].eval()
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.randn(4, *IMAGE)).sum().backward()
    optimizer.step()
    weights = copy.deepcopy(network.state_dict())
    held = [(id(p), gradient(p).clone(), p.requires_grad) for p in network.parameters()]
    momentum = copy.deepcopy(optimizer.state_dict())
    modes = [module.training for module in network.modules()]
    threads, random = torch.get_num_threads(), torch.get_rng_state()

    assert alexlab.check(network, IMAGE, run=True) == []

    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    for parameter, (identity, held_gradient, trained) in zip(network.parameters(), held, strict=True):
        assert id(parameter) == identity and torch.equal(gradient(parameter), held_gradient)
        assert parameter.requires_grad is trained
    assert modes == [module.training for module in network.modules()]
    assert torch.equal(random, torch.get_rng_state()) and threads == torch.get_num_threads()
    for key, state in optimizer.state_dict()["state"].items():
        assert all(torch.equal(state[name], momentum["state"][key][name]) for name in state)
    assert list(Path().iterdir()) == []
