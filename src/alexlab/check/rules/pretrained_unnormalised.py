"""Pretrained weights that are given images of another kind than they were trained on."""

from collections.abc import Iterator

from alexlab.check.datasets import find as facts_of
from alexlab.check.datasets import source_of, transforms_of
from alexlab.check.finding import Finding, Text
from alexlab.check.reading.values import Made, Value, unwrapped
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.passes import learning, loaders_of


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None:
        return
    networks = [unwrapped(event.subject) for event in program.events if event.kind == "forward"]
    network = next((each for each in networks if _is_pretrained(each)), None)
    if network is None:
        return
    seen: set[object] = set()
    for loader in loaders_of(learning(program)):
        dataset, transforms = source_of(loader), transforms_of(loader)
        if facts_of(dataset) is None or not transforms or dataset.place in seen:
            continue
        kinds = [transform.name for transform in transforms]
        if not all(kind.startswith("torchvision.transforms.") for kind in kinds) or any(
            kind.endswith((".Normalize", ".Lambda")) for kind in kinds
        ):
            continue
        if not kinds[-1].endswith((".ToTensor", ".RandomErasing")):
            continue
        seen.add(dataset.place)
        name = network.name.rpartition(".")[2]
        message = Text(
            f"the weights of {name} were trained on normalised images, and these are not: its first layer sees other values than it knows.",
            f"{name} 的权重是用归一化的图像训练的，而这些图像没有归一化：第一层看到的数值与它熟悉的不同。",
        )
        yield found(RULE.name, "warning", evidence, None, message, RULE.mend, dataset.place)


def _is_pretrained(network: Value) -> bool:
    if not isinstance(network, Made) or not network.name.startswith("torchvision.models."):
        return False
    given = network.arguments.get("weights", network.arguments.get("pretrained", network.arguments.get("0")))
    return given is True or (given is not None and not isinstance(given, bool) and "weights" in network.arguments)


_PROGRAM = """\
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms

transform = transforms.Compose([transforms.Resize((224, 224)), transforms.ToTensor(){normalised}])
network = models.resnet18(weights="DEFAULT")
network.fc = nn.Linear(512, 10)
optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
for images, labels in DataLoader(datasets.CIFAR10("data", transform=transform), batch_size=64, shuffle=True):
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(images), labels).backward()
    optimizer.step()
"""

RULE = Rule(
    name="pretrained-unnormalised",
    title=Text("pretrained weights without their normalisation", "使用预训练权重却没有相应的归一化"),
    why=Text(
        "torchvision's weights were trained on images from which ImageNet's mean was subtracted, and which were divided by its deviation. "
        "Images in [0, 1] are darker and flatter than any that the filters have seen.",
        "torchvision 的权重是用减去 ImageNet 均值、再除以标准差的图像训练的。[0, 1] 的图像比滤波器见过的都更暗、对比更低。",
    ),
    mend=Text(
        "`transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))` after ToTensor, or `weights.transforms()`.",
        "在 ToTensor 之后加上 `transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))`，或使用 `weights.transforms()`。",
    ),
    find=_find,
    bad=_PROGRAM.format(normalised=""),
    good=_PROGRAM.format(normalised=", transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))"),
)
