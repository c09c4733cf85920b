"""How many test images are called far from what a run was trained on, by `data.usual`; and how many of their inverses.

No network is trained: what is usual is measured on the training images alone, as a training does, and every test image is held
against it as `predict` does. Writes far.md.

    ALEXLAB_DATA=... python benchmarks/far.py
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from alexlab.data.images import FileImages, Images
from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.data.opening import open_dataset
from alexlab.data.usual import Usual, size_of, usual_among
from alexlab.shape import Shape

DATASETS: dict[str, Shape] = {
    "digits": (1, 8, 8),
    "mnist": (1, 28, 28),
    "fashion-mnist": (1, 28, 28),
    "cifar10": (3, 32, 32),
    "folder:flowers": (3, 227, 227),
}
FEW = 100  # training images, as of a first own folder
BATCH = 256


def main() -> None:
    rows = [row for name, shape in DATASETS.items() for row in rows_of(name, shape)]
    head = (
        "# How many images are called far from what was trained on\n\n"
        "`predict` and `evaluate --on` say where an image lies far from a run's training images. Here it is test images of the same "
        "dataset, of\nwhich none should be called so, and the same images inverted. Measured by `far.py` on "
        f"{datetime.now(UTC):%Y-%m-%d}; nothing is drawn at random, so one run.\n\n"
        "| dataset | training images | test images | called far | inverted: called far | named as inverted |\n|---|---|---|---|---|---|\n"
    )
    Path(__file__).with_suffix(".md").write_text(head + "".join(rows), encoding="utf-8")


def rows_of(name: str, shape: Shape) -> list[str]:
    dataset = open_dataset(name)
    test = dataset.test or dataset.validation
    assert test is not None
    ready = Transform(store=shape, fit="crop", input=shape)
    stored = np.concatenate(
        [b.permute(0, 2, 3, 1).numpy() for b, _ in Store(test, ready).batches(np.arange(len(test)), BATCH)]
    )
    sizes = sizes_of(test.images)
    rows = []
    for count in (FEW, len(dataset.train)):
        train = dataset.train.select(np.arange(count) * len(dataset.train) // count)
        ranges = usual_among(Store(train, ready), train.images)
        assert ranges is not None
        usual = Usual(ranges)
        far = [note for note in usual.notes(stored, sizes, ready) if note]
        inverted = [note for note in usual.notes(255 - stored, sizes, ready) if note]
        named = sum("inverted" in note for note in inverted)
        shares = " | ".join(f"{number / len(test):.2%}" for number in (len(far), len(inverted), named))
        rows.append(f"| {dataset.title} | {count:,} | {len(test):,} | {shares} |\n")
        print(rows[-1], *far[:3])
    return rows


def sizes_of(images: Images) -> list[tuple[int, int] | None]:
    if isinstance(images, FileImages):
        return [size_of(images.read(i)) for i in range(len(images.names))]
    assert images.shape is not None
    return [images.shape[:0:-1]] * len(images.names)


if __name__ == "__main__":
    main()
