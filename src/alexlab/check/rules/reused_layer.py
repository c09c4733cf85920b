"""The same layer object used twice in one pass."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.graph import Node, ancestors
from alexlab.check.reading.values import Made
from alexlab.check.rule import Evidence, Rule, called, found
from alexlab.check.rules.networks import CONVOLUTION

_KINDS = frozenset({"linear", "conv", "batch_norm"})


def _find(evidence: Evidence) -> Iterator[Finding]:
    first: dict[tuple[int, int], list[Node]] = {}
    seen: set[int] = set()
    for node in evidence.graph.nodes:
        if node.op not in _KINDS or node.owner is None or node.network is None or not _is_layer(node.owner):
            continue
        before = first.setdefault((id(node.owner), id(node.network)), [])
        if id(node.owner) not in seen and any(_again(each, node) for each in before):
            seen.add(id(node.owner))
            norm = node.op == "batch_norm"
            message = Text(
                f"{called(node)} is used twice in one pass, in two lines: "
                + (
                    "its running mean and deviation mix those of two places, and fit neither in evaluation."
                    if norm
                    else "both places share its weights."
                ),
                f"{called(node)} 在一次前向中用了两次（在不同的两行）："
                + ("它的滑动均值和标准差混合了两个位置，评估时哪个都不符合。" if norm else "两处共用同一组权重。"),
            )
            yield found(RULE.name, "warning" if norm else "note", evidence, None, message, RULE.mend, node.place)
        before.append(node)


def _is_layer(owner: object) -> bool:
    if isinstance(owner, Made):
        return owner.name.startswith("torch.nn.")
    return type(owner).__module__ in ("torch.nn.modules.linear", "torch.nn.modules.conv", "torch.nn.modules.batchnorm")


def _again(before: Node, node: Node) -> bool:
    """Whether `node` works on what `before` gave, in another line of the same pass."""
    return (
        before.place != node.place
        and before.place is not None
        and before.rounds == node.rounds
        and any(each is before for each in ancestors(node))
    )


_TWO = CONVOLUTION.replace(
    "        maps = F.max_pool2d(F.relu(self.first(images)), 2)",
    "        maps = F.relu(self.norm(self.first(images)))\n"
    "        maps = F.relu(self.{second}(self.next(F.max_pool2d(maps, 2))))",
).replace("nn.Conv2d(1, 8, 5, stride=2)", "nn.Conv2d(1, 8, 5, stride=2, bias=False)")
_MORE = "\n        self.norm = nn.BatchNorm2d(8){other}\n        self.next = nn.Conv2d(8, 8, 3, padding=1, bias=False)"
_OTHER = "\n        self.other = nn.BatchNorm2d(8)"
_END = "self.last(maps.flatten(1))\n\n\nlogits = Network()(torch.randn(2, 1, 28, 28))"

RULE = Rule(
    name="reused-layer",
    title=Text("the same layer used twice", "同一个层用了两次"),
    why=Text(
        "A layer object is its weights. Called at two places of `forward` it is one layer at both: fewer weights than the "
        "drawing has, and for batch norm one running mean and deviation for two different signals, so that evaluation "
        "normalises both wrongly. For activations and pooling, which have no weights, it is right.",
        "一个层对象就是它的权重。在 `forward` 的两处调用，两处就是同一层：权重比图上画的少；对 batch norm 来说，"
        "两个不同的信号共用一组滑动均值和标准差，评估时两处的归一化都不对。激活和池化没有权重，重复使用没有问题。",
    ),
    mend=Text("make one layer for each place.", "每一处各建一个层。"),
    find=_find,
    bad=_TWO.format(more=_MORE.format(other=""), forward=_END, second="norm"),
    good=_TWO.format(more=_MORE.format(other=_OTHER), forward=_END, second="other"),
)
