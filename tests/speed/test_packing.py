"""Packed networks answer as the networks they were made of, in float32 to the order of sums, else within what is stated."""

import pytest
import torch
from torch import nn

from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.speed import packing
from alexlab.speed.bfloat16 import multiplies_bfloat16
from alexlab.speed.packing import about_precision, check_precision, packed


class Viewing(nn.Module):
    """A network that counts on contiguous maps, as many do."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4 * 6 * 6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.convolution(x)
        logits: torch.Tensor = self.head(x.view(len(x), -1))
        return logits


def images(shape: tuple[int, int, int], count: int = 5) -> torch.Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(0))


NETWORKS = [("lenet5", (1, 28, 28)), ("lenet-relu", (1, 28, 28)), ("mlp", (1, 28, 28)), ("alexnet8", (3, 32, 32))]
NETWORKS += [("alexnet-caffe", (3, 67, 67)), ("alexnet-2012", (3, 67, 67))]


@pytest.fixture(params=["multiplied", "emulated"])
def bfloat16(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both kinds of processor, where this one is of the first."""
    kind: str = request.param
    if kind == "multiplied" and not multiplies_bfloat16(torch.device("cpu")):
        pytest.skip("this processor does not multiply bfloat16")
    monkeypatch.setattr(packing, "multiplies_bfloat16", lambda device: kind == "multiplied")
    return kind


@pytest.mark.usefixtures("bfloat16")
@pytest.mark.parametrize(("name", "shape"), NETWORKS)
def test_answers_are_the_networks(name: str, shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "LARGE", 1 << 10)  # these networks' linear layers are not as large as those it is for
    torch.manual_seed(0)
    network = build(name, 6, shape, "he").eval()
    with torch.inference_mode():
        exact = network(images(shape))
        scale = exact.abs().max().item()
        for precision, within in (("float32", 1e-5), ("bfloat16", 0.05), ("int8", 0.08)):
            answering = packed(network, precision)
            found = answering(images(shape))
            assert found.dtype == torch.float32
            assert (found - exact).abs().max().item() <= within * scale
            one = torch.cat([answering(images(shape)[i : i + 1]) for i in range(5)])
            assert (one - found).abs().max().item() <= within * scale


def test_what_counts_on_the_layout_is_answered_by_itself() -> None:
    network = Viewing().eval()
    with torch.inference_mode():
        assert torch.equal(packed(network)(images((1, 8, 8))), network(images((1, 8, 8))))
        with pytest.raises(UserError, match="does not compute in int8"):
            packed(network, "int8")(images((1, 8, 8), 2))


def test_eight_bits_are_one_answer_for_few_images_and_many(bfloat16: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "LARGE", 1)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(128, 192), nn.ReLU(), nn.Linear(192, 64, bias=False)).eval()
    x = torch.randn(9, 128)
    with torch.inference_mode():
        exact, eight = network(x), packed(network, "int8").fast
        assert isinstance(eight, nn.Sequential) and not isinstance(eight[0], nn.Linear)
        many, few = eight(x).float(), torch.cat([eight(x[i : i + 3]).float() for i in (0, 3, 6)])
    assert (many - exact).abs().max() <= 0.03 * exact.abs().max()
    assert (few - exact).abs().max() <= 0.03 * exact.abs().max() and not torch.allclose(few, exact, rtol=1e-4)
    if bfloat16 == "multiplied":
        assert (few - many).abs().max() <= 0.01 * exact.abs().max()
    else:
        assert torch.allclose(many, exact, rtol=1e-5, atol=1e-6)  # as fast by the weights themselves


