"""The stored images of a split: uint8, of one size, decoded once where they fit into memory, else once an epoch."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray

from alexlab.data.decode import ImageError, Pixels
from alexlab.data.images import ArrayImages, Images, Split
from alexlab.data.preparation import Preparation
from alexlab.errors import UserError

BATCHES_AHEAD = 2  # decoded while another is computed
MOST_NAMED = 5  # unreadable files that an error names


def memory_budget() -> int:
    """Bytes that stored images may take: half of the memory that the machine has."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")) // 2


class Store:
    """Stored images and labels of one split, by batches."""

    def __init__(
        self,
        split: Split,
        preparation: Preparation,
        budget: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Decode the images if they fit into `budget` bytes (by default `memory_budget()`), else leave them for the batches.

        `progress` is called with the images decoded so far and in all.

        Raises:
            UserError: images that cannot be decoded; it names the first of them.
        """
        self.names = tuple(split.images.names)
        self.labels = torch.from_numpy(split.labels)
        self._images: Images = split.images
        self._preparation = preparation
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1)
        self._held: torch.Tensor | None = None
        images = split.images
        if isinstance(images, ArrayImages) and images.shape == preparation.store:
            self._held = torch.from_numpy(_writable(images.pixels_NCHW))
        elif len(split) * prod(preparation.store) <= (memory_budget() if budget is None else budget):
            self._held = self._decode_all(progress)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def in_memory(self) -> bool:
        return self._held is not None

    def batches(self, order: NDArray[np.int64], size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Batches of (images uint8 (N, *store), labels int64 (N,)) of at most `size`, in this order; the last may be smaller."""
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        if self._held is not None:
            for part in parts:
                index = torch.from_numpy(part)
                yield self._held[index], self.labels[index]
            return
        upcoming: deque[tuple[NDArray[np.int64], list[Future[Pixels]]]] = deque()
        for part in parts:
            upcoming.append((part, [self._pool.submit(self._decode, int(i)) for i in part]))
            if len(upcoming) > BATCHES_AHEAD:
                yield self._gathered(*upcoming.popleft())
        while upcoming:
            yield self._gathered(*upcoming.popleft())

    def _gathered(self, part: NDArray[np.int64], decoded: list[Future[Pixels]]) -> tuple[torch.Tensor, torch.Tensor]:
        images = torch.from_numpy(np.stack([future.result() for future in decoded]))
        return images, self.labels[torch.from_numpy(part)]

    def _decode(self, index: int) -> Pixels:
        return self._preparation.stored(self._images.picture(index))

    def _decode_all(self, progress: Callable[[int, int], None] | None) -> torch.Tensor:
        count = len(self.labels)
        held = torch.empty((count, *self._preparation.store), dtype=torch.uint8)
        rows = held.numpy()
        problems: list[str] = []

        def decode(index: int) -> str | None:
            try:
                rows[index] = self._decode(index)
                return None
            except ImageError as error:
                return str(error)

        for done, problem in enumerate(self._pool.map(decode, range(count)), start=1):
            if problem:
                problems.append(problem)
            if progress and (done % 256 == 0 or done == count):
                progress(done, count)
        if problems:
            raise UserError(unreadable(problems))
        return held


def unreadable(problems: list[str]) -> str:
    """One message for images that cannot be decoded."""
    listed = "\n  ".join(problems[:MOST_NAMED])
    more = f"\n  and {len(problems) - MOST_NAMED} more" if len(problems) > MOST_NAMED else ""
    plural = "s cannot" if len(problems) > 1 else " cannot"
    return f"{len(problems)} image{plural} be used; remove or replace:\n  {listed}{more}"


def _writable(pixels: Pixels) -> Pixels:
    return pixels if pixels.flags.writeable else pixels.copy()
