"""A validation whose images are changed at random, as those of the training are."""

from collections.abc import Iterator

from alexlab.check.datasets import find as facts_of
from alexlab.check.datasets import is_training, source_of, transforms_of
from alexlab.check.finding import Finding, Text
from alexlab.check.reading.values import Made
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.passes import evaluations, learning, loaders_of

_CHANGES = ("ColorJitter", "AutoAugment", "RandAugment", "TrivialAugmentWide", "AugMix")


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None:
        return
    trained = [source_of(loader) for loader in loaders_of(learning(program))]
    for loader in loaders_of(evaluations(program)):
        dataset, whole = loader.arguments.get("dataset"), source_of(loader)
        divided = dataset is not whole or loader.arguments.get("sampler") is not None
        if not isinstance(whole, Made) or not divided or not any(each is whole for each in trained):
            continue
        if (
            facts_of(whole) is None
            or is_training(whole) is False
            or whole.attributes.keys() & {"transform", "transforms"}
        ):
            continue
        kinds = [transform.name.rsplit(".", 1)[-1] for transform in transforms_of(whole) or []]
        random = next((kind for kind in kinds if kind.startswith("Random") or kind in _CHANGES), None)
        if random is None:
            continue
        message = Text(
            f"these images are a part of the training's dataset and go through its {random} too: the figure is another one each "
            "time, and lower than the network's.",
            f"这些图像是训练数据集的一部分，也经过其中的 {random}：每次得到的数字都不同，也比网络的真实水平低。",
        )
        yield found(RULE.name, "warning", evidence, None, message, RULE.mend, loader.place)


_PROGRAM = """\
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision import datasets, transforms

plain = transforms.ToTensor()
random = transforms.Compose([transforms.RandomCrop(32, padding=4), transforms.ToTensor()])
images = datasets.CIFAR10("data", train=True, transform=random)
{split}
network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
for images, labels in DataLoader(training, batch_size=64, shuffle=True):
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(images), labels).backward()
    optimizer.step()
network.eval()
with torch.no_grad():
    for images, labels in DataLoader(validation, batch_size=64):
        print((network(images).argmax(1) == labels).sum().item())
"""

RULE = Rule(
    name="shared-augmentation",
    title=Text("a validation with the training's augmentation", "验证集用了训练的数据增强"),
    why=Text(
        "`random_split` and `Subset` divide the images and not the transforms: both parts go through the one dataset, and with "
        "it through its random changes.",
        "`random_split` 和 `Subset` 只划分图像，不划分变换：两部分都来自同一个数据集，也都经过它的随机变换。",
    ),
    mend=Text(
        "make the dataset twice, with and without the random transforms, and take the same division of indices from each.",
        "把数据集建两次，一次带随机变换，一次不带，再从两者中取同样的下标划分。",
    ),
    find=_find,
    bad=_PROGRAM.format(split="training, validation = torch.utils.data.random_split(images, [45000, 5000])"),
    good=_PROGRAM.format(
        split='same = datasets.CIFAR10("data", train=True, transform=plain)\norder = torch.randperm(50000).tolist()\n'
        "training, validation = Subset(images, order[:45000]), Subset(same, order[45000:])"
    ),
)