@pytest.mark.usefixtures("bfloat16")
def test_an_undecided_image_is_answered_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two classes a hair apart, which bfloat16 cannot tell, and a class that is far ahead."""
    monkeypatch.setattr(packing, "LARGE", 1)
    network = nn.Sequential(layer := nn.Linear(2, 3, bias=False)).eval()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 0.0], [1.0009, 0.0], [0.0, 30.0]]))
    close, sure = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.001]])
    with torch.inference_mode():
        answering = packed(network, "bfloat16")
        assert torch.equal(answering.quickly(close)[0, :2], torch.ones(2))
        found, exact = answering(close), network(close)
        assert torch.equal(found, exact) and found.argmax() == 1
        assert not torch.equal(answering(sure), network(sure))  # not in doubt: not computed again


def undecided(sure: int) -> tuple[nn.Module, torch.Tensor]:
    """A linear layer that 8 bits round so that classes 0 and 1 are alike, an image of either's, and `sure` images of class 2."""
    network = nn.Sequential(layer := nn.Linear(64, 64, bias=False)).eval()
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[:3, :2] = torch.tensor([[1.0, 2.0], [1.004, 2.0], [0.0, 30.0]])
    images = torch.zeros(1 + sure, 64)
    images[0, 0], images[1:, 1] = 1.0, 1.001
    return network, images


@pytest.mark.usefixtures("bfloat16")
def test_of_a_batch_the_undecided_images_alone_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "LARGE", 1)
    network, batch = undecided(sure=2)
    batch = batch[[1, 0, 2]]
    with torch.inference_mode():
        answering, exact = packed(network, "int8"), network(batch)
        quick = answering.quickly(batch)
        assert quick[1, 0] == quick[1, 1]
        found = answering(batch)
    assert found[1].argmax() == 1 and torch.equal(found[1], exact[1])
    assert torch.equal(found[[0, 2]], quick[[0, 2]]) and not torch.equal(found[[0, 2]], exact[[0, 2]])


def test_many_images_in_int8_are_float32_where_that_is_as_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "multiplies_bfloat16", lambda device: False)
    monkeypatch.setattr(packing, "LARGE", 1)
    network, batch = undecided(sure=7)
    with torch.inference_mode():
        answering = packed(network, "int8")
        assert torch.allclose(answering(batch), network(batch), rtol=1e-6)
        assert not torch.allclose(answering(batch[1:5]), network(batch[1:5]), rtol=1e-4)


def test_batches_in_bfloat16_are_float32_where_that_is_as_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "multiplies_bfloat16", lambda device: False)
    monkeypatch.setattr(packing, "LARGE", 1)
    network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)).eval()
    x = torch.randn(9, 64)
    with torch.inference_mode():
        answering = packed(network, "bfloat16")
        assert torch.allclose(answering(x), network(x), rtol=1e-5, atol=1e-6)
        one = answering.quickly(x[:1])
    assert one.dtype == torch.float32 and not torch.allclose(one, network(x[:1]), rtol=1e-5, atol=1e-6)


def test_the_network_itself_stays_as_it_was() -> None:
    network = build("lenet-relu").eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    layers = [type(layer) for layer in network.modules()]
    with torch.inference_mode():
        packed(network, "int8")(images((1, 28, 28)))
    assert [type(layer) for layer in network.modules()] == layers
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_precisions_that_are_not_to_be_had() -> None:
    with pytest.raises(UserError, match="unknown precision 'float16'; expected float32, bfloat16, int8"):
        check_precision("float16", torch.device("cpu"))
    with pytest.raises(UserError, match="int8 is for the CPU"):
        check_precision("int8", torch.device("cuda"))


def test_what_a_processor_does_not_multiply_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr(packing, "multiplies_bfloat16", lambda device: False)
    assert "does not multiply bfloat16" in about_precision("int8", cpu)
    assert "for one image at a time" in about_precision("bfloat16", cpu)
    assert not about_precision("float32", cpu) and not about_precision("bfloat16", torch.device("cuda"))
    monkeypatch.setattr(packing, "_has_onednn", lambda: False)
    assert "no oneDNN, so int8 is computed in float32" in about_precision("int8", cpu)
    monkeypatch.setattr(packing, "multiplies_bfloat16", lambda device: True)
    assert not about_precision("int8", cpu)
