"""The response normalisations of AlexNet, fast forward and backward: y = x / (k + factor * S(x^2)) ^ beta.

S is a sum over a window that is clipped at the border: over neighbouring maps (`LocalResponseNorm`), or over a square
of pixels within one map (`WithinMapNorm`). PyTorch's torch.nn.functional.local_response_norm takes the sum with a
three-dimensional average pool and the power with `pow`, each pass over the whole batch in memory. Here a chunk that
fits the cache goes through all passes before the next one, a sum is a few shifted additions, and x^-0.75 is
rsqrt(x) * sqrt(rsqrt(x)). Figures: benchmarks/lrn.md.

Both layers take (N, C, H, W), contiguous or channels-last, and answer in the same memory format and dtype; bfloat16
and float16 are computed in float32. float64 equals PyTorch's to 1e-10.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

CHUNK, SHARED_CHUNK = 2**17, 2**21
"""Values that go through all passes together on a CPU, with one thread and with several.

0.5 MB of float32 leaves room for its copies in one core's cache. Several threads wait for each other after every pass,
which costs most where other programs compute too, so they take fewer and larger passes, through the cache they share.
"""


class LocalResponseNorm(nn.Module):
    """Cross-map response normalisation: b_i = a_i / (k + factor * sum_j a_j^2) ^ beta over `size` neighbouring maps.

    Source: Krizhevsky, Sutskever, Hinton, NIPS 2012, section 3.3. The paper's factor is `alpha` itself; the 2012
    source, Caffe and PyTorch use `alpha / size`. `alpha_divided` names the choice, and has no default.

    Args:
        size: n, how many maps the sum covers, odd; the map itself is in the middle, the sum is clipped at the ends.
        alpha: the scale of the sum of squares.
        beta: the power.
        k: the constant that keeps the divisor from zero.
        alpha_divided: whether alpha is divided by size.
    """

    keeps_input = True  # and nothing else for the backward pass, on a CPU: see `_InCache`

    def __init__(self, size: int, alpha: float, beta: float, k: float, *, alpha_divided: bool) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k, self.alpha_divided = _odd(size), alpha, beta, k, alpha_divided

    def forward(self, maps_NCHW: torch.Tensor) -> torch.Tensor:
        """Normalise maps (N, C, H, W) across channels."""
        factor = self.alpha / self.size if self.alpha_divided else self.alpha
        return response_norm(maps_NCHW, self.size, factor, self.beta, self.k, across=True)

    def extra_repr(self) -> str:
        """Return the settings, for PyTorch's listing of the network."""
        divided = f", divided by {self.size}" if self.alpha_divided else ", not divided"
        return f"{self.size}, alpha={self.alpha}{divided}, beta={self.beta}, k={self.k}"


