"""The output of the commonest functions on the meta device, worked out here instead of asked of PyTorch.

PyTorch's own functions know it too, but the first of them to run on the meta device imports the compiler and a computer
algebra system: seconds, for a few divisions. What is not worked out here, or looks wrong, is left to PyTorch, whose
error messages are then the ones that people know.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from alexlab.networks.windows import Side, output_size, side_settings
from alexlab.passes.functions import ACTIVATIONS, ARITHMETIC, named_arguments

Answer = tuple[Tensor, int]
"""The output, without values, and the multiply-adds."""

UNARY = ACTIVATIONS - {"prelu", "rrelu", "threshold", "threshold_"} | {"rsqrt", "sqrt", "exp", "abs", "neg", "square"}
BINARY = ARITHMETIC - {"__setitem__"} | {"pow", "__pow__"}


class Arithmetic(TorchFunctionMode):
    """Answers what it can; for passes that are made only to see whether shapes fit."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        answered = answer(name, named_arguments(name, args, kwargs))
        return func(*args, **kwargs) if answered is None else answered[0]


def answer(function: str, given: dict[str, Any]) -> Answer | None:
    """Return what `function` makes of tensors on the meta device; None where PyTorch has to be asked."""
    if function == "cat":
        return _joined(given)
    x = given.get("input", given.get("0"))
    if not isinstance(x, Tensor) or not x.is_meta or not x.is_floating_point() or torch.is_grad_enabled():
        return None
    if function == "linear":
        return _linear(x, given)
    if function.startswith("conv") or "_pool" in function:
        return _window(function, x, given)
    if function in UNARY:
        in_place = given.get("inplace") is True or (function[-1] == "_" and function[0] != "_")
        return (x if in_place else _empty(x, x.shape)), 0
    if function in BINARY:
        return _binary(function, x, given)
    if function == "dropout":
        return (_empty(x, x.shape) if given.get("training", True) and not given.get("inplace") else x), 0
    if function in ("batch_norm", "local_response_norm", "layer_norm", "softmax", "log_softmax"):
        return (_empty(x, x.shape), 0) if _norm_fits(function, x, given) else None
    if function in ("mean", "sum"):
        return _reduced(x, given)
    return None


def _empty(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device="meta")


def _linear(x: Tensor, given: dict[str, Any]) -> Answer | None:
    weight = given.get("weight")
    if not isinstance(weight, Tensor) or weight.dim() != 2 or x.dim() < 1 or x.shape[-1] != weight.shape[1]:
        return None
    if weight.dtype != x.dtype:
        return None
    return _empty(x, (*x.shape[:-1], weight.shape[0])), prod(x.shape[:-1]) * prod(weight.shape)


def _window(function: str, x: Tensor, given: dict[str, Any]) -> Answer | None:
    dimensions = int(function[-2]) if function[-1] == "d" and function[-2] in "123" else 0
    if not dimensions or x.dim() != dimensions + 2 or given.get("return_indices"):
        return None
    sizes = tuple(x.shape[2:])
    if function.startswith("adaptive"):
        asked = given.get("output_size")
        wanted = tuple(asked) if isinstance(asked, tuple | list) else (asked,) * dimensions
        if len(wanted) != dimensions or any(size is not None and not isinstance(size, int) for size in wanted):
            return None
        made = tuple(n if size is None else size for size, n in zip(wanted, sizes, strict=True))
        return _empty(x, (*x.shape[:2], *made)), 0
    weight = given.get("weight")
    kernel = tuple(weight.shape[2:]) if isinstance(weight, Tensor) else given.get("kernel_size")
    sides = side_settings(function, kernel, given) if kernel is not None else None
    if sides is None or not all(_fits(n, side, weight is None) for n, side in zip(sizes, sides, strict=True)):
        return None
    made = tuple(output_size(n, side) for n, side in zip(sizes, sides, strict=True))
    if not isinstance(weight, Tensor):
        return _empty(x, (*x.shape[:2], *made)), 0
    groups, transposed = given.get("groups", 1), "transpose" in function
    if weight.dtype != x.dtype or x.shape[1] != (weight.shape[0] if transposed else weight.shape[1] * groups):
        return None
    channels = weight.shape[1] * groups if transposed else weight.shape[0]
    products = x.shape[0] * prod(sizes if transposed else made) * prod(weight.shape)
    return _empty(x, (x.shape[0], channels, *made)), products


def _fits(n: int, side: Side, is_pool: bool) -> bool:
    if is_pool and (n < side.span or 2 * side.before > side.kernel):
        return False  # some poolings take it, some refuse
    room = n + side.before + side.after >= side.span or side.transposed
    return room and side.stride > 0 and output_size(n, side) > 0


def _binary(function: str, x: Tensor, given: dict[str, Any]) -> Answer | None:
    rest = {key: value for key, value in given.items() if key not in ("input", "0")}
    if len(rest) != 1:
        return None
    (other,) = rest.values()
    in_place = function.startswith("__i") or (function[-1] == "_" and function[0] != "_")
    if isinstance(other, int | float):
        return (x if in_place else _empty(x, x.shape)), 0
    if not isinstance(other, Tensor) or not other.is_meta or other.dtype != x.dtype:
        return None
    try:
        shape = torch.broadcast_shapes(x.shape, other.shape)
    except RuntimeError:
        return None
    if in_place:
        return (x, 0) if shape == x.shape else None
    return _empty(x, shape), 0


def _norm_fits(function: str, x: Tensor, given: dict[str, Any]) -> bool:
    if function == "batch_norm":
        given_tensors = [given.get(key) for key in ("running_mean", "running_var", "weight", "bias")]
        channels = x.shape[1] if x.dim() > 1 else -1
        return not given.get("training") and all(t is None or t.shape == (channels,) for t in given_tensors)
    if function == "layer_norm":
        shape = tuple(given.get("normalized_shape", ()))
        return tuple(x.shape[x.dim() - len(shape) :]) == shape
    if function == "local_response_norm":
        return x.dim() >= 3
    dim = given.get("dim")
    return isinstance(dim, int) and -x.dim() <= dim < x.dim() and given.get("dtype") is None


def _reduced(x: Tensor, given: dict[str, Any]) -> Answer | None:
    dim = given.get("dim")
    if set(given) - {"input", "dim", "keepdim"}:
        return None
    dims = range(x.dim()) if dim is None else (dim if isinstance(dim, tuple | list) else (dim,))
    if not all(isinstance(d, int) and -x.dim() <= d < x.dim() for d in dims):
        return None
    over = {d % x.dim() for d in dims}
    kept = bool(given.get("keepdim"))
    return _empty(x, tuple(1 if d in over else n for d, n in enumerate(x.shape) if kept or d not in over)), 0


def _joined(given: dict[str, Any]) -> Answer | None:
    tensors, dim = given.get("tensors"), given.get("dim", 0)
    if (
        not isinstance(tensors, tuple | list)
        or not tensors
        or not isinstance(dim, int)
        or set(given) > {"tensors", "dim"}
    ):
        return None
    first = tensors[0]
    if torch.is_grad_enabled() or not all(isinstance(t, Tensor) and t.is_meta for t in tensors):
        return None
    if not -first.dim() <= dim < first.dim() or any(t.dtype != first.dtype or t.dim() != first.dim() for t in tensors):
        return None
    dim %= first.dim()
    if any(t.shape[:dim] != first.shape[:dim] or t.shape[dim + 1 :] != first.shape[dim + 1 :] for t in tensors):
        return None
    return _empty(first, (*first.shape[:dim], sum(t.shape[dim] for t in tensors), *first.shape[dim + 1 :])), 0
