"""Layers that the network does not know of, because a plain list holds them."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.reading.signatures import WEIGHTED
from alexlab.check.reading.values import Object, holds_layers, layers
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.networks import CONVOLUTION


def _find(evidence: Evidence) -> Iterator[Finding]:
    hidden: dict[int, set[int]] = {}
    seen: set[object] = set()
    for node in evidence.graph.nodes:
        if node.op not in WEIGHTED | {"batch_norm"}:
            continue
        if isinstance(node.network, Object):
            if id(node.network) not in hidden:
                known = {id(layer) for _, layer in layers(node.network)}
                hidden[id(node.network)] = {id(each) for each in holds_layers(node.network)} - known
            lost = id(node.owner) in hidden[id(node.network)]
        else:
            lost = node.attributes.get("unregistered") is True
        if not lost or node.place in seen:
            continue
        seen.add(node.place)
        message = Text(
            "the layer that is called here is no part of the network: a plain list or dict holds it. `parameters()` does "
            "not have its weights, so that no optimiser trains them, `state_dict()` does not save them and `to()` does not "
            "move them.",
            "这里调用的层不是网络的一部分：它放在普通的列表或字典里。`parameters()` 不包含它的权重，优化器不会训练它，"
            "`state_dict()` 不会保存它，`to()` 也不会移动它。",
        )
        yield found(RULE.name, "error", evidence, None, message, RULE.mend, node.place)


_PROGRAM = CONVOLUTION.replace(
    "        return {forward}",
    "        for part in self.parts:\n            maps = part(maps.flatten(1)).relu()\n        return {forward}",
)
_END = "self.last(maps)\n\n\nlogits = Network()(torch.randn(2, 1, 28, 28))"
_MORE = "\n        self.parts = {held}"

RULE = Rule(
    name="unregistered-layer",
    title=Text("layers in a plain list", "放在普通列表里的层"),
    why=Text(
        "`nn.Module` registers what is assigned to it: layers, and containers of its own kind. It does not look into "
        "lists, tuples and dicts of Python. The layers in them compute, and stay as random as they started.",
        "`nn.Module` 只登记直接赋给它的层和它自己的容器，不会查看 Python 的列表、元组和字典。"
        "里面的层照常计算，却永远停在随机初值上。",
    ),
    mend=Text("hold them in `nn.ModuleList` (or `nn.ModuleDict`, `nn.Sequential`).",
              "用 `nn.ModuleList`（或 `nn.ModuleDict`、`nn.Sequential`）来放。"),
    find=_find,
    bad=_PROGRAM.format(more=_MORE.format(held="[nn.Linear(8 * 6 * 6, 8 * 6 * 6)]"), forward=_END),
    good=_PROGRAM.format(more=_MORE.format(held="nn.ModuleList([nn.Linear(8 * 6 * 6, 8 * 6 * 6)])"), forward=_END),
)  # fmt: skip