class WithinMapNorm(nn.Module):
    """Response normalisation within each map, over a `size` x `size` window of pixels clipped at the border.

    Source: the 2012 source, definition 145, after conv2; it is absent from the paper. The source calls it contrast
    normalisation, but no mean is subtracted.

    Args:
        size: the side of the window, odd.
        scale: of the sum of squares; always divided by size^2.
        power: the power of the divisor.
        k: the constant that keeps the divisor from zero.
    """

    keeps_input = True

    def __init__(self, size: int = 5, scale: float = 0.001, power: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.scale, self.power, self.k = _odd(size), scale, power, k

    def forward(self, maps_NCHW: torch.Tensor) -> torch.Tensor:
        """Normalise each of the maps (N, C, H, W)."""
        return response_norm(maps_NCHW, self.size, self.scale / self.size**2, self.power, self.k, across=False)

    def extra_repr(self) -> str:
        """Return the settings, for PyTorch's listing of the network."""
        return f"{self.size}x{self.size}, scale={self.scale}, power={self.power}, k={self.k}"


def _odd(size: int) -> int:
    if size < 1 or size % 2 == 0:
        raise ValueError(f"a normalisation window of {size}: expected an odd size, so that it has a middle.")
    return size


def response_norm(
    maps_NCHW: torch.Tensor, size: int, factor: float, beta: float, k: float, *, across: bool
) -> torch.Tensor:
    """Return x / (k + factor * S(x^2)) ^ beta, in the shape, dtype and memory format of x, which is (N, C, H, W).

    S sums over `size` maps where `across`, else over `size` x `size` pixels of one map; it is clipped at the border.
    Chunks are for the CPU: elsewhere, and for a compiler or an exporter, it is a few plain operations.

    Raises:
        ValueError: the tensor has not four dimensions.
    """
    if maps_NCHW.dim() != 4:
        raise ValueError(f"a normalisation got {tuple(maps_NCHW.shape)}; expected (N, C, H, W).")
    if maps_NCHW.device.type != "cpu" or maps_NCHW.numel() == 0 or torch.compiler.is_compiling():
        return _plain(maps_NCHW, size, factor, beta, k, across)
    y: torch.Tensor = _InCache.apply(maps_NCHW, size, factor, beta, k, across)  # type: ignore[no-untyped-call]
    return y


def _plain(x: torch.Tensor, size: int, factor: float, beta: float, k: float, across: bool) -> torch.Tensor:
    """Compute the definition, for devices where a loop over chunks gains nothing."""
    exact = x.to(_computed_in(x.dtype))
    squares = exact * exact
    if not across:
        sums = _sums(squares, (size, size))
    else:  # a pool in two dimensions, maps and pixels: unlike the one in three, its gradient is deterministic on CUDA
        n, c, h, w = x.shape
        if _layout(x) is torch.channels_last:
            pixels = squares.permute(0, 2, 3, 1).reshape(n, 1, h * w, c)
            pooled = _sums(pixels, (1, size))
            sums = pooled.view(n, h, w, c).permute(0, 3, 1, 2)
        else:
            pixels = squares.reshape(n, 1, c, h * w)
            pooled = _sums(pixels, (size, 1))
            sums = pooled.view(n, c, h, w)
    return (exact * _power(k + factor * sums, beta)).to(x.dtype)


def _sums(x: torch.Tensor, window: tuple[int, int]) -> torch.Tensor:
    """Sum over the window around each value."""
    padding = (window[0] // 2, window[1] // 2)
    if (
        torch.compiler.is_exporting()
    ):  # ONNX's average has no other divisor, and PyTorch's exporter drops ours without a word
        return F.avg_pool2d(x, window, stride=1, padding=padding) * (window[0] * window[1])
    return F.avg_pool2d(x, window, stride=1, padding=padding, divisor_override=1)


def _power(divisor: torch.Tensor, beta: float) -> torch.Tensor:
    """Return divisor ^ -beta. `pow` costs an order of magnitude more than a root."""
    if beta == 0.75:
        root = divisor.rsqrt()
        return root.sqrt() * root
    return divisor.rsqrt() if beta == 0.5 else divisor.pow(-beta)


def _computed_in(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype


def _layout(x: torch.Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


class _InCache(torch.autograd.Function):
    """The same, chunk after chunk. The window is symmetric, so the gradient's sums run over the same window."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, size: int, factor: float, beta: float, k: float, across: bool
    ) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.constants = size, factor, beta, k, across
        x = x.contiguous(memory_format=_layout(x))
        y = torch.empty_like(x)
        window = _Window(x, size, across)
        constant = x.new_tensor(k, dtype=window.dtype)
        for x_part, y_part in window.chunks(x, y):
            exact = x_part.to(window.dtype)
            torch.mul(exact, exact, out=window.inside(len(exact)))
            divisor = torch.add(constant, window.sums(len(exact)), alpha=factor)
            torch.mul(exact, _power(divisor, beta), out=y_part)
        return y

    @staticmethod
    def backward(ctx: Any, grad_y: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        size, factor, beta, k, across = ctx.constants
        if torch.is_grad_enabled():  # create_graph=True asks for a gradient that can be differentiated again
            y = _plain(x, size, factor, beta, k, across)
            return *torch.autograd.grad(y, x, grad_y, create_graph=True), None, None, None, None, None
        x = x.contiguous(memory_format=_layout(x))
        grad_y = grad_y.contiguous(memory_format=_layout(x))
        grad_x = torch.empty_like(x)
        window = _Window(x, size, across)
        constant = x.new_tensor(k, dtype=window.dtype)
        for x_part, grad_y_part, grad_x_part in window.chunks(x, grad_y, grad_x):
            # y_i = x_i d_i^-b and d_i = k + f sum_j x_j^2, so with u_i = g_i x_i d_i^-b / d_i
            # dx_i = g_i d_i^-b - 2 b f x_i sum_j u_j
            # d is summed again: in the cache that takes no longer than reading it from memory, and saves the memory.
            exact = x_part.to(window.dtype)
            torch.mul(exact, exact, out=window.inside(len(exact)))
            divisor = torch.add(constant, window.sums(len(exact)), alpha=factor)
            grad = _power(divisor, beta).mul_(grad_y_part)
            torch.div(grad * exact, divisor, out=window.inside(len(exact)))
            torch.addcmul(grad, exact, window.sums(len(exact)), value=-2 * beta * factor, out=grad_x_part)
        return grad_x, None, None, None, None, None


class _Window:
    """Sums over a sliding window as shifted additions, in scratch memory with a border of zeros.

    A tensor is seen as (blocks, rows, columns, inner), without a copy, in either memory format; the window runs over
    rows, and over columns where it lies within a map. With the border, a shift by one row or column is a shift of the
    flat memory by a constant.
    """

    def __init__(self, like: torch.Tensor, size: int, across: bool) -> None:
        self.across, self.size = across, size
        blocks, rows, columns, inner = self._blocks(like).shape
        border = size // 2
        padded = (rows + 2 * border, columns if across else columns + 2 * border, inner)
        chunk = CHUNK if torch.get_num_threads() == 1 else SHARED_CHUNK
        self.per_chunk = max(1, min(blocks, chunk // (padded[0] * padded[1] * inner)))
        self.dtype = _computed_in(like.dtype)
        self.padded = like.new_zeros((self.per_chunk, *padded), dtype=self.dtype)
        self.middle = self.padded[:, border : border + rows, (0 if across else border) :][:, :, :columns]
        self.shifts = [padded[1] * inner] if across else [padded[1] * inner, inner]

    def _blocks(self, x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        if _layout(x) is torch.channels_last:
            x = x.permute(0, 2, 3, 1)
            return x.view(n * h * w, c, 1, 1) if self.across else x
        return x.view(n, c, 1, h * w) if self.across else x.view(n * c, h, w, 1)

    def chunks(self, *tensors: torch.Tensor) -> Iterator[tuple[torch.Tensor, ...]]:
        """Return the same blocks of each tensor, a chunk at a time."""
        return zip(*(torch.split(self._blocks(t), self.per_chunk) for t in tensors), strict=True)

    def inside(self, blocks: int) -> torch.Tensor:
        """Return the place for the values that are to be summed, for so many blocks."""
        return self.middle[:blocks]

    def sums(self, blocks: int) -> torch.Tensor:
        """Return the sums over the window around each value of `inside(blocks)`."""
        flat = self.padded[:blocks].view(-1)
        for shift in self.shifts:
            total, width = flat, 1
            while 2 * width <= self.size:  # sums of 1, 2, 4 ... neighbours
                total = total[: -width * shift] + total[width * shift :]
                width *= 2
            length = len(flat) - (self.size - 1) * shift
            for i in range(width, self.size):
                total = total[:length] + flat[i * shift : i * shift + length]
            flat = total
        return flat.as_strided(self.middle[:blocks].shape, self.padded.stride())
