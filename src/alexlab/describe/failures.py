"""Why shapes do not fit: the two numbers that disagree, the value that would fit, the inputs that would work."""

from collections.abc import Callable
from math import prod

import torch
from torch import nn

from alexlab.describe.description import Failure
from alexlab.networks.windows import output_size
from alexlab.passes.arithmetic import Arithmetic
from alexlab.passes.functions import role
from alexlab.passes.trace import Op, Step, Trace, Value

LARGEST_SIDE_TRIED = 512

Reason = tuple[str, str, str]
"""What was found, what was expected, and how to mend it."""


def failure_of(trace: Trace, network: nn.Module, inputs: tuple[tuple[int, ...], ...], batch: int) -> Failure:
    """Explain the failure of a pass of `network`, which is left as it is."""
    assert trace.failed is not None
    step = trace.steps[-1] if trace.steps else Step("the network's forward", None)
    op = trace.failed.op
    found, expected, mend = ("", "", "")
    if op is not None:
        found, expected, mend = _reason(op, step, trace, batch)
    channels = _channels_asked(op) if op is not None and step is _first_weighted(trace) else None
    return Failure(
        layer=step.name,
        kind=type(step.module).__name__ if step.module is not None else (op.function if op else ""),
        found=found,
        expected=expected,
        mend=mend,
        sizes=working_sizes(network, inputs, channels),
        error=_shortened(trace.failed.error),
    )


def _first_weighted(trace: Trace) -> Step | None:
    weighted = (
        step for step in trace.steps if step.module is not None and next(step.module.parameters(), None) is not None
    )
    return next(weighted, None)


def _reason(op: Op, step: Step, trace: Trace, batch: int) -> Reason:
    given = op.arguments.get("input", op.arguments.get("0"))
    if isinstance(given, Value):
        explain: dict[str, Callable[[Op, Value, Trace, int], Reason | None]] = {
            "linear": _linear,
            "convolution": _convolution,
            "pooling": _pooling,
            "normalisation": _normalisation,
            "reshape": _reshape,
        }
        known = explain.get(role(op.function))
        reason = known(op, given, trace, batch) if known is not None else None
        if reason is not None:
            return reason
    shapes = [
        _text(value.shape[1:] if value.shape[:1] == (batch,) else value.shape)
        for value in op.inputs()
        if value.from_input
    ]
    if len(shapes) > 1:
        return (" and ".join(shapes), "shapes that fit each other", f"make the paths into {step.name} the same size")
    return (" and ".join(shapes), "", "")


def _linear(op: Op, given: Value, trace: Trace, batch: int) -> Reason | None:
    weight = op.arguments.get("weight")
    if not isinstance(weight, Value) or not given.shape or given.shape[-1] == weight.shape[1]:
        return None
    asked, shape = weight.shape[1], given.shape[1:]
    if len(shape) > 1 and prod(shape) == asked:
        return (
            f"{_text(shape)}, not flattened", f"in_features = {asked:,}".replace(",", ""),
            f"flatten before it (nn.Flatten(), or torch.flatten(x, 1)): {_text(shape)} = {asked}",
        )  # fmt: skip
    before = _before_flattening(given, trace)
    values = before[1:] if before else shape
    right = prod(values) if before or len(shape) > 1 else given.shape[-1]
    why = f", for {_text(values)}" if len(values) > 1 else ""
    mixed = bool(before) and given.shape[0] != before[0]
    flatten = " with torch.flatten(x, 1) before it" if mixed else ""
    if len(shape) > 1 and not before:
        flatten = " with nn.Flatten() before it"
    return (
        f"{_text(values)} = {right} values an image" if len(values) > 1 else f"{right} values an image",
        f"in_features = {asked}",
        f"in_features should be {right}{why}{flatten}",
    )


def _before_flattening(given: Value, trace: Trace) -> tuple[int, ...]:
    """Return the shape that was flattened into `given`, followed back over what keeps the number of values; () for none."""
    makers = {value.number: op for step in trace.steps for op in step.ops for value in op.outputs}
    value = given
    while (op := makers.get(value.number)) is not None:
        source = next((v for v in op.inputs() if v.from_input), None)
        if source is None or prod(source.shape) != prod(value.shape):
            return ()
        if len(source.shape) > 2:
            return source.shape
        value = source
    return value.shape if value is not given and len(value.shape) > 2 else ()


def _convolution(op: Op, given: Value, trace: Trace, batch: int) -> Reason | None:
    weight = op.arguments.get("weight")
    if not isinstance(weight, Value):
        return None
    spatial, shape = len(weight.shape) - 2, given.shape[1:]
    if len(given.shape) != len(weight.shape):
        return _wrong_rank(given, spatial, trace)
    channels = _channels_asked(op)
    if channels is not None and given.shape[1] != channels:
        return (
            f"{given.shape[1]} channels ({_text(shape)})", f"in_channels = {channels}",
            f"in_channels should be {given.shape[1]}, or its input should have {channels} channels",
        )  # fmt: skip
    return _too_small(op, given)


