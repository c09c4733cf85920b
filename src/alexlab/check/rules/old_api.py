"""What older versions of PyTorch had, and today's fails at or does not heed."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Severity, Text
from alexlab.check.graph import SHAPE_ONLY, Node, behind
from alexlab.check.reading.program import Event
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING

_LOSSES = ("cross_entropy", "nll_loss", "bce", "bce_with_logits", "mse_loss")


def _find(evidence: Evidence) -> Iterator[Finding]:
    if evidence.program is None:
        return
    seen: set[object] = set()
    for node in evidence.graph.nodes:
        if _is_element_of_number(node) and node.place not in seen:
            seen.add(node.place)
            message = Text(
                "a loss is one number without dimensions, and `[0]` of it stops with an IndexError since PyTorch 0.5.",
                "损失是一个没有维度的数，自 PyTorch 0.5 起对它取 `[0]` 会报 IndexError。",
            )
            fix = Text("take its number: `loss.item()`.", "取它的数值：`loss.item()`。")
            yield found(RULE.name, "error", evidence, None, message, fix, node.place)
    for event in evidence.events:
        if event.kind == "call" and event.subject != "torch.Tensor" and event.place not in seen:
            for severity, message, fix in _said(event):
                seen.add(event.place)
                yield found(RULE.name, severity, evidence, None, message, fix, event.place)


def _is_element_of_number(node: Node) -> bool:
    if node.op != "getitem" or not node.inputs or node.attributes.get("key") != 0:
        return False
    loss = behind(node.inputs[0], SHAPE_ONLY | {"detach"})
    given = loss.attributes
    return (
        loss.op in _LOSSES and given.get("reduction", "mean") in ("mean", "sum") and given.get("reduce") in (None, True)
    )


def _said(event: Event) -> Iterator[tuple[Severity, Text, Text]]:
    given = event.detail
    if event.subject == "next":
        yield (
            "error",
            Text(
                "an iterator over a loader has no method `next` since PyTorch 1.13: AttributeError.",
                "自 PyTorch 1.13 起，数据加载器的迭代器没有 `next` 方法：AttributeError。",
            ),
            Text("call Python's function: `next(iterator)`.", "用 Python 的函数：`next(iterator)`。"),
        )
    elif event.subject in _TRANSFORMS:
        now = _TRANSFORMS[event.subject]
        name = event.subject.rsplit(".", 1)[-1]
        yield (
            "error",
            Text(
                f"torchvision has no `{name}` any more: AttributeError.",
                f"torchvision 已没有 `{name}`：AttributeError。",
            ),
            Text(f"it is called `{now}` now.", f"它现在叫 `{now}`。"),
        )
    elif given.get("volatile") is True:
        yield (
            "warning",
            Text(
                "`volatile=True` has no effect since PyTorch 0.4: gradients are recorded all the same, which takes memory and time.",
                "自 PyTorch 0.4 起 `volatile=True` 不起作用：照样记录梯度，占用内存和时间。",
            ),
            Text("put the evaluation under `with torch.no_grad():`.", "把评估放在 `with torch.no_grad():` 之下。"),
        )
    elif isinstance(given.get("size_average"), bool) or isinstance(given.get("reduce"), bool):
        each = given.get("reduce") is False
        now = "none" if each else "mean" if given.get("size_average", True) else "sum"
        yield (
            "note",
            Text(
                "`size_average` and `reduce` are deprecated: PyTorch warns, and will take them away.",
                "`size_average` 和 `reduce` 已弃用：PyTorch 会警告，将来会去掉它们。",
            ),
            Text(f"write `reduction='{now}'`.", f"写成 `reduction='{now}'`。"),
        )


_TRANSFORMS = {
    "torchvision.transforms.Scale": "Resize",
    "torchvision.transforms.RandomSizedCrop": "RandomResizedCrop",
}

RULE = Rule(
    name="old-api",
    title=Text("names of an older PyTorch", "旧版 PyTorch 的写法"),
    why=Text(
        "Books and answers from 2017 to 2019 use names that are gone (`loss.data[0]`, `iterator.next()`, "
        "`transforms.Scale`), where today's PyTorch stops, and some that are not heeded (`volatile=True`).",
        "2017 到 2019 年的书和回答使用的写法有些已不存在（`loss.data[0]`、`iterator.next()`、`transforms.Scale`），"
        "今天的 PyTorch 会报错；有些则不再起作用（`volatile=True`）。",
    ),
    mend=Text("write today's form, which the finding names.", "改用结果中给出的今天的写法。"),
    find=_find,
    bad=TRAINING.replace("loss.item()", "loss.data[0]"),
    good=TRAINING,
)
