"""Writing while the training goes on: in one thread, one file at a time, and seldom enough to cost little.

Measured in benchmarks/saving.py and docs/reliability.md.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from alexlab.writing import write_file

SHARE = 0.02
"""Of the training's time, what checkpoints may take at most: where one took t seconds, the next comes t / SHARE later or after that."""


class Saver:
    """Writes what it is given in the background, and says when the next checkpoint is due.

    What a checkpoint costs is counted from the moment the training stops for it to the moment its file is on the disk, although
    most of that passes beside the training: on a machine without a free core it does not.
    """

    def __init__(self, every: float) -> None:
        """`every`: seconds between checkpoints, within an epoch."""
        self._every = every
        self._thread = ThreadPoolExecutor(1, "alexlab-saver")
        self._writing: Future[None] | None = None
        self._began = self._last = time.monotonic()
        self._took = 0.0

    def due(self, epoch_ended: bool = False) -> bool:
        """Whether a checkpoint is due now. Raises what the last writing raised."""
        if self._writing and not self._writing.done():
            return False
        self.wait()
        passed = time.monotonic() - self._last
        return passed >= self._took / SHARE and (epoch_ended or passed >= self._every)

    def checkpoint(self, path: Path, content: Callable[[], bytes], then: Callable[[], None]) -> None:
        """Write a checkpoint, and call `then` when it is on the disk. What the last writing raised is raised here."""
        self.wait()
        self._began = time.monotonic()
        data = content()

        def write() -> None:
            write_file(path, data)
            then()
            self._last = time.monotonic()
            self._took = self._last - self._began

        self._writing = self._thread.submit(write)

    def write(self, path: Path, data: bytes) -> None:
        """Write a file that is no checkpoint."""
        self.wait()
        self._writing = self._thread.submit(write_file, path, data)

    def wait(self) -> None:
        """Until nothing is being written. Raises what the writing raised."""
        if self._writing:
            writing, self._writing = self._writing, None
            writing.result()

    def close(self) -> None:
        """Let what is being written end; what it raises is left to whoever waits."""
        self._thread.shutdown(wait=True)