def _channels_asked(op: Op) -> int | None:
    """in_channels of a convolution."""
    weight = op.arguments.get("weight")
    if role(op.function) != "convolution" or not isinstance(weight, Value):
        return None
    groups: int = op.arguments.get("groups", 1)
    return weight.shape[0] if "transpose" in op.function else weight.shape[1] * groups


def _wrong_rank(given: Value, spatial: int, trace: Trace) -> Reason:
    names = {1: "C x L", 2: "C x H x W", 3: "C x D x H x W"}.get(spatial, "C x ...")
    shape = given.shape[1:]
    if given in trace.inputs:
        mend = f"give an input of {spatial + 1} sizes, such as {'x'.join(['1', *['28'] * spatial])}"
    else:
        mend = "put it before the flattening" if len(shape) < spatial + 1 else f"make its input {names}"
    return (
        f"{_text(shape)}, {len(shape)} dimension{'s' * (len(shape) != 1)} an image",
        f"{spatial + 1} dimensions an image: {names}",
        mend,
    )  # fmt: skip


def _pooling(op: Op, given: Value, trace: Trace, batch: int) -> Reason | None:
    spatial = int(op.function[-2]) if op.function[-1:] == "d" else 0
    if spatial and len(given.shape) not in (spatial + 1, spatial + 2):
        return _wrong_rank(given, spatial, trace)
    return _too_small(op, given)


def _too_small(op: Op, given: Value) -> Reason | None:
    window = op.sides()
    if window is None:
        return None
    names = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}[len(window)]
    for name, n, side in zip(names, given.shape[-len(window) :], window, strict=True):
        if side.before + side.after and role(op.function) == "pooling" and 2 * side.before > side.kernel:
            return (f"padding {side.before}", f"at most half of the kernel, {side.kernel // 2}", "lower its padding")
        if output_size(n, side) < 1 or n + side.before + side.after < side.span:
            padded = f" with {side.before + side.after} of padding" if side.before + side.after else ""
            return (
                f"a {name} of {n}{padded}", f"{side.span} or more, the size of its window",
                "give a larger input, or make this window or the strides before it smaller",
            )  # fmt: skip
    return None


def _normalisation(op: Op, given: Value, trace: Trace, batch: int) -> Reason | None:
    mean = op.arguments.get("running_mean") or op.arguments.get("weight")
    if op.function == "batch_norm" and isinstance(mean, Value) and given.shape[1] != mean.shape[0]:
        channels = given.shape[1]
        return (f"{channels} channels", f"num_features = {mean.shape[0]}", f"num_features should be {channels}")
    return None


def _reshape(op: Op, given: Value, trace: Trace, batch: int) -> Reason | None:
    if op.function not in ("view", "reshape"):
        return None
    asked = [value for key, value in op.arguments.items() if key not in ("input", "0")]
    wanted = asked[0] if asked and isinstance(asked[0], tuple) else tuple(asked)
    shape = given.shape[1:]
    return (
        f"{_text(shape)} = {prod(shape)} values an image", f"({', '.join(map(str, wanted))})",
        f"flatten with x.flatten(1), which needs no number, or with x.view(x.size(0), {prod(shape)})",
    )  # fmt: skip


def working_sizes(network: nn.Module, inputs: tuple[tuple[int, ...], ...], channels: int | None) -> str:
    """Which square inputs the network takes as it stands, of `channels` where the given ones are wrong; "" unknown.

    Each side up to LARGEST_SIDE_TRIED is tried on the meta device.
    """
    if len(inputs) != 1 or len(inputs[0]) != 3 or not all(p.is_meta for p in network.parameters()):
        return ""
    depth = channels or inputs[0][0]
    sides_tried = range(1, LARGEST_SIDE_TRIED + 1)
    works = [side for side in sides_tried if _passes(network, (depth, side, side))]
    if not works:
        return f"no square input of {depth} channel{'s' * (depth != 1)} up to {LARGEST_SIDE_TRIED} works"
    ranges: list[list[int]] = []
    for side in works:
        if ranges and side == ranges[-1][1] + 1:
            ranges[-1][1] = side
        else:
            ranges.append([side, side])
    texts = [
        f"{a}x{a} and larger" if b == LARGEST_SIDE_TRIED else f"{a}x{a} to {b}x{b}" if b > a else f"{a}x{a}"
        for a, b in ranges[:6]
    ]
    more = ", and more" if len(ranges) > 6 else ""
    return f"with {depth} channel{'s' * (depth != 1)}: {', '.join(texts)}{more}"


def _passes(network: nn.Module, shape: tuple[int, ...]) -> bool:
    dtype = next((p.dtype for p in network.parameters() if p.is_floating_point()), torch.float32)
    try:
        with torch.no_grad(), torch.device("meta"), Arithmetic():
            network.eval()(torch.empty(1, *shape, dtype=dtype, device="meta"))
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException:
        return False
    return True


def _shortened(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:197]}..." if len(text) > 200 else f"{type(error).__name__}: {text}"


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) if shape else "a single number"
