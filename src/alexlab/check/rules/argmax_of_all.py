"""A prediction that is one number for the whole batch."""

from collections.abc import Iterator

from alexlab.check.finding import Edit, Finding, Text
from alexlab.check.graph import SHAPE_ONLY, Batch, Node, origins
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[object] = set()
    for node in evidence.graph.nodes:
        if node.op not in ("argmax", "argmin") or node.attributes.get("dim") is not None or node.place in seen:
            continue
        shape = node.inputs[0].shape if node.inputs else None
        if shape is None or len(shape) < 2 or shape[0] != Batch() or not _held_against_labels(node):
            continue
        seen.add(node.place)
        message = Text(
            f"`{node.op}` without `dim` gives one number for the whole batch, its place among all images' logits: held "
            "against the labels it says nothing.",
            f"不带 `dim` 的 `{node.op}` 对整个批次只给出一个数，即在所有图像的 logits 中的位置：拿它与标签比较没有意义。",
        )
        edit = Edit("argument", (node.op,), "dim", None, "1")
        yield found(RULE.name, "error", evidence, node, message, RULE.mend, node.place, edit=edit)


def _held_against_labels(node: Node) -> bool:
    """Whether a prediction is compared with the labels of batches of more than one image."""
    for each in node.consumers:
        if each.op in SHAPE_ONLY | {"detach"} and _held_against_labels(each):
            return True
        for other in each.inputs if each.op in ("eq", "ne") else ():
            source = next((made for made in origins(other, SHAPE_ONLY | {"detach"}) if made.op == "labels"), None)
            loader = source.attributes.get("source") if source is not None else None
            if loader is not None and getattr(loader, "arguments", {}).get("batch_size", 1) != 1:
                return True
    return False


RULE = Rule(
    name="argmax-of-all",
    title=Text("an argmax over the whole batch", "对整个批次取 argmax"),
    why=Text(
        "Without `dim`, argmax looks for the largest value of the whole tensor and gives its place among N x K values. The "
        "comparison with N labels still works, by broadcasting, and the accuracy is near zero.",
        "不带 `dim` 时，argmax 在整个张量中找最大值，给出它在 N x K 个值中的位置。与 N 个标签的比较因广播仍可进行，而精度接近零。",
    ),
    mend=Text("say over which dimension: `logits.argmax(1)`.", "写明沿哪一维：`logits.argmax(1)`。"),
    find=_find,
    bad=TRAINING.replace("argmax(1)", "argmax()"),
    good=TRAINING,
)
