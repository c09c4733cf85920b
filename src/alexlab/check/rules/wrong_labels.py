"""Labels that are one-hot by mistake, or out of range."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.graph import Node
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING

_SAME = frozenset(
    {"to", "cuda", "cpu", "long", "int", "type", "clone", "detach", "contiguous", "squeeze", "view", "getitem"}
)
_FLOAT = frozenset({"float", "double", "half", "to", "type", "type_as"})


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[object] = set()
    for end in evidence.graph.ends:
        if end.loss not in ("cross_entropy", "nll_loss") or end.made is None or len(end.made.inputs) < 2:
            continue
        if end.place in seen:
            continue
        message = _one_hot(end.made.inputs[1], end.loss) or _shifted(end.made.inputs[1], end.answer)
        if message is not None:
            seen.add(end.place)
            yield found(RULE.name, "error", evidence, None, message, RULE.mend, end.place)


def _one_hot(target: Node, loss: str) -> Text | None:
    node, floated = target, False
    while node.op in _SAME | _FLOAT and node.inputs:
        floated = floated or node.op in _FLOAT
        node = node.inputs[0]
    if node.op != "one_hot" or (loss == "cross_entropy" and floated):
        return None  # cross-entropy takes rows of probabilities, where they are floats
    return Text(
        f"the loss is given one-hot labels; {'nll_loss' if loss == 'nll_loss' else 'cross-entropy'} expects the number of "
        "the class, and stops at integers of another shape.",
        "损失得到的是 one-hot 标签；它需要的是类别编号，遇到形状不同的整数会报错。",
    )


def _shifted(target: Node, answer: Node) -> Text | None:
    shift, node = 0, target
    while node.inputs:
        if node.op in ("add", "sub") and len(node.inputs) == 1:
            by = node.attributes.get("by")
            if not isinstance(by, int):
                return None
            shift += by if node.op == "add" else -by
        elif node.op not in _SAME:
            return None
        node = node.inputs[0]
    classes = node.attributes.get("classes") if node.op == "labels" else None
    outputs = answer.shape[1] if answer.shape is not None and len(answer.shape) == 2 else None
    if not shift or not isinstance(classes, int) or not isinstance(outputs, int):
        return None
    if shift >= 0 and classes - 1 + shift < outputs:
        return None
    return Text(
        f"the labels run from {shift} to {classes - 1 + shift} here, and the network has outputs 0 to {outputs - 1}: the "
        "loss stops at the first label that has none.",
        f"这里的标签从 {shift} 到 {classes - 1 + shift}，而网络的输出是 0 到 {outputs - 1}：损失会在第一个没有对应输出的标签处报错。",
    )


_LOSS = "criterion(network(images), labels)"

RULE = Rule(
    name="wrong-labels",
    title=Text("labels one-hot by mistake, or out of range", "误用 one-hot 或超出范围的标签"),
    why=Text(
        "PyTorch's losses take the number of each image's class, from 0 to K - 1. One-hot rows are for other frameworks; "
        "labels counted from 1 have no output for the last class.",
        "PyTorch 的损失接收每幅图像的类别编号，从 0 到 K - 1。one-hot 的行是其他框架的写法；从 1 数起的标签，最后一类没有对应的输出。",
    ),
    mend=Text("give the loss class numbers from 0: the dataset's labels as they are, or `labels.argmax(1)` of one-hot rows.",
              "把从 0 开始的类别编号交给损失：直接用数据集的标签，或对 one-hot 的行取 `labels.argmax(1)`。"),
    find=_find,
    bad=TRAINING.replace(_LOSS, "criterion(network(images), nn.functional.one_hot(labels, 10))"),
    good=TRAINING,
)  # fmt: skip
