"""From a watched pass to the rows of the table."""

import re
from math import prod

from torch import nn

from alexlab.describe.description import Layer, Setting
from alexlab.describe.formulas import (
    connections_working,
    fitting_window,
    flattened_from,
    multiply_adds_working,
    parameters_working,
    size_workings,
)
from alexlab.describe.receptive import Sight, first_spatial, sights
from alexlab.networks.windows import Side
from alexlab.passes.functions import POINTWISE
from alexlab.passes.functions import role as role_of_function
from alexlab.passes.trace import Op, Step, Trace, Value

CLASS_ROLES = (
    (r"conv", "convolution"),
    (r"pool", "pooling"),
    (r"norm|lrn", "normalisation"),
    (r"drop", "dropout"),
    (r"linear|dense|radialbas", "linear"),
)
"""What the class name of somebody else's module says of its role, first match first."""

FIXED_ROLES = (
    "convolution", "linear", "pooling", "normalisation", "dropout", "softmax", "activation", "reduction", "join",
    "padding", "reshape",
)  # fmt: skip
"""The role of a layer that calls several functions is the first of these that one of them has."""


def layers(trace: Trace, network: nn.Module, batch: int, kept: dict[str, int] | None) -> tuple[Layer, ...]:
    """Return the layers of a pass of `network`; `kept` has the bytes that autograd keeps for each, by name."""
    steps = trace.steps[:-1] if trace.failed else trace.steps
    seen = sights(trace)
    image = first_spatial(trace.inputs)
    maker = {value.number: -1 for value in trace.inputs}
    owners: dict[str, str] = {}
    parameters = dict(network.named_parameters())
    names = {id(parameter): name for name, parameter in parameters.items()}
    total = sum(parameter.numel() for parameter in parameters.values())
    made = []
    for index, step in enumerate(steps):
        used = _weights(step, names)
        new = [name for name in used if name not in owners]
        first_owner = next((owners[name] for name in used if name in owners), "")
        owners.update(dict.fromkeys(new, step.name))
        count = sum(parameters[name].numel() for name in new)
        reads = tuple(dict.fromkeys(maker.get(value.number, -1) for value in step.inputs))
        maker.update((value.number, index) for op in step.ops for value in op.outputs)
        maker.update((value.number, index) for value in step.outputs if value.number not in maker)
        window = fitting_window(step.ops)
        role = _role(step)
        texts, notes = _sizes(step, role)
        sight = seen.get(step.outputs[0].number) if step.outputs else None
        field, stride = _field(sight, image)
        multiply_adds = step.multiply_adds // batch
        made_shape = _image_shape(step.outputs, batch)
        working, connections = connections_working(step, made_shape, batch)
        made.append(
            Layer(
                name=step.name,
                kind=kind(step),
                role=role,
                settings=_settings(step, role, window),
                input_shape=_image_shape(step.inputs, batch),
                output_shape=made_shape,
                units=sum(prod(value.shape) for value in step.outputs) // batch,
                size_working=texts,
                notes=notes + _batch_note(step, batch),
                parameters=count,
                parameters_working=parameters_working([tuple(parameters[name].shape) for name in new], count),
                trainable=sum(parameters[name].numel() for name in new if parameters[name].requires_grad),
                share=count / total if total else 0.0,
                multiply_adds=multiply_adds,
                multiply_adds_working=multiply_adds_working(step.ops, batch, multiply_adds),
                activation_bytes=step.allocated,
                kept_bytes=kept.get(step.name, 0) if kept is not None else None,
                receptive_field=field,
                stride_on_input=stride,
                shared_with=first_owner,
                connections=connections,
                connections_working=working,
                reads=reads,
            )
        )
    return tuple(made)


def kind(step: Step) -> str:
    """Return the class of a module, or the function of a functional call."""
    return type(step.module).__name__ if step.module is not None else step.ops[0].function.strip("_")


