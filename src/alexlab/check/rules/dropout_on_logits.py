"""Dropout after the last layer."""

from collections.abc import Iterator

from alexlab.check.finding import Edit, Finding, Text
from alexlab.check.graph import SHAPE_ONLY, origins
from alexlab.check.rule import Evidence, Rule, called, found, names_of
from alexlab.check.rules.ends import classification_ends, is_answer_of_images, last_operations
from alexlab.check.rules.softmax_before_cross_entropy import _PROGRAM


def _find(evidence: Evidence) -> Iterator[Finding]:
    for end in classification_ends(evidence):
        if end.loss is None and not is_answer_of_images(end):
            continue
        for node in last_operations(end):
            if node.op != "dropout" or not node.inputs or node.attributes.get("p", 0.5) in (0, 0.0):
                continue
            if any(source.op not in ("linear", "conv") for source in origins(node.inputs[0], SHAPE_ONLY)):
                continue
            message = Text(
                f"{called(node)}: dropout on the logits: in training each class, the right one too, "
                f"is set to 0 at random, "
                "and the loss is noise that no weight can lower.",
                f"{called(node)}：对 logits 做 dropout：训练时每个类别（包括正确的那个）都会被随机置 "
                f"0，这部分损失是任何权重都降不下去的噪声。",
            )
            yield found(
                RULE.name, "warning", evidence, node, message, RULE.mend, edit=Edit("remove", names_of("dropout"))
            )
            break


RULE = Rule(
    name="dropout-on-logits",
    title=Text("dropout on the logits", "logits 上的 dropout"),
    why=Text(
        "Dropout makes hidden units independent of each other. On the logits it erases answers: with "
        "p = 0.5 the right class "
        "is set to 0 for half of the images, whatever the network computes, and the others are doubled.",
        "Dropout 的作用是让隐藏单元互不依赖。用在 logits 上则是抹去答案：p = 0.5 时，"
        "无论网络算出什么，一半图像的正确类别会被置 0，其余的被加倍。",
    ),
    mend=Text(
        "remove this dropout, or move it before the last linear layer.",
        "去掉这个 dropout，或把它移到最后一个全连接层之前。",
    ),
    find=_find,
    bad=_PROGRAM.format(end=", nn.Dropout(0.5)"),
    good=_PROGRAM.format(end=""),
)
