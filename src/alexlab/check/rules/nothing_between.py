"""Two linear or two convolution layers with nothing between them."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.graph import Node
from alexlab.check.rule import Evidence, Rule, called, found
from alexlab.check.rules.second_head import IMAGENET_CLASSES
from alexlab.check.rules.softmax_before_cross_entropy import _PROGRAM
from alexlab.check.rules.stacks import linear_pairs, width


def _find(evidence: Evidence) -> Iterator[Finding]:
    for first, second in linear_pairs(evidence):
        if first.op == "model" or _is_factorised(first, second):
            continue
        wide, out = width(first, "out"), width(second, "out")
        if second.op == "linear" and wide == IMAGENET_CLASSES and out is not None and out < wide:
            continue  # second-head says it
        kind = Text("linear", "全连接") if first.op == "linear" else Text("convolution", "卷积")
        message = Text(
            f"{called(first)} and {called(second)} are two {kind.en} layers with nothing between them "
            f"that is not linear: "
            "together they can do no more than one layer.",
            f"{called(first)} 和 {called(second)} 是两个{kind.zh}层，中间没有任何非线性：两层合起来并不比一层强。",
        )
        yield found(RULE.name, "warning", evidence, second, message, RULE.mend)
    for first, second in linear_pairs(evidence, maxima=True):
        if first.op == "model" or _is_factorised(first, second):
            continue
        message = Text(
            f"between {called(first)} and {called(second)} stands max pooling and no activation: the largest value is not linear, "
            "so that the second layer is not useless, but the network has less to bend with than one with an activation.",
            f"{called(first)} 和 {called(second)} 之间只有最大池化，没有激活函数：取最大值不是线性的，所以第二层并非无用，"
            "但非线性比有激活函数时少。",
        )
        yield found(RULE.name, "note", evidence, second, message, RULE.mend)


def _is_factorised(first: Node, second: Node) -> bool:
    """Return whether this is a deliberate factorisation, or may be one.

    That is a bottleneck, a depthwise or a one-dimensional kernel, patches, or sizes that are not known.
    """
    wide, into, out = width(first, "out"), width(first, "in"), width(second, "out")
    if wide is None or (width(second, "in") not in (None, wide) and first.op == "linear" and second.shape is None):
        return True
    if into is not None and out is not None and wide < into and wide < out:
        return True
    if first.op != "conv":
        return False
    for node in (first, second):
        kernel, groups = node.attributes.get("kernel_size"), node.attributes.get("groups", 1)
        if groups != 1 or kernel is None or (isinstance(kernel, tuple | list) and len(set(kernel)) > 1):
            return True
    stride = first.attributes.get("stride", 1)
    kernel = first.attributes.get("kernel_size")
    square = kernel[0] if isinstance(kernel, tuple | list) else kernel
    steps = stride[0] if isinstance(stride, tuple | list) else stride
    return bool(square == steps and square != 1)


RULE = Rule(
    name="nothing-between",
    title=Text("two layers with nothing between them", "两层之间没有非线性"),
    why=Text(
        "A linear layer of a linear layer is a linear layer: the product of the two matrices. "
        "Without an activation between "
        "them the second adds weights and time, and nothing that the network can express. Dropout does not help: in "
        "evaluation it is nothing.",
        "线性层的线性层仍是线性层，即两个矩阵之积。中间没有激活函数时，第二层只增加权重和时间，"
        "不增加网络的表达能力。dropout 也不算：评估时它什么都不做。",
    ),
    mend=Text(
        "put an activation, such as ReLU, between them, or make them one layer.",
        "在两层之间加上激活函数（如 ReLU），或合并为一层。",
    ),
    find=_find,
    bad=_PROGRAM.format(end="").replace("nn.ReLU(), ", ""),
    good=_PROGRAM.format(end=""),
)