def unused(trace: Trace, network: nn.Module) -> tuple[tuple[str, int], ...]:
    """Parameters that no step of the pass used, with their sizes."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    used = {name for step in trace.steps for name in _weights(step, names)}
    return tuple((name, p.numel()) for name, p in network.named_parameters() if name not in used)


def _weights(step: Step, names: dict[int, str]) -> list[str]:
    own = [names[id(p)] for p in step.module.parameters() if id(p) in names] if step.module is not None else []
    called = [weight for op in step.ops for value in op.inputs() for weight in value.weights]
    return list(dict.fromkeys([*own, *called]))


def _role(step: Step) -> str:
    roles = [role_of_function(op.function) for op in step.ops]
    if step.module is not None and not type(step.module).__module__.startswith("torch.nn."):
        name = type(step.module).__name__.lower()
        for pattern, says in CLASS_ROLES:
            if re.search(pattern, name):
                return says
    if step.module is not None and not roles:
        return "other" if not isinstance(step.module, nn.Identity) else "reshape"
    found = next((role for role in FIXED_ROLES if role in roles), "other")
    arranging = found in ("reshape", "join", "padding", "activation", "softmax", "linear")
    if step.module is not None and len(roles) > 1 and arranging and next(step.module.parameters(), None) is not None:
        return "other"  # attention, recurrence: their weights are at work inside, not in what shows
    return found


def _is_own_layer(step: Step) -> bool:
    return step.module is not None and not type(step.module).__module__.startswith("torch.nn.")


def _sizes(step: Step, role: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """How the output size comes about, and the notes; a layer that this file knows nothing of says so."""
    if role == "normalisation" and step.inputs and step.outputs and step.inputs[0].shape == step.outputs[0].shape:
        return (), ()  # what slides inside it is not what makes its size
    texts, notes = size_workings(step.ops)
    flat = flattened_from(step)
    if flat and role == "reshape":
        texts = (f"{' x '.join(map(str, flat))} = {prod(flat)}",)
    if role == "other" and not texts and step.ops and not all(op.function in POINTWISE for op in step.ops):
        inside = ", ".join(dict.fromkeys(op.function for op in step.ops))
        notes = (f"no formula known (calls {inside}): sizes and counts are those of the pass",)
    return texts, notes


def _settings(step: Step, role: str, window: tuple[Side, ...] | None) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    main = next((op for op in step.ops if role_of_function(op.function) == role), None)
    if role == "pooling" and main is not None and main.function.startswith("adaptive") and main.outputs:
        found = {"to": "x".join(map(str, main.outputs[0].shape[-int(main.function[-2]) :]))}
    elif window is not None and role in ("convolution", "pooling"):
        found = _window_settings(window)
        weight = main.arguments.get("weight") if main is not None else None
        if isinstance(weight, Value) and main is not None:
            found["filters"] = main.outputs[0].shape[1] if main.outputs else weight.shape[0]
            if main.arguments.get("groups", 1) != 1:
                found["groups"] = main.arguments["groups"]
        if isinstance(connected := getattr(step.module, "connected", None), str):
            found["connected"] = connected
        added = _added_padding(step.ops)
        if added:
            found["padding"] = added
    elif main is not None:
        found = _other_settings(main, role)
    elif step.module is not None and step.module.extra_repr():
        found = {"settings": " ".join(step.module.extra_repr().split())}
    if _is_own_layer(step) and role not in ("convolution", "pooling", "linear"):
        assert step.module is not None
        if role == "dropout" and isinstance(getattr(step.module, "p", None), float):
            return {"p": str(step.module.p)}
        own = " ".join(step.module.extra_repr().split())
        return {"settings": own} if own else found
    return found


def _window_settings(window: tuple[Side, ...]) -> dict[str, Setting]:
    found: dict[str, Setting] = {
        "kernel": tuple(side.kernel for side in window),
        "stride": tuple(side.stride for side in window),
    }
    if any(side.before or side.after for side in window):
        symmetric = all(side.before == side.after for side in window)
        found["padding"] = (
            tuple(side.before for side in window)
            if symmetric
            else ", ".join(f"{side.before} before and {side.after} after" for side in dict.fromkeys(window))
        )
    if any(side.dilation != 1 for side in window):
        found["dilation"] = tuple(side.dilation for side in window)
    if any(side.extra for side in window):
        found["output padding"] = tuple(side.extra for side in window)
    if any(side.ceiling for side in window):
        found["ceiling"] = True
    return found


def _added_padding(ops: list[Op]) -> str:
    for op in ops:
        pad = op.arguments.get("pad")
        if op.function == "pad" and isinstance(pad, tuple) and any(pad):
            return _sides_text(pad)
    return ""


def _sides_text(pad: tuple[int, ...]) -> str:
    names = ("left", "right", "top", "bottom", "front", "back")
    return ", ".join(f"{n} {names[i] if i < len(names) else ''}".strip() for i, n in enumerate(pad) if n)


def _other_settings(op: Op, role: str) -> dict[str, Setting]:
    given = op.arguments
    if role == "dropout":
        return {"p": str(given.get("p", 0.5))}
    if role == "padding":
        return {"padding": _sides_text(given["pad"])} if isinstance(given.get("pad"), tuple) else {}
    if op.function == "local_response_norm":
        constants = {"size": "n", "alpha": "alpha", "beta": "beta", "k": "k"}
        return {
            short: f"{given[long]:g}" for long, short in constants.items() if isinstance(given.get(long), int | float)
        }
    if op.function == "group_norm":
        return {"groups": given.get("num_groups", 1)}
    if op.function == "cat":
        return {"dim": given.get("dim", 0)}
    return {}


def _image_shape(made: tuple[Value, ...], batch: int) -> tuple[int, ...]:
    if not made:
        return ()
    shape = made[0].shape
    return shape[1:] if shape and shape[0] == batch else shape


def _batch_note(step: Step, batch: int) -> tuple[str, ...]:
    before = {value.shape[0] for value in step.inputs if value.shape}
    after = {value.shape[0] for value in step.outputs if value.shape}
    if before == {batch} and len(after) == 1 and after != {batch} and all(v.shape for v in step.outputs):
        given = step.inputs[0].shape
        return (
            (
                f"the first dimension was the batch of {batch} and is now {after.pop()}: pictures are mixed up; an "
                f"image has {' x '.join(map(str, given[1:]))} = {prod(given[1:])} values",
            )
            if role_of_function(step.ops[0].function) == "reshape"
            else ()
        )
    return ()


def _field(sight: Sight | None, image: Value | None) -> tuple[tuple[int, ...] | None, tuple[int | float, ...] | None]:
    if sight is None or image is None:
        return None, None
    pixels = image.shape[2:]
    found = [sight.field(axis, n) for axis, n in enumerate(pixels)]
    if all(size == 0 for size, _ in found):
        return None, None
    field = tuple(-(-size.numerator // size.denominator) for size, _ in found)
    steps = [step for _, step in found]
    if any(step is None for step in steps):
        return field, None
    return field, tuple(int(s) if s.denominator == 1 else round(float(s), 2) for s in steps if s is not None)
