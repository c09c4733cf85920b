"""A dataset whose `__getitem__` changes what it holds."""

import ast
from collections.abc import Iterator

from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.written import sources


def _find(evidence: Evidence) -> Iterator[Finding]:
    for source in sources(evidence):
        for cls in ast.walk(source.tree):
            for item in cls.body if isinstance(cls, ast.ClassDef) else ():
                if isinstance(item, ast.FunctionDef) and item.name == "__getitem__" and len(item.args.args) > 1:
                    index = item.args.args[1].arg
                    for statement in item.body:
                        held = _written(statement, index)
                        if held:
                            message = Text(
                                f"each time an image is asked for, {held} is changed and kept: in the second epoch it is changed "
                                "again, from what the first one left.",
                                f"每次取图像时，{held} 都被改变并保存：第二个 epoch 会在第一个 epoch 留下的结果上再改一次。",
                            )
                            place = source.place(statement.lineno)
                            yield found(RULE.name, "error", evidence, None, message, RULE.mend, place)


def _written(statement: ast.stmt, index: str) -> str:
    """Return the element of `self` that a statement makes of itself; "" where it does not."""
    target: ast.expr
    value: ast.expr | None = None
    if isinstance(statement, ast.AugAssign):
        target = statement.target
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
    else:
        return ""
    held = ast.unparse(target)
    of_self = isinstance(target, ast.Subscript) and held.startswith("self.")
    if not of_self or not any(isinstance(each, ast.Name) and each.id == index for each in ast.walk(target)):
        return ""
    if value is None:
        return held
    changed = isinstance(value, ast.Call | ast.BinOp) and held in (ast.unparse(each) for each in ast.walk(value))
    return held if changed else ""


_PROGRAM = """\
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Images(Dataset):
    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        {line}
        return {image}, self.labels[index]


network = nn.Linear(784, 10)
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
images = Images(torch.rand(1000, 784) * 255, torch.randint(0, 10, (1000,)))
for epoch in range(3):
    for batch, labels in DataLoader(images, batch_size=50, shuffle=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(batch), labels).backward()
        optimizer.step()
"""

RULE = Rule(
    name="item-written-back",
    title=Text("a `__getitem__` that writes back into its data", "把结果写回数据的 `__getitem__`"),
    why=Text(
        "`self.images[index] = self.images[index] / 255` is done at each visit: after two epochs the images are divided by "
        "65,025. With workers each of them does so with its own copy, and nothing shows.",
        "`self.images[index] = self.images[index] / 255` 每次访问都会执行：两个 epoch 之后图像被除以 65,025。"
        "使用多个进程时各自改自己的副本，更看不出来。",
    ),
    mend=Text(
        "work on a local name: `image = self.images[index] / 255`.", "用局部变量：`image = self.images[index] / 255`。"
    ),
    find=_find,
    bad=_PROGRAM.format(line="self.images[index] = self.images[index] / 255", image="self.images[index]"),
    good=_PROGRAM.format(line="image = self.images[index] / 255", image="image"),
)
