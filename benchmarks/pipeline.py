"""The image pipeline beside torchvision's: from JPEG files to augmented batches at 224x224, taken in turn.

    python benchmarks/pipeline.py [--rounds 5] [--data FOLDER] > benchmarks/pipeline.md

The reference does what torchvision's tutorial does, without torchvision: Pillow opens and decodes, RandomResizedCrop(224) draws
its window as torchvision draws it, crops and resizes (bilinear, antialiased), RandomHorizontalFlip, ToTensor, Normalize, in a
data loader with 2 workers that are kept between epochs. alexlab's side is `Store.batches` with a `Transform`; both give
batches of 128. FOLDER (by default ALEXLAB_DATA) holds imagenette-sample.tar.gz and flowers.tar.gz, whose images are stored
at their own size, 224 and 128.
"""

import argparse
import math
import os
import random
import statistics
import tarfile
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from alexlab.data.images import FileImages, Split
from alexlab.data.input.decode import decode_rgb
from alexlab.data.input.store import Store
from alexlab.data.input.transform import Transform
from alexlab.data.opening import open_dataset
from alexlab.training.seeds import epoch_order, generator_for
from measuring import heading
from references.loops import normalised, to_tensor

BATCH = 128
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Pass = Callable[[int], float]


class ImageFolder(Dataset[torch.Tensor]):
    """torchvision's ImageFolder with RandomResizedCrop(224), RandomHorizontalFlip, ToTensor, Normalize."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> torch.Tensor:
        with open(self.paths[i], "rb") as file:  # noqa: PTH123
            image = Image.open(file).convert("RGB")
        top, left, height, width = _window(image.height, image.width)
        image = image.crop((left, top, left + width, top + height)).resize((224, 224), Image.Resampling.BILINEAR)
        if torch.rand(1) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return normalised(to_tensor(image), MEAN, STD)


def _window(height: int, width: int) -> tuple[int, int, int, int]:
    for _ in range(10):
        area = height * width * torch.empty(1).uniform_(0.08, 1.0).item()
        ratio = torch.exp(torch.empty(1).uniform_(math.log(3 / 4), math.log(4 / 3))).item()
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            return random.randint(0, height - high), random.randint(0, width - wide), high, wide
    return 0, 0, height, width


def loader(images: FileImages) -> Pass:
    paths = [images.path(i) for i in range(len(images.names))]
    batches = DataLoader(ImageFolder(paths), BATCH, shuffle=True, num_workers=2, persistent_workers=True)

    def run(epoch: int) -> float:
        began = time.perf_counter()
        seen = sum(len(batch) for batch in batches)
        return seen / (time.perf_counter() - began)

    return run


def ours(split: Split, transform: Transform, memory: int, disk: int, layout: torch.memory_format) -> Pass:
    store = Store(split, transform, memory, disk=disk)

    def run(epoch: int) -> float:
        def finish(number: int, images: torch.Tensor) -> torch.Tensor:
            return transform(images, generator_for(0, "augment", epoch, number), layout)

        began = time.perf_counter()
        seen = sum(len(labels) for _, labels in store.batches(epoch_order(0, epoch, len(split)), BATCH, finish))
        return seen / (time.perf_counter() - began)

    return run


def decoding(images: FileImages) -> Pass:
    files = [images.read(i) for i in range(len(images.names))]

    def run(epoch: int) -> float:
        began = time.perf_counter()
        for data in files:
            decode_rgb(data, "")
        return len(files) / (time.perf_counter() - began)

    return run


def table(name: str, size: int, folder: Path, archive: Path, rounds: int) -> None:
    transform = Transform(
        (3, size, size), "crop", (3, 224, 224), mean=MEAN, std=STD, augment=("random-resized-crop", "mirror")
    )
    unpacked, packed = open_dataset(f"folder:{folder}", whole=True), open_dataset(f"folder:{archive}", whole=True)
    images = unpacked.train.images
    assert isinstance(images, FileImages)
    last, first = torch.channels_last, torch.contiguous_format
    ways = {
        "Pillow in a data loader, 2 workers": loader(images),
        "alexlab, folder, channels last": ours(unpacked.train, transform, 0, 0, last),
        "alexlab, folder, channels first": ours(unpacked.train, transform, 0, 0, first),
        "alexlab, tar, channels last": ours(packed.train, transform, 0, 0, last),
        "alexlab, second epoch, kept on disk": ours(unpacked.train, transform, 0, 10**10, last),
        "alexlab, second epoch, held in memory": ours(unpacked.train, transform, 10**10, 0, last),
        "libjpeg-turbo alone, 1 thread": decoding(images),
    }
    found: dict[str, list[float]] = {way: [] for way in ways}
    for run in ways.values():
        run(0)  # starts workers, fills caches
    for epoch in range(1, rounds + 1):
        for way, run in ways.items():
            found[way].append(run(epoch))
    with Image.open(images.path(0)) as picture:
        print(f"\n## {name}: {len(unpacked.train):,} JPEGs, the first of {picture.width}x{picture.height}\n")
    print("| what | images/s, median | range | ratio, median | range |\n|---|---|---|---|---|")
    reference = next(iter(found.values()))
    for way, rates in found.items():
        ratios = [rate / base for rate, base in zip(rates, reference, strict=True)]
        spread = f"{min(rates):,.0f} to {max(rates):,.0f} | {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f}"
        print(f"| {way} | {statistics.median(rates):,.0f} | {spread} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ALEXLAB_DATA", ".")))
    wanted = parser.parse_args()
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    print(heading("The image pipeline", f"python benchmarks/pipeline.py --rounds {wanted.rounds}"))
    print(
        f"pillow {version('pillow')}, simplejpeg {version('simplejpeg')}. From JPEG files (in the operating system's cache) to float32"
    )
    print(
        f"batches of {BATCH} at 224x224: random resized crop, mirror, normalised. {wanted.rounds} rounds in which all take turns; each"
    )
    print("ratio is to the reference of its round.")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        for name, size in (("imagenette-sample", 224), ("flowers", 128)):
            archive = wanted.data / f"{name}.tar.gz"
            plain = Path(folder) / f"{name}.tar"
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
            with tarfile.open(plain, "w") as tar:
                tar.add(Path(folder) / name, name)
            table(name, size, Path(folder) / name, plain, wanted.rounds)


if __name__ == "__main__":
    main()
