"""Parameters and multiply-adds of a layer, worked out with their numbers."""

from math import prod

from alexlab.describe.workings import Working, work_out, work_out_adaptive, work_out_padding
from alexlab.networks.windows import Side, adaptive_side
from alexlab.passes.functions import role
from alexlab.passes.trace import Op, Step, Value


def parameters_working(shapes: list[tuple[int, ...]], counted: int) -> str:
    """`11*11*3*96 + 96 = 34,944`: each weight as kernel, inputs, outputs, then each bias."""
    terms = ["*".join(map(str, _kernel_first(shape))) for shape in shapes]
    if not terms:
        return ""
    total = sum(prod(shape) for shape in shapes)
    text = " + ".join(terms)
    return f"{text} = {total:,}" if total == counted and (len(terms) > 1 or "*" in text) else f"{counted:,}"


def _kernel_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    """PyTorch's (outputs, inputs, kernel...) as people write it: kernel, inputs, outputs."""
    return (*shape[2:], shape[1], shape[0]) if len(shape) > 1 else (shape or (1,))


def multiply_adds_working(ops: list[Op], batch: int, counted: int) -> str:
    """How the multiply-adds of one image come about; "" where the layer's one product is not of a known kind."""
    products = [op for op in ops if role(op.function) in ("convolution", "linear")]
    if len(products) != 1 or not isinstance(products[0].arguments.get("weight"), Value):
        return ""
    op = products[0]
    weight, given = op.arguments["weight"].shape, op.arguments["input"].shape
    made = op.outputs[0].shape
    if op.function == "linear":
        positions = prod(made[:-1]) // batch
        factors = [*([positions] if positions > 1 else []), weight[1], weight[0]]
        text, total = "*".join(map(str, factors)), prod(factors)
    elif "transpose" in op.function:
        positions_in, each = given[2:], (*weight[2:], weight[1])
        text = f"{_product(given[1], *positions_in)} values * {_product(*each)} each"
        total = given[1] * prod(positions_in) * prod(each)
    else:
        units, each = (made[1], *made[2:]), (*weight[2:], weight[1])
        text, total = f"{_product(*units[1:], units[0])} units * {_product(*each)} each", prod(units) * prod(each)
    return f"{text} = {total:,}" if total == counted else ""


def connections_working(step: Step, made: tuple[int, ...], batch: int) -> tuple[str, int]:
    """How many connections a layer has that makes `made` of one image, worked out; "" and 0 where that is not known."""
    own = getattr(step.module, "connections", None)
    if callable(own):
        text, total = own(made)
        return f"{text} = {total:,}", int(total)
    products = [op for op in step.ops if role(op.function) in ("convolution", "linear")]
    if len(products) != 1 or not isinstance(products[0].arguments.get("weight"), Value):
        return "", 0
    op = products[0]
    weight, units = op.arguments["weight"].shape, op.outputs[0].shape
    if "transpose" in op.function or op.function == "bilinear":
        return "", 0
    biases = int(isinstance(op.arguments.get("bias"), Value))
    each = prod(weight[1:]) + biases
    total = prod(units) // batch * each
    shown = _product(*(units[2:] if len(units) > 2 else ()), units[1] if len(units) > 1 else 1)
    read = _product(*weight[2:], weight[1])
    text = f"{shown} units * ({read} + 1) each" if biases else f"{shown} units * {read} each"
    return f"{text} = {total:,}", total


def _product(*factors: int) -> str:
    return "*".join(map(str, factors))


def size_workings(ops: list[Op]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the output size of a layer worked out, and the notes to it; one line for height and width where they agree."""
    texts: list[str] = []
    notes: list[str] = []
    for op in ops:
        per_side = _per_side(op)
        same = len({(working.text, working.notes) for working in per_side}) == 1
        names = {2: ("height", "width"), 3: ("depth", "height", "width")}.get(len(per_side), ("length",))
        for i, working in enumerate(per_side[:1] if same else per_side):
            start = "" if same or len(per_side) == 1 else f"{names[i]}: "
            texts.append(start + working.text)
            notes.extend(start + note for note in working.notes)
    return tuple(texts), tuple(notes)


def _per_side(op: Op) -> list[Working]:
    given = op.arguments.get("input")
    if not isinstance(given, Value) or not op.outputs:
        return []
    window = op.sides()
    if window is not None:
        return [work_out(n, side) for n, side in zip(given.shape[-len(window) :], window, strict=True)]
    if op.function.startswith("adaptive"):
        dimensions = int(op.function[-2])
        asked = op.outputs[0].shape[-dimensions:]
        return [work_out_adaptive(n, size) for n, size in zip(given.shape[-dimensions:], asked, strict=True)]
    if op.function == "pad" and isinstance(op.arguments.get("pad"), tuple):
        pad = op.arguments["pad"]
        ends = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)][::-1]
        grown = zip(given.shape[-len(ends) :], ends, strict=True)
        return [work_out_padding(n, before, after) for n, (before, after) in grown]
    return []


def fitting_window(ops: list[Op]) -> tuple[Side, ...] | None:
    """Return the window of the layer's one convolution or pooling call, an evenly dividing adaptive pooling included."""
    for op in ops:
        window = op.sides()
        if window is not None:
            return window
        if op.function.startswith("adaptive") and op.outputs:
            dimensions = int(op.function[-2])
            pairs = zip(op.arguments["input"].shape[-dimensions:], op.outputs[0].shape[-dimensions:], strict=True)
            bins = [adaptive_side(n, size) for n, size in pairs]
            return tuple(side for side in bins if side is not None) if None not in bins else None
    return None


def flattened_from(step: Step) -> tuple[int, ...]:
    """Return the shape, without the batch, that a reshape made into one row of values; () where it did none."""
    for op in step.ops:
        given = op.arguments.get("input", op.arguments.get("0"))
        if isinstance(given, Value) and op.outputs and len(op.outputs[0].shape) == 2 and len(given.shape) > 2:
            return given.shape[1:]
    return ()
