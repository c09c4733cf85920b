"""The stored images of a split: uint8, of one size. Held in memory where they fit, else kept on disk once they are decoded."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from math import prod
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray

from alexlab import system
from alexlab.data.images import ArrayImages, FileImages, Images, Split
from alexlab.data.input.buffers import buffer
from alexlab.data.input.cache import DecodedCache, default_budget, open_cache
from alexlab.data.input.decode import ImageError, Pixels
from alexlab.data.input.transform import Transform, batch_of
from alexlab.data.input.workers import cores, workers
from alexlab.errors import UserError

AT_ONCE = 8  # images that a worker decodes in one go
MOST_NAMED = 5  # unreadable files that an error names

CONTAINER = Path("/sys/fs/cgroup/memory.max")

Finish = Callable[[int, torch.Tensor], torch.Tensor]
"""What is made of batch number i of a pass and its images (N, *store), in a worker."""


def memory_budget() -> int:
    """Bytes that stored images may take: half of the memory that the machine, or the container, has."""
    machine = system.memory()[1]
    try:
        container = int(CONTAINER.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none, or "max"
        container = machine
    return min(machine, container) // 2


class Store:
    """Stored images and labels of one split, by batches.

    Attributes:
        names, labels: of the images.
        shards: of images that are fetched in shards, the number of each one's shard; None of those that lie here. See `shard_order`.
    """

    def __init__(
        self,
        split: Split,
        transform: Transform,
        budget: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        disk: int | None = None,
    ) -> None:
        """Decode the images if they fit into `budget` bytes of memory (by default `memory_budget()`), else leave them for the batches.

        Args:
            progress: called with the images decoded so far and in all.
            disk: bytes that images that do not fit into memory may take on disk, decoded (by default `cache.default_budget()`).

        Raises:
            UserError: images that cannot be decoded; it names the first of them.
        """
        self.names = tuple(split.images.names)
        self.labels = torch.from_numpy(split.labels)
        self._images: Images = split.images
        self.shards = _shards(split.images)
        self._transform = transform
        self._held: torch.Tensor | None = None
        self._channels_last = False  # of what is held: (N, height, width, channels)
        self._cache: DecodedCache | None = None
        images = split.images
        if isinstance(images, ArrayImages) and images.shape == transform.store:
            pixels = 255 - images.pixels_NCHW if transform.inverted else images.pixels_NCHW
            self._held = torch.from_numpy(_writable(pixels))
        elif len(split) * prod(transform.store) <= (memory_budget() if budget is None else budget):
            self._held, self._channels_last = self._decode_all(progress), True
        elif isinstance(images, FileImages) and not images.files.remote:  # what is remote has a cache of its own
            self._cache = open_cache(images, transform, default_budget() if disk is None else disk)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def in_memory(self) -> bool:
        """Whether the images are held in memory."""
        return self._held is not None

    @property
    def held_bytes(self) -> int:
        """What the images that are held in memory take."""
        return 0 if self._held is None else self._held.numel()

    def batches(
        self,
        order: NDArray[np.int64],
        size: int,
        finish: Finish | None = None,
        rows: Callable[[int], slice] | None = None,
        one_alone: bool = True,
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Batches of (images uint8 (N, *store), labels int64 (N,)) of at most `size`, in this order; the last may be smaller.

        Where not `one_alone`, a last batch of one image joins the batch before.

        `rows` says which rows of a batch of so many images are wanted; by default all.

        With `finish`, what it makes of each batch takes the images' place. Some batches are made ahead by `workers`, one for every two
        cores and two at least, and no more are held. Images that were decoded for the batch have their channels last in memory.
        """
        ends = [*range(size, len(order), size), len(order)] if len(order) else []
        if not one_alone and len(ends) > 1 and ends[-1] - ends[-2] == 1:
            del ends[-2]
        parts = [order[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        if rows is not None:
            parts = [part[rows(len(part))] for part in parts]
        if self.in_memory and finish is None:
            for part in parts:
                yield self.taken(part), self.labels[torch.from_numpy(part)]
            return
        upcoming: deque[_Batch] = deque()
        with nullcontext() if self.in_memory else self._ahead(np.concatenate([order[:0], *parts])):
            try:
                for number, part in enumerate(parts):
                    upcoming.append(_Batch(self, number, part, finish))
                    if len(upcoming) > max(2, cores() // 2):
                        yield upcoming.popleft().result()
                while upcoming:
                    yield upcoming.popleft().result()
            finally:
                for batch in upcoming:
                    batch.unwanted = True

    def _ahead(self, order: NDArray[np.int64]) -> AbstractContextManager[None]:
        return self._images.ahead(order) if isinstance(self._images, FileImages) else nullcontext()

    def fill(self, index: int, row: Pixels) -> None:
        """Write the stored image to `row`, of shape (height, width, channels)."""
        if self._cache and self._cache.get(index, row):
            return
        images = self._images
        if isinstance(images, FileImages):
            self._transform.stored(images.read(index), images.path(index), row)
        else:
            self._transform.stored(images.picture(index), into=row)
        if self._cache:
            self._cache.put(index, row)

    def empty(self, count: int) -> Pixels:
        """Room for `count` stored images, (N, height, width, channels)."""
        channels, height, width = self._transform.store
        return buffer((count, height, width, channels), np.uint8)

    def taken(self, part: NDArray[np.int64]) -> torch.Tensor:
        """Return these images, of a store that holds them in memory."""
        assert self._held is not None
        index = torch.from_numpy(part)
        if not self._channels_last:
            return self._held[index]
        rows = torch.from_numpy(self.empty(len(part)))
        return torch.index_select(self._held, 0, index, out=rows).permute(0, 3, 1, 2)

    def _decode_all(self, progress: Callable[[int, int], None] | None) -> torch.Tensor:
        count = len(self.labels)
        channels, height, width = self._transform.store
        rows: Pixels = np.empty((count, height, width, channels), np.uint8)
        problems: list[str] = []

        def decode(start: int) -> list[str]:
            found = []
            for index in range(start, min(start + AT_ONCE, count)):
                try:
                    self.fill(index, rows[index])
                except ImageError as error:
                    found.append(str(error))
            return found

        starts = range(0, count, AT_ONCE)
        with self._ahead(np.arange(count)):
            for start, found in zip(starts, workers().map(decode, starts), strict=True):
                problems += found
                done = min(start + AT_ONCE, count)
                if progress and (done % 256 == 0 or done == count):
                    progress(done, count)
        if problems:
            raise UserError(unreadable(problems))
        return torch.from_numpy(rows)


class _Batch:
    """A batch that the workers make: its images are decoded by several, and the one who comes last finishes it."""

    def __init__(self, store: Store, number: int, part: NDArray[np.int64], finish: Finish | None) -> None:
        self.unwanted = False
        self._store, self._number, self._part, self._finish = store, number, part, finish
        self._done: Future[torch.Tensor] = Future()
        self._lock = Lock()
        held = store.in_memory
        self._rows = store.empty(0 if held else len(part))
        starts = [0] if held or not len(part) else range(0, len(part), AT_ONCE)
        self._left = len(starts)
        self._error: BaseException | None = None
        for start in starts:
            workers().submit(self._work, start)

    def result(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self._done.result(), self._store.labels[torch.from_numpy(self._part)]

    def _work(self, start: int) -> None:
        try:
            if not self.unwanted and not self._store.in_memory:
                for place in range(start, min(start + AT_ONCE, len(self._part))):
                    self._store.fill(int(self._part[place]), self._rows[place])
        except BaseException as error:
            self._error = self._error or error
        with self._lock:
            self._left -= 1
            if self._left:
                return
        try:
            if self._error or self.unwanted:
                raise self._error or RuntimeError("nobody waits for this batch")
            self._done.set_result(self._made())
        except BaseException as error:
            self._done.set_exception(error)

    def _made(self) -> torch.Tensor:
        held = self._store.in_memory
        images = self._store.taken(self._part) if held else batch_of(self._rows)
        return self._finish(self._number, images) if self._finish else images


def _shards(images: Images) -> NDArray[np.int64] | None:
    remote = images.files.remote if isinstance(images, FileImages) else None
    return np.array([remote.piece(name) for name in images.names], np.int64) if remote else None


def unreadable(problems: list[str]) -> str:
    """One message for images that cannot be decoded."""
    listed = "\n  ".join(problems[:MOST_NAMED])
    more = f"\n  and {len(problems) - MOST_NAMED} more" if len(problems) > MOST_NAMED else ""
    plural = "s cannot" if len(problems) > 1 else " cannot"
    return f"{len(problems)} image{plural} be used; remove or replace:\n  {listed}{more}"


def _writable(pixels: Pixels) -> Pixels:
    return pixels if pixels.flags.writeable else pixels.copy()
