"""What is known of the datasets that scripts name: shape, classes, mean and deviation; and of a loader's batches.

Means and deviations are those of the training images in [0, 1], per channel, as published with the datasets or in
PyTorch's examples; they serve to recognise a normalisation by another dataset's constants.
"""

from dataclasses import dataclass

from alexlab.check.graph import Dim
from alexlab.check.reading.values import UNKNOWN, Made, Value


@dataclass(frozen=True)
class Dataset:
    """Facts of one dataset: shape of an image, where all have one, and how many classes."""

    name: str
    shape: tuple[Dim, ...] | None
    classes: int | None
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    images: tuple[int, int] | None = None  # how many, for training and for test
    mirrored: bool = True  # whether a mirrored image is still of its class


DATASETS: tuple[Dataset, ...] = (
    Dataset("MNIST", (1, 28, 28), 10, (0.1307,), (0.3081,), (60000, 10000), mirrored=False),
    Dataset("FashionMNIST", (1, 28, 28), 10, (0.2860,), (0.3530,), (60000, 10000)),
    Dataset("KMNIST", (1, 28, 28), 10, (0.1918,), (0.3483,), (60000, 10000), mirrored=False),
    Dataset("QMNIST", (1, 28, 28), 10, (0.1307,), (0.3081,), mirrored=False),
    Dataset("EMNIST", (1, 28, 28), None, (0.1722,), (0.3309,), mirrored=False),
    Dataset("CIFAR10", (3, 32, 32), 10, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), (50000, 10000)),
    Dataset("CIFAR100", (3, 32, 32), 100, (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762), (50000, 10000)),
    Dataset(
        "SVHN", (3, 32, 32), 10, (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970), (73257, 26032), mirrored=False
    ),
    Dataset("STL10", (3, 96, 96), 10, (0.4467, 0.4398, 0.4066), (0.2603, 0.2566, 0.2713), (5000, 8000)),
    Dataset("ImageNet", (3, None, None), 1000, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    Dataset("ImageFolder", (3, None, None), None),
    Dataset("Flowers102", (3, None, None), 102),
    Dataset("OxfordIIITPet", (3, None, None), 37),
    Dataset("Food101", (3, None, None), 101),
)

_KEEP_SHAPE = frozenset(
    [
        "ToTensor",
        "Normalize",
        "RandomHorizontalFlip",
        "RandomVerticalFlip",
        "RandomRotation",
        "ColorJitter",
        "RandomAffine",
        "RandomErasing",
        "ToImage",
        "ToDtype",
        "ConvertImageDtype",
        "RandomPerspective",
        "RandomInvert",
        "RandAugment",
        "AutoAugment",
        "TrivialAugmentWide",
        "ToPILImage",
        "GaussianBlur",
        "RandomAdjustSharpness",
        "RandomAutocontrast",
        "RandomEqualize",
    ]
)


def find(made: Value) -> Dataset | None:
    """Return the facts of the dataset that `made` is, where it is torchvision's."""
    if not isinstance(made, Made) or not made.name.startswith("torchvision.datasets."):
        return None
    return next((dataset for dataset in DATASETS if made.name == f"torchvision.datasets.{dataset.name}"), None)


def source_of(made: Value) -> Value:
    """Return the dataset below loaders, subsets and random splits."""
    for _ in range(10):
        if not isinstance(made, Made):
            return made
        if made.name == "torch.utils.data.DataLoader" or made.name in ("torch.utils.data.Subset", "alexlab.split"):
            made = made.arguments.get("dataset", UNKNOWN)
        else:
            return made
    return made


def is_training(made: Value) -> bool | None:
    """Whether a dataset is the training part of its source; None where that is not known."""
    made = source_of(made)
    if not isinstance(made, Made) or find(made) is None:
        return None
    given = made.arguments.get("train", made.arguments.get("split", True))
    if isinstance(given, bool):
        return given
    return {"train": True, "test": False, "val": False}.get(given) if isinstance(given, str) else None


