"""Batch norm trained on batches of one image."""

from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.graph import ancestors
from alexlab.check.reading.values import Batches, Made
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[int] = set()
    for event in evidence.events:
        if event.kind != "backward" or event.node is None or not event.rounds:
            continue
        loader = event.rounds[-1].over
        while isinstance(loader, Batches):
            loader = loader.source
        if not isinstance(loader, Made) or loader.name != "torch.utils.data.DataLoader" or id(loader) in seen:
            continue
        given = loader.arguments
        if given.get("batch_size", 1) != 1 or given.get("batch_sampler") is not None or "**" in given:
            continue
        norm = next((n for n in ancestors(event.node) if n.op == "batch_norm" and n.training is True), None)
        if norm is None:
            continue
        seen.add(id(loader))
        flat = norm.shape is not None and len(norm.shape) == 2
        message = Text(
            "the network has batch norm and is trained on batches of one image: "
            + (
                "PyTorch stops, because one value has no deviation."
                if flat
                else "each image is normalised by itself, and evaluation by running statistics is another network."
            ),
            "网络含有 batch norm，却用只有一幅图像的批次训练："
            + (
                "单个值没有标准差，PyTorch 会报错。"
                if flat
                else "每幅图像各自归一化，而评估用滑动统计量，等于换了一个网络。"
            ),
        )
        yield found(RULE.name, "error" if flat else "warning", evidence, None, message, RULE.mend, loader.place)


_NORMED = TRAINING.replace(
    "nn.Linear(784, 128), nn.ReLU()", "nn.Linear(784, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU()"
)

RULE = Rule(
    name="batch-of-one",
    title=Text("batch norm with a batch size of 1", "批次大小为 1 时的 batch norm"),
    why=Text(
        "Batch norm in training subtracts the mean of the batch and divides by its deviation. With one image, a linear "
        "layer's output has none, and PyTorch stops; a feature map is normalised by itself. `DataLoader` has batch size 1 "
        "unless it is told another.",
        "训练时 batch norm 减去批次的均值再除以标准差。只有一幅图像时，全连接层的输出没有标准差，PyTorch 会报错；"
        "特征图则各自归一化。`DataLoader` 不指定时批次大小就是 1。",
    ),
    mend=Text(
        "train with larger batches (`batch_size=64`), or use group norm.",
        "用更大的批次训练（`batch_size=64`），或改用 group norm。",
    ),
    find=_find,
    bad=_NORMED.replace(", batch_size=64, shuffle=True", ", shuffle=True"),
    good=_NORMED,
)
