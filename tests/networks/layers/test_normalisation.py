"""LRN and the within-map normalisation: against PyTorch, against the NumPy reference, and their gradients."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from alexlab.networks.layers import normalisation
from alexlab.networks.layers.normalisation import LocalResponseNorm, WithinMapNorm
from tests.networks import reference_2012 as reference
from tests.typed import gradient

CONV1, CONV2 = (2, 48, 55, 55), (2, 128, 27, 27)
FORMATS = [torch.contiguous_format, torch.channels_last]
LAYERS = [
    LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0, alpha_divided=False),
    LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0, alpha_divided=True),
    LocalResponseNorm(11, alpha=1.0, beta=0.5, k=1.0, alpha_divided=False),
    LocalResponseNorm(3, alpha=0.3, beta=0.6, k=1.5, alpha_divided=True),
    WithinMapNorm(),
    WithinMapNorm(size=3, scale=0.5, power=0.4, k=2.0),
]


def maps(shape: tuple[int, ...], dtype: torch.dtype = torch.float64, scale: float = 100.0) -> torch.Tensor:
    return scale * torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("shape", [CONV1, CONV2])
def test_lrn_equals_pytorch_forward_and_backward(shape: tuple[int, ...], layout: torch.memory_format) -> None:
    x = maps(shape).to(memory_format=layout)
    grad = maps((3, *shape[1:]))[: shape[0]].to(memory_format=layout)
    results = []
    for lrn in (
        LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0, alpha_divided=True),
        torch.nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0),
    ):
        leaf = x.clone(memory_format=torch.preserve_format).requires_grad_()
        y = lrn(leaf)
        y.backward(grad)
        results.append((y.detach(), leaf.grad))
    (ours, our_grad), (theirs, their_grad) = results
    assert ours.is_contiguous(memory_format=layout)
    assert (x - ours).abs().max() > 10, "at this scale LRN must change its input"
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)
    torch.testing.assert_close(our_grad, their_grad, rtol=0, atol=1e-10)


def test_alpha_not_divided_is_five_times_alpha_in_pytorch() -> None:
    x = maps(CONV2)
    ours = LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0, alpha_divided=False)(x)
    torch.testing.assert_close(ours, F.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0), rtol=0, atol=1e-10)


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("chunk", [1, 700, 2**17])
def test_equal_to_the_reference_however_it_is_cut_into_chunks(
    monkeypatch: pytest.MonkeyPatch, chunk: int, layout: torch.memory_format
) -> None:
    monkeypatch.setattr(normalisation, "CHUNK", chunk)
    monkeypatch.setattr(normalisation, "SHARED_CHUNK", chunk)
    x = maps((5, 7, 6, 9)).to(memory_format=layout)
    across = LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0, alpha_divided=False)(x)
    torch.testing.assert_close(across, torch.from_numpy(reference.cross_map(x.numpy(), 1e-4)), rtol=1e-13, atol=0)
    within = WithinMapNorm()(x)
    torch.testing.assert_close(within, torch.from_numpy(reference.within_map(x.numpy())), rtol=1e-13, atol=0)


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_gradients_by_finite_differences(
    monkeypatch: pytest.MonkeyPatch, layer: nn.Module, layout: torch.memory_format
) -> None:
    monkeypatch.setattr(normalisation, "CHUNK", 60)
    monkeypatch.setattr(normalisation, "SHARED_CHUNK", 60)
    x = maps((2, 6, 3, 4), scale=3.0).to(memory_format=layout).requires_grad_()
    assert torch.autograd.gradcheck(layer, (x,))
    assert torch.autograd.gradgradcheck(layer, (x,))
    assert torch.autograd.gradgradcheck(lambda x: layer(x[:, ::2]), (x,))


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_the_plain_definition_is_the_same_function(layer: nn.Module, layout: torch.memory_format) -> None:
    """What other devices and compilers run."""
    x = maps((3, 13, 7, 5)).to(memory_format=layout).requires_grad_()
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    y, plain = layer(x), compiled(x)
    torch.testing.assert_close(plain, y, rtol=1e-12, atol=0)
    (grad,) = torch.autograd.grad(y.square().sum(), x)
    (plain_grad,) = torch.autograd.grad(plain.square().sum(), x)
    torch.testing.assert_close(plain_grad, grad, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("layer", [LAYERS[0], LAYERS[4]], ids=repr)
def test_half_precision_rounds_only_at_the_ends(
    layer: nn.Module, dtype: torch.dtype, layout: torch.memory_format
) -> None:
    x = maps((4, 9, 8, 8), scale=20.0).to(dtype).to(memory_format=layout).requires_grad_()
    exact = x.detach().double().requires_grad_()
    y, exact_y = layer(x), layer(exact)
    y.sum().backward()
    exact_y.sum().backward()
    assert y.dtype == gradient(x).dtype == dtype
    assert y.is_contiguous(memory_format=layout)
    bound = torch.finfo(dtype).eps  # of the last rounding, with room for float32's
    torch.testing.assert_close(y.double(), exact_y, rtol=bound, atol=0)
    torch.testing.assert_close(gradient(x).double(), exact.grad, rtol=bound, atol=1e-4)


def test_a_slice_an_empty_batch_and_no_gradient() -> None:
    layer = LAYERS[0]
    x = maps((4, 9, 8, 8))
    torch.testing.assert_close(layer(x[:, 2:7, ::2, 1:]), layer(x[:, 2:7, ::2, 1:].clone()))
    leaf = x.clone().requires_grad_()
    layer(leaf[1:3, ::2]).sum().backward()
    assert gradient(leaf)[0].abs().max() == 0 and gradient(leaf)[1, 0].abs().min() > 0
    assert layer(x[:0]).shape == (0, 9, 8, 8)
    before = x.clone()
    layer(x)
    assert torch.equal(x, before), "the input is not written to"


def test_shapes_without_data() -> None:
    for layer in LAYERS:
        assert layer(torch.empty(2, 96, 13, 13, device="meta")).shape == (2, 96, 13, 13)


def test_mistakes_are_told() -> None:
    with pytest.raises(ValueError, match="expected an odd size"):
        LocalResponseNorm(4, alpha=1e-4, beta=0.75, k=2.0, alpha_divided=True)
    with pytest.raises(ValueError, match=r"got \(3, 4\); expected \(N, C, H, W\)"):
        WithinMapNorm()(torch.zeros(3, 4))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_the_same_on_a_gpu(layer: nn.Module, layout: torch.memory_format) -> None:
    x = maps(CONV1).to(memory_format=layout)
    on_gpu = x.cuda().requires_grad_()
    x.requires_grad_()
    y, gpu_y = layer(x), layer(on_gpu)
    torch.testing.assert_close(gpu_y.cpu(), y, rtol=1e-12, atol=1e-12)
    y.square().sum().backward()
    gpu_y.square().sum().backward()
    torch.testing.assert_close(gradient(on_gpu).cpu(), x.grad, rtol=1e-10, atol=1e-10)
