"""Normalisation by another dataset's constants, or of one part of the data only."""

from collections.abc import Iterator

from alexlab.check.datasets import DATASETS, Dataset, is_training, transforms_of
from alexlab.check.datasets import find as facts_of
from alexlab.check.finding import Finding, Text
from alexlab.check.reading.values import Made
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING

CLOSE = 0.004
"""Two means closer than this are the same constants, rounded differently."""
NEAR = 0.03
"""A mean this near to the dataset's own does no harm."""


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None:
        return
    seen: set[int] = set()
    for made in program.made:
        facts, transforms = facts_of(made), transforms_of(made)
        if facts is None or not facts.mean or transforms is None:
            continue
        for transform in transforms:
            if not transform.name.endswith(".Normalize") or id(transform) in seen:
                continue
            other = _whose(facts, transform.arguments.get("mean"), program.pretrained)
            if other is None:
                continue
            seen.add(id(transform))
            own = f"{facts.mean}, {facts.deviation}"
            message = Text(
                f"{facts.name} is normalised by the mean of {other.name}: the images have neither "
                f"mean 0 nor deviation 1.",
                f"{facts.name} 用的是 {other.name} 的均值来归一化：图像的均值不为 0，标准差也不为 1。",
            )
            fix = Text(f"use {facts.name}'s: Normalize({own}).", f"使用 {facts.name} 自己的常数：Normalize({own})。")
            yield found(RULE.name, "warning", evidence, None, message, fix, transform.place)
    yield from _one_sided(evidence, [made for made in program.made if facts_of(made) is not None])


def _whose(facts: Dataset, mean: object, pretrained: bool) -> Dataset | None:
    """Return the other dataset whose mean this is; None where it is the own one, near to it, or nobody's.

    ImageNet's constants are meant where there are weights that were trained with them, and close to those of colour photographs; grey
    images are far from both.
    """
    if isinstance(mean, int | float):
        mean = (mean,)
    grey = isinstance(mean, tuple | list) and len(facts.mean) == 1 and not pretrained
    if grey and all(isinstance(m, int | float) for m in mean):  # type: ignore[attr-defined]
        imagenet = next(each for each in DATASETS if each.name == "ImageNet")
        if len(mean) == 3 and _distance(mean, imagenet.mean) <= CLOSE:  # type: ignore[arg-type]
            return imagenet
        if len(mean) == 1 and _distance(mean, imagenet.mean[:1]) <= CLOSE / 4:  # type: ignore[arg-type]
            return imagenet
    if (
        not isinstance(mean, tuple | list)
        or len(mean) != len(facts.mean)
        or not all(isinstance(m, int | float) for m in mean)
    ):
        return None
    if _distance(mean, facts.mean) <= NEAR:
        return None
    others = (d for d in DATASETS if d.mean and d.name not in (facts.name, "ImageNet") and len(d.mean) == len(mean))
    return next((other for other in others if _distance(mean, other.mean) <= CLOSE), None)


def _distance(first: tuple[float, ...] | list[float], second: tuple[float, ...]) -> float:
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def _one_sided(evidence: Evidence, datasets: list[Made]) -> Iterator[Finding]:
    """Test images that are normalised otherwise than the training images of the same dataset."""
    for test in datasets:
        mine = [d for d in datasets if d.name == test.name and is_training(d) is True]
        if is_training(test) is not False or len(mine) != 1:
            continue
        constants = [_constants(each) for each in (mine[0], test)]
        if None in constants or constants[0] == constants[1]:
            continue
        message = Text(
            "the test images are normalised otherwise than the training images: the network sees "
            "images of a kind that it was "
            "not trained on.",
            "测试图像的归一化与训练图像不同：网络看到的是它没有训练过的那种图像。",
        )
        fix = Text("use the same Normalize for both.", "两者使用相同的 Normalize。")
        yield found(RULE.name, "error", evidence, None, message, fix, test.place)


def _constants(dataset: Made) -> list[object] | None:
    transforms = transforms_of(dataset)
    if transforms is None or not all(t.name.startswith("torchvision.transforms.") for t in transforms):
        return None
    found_: list[object] = []
    for transform in transforms:
        if transform.name.endswith(".Normalize"):
            values = (transform.arguments.get("mean"), transform.arguments.get("std"))
            if not all(_plain(value) for value in values):
                return None
            found_.append(tuple(tuple(v) if isinstance(v, list | tuple) else (v,) for v in values))
    return found_


def _plain(value: object) -> bool:
    return isinstance(value, int | float) or (
        isinstance(value, tuple | list) and all(isinstance(each, int | float) for each in value)
    )


_OWN = "transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.2860,), (0.3530,))])"

RULE = Rule(
    name="other-normalisation",
    title=Text("normalisation by another dataset's constants", "用了别的数据集的归一化常数"),
    why=Text(
        "Normalisation subtracts the mean of the training images and divides by their deviation. The "
        "numbers belong to a "
        "dataset; copied from another one they shift every image, and where only one part of the "
        "data is normalised, the "
        "network is tested on images of another kind.",
        "归一化是减去训练图像的均值再除以标准差。这些数字属于某个数据集；"
        "从别处抄来会使每幅图像都发生偏移，而只归一化一部分数据时，网络是在另一种图像上测试。",
    ),
    mend=Text(
        "use the constants of the dataset, the same for training and test.",
        "使用该数据集自己的常数，训练和测试保持一致。",
    ),
    find=_find,
    bad=TRAINING.replace("MNIST", "FashionMNIST").replace(
        "transforms.ToTensor()", _OWN.replace("0.2860", "0.1307").replace("0.3530", "0.3081")
    ),
    good=TRAINING.replace("MNIST", "FashionMNIST").replace("transforms.ToTensor()", _OWN),
)
