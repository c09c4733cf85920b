"""The shape that an operation gives, as far as it can be known; None where it cannot."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from alexlab.check.graph import ACTIVATIONS, Batch, Dim, Dims
from alexlab.networks.windows import Side, output_size

Attributes = Mapping[str, Any]

SAME = ACTIVATIONS | frozenset(
    [
        "dropout",
        "identity",
        "contiguous",
        "to",
        "cuda",
        "cpu",
        "float",
        "double",
        "half",
        "clone",
        "detach",
        "batch_norm",
        "instance_norm",
        "layer_norm",
        "group_norm",
        "local_response_norm",
        "log",
        "exp",
        "log2",
        "log1p",
        "abs",
        "neg",
        "sqrt",
        "square",
        "pow",
        "clamp",
        "add",
        "sub",
        "mul",
        "div",
        "requires_grad",
        "normalize",
        "type",
        "data",
        "alias",
        "bfloat16",
        "type_as",
    ]
)


def _pair(value: Any) -> tuple[int, int] | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value, value
    if isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(v, int) for v in value):
        return value[0], value[1]
    if isinstance(value, tuple | list) and len(value) == 1 and isinstance(value[0], int):
        return value[0], value[0]
    return None


def total(shape: Dims) -> int | Batch | None:
    """How many values a tensor of this shape holds: a number, or a number for each image of a batch."""
    if shape is None:
        return None
    number = 1
    batch: Fraction | None = None
    for size in shape:
        if size is None or (isinstance(size, Batch) and batch is not None):
            return None
        if isinstance(size, Batch):
            batch = size.times
        else:
            number *= size
    return number if batch is None else Batch(batch * number)


def _window(shape: Dims, attributes: Attributes, pool: bool, channels: Dim) -> Dims:
    """Return what a convolution or pooling of two dimensions leaves."""
    if shape is None or len(shape) not in (3, 4):
        return None
    kernel = _pair(attributes.get("kernel_size"))
    stride = _pair(attributes.get("stride") or attributes.get("kernel_size") if pool else attributes.get("stride", 1))
    padding_value = attributes.get("padding", 0)
    dilation = _pair(attributes.get("dilation", 1))
    out: list[Dim] = []
    for axis, size in enumerate(shape[-2:]):
        if padding_value == "same":
            out.append(size)
            continue
        padding = (0, 0) if padding_value == "valid" else _pair(padding_value)
        if not isinstance(size, int) or kernel is None or stride is None or padding is None or dilation is None:
            out.append(None)
            continue
        ceiling = attributes.get("ceil_mode")
        side = Side(kernel[axis], stride[axis], padding[axis], padding[axis], dilation[axis], ceiling=ceiling is True)
        places = output_size(size, side)
        if ceiling not in (None, True, False) or places < 1:
            return (*shape[:-3], channels, None, None)
        out.append(places)
    return (*shape[:-3], channels, *out)


def flattened(shape: Dims, start: Any, end: Any) -> Dims:
    """Return the shape after `flatten(start, end)`."""
    if shape is None or not isinstance(start, int) or not isinstance(end, int):
        return None
    rank = len(shape)
    start, end = start % max(rank, 1), end % max(rank, 1)
    if rank == 0 or start > end:
        return None
    return (*shape[:start], total(shape[start : end + 1]), *shape[end + 1 :])


def viewed(shape: Dims, sizes: Any) -> Dims:
    """Return the shape after `view(*sizes)`; one of the sizes may be -1."""
    if not isinstance(sizes, tuple | list) or not all(
        isinstance(s, int | Batch) and not isinstance(s, bool) for s in sizes
    ):
        if not isinstance(sizes, tuple | list):
            return None
        return tuple(s if isinstance(s, Batch) or (isinstance(s, int) and s >= 0) else None for s in sizes)
    asked: list[Dim] = list(sizes)
    if -1 not in asked:
        return tuple(asked)
    whole = total(shape)
    rest = total(tuple(s for s in asked if s != -1))
    free: Dim = None
    if whole is not None and rest is not None:
        if isinstance(whole, Batch):
            divided = whole.times / (rest.times if isinstance(rest, Batch) else rest) if rest != 0 else None
            if divided is not None:
                if isinstance(rest, Batch):
                    free = int(divided) if divided.denominator == 1 else None
                else:
                    free = Batch(divided)
        elif not isinstance(rest, Batch) and rest != 0 and whole % rest == 0:
            free = whole // rest
    return tuple(free if s == -1 else s for s in asked)


def _reduced(shape: Dims, attributes: Attributes) -> Dims:
    dim, keep = attributes.get("dim"), attributes.get("keepdim", False)
    if "dim" not in attributes or dim is None:
        return () if "dim" not in attributes else None
    dims = dim if isinstance(dim, tuple | list) else [dim]
    if shape is None or not all(isinstance(d, int) for d in dims):
        return None
    gone = {d % len(shape) for d in dims} if shape else set()
    if keep is True:
        return tuple(1 if axis in gone else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in gone) if keep is False else None


def _squeezed(shape: Dims, attributes: Attributes) -> Dims:
    if shape is None:
        return None
    if "dim" not in attributes:
        return tuple(size for size in shape if size != 1) if None not in shape else None
    dim = attributes["dim"]
    if not isinstance(dim, int) or not shape:
        return None
    axis = dim % len(shape)
    return (*shape[:axis], *shape[axis + 1 :]) if shape[axis] == 1 else shape if shape[axis] is not None else None


def _unsqueezed(shape: Dims, attributes: Attributes) -> Dims:
    dim = attributes.get("dim")
    if shape is None or not isinstance(dim, int):
        return None
    axis = dim % (len(shape) + 1)
    return (*shape[:axis], 1, *shape[axis:])


def _permuted(shape: Dims, attributes: Attributes) -> Dims:
    dims = attributes.get("sizes")
    if shape is None or not isinstance(dims, tuple | list) or not all(isinstance(d, int) for d in dims):
        return None
    return tuple(shape[d] for d in dims) if sorted(d % len(shape) for d in dims) == list(range(len(shape))) else None


def _transposed(shape: Dims, attributes: Attributes) -> Dims:
    first, second = attributes.get("dim0"), attributes.get("dim1")
    if shape is None or not isinstance(first, int) or not isinstance(second, int):
        return None
    sizes = list(shape)
    sizes[first], sizes[second] = sizes[second], sizes[first]
    return tuple(sizes)


def _adaptive(shape: Dims, attributes: Attributes) -> Dims:
    size = attributes.get("output_size")
    pair = _pair(size)
    if shape is None or len(shape) not in (3, 4):
        return None
    if isinstance(size, tuple | list) and len(size) == 2 and None in size:
        return (*shape[:-2], *(s if isinstance(s, int) else old for s, old in zip(size, shape[-2:], strict=True)))
    return (*shape[:-2], *(pair or (None, None)))


def _padded(shape: Dims, attributes: Attributes) -> Dims:
    pad = attributes.get("padding", attributes.get("pad"))
    if shape is None or len(shape) != 4:
        return None
    if isinstance(pad, int):
        pad = (pad,) * 4
    if not isinstance(pad, tuple | list) or len(pad) != 4 or not all(isinstance(p, int) for p in pad):
        return (*shape[:2], None, None)
    left, right, top, bottom = pad
    height, width = shape[2:]
    return (
        *shape[:2],
        height + top + bottom if isinstance(height, int) else None,
        width + left + right if isinstance(width, int) else None,
    )


def _linear(shape: Dims, attributes: Attributes) -> Dims:
    out = attributes.get("out_features")
    return None if shape is None or not shape else (*shape[:-1], out if isinstance(out, int) else None)


def _conv(shape: Dims, attributes: Attributes) -> Dims:
    out = attributes.get("out_channels")
    return _window(shape, attributes, pool=False, channels=out if isinstance(out, int) else None)


def _pool(shape: Dims, attributes: Attributes) -> Dims:
    return _window(shape, attributes, pool=True, channels=shape[-3] if shape is not None and len(shape) >= 3 else None)


RULES: dict[str, Callable[[Dims, Attributes], Dims]] = {
    "linear": _linear,
    "conv": _conv,
    "max_pool": _pool,
    "avg_pool": _pool,
    "adaptive_avg_pool": _adaptive,
    "adaptive_max_pool": _adaptive,
    "flatten": lambda shape, given: flattened(shape, given.get("start_dim", 0), given.get("end_dim", -1)),
    "view": lambda shape, given: viewed(shape, given.get("sizes")),
    "reshape": lambda shape, given: viewed(shape, given.get("sizes")),
    "squeeze": _squeezed,
    "unsqueeze": _unsqueezed,
    "permute": _permuted,
    "transpose": _transposed,
    "t": lambda shape, given: tuple(reversed(shape)) if shape is not None and len(shape) == 2 else None,
    "argmax": _reduced,
    "argmin": _reduced,
    "mean": _reduced,
    "sum": _reduced,
    "max": _reduced,
    "min": _reduced,
    "pad": _padded,
}
LOSS_SHAPE = frozenset(["cross_entropy", "nll_loss", "bce", "bce_with_logits", "mse_loss"])


def _joined(inputs: tuple[Dims, ...], dim: Any) -> Dims:
    """Return the shape of tensors put together over one dimension."""
    known = [shape for shape in inputs if shape is not None]
    if len(known) < len(inputs) or len({len(shape) for shape in known}) != 1 or type(dim) is not int:
        return None
    if not -len(known[0]) <= dim < len(known[0]):
        return None
    sizes: list[Dim] = [each[0] if len(set(each)) == 1 else None for each in zip(*known, strict=True)]
    along = [shape[dim] for shape in known]
    whole = [size for size in along if isinstance(size, int)]
    images = [size for size in along if isinstance(size, Batch)]
    sizes[dim] = None
    if len(whole) == len(along):
        sizes[dim] = sum(whole)
    elif len(images) == len(along):
        sizes[dim] = Batch(sum((size.times for size in images), Fraction(0)))
    return tuple(sizes)


def shape_of(op: str, inputs: tuple[Dims, ...], attributes: Attributes) -> Dims:
    """Return the shape of what `op` makes of tensors of these shapes."""
    if not inputs:
        return None
    if op in LOSS_SHAPE:
        return None if attributes.get("reduction", "mean") not in ("mean", "sum") else ()
    if op in SAME:
        known = [shape for shape in inputs if shape is not None]
        if len(known) < len(inputs):
            return None
        if len({len(shape) for shape in known}) == 1:
            return tuple(sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*known, strict=True))
        return max(known, key=len)
    if op == "cat":
        return _joined(inputs, attributes.get("dim", 0))
    rule = RULES.get(op)
    try:
        return None if rule is None else rule(inputs[0], attributes)
    except (IndexError, ZeroDivisionError):  # the script asks for what the tensor does not have: it would stop there
        return None
