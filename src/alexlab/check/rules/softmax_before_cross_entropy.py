"""Softmax before cross-entropy, which applies softmax itself."""

from collections.abc import Iterator

from alexlab.check.finding import Edit, Finding, Text
from alexlab.check.graph import origins
from alexlab.check.rule import Evidence, Rule, found, names_of
from alexlab.check.rules.ends import PROBABILITIES, classification_ends, is_answer_of_images


def _find(evidence: Evidence) -> Iterator[Finding]:
    for end in classification_ends(evidence):
        last = origins(end.answer)
        if not last or any(node.op not in PROBABILITIES for node in last):
            continue
        node = last[0]
        log = node.op == "log_softmax"
        if end.loss == "cross_entropy":
            where = f" ({end.place})" if end.place else ""
            if log:
                message = Text(
                    f"log-softmax, then cross-entropy{where}, which applies log-softmax again: the "
                    f"result is the same, the "
                    "work is done twice, and a reader cannot tell what the network gives.",
                    f"先 log-softmax，再用交叉熵{where}，而交叉熵会再做一次 log-softmax：结果不变，"
                    f"但计算重复，读者也无法判断网络的输出是什么。",
                )
            else:
                message = Text(
                    f"softmax, then cross-entropy{where}, which applies softmax again: the loss cannot fall below "
                    "ln(1 + (K - 1)/e) for K classes, gradients shrink, and training is slow or stands still.",
                    f"先 softmax，再用交叉熵{where}，而交叉熵会再做一次 softmax：对 K 个类别，"
                    f"损失不可能低于 ln(1 + (K - 1)/e)，"
                    "梯度变小，训练很慢甚至停滞。",
                )
            yield found(
                RULE.name,
                "note" if log else "error",
                evidence,
                node,
                message,
                RULE.mend,
                edit=Edit("remove", names_of(node.op)),
            )
        elif end.loss is None and not log and is_answer_of_images(end):
            message = Text(
                "the network ends in softmax; if its loss is cross-entropy, softmax is applied twice.",
                "网络以 softmax 结尾；如果损失是交叉熵，softmax 就做了两次。",
            )
            yield found(RULE.name, "note", evidence, node, message, RULE.mend)


_PROGRAM = """\
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

network = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10){end})
loader = DataLoader(datasets.MNIST("data", transform=transforms.ToTensor()), batch_size=64, shuffle=True)
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
for images, labels in loader:
    optimizer.zero_grad()
    criterion(network(images), labels).backward()
    optimizer.step()
"""

RULE = Rule(
    name="softmax-before-cross-entropy",
    title=Text("softmax before cross-entropy", "交叉熵之前的 softmax"),
    why=Text(
        "`CrossEntropyLoss` applies log-softmax to what it is given. Given probabilities instead of "
        "logits, it works on "
        "numbers between 0 and 1 whose softmax is almost even: the loss stays near ln(K) and the "
        "gradients are small.",
        "`CrossEntropyLoss` 会对输入做 log-softmax。如果给它的是概率而不是 logits，它面对的是 0 到 1 之间的数，"
        "再做 softmax 后几乎均匀：损失停在 ln(K) 附近，梯度很小。",
    ),
    mend=Text(
        "return the logits: remove the softmax from the network; apply it only to show probabilities.",
        "返回 logits：从网络中去掉 softmax，只在要显示概率时才使用它。",
    ),
    find=_find,
    bad=_PROGRAM.format(end=", nn.Softmax(dim=1)"),
    good=_PROGRAM.format(end=""),
)
