"""Images that are still pictures of PIL where tensors are wanted."""

from collections.abc import Iterator

from alexlab.check.datasets import find as facts_of
from alexlab.check.datasets import listed, source_of
from alexlab.check.finding import Finding, Text
from alexlab.check.reading.values import Made
from alexlab.check.rule import Evidence, Rule, found
from alexlab.check.rules.programs import TRAINING

_TO_TENSOR = frozenset(["ToTensor", "ToImage", "PILToTensor"])
_OF_PICTURES = frozenset(
    [
        "Resize", "CenterCrop", "RandomCrop", "RandomResizedCrop", "FiveCrop", "Pad", "Grayscale", "ColorJitter",
        "RandomHorizontalFlip", "RandomVerticalFlip", "RandomRotation", "RandomAffine", "RandomPerspective",
        "RandomGrayscale", "GaussianBlur", "AutoAugment", "RandAugment", "TrivialAugmentWide",
    ]
)  # fmt: skip
"""Transforms that leave a picture of PIL one."""


def _find(evidence: Evidence) -> Iterator[Finding]:
    program = evidence.program
    if program is None:
        return
    seen: set[object] = set()
    for made in program.made:
        if not isinstance(made, Made):
            continue
        early = _early(made) if made.name.endswith("transforms.Compose") else None
        if early is not None and early.place not in seen:
            seen.add(early.place)
            message = Text(
                "Normalize stands before ToTensor and is given a picture of PIL: it takes tensors only, and stops with a TypeError.",
                "Normalize 位于 ToTensor 之前，得到的是 PIL 图像：它只接受张量，会报 TypeError。",
            )
            yield found(RULE.name, "error", evidence, None, message, RULE.mend, early.place)
        dataset = source_of(made) if made.name == "torch.utils.data.DataLoader" else None
        if isinstance(dataset, Made) and dataset.place not in seen and _gives_pictures(made, dataset):
            seen.add(dataset.place)
            name = dataset.name.rsplit(".", 1)[-1]
            message = Text(
                f"{name} gives pictures of PIL, as no transform makes tensors of them: the loader cannot put them into a batch, and "
                "stops with a TypeError.",
                f"{name} 给出的是 PIL 图像，没有变换把它们变成张量：数据加载器无法组成批次，会报 TypeError。",
            )
            yield found(RULE.name, "error", evidence, None, message, RULE.mend, dataset.place)


def _kind(transform: Made) -> str:
    return transform.name.rsplit(".", 1)[-1]


def _early(compose: Made) -> Made | None:
    """Return the Normalize that stands before ToTensor, behind nothing but transforms of pictures."""
    parts = listed(compose) or []
    for index, part in enumerate(parts):
        if _kind(part) == "Normalize":
            return part if any(_kind(each) in _TO_TENSOR for each in parts[index:]) else None
        if _kind(part) not in _OF_PICTURES:
            return None
    return None


def _gives_pictures(loader: Made, dataset: Made) -> bool:
    if facts_of(dataset) is None or loader.arguments.get("collate_fn") is not None or "**" in loader.arguments:
        return False
    known = {"root", "train", "split", "transform", "target_transform", "download", "folds"}
    if not dataset.arguments.keys() <= known or dataset.attributes.keys() & {"transform", "transforms", "loader"}:
        return False
    parts = listed(dataset.arguments.get("transform"))
    return parts is not None and all(
        part.name.startswith("torchvision.") and _kind(part) in _OF_PICTURES for part in parts
    )


RULE = Rule(
    name="images-not-tensors",
    title=Text("images that are not made into tensors in time", "没有及时变成张量的图像"),
    why=Text(
        "torchvision's datasets give pictures of PIL. A loader makes batches of tensors only, and Normalize takes tensors "
        "only: ToTensor has to be there, and to stand before Normalize.",
        "torchvision 的数据集给出 PIL 图像。数据加载器只能用张量组成批次，Normalize 也只接受张量：必须有 ToTensor，且位于 Normalize 之前。",
    ),
    mend=Text(
        "`transforms.Compose([..., transforms.ToTensor(), transforms.Normalize(...)])`.",
        "`transforms.Compose([..., transforms.ToTensor(), transforms.Normalize(...)])`。",
    ),
    find=_find,
    bad=TRAINING.replace("train=True, transform=transforms.ToTensor()", "train=True"),
    good=TRAINING,
)
