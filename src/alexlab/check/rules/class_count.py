"""As many outputs as there are classes."""

import ast
from collections.abc import Iterator
from dataclasses import replace

from alexlab.check.finding import Edit, Finding, Place, Text
from alexlab.check.graph import Node, origins
from alexlab.check.reading.values import Function, Made, Object
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.ends import classification_ends, is_answer_of_images
from alexlab.check.rules.softmax_before_cross_entropy import _PROGRAM


def _find(evidence: Evidence) -> Iterator[Finding]:
    for end in classification_ends(evidence):
        classes = end.target_classes if end.target_classes is not None else evidence.classes
        shape = end.answer.shape
        if (
            classes is None
            or shape is None
            or not is_answer_of_images(end)
            or end.loss not in (None, "cross_entropy", "nll_loss")
        ):
            continue
        outputs = shape[1]
        if not isinstance(outputs, int) or outputs == classes:
            continue
        few = outputs < classes
        message = Text(
            f"the network gives {outputs} outputs for {classes} classes: "
            + (
                "labels without an output stop the training with an index error."
                if few
                else f"the other {outputs - classes} can never be right, and only cost time and accuracy."
            ),
            f"网络给出 {outputs} 个输出，而类别有 {classes} 个："
            + (
                "没有对应输出的标签会使训练因下标越界而中止。"
                if few
                else f"多出的 {outputs - classes} 个永远不可能正确，只会浪费时间和精度。"
            ),
        )
        fix = Text(f"make the last layer's output {classes}.", f"把最后一层的输出改为 {classes}。")
        nodes = [node for node in origins(end.answer) if node.op in ("linear", "conv", "model")]
        told = _told(evidence, end.network, nodes[0]) if nodes else None
        if told is not None:
            name, place, edit = told
            fix = Text(f"make the network with {name}={classes}.", f"建立网络时用 {name}={classes}。")
            yield found(
                RULE.name,
                "error" if few else "warning",
                evidence,
                nodes[0],
                message,
                fix,
                place=place,
                edit=replace(edit, value=str(classes)),
            )
            continue
        yield found(
            RULE.name,
            "error" if few else "warning",
            evidence,
            nodes[0] if nodes else end.answer,
            message,
            fix,
            edit=Edit("argument", ("Linear",), "out_features", 1, str(classes)),
        )


def _told(evidence: Evidence, network: object, last: Node) -> tuple[str, Place, Edit] | None:
    """Return the argument that the last layer's width comes from, and the call that makes the network; None where it is no argument."""
    if evidence.program is None or not isinstance(network, Object) or not isinstance(last.owner, Made):
        return None
    start = network.cls.find("__init__")
    source = evidence.program.sources.get(network.cls.place.file)
    if not isinstance(start, Function) or source is None or last.owner.place.file != source.path:
        return None
    names = [each.arg for each in (*start.node.args.args[1:], *start.node.args.kwonlyargs)]
    for call in ast.walk(start.node):
        if not isinstance(call, ast.Call) or source.place(call.lineno) != last.owner.place:
            continue
        if not isinstance(call.func, ast.Attribute | ast.Name) or not last.owner.name.endswith(
            ast.unparse(call.func).rpartition(".")[2]
        ):
            continue
        wide = [*call.args[1:2], *(k.value for k in call.keywords if k.arg in ("out_features", "out_channels"))]
        name = next((each.id for each in wide if isinstance(each, ast.Name) and each.id in names), None)
        if name is not None:
            position = names.index(name) if name in [each.arg for each in start.node.args.args] else None
            return name, network.place, Edit("argument", (network.cls.name,), name, position)
    return None


RULE = Rule(
    name="class-count",
    title=Text("a last layer that is not the class count", "最后一层与类别数不符"),
    why=Text(
        "Each class has one output. With fewer outputs than classes PyTorch stops at the first label "
        "that has none; with more, "
        "the network must first learn that the others never occur.",
        "每个类别对应一个输出。输出少于类别时，PyTorch 会在第一个没有输出的标签处报错；多于类别时，"
        "网络先要学会其余的从不出现。",
    ),
    mend=Text("make the last layer as wide as there are classes.", "让最后一层的宽度等于类别数。"),
    find=_find,
    bad=_PROGRAM.format(end="").replace("nn.Linear(128, 10)", "nn.Linear(128, 1000)"),
    good=_PROGRAM.format(end=""),
)
