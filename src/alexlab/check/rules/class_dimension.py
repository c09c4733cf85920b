"""The dimension of the classes, lost or mistaken for that of the images."""

from collections.abc import Iterator

from alexlab.check.finding import Edit, Finding, Text
from alexlab.check.graph import Batch, Node, ancestors
from alexlab.check.rule import Evidence, Rule, found, names_of
from alexlab.check.rules.ends import classification_ends
from alexlab.check.rules.softmax_before_cross_entropy import _PROGRAM

_OVER_CLASSES = frozenset({"argmax", "softmax", "log_softmax"})


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[object] = set()
    for end in classification_ends(evidence):
        shape = end.answer.shape
        if (
            end.loss in ("cross_entropy", "nll_loss")
            and shape is not None
            and len(shape) == 1
            and isinstance(shape[0], Batch)
        ):
            message = Text(
                "the loss is given one row for the whole batch, or one number for each image: the "
                "dimension of the classes is "
                "gone; it expects (images, classes).",
                "损失得到的是整个批次的一行，或每幅图像一个数：类别维丢失了；它需要的形状是（图像数，类别数）。",
            )
            yield found(RULE.name, "error", evidence, end.answer, message, RULE.mend, end.place)
    for node in evidence.graph.nodes:
        if node.op in _OVER_CLASSES and node.place not in seen and _over_images(node, evidence):
            seen.add(node.place)
            message = Text(
                f"{node.op} over dimension 0 compares the images of a batch with each other, not the "
                f"classes of an image.",
                f"沿第 0 维做 {node.op} 是在比较一个批次中的不同图像，而不是一幅图像的各个类别。",
            )
            yield found(
                RULE.name,
                "error",
                evidence,
                node,
                message,
                RULE.mend,
                edit=Edit("argument", names_of(node.op), "dim", None, "1"),
            )


def _over_images(node: Node, evidence: Evidence) -> bool:
    if not node.inputs:
        return False
    dim, shape = node.attributes.get("dim"), node.inputs[0].shape
    if shape is None or len(shape) != 2 or not isinstance(dim, int) or isinstance(dim, bool) or dim not in (0, -2):
        return False
    if evidence.program is None:
        return any(end.answer is each for end in evidence.graph.ends for each in ancestors(end.answer) if each is node)
    return shape[0] == Batch() and any(each.network is not None for each in ancestors(node.inputs[0]))


RULE = Rule(
    name="class-dimension",
    title=Text("a dropped or mistaken class dimension", "丢失或弄错的类别维"),
    why=Text(
        "Logits have the shape (images, classes). A loss that is given another shape stops, or pairs "
        "numbers with the wrong "
        "labels; softmax or argmax over dimension 0 mixes the images of a batch.",
        "logits 的形状是（图像数，类别数）。形状不对时，损失会报错，或把数字与错误的标签配对；沿第 0 "
        "维做 softmax 或 argmax 会把批次中的图像混在一起。",
    ),
    mend=Text("keep the shape (images, classes), and use dim=1.", "保持（图像数，类别数）的形状，并使用 dim=1。"),
    find=_find,
    bad=_PROGRAM.format(end=", nn.LogSoftmax(dim=0)").replace("CrossEntropyLoss", "NLLLoss"),
    good=_PROGRAM.format(end=", nn.LogSoftmax(dim=1)").replace("CrossEntropyLoss", "NLLLoss"),
)
