"""A look at every image of a dataset before hours are spent on it: which cannot be read, which are grey, how large they are."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from os import cpu_count

import numpy as np

from alexlab.data.images import Dataset, FileImages, Images
from alexlab.data.input.decode import ImageError
from alexlab.data.levels import measured_levels
from alexlab.errors import UserError

MOST_BYTES = 2_000_000_000  # of files, read to find those that are cut off
ENDS = {
    b"\xff\xd8": b"\xff\xd9",
    b"\x89P": b"IEND",
}  # of JPEG and PNG: what they begin with, and what is near their end
NEAR = 64  # bytes: some cameras put a few more behind
AHEAD = 256  # images decoded at a time: bounded memory


@dataclass
class Inspection:
    """What was found in one split.

    Attributes:
        images: how many there are.
        unreadable: what is wrong with each that cannot be decoded.
        sizes: how many of each (width, height).
        modes: how many of each mode, "L" (grey) or "RGB".
    """

    images: int = 0
    unreadable: list[str] = field(default_factory=list)
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)


def inspect(dataset: Dataset, progress: Callable[[str, int, int], None]) -> dict[str, Inspection]:
    """Decode every image of every split; `progress` is called with the split, the images done and those in all."""
    levels, _ = measured_levels(dataset.train)
    dataset = dataset.at(levels)
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return {name: _inspect(split.images, name, len(split), progress) for name, split in splits.items() if split}


def _inspect(images: Images, name: str, count: int, progress: Callable[[str, int, int], None]) -> Inspection:
    def look(index: int) -> tuple[tuple[int, int], str] | str:
        try:
            picture = images.picture(index)
        except ImageError as error:
            return str(error)
        return picture.size, picture.mode

    found = Inspection(count)
    indices = iter(range(count))
    ahead = images.ahead(np.arange(count)) if isinstance(images, FileImages) else nullcontext()
    with ahead, ThreadPoolExecutor(cpu_count() or 1) as pool:
        while part := list(islice(indices, AHEAD)):
            _take(found, pool.map(look, part))
            progress(name, part[-1] + 1, count)
    return found


def _take(found: Inspection, looks: Iterable[tuple[tuple[int, int], str] | str]) -> None:
    for seen in looks:
        if isinstance(seen, str):
            found.unreadable.append(seen)
        else:
            found.sizes[seen[0]] += 1
            found.modes[seen[1]] += 1


def cut_off(images: Images) -> list[str]:
    """Return what is wrong with files that are empty, cut off or no images, without decoding the others.

    Files that are remote are not fetched for it, and of many no more are read than MOST_BYTES.
    """
    if not isinstance(images, FileImages) or images.files.remote:
        return []
    problems, read = [], 0
    for index in range(len(images.names)):
        try:
            content = images.read(index)
            read += len(content)
            if not _seems_whole(content):
                images.picture(index)
        except UserError as error:
            problems.append(str(error))
        if read > MOST_BYTES:
            break
    return problems


def _seems_whole(content: bytes) -> bool:
    end = ENDS.get(content[:2])
    return end is not None and end in content[-NEAR:]
