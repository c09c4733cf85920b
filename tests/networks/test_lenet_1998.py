"""LeNet-5 of 1998: counts, table, pictures; outputs, gradients and second derivatives beside a reference with loops."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from alexlab.errors import UserError
from alexlab.networks.answers import log_probabilities, with_rubbish
from alexlab.networks.building import build
from alexlab.networks.lenet_1998 import LeNet1998, ScaledTanh, Subsampling
from alexlab.training.lenet_1998 import OneImage
from tests.networks.reference_1998 import READS, Array, Net
from tests.typed import as_a

RTOL, ATOL = 1e-9, 1e-11


@pytest.fixture(scope="module")
def network() -> LeNet1998:
    torch.manual_seed(3)
    return as_a(LeNet1998, build("lenet-1998")).double()


def weights_of(network: LeNet1998, values: dict[str, NDArray[np.float64]]) -> dict[str, Array]:
    """Weights, or what has their shapes, as the reference has them."""
    by_pair = iter(values["c3.weight"])
    found = {f"c3.{m}.{s}": next(by_pair).copy() for m, reads in enumerate(READS) for s in reads}
    found |= {name: values[f"{name}.weight"].copy() for name in ("c1", "c5", "f6")}
    found |= {name: values[f"{name}.coefficient"].copy() for name in ("s2", "s4")}
    return found | {f"{name}.bias": values[f"{name}.bias"].copy() for name in ("c1", "s2", "c3", "s4", "c5", "f6")}


def parameters_of(network: LeNet1998) -> dict[str, NDArray[np.float64]]:
    return {name: parameter.detach().numpy() for name, parameter in network.named_parameters()}


def reference(network: LeNet1998) -> Net:
    return Net(weights_of(network, parameters_of(network)), network.output.weight.numpy(), network.rubbish)


def images(count: int) -> NDArray[np.float64]:
    """Smooth blots at the paper's scale: background -0.1, foreground up to 1.175."""
    rng = np.random.default_rng(5)
    coarse = torch.from_numpy(rng.uniform(-1, 1, (count, 1, 8, 8)))
    smooth = F.interpolate(coarse, size=(32, 32), mode="bilinear").clamp(min=0)
    found: NDArray[np.float64] = (smooth * 1.275 - 0.1).numpy()
    return found


def assert_close(found: object, wanted: object, what: str = "") -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=RTOL, atol=ATOL, err_msg=what)


def assert_alike(found: dict[str, Array], wanted: dict[str, Array]) -> None:
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        assert_close(found[name], values, name)


def test_trainable_parameters_are_the_papers_layer_by_layer(network: LeNet1998) -> None:
    counts = {name: sum(p.numel() for p in layer.parameters()) for name, layer in network.named_children()}
    assert {name: count for name, count in counts.items() if count} == {
        "c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48_120, "f6": 10_164,
    }  # fmt: skip
    assert sum(counts.values()) == 60_000


def test_c3_reads_what_table_i_says(network: LeNet1998) -> None:
    assert network.c3.reads == READS
    connected = network.c3.dense().detach().abs().sum(dim=(2, 3)) > 0
    assert [tuple(row.nonzero().flatten().tolist()) for row in connected] == list(READS)


def test_the_squashing_function_is_one_at_one() -> None:
    ends = ScaledTanh()(torch.tensor([1.0, -1.0], dtype=torch.float64))
    np.testing.assert_allclose(ends, [1, -1], atol=1e-5)


def test_subsampling_is_a_weighted_sum_of_four_and_a_bias() -> None:
    layer = Subsampling(1)
    with torch.no_grad():
        layer.coefficient.fill_(0.5)
        layer.bias.fill_(-3)
    assert layer(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])).item() == 0.5 * 10 - 3


def test_pictures_are_ten_different_ones_of_7_by_12(network: LeNet1998) -> None:
    pictures = network.output.weight
    assert pictures.shape == (10, 84) and set(pictures.unique().tolist()) == {-1, 1}
    apart = torch.cdist(pictures, pictures, p=1) / 2 + 84 * torch.eye(10)
    assert apart.min() >= 3, "the closest two digits differ in fewer pixels"


def test_a_unit_starts_within_2_4_over_its_fan_in(network: LeNet1998) -> None:
    ends = {"c1": 25, "s2": 4, "s4": 4, "c5": 400, "f6": 120}
    for name, fan_in in ends.items():
        for parameter in network.get_submodule(name).parameters():
            assert parameter.abs().max() <= 2.4 / fan_in
    weights = torch.cat([parameter.detach().flatten() for parameter in network.c5.parameters()]).abs()
    assert weights.max() > 0.999 * 2.4 / 400 and abs(weights.mean() * 400 / 2.4 - 0.5) < 0.01  # uniform
    pairs = iter(network.c3.weight.detach())
    for reads in READS:
        assert max(next(pairs).abs().max() for _ in reads) <= 2.4 / (25 * len(reads))


