"""What a training step adds to a forward pass: the memory that the backward pass needs, and its multiply-adds.

It is worked out from the forward pass by what PyTorch's functions save for their derivatives (derivatives.yaml in its
source): the tests hold it against autograd itself. Where a network calls anything else, or does otherwise in training
than in evaluation, there is no answer here, and the pass is made in training instead.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from torch import nn

from alexlab.passes.functions import RESHAPES
from alexlab.passes.trace import Op, Trace, Value, keeps_input, values

SAVES_RESULT = {
    "relu",
    "relu_",
    "sigmoid",
    "sigmoid_",
    "tanh",
    "tanh_",
    "softmax",
    "log_softmax",
    "rsqrt",
    "sqrt",
    "exp",
}
SAVES_INPUT = {"gelu", "silu", "leaky_relu", "avg_pool2d", "adaptive_avg_pool2d", "pow", "__pow__"}
SAVES_NOTHING = RESHAPES | {
    "cat",
    "add",
    "sub",
    "__add__",
    "__radd__",
    "__iadd__",
    "__sub__",
    "__isub__",
    "mean",
    "sum",
    "pad",
}
PRODUCTS = {f"conv{d}d" for d in (1, 2, 3)} | {f"conv_transpose{d}d" for d in (1, 2, 3)} | {"linear"}


@dataclass(frozen=True)
class Training:
    """Bytes kept for the backward pass, by the name of the step that keeps them, and the multiply-adds of a step.

    The step is forward and backward, of the whole batch, without the update of the weights.
    """

    kept: dict[str, int]
    multiply_adds: int


def behaves_alike(network: nn.Module) -> bool:
    """Whether no module but PyTorch's own asks if it is in training."""
    for module in network.modules():
        if type(module).__module__.startswith("torch.nn."):
            continue
        code = getattr(type(module).forward, "__code__", None)
        if code is None or "training" in code.co_names:
            return False
    return True


def work_out_training(trace: Trace, trainable: set[str]) -> Training | None:
    """Return the training step of a pass, given the names of the parameters that learn; None where it cannot be worked out."""
    learns: dict[int, bool] = {number: name in trainable for number, name in trace.stored.items()}
    storages: dict[int, int] = {}
    saved: set[int] = set()
    kept: dict[str, int] = {}
    for step in trace.steps:
        read = {value.number for value in step.inputs} if keeps_input(step.module) else None
        for op in step.ops:
            inputs = list(op.inputs())
            if any(not value.from_input and value.number not in trace.stored for value in inputs):
                return None  # made of weights on the way: what that saved is not in the trace
            needed = any(learns.get(value.number, False) for value in inputs)
            learns.update((value.number, needed) for value in op.outputs)
            _alias(op, inputs, storages)
            if not needed:
                continue
            found = _saved(op, learns) if read is None else ([value for value in inputs if value.number in read], 0)
            if found is None:
                return None
            whole, extra = found
            kept[step.name] = kept.get(step.name, 0) + extra
            for value in whole:
                storage = storages.get(value.number, value.number)
                if value.number not in trace.stored and storage not in saved:
                    saved.add(storage)
                    kept[step.name] += _bytes(value)
    multiply_adds = _multiply_adds(trace, learns)
    return None if multiply_adds is None else Training(kept, multiply_adds)


def _alias(op: Op, inputs: list[Value], storages: dict[int, int]) -> None:
    """Note outputs in the memory of an input as the same memory; dropout, which does nothing here, makes its own."""
    for output in op.outputs:
        shared = next((v for v in inputs if v.storage == output.storage and op.function != "dropout"), None)
        storages[output.number] = storages.get(shared.number, shared.number) if shared else output.number


def _bytes(value: Value) -> int:
    return prod(value.shape) * value.element_size


Saved = tuple[list[Value], int]
"""Tensors that are kept, and bytes of memory besides that the function makes for itself."""


def _saved(op: Op, learns: dict[int, bool]) -> Saved | None:
    """Return what a function keeps whose output is to be differentiated; None where that is not known."""
    name = op.function
    given = op.arguments.get("input", op.arguments.get("0"))
    if name in SAVES_NOTHING:
        return [], 0
    if not isinstance(given, Value):
        return None
    if name in SAVES_RESULT:
        return list(op.outputs), 0
    if name in SAVES_INPUT:
        return [given], 0
    special: dict[str, Callable[[Op, Value, dict[int, bool]], Saved | None]] = {
        "linear": _of_linear, "max_pool2d": _of_max_pool, "max_pool3d": _of_max_pool, "dropout": _of_dropout,
        "batch_norm": _of_batch_norm, "local_response_norm": _of_local_response_norm, "mul": _of_mul, "__mul__": _of_mul,
        "__rmul__": _of_mul, "div": _of_div, "__truediv__": _of_div,
    }  # fmt: skip
    if name in PRODUCTS and name != "linear":
        return None if isinstance(op.arguments.get("padding"), str) else ([given], 0)
    return special[name](op, given, learns) if name in special else None


def _of_linear(op: Op, given: Value, learns: dict[int, bool]) -> Saved:
    return ([given] if learns.get(op.arguments["weight"].number, False) else []), 0


def _of_max_pool(op: Op, given: Value, learns: dict[int, bool]) -> Saved:
    return [given], 8 * prod(op.outputs[0].shape)  # the place of each maximum, as int64


def _of_dropout(op: Op, given: Value, learns: dict[int, bool]) -> Saved:
    return [], _bytes(given) if op.arguments.get("p", 0.5) else 0  # the mask, scaled


def _of_batch_norm(op: Op, given: Value, learns: dict[int, bool]) -> Saved | None:
    channels = given.shape[1]
    return ([given], 2 * 4 * channels) if prod(given.shape) > channels else None  # mean and 1/deviation of the batch


def _of_local_response_norm(op: Op, given: Value, learns: dict[int, bool]) -> Saved:
    n, channels, *sides = given.shape
    padded = n * (channels + op.arguments["size"] - 1) * prod(sides) * given.element_size
    return [given], padded + 2 * _bytes(given)  # the squares with their border, the divisor before and after its power


def _of_mul(op: Op, given: Value, learns: dict[int, bool]) -> Saved:
    """Each factor is kept if the other learns."""
    a, b = [*op.inputs()] if len([*op.inputs()]) == 2 else (given, None)
    if b is None:
        return [], 0
    return [x for x, other in ((a, b), (b, a)) if learns.get(other.number, False)], 0


def _of_div(op: Op, given: Value, learns: dict[int, bool]) -> Saved:
    both = [*op.inputs()]
    if len(both) == 1:
        return [], 0
    a, b = both
    return [b, *([a] if learns.get(b.number, False) else [])], 0


def _multiply_adds(trace: Trace, learns: dict[int, bool]) -> int | None:
    """Forward once, and back once for each factor of a product that a gradient is wanted for."""
    wanted = {value.number for value in values(trace.outputs)}
    total = 0
    for step in reversed(trace.steps):
        for op in reversed(step.ops):
            inputs = list(op.inputs())
            reached = any(value.number in wanted for value in op.outputs)
            if reached:
                wanted.update(value.number for value in inputs)
            if not op.multiply_adds:
                continue
            if op.function not in PRODUCTS:
                return None
            factors = (op.arguments["input"], op.arguments["weight"])
            gradients = sum(learns.get(factor.number, False) for factor in factors) if reached else 0
            total += op.multiply_adds * (1 + gradients)
    return total
