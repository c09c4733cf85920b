"""Test images that are changed at random; digits that are mirrored."""

from collections.abc import Iterator

from alexlab.check.datasets import find as facts_of
from alexlab.check.datasets import is_training, transforms_of
from alexlab.check.finding import Finding, Text
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None:
        return
    seen: set[int] = set()
    flipped: set[str] = set()
    for made in sorted(program.made, key=lambda each: is_training(each) is False):  # the training's use is the mistake
        facts, transforms = facts_of(made), transforms_of(made)
        if facts is None or transforms is None:
            continue
        for transform in transforms:
            kind = transform.name.removeprefix("torchvision.transforms.")
            if id(transform) in seen or not kind.startswith("Random"):
                continue
            if is_training(made) is False and kind == "RandomHorizontalFlip" and facts.name in flipped:
                continue
            if is_training(made) is False:
                message = Text(
                    f"{kind} changes the test images at random: the figure is another one each time, "
                    f"and lower than the "
                    "network's.",
                    f"{kind} 会随机改变测试图像：每次得到的数字都不同，也比网络的真实水平低。",
                )
            elif kind == "RandomHorizontalFlip" and not facts.mirrored:
                flipped.add(facts.name)
                message = Text(
                    f"{kind} on {facts.name}: a mirrored character is another one, or none; the label "
                    f"is no longer right.",
                    f"对 {facts.name} 使用 {kind}：镜像后的字符成了另一个字符或不成字，标签不再正确。",
                )
            else:
                continue
            seen.add(id(transform))
            yield found(RULE.name, "warning", evidence, None, message, RULE.mend, transform.place)


_RANDOM = "transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor()])"
_CIFAR = TRAINING.replace("datasets.MNIST", "datasets.CIFAR10").replace("784", "3072")

RULE = Rule(
    name="wrong-augmentation",
    title=Text("an augmentation that changes the test images or the label", "改变测试图像或标签的数据增强"),
    why=Text(
        "Augmentation makes new training images of which the label still holds. On test images it "
        "only adds noise to the "
        "figure; mirrored digits and letters no longer are what their label says.",
        "数据增强产生标签仍然成立的新训练图像。用在测试图像上只会给数字加上噪声；"
        "镜像后的数字和字母则不再是标签所说的那个。",
    ),
    mend=Text(
        "use it for training only, and only where the label stays right.", "只用于训练，而且只在标签仍然正确时使用。"
    ),
    find=_find,
    bad=_CIFAR.replace("train=False, transform=transforms.ToTensor()", f"train=False, transform={_RANDOM}"),
    good=_CIFAR.replace("train=True, transform=transforms.ToTensor()", f"train=True, transform={_RANDOM}"),
)