def transforms_of(made: Value) -> list[Made] | None:
    """Return the transforms of a dataset in order; None where they are not all known."""
    made = source_of(made)
    return listed(made.arguments.get("transform")) if isinstance(made, Made) else None


def listed(transform: Value) -> list[Made] | None:
    """Return the parts of a transform in order; None where they are not all known."""
    if transform is None:
        return []
    if not isinstance(transform, Made):
        return None
    if not transform.name.endswith(".Compose"):
        return [transform]
    parts = transform.arguments.get("transforms")
    if not isinstance(parts, list | tuple):
        return None
    inner = [listed(part) for part in parts]
    return None if any(part is None for part in inner) else [each for part in inner for each in part or []]


def _resized(shape: tuple[Dim, ...], transform: Made) -> tuple[Dim, ...] | None:
    kind = transform.name.rsplit(".", 1)[-1]
    if kind in _KEEP_SHAPE:
        return shape
    size = transform.arguments.get("size")
    if kind in ("Resize", "CenterCrop", "RandomCrop", "RandomResizedCrop"):
        if isinstance(size, list | tuple) and len(size) == 2 and all(isinstance(s, int) for s in size):
            return (shape[0], size[0], size[1])
        if isinstance(size, list | tuple) and len(size) == 1:
            size = size[0]
        if not isinstance(size, int):
            return (shape[0], None, None)
        if kind == "Resize" and (shape[1] is None or shape[1] != shape[2]):
            return (shape[0], None, None)  # the shorter side only
        return (shape[0], size, size)
    if kind == "Grayscale":
        channels = transform.arguments.get("num_output_channels", 1)
        return (channels if isinstance(channels, int) else None, *shape[1:])
    if kind == "Pad":
        padding = transform.arguments.get("padding")
        if isinstance(padding, int) and isinstance(shape[1], int) and isinstance(shape[2], int):
            return (shape[0], shape[1] + 2 * padding, shape[2] + 2 * padding)
        return (shape[0], None, None)
    return None


def shape_of_images(made: Value) -> tuple[Dim, ...] | None:
    """Channels, height, width of a dataset's images after its transforms, as far as known."""
    dataset, transforms = find(made), transforms_of(made)
    if dataset is None or dataset.shape is None or transforms is None:
        return None
    shape: tuple[Dim, ...] | None = dataset.shape
    for transform in transforms:
        shape = _resized(shape, transform) if shape is not None else None
    return shape


def _relabelled(made: Value) -> bool:
    """Return whether a script may have chosen or changed the labels of a dataset: by a subset, a transform, an assignment."""
    while isinstance(made, Made) and made.name in (
        "torch.utils.data.DataLoader",
        "torch.utils.data.Subset",
        "alexlab.split",
    ):
        if made.name == "torch.utils.data.Subset":
            return True
        made = made.arguments.get("dataset", UNKNOWN)
    if not isinstance(made, Made):
        return True
    return made.arguments.get("target_transform") is not None or bool(
        made.attributes.keys() & {"targets", "labels", "data"}
    )


def sample_of(made: Made) -> tuple[bool, tuple[Dim, ...] | None, int | None] | None:
    """Return whether an element of a loader or dataset is a batch, an image's shape and the classes; None for others."""
    loader = made.name == "torch.utils.data.DataLoader"
    if loader and made.arguments.get("batch_size", 1) is None:
        loader = False
    source = source_of(made)
    if made.name != "torch.utils.data.DataLoader" and find(source) is None:
        return None
    dataset = find(source)
    if made.arguments.get("collate_fn") is not None:
        return loader, None, None
    if dataset is None:
        return (loader, None, None) if not isinstance(source, Made) or "datasets" in source.name else None
    classes = None if _relabelled(made) else dataset.classes
    return loader, shape_of_images(source), classes
