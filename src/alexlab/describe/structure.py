"""The shape of a network as people draw it: blocks of one weighted layer and what follows it, in one or more towers."""

from dataclasses import dataclass

from alexlab.describe.description import Description, Layer
from alexlab.describe.tables import settings_text, shape_text

FOLLOWERS = ("activation", "normalisation", "pooling", "dropout", "softmax")

NAMES = {
    "relu": "ReLU", "relu_": "ReLU", "sigmoid": "Sigmoid", "tanh": "Tanh", "gelu": "GELU", "silu": "SiLU", "elu": "ELU",
    "leaky_relu": "LeakyReLU", "relu6": "ReLU6", "softmax": "Softmax", "log_softmax": "LogSoftmax",
    "local_response_norm": "LRN", "LocalResponseNorm": "LRN", "batch_norm": "BatchNorm", "BatchNorm2d": "BatchNorm",
}  # fmt: skip


@dataclass(frozen=True)
class Tower:
    """A weighted layer and what follows it before the next one. `reads` are indices of towers of the block before."""

    layer: Layer
    then: tuple[Layer, ...]
    reads: tuple[int, ...]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """What the next block reads from this tower."""
        shapes = [layer.output_shape for layer in self.then if len(layer.output_shape) == len(self.layer.output_shape)]
        return shapes[-1] if shapes else self.layer.output_shape


@dataclass(frozen=True)
class Block:
    """Layers at the same depth: one tower in most networks, two in the AlexNet of 2012."""

    label: str
    towers: tuple[Tower, ...]

    @property
    def role(self) -> str:
        """Return convolution or linear."""
        return self.towers[0].layer.role

    @property
    def alike(self) -> bool:
        """Whether its towers are the same layer, each with its own weights."""
        first = self.towers[0].layer
        return all(
            (t.layer.settings, t.layer.output_shape) == (first.settings, first.output_shape) for t in self.towers
        )

    @property
    def crosses(self) -> bool:
        """Whether a tower reads more than one tower of the block before."""
        return any(len(tower.reads) > 1 for tower in self.towers)


def blocks(description: Description) -> tuple[Block, ...]:
    """Return the weighted layers of a network in order of depth. conv1, conv2, ..., then fc6, fc7, ... counted on.

    The depth of a layer is the longest way to it, in weighted layers; layers of the same depth are towers of one block.
    """
    depth: dict[int, int] = {-1: 0}
    leads: dict[int, tuple[int, ...]] = {-1: ()}  # the weighted layers that a layer comes right after
    mains: dict[int, list[int]] = {}
    reads: dict[int, tuple[int, ...]] = {}
    after: dict[int, list[Layer]] = {}
    for i, layer in enumerate(description.layers):
        deepest = max((depth[r] for r in layer.reads), default=0)
        sources = dict.fromkeys(m for r in layer.reads if depth[r] == deepest for m in leads[r])
        if _is_weighted(layer):
            depth[i], leads[i] = deepest + 1, (i,)
            reads[i] = tuple(mains.get(deepest, []).index(m) for m in sources)
            mains.setdefault(deepest + 1, []).append(i)
            after[i] = []
        else:
            depth[i], leads[i] = deepest, tuple(sources)
            for m in sources:
                if layer.role in FOLLOWERS:
                    after[m].append(layer)
    made = []
    for level in sorted(mains):
        towers = tuple(Tower(description.layers[m], tuple(after[m]), reads[m]) for m in mains[level])
        made.append(Block(f"{'conv' if towers[0].layer.role == 'convolution' else 'fc'}{level}", towers))
    return tuple(made)


def short_name(description: Description) -> str:
    """Return the network's name for a drawing: `Net` where the command line says `folder/module.py:Net`."""
    return description.network.rpartition(":")[2]


def _is_weighted(layer: Layer) -> bool:
    return layer.role in ("convolution", "linear") and bool(layer.parameters or layer.shared_with or layer.connections)


def layer_text(layer: Layer) -> str:
    """Return a layer in a few words: `96 of 11x11, s 4`, `4096`, `max 3x3, s 2`, `ReLU`, `dropout 0.5`."""
    settings = settings_text(layer.settings)
    if layer.role == "convolution":
        return settings
    if layer.role == "linear":
        return f"{layer.output_shape[-1] if layer.output_shape else 1}"
    if layer.role == "pooling":
        return f"{pooling_kind(layer)} pool {settings}".strip()
    if layer.role == "padding":
        return f"padding {layer.settings.get('padding', '')}".strip()
    if layer.role == "dropout":
        name = "dropout" if layer.kind.lower() == "dropout" else layer.kind
        return f"{name} {layer.settings.get('p', '')}".strip()
    return NAMES.get(layer.kind, layer.kind)


def pooling_kind(layer: Layer) -> str:
    """max, average, adaptive average, ...: from the class or function."""
    kind = layer.kind.lower()
    names = [
        name
        for part, name in (("adaptive", "adaptive"), ("max", "max"), ("avg", "average"), ("lp", "Lp"))
        if part in kind
    ]
    return " ".join(names) or layer.kind


def block_text(block: Block) -> str:
    """Return what a block's weighted layers are: `96 of 11x11, s 4 -> 96x55x55`, `2 x (48 of 11x11, s 4) -> ...`."""
    if not block.alike:
        return "; ".join(_tower_text(tower.layer) for tower in block.towers)
    text = _tower_text(block.towers[0].layer)
    if len(block.towers) == 1:
        return text
    return f"{len(block.towers)} x ({text})" + (", each reads all" if block.crosses else "")


def _tower_text(layer: Layer) -> str:
    if layer.role == "linear":
        return layer_text(layer)
    return f"{layer_text(layer)} -> {shape_text(layer.output_shape)}"


def then_text(block: Block) -> str:
    """Return what follows a block's weighted layers, in order."""
    then = block.towers[0].then
    parts = [layer_text(layer) for layer in then]
    if any(layer.role == "pooling" for layer in then):
        last = max(i for i, layer in enumerate(then) if layer.role == "pooling")
        parts[last] += f" -> {shape_text(then[last].output_shape)}"
    return ", ".join(parts)
