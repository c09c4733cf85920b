"""Whether a file says what the run says, on real images: each goes through both from its bytes on."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alexlab.data.images import FileImages, Images
from alexlab.data.input.transform import batch_of
from alexlab.errors import UserError
from alexlab.inference.answer import Source
from alexlab.runs.run import Run
from alexlab.speed.device import exact

MOST_IMAGES = 2000
LARGEST_DIFFERENCE = 1e-3  # of a probability
TIE = 1e-4  # two classes whose probabilities differ by less may change places
BATCH = 64

Answer = Callable[[Source, str], NDArray[np.float32]]
"""What the file says of an image: the probability of each class."""


@dataclass(frozen=True)
class Agreement:
    """How far a file and its run agree.

    Attributes:
        on: which images.
        images: how many.
        same: those whose most probable class is the same.
        tied: those whose is not, where the run sees less than TIE between the two.
        largest: the largest difference of a probability.
    """

    on: str
    images: int
    same: int
    tied: int
    largest: float

    @property
    def holds(self) -> bool:
        """Whether the file may be handed over."""
        return self.same + self.tied == self.images and self.largest <= LARGEST_DIFFERENCE

    @property
    def words(self) -> str:
        """Return it in a line."""
        tied = f" ({self.tied} others are ties within {TIE:g})" if self.tied else ""
        return (
            f"{self.images:,} images ({self.on}): the same class for {self.same / self.images:.2%}{tied}, "
            f"probabilities within {self.largest:.1e}"
        )

    def facts(self) -> dict[str, Any]:
        """Return what `export --json` prints of it."""
        return {
            "on": self.on,
            "images": self.images,
            "same": self.same,
            "tied": self.tied,
            "largest_difference": self.largest,
        }


def agreement(
    run: Run, answer: Answer, images: Iterable[tuple[str, Source]], on: str, progress: Callable[[int], None]
) -> Agreement:
    """Hold what `answer` says of `images`, pairs of a name and what is there, against what `run` says.

    Args:
        on: which images these are, for the report.
        progress: called with the images done so far.

    Raises:
        UserError: an image cannot be decoded, or there is none.
    """
    network, ready, each = run.network(), run.transform, iter(images)
    done = same = tied = 0
    largest = 0.0
    while batch := list(islice(each, BATCH)):
        answers_NK = np.stack([answer(source, name) for name, source in batch])
        stored_NHWC = np.stack([ready.stored(source, name) for name, source in batch if not isinstance(source, str)])
        with torch.inference_mode(), exact():
            runs_NK = network(ready(batch_of(stored_NHWC))).float().softmax(dim=1).numpy()
        rows, first_N, second_N = np.arange(len(batch)), runs_NK.argmax(axis=1), answers_NK.argmax(axis=1)
        apart_N = runs_NK[rows, first_N] - runs_NK[rows, second_N]
        done += len(batch)
        same += int((first_N == second_N).sum())
        tied += int(((first_N != second_N) & (apart_N <= TIE)).sum())
        largest = max(largest, float(np.abs(runs_NK - answers_NK).max()))
        progress(done)
    if not done:
        raise UserError(f"{on}: there are no images to hold the export against.")
    return Agreement(on, done, same, tied, largest)


def some_of(images: Images) -> Iterator[tuple[str, Source]]:
    """Return up to MOST_IMAGES of `images`, evenly spaced: of each its name, and the content of its file or its picture."""
    count = min(len(images.names), MOST_IMAGES)
    for place in range(count):
        index = place * len(images.names) // count
        if isinstance(images, FileImages):
            yield images.path(index), images.read(index)
        else:
            yield images.names[index], images.picture(index)
