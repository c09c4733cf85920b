"""A layer that is made and never called."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Place, Text
from alexlab.check.graph import ACTIVATIONS, Node
from alexlab.check.reading.signatures import LAYERS, LOSSES, WEIGHTED
from alexlab.check.reading.values import Made, Object, holds_layers, layers
from alexlab.check.rule import Evidence, Rule, found, measured
from alexlab.check.rules.view_mixes_images import _CLASS

_TRAINED = WEIGHTED | {"batch_norm", "layer_norm", "group_norm", "instance_norm"}


def _find(evidence: Evidence) -> Iterator[Finding]:
    if evidence.program is None:
        yield from _of_a_network(evidence)
        return
    nodes = evidence.graph.nodes
    called = {id(node.owner) for node in nodes}
    for network in evidence.program.networks:
        mine = [node for node in nodes if node.network is network]
        if not isinstance(network, Object) or not mine or not _followed(network, mine, evidence):
            continue
        seen: set[Place] = set()
        blocks = _idle(network, called)
        for path, layer in layers(network):
            block = next((each for each in blocks if path.startswith(f"{each}.")), None)
            if block is not None:
                if (place := blocks.pop(block)) is not None:
                    yield found(RULE.name, "warning", evidence, None, _block_said(block), RULE.mend, place)
                blocks[block] = None
                continue
            op = _operation(layer)
            if op is None or id(layer) in called or layer.place in seen:
                continue
            if any(id(each) in called for _, each in _alike(network, layer)):
                continue  # some of several that one line makes are used
            seen.add(layer.place)
            kind = layer.name.removeprefix("torch.nn.")
            matters = op in _TRAINED or op in ACTIVATIONS
            yield found(
                RULE.name, "warning" if matters else "note", evidence, None, _said(path, kind), RULE.mend, layer.place
            )


def _idle(network: Object, called: set[int]) -> dict[str, Place | None]:
    """Return the blocks of which no layer is called, the outermost ones, and where the first of their layers is made."""
    inside: dict[str, list[Made]] = {}
    for path, layer in layers(network):
        parts = path.split(".")
        for depth in range(1, len(parts)):
            inside.setdefault(".".join(parts[:depth]), []).append(layer)
    idle: dict[str, Place | None] = {}
    for block, made in inside.items():
        named = [layer for layer in made if _operation(layer) is not None]
        alone = len(named) > 1 and not any(id(layer) in called for layer in made)
        if (
            alone
            and any(_operation(layer) in _TRAINED for layer in named)
            and not any(block.startswith(f"{b}.") for b in idle)
        ):
            shared = any(id(each) in called for layer in named for _, each in _alike(network, layer))
            if not shared:
                idle[block] = named[0].place
    return idle


def _block_said(block: str) -> Text:
    return Text(
        f"{block} is made and none of its layers is ever called: the network works without it.",
        f"{block} 创建了，但其中的层从未被调用：网络里实际没有它。",
    )


def _alike(network: Object, layer: Made) -> list[tuple[str, Made]]:
    """Return the layers of the same kind that the same line makes, as a loop does."""
    return [each for each in layers(network) if each[1].place == layer.place and each[1].name == layer.name]


def _operation(layer: Made) -> str | None:
    """Return what a layer of PyTorch computes; None for containers, losses and what is not known."""
    op = LAYERS.get(layer.name.removeprefix("torch.nn."), ("", ()))[0]
    return op if op and op not in LOSSES and op not in ("mse_loss", "identity") else None


def _followed(network: Object, nodes: list[Node], evidence: Evidence) -> bool:
    """Whether all of its forward was followed: nothing in it is unknown, and it was given to nobody."""
    if any(node.op == "unknown" or (node.op == "either" and not node.inputs) for node in nodes):
        return False
    mine = {id(network), *(id(layer) for _, layer in layers(network)), *(id(each) for each in holds_layers(network))}
    return not any(event.kind == "escape" and id(event.subject) in mine for event in evidence.events)


def _of_a_network(evidence: Evidence) -> Iterator[Finding]:
    still = evidence.trial.still if evidence.trial is not None else ()
    for each in evidence.graph.uncalled:
        op = LAYERS.get(each.kind, ("", ()))[0]
        if op in _TRAINED and any(name.rpartition(".")[0] == each.layer for name in still):
            yield measured(RULE.name, "warning", _said(each.layer, each.kind), RULE.mend, each.layer)
        elif op in ACTIVATIONS and evidence.trial is not None:
            yield found(
                RULE.name, "note", evidence, Node("layer", layer=each.layer), _said(each.layer, each.kind), RULE.mend
            )


def _said(path: str, kind: str) -> Text:
    return Text(
        f"{path} ({kind}) is made and never called: the network works without it.",
        f"{path}（{kind}）创建了却从未调用：网络里实际没有它。",
    )


_GOOD = (
    _CLASS.format(features=16 * 14 * 14)
    .replace(
        "        self.classifier",
        "        self.hidden = nn.Linear(3136, 3136)\n        self.activation = nn.ReLU()\n        self.classifier",
    )
    .replace(
        "self.features(images).view(-1, 3136)", "self.activation(self.hidden(self.features(images).view(-1, 3136)))"
    )
)

RULE = Rule(
    name="unused-layer",
    title=Text("a layer that is made and never called", "创建了却从未调用的层"),
    why=Text(
        "`__init__` makes layers, `forward` uses them. An activation that only `__init__` mentions leaves two layers with "
        "nothing between them; a linear layer costs memory and is counted and saved, and never learns.",
        "`__init__` 创建层，`forward` 使用层。只在 `__init__` 里出现的激活函数使两层之间没有非线性；"
        "没被调用的全连接层占用内存，被计数、被保存，却永远不学习。",
    ),
    mend=Text("call it in `forward`, or remove it.", "在 `forward` 中调用它，或删掉它。"),
    find=_find,
    bad=_GOOD.replace("self.activation(self.hidden(self.features(images).view(-1, 3136)))",
                      "self.activation(self.features(images).view(-1, 3136))"),
    good=_GOOD,
)  # fmt: skip
