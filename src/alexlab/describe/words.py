"""What the numbers say, in sentences: where the parameters, the work and the memory sit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from alexlab.describe.tables import field_text, megabytes, percent
from alexlab.showing import listed

if TYPE_CHECKING:
    from alexlab.describe.description import Description, Failure, Layer

MULTIPLY_ADD = (
    "A multiply-add is one product of a weight and a value, added to a sum: the one step of which convolutions and "
    "fully connected layers consist. Biases, pooling and activations are not counted. In FLOPs each counts as two."
)

LEGEND = (
    "window: s stride, p padding at each end, d dilation, g groups. field: pixels of the input, a side, that can "
    "change a unit. step: pixels of the input between neighbouring units. activations: memory that the outputs take. "
    "kept: memory that training keeps for the backward pass."
)


def sentences(description: Description) -> list[str]:
    """Return the paragraphs under the tables."""
    totals = description.totals
    if description.failure is not None:
        return list(description.notes)
    found = [_parameters(description), _work(description), _memory(description)]
    if totals.multiply_adds:
        found.append(MULTIPLY_ADD)
    sight = _sight(description)
    return [text for text in [*found, sight, _unused(description), *description.notes] if text]


def _largest(layers: Iterable[Layer], key: Callable[[Layer], int]) -> Layer | None:
    found = max(layers, key=key, default=None)
    return found if found is not None and key(found) > 0 else None


def _by_role(description: Description, key: Callable[[Layer], int]) -> list[tuple[str, int, int]]:
    """Return sums by role, largest first: name of the role, sum, how many layers."""
    names = {"linear": "fully connected", "convolution": "convolution"}
    sums: dict[str, tuple[int, int]] = {}
    for layer in description.layers:
        if key(layer):
            name = layer.kind if layer.role == "other" else layer.role
            total, count = sums.get(name, (0, 0))
            sums[name] = (total + key(layer), count + 1)
    ordered = sorted(sums.items(), key=lambda item: -item[1][0])
    return [(names.get(role, role), total, count) for role, (total, count) in ordered]


def _shares(description: Description, key: Callable[[Layer], int], total: int, verb: str) -> str:
    parts = []
    for role, amount, count in _by_role(description, key):
        layers = "one layer" if count == 1 else f"{count} layers"
        parts.append(f"{role} {amount:,} ({percent(amount / total)}, {layers})")
    return f"{verb} {'; '.join(parts)}."


def _parameters(description: Description) -> str:
    totals = description.totals
    if not totals.parameters:
        return "No parameters."
    weights = ", ".join(f"{megabytes(size)} as {dtype}" for dtype, size in totals.weight_bytes.items())
    text = (
        f"Parameters: {totals.parameters:,} ({totals.trainable:,} trainable, {totals.frozen:,} frozen; "
        f"{totals.buffers:,} values in buffers besides): {weights}. "
    )
    text += _shares(description, lambda layer: layer.parameters, totals.parameters, "They sit in:")
    largest = _largest(description.layers, lambda layer: layer.parameters)
    if largest is not None:
        text += f" Most in one layer: {_called(largest)}, {largest.parameters:,} ({percent(largest.share)})."
    return text


def _work(description: Description) -> str:
    totals = description.totals
    if not totals.multiply_adds:
        return "Work: no multiply-adds."
    text = f"Work: {totals.multiply_adds:,} multiply-adds for one image. "
    text += _shares(description, lambda layer: layer.multiply_adds, totals.multiply_adds, "They are done in:")
    largest = _largest(description.layers, lambda layer: layer.multiply_adds)
    assert largest is not None
    text += f" Most in one layer: {_called(largest)}, {percent(largest.multiply_adds / totals.multiply_adds)}."
    step = totals.training_step_multiply_adds
    if step is None:
        return text + " A training step could not be followed, so its work is not known."
    times = step / (totals.multiply_adds * description.batch)
    text += f" A training step of {_images(description)} does {step:,}: {times:.3g} times the forward pass."
    if 2.0 < times < 3.0 and totals.frozen == 0:
        text += (
            " Going back, each layer works once for the gradient of its weights and once for that of its input; the "
            "first needs none for the picture."
        )
    return text


def _memory(description: Description) -> str:
    totals = description.totals
    text = (
        f"Memory, for {_images(description)} as float32: "
        if _float32(description)
        else f"Memory, for {_images(description)}: "
    )
    text += f"{megabytes(totals.input_bytes)} of input, {megabytes(totals.activation_bytes)} of activations"
    largest = _largest(description.layers, lambda layer: layer.activation_bytes)
    if largest is not None:
        text += f" (largest: {_called(largest)}, {megabytes(largest.activation_bytes)})"
    if totals.kept_bytes is not None:
        text += f"; training keeps {megabytes(totals.kept_bytes)} of them and of masks for the backward pass"
    return text + "."


def _float32(description: Description) -> bool:
    return all(
        layer.activation_bytes in (0, 4 * layer.units * description.batch)
        for layer in description.layers
        if layer.units
    )


def _sight(description: Description) -> str:
    convolutions = [layer for layer in description.layers if layer.role == "convolution" and layer.receptive_field]
    if not convolutions:
        return ""
    last = convolutions[-1]
    field = field_text(last, description)
    image = next((shape[1:] for shape in description.inputs if len(shape) > 1), ())
    pixels = "x".join(map(str, image))
    return f"Sight: one unit of the last convolution ({last.name}) sees {field} pixels a side, of an input of {pixels}."


def _unused(description: Description) -> str:
    if not description.unused:
        return ""
    total = sum(count for _, count in description.unused)
    names = listed([name for name, _ in description.unused], 4)
    return f"Not used in this pass, but counted: {names} ({total:,} parameters)."


def _called(layer: Layer) -> str:
    return f"{layer.name} ({layer.kind})" if layer.kind.lower() != layer.name.lower() else layer.name


def _images(description: Description) -> str:
    return "one image" if description.batch == 1 else f"{description.batch} images"


def failure_lines(failure: Failure) -> list[tuple[str, str]]:
    """Return what there is to say of a failure, as label and text."""
    lines = [
        ("found", failure.found),
        ("expected", failure.expected),
        ("mend", failure.mend),
        ("input sizes that work as it stands", failure.sizes),
        ("PyTorch says", failure.error),
    ]
    return [(label, text) for label, text in lines if text]


def failure_message(failure: Failure) -> str:
    """Return the failure as one error."""
    where = f"{failure.layer} ({failure.kind})" if failure.kind and failure.kind != failure.layer else failure.layer
    return f"shapes do not fit at {where}\n" + "\n".join(f"  {label}: {text}" for label, text in failure_lines(failure))
