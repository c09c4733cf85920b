"""A network in, its Description out."""

from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from math import prod

import torch
from torch import nn

from alexlab.describe import rows
from alexlab.describe.description import Description, Totals
from alexlab.describe.failures import failure_of
from alexlab.describe.training import Training, behaves_alike, work_out_training
from alexlab.errors import UserError
from alexlab.networks.building import build
from alexlab.passes.copying import copied, with_shapes
from alexlab.passes.target import Target, find_target
from alexlab.passes.trace import Trace, Value
from alexlab.passes.watching import Tracer

BYTES = {"float32": 4, "bfloat16": 2, "int8": 1}


class ValuesNeededError(UserError):
    """The forward pass decides by the values of its tensors, and the network has none: it is on the meta device."""


def describe(network: nn.Module | str, *inputs: tuple[int, ...] | torch.Tensor, batch: int = 1) -> Description:
    """Work out the arithmetic of a network. It is left as it was, and no memory is taken for its weights.

    Args:
        network: a module on any device, the meta device included; or a name as the command line takes it.
        inputs: the shape of one image, without the batch; several for a network that takes several tensors. A tensor
            (with the batch) where the dtype matters, as for an embedding. By default what the catalogue says.
        batch: images in the batch that memory and the training step are counted for.

    Returns:
        The description of the network in evaluation mode. Where the shapes do not fit, its `failure` says why, and its
        layers are those before the one that fails.

    Raises:
        UserError: no such network, an input of a shape that is none, or a network that needs values and has none.
    """
    if isinstance(network, str):
        return described(find_target(network, [i for i in inputs if not isinstance(i, torch.Tensor)]), batch)
    if not inputs:
        raise UserError("describe needs the shape of one image, such as (3, 224, 224).")
    for given in inputs:
        if not isinstance(given, torch.Tensor) and (not given or any(size < 1 for size in given)):
            raise UserError(f"an input of shape {given}: expected sizes of 1 or more, such as (3, 224, 224).")
    if batch < 1:
        raise UserError(f"a batch of {batch}: expected 1 or more.")
    name = type(network).__name__
    network = _with_shapes(network, inputs)
    watched = copied(network, "none")
    trace = _pass(watched, inputs, batch)
    if trace.failed is None or not needs_values(trace.failed.error):
        return _description(name, watched, trace, _training(network, watched, trace, inputs, batch), inputs, batch)
    if any(p.is_meta for p in network.parameters()):
        raise ValuesNeededError(
            f"{name}: its forward pass looks at the values of tensors ({_first_line(trace.failed.error)}), and on the "
            "meta device there are none. Make the network on the CPU."
        )
    with torch.random.fork_rng(devices=[]):
        real = deepcopy(network)
        trace = _pass(real, inputs, batch)
        training = _measured(_pass(deepcopy(network), inputs, batch, training=True))
    made = _description(name, real, trace, training, inputs, batch)
    note = (
        "the forward pass looks at the values of tensors, so it was run with the network's weights on random pixels; "
        "other pictures may take another path"
    )
    return replace(made, notes=(*made.notes, note))


def described(target: Target, batch: int = 1) -> Description:
    """Describe a network by name, made on the meta device where it can be."""
    network = _built(target, "meta")
    try:
        made = describe(network, *target.inputs, batch=batch)
    except ValuesNeededError:
        made = describe(_built(target, "cpu"), *target.inputs, batch=batch)
    return replace(made, network=target.name, source=target.source)


def _built(target: Target, device: str) -> nn.Module:
    first = target.inputs[0]
    image = (first[0], first[1], first[2]) if len(first) == 3 else None
    if device == "meta":
        with (
            suppress(UserError),
            torch.device("meta"),
        ):  # its constructor may look at values; the CPU says what is wrong
            return build(target.network, target.classes, image)
    return build(target.network, target.classes, image)


def _with_shapes(network: nn.Module, inputs: tuple[tuple[int, ...] | torch.Tensor, ...]) -> nn.Module:
    images = (given if isinstance(given, torch.Tensor) else torch.zeros(2, *given) for given in inputs)
    try:
        return with_shapes(network, *images)
    except Exception as error:
        raise UserError(
            f"{type(network).__name__}: its lazy layers cannot make their weights: a forward pass failed with "
            f"{type(error).__name__}: {_first_line(error)}."
        ) from error


