"""Maps put together over the images instead of over the channels."""

from collections.abc import Iterator

from alexlab.check.finding import Edit, Finding, Text
from alexlab.check.graph import Batch, ancestors
from alexlab.check.rule import Evidence, Rule, found


def _find(evidence: Evidence) -> Iterator[Finding]:
    seen: set[object] = set()
    for end in evidence.graph.ends:
        target = end.made.inputs[1] if end.made is not None and len(end.made.inputs) > 1 else None
        rows = end.answer.shape[0] if end.answer.shape else None
        if target is None or target.op != "labels" or target.shape != (Batch(),):
            continue
        if not isinstance(rows, Batch) or rows.times <= 1:
            continue
        for node in ancestors(end.answer):
            if node.op != "cat" or node.attributes.get("dim", 0) != 0 or node.network is None or node.place in seen:
                continue
            if len(node.inputs) < 2 or any(not each.shape or each.shape[0] != Batch() for each in node.inputs):
                continue
            seen.add(node.place)
            message = Text(
                f"`cat` joins over dimension 0, which counts the images: {len(node.inputs)} times as many answers as labels come out, and "
                "the loss stops.",
                f"`cat` 沿第 0 维（图像数）拼接：得到的输出是标签的 {len(node.inputs)} 倍，损失函数会报错。",
            )
            edit = Edit("argument", ("cat", "concat", "concatenate"), "dim", 1, "1")
            yield found(RULE.name, "error", evidence, node, message, RULE.mend, edit=edit)


_TWO = """\
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.small, self.large = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(1, 8, 5, padding=2)
        self.last = nn.Linear({channels} * 28 * 28, 10)

    def forward(self, images):
        maps = torch.relu(torch.cat([self.small(images), self.large(images)]{over}))
        return self.last(torch.flatten(maps, 1))


network = Network()
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
for images, labels in DataLoader(datasets.MNIST("data", transform=transforms.ToTensor()), batch_size=64, shuffle=True):
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(images), labels).backward()
    optimizer.step()
"""

RULE = Rule(
    name="cat-over-images",
    title=Text("`cat` over the images", "沿图像维拼接的 `cat`"),
    why=Text(
        "`torch.cat` joins over dimension 0 unless it is told another, and dimension 0 counts the images. Features of the same image "
        "are joined over dimension 1.",
        "`torch.cat` 默认沿第 0 维拼接，而第 0 维是图像数。同一幅图像的特征应沿第 1 维拼接。",
    ),
    mend=Text("say the dimension: `torch.cat(parts, dim=1)`.", "写明维度：`torch.cat(parts, dim=1)`。"),
    find=_find,
    bad=_TWO.format(channels=8, over=""),
    good=_TWO.format(channels=16, over=", dim=1"),
)