def test_outputs_loss_and_gradients_are_the_references(network: LeNet1998) -> None:
    net = reference(network)
    image, label = images(1)[0], 7
    distances = net.forward(image)
    inputs = torch.from_numpy(image[None])
    assert_close(network.distances(inputs)[0].detach(), distances)
    logits = network(inputs)
    assert logits.argmax().item() == distances.argmin()
    network.zero_grad()
    loss = F.cross_entropy(with_rubbish(network, logits), torch.tensor([label]))
    loss.backward()
    assert loss.item() == pytest.approx(net.loss(label), rel=1e-12)
    gradients = {name: p.grad.numpy() for name, p in network.named_parameters() if p.grad is not None}
    assert_alike(weights_of(network, gradients), net.gradients(label))


@pytest.mark.parametrize("j", [1.0, 100.0])
def test_probabilities_are_equation_9s_and_leave_some_to_none_of_the_classes(network: LeNet1998, j: float) -> None:
    other = LeNet1998(10, (1, 32, 32), rubbish=j).double()
    inputs = torch.from_numpy(images(2))
    y = other.distances(inputs).detach().numpy()
    wanted = np.exp(-y) / (np.exp(-j) + np.exp(-y).sum(axis=1, keepdims=True))
    assert_close(log_probabilities(other, other(inputs)).exp().detach(), wanted)
    assert (wanted.sum(axis=1) < 1).all()


def test_one_image_in_numpy_is_the_reference(network: LeNet1998) -> None:
    net, machine = reference(network), OneImage(network, 32, 32)
    machine.take()
    image, label = images(1)[0], 4
    net.forward(image)
    assert machine.forward(image, label) == pytest.approx(net.loss(label), rel=1e-12)
    machine.backward()
    assert_alike(weights_of(network, machine.by_name("gradient")), net.gradients(label))
    machine.seconds[...] = 0
    machine.curvature()
    assert_alike(weights_of(network, machine.by_name("second")), net.second_derivatives())


def test_second_derivatives_at_f6_are_those_of_the_loss(network: LeNet1998) -> None:
    """Where the drawn values lie close enough to the pictures that classes compete, too."""
    machine = OneImage(LeNet1998(10, (1, 32, 32), rubbish=90.0).double(), 32, 32)
    machine.take()
    machine.forward(images(1)[0], 2)
    drawn = torch.from_numpy(machine.x6.copy())
    pictures = torch.from_numpy(machine.pictures)

    def loss(x: torch.Tensor) -> torch.Tensor:
        y = (x - pictures).square().sum(dim=1)
        return y[2] + torch.cat([-y, torch.tensor([-90.0], dtype=torch.float64)]).logsumexp(dim=0)

    hessian = torch.autograd.functional.hessian(loss, drawn)
    machine.seconds[...] = 0
    machine.curvature()
    slopes = 1.7159 * 2 / 3 * (1 - (drawn / 1.7159) ** 2)
    assert_close(machine.by_name("second")["f6.bias"], hessian.diagonal() * slopes**2)


def test_updates_by_one_image_after_the_other_are_the_references(network: LeNet1998) -> None:
    seen, labels = images(4), np.array([3, 1, 4, 1])
    net, machine = reference(network), OneImage(network, 32, 32)
    seconds = {name: np.zeros_like(values) for name, values in net.w.items()}
    for image in seen[:2]:
        net.forward(image)
        for name, values in net.second_derivatives().items():
            seconds[name] += values / 2
    losses = [net.step(image, label, seconds, 0.0005, 0.02) for image, label in zip(seen, labels, strict=True)]
    machine.take()
    machine.estimate(seen[:2], labels[:2])
    machine.set_rates(0.0005, 0.02)
    loss, _ = machine.learn(seen, labels)
    assert loss == pytest.approx(sum(losses), rel=1e-12)
    assert_alike(weights_of(network, machine.by_name("weight")), net.w)


def test_more_classes_than_pictures_are_refused() -> None:
    with pytest.raises(UserError, match="lenet-1998: .*pictures of 10 digits.*asked for 11"):
        build("lenet-1998", classes=11)


def test_too_small_an_image_is_refused() -> None:
    with pytest.raises(UserError, match="lenet-1998: .*15x15 is too small.*16x16"):
        build("lenet-1998", input=(1, 15, 15))
    build("lenet-1998", input=(1, 16, 16))