def needs_values(error: Exception) -> bool:
    """Whether a pass on the meta device failed because tensors have no values there."""
    return isinstance(error, NotImplementedError) or (isinstance(error, RuntimeError) and "meta" in str(error).lower())


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:120]


def _pass(
    network: nn.Module, inputs: tuple[tuple[int, ...] | torch.Tensor, ...], batch: int, training: bool = False
) -> Trace:
    """Watch one pass of `network`, on the device that its weights are on."""
    device = next((p.device for p in network.parameters()), torch.device("meta"))
    return Tracer(network).run(tuple(_tensor(given, batch, network, device) for given in inputs), training)


def _tensor(
    given: tuple[int, ...] | torch.Tensor, batch: int, network: nn.Module, device: torch.device
) -> torch.Tensor:
    on_meta = device.type == "meta"
    if isinstance(given, torch.Tensor):
        return torch.empty(given.shape, dtype=given.dtype, device="meta") if on_meta else given.to(device)
    dtype = next((p.dtype for p in network.parameters() if p.is_floating_point()), torch.float32)
    if on_meta:
        return torch.empty(batch, *given, dtype=dtype, device="meta")
    return torch.rand(batch, *given, generator=torch.Generator().manual_seed(0)).to(device, dtype)


def _training(
    network: nn.Module, watched: nn.Module, trace: Trace, inputs: tuple[tuple[int, ...] | torch.Tensor, ...], batch: int
) -> Training | None:
    """Return what a training step does; None where it cannot be followed (a batch norm of one value)."""
    if trace.failed is not None:
        return None
    trainable = {name for name, parameter in watched.named_parameters() if parameter.requires_grad}
    worked_out = work_out_training(trace, trainable) if behaves_alike(network) else None
    return worked_out or _measured(_pass(copied(network, "none"), inputs, batch, training=True))


def _measured(trace: Trace) -> Training | None:
    """Return what a pass that was made in training showed."""
    if trace.failed is not None or trace.step_multiply_adds is None:
        return None
    return Training({step.name: step.kept for step in trace.steps}, trace.step_multiply_adds)


def _description(
    name: str,
    network: nn.Module,
    trace: Trace,
    training: Training | None,
    inputs: tuple[tuple[int, ...] | torch.Tensor, ...],
    batch: int,
) -> Description:
    kept = training.kept if training is not None else None
    layers = rows.layers(trace, network, batch, kept)
    parameters = list(network.parameters())
    count = sum(p.numel() for p in parameters)
    trainable = sum(p.numel() for p in parameters if p.requires_grad)
    shapes = tuple(tuple(given.shape[1:]) if isinstance(given, torch.Tensor) else tuple(given) for given in inputs)
    totals = Totals(
        parameters=count,
        trainable=trainable,
        frozen=count - trainable,
        buffers=sum(buffer.numel() for buffer in network.buffers()),
        units=sum(layer.units for layer in layers if layer.role in ("convolution", "linear")),
        multiply_adds=sum(layer.multiply_adds for layer in layers),
        training_step_multiply_adds=training.multiply_adds if training is not None else None,
        weight_bytes={dtype: count * size for dtype, size in BYTES.items()},
        input_bytes=sum(prod(value.shape) * value.element_size for value in trace.inputs),
        activation_bytes=sum(layer.activation_bytes for layer in layers),
        kept_bytes=sum(kept.values()) if kept is not None else None,
        connections=sum(layer.connections for layer in layers),
    )
    failure = failure_of(trace, network, shapes, batch) if trace.failed else None
    return Description(
        network=name,
        inputs=shapes,
        batch=batch,
        layers=layers,
        totals=totals,
        outputs=_outputs(trace.outputs, batch),
        unused=() if failure else rows.unused(trace, network),
        failure=failure,
    )


def _outputs(structure: object, batch: int) -> str:
    if isinstance(structure, Value):
        shape = structure.shape[1:] if structure.shape[:1] == (batch,) else structure.shape
        return "x".join(map(str, shape)) or "one number"
    if isinstance(structure, dict):
        return "a dict of " + ", ".join(f"{key}: {_outputs(item, batch)}" for key, item in structure.items())
    if isinstance(structure, tuple):
        return f"a tuple of {len(structure)}: " + "; ".join(_outputs(item, batch) for item in structure)
    return "nothing" if structure is None else type(structure).__name__
